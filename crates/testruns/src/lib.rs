//! Test runs: what is selected, what runs next, what it came to.
//!
//! Ring 1: no clock, no file, no process, no chance. An [`Area`](model::area::Area) is everything that can be tested for
//! a target; a [`Roster`] is what one run of it consists of; a [`Board`] is the state of all runs that one runner has.
//! Three calls are all there is to it:
//!
//! - [`Board::add`] takes a run in, with what is on record of it.
//! - [`Board::apply`] takes an [`Event`]: an attempt began, ended, was lost; somebody ends something.
//! - [`plan`] answers with [`Action`]s: start this, end that, try once more, this is decided. Asking twice does no harm.
//!
//! The caller writes an action down, applies it as [`Event::Decided`], and only then carries it out. What must be
//! durable is the [`Record`] of each item that an event or an action named; after a crash a board is made anew from the
//! records, and items that nobody runs any more are unfinished.
//!
//! | file | noun |
//! |---|---|
//! | `target.rs`, `item.rs`, `map.rs`, `pattern.rs` | names: targets, items, how one item's name leads to another's, how they are asked for |
//! | `roster.rs`, `problem.rs` | what a run consists of, who waits for whom, and what is wrong with that |
//! | `record.rs`, `status.rs`, `rollup.rs` | what is known of an item, what words mean, what a test is from its items |
//! | `launch.rs` | the table: is an item on record run again |
//! | `board.rs`, `event.rs`, `change.rs` | the state, all that can happen to it, and how it changes |
//! | `decide.rs`, `ready.rs`, `room.rs` | what is to be done; who may run; where there is room |
//! | `verdict.rs`, `data.rs` | what an attempt is, from exit codes, log rules, its own word and data |
//! | `sum.rs`, `diff.rs`, `why.rs` | what a run is, how it stands to another, why an item is where it is |
//! | `environment.rs` | the variables that a test is given |
//!
//! The rules, each with its reason, are in the book's chapter on the rules of test runs.
//!
//! # What the caller owes
//!
//! - [`Action::Kill`] and [`Action::GiveUp`] end all that runs of an attempt; for the first, [`Event::Ended`] follows
//!   when nothing of it runs any more.
//! - Limits of time count from [`Event::Began`] by the caller's own clock. What stands in a queue of a host has not
//!   begun, and is never dead.
//! - Skip rules and the checks of waivers look at files and at other runs; the caller looks, and answers.

pub mod board;
mod change;
pub mod data;
pub mod decide;
pub mod diff;
pub mod environment;
pub mod event;
pub mod item;
pub mod launch;
pub mod map;
pub mod pattern;
pub mod problem;
mod ready;
pub mod record;
pub mod rollup;
pub mod room;
pub mod roster;
pub mod status;
pub mod sum;
pub mod target;
pub mod verdict;
pub mod why;

pub use board::{Board, ItemId, Late, NewRun, RunId};
pub use decide::{Plan, plan, settle};
pub use event::{Action, Again, Ending, Event, Kill};
pub use item::Item;
pub use launch::{Because, Holder, Rerun};
pub use pattern::TestPatterns;
pub use problem::Problem;
pub use record::{Attempt, Phase, Record};
pub use room::Lack;
pub use roster::{Roster, Selection};
pub use status::{Status, Statuses};
pub use sum::{RunSum, RunVerdict, Weights};
pub use target::Target;
pub use why::{Why, why};
