//! What the tests of a step are beside those of the build before.

use crate::order::TestsOf;
use formats::Roll;
use model::{BuildId, TestRoll, TestTotals};
use store::Store;

/// Holds the tests against those of the last build of the branch, and hands on what the next build's are held against.
/// Without what was before, or when it cannot be read, nothing is told.
pub(crate) async fn compare(store: &Store, build: BuildId, of: &TestsOf, tests: &mut TestTotals, roll: Roll) {
    if roll.is_empty() {
        return;
    }
    let before = match store.tests_before(of.builder, &of.branch, &of.step, of.number).await {
        Ok(before) => before.and_then(|(number, bytes)| Some((number, Roll::from_bytes(&bytes)?))),
        Err(e) => {
            tracing::warn!("what the tests of build {build} were before cannot be read: {e}");
            return;
        }
    };
    tests.change = before.as_ref().map(|(number, before)| Box::new(roll.change(before, *number)));
    if of.patched {
        return;
    }
    let number = before.as_ref().map(|(number, _)| *number);
    let stands = match before {
        Some((_, before)) => roll.upon(&before),
        None => roll,
    };
    tests.roll = Some(Box::new(TestRoll {
        builder: of.builder,
        build,
        number: of.number,
        step: of.step.clone(),
        before: number,
        branch: of.branch.clone(),
        bytes: stands.to_bytes().into(),
    }));
}
