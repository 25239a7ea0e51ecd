//! Broken rules.

use std::fmt;

/// A rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule's name.
    pub rule: &'static str,
    /// What was seen instead.
    pub what: String,
}

/// All is well, or the first rule that does not hold.
pub type Checked = Result<(), Violation>;

impl Violation {
    /// This rule does not hold.
    pub fn new(rule: &'static str, what: impl Into<String>) -> Self {
        Violation { rule, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

impl std::error::Error for Violation {}

/// This rule does not hold.
pub(crate) fn broken(rule: &'static str, what: impl Into<String>) -> Checked {
    Err(Violation::new(rule, what))
}

/// The rule holds if the condition does.
pub(crate) fn must(rule: &'static str, holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Violation::new(rule, what())) }
}
