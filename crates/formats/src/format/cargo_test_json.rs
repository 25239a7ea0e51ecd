//! libtest's JSON, one object a line. Not stable; read as of 2026: suites and tests, each with an event.

use crate::held::Part;
use crate::lines::ByLine;
use crate::reader::Sink;
use crate::text::Message;
use crate::{Flaw, Limits, TestOutcome, duration};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Reads libtest's JSON.
pub(crate) struct CargoTestJson {
    part: Part,
    open: BTreeSet<String>,
    planned: Option<u64>,
    limits: Limits,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    event: Option<String>,
    name: Option<String>,
    test_count: Option<u64>,
    exec_time: Option<f64>,
    stdout: Option<String>,
    message: Option<String>,
}

impl CargoTestJson {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { part: Part::default(), open: BTreeSet::new(), planned: None, limits: *limits }
    }

    fn test(&mut self, line: Line, out: &mut Sink<'_>) {
        let name = line.name.unwrap_or_default();
        let outcome = match line.event.as_deref() {
            Some("started") => {
                out.started(&name);
                if self.open.len() < self.limits.open {
                    self.open.insert(name);
                }
                return;
            }
            Some("ok") => TestOutcome::Passed,
            Some("failed") => TestOutcome::Failed,
            Some("ignored") => TestOutcome::Skipped,
            None if line.kind == "bench" => TestOutcome::Passed,
            _ => return,
        };
        self.open.remove(&name);
        let mut message = Message::new(self.limits.message);
        for text in [line.stdout, line.message].into_iter().flatten().filter(|_| outcome != TestOutcome::Passed) {
            message.line(&text);
        }
        let took = line.exec_time.and_then(|s| duration::seconds(&s.to_string()));
        out.ended(&name, outcome, took, message.take());
    }

    /// A suite is over, or died.
    fn over(&mut self, ended: bool, out: &mut Sink<'_>) {
        for name in std::mem::take(&mut self.open) {
            out.never_ended(&name, String::new());
        }
        if let Some(planned) = self.planned.take() {
            let ran = self.part.all(out);
            if planned > ran {
                out.flaw(Flaw::PlanNotMet { planned, ran });
            } else if !ended {
                out.flaw(Flaw::CutOff { missing: "the end of a suite".into() });
            }
        }
        self.part.next(out);
    }
}

impl ByLine for CargoTestJson {
    fn line(&mut self, text: &str, out: &mut Sink<'_>) {
        let text = text.trim();
        if !text.starts_with('{') {
            return;
        }
        let Ok(line) = serde_json::from_str::<Line>(text) else {
            if text.len() >= self.limits.line && text.contains("\"type\": \"test\"") {
                out.flaw(Flaw::Malformed { place: "in a long line".into(), what: "it cannot be read".into() });
            }
            return;
        };
        match (line.kind.as_str(), line.event.as_deref()) {
            ("suite", Some("started")) => {
                self.over(false, out);
                self.planned = Some(line.test_count.unwrap_or(0));
                out.planned(line.test_count.unwrap_or(0));
            }
            ("suite", Some(_)) => self.over(true, out),
            ("test" | "bench", _) => self.test(line, out),
            _ => {}
        }
    }

    fn end(&mut self, out: &mut Sink<'_>) {
        self.over(false, out);
    }
}
