//! A clock that was set: what is open moves along.

use crate::op::Ops;
use crate::value::V;
use model::Span;

/// In an order in which no statement changes what the next one looks for.
const MOVES: [&str; 5] = [
    "UPDATE steps SET started_at = started_at + $1, complete_at = complete_at + $1 \
     WHERE build_id IN (SELECT id FROM builds WHERE complete_at IS NULL)",
    "UPDATE builds SET started_at = started_at + $1, lease_until = lease_until + $1 WHERE complete_at IS NULL",
    "UPDATE requests SET submitted_at = submitted_at + $1, claimed_at = claimed_at + $1 WHERE complete_at IS NULL",
    "UPDATE sets SET submitted_at = submitted_at + $1 WHERE complete_at IS NULL",
    "UPDATE outbox SET created_at = created_at + $1, next_try = next_try + $1 WHERE ended_at IS NULL",
];

impl Ops {
    pub(crate) fn set_clock(&mut self, by: Span) {
        for sql in MOVES {
            self.push(sql, vec![V::I(by.0)]);
        }
    }
}
