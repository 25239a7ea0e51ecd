//! Log bytes: append, index, seal, read any line.
//!
//! One file per build, `DIR/<build / 1000>/<build>.slog`, holds all logs of that build. Its bytes are described in
//! [`format`]. [`Logs`] is the door: appending gathers bytes in memory, a writer thread turns them into compressed
//! frames on disk, a sync thread makes them durable in groups, and reading goes to whichever place has the bytes.
//!
//! A log's content is the exact sequence of its bytes in the order they arrived, with the stream each came from. A
//! line ends at a newline, or where the stream changes in mid-line, so each line has exactly one stream. A last line
//! without a newline counts.

mod build;
mod cache;
mod check;
mod clock;
mod error;
mod file;
pub mod format;
mod frame;
mod growth;
mod logs;
mod read;
mod scan;
mod shared;
mod sync;
mod writer;

pub use check::{Checked, Files, State, check, copy, files};
pub use error::{AppendError, LogError};
pub use growth::{Durable, Growth, SyncedReceiver};
pub use logs::{Facts, Found, Hit, Line, Logs, Progress, Sealed, Visit};
