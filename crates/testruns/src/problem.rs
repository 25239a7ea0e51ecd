//! What is wrong with an area, or with what was asked of it.

use crate::item::ItemError;
use crate::map::MapError;
use crate::status::UnknownStatus;

/// Something that has to be mended before anything runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing is selected.
    #[error("no test is like '{patterns}'{}", .tags.as_ref().map(|t| format!(" and has a tag like '{t}'")).unwrap_or_default())]
    NothingSelected {
        /// What was asked for.
        patterns: String,
        /// Of tests with these tags only.
        tags: Option<String>,
    },
    /// A name that cannot be one.
    #[error("'{test}' cannot be the name of a test: {why}")]
    Name {
        /// It.
        test: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two tests of one name.
    #[error("there are two tests '{test}'")]
    Twice {
        /// The name.
        test: String,
    },
    /// Two steps of one name, or one without.
    #[error("'{test}' has a step '{step}' that cannot be told from another")]
    Step {
        /// The test.
        test: String,
        /// The step.
        step: String,
    },
    /// Waits for what there is not.
    #[error("'{test}' waits for '{needs}', and there is no such test")]
    NoSuchNeed {
        /// The test.
        test: String,
        /// What it waits for.
        needs: String,
    },
    /// Tests that wait for each other.
    #[error("these wait for each other, so none of them can run: {}", path.join(" → "))]
    Circle {
        /// Once round: the first is the last.
        path: Vec<String>,
    },
    /// Items that cannot be.
    #[error(transparent)]
    Items(#[from] ItemError),
    /// An item map that cannot be read.
    #[error("the item map of '{test}' for '{needs}' cannot be used")]
    Map {
        /// The test.
        test: String,
        /// What it waits for.
        needs: String,
        /// Why.
        #[source]
        error: MapError,
    },
    /// A fixture that there is not.
    #[error("'{test}' needs the fixture '{fixture}', and there is no such fixture")]
    NoSuchFixture {
        /// The test.
        test: String,
        /// The fixture.
        fixture: String,
    },
    /// A fixture made by a test that there is not.
    #[error("the fixture '{fixture}' names the test '{test}', and there is no such test")]
    NoSuchFixtureTest {
        /// The fixture.
        fixture: String,
        /// The test.
        test: String,
    },
    /// It could never run.
    #[error("'{test}' takes {wants} of '{resource}', and there are {has}")]
    TooMuch {
        /// The test.
        test: String,
        /// The resource.
        resource: String,
        /// So much it takes.
        wants: u64,
        /// So much there is.
        has: u64,
    },
    /// It could never run.
    #[error("'{test}' is in the job group '{group}', which allows none at a time")]
    ClosedGroup {
        /// The test.
        test: String,
        /// The group.
        group: String,
    },
    /// A run in which nothing may run.
    #[error("a limit of 0 at a time lets nothing run")]
    NoRoom,
    /// A waiver that nothing could refute.
    #[error("the waiver of {owner} for '{tests}' has no check that shows that a failure is still the same one")]
    Unproven {
        /// Whose.
        owner: String,
        /// For what.
        tests: String,
    },
    /// A waiver of a status that there is not.
    #[error("the waiver of {owner} for '{tests}' cannot be read")]
    WaivedStatus {
        /// Whose.
        owner: String,
        /// For what.
        tests: String,
        /// Why.
        #[source]
        error: UnknownStatus,
    },
    /// A target that does not fit the fields.
    #[error("'{target}' is no target: {why}")]
    Target {
        /// What was asked for.
        target: String,
        /// What is wrong with it.
        why: String,
    },
}
