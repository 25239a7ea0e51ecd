//! Runs of tests in an area: what the room `testruns` decides is written down and carried out.
//!
//! An area is a directory with a `tests.star`, or one of Megatest. Its state lies in `AREA/.sluice/tests`: the store, and
//! one directory for each *slot*. A slot is a thread here, and what it has carried out outlives it: by a supervisor (room
//! `process`) on this machine, or elsewhere. The runner ([`Runner`]) is one loop: it hears [`slot::News`], lets the board
//! decide, writes all items that changed in one commit, and only then tells slots what to do. After `kill -9` the next
//! runner makes the board anew from the store, finds what was left, and goes on with what still runs.
//!
//! | file | noun |
//! |---|---|
//! | `home.rs`, `outside.rs` | an area: where it is, what it defines for a target |
//! | `migrate.rs` | an area of Megatest as a `tests.star` |
//! | `base.rs`, `book.rs`, `facts.rs`, `around.rs` | its state: lock, slots, store; records as they are written down |
//! | `wish.rs`, `prepare.rs`, `leftovers.rs` | what is asked for, what is on record, what was left behind |
//! | `runner.rs`, `told.rs`, `orders.rs`, `look.rs`, `triggers.rs` | the loop, what it writes down later, what slots are told, questions to the machine |
//! | `acts.rs`, `remove.rs` | what people do to a run that is not running |
//! | `socket.rs`, `said.rs`, `calls.rs` | what others ask of a runner, and what tests say of themselves |
//! | `slot.rs`, `hands.rs`, `hands/*` | one attempt after the other, and what carries them out: this machine, Slurm |
//! | `line.rs`, `judge.rs`, `place.rs`, `files.rs` | one attempt here: its directory, its steps, its logs and what rules make of them |
//! | `agent.rs` | one attempt elsewhere: what carries it out there, and how the runner hears of it |
//!
//! Calls here block; they belong on threads of their own.

pub mod acts;
pub mod agent;
mod around;
pub mod base;
pub mod book;
mod calls;
mod facts;
pub mod files;
pub mod hands;
pub mod home;
mod judge;
mod leftovers;
mod line;
mod look;
pub mod migrate;
mod orders;
mod outside;
pub mod parcel;
pub mod place;
pub mod prepare;
pub mod remove;
pub mod runner;
pub mod said;
pub mod slot;
pub mod socket;
mod told;
mod triggers;
pub mod wish;

pub use base::{Base, Held, Taken};
pub use book::Book;
pub use facts::record;
pub use hands::Hands;
pub use home::{AreaError, Defined, Home, Kind};
pub use model::area::Host;
pub use orders::run_name;
pub use prepare::{Prepared, next_name, prepare};
pub use runner::{Runner, View, Watcher, now};
pub use wish::{Again, RunError, Wish};
