//! Readers of bytes from outside: each takes hostile input and gives plain values, never a panic.
//!
//! [`Reader`] takes the output of test programs in any of the [`Format`]s; [`warnings`] counts what compilers say.

pub mod ansi;
mod duration;
mod first_error;
mod format;
mod held;
mod limits;
mod lines;
mod reader;
mod roll;
mod summary;
mod text;
pub mod try_job;
pub mod warnings;
mod xml;

pub use first_error::first_error;
pub use format::Format;
pub use limits::Limits;
pub use model::{TestCase, TestOutcome, TestTotals};
pub use reader::{Event, Reader};
pub use roll::Roll;
pub use summary::{Flaw, Summary, Verdict};
