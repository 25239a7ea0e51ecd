//! The one way in: bytes of a report are pushed, events come out, and at the end a summary.

use crate::summary::count;
use crate::text::short;
use crate::{Flaw, Format, Limits, Summary, TestCase, TestOutcome, TestTotals};
use model::Span;

/// What a reader tells while it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many tests will come; may come late, and again when there are several parts.
    Planned(u64),
    /// A test of this name begins. Many formats do not say.
    Started(String),
    /// A test ended.
    Test(TestCase),
    /// So many more tests ended so, and the report has no names for them. They are in the totals.
    Counted(TestOutcome, u64),
}

/// Reads one report. Where the chunks begin and end does not matter.
pub struct Reader {
    parser: Box<dyn Parse>,
    tally: Tally,
}

impl Reader {
    /// A reader at the beginning of a report.
    pub fn new(format: Format, limits: Limits) -> Self {
        Self { parser: format.parser(&limits), tally: Tally::new(format, limits) }
    }

    /// The next bytes. Events that they complete go to `to`.
    pub fn push(&mut self, bytes: &[u8], to: &mut dyn FnMut(Event)) {
        self.parser.push(bytes, &mut Sink { tally: &mut self.tally, to });
    }

    /// The report is over: what was left open goes to `to`, and all of it into the summary.
    pub fn finish(mut self, to: &mut dyn FnMut(Event)) -> Summary {
        self.parser.finish(&mut Sink { tally: &mut self.tally, to });
        self.tally.finish()
    }

    /// What it comes to so far; flaws that show only at the end are not in it.
    pub fn so_far(&self) -> &Summary {
        &self.tally.summary
    }
}

/// What each format's file has.
pub(crate) trait Parse: Send {
    fn push(&mut self, bytes: &[u8], out: &mut Sink<'_>);
    fn finish(&mut self, out: &mut Sink<'_>);
}

/// Where parsers put what they find: it is counted, bounded and passed on.
pub(crate) struct Sink<'a> {
    tally: &'a mut Tally,
    to: &'a mut dyn FnMut(Event),
}

impl Sink<'_> {
    pub(crate) fn limits(&self) -> Limits {
        self.tally.limits
    }

    /// The format that was recognised.
    pub(crate) fn recognised(&mut self, format: Format) {
        self.tally.summary.format = Some(format);
    }

    /// A test ended.
    pub(crate) fn test(&mut self, mut case: TestCase) {
        case.name = self.named(&case.name);
        self.tally.summary.totals.count(case.clone());
        (self.to)(Event::Test(case));
    }

    /// A test ended.
    pub(crate) fn ended(&mut self, name: &str, outcome: TestOutcome, duration: Option<Span>, message: String) {
        self.test(TestCase { name: name.to_owned(), outcome, duration, message });
    }

    /// The test that is told next failed at first.
    pub(crate) fn flaky(&mut self) {
        self.tally.summary.flaky = self.tally.summary.flaky.saturating_add(1);
    }

    /// `n` tests without names.
    pub(crate) fn counted(&mut self, outcome: TestOutcome, n: u64) {
        if n > 0 {
            count(&mut self.tally.summary.totals, outcome, n);
            (self.to)(Event::Counted(outcome, n));
        }
    }

    pub(crate) fn started(&mut self, name: &str) {
        let name = self.named(name);
        (self.to)(Event::Started(name));
    }

    /// It says on purpose that there are no tests.
    pub(crate) fn nothing_planned(&mut self) {
        self.tally.summary.planned.get_or_insert(0);
        (self.to)(Event::Planned(0));
    }

    /// `n` tests will come, in addition to what was planned before. None at all is a plan only in TAP.
    pub(crate) fn planned(&mut self, n: u64) {
        if n == 0 {
            return;
        }
        let planned = &mut self.tally.summary.planned;
        *planned = Some(planned.unwrap_or(0).saturating_add(n));
        (self.to)(Event::Planned(n));
    }

    pub(crate) fn flaw(&mut self, flaw: Flaw) {
        self.tally.flaw(flaw);
    }

    /// A test was begun and its end never came.
    pub(crate) fn never_ended(&mut self, name: &str, mut message: String) {
        let name = self.named(name);
        if message.is_empty() {
            message = "it began and never ended".into();
        }
        self.flaw(Flaw::OpenTest { name: name.clone() });
        self.ended(&name, TestOutcome::Error, None, message);
    }

    /// What was counted so far.
    pub(crate) fn totals(&self) -> &TestTotals {
        &self.tally.summary.totals
    }

    fn named(&self, name: &str) -> String {
        match short(name, self.tally.limits.name) {
            name if name.is_empty() => "(unnamed)".into(),
            name => name,
        }
    }
}

/// What came so far.
struct Tally {
    summary: Summary,
    limits: Limits,
}

impl Tally {
    fn new(format: Format, limits: Limits) -> Self {
        let format = (format != Format::Auto).then_some(format);
        Self { summary: Summary { format, ..Summary::default() }, limits }
    }

    fn flaw(&mut self, flaw: Flaw) {
        if self.summary.flaws.len() < self.limits.flaws && !self.summary.flaws.contains(&flaw) {
            self.summary.flaws.push(flaw);
        }
    }

    fn finish(mut self) -> Summary {
        let nothing = self.summary.totals.total() == 0 && self.summary.planned != Some(0);
        if nothing && self.summary.flaws.is_empty() {
            self.flaw(Flaw::NoTests);
        }
        self.summary
    }
}
