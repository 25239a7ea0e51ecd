//! Why an item is where it is, in words.

use crate::board::{Board, ItemId, Stage};
use crate::event::Kill;
use crate::record::Phase;
use crate::room::{Lack, Room};
use crate::roster::On;
use crate::status::Status;
use model::Time;
use model::area::Until;
use std::fmt;

/// So many names are told at most; of the others it is told how many there are.
const MOST: usize = 5;

/// Why an item is where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It waits for others.
    Needs {
        /// The first of them, in the order in which they are written.
        first: Vec<Wait>,
        /// So many more.
        more: usize,
        /// It will not run, whatever comes: this is the first reason.
        doomed: Option<String>,
    },
    /// Somebody looks whether it is worth running.
    Looking,
    /// It may run, and there is no room.
    Lack(Lack),
    /// It may run, and must not run beside this one.
    Exclusive {
        /// Who runs, or comes first.
        before: String,
    },
    /// It may run, and is started next.
    Next,
    /// It was handed to a host.
    Launched {
        /// Which.
        host: String,
        /// When.
        since: Time,
        /// What it waits for there, as far as is known.
        waits: String,
    },
    /// It runs.
    Runs {
        /// Where.
        host: String,
        /// Since when.
        since: Time,
        /// Which attempt it is.
        attempt: u32,
    },
    /// It is being ended.
    Killing(Kill),
    /// It ended, and that is being looked into.
    Judging,
    /// It is decided.
    Over {
        /// Where it is.
        phase: Phase,
        /// What came of it.
        status: Status,
        /// Why.
        comment: String,
    },
}

/// One thing that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What.
    pub name: String,
    /// Until it is what.
    pub until: Until,
    /// Where it is.
    pub phase: Phase,
    /// How many of its items have not ended; of an item, one.
    pub open: u32,
}

/// Why an item is where it is.
pub fn why(board: &Board, id: ItemId) -> Why {
    let state = &board.items[id.at()];
    let last = state.attempts.last();
    match &state.stage {
        Stage::Waiting => needs(board, id),
        Stage::Looking => Why::Looking,
        Stage::Ready => {
            let before = board.token(id).and_then(|token| board.queues.before(id, &token));
            if let Some(before) = before {
                return Why::Exclusive { before: board.name(before) };
            }
            let limited = &board.queues.get(state.queue).limited;
            Room::of(board).lacks(limited).map_or_else(Why::Lack, |()| Why::Next)
        }
        Stage::Out { killing: Some(kill) } => Why::Killing(kill.clone()),
        Stage::Out { killing: None } => {
            let host = last.map_or_else(String::new, |a| a.host.clone());
            match last.and_then(|a| a.began) {
                Some(since) => Why::Runs { host, since, attempt: last.map_or(1, |a| a.number) },
                None => {
                    let since = last.map_or(Time::default(), |a| a.launched);
                    Why::Launched { host, since, waits: state.comment.clone() }
                }
            }
        }
        Stage::Judged { .. } => Why::Judging,
        Stage::Over => {
            let (phase, status, comment) = (state.phase, state.status.clone(), state.comment.clone());
            Why::Over { phase, status, comment }
        }
    }
}

fn needs(board: &Board, id: ItemId) -> Why {
    let state = &board.items[id.at()];
    let mut first = Vec::new();
    let mut more = 0;
    for edge in &state.edges {
        let wait = match edge.on {
            On::Item(n) if board.items[n].stage != Stage::Over => {
                let (name, phase) = (board.name(ItemId::of(n)), board.items[n].phase);
                Wait { name, until: edge.until, phase, open: 1 }
            }
            On::Test(n) if board.tests[n].open > 0 => {
                let test = &board.tests[n];
                Wait { name: test.spec.name.clone(), until: edge.until, phase: test.rollup.phase(), open: test.open }
            }
            _ => continue,
        };
        if first.len() < MOST { first.push(wait) } else { more += 1 }
    }
    let doomed = board.broken(id).next().map(|(edge, cause)| match (cause, &edge.on) {
        (Some(cause), _) => format!("{} is {}", board.name(cause), board.items[cause.at()].status),
        (None, On::Missing(name)) => format!("there is no {name}"),
        (None, _) => String::new(),
    });
    Why::Needs { first, more, doomed }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.name, self.phase)?;
        if self.open > 1 {
            write!(f, ", {} items to come", self.open)?;
        }
        f.write_str(if self.until == Until::Ended { ", until it ended)" } else { ")" })
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Needs { first, more, doomed } => {
                if let Some(why) = doomed {
                    write!(f, "will not run, since {why}; ")?;
                }
                let names: Vec<String> = first.iter().map(Wait::to_string).collect();
                write!(f, "waits for {}", names.join(", "))?;
                if *more > 0 { write!(f, " and {more} more") } else { Ok(()) }
            }
            Why::Looking => f.write_str("its skip rules are looked at"),
            Why::Lack(lack) => write!(f, "waits for room: {lack}"),
            Why::Exclusive { before } => write!(f, "waits for {before}, beside which it must not run"),
            Why::Next => f.write_str("is started next"),
            Why::Launched { host, waits, .. } => {
                let waits = if waits.is_empty() { String::new() } else { format!(": {waits}") };
                write!(f, "was handed to {host}, and has not begun{waits}")
            }
            Why::Runs { host, attempt: 1, .. } => write!(f, "runs on {host}"),
            Why::Runs { host, attempt, .. } => write!(f, "runs on {host}, attempt {attempt}"),
            Why::Killing(kill) => write!(f, "is being ended: {}", kill.sentence()),
            Why::Judging => f.write_str("has ended, and that is being looked into"),
            Why::Over { phase, status, comment } if comment.is_empty() => write!(f, "{phase}/{status}"),
            Why::Over { phase, status, comment } => write!(f, "{phase}/{status}: {comment}"),
        }
    }
}
