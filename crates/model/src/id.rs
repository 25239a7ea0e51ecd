//! Ids: one type per noun, so that a build's number cannot be taken for a step's.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl $name {
            /// This id, and the counter moved on to the next one.
            pub fn take(next: &mut i64) -> Self {
                let id = *next;
                *next += 1;
                Self(id)
            }
        }
    )+};
}

ids! {
    /// A [`crate::Change`].
    ChangeId,
    /// A [`crate::SourceStamp`].
    SourceStampId,
    /// A [`crate::BuildSet`]; `bsid` in the REST interface.
    BuildSetId,
    /// A [`crate::Request`]; `buildrequestid` in the REST interface.
    RequestId,
    /// A [`crate::Builder`]. It keeps its id while its name is known, configured or not.
    BuilderId,
    /// A [`crate::Build`], unique over all builders. People mostly see its number within its builder.
    BuildId,
    /// A [`crate::Step`].
    StepId,
    /// A [`crate::LogFacts`].
    LogId,
    /// A [`crate::Worker`].
    WorkerId,
    /// A [`crate::Scheduler`].
    SchedulerId,
    /// A [`crate::Message`] of the outbox.
    MessageId,
    /// A [`crate::TestRun`].
    TestRunId,
}
