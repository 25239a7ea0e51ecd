//! What happens to a board, and what it wants done.

use crate::board::{ItemId, RunId};
use crate::record::Phase;
use crate::status::Status;
use crate::verdict::Verdict;
use model::Span;
use model::area::{Check, Skip};
use serde::{Deserialize, Serialize};

/// What came from outside. Ends and signs of life name the attempt that they speak of; those of another attempt than
/// the one that runs come too late, are kept with the item, and change nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The caller wrote this down and carries it out.
    Decided(Action),
    /// The skip rules of an item were looked at.
    Looked {
        /// Which.
        item: ItemId,
        /// Why it is not worth running, if it is not.
        skip: Option<String>,
    },
    /// It stands in a queue.
    Waits {
        /// Which.
        item: ItemId,
        /// Which attempt.
        attempt: u32,
        /// For what.
        why: String,
    },
    /// It stands in a queue no more, and runs. Limits of time count from now on, and so does silence.
    Began {
        /// Which.
        item: ItemId,
        /// Which attempt.
        attempt: u32,
    },
    /// It was heard of.
    Alive {
        /// Which.
        item: ItemId,
        /// Which attempt.
        attempt: u32,
    },
    /// It ended, and nothing of it runs any more.
    Ended {
        /// Which.
        item: ItemId,
        /// Which attempt.
        attempt: u32,
        /// How.
        ending: Ending,
    },
    /// The checks of a waiver were made.
    Proved {
        /// Which.
        item: ItemId,
        /// Which attempt.
        attempt: u32,
        /// Why it is not the failure that was waived, if it is not.
        refuted: Option<String>,
    },
    /// Somebody ends items, whether they run or not.
    Kill {
        /// Which.
        items: Vec<ItemId>,
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// Somebody ends a run. What takes fixtures away still runs.
    Cancel {
        /// Which.
        run: RunId,
        /// Who.
        by: String,
    },
    /// Somebody says what an item that ended is. What waited for it is not run because of that; asking for the run again
    /// does so.
    SetStatus {
        /// Which.
        item: ItemId,
        /// What it is.
        status: Status,
        /// Who says so.
        by: String,
        /// Why.
        comment: String,
    },
    /// A host has so many places; `None`: it takes nothing more.
    Host {
        /// Its name.
        name: String,
        /// How many items may run there at once.
        slots: Option<u32>,
    },
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It came to its end.
    Verdict(Verdict),
    /// What ran it is lost, and what is left of it was cleared away.
    Lost(String),
}

/// What is to be done. The caller writes it down, applies it as [`Event::Decided`], and only then carries it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Look whether one of these holds, and answer with [`Event::Looked`].
    Look {
        /// Which item.
        item: ItemId,
        /// The rules.
        rules: Vec<Skip>,
    },
    /// Start an attempt.
    Start {
        /// Which item.
        item: ItemId,
        /// Its number, from 1.
        attempt: u32,
        /// Where.
        host: String,
    },
    /// End all that runs of an attempt.
    Kill {
        /// Which item.
        item: ItemId,
        /// Which attempt.
        attempt: u32,
        /// Why.
        why: Kill,
    },
    /// Nothing was heard of it for too long: clear away what is left of it. What it says from now on is too late.
    GiveUp {
        /// Which item.
        item: ItemId,
        /// Which attempt.
        attempt: u32,
        /// For so long.
        silent: Span,
    },
    /// Look whether its failure is still the one that was waived, and answer with [`Event::Proved`].
    Prove {
        /// Which item.
        item: ItemId,
        /// Which attempt.
        attempt: u32,
        /// What must hold.
        checks: Vec<Check>,
    },
    /// Try it once more.
    Retry {
        /// Which item.
        item: ItemId,
        /// Why.
        why: Again,
    },
    /// It is decided.
    End {
        /// Which item.
        item: ItemId,
        /// What it is: [`Phase::Completed`] or [`Phase::Killed`].
        phase: Phase,
        /// What came of it.
        status: Status,
        /// Why, in a sentence.
        comment: String,
    },
}

/// Why an attempt is ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kill {
    /// Somebody wants it.
    Asked {
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// It ran for longer than it may.
    Overtime(Span),
}

/// Why it is tried once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Again {
    /// It failed, and may so often more.
    Failed {
        /// How often.
        left: u32,
    },
    /// What ran it was lost, which may happen so often more.
    Lost {
        /// How often.
        left: u32,
    },
}

impl Action {
    /// The item that it is about.
    pub fn item(&self) -> ItemId {
        let (Action::Look { item, .. }
        | Action::Start { item, .. }
        | Action::Kill { item, .. }
        | Action::GiveUp { item, .. }
        | Action::Prove { item, .. }
        | Action::Retry { item, .. }
        | Action::End { item, .. }) = self;
        *item
    }
}

impl Kill {
    /// In a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Kill::Asked { by, why } if why.is_empty() => format!("ended by {by}"),
            Kill::Asked { by, why } => format!("ended by {by}: {why}"),
            Kill::Overtime(limit) => format!("it ran longer than {limit}"),
        }
    }
}
