//! Failures that are known: who answers for them, until when, and what must still be true.

use super::LogRules;
use crate::Time;
use serde::{Deserialize, Serialize};

/// A failure that somebody answers for. It becomes `WAIVED` each time anew, if all its checks hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// Of what: a test pattern such as `compile/arm%`.
    pub tests: String,
    /// The statuses that it excuses. A failure of another kind is none that anybody answered for.
    pub statuses: Vec<String>,
    /// Who.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// From then on it does not hold any more.
    pub expires: Time,
    /// What must be true of the new failure; those of the test ([`super::TestSpec::waiver_checks`]) where there are
    /// none. A waiver without a check is refused.
    pub checks: Vec<Check>,
}

/// What shows that a failure is still the one that was waived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// It ended at this step, with a comment that holds this text (an empty one is in every comment).
    Failure {
        /// The step.
        step: String,
        /// The text.
        comment: String,
    },
    /// The files of this glob below the test's directory are what they were in the run that was waived.
    SameFiles {
        /// The glob.
        glob: String,
    },
    /// The differences of these files between both runs, put through rules, are not worse than `WARN`.
    Rules {
        /// The glob.
        glob: String,
        /// The rules.
        rules: LogRules,
    },
}

/// Tests that still run while their failures do not make a run red.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Which: a test pattern.
    pub tests: String,
    /// Who.
    pub owner: String,
    /// Why, best with an issue.
    pub reason: String,
    /// From then on they count again.
    pub expires: Time,
}
