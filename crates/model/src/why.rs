//! Why a request waits: the one true reason.

use crate::{BuildId, LockWait, Time};
use serde::{Deserialize, Serialize};

/// Why a build request has not begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// A worker is free and it is next: the coming look takes it.
    Next,
    /// Its builder is not configured any more.
    BuilderGone,
    /// None of its workers is connected.
    WorkersAway {
        /// Their names.
        workers: Vec<String>,
    },
    /// All its workers that are connected have been paused.
    WorkersPaused {
        /// Their names.
        workers: Vec<String>,
    },
    /// All its workers that are connected are busy.
    WorkersBusy {
        /// Their names.
        workers: Vec<String>,
        /// The builds that hold them.
        builds: Vec<BuildId>,
        /// When the first of them is expected to be free.
        free_at: Option<Time>,
        /// Requests that go before it.
        ahead: usize,
    },
    /// A worker is free, and somebody else holds a lock that its builder needs, or goes before it.
    Locks {
        /// Each lock that it cannot have now.
        waits: Vec<LockWait>,
    },
    /// A worker is free, and a function of the configuration says no.
    Declined {
        /// What the function is: `can_start`, `next_worker`, `next_request`.
        by: String,
    },
    /// As `then` says, and a function of the configuration that should have been heard failed.
    FunctionFailed {
        /// What the function is: `can_start`, `next_worker`, `next_request`, `collapse`.
        by: String,
        /// What went wrong.
        message: String,
        /// The reason by the default rule, which stands in for it.
        then: Box<Why>,
    },
}

impl Why {
    /// The reason as a sentence without a full stop, seen at `now`.
    pub fn sentence(&self, now: Time) -> String {
        match self {
            Why::Next => "a worker is free, it starts next".to_owned(),
            Why::BuilderGone => "its builder is no longer configured".to_owned(),
            Why::WorkersAway { workers } => match workers.as_slice() {
                [one] => format!("its worker {one} is not connected"),
                many => format!("none of its workers is connected ({})", many.join(", ")),
            },
            Why::WorkersPaused { workers } => match workers.as_slice() {
                [one] => format!("its worker {one} is paused"),
                many => format!("its workers are paused ({})", many.join(", ")),
            },
            Why::WorkersBusy { workers, free_at, ahead, .. } => {
                let who = match workers.as_slice() {
                    [one] => format!("its worker {one} is busy"),
                    [a, b] => format!("both its workers are busy ({a}, {b})"),
                    many => format!("all {} workers are busy", many.len()),
                };
                let queue = match ahead {
                    0 => String::new(),
                    1 => ", one request goes before it".to_owned(),
                    n => format!(", {n} requests go before it"),
                };
                match free_at {
                    Some(at) if *at > now => format!("{who}{queue}, free in about {}", at.since(now)),
                    _ => format!("{who}{queue}"),
                }
            }
            Why::Locks { waits } => {
                let words: Vec<String> = waits.iter().map(LockWait::words).collect();
                format!("it waits for {}", words.join("; and for "))
            }
            Why::Declined { by } => format!("a worker is free, and its {by} says not now"),
            Why::FunctionFailed { by, message, then } => {
                format!("{}; its {by} failed and is passed over: {message}", then.sentence(now))
            }
        }
    }
}
