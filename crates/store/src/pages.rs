//! Answers that are no noun of `model`: what pages ask for.

use model::{Build, BuildId, BuilderId, LogFacts, Step, Time};

/// A builder whose newest build that says anything about the code or the machine is bad.
///
/// Bad is FAILURE or EXCEPTION, good is SUCCESS or WARNINGS; the others say nothing and are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub builder: BuilderId,
    /// The first bad build since the last good one.
    pub since: Build,
    /// The newest good build, if there ever was one.
    pub last_good: Option<Build>,
}

/// Where a log belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPlace {
    /// The log itself.
    pub log: LogFacts,
    /// Its step.
    pub step: Step,
    /// Its build.
    pub build: BuildId,
}

/// What a late or stray answer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The build that it spoke for.
    pub build: BuildId,
    /// The epoch that it named.
    pub epoch: i64,
    /// When it came.
    pub at: Time,
    /// What it said, in words.
    pub what: String,
}
