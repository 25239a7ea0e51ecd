//! The REST interface against a real store and real logs, with a master that only notes what it is asked.

#![expect(clippy::unwrap_used, reason = "a town that cannot be built ends the test, and says where")]

mod acting;
mod attempts;
mod listening;
mod reading;
mod town;
