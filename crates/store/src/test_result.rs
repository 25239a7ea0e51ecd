//! Rolls of tests: what the next build of a branch is held against.

use crate::ask::{Ask, Asks};
use crate::op::Ops;
use crate::value::{Cells, V};
use crate::{Answer, Store};
use model::{BuilderId, TestRoll};

/// A branch that a builder has not built for so many builds is forgotten.
const REMEMBERED: i64 = 1000;

impl Ops {
    /// Remembers what the tests of a step were. What is older than what they were held against is needed no more.
    pub(crate) fn remember_tests(&mut self, roll: &TestRoll) {
        let (builder, branch, step) = (roll.builder.0, V::text(roll.branch.as_str()), V::text(roll.step.as_str()));
        self.push(
            "INSERT INTO test_rolls (builder_id, branch, step, number, build_id, tests) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            vec![
                builder.into(),
                branch.clone(),
                step.clone(),
                roll.number.into(),
                roll.build.0.into(),
                V::B(roll.bytes.to_vec()),
            ],
        );
        if let Some(before) = roll.before {
            self.push(
                "DELETE FROM test_rolls WHERE builder_id = $1 AND branch = $2 AND step = $3 AND number < $4",
                vec![builder.into(), branch, step, before.into()],
            );
        }
        self.push(
            "DELETE FROM test_rolls WHERE builder_id = $1 AND number < $2",
            vec![builder.into(), (roll.number - REMEMBERED).into()],
        );
    }
}

impl Store {
    /// What the tests of the step of this name were in the last build of the builder and branch before the one of this
    /// number that finished with SUCCESS, WARNINGS or FAILURE: that build's number, and the roll as it was written.
    /// A build that was deleted since is still known.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn tests_before(
        &self,
        builder: BuilderId,
        branch: &str,
        step: &str,
        number: i64,
    ) -> Answer<Option<(i64, Vec<u8>)>> {
        let ask = Ask::new(
            "SELECT test_rolls.number, test_rolls.tests FROM test_rolls \
             LEFT JOIN builds ON builds.id = test_rolls.build_id \
             WHERE test_rolls.builder_id = $1 AND test_rolls.branch = $2 AND test_rolls.step = $3 \
             AND test_rolls.number < $4 AND (builds.id IS NULL OR builds.results <= 2) \
             ORDER BY test_rolls.number DESC LIMIT 1",
            vec![builder.0.into(), V::text(branch), V::text(step), number.into()],
        );
        self.first(Asks::one(ask), |row| {
            let mut cells = Cells::new("test_rolls", row);
            Ok((cells.int()?, cells.maybe_bytes()?.unwrap_or_default()))
        })
        .await
    }
}
