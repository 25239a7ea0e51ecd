//! What a stage is, from all that is known of its end. The worst of it counts: a stage passes only if everything says
//! so.

use model::{Span, TestOutcome, TestTotals};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a stage, a task or a run ended, from best to worst. The order is the lattice: of several, the greatest counts,
/// so it matters neither in which order they are looked at nor how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything says so.
    Passed,
    /// Passed, after what was red was run again.
    Flaky,
    /// It was not asked for any more. Nothing is known.
    Cancelled,
    /// The code's fault.
    Failed,
    /// Ours, or the machine's: nobody is blamed, and nothing lands either.
    Broken,
}

impl Verdict {
    /// All, from best to worst.
    pub const ALL: [Verdict; 5] =
        [Verdict::Passed, Verdict::Flaky, Verdict::Cancelled, Verdict::Failed, Verdict::Broken];

    /// The worse of two.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        self.max(other)
    }

    /// The worst of many; of none it is passed.
    #[must_use]
    pub fn of(all: impl IntoIterator<Item = Verdict>) -> Self {
        all.into_iter().fold(Verdict::Passed, Verdict::worst)
    }

    /// What lands may have this verdict.
    pub fn may_land(self) -> bool {
        self <= Verdict::Flaky
    }

    /// What two attempts say together. Only a failure of the first is excused by the second; what broke says nothing.
    #[must_use]
    pub fn then(self, again: Self) -> Self {
        match (self, again) {
            (Verdict::Failed, Verdict::Passed | Verdict::Flaky) => Verdict::Flaky,
            (Verdict::Broken | Verdict::Cancelled, again) => again,
            (Verdict::Passed | Verdict::Flaky | Verdict::Failed, again) => again.worst(self),
        }
    }
}

/// The word for people.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Passed => "passed",
            Verdict::Flaky => "passed when repeated",
            Verdict::Cancelled => "cancelled",
            Verdict::Failed => "failed",
            Verdict::Broken => "broken",
        })
    }
}

/// How the process of a stage ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal that it did not get from us.
    Signal(i32),
    /// It ran longer than it may.
    TooLong(Span),
    /// It said nothing for longer than it may.
    Silent(Span),
    /// It used more memory or disk than it may.
    TooMuch(String),
    /// There is no such program, or no such directory.
    NotStarted(String),
    /// We stopped it.
    Stopped,
    /// The machine failed under it.
    Lost(String),
}

/// What became of the stream of results that a stage promised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// None was promised: only the process speaks.
    None,
    /// It was read to its end.
    Whole {
        /// What it tells.
        totals: Totals,
    },
    /// It stops in the middle: a packet cut off, a document not closed, a test begun and not ended, a plan not met.
    Torn {
        /// What it tells as far as it goes.
        totals: Totals,
        /// What is missing.
        why: String,
    },
    /// It promised results and there is nothing to read.
    Missing,
}

/// Tests by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// As they should be.
    pub passed: u64,
    /// Failed, or went wrong themselves.
    pub failed: u64,
    /// Failed, as is known of them.
    pub expected: u64,
    /// Passed, though they are known to fail. Whoever repaired it takes it off the list in the same change.
    pub unexpected: u64,
    /// Failed, and are on the list of those that do now and then.
    pub flapping: u64,
    /// Not run.
    pub skipped: u64,
}

impl Totals {
    /// All of them. Skipped ones count: a report that skips everything is not empty.
    pub fn all(&self) -> u64 {
        self.passed + self.failed + self.expected + self.unexpected + self.flapping + self.skipped
    }

    /// One more.
    pub fn add(&mut self, outcome: TestOutcome) {
        *match outcome {
            TestOutcome::Passed => &mut self.passed,
            TestOutcome::Failed | TestOutcome::Error => &mut self.failed,
            TestOutcome::Skipped => &mut self.skipped,
            TestOutcome::ExpectedFailure => &mut self.expected,
            TestOutcome::UnexpectedSuccess => &mut self.unexpected,
        } += 1;
    }

    /// What the tests alone say.
    pub fn verdict(&self) -> Verdict {
        if self.failed + self.unexpected > 0 {
            Verdict::Failed
        } else if self.flapping > 0 {
            Verdict::Flaky
        } else {
            Verdict::Passed
        }
    }
}

impl From<&TestTotals> for Totals {
    fn from(t: &TestTotals) -> Self {
        Totals {
            passed: t.passed,
            failed: t.failed + t.errors,
            expected: t.expected_failures,
            unexpected: t.unexpected_successes,
            flapping: 0,
            skipped: t.skipped,
        }
    }
}

/// What is known to fail, by name, until a day and by whose word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Failing is expected (passing is not), or it fails now and then.
    pub kind: KnownKind,
    /// Who looks after it.
    pub owner: String,
    /// The last day, counted from 1970, on which this holds; after it the test counts as any other.
    pub until: i64,
}

/// What is known of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownKind {
    /// It fails. That it passes is news, and fails the run.
    Fails,
    /// It fails now and then. Either is fine.
    Flaps,
}

impl Totals {
    /// One more test, of which something is known, on a day.
    pub fn add_known(&mut self, outcome: TestOutcome, known: Option<&Known>, today: i64) {
        let known = known.filter(|k| today <= k.until).map(|k| k.kind);
        let failed = matches!(outcome, TestOutcome::Failed | TestOutcome::Error);
        match known {
            Some(KnownKind::Fails) if failed => self.expected += 1,
            Some(KnownKind::Fails) if outcome == TestOutcome::Passed => self.unexpected += 1,
            Some(KnownKind::Flaps) if failed => self.flapping += 1,
            _ => self.add(outcome),
        }
    }
}

/// The verdict of a stage and the words for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// How it ended.
    pub verdict: Verdict,
    /// Everything that speaks against it, the weightiest first; empty when it passed.
    pub reasons: Vec<String>,
}

/// Judges a stage by the end of its process and by its results.
pub fn judge(exit: &Exit, stream: &Stream) -> Judgement {
    let mut all = vec![of_exit(exit)];
    all.extend(of_stream(stream, exit));
    all.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    let verdict = Verdict::of(all.iter().map(|(verdict, _)| *verdict));
    let reasons = all.into_iter().filter(|(v, reason)| *v != Verdict::Passed && !reason.is_empty());
    Judgement { verdict, reasons: reasons.map(|(_, reason)| reason).collect() }
}

fn of_exit(exit: &Exit) -> (Verdict, String) {
    match exit {
        Exit::Code(0) => (Verdict::Passed, String::new()),
        Exit::Code(126) => (Verdict::Failed, "exit code 126: the command is no program that can be run".to_owned()),
        Exit::Code(127) => (Verdict::Failed, "exit code 127: the command was not found".to_owned()),
        Exit::Code(code @ 129..=159) => {
            (Verdict::Failed, format!("exit code {code}: a command in it was ended by {}", signal(code - 128)))
        }
        Exit::Code(code) => (Verdict::Failed, format!("exit code {code}")),
        Exit::Signal(number) => (Verdict::Failed, format!("ended by {}", signal(*number))),
        Exit::TooLong(limit) => (Verdict::Failed, format!("stopped after {limit}, its limit")),
        Exit::Silent(limit) => (Verdict::Failed, format!("stopped after {limit} without output")),
        Exit::TooMuch(what) => (Verdict::Failed, format!("stopped: it used more {what} than it may")),
        Exit::NotStarted(why) => (Verdict::Failed, format!("could not be started: {why}")),
        Exit::Stopped => (Verdict::Cancelled, "stopped".to_owned()),
        Exit::Lost(why) => (Verdict::Broken, why.clone()),
    }
}

fn of_stream(stream: &Stream, exit: &Exit) -> Vec<(Verdict, String)> {
    // What we stopped, or the machine lost, owes no whole stream; what failed in it before failed.
    let excused = matches!(exit, Exit::Stopped | Exit::Lost(_));
    let owes = |why: &str| if excused { (Verdict::Passed, String::new()) } else { (Verdict::Failed, why.to_owned()) };
    match stream {
        Stream::None => Vec::new(),
        Stream::Whole { totals } if totals.all() == 0 => vec![owes("no test in its results")],
        Stream::Whole { totals } => vec![of_totals(totals)],
        Stream::Torn { totals, why } => vec![of_totals(totals), owes(&format!("its results are not whole: {why}"))],
        Stream::Missing => vec![owes("the results that it promises are not there")],
    }
}

fn of_totals(totals: &Totals) -> (Verdict, String) {
    let mut parts = Vec::new();
    for (count, what) in [
        (totals.failed, "failed"),
        (totals.unexpected, "passed though known to fail"),
        (totals.flapping, "failed as now and then"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {} {what}", if count == 1 { "test" } else { "tests" }));
        }
    }
    (totals.verdict(), parts.join(", "))
}

fn signal(number: i32) -> String {
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return format!("signal {number}"),
    };
    format!("signal {number} ({name})")
}

#[cfg(test)]
mod tests;
