//! `go test -json`: one object a line, as `go doc test2json` tells.

use super::go_test;
use crate::lines::ByLine;
use crate::reader::Sink;
use crate::text::Message;
use crate::{Flaw, Limits, TestOutcome, duration};
use model::Span;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Reads `go test -json`.
pub(crate) struct GoTestJson {
    /// Tests that began, by package and name; the empty name is the package itself.
    open: BTreeMap<(String, String), Open>,
    /// Failed tests of each open package.
    failed: BTreeMap<String, u64>,
    limits: Limits,
    line: u64,
}

struct Open {
    said: Message,
    /// What its output says about its end: a test that prints no newline can hide it from the tool.
    end: Option<TestOutcome>,
    /// What it says was heard only of itself.
    test: bool,
    tests: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    action: Option<String>,
    #[serde(default)]
    package: String,
    #[serde(default)]
    test: String,
    elapsed: Option<f64>,
    output: Option<String>,
    failed_build: Option<String>,
}

impl GoTestJson {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { open: BTreeMap::new(), failed: BTreeMap::new(), limits: *limits, line: 0 }
    }

    fn open(&mut self, package: &str, test: &str) -> Option<&mut Open> {
        let key = (package.to_owned(), test.to_owned());
        if self.open.len() >= self.limits.open && !self.open.contains_key(&key) {
            return None;
        }
        let said = Message::new(self.limits.message);
        Some(self.open.entry(key).or_insert(Open { said, end: None, test: !test.is_empty(), tests: 0 }))
    }

    fn output(&mut self, line: &Line, text: &str) {
        let text = text.strip_suffix('\n').unwrap_or(text);
        if let Some(end) = go_test::end(text)
            && let Some(open) = self.open.get_mut(&(line.package.clone(), end.name.to_owned()))
        {
            open.end = Some(end.outcome);
        }
        if text.starts_with("=== ") || matches!(text, "PASS" | "FAIL") || text.starts_with("FAIL\t") {
            return;
        }
        if let Some(open) = self.open(&line.package, &line.test) {
            open.said.line(text);
        }
    }

    fn ended(&mut self, line: &Line, outcome: TestOutcome, took: Option<Span>, out: &mut Sink<'_>) {
        if line.test.is_empty() {
            return self.package(line, outcome, took, out);
        }
        let open = self.open.remove(&(line.package.clone(), line.test.clone()));
        let bad = outcome != TestOutcome::Passed;
        let message = open.filter(|_| bad).map(|mut open| open.said.take()).unwrap_or_default();
        if let Some(package) = self.open(&line.package, "") {
            package.tests += 1;
        }
        if outcome == TestOutcome::Failed && self.failed.len() < self.limits.open {
            *self.failed.entry(line.package.clone()).or_default() += 1;
        }
        out.ended(&format!("{}.{}", line.package, line.test), outcome, took, message);
    }

    /// A package is over.
    fn package(&mut self, line: &Line, outcome: TestOutcome, took: Option<Span>, out: &mut Sink<'_>) {
        let package = &line.package;
        let from = (package.clone(), String::new());
        let keys: Vec<_> =
            self.open.range(from..).map(|(key, _)| key.clone()).take_while(|k| k.0 == *package).collect();
        let (mut message, mut tests) = (String::new(), 0);
        let mut failed = self.failed.remove(package).unwrap_or(0);
        for key in keys {
            let Some(mut open) = self.open.remove(&key) else { continue };
            if !open.test {
                (message, tests) = (open.said.take(), tests + open.tests);
                continue;
            }
            tests += 1;
            let name = format!("{package}.{}", key.1);
            match open.end.or((outcome == TestOutcome::Passed).then_some(TestOutcome::Passed)) {
                Some(end) => {
                    failed += u64::from(end == TestOutcome::Failed);
                    out.ended(&name, end, None, String::new());
                }
                None => {
                    failed += 1;
                    out.never_ended(&name, open.said.take());
                }
            }
        }
        if let Some(build) = &line.failed_build {
            out.flaw(Flaw::NotRun { what: build.clone(), reason: "it does not compile".into() });
        }
        if outcome == TestOutcome::Failed && failed == 0 {
            out.ended(package, TestOutcome::Error, took, message);
        } else if outcome == TestOutcome::Passed && tests == 0 {
            out.ended(package, TestOutcome::Passed, took, String::new());
        }
    }
}

impl ByLine for GoTestJson {
    fn line(&mut self, text: &str, out: &mut Sink<'_>) {
        self.line += 1;
        if !text.starts_with('{') {
            // A package that cannot be built is told in plain text by older versions.
            if let Some((name, note)) = text.strip_prefix("FAIL\t").and_then(|rest| rest.split_once(" [")) {
                let reason = note.trim_end_matches(']').to_owned();
                out.flaw(Flaw::NotRun { what: name.to_owned(), reason });
                out.ended(name, TestOutcome::Error, None, String::new());
            }
            return;
        }
        let Ok(line) = serde_json::from_str::<Line>(text) else {
            if text.starts_with("{\"Time\"") && !text.contains("\"Action\":\"output\"") {
                let place = format!("at line {}", self.line);
                out.flaw(Flaw::Malformed { place, what: "the object cannot be read".into() });
            }
            return;
        };
        let took = line.elapsed.and_then(|s| duration::seconds(&s.to_string()));
        match line.action.as_deref() {
            Some("run") => {
                out.started(&format!("{}.{}", line.package, line.test));
                self.open(&line.package, &line.test);
            }
            Some("output") => {
                let text = line.output.clone().unwrap_or_default();
                self.output(&line, &text);
            }
            Some("pass") => self.ended(&line, TestOutcome::Passed, took, out),
            Some("fail") => self.ended(&line, TestOutcome::Failed, took, out),
            // A package without test files is "skipped" and is no test.
            Some("skip") if !line.test.is_empty() => self.ended(&line, TestOutcome::Skipped, took, out),
            Some("skip") => {
                self.open.remove(&(line.package, String::new()));
            }
            _ => {}
        }
    }

    fn end(&mut self, out: &mut Sink<'_>) {
        if !self.open.is_empty() {
            out.flaw(Flaw::CutOff { missing: "the end of a package".into() });
        }
        for ((package, name), mut open) in std::mem::take(&mut self.open) {
            if open.test {
                out.never_ended(&format!("{package}.{name}"), open.said.take());
            }
        }
    }
}
