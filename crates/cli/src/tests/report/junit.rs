//! JUnit's XML as CIs read it: a suite for each test, a case for each item.

use super::{escaped, tail};
use crate::tests::run::sentence;
use model::area::Class;
use model::testrun::Phase;
use model::{Span, TestItem, TestRun};
use std::collections::BTreeMap;
use std::fmt::Write;
use testruns::Status;

/// How a case is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Passed,
    Failed,
    /// It could not be judged: it was ended, lost, or could not be made.
    Error,
    /// It was not run, or says nothing; or its failure does not count.
    Skipped,
}

fn kind(item: &TestItem) -> Kind {
    let errors = [Status::ABORT, Status::KILLED, Status::DEAD, Status::INCOMPLETE, Status::ZERO_ITEMS];
    let not_run = [Status::PREQ_FAIL, Status::PREQ_DISCARDED];
    match item.class {
        _ if !item.phase.is_over() => Kind::Skipped,
        Class::Good => Kind::Passed,
        Class::Neutral => Kind::Skipped,
        Class::Bad if item.quarantined.is_some() => Kind::Skipped,
        // What held it back is the failure.
        Class::Bad if not_run.iter().any(|s| s.word() == item.status) => Kind::Skipped,
        Class::Bad if errors.iter().any(|s| s.word() == item.status) || item.phase != Phase::Completed => Kind::Error,
        Class::Bad => Kind::Failed,
    }
}

fn seconds(span: Option<Span>) -> String {
    format!("{:.3}", span.map_or(0.0, Span::as_secs_f64))
}

fn time(items: &[&TestItem]) -> Option<Span> {
    Some(Span(items.iter().filter_map(|i| i.duration).map(|d| d.0).sum()))
}

fn counts(items: &[&TestItem]) -> String {
    let of = |wanted: Kind| items.iter().filter(|i| kind(i) == wanted).count();
    let (failed, errors, skipped) = (of(Kind::Failed), of(Kind::Error), of(Kind::Skipped));
    let time = seconds(time(items));
    format!("tests=\"{}\" failures=\"{failed}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{time}\"", items.len())
}

/// The document.
pub(super) fn xml(run: &TestRun, items: &[TestItem]) -> String {
    let mut by_test: BTreeMap<&str, Vec<&TestItem>> = BTreeMap::new();
    items.iter().for_each(|item| by_test.entry(&item.test).or_default().push(item));
    let all: Vec<&TestItem> = items.iter().collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let name = escaped(&sentence(run));
    // Writing to a text cannot fail.
    let _ = writeln!(out, "<testsuites name=\"{name}\" {}>", counts(&all));
    for (test, items) in by_test {
        let began = items.iter().filter_map(|i| i.started_at).min();
        let stamp = began.and_then(|t| jiff::Timestamp::from_microsecond(t.0).ok());
        let stamp = stamp.map(|t| format!(" timestamp=\"{}\"", t.strftime("%Y-%m-%dT%H:%M:%S"))).unwrap_or_default();
        let _ = writeln!(out, "  <testsuite name=\"{}\" {}{stamp}>", escaped(test), counts(&items));
        items.iter().for_each(|item| case(&mut out, run, item));
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn case(out: &mut String, run: &TestRun, item: &TestItem) {
    let name = if item.path.is_empty() { &item.test } else { &item.path };
    let class = [&run.area, &run.target.replace('/', "."), &item.test].map(|p| escaped(p)).join(".").replace("..", ".");
    let head =
        format!("<testcase classname=\"{class}\" name=\"{}\" time=\"{}\">", escaped(name), seconds(item.duration));
    let _ = writeln!(out, "    {head}");
    let message =
        if item.comment.is_empty() { item.status.clone() } else { format!("{}: {}", item.status, item.comment) };
    let message = escaped(&message);
    match kind(item) {
        Kind::Passed => {}
        Kind::Skipped => _ = writeln!(out, "      <skipped message=\"{message}\"/>"),
        kind => {
            let tag = if kind == Kind::Failed { "failure" } else { "error" };
            let log = escaped(&tail(item).unwrap_or_default());
            let _ =
                writeln!(out, "      <{tag} type=\"{}\" message=\"{message}\">{log}</{tag}>", escaped(&item.status));
        }
    }
    let mut said = format!("status {}, {} attempts, {}", item.status, item.attempts.len(), item.directory);
    if item.flaky {
        said.push_str(", flaky");
    }
    let _ = writeln!(out, "      <system-out>{}</system-out>\n    </testcase>", escaped(&said));
}
