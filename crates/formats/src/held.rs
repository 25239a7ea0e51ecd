//! Tests whose end was told and whose message is told later; and totals that a report tells of itself.

use crate::reader::Sink;
use crate::summary::of;
use crate::text::Message;
use crate::{Limits, TestOutcome};
use model::Span;
use std::collections::VecDeque;

/// Tests that ended, in order, waiting for what is said about them. Bounded: the oldest go on without.
pub(crate) struct Held {
    tests: VecDeque<HeldTest>,
    limits: Limits,
}

/// One of them.
pub(crate) struct HeldTest {
    pub(crate) name: String,
    pub(crate) outcome: TestOutcome,
    pub(crate) duration: Option<Span>,
    pub(crate) message: Message,
}

/// So many wait at most: a name and a message each.
const MOST: usize = 1000;

impl Held {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { tests: VecDeque::new(), limits: *limits }
    }

    /// Holds one back.
    pub(crate) fn hold(&mut self, name: &str, outcome: TestOutcome, duration: Option<Span>, out: &mut Sink<'_>) {
        if self.tests.len() == MOST.min(self.limits.open.max(1)) {
            self.release_first(out);
        }
        let message = Message::new(self.limits.message);
        let name = crate::text::short(name, self.limits.name);
        self.tests.push_back(HeldTest { name, outcome, duration, message });
    }

    /// The newest of that name.
    pub(crate) fn find(&mut self, name: &str) -> Option<&mut HeldTest> {
        let name = crate::text::short(name, self.limits.name);
        self.tests.iter_mut().rev().find(|test| test.name == name)
    }

    /// The newest of all.
    pub(crate) fn last(&mut self) -> Option<&mut HeldTest> {
        self.tests.back_mut()
    }

    /// Takes the newest of that name out.
    pub(crate) fn take(&mut self, name: &str) -> Option<HeldTest> {
        let name = crate::text::short(name, self.limits.name);
        let at = self.tests.iter().rposition(|test| test.name == name)?;
        self.tests.remove(at)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Lets all go, each under the name that `rename` gives it.
    pub(crate) fn release(&mut self, out: &mut Sink<'_>, rename: impl Fn(&str) -> String) {
        for mut test in self.tests.drain(..) {
            out.ended(&rename(&test.name), test.outcome, test.duration, test.message.take());
        }
    }

    fn release_first(&mut self, out: &mut Sink<'_>) {
        if let Some(mut test) = self.tests.pop_front() {
            out.ended(&test.name, test.outcome, test.duration, test.message.take());
        }
    }
}

/// A part of a report that tells its own totals at its end.
#[derive(Default)]
pub(crate) struct Part {
    before: [u64; 6],
}

/// The places of the outcomes in a [`Part`].
const OUTCOMES: [TestOutcome; 6] = crate::summary::OUTCOMES;

impl Part {
    /// How many tests of this part ended so.
    pub(crate) fn came(&self, outcome: TestOutcome, out: &Sink<'_>) -> u64 {
        let place = OUTCOMES.iter().position(|o| *o == outcome).unwrap_or(0);
        of(out.totals(), outcome).saturating_sub(self.before[place])
    }

    /// How many tests of this part came.
    pub(crate) fn all(&self, out: &Sink<'_>) -> u64 {
        OUTCOMES.iter().fold(0, |sum, outcome| self.came(*outcome, out).saturating_add(sum))
    }

    /// The part says that `n` ended so: those that were not told one by one are counted.
    pub(crate) fn said(&self, outcome: TestOutcome, n: u64, out: &mut Sink<'_>) {
        out.counted(outcome, n.saturating_sub(self.came(outcome, out)));
    }

    /// The next part begins.
    pub(crate) fn next(&mut self, out: &Sink<'_>) {
        self.before = OUTCOMES.map(|outcome| of(out.totals(), outcome));
    }
}
