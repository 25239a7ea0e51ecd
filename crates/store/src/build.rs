//! Builds: rows, statements, questions.

use crate::ask::{Ask, Asks, Rows, ids};
use crate::change::hex;
use crate::field::{self, COMPLETE, Kind, MASTER, Table, field};
use crate::op::{Counted, Op, Ops};
use crate::value::{Cells, Row, V};
use crate::{Answer, Refusal, Store, request};
use model::{
    Build, BuildId, BuildStatus, BuilderId, ChangeId, Lease, Page, Properties, Property, Query, Request, RequestId,
    Results, StepSpec, Time, WorkerId,
};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

pub(crate) const COLUMNS: &str = "builds.id, builds.number, builds.builder_id, builds.request_id, \
     builds.worker_id, builds.epoch, builds.lease_until, builds.started_at, builds.complete_at, builds.results, \
     builds.state, builds.properties";

const FIELDS: &[field::Field] = &[
    field("buildid", Kind::Int("id")),
    field("number", Kind::Int("number")),
    field("builderid", Kind::Int("builder_id")),
    field("buildrequestid", Kind::Int("request_id")),
    field("workerid", Kind::Int("worker_id")),
    field("masterid", MASTER),
    field("started_at", Kind::Time("started_at")),
    field("complete", COMPLETE),
    field("complete_at", Kind::MaybeTime("complete_at")),
    field("locks_duration_s", Kind::Int("CAST(0 AS BIGINT)")),
    field("results", Kind::MaybeInt("results")),
    field("state_string", Kind::Text("state")),
];

const TABLE: Table = Table { name: "builds", columns: COLUMNS, counted: Some(Counted::Builds), fields: FIELDS };

/// As `TABLE`, with nothing in the place of the properties.
const BARE: Table = Table {
    columns: "id, number, builder_id, request_id, worker_id, epoch, lease_until, started_at, complete_at, results, \
              state, CAST(NULL AS TEXT)",
    ..TABLE
};

/// The rows and the number of builds.
pub(crate) fn page(query: &Query) -> Answer<[Ask; 2]> {
    field::page(&TABLE, query)
}

/// Properties that builds got after their start, by build.
pub(crate) type Late = HashMap<i64, Vec<(String, Property)>>;

/// The properties that builds which were asked for first got after their start.
pub(crate) fn late_of(builds: &Rows) -> Ask {
    Ask::new(
        "SELECT build_id, name, value, source FROM build_properties \
         WHERE build_id IN (SELECT CAST(value AS BIGINT) FROM {each:$1})",
        vec![ids(builds)],
    )
}

pub(crate) fn read_late(rows: Rows) -> Answer<Late> {
    let mut late = Late::new();
    for row in rows {
        let mut cells = Cells::new("build_properties", row);
        let (build, name) = (cells.int()?, cells.text()?);
        let property = Property { value: cells.json()?, source: cells.text()? };
        late.entry(build).or_default().push((name, property));
    }
    Ok(late)
}

pub(crate) fn read(row: Row, late: &mut Late) -> Answer<Build> {
    let mut cells = Cells::new("builds", row);
    let id = cells.int()?;
    Ok(Build {
        id: BuildId(id),
        number: cells.int()?,
        builder: BuilderId(cells.int()?),
        request: RequestId(cells.int()?),
        worker: WorkerId(cells.int()?),
        lease: Lease { epoch: cells.int()?, until: cells.maybe_time()? },
        started_at: cells.time()?,
        status: match cells.end()? {
            None => BuildStatus::Running,
            Some((at, results)) => BuildStatus::Complete { at, results },
        },
        state: cells.text()?,
        properties: {
            let mut properties: Properties = cells.maybe_json()?.unwrap_or_default();
            properties.extend(late.remove(&id).unwrap_or_default());
            properties
        },
    })
}

pub(crate) fn read_all(builds: Rows, late: Rows) -> Answer<Vec<Build>> {
    let mut late = read_late(late)?;
    builds.into_iter().map(|row| read(row, &mut late)).collect()
}

/// Builds of the requests that a question names by their `id`s, and those that were given them besides.
fn answering(requests: &str) -> String {
    format!(
        "SELECT {COLUMNS} FROM builds WHERE id IN ( \
         SELECT builds.id FROM {requests} asked JOIN builds ON builds.request_id = asked.id UNION \
         SELECT builds.id FROM {requests} asked JOIN requests ON requests.id = asked.id \
         JOIN builds ON builds.id = requests.build_id) ORDER BY id"
    )
}

/// Builds that a change led to.
pub(crate) fn of_change(change: ChangeId) -> Ask {
    let requests = "(SELECT requests.id FROM stamp_changes JOIN stamps ON stamps.id = stamp_changes.stamp_id \
                    JOIN requests ON requests.set_id = stamps.set_id WHERE stamp_changes.change_id = $1)";
    Ask::built(answering(requests), vec![change.0.into()])
}

/// Builds that a request led to.
pub(crate) fn of_request(request: RequestId) -> Ask {
    Ask::built(answering("(SELECT id FROM requests WHERE id = $1)"), vec![request.0.into()])
}

/// Builds that steps of a build asked for.
pub(crate) fn triggered_by(parent: BuildId) -> Ask {
    let requests = "(SELECT requests.id FROM sets JOIN requests ON requests.set_id = sets.id \
                    WHERE sets.parent_build = $1)";
    Ask::built(answering(requests), vec![parent.0.into()])
}

/// Requests of a build.
pub(crate) fn requests_of(build: BuildId) -> Ask {
    let sql = format!(
        "SELECT {} FROM requests WHERE id IN (SELECT request_id FROM builds WHERE id = $1 UNION \
         SELECT id FROM requests WHERE build_id = $1) ORDER BY id",
        request::COLUMNS
    );
    Ask::built(sql, vec![build.0.into()])
}

/// The plan of a lease as it is stored: its hash and its text.
fn plan_text(plan: &[StepSpec]) -> (String, V) {
    let text = V::json(plan);
    let hash = match &text {
        V::T(text) => hex(&Sha256::digest(text.as_bytes())),
        _ => String::new(),
    };
    (hash, text)
}

/// The statement that writes a plan. Its hash is its first parameter.
pub(crate) const KEEP_PLAN: &str = "INSERT INTO plans (hash, steps) VALUES ($1, $2) ON CONFLICT DO NOTHING";

/// The hash, if the statement writes a plan.
pub(crate) fn plan_hash(op: &Op) -> Option<&str> {
    match op.params.first() {
        Some(V::T(hash)) if op.sql == KEEP_PLAN => Some(hash),
        _ => None,
    }
}

impl Ops {
    pub(crate) fn lease_build(&mut self, build: Build, also: &[RequestId], plan: &[StepSpec]) {
        let id = build.id.0;
        let (hash, text) = plan_text(plan);
        let properties = self.properties(&build.properties);
        self.push(KEEP_PLAN, vec![V::T(hash.clone()), text]);
        self.claim_request(build.request, build.started_at, build.id);
        for request in also {
            self.claim_request(*request, build.started_at, build.id);
        }
        self.guarded(
            "INSERT INTO builds (id, number, builder_id, request_id, worker_id, epoch, lease_until, started_at, \
             complete_at, results, state, plan, properties) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
            vec![
                id.into(),
                build.number.into(),
                build.builder.0.into(),
                build.request.0.into(),
                build.worker.0.into(),
                build.lease.epoch.into(),
                build.lease.until.into(),
                build.started_at.into(),
                build.status.complete_at().into(),
                build.status.results().into(),
                V::text(build.state),
                V::T(hash),
                properties,
            ],
            ("build", id, "exists already, or its builder has one of its number"),
        );
        self.count(Counted::Builds);
        self.guarded(
            "UPDATE builders SET next_number = CASE WHEN next_number > $1 THEN next_number ELSE $1 + 1 END \
             WHERE id = $2",
            vec![build.number.into(), build.builder.0.into()],
            ("builder", build.builder.0, "is not known"),
        );
    }

    pub(crate) fn plan_build(&mut self, build: BuildId, epoch: i64, plan: &[StepSpec]) {
        let (hash, text) = plan_text(plan);
        self.push(KEEP_PLAN, vec![V::T(hash.clone()), text]);
        self.guarded(
            "UPDATE builds SET plan = $1 WHERE id = $2 AND epoch = $3 AND complete_at IS NULL",
            vec![V::T(hash), build.0.into(), epoch.into()],
            ("build", build.0, "does not run under this lease"),
        );
    }

    pub(crate) fn date_lease(&mut self, build: BuildId, epoch: i64, until: Option<Time>) {
        self.guarded(
            "UPDATE builds SET lease_until = $1 WHERE id = $2 AND epoch = $3 AND complete_at IS NULL",
            vec![until.into(), build.0.into(), epoch.into()],
            ("build", build.0, "does not run under this lease"),
        );
    }

    pub(crate) fn ask_stop(&mut self, build: BuildId, reason: String) {
        self.guarded(
            "UPDATE builds SET stopping = $1 WHERE id = $2 AND complete_at IS NULL",
            vec![V::text(reason), build.0.into()],
            ("build", build.0, "does not run"),
        );
    }

    pub(crate) fn tell_build(&mut self, build: BuildId, state: String) {
        self.guarded(
            "UPDATE builds SET state = $1 WHERE id = $2",
            vec![V::text(state), build.0.into()],
            ("build", build.0, "is not known"),
        );
    }

    pub(crate) fn set_property(&mut self, build: BuildId, name: String, property: Property) {
        let value = self.property(&name, &property.value);
        self.guarded(
            "INSERT INTO build_properties (build_id, name, value, source) \
             SELECT id, CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT) FROM builds WHERE id = $4 \
             ON CONFLICT (build_id, name) DO UPDATE SET value = excluded.value, source = excluded.source",
            vec![V::text(name), value, V::text(property.source), build.0.into()],
            ("build", build.0, "is not known"),
        );
    }

    pub(crate) fn finish_build(&mut self, build: BuildId, epoch: i64, end: (Time, Results), state: String) {
        self.guarded(
            "UPDATE builds SET epoch = $1, lease_until = NULL, complete_at = $2, results = $3, state = $4 \
             WHERE id = $5 AND complete_at IS NULL",
            vec![epoch.into(), end.0.into(), end.1.into(), V::text(state), build.0.into()],
            ("build", build.0, "does not run"),
        );
    }

    pub(crate) fn refuse(&mut self, build: BuildId, epoch: i64, at: Time, what: String) {
        self.push(
            "INSERT INTO refusals (build_id, epoch, at, what) VALUES ($1, $2, $3, $4)",
            vec![build.0.into(), epoch.into(), at.into(), V::text(what)],
        );
    }
}

impl Store {
    /// Builds.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn builds(&self, query: &Query) -> Answer<Page<Build>> {
        let [rows, total] = page(query)?;
        let asks = Asks::of(vec![rows, total]).then(|got| Ok(vec![late_of(&got[0])]));
        let [rows, total, late] = self.answers(asks).await?;
        Ok(Page { rows: read_all(rows, late)?, total: crate::total(total)? })
    }

    /// Builds without their properties, for lists that show none: half the work.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn builds_bare(&self, query: &Query) -> Answer<Page<Build>> {
        self.page(field::page(&BARE, query)?, |row| read(row, &mut Late::new())).await
    }

    /// One build.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn build(&self, id: BuildId) -> Answer<Option<Build>> {
        let sql = format!("SELECT {COLUMNS} FROM builds WHERE id = $1");
        Ok(self.builds_by(Ask::built(sql, vec![id.0.into()])).await?.pop())
    }

    /// A builder's build by its number.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn build_by_number(&self, builder: BuilderId, number: i64) -> Answer<Option<Build>> {
        let sql = format!("SELECT {COLUMNS} FROM builds WHERE builder_id = $1 AND number = $2");
        Ok(self.builds_by(Ask::built(sql, vec![builder.0.into(), number.into()])).await?.pop())
    }

    /// Builds of the source stamps that a change led to, and builds that answered a request for one of them together
    /// with a newer one, oldest first.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn builds_of_change(&self, change: ChangeId) -> Answer<Vec<Build>> {
        self.builds_by(of_change(change)).await
    }

    /// Builds of a request, those included that answered it together with a newer one, oldest first.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn builds_of_request(&self, request: RequestId) -> Answer<Vec<Build>> {
        self.builds_by(of_request(request)).await
    }

    /// Builds that steps of a build asked for, by id.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn builds_triggered_by(&self, parent: BuildId) -> Answer<Vec<Build>> {
        self.builds_by(triggered_by(parent)).await
    }

    /// The requests that a build answers or answered: its own, and the older ones that came along, by id.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn requests_of_build(&self, build: BuildId) -> Answer<Vec<Request>> {
        self.all(Asks::one(requests_of(build)), request::read).await
    }

    /// What a build was started to do; empty when there is no such build.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn plan_of_build(&self, build: BuildId) -> Answer<Vec<StepSpec>> {
        let sql = "SELECT plans.steps FROM builds JOIN plans ON plans.hash = builds.plan WHERE builds.id = $1";
        let asks = Asks::one(Ask::new(sql, vec![build.0.into()]));
        let plan = self.first(asks, |row| Cells::new("plans", row).json()).await?;
        Ok(plan.unwrap_or_default())
    }

    /// Late and stray answers for a build that were refused, oldest first.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn refusals_of_build(&self, build: BuildId) -> Answer<Vec<Refusal>> {
        let sql = "SELECT build_id, epoch, at, what FROM refusals WHERE build_id = $1 ORDER BY id";
        let asks = Asks::one(Ask::new(sql, vec![build.0.into()]));
        self.all(asks, |row| {
            let mut cells = Cells::new("refusals", row);
            Ok(Refusal { build: BuildId(cells.int()?), epoch: cells.int()?, at: cells.time()?, what: cells.text()? })
        })
        .await
    }

    /// The builds of one question, with their properties.
    pub(crate) async fn builds_by(&self, ask: Ask) -> Answer<Vec<Build>> {
        let [rows, late] = self.answers(Asks::one(ask).then(|got| Ok(vec![late_of(&got[0])]))).await?;
        read_all(rows, late)
    }
}
