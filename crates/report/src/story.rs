//! What is known of a build that has ended, for those who tell of it.

use model::{Build, BuildId, Builder, Change, LogFacts, ProjectSpec, Properties, Results, Step, Time, Value};
use std::fmt::Write as _;

/// A build that has ended.
#[derive(Clone, Debug)]
pub struct Story {
    /// The project; its `public_url` is never empty here.
    pub project: ProjectSpec,
    /// Whose build it is.
    pub builder: Builder,
    /// The build.
    pub build: Build,
    /// How it ended.
    pub results: Results,
    /// When it ended.
    pub ended_at: Time,
    /// Where it ran.
    pub worker: String,
    /// Why it was asked for.
    pub reason: String,
    /// Its changes, oldest first.
    pub changes: Vec<Change>,
    /// Its steps that were begun, in order.
    pub steps: Vec<Step>,
    /// Their logs.
    pub logs: Vec<LogFacts>,
    /// The end of the log of the step that failed.
    pub tail: Option<Tail>,
    /// What was before it.
    pub history: History,
}

/// The end of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The step's name.
    pub step: String,
    /// The log's name in addresses.
    pub slug: String,
    /// Its last lines, without marks of colour.
    pub lines: Vec<String>,
}

/// An earlier build of the same builder and branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Which.
    pub build: BuildId,
    /// Its number.
    pub number: i64,
    /// How it ended.
    pub results: Results,
    /// When it ended.
    pub at: Time,
}

/// What the builds of the same builder and branch before this one say about the code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The newest that says anything.
    pub before: Option<Earlier>,
    /// The newest that passed.
    pub last_good: Option<Earlier>,
    /// The first that failed after it.
    pub bad_since: Option<Earlier>,
}

impl History {
    /// From earlier builds, the newest first. Those that say nothing about the code are passed over.
    pub fn of(earlier: impl IntoIterator<Item = Earlier>) -> Self {
        let mut history = History::default();
        for build in earlier {
            if !matches!(build.results, Results::Success | Results::Warnings | Results::Failure) {
                continue;
            }
            history.before = history.before.or(Some(build));
            if build.results != Results::Failure {
                history.last_good = Some(build);
                break;
            }
            history.bad_since = Some(build);
        }
        history
    }
}

impl Story {
    /// The step that decided over the result, if one did.
    pub(crate) fn culprit(&self) -> Option<&Step> {
        self.steps.iter().find(|s| s.status.results() == Some(self.results) && !self.results.is_good())
    }

    /// A property that is text.
    pub(crate) fn property(&self, name: &str) -> &str {
        text(&self.build.properties, name)
    }

    /// The revision that was got, else the one that was asked for, short enough for a line.
    pub(crate) fn revision(&self) -> &str {
        let got = self.property("got_revision");
        model::change::short_revision(if got.is_empty() { self.property("revision") } else { got })
    }

    /// The address of the build's page.
    pub(crate) fn url(&self) -> String {
        let Story { project, builder, build, .. } = self;
        format!("{}builders/{}/{}", project.public_url, encoded(&builder.name), build.number)
    }

    /// The address of the page of a log.
    pub(crate) fn log_url(&self, step: &str, slug: &str) -> String {
        format!("{}/steps/{}/logs/{}", self.url(), encoded(step), encoded(slug))
    }

    /// The branch that the build is of; empty: the default one.
    pub fn branch(&self) -> &str {
        self.property("branch")
    }
}

/// A property that is text, or nothing.
pub(crate) fn text<'p>(properties: &'p Properties, name: &str) -> &'p str {
    match properties.get(name).map(|p| &p.value) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

/// A name as a segment of an address.
fn encoded(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use model::builder::Usual;
    use model::property::property;
    use model::{
        BuildStatus, BuilderId, ChangeId, Lease, NewChange, RequestId, Span, StepFacts, StepId, StepStatus, TestCase,
        TestOutcome, TestTotals, WorkerId,
    };

    /// 2026-11-21 09:41 UTC.
    const NOON: i64 = 1_795_254_060;

    pub(crate) fn earlier(number: i64, results: Results) -> Earlier {
        Earlier { build: BuildId(number), number, results, at: Time::from_seconds(NOON - (17 - number) * 3600) }
    }

    fn step(id: i64, name: &str, results: Results, state: &str) -> Step {
        let at = Time::from_seconds(NOON + 4);
        Step {
            id: StepId(id),
            build: BuildId(17),
            number: id,
            name: name.to_owned(),
            started_at: Time::from_seconds(NOON),
            state: state.to_owned(),
            status: StepStatus::Complete { at, results },
            facts: StepFacts::default(),
        }
    }

    fn change(id: i64, author: &str, title: &str) -> Change {
        Change {
            id: ChangeId(id),
            received_at: Time::from_seconds(NOON),
            facts: NewChange {
                author: author.to_owned(),
                comments: format!("{title}\n\nMore about it.\n"),
                revision: Some("90c677be65cd7b5a1b8b7d1f2f1b8f5d2a3c4e5f".to_owned()),
                branch: Some("develop".to_owned()),
                files: vec!["inflate.c".to_owned(), "test.c".to_owned()],
                ..NewChange::default()
            },
        }
    }

    /// Build 17 of `linux` on `develop`, and how those before it ended, the newest first.
    pub(crate) fn story(results: Results, before: &[Results]) -> Story {
        let ended_at = Time::from_seconds(NOON + 4);
        let texts =
            [("branch", "develop"), ("revision", "90c677be65cd7b5a1b8b7d1f2f1b8f5d2a3c4e5f"), ("scheduler", "quick")];
        let mut test = step(2, "test", results, if results.is_good() { "1 test" } else { "2 tests, 1 failed" });
        let bad = TestCase {
            name: "inflate_window".to_owned(),
            outcome: TestOutcome::Failed,
            duration: None,
            message: "expected 32768, got 0".to_owned(),
        };
        test.facts.tests = (results == Results::Failure).then(|| TestTotals {
            passed: 1,
            failed: 1,
            bad: vec![bad],
            ..TestTotals::default()
        });
        let lines = ["test.c:212: inflate_window: expected 32768, got 0", "make: *** [test] Error 1"];
        let tail = Tail { step: "test".to_owned(), slug: "stdio".to_owned(), lines: lines.map(str::to_owned).into() };
        Story {
            project: ProjectSpec {
                title: "zlib".to_owned(),
                url: "https://zlib.net".to_owned(),
                public_url: "http://ci.example.org/".to_owned(),
            },
            builder: Builder {
                id: BuilderId(1),
                name: "linux".to_owned(),
                description: String::new(),
                tags: vec!["main".to_owned()],
                configured: true,
                next_number: 18,
                usual: Usual { build: Some(Span::seconds(3)), ..Usual::default() },
                defined_at: None,
            },
            build: Build {
                id: BuildId(17),
                number: 17,
                builder: BuilderId(1),
                request: RequestId(1),
                worker: WorkerId(1),
                lease: Lease { epoch: 1, until: None },
                started_at: Time::from_seconds(NOON),
                state: if results.is_good() { "build successful" } else { "failed test" }.to_owned(),
                properties: texts.map(|(name, value)| property(name, value, "test")).into(),
                status: BuildStatus::Complete { at: ended_at, results },
            },
            results,
            ended_at,
            worker: "here".to_owned(),
            reason: "changes of quick".to_owned(),
            changes: vec![change(1, "Ada Lovelace <ada@example.org>", "Turn the window"), change(2, "bob", "Tidy up")],
            steps: vec![step(1, "make", Results::Success, "compiled"), test],
            logs: Vec::new(),
            tail: (!results.is_good()).then_some(tail),
            history: History::of(before.iter().zip(1..).map(|(r, ago)| earlier(17 - ago, *r))),
        }
    }

    #[test]
    fn history_passes_over_what_says_nothing() {
        use Results::{Exception, Failure, Success, Warnings};
        let cases: [(&[Results], [Option<i64>; 3]); 5] = [
            (&[], [None, None, None]),
            (&[Success, Failure], [Some(16), Some(16), None]),
            (&[Exception, Failure, Failure, Warnings, Failure], [Some(15), Some(13), Some(14)]),
            (&[Failure, Failure], [Some(16), None, Some(15)]),
            (&[Exception], [None, None, None]),
        ];
        for (before, [newest, good, bad]) in cases {
            let history = History::of(before.iter().zip(1..).map(|(r, ago)| earlier(17 - ago, *r)));
            let numbers = [history.before, history.last_good, history.bad_since].map(|b| b.map(|b| b.number));
            assert_eq!(numbers, [newest, good, bad], "{before:?}");
        }
    }

    #[test]
    fn names_are_safe_in_addresses() {
        assert_eq!(encoded("a b/ü?#"), "a%20b%2F%C3%BC%3F%23");
    }
}
