//! Areas of Megatest as they are: configuration, log rules, measured data, and what old scripts say.
//!
//! Ring 1: no file, no command, no clock. What is needed of the outside comes through the trait [`Outside`] that the
//! caller gives. [`load::load`] reads an area for a target, with what is wrong with it as [`Problem`]s that show the
//! line; [`load::nouns`] makes a [`model::area::Area`] of it; [`dump::effective`] says which value is in force and where
//! it stands. [`logpro`] judges logs, [`data`] reads numbers, [`shim`] reads the calls of scripts.
//!
//! Nothing here ends a reading: whatever the bytes are, there is a value and a list of problems. A run that
//! [`load::obstacles`] names an error for is not to begin.
//!
//! | file | noun |
//! |---|---|
//! | `line.rs`, `reader.rs` | the grammar that all files have in common |
//! | `expand.rs`, `echo.rs` | `#{…}`, and what a shell would echo |
//! | `settings.rs`, `problem.rs` | values with their places, and what is wrong |
//! | `area.rs`, `run_configs.rs`, `test_config.rs`, `items.rs`, `item_map.rs` | `megatest.config`, `runconfigs.config`, `testconfig` |
//! | `known.rs` | what becomes of each key |
//! | `load.rs`, `dump.rs` | a whole area, as nouns and as a list of values |
//! | `logpro/` | rules for logs: their text, the little program that they are, the judge |
//! | `migrate/` | an area as the text of a native one |
//! | `data.rs`, `shim.rs` | what a test says while it runs |
//!
//! Where the reading is safer than Megatest's, the book's chapter on existing areas says how and why.

pub mod area;
pub mod data;
pub mod dump;
mod echo;
mod expand;
mod item_map;
pub mod items;
pub mod known;
mod line;
pub mod load;
pub mod logpro;
pub mod migrate;
mod outside;
mod path;
mod pattern;
mod problem;
mod reader;
pub mod run_configs;
mod settings;
pub mod shim;
pub mod span;
pub mod test_config;
mod words;

pub use outside::{Limits, Outside, Ran, Unset};
pub use problem::{Problem, Severity, Spot};
pub use reader::{Context, Reading};
pub use settings::{Section, Settings, Value};
