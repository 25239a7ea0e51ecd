//! The outbox: rows, statements, questions.

use crate::ask::{Ask, Asks};
use crate::field::{self, Kind, Table, field};
use crate::op::Ops;
use crate::value::{Cells, Row, V};
use crate::{Answer, Store, build};
use model::{Build, BuildId, BuilderId, Message, MessageId, MessageStatus, NewMessage, OutboxSum, Page, Query, Time};

const COLUMNS: &str = "id, target, about, person, build_id, title, payload, created_at, attempts, next_try, state, \
                       ended_at, trouble";

const TABLE: Table = Table {
    name: "outbox",
    // What a letter says is for its target alone.
    columns: "id, target, about, person, build_id, title, CAST(NULL AS TEXT), created_at, attempts, next_try, state, \
              ended_at, trouble",
    counted: None,
    fields: &[
        field("messageid", Kind::Int("id")),
        field("target", Kind::Text("target")),
        field("about", Kind::Text("about")),
        field("person", Kind::Text("person")),
        field("buildid", Kind::Int("build_id")),
        field("title", Kind::Text("title")),
        field("created_at", Kind::Time("created_at")),
        field("attempts", Kind::Int("attempts")),
        field("next_try", Kind::MaybeTime("next_try")),
        field("state", Kind::Text("state")),
        field("ended_at", Kind::MaybeTime("ended_at")),
        field("trouble", Kind::MaybeText("trouble")),
    ],
};

/// What the row of a report that is due is about, until it is written.
fn due(build: BuildId) -> V {
    V::text(format!("due {build}"))
}

fn read(row: Row) -> Answer<Message> {
    let mut cells = Cells::new("outbox", row);
    let (id, target, about, person) = (MessageId(cells.int()?), cells.text()?, cells.text()?, cells.text()?);
    let (build, title, payload) = (BuildId(cells.int()?), cells.text()?, cells.maybe_text()?);
    let (created_at, attempts, next_try) = (cells.time()?, cells.small()?, cells.maybe_time()?);
    let word = cells.text()?;
    let status = match (word.as_str(), cells.maybe_time()?) {
        ("due", None) => MessageStatus::Due,
        ("waiting", None) => MessageStatus::Waiting,
        ("sent", Some(at)) => MessageStatus::Sent { at },
        ("given up", Some(at)) => MessageStatus::GivenUp { at },
        _ => return Err(cells.corrupt("is no state of a message")),
    };
    let trouble = cells.maybe_text()?;
    Ok(Message { id, target, about, person, build, title, payload, created_at, attempts, next_try, status, trouble })
}

fn read_sum(row: Row) -> Answer<OutboxSum> {
    let mut cells = Cells::new("outbox", row);
    Ok(OutboxSum {
        target: cells.text()?,
        open: cells.small()?,
        oldest: cells.maybe_time()?,
        given_up: cells.small()?,
        trouble: cells.maybe_text()?,
    })
}

impl Ops {
    pub(crate) fn owe_report(&mut self, target: String, build: BuildId, at: Time) {
        self.push(
            "INSERT INTO outbox (target, about, person, build_id, title, payload, created_at, attempts, next_try, \
             state, ended_at, trouble) VALUES ($1, $2, '', $3, '', NULL, $4, 0, NULL, 'due', NULL, NULL) \
             ON CONFLICT DO NOTHING",
            vec![V::text(target), due(build), build.0.into(), at.into()],
        );
    }

    pub(crate) fn write_report(&mut self, id: MessageId, at: Time, messages: Vec<NewMessage>) {
        for NewMessage { about, person, title, payload } in messages {
            let (payload, refused) = match payload {
                Ok(payload) => (V::text(payload), None),
                Err(why) => (V::Null, Some(why)),
            };
            let state = if refused.is_some() { "given up" } else { "waiting" };
            let ended = refused.is_some().then_some(at);
            // With the row that is due: where that is gone, nothing is written.
            self.push(
                "INSERT INTO outbox (target, about, person, build_id, title, payload, created_at, attempts, next_try, \
                 state, ended_at, trouble) SELECT target, CAST($1 AS TEXT), CAST($2 AS TEXT), build_id, \
                 CAST($3 AS TEXT), CAST($4 AS TEXT), created_at, 0, NULL, CAST($5 AS TEXT), CAST($6 AS BIGINT), \
                 CAST($7 AS TEXT) FROM outbox WHERE id = $8 AND state = 'due' ON CONFLICT DO NOTHING",
                vec![
                    V::text(about),
                    V::text(person),
                    V::text(title),
                    payload,
                    V::text(state),
                    ended.into(),
                    V::maybe_text(refused),
                    id.0.into(),
                ],
            );
        }
        self.guarded(
            "DELETE FROM outbox WHERE id = $1 AND state = 'due'",
            vec![id.0.into()],
            ("message", id.0, "is not due"),
        );
    }

    pub(crate) fn try_message(&mut self, id: MessageId, next_try: Time, trouble: String) {
        self.guarded(
            "UPDATE outbox SET attempts = attempts + 1, next_try = $1, trouble = $2 WHERE id = $3 AND state = 'waiting'",
            vec![next_try.into(), V::text(trouble), id.0.into()],
            ("message", id.0, "does not wait"),
        );
    }

    pub(crate) fn end_message(&mut self, id: MessageId, at: Time, given_up: Option<String>) {
        let state = if given_up.is_some() { "given up" } else { "sent" };
        self.guarded(
            "UPDATE outbox SET state = $1, ended_at = $2, trouble = $3, payload = NULL, next_try = NULL \
             WHERE id = $4 AND ended_at IS NULL",
            vec![V::text(state), at.into(), V::maybe_text(given_up), id.0.into()],
            ("message", id.0, "has ended already"),
        );
    }

    pub(crate) fn forget_messages(&mut self, before: Time) {
        self.push("DELETE FROM outbox WHERE ended_at < $1", vec![before.into()]);
    }
}

impl Store {
    /// Messages of the outbox, without what they say.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn outbox(&self, query: &Query) -> Answer<Page<Message>> {
        self.page(field::page(&TABLE, query)?, read).await
    }

    /// The first messages of a target that are due or wait, with what they say, in the order in which they go.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn outbox_first(&self, target: &str, status: MessageStatus, limit: u64) -> Answer<Vec<Message>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outbox WHERE target = $1 AND state = $2 AND ended_at IS NULL ORDER BY id LIMIT $3"
        );
        let asked = vec![V::text(target), V::text(status.word()), V::size(limit)];
        self.all(Asks::one(Ask::built(sql, asked)), read).await
    }

    /// The messages of each target in sum, by the target's name.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn outbox_sums(&self) -> Answer<Vec<OutboxSum>> {
        let sql = "SELECT t.target, t.open, t.oldest, t.given_up, (SELECT o.trouble FROM outbox o \
                   WHERE o.target = t.target AND o.state = 'waiting' AND o.ended_at IS NULL ORDER BY o.id LIMIT 1) \
                   FROM (SELECT target, SUM(CASE WHEN ended_at IS NULL THEN 1 ELSE 0 END) AS open, \
                   MIN(CASE WHEN ended_at IS NULL THEN created_at ELSE NULL END) AS oldest, \
                   SUM(CASE WHEN state = 'given up' THEN 1 ELSE 0 END) AS given_up FROM ( \
                   SELECT target, ended_at, created_at, state FROM outbox WHERE ended_at IS NULL UNION ALL \
                   SELECT target, ended_at, created_at, state FROM outbox WHERE state = 'given up') a \
                   GROUP BY target) t ORDER BY t.target {bytewise}";
        self.all(Asks::one(Ask::new(sql, Vec::new())), read_sum).await
    }

    /// The newest builds of a builder before this number that say something about the code: SUCCESS, WARNINGS or
    /// FAILURE, the newest first.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn verdicts_before(&self, builder: BuilderId, number: i64, limit: u64) -> Answer<Vec<Build>> {
        let sql = format!(
            "SELECT {} FROM builds WHERE builder_id = $1 AND number < $2 AND results IN (0, 1, 2) \
             ORDER BY number DESC LIMIT $3",
            build::COLUMNS
        );
        self.builds_by(Ask::built(sql, vec![builder.0.into(), number.into(), V::size(limit)])).await
    }
}
