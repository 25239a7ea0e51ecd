//! Build requests: rows, statements, questions.

use crate::ask::{Ask, Asks};
use crate::field::{self, COMPLETE, Kind, Table, field};
use crate::op::{Counted, Ops};
use crate::value::{Cells, Row, V};
use crate::{Answer, Store};
use model::{BuildId, BuildSetId, BuilderId, Page, Query, Request, RequestId, RequestStatus, Results, Time};

pub(crate) const COLUMNS: &str = "requests.id, requests.set_id, requests.builder_id, requests.priority, \
     requests.submitted_at, requests.waited_for, requests.retries, requests.build_id, requests.claimed_at, \
     requests.complete_at, requests.results, requests.cancel";

const TABLE: Table = Table {
    name: "requests",
    columns: COLUMNS,
    counted: Some(Counted::Requests),
    fields: &[
        field("buildrequestid", Kind::Int("id")),
        field("buildsetid", Kind::Int("set_id")),
        field("builderid", Kind::Int("builder_id")),
        field("priority", Kind::Int("priority")),
        field("claimed", Kind::Flag("claimed_at IS NOT NULL", "claimed_at IS NULL")),
        field("claimed_at", Kind::MaybeTime("claimed_at")),
        field("claimed_by_masterid", Kind::MaybeInt("CASE WHEN claimed_at IS NOT NULL THEN CAST(1 AS BIGINT) END")),
        field("complete", COMPLETE),
        field("complete_at", Kind::MaybeTime("complete_at")),
        field("results", Kind::Int("COALESCE(results, -1)")),
        field("submitted_at", Kind::Time("submitted_at")),
        field("waited_for", Kind::Flag("waited_for = 1", "waited_for = 0")),
    ],
};

pub(crate) fn read(row: Row) -> Answer<Request> {
    let mut cells = Cells::new("requests", row);
    Ok(Request {
        id: RequestId(cells.int()?),
        set: BuildSetId(cells.int()?),
        builder: BuilderId(cells.int()?),
        priority: cells.int()?,
        submitted_at: cells.time()?,
        waited_for: cells.flag()?,
        retries: cells.small()?,
        status: status(&mut cells)?,
        cancel: cells.maybe_text()?,
    })
}

fn status(cells: &mut Cells) -> Answer<RequestStatus> {
    let (build, claimed_at) = (cells.maybe_int()?, cells.maybe_time()?);
    Ok(match (cells.end()?, build) {
        (Some((at, results)), _) => RequestStatus::Complete { at, results },
        (None, None) => RequestStatus::Waiting,
        (None, Some(build)) => RequestStatus::Claimed {
            at: claimed_at.ok_or_else(|| cells.corrupt("belongs to a claim without a time"))?,
            build: BuildId(build),
        },
    })
}

impl Ops {
    pub(crate) fn file_request(&mut self, request: Request) {
        let id = request.id.0;
        let (build, claimed_at) = match request.status {
            RequestStatus::Claimed { at, build } => (Some(build.0), Some(at)),
            _ => (None, None),
        };
        self.guarded(
            "INSERT INTO requests (id, set_id, builder_id, priority, submitted_at, waited_for, retries, build_id, \
             claimed_at, complete_at, results, cancel) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             ON CONFLICT DO NOTHING",
            vec![
                id.into(),
                request.set.0.into(),
                request.builder.0.into(),
                request.priority.into(),
                request.submitted_at.into(),
                request.waited_for.into(),
                i64::from(request.retries).into(),
                build.into(),
                claimed_at.into(),
                request.status.complete_at().into(),
                request.status.results().into(),
                V::maybe_text(request.cancel),
            ],
            ("request", id, "exists already"),
        );
        self.count(Counted::Requests);
    }

    /// The request's part of a lease.
    pub(crate) fn claim_request(&mut self, request: RequestId, at: Time, build: BuildId) {
        self.guarded(
            "UPDATE requests SET build_id = $1, claimed_at = $2 \
             WHERE id = $3 AND build_id IS NULL AND complete_at IS NULL",
            vec![build.0.into(), at.into(), request.0.into()],
            ("request", request.0, "does not wait"),
        );
    }

    pub(crate) fn ask_cancel(&mut self, request: RequestId, reason: String) {
        self.guarded(
            "UPDATE requests SET cancel = $1 WHERE id = $2 AND complete_at IS NULL",
            vec![V::text(reason), request.0.into()],
            ("request", request.0, "is not open"),
        );
    }

    pub(crate) fn release_request(&mut self, request: RequestId, retries: u32) {
        self.guarded(
            "UPDATE requests SET build_id = NULL, claimed_at = NULL, retries = $1 \
             WHERE id = $2 AND build_id IS NOT NULL AND complete_at IS NULL",
            vec![i64::from(retries).into(), request.0.into()],
            ("request", request.0, "is not claimed"),
        );
    }

    pub(crate) fn finish_request(&mut self, request: RequestId, at: Time, results: Results) {
        self.guarded(
            "UPDATE requests SET complete_at = $1, results = $2 WHERE id = $3 AND complete_at IS NULL",
            vec![at.into(), results.into(), request.0.into()],
            ("request", request.0, "is not open"),
        );
    }
}

impl Store {
    /// Build requests.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn requests(&self, query: &Query) -> Answer<Page<Request>> {
        self.page(field::page(&TABLE, query)?, read).await
    }

    /// One request.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn request(&self, id: RequestId) -> Answer<Option<Request>> {
        let ask = Ask::built(format!("SELECT {COLUMNS} FROM requests WHERE id = $1"), vec![id.0.into()]);
        self.first(Asks::one(ask), read).await
    }
}
