//! Real output of the real tools, read: what it comes to, and that it is recognised.

use formats::{Event, Format, Limits, Reader, Summary, TestCase, TestOutcome, Verdict};
use std::path::PathBuf;

fn sample(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn read(format: Format, bytes: &[u8]) -> (Summary, Vec<TestCase>) {
    let mut tests = Vec::new();
    let mut take = |event| {
        if let Event::Test(test) = event {
            tests.push(test);
        }
    };
    let mut reader = Reader::new(format, Limits::default());
    reader.push(bytes, &mut take);
    let summary = reader.finish(&mut take);
    (summary, tests)
}

/// A summary in short.
fn shown(summary: &Summary) -> String {
    let verdict = match summary.verdict() {
        Verdict::Passed => "passed",
        Verdict::Incomplete => "incomplete",
        Verdict::Failed => "failed",
    };
    let mut text = format!("{verdict}: {}", summary.totals.words());
    if summary.flaky > 0 {
        text += &format!(", {} flaky", summary.flaky);
    }
    for test in &summary.totals.bad {
        text += &format!("\n  {:?} {}", test.outcome, test.name);
    }
    for flaw in &summary.flaws {
        text += &format!("\n  ({flaw})");
    }
    text
}

#[test]
fn show() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in names {
        let (summary, _) = read(Format::Auto, &sample(&name));
        println!("@@{name}@@{:?}@@{}", summary.format.unwrap(), shown(&summary));
    }
}
