//! Rules that judge a log, in logpro's language.
//!
//! A file of rules is a small program: mostly plain forms such as `(expect:error in "LogFileBody" = 0 "Any error"
//! #/ERROR/)`, sometimes with definitions and loops over lists. [`Rules::parse`] evaluates it without files, commands
//! and clock, within stated steps; a [`Judge`] then reads a log of any length in little memory.

mod builtins;
mod datum;
mod evaluate;
mod judge;
mod rule;

pub use judge::{Judge, Judgement, RuleResult, Sample};
pub use rule::{Condition, Date, Kind, Operator, Outcome, Rule, Rules, Section, Tolerance, Trigger};
