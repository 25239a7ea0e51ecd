//! Runs of tests with a past: two targets, a matrix of eight combinations, failures, a second try, an excuse, names by
//! somebody who means harm.

use crate::history::HOSTILE;
use model::area::Class;
use model::testrun::{
    Awaited, Measurement, Phase, StatusCount, TestAttempt, TestDatum, TestHead, TestRunState, TestRunTotals,
    TestStepRecord,
};
use model::{Span, TestItem, TestRun, TestRunId, Time, Transition};
use std::collections::BTreeMap;
use std::path::Path;
use web::Web;

/// Tests that are run over all combinations, with what one waits for and how long it takes.
const TESTS: [(&str, &str, i64); 4] =
    [("configure", "", 4), ("build", "configure", 21), ("check", "build", 38), ("size", "build", 1)];

/// The combinations.
pub(crate) const COMBINATIONS: [&str; 8] = [
    "O0/static",
    "O0/shared",
    "O2/static",
    "O2/shared",
    "O3/static",
    "O3/shared",
    "sanitize/static",
    "sanitize/shared",
];

/// How an item ended.
type End = (Phase, &'static str, Class, &'static str);

const PASS: End = (Phase::Completed, "PASS", Class::Good, "");
const PREQ: End = (Phase::Completed, "PREQ_FAIL", Class::Bad, "build failed");
const BROKEN: End = (Phase::Completed, "FAIL", Class::Bad, "make ended with exit code 2");
const WARN: End = (Phase::Completed, "WARN", Class::Good, "3 warnings of the compiler");

/// How an item of a run ended. `night`: 0 is the newest one.
fn end(target: &str, night: i64, test: &str, path: &str) -> End {
    match (target, night, test, path) {
        ("linux/gcc", 0 | 1, "build", "O3/shared") => BROKEN,
        ("linux/gcc", 0 | 1, "check" | "size", "O3/shared") => PREQ,
        ("linux/gcc", 1, "check", "O2/static") => (Phase::Completed, "FAIL", Class::Bad, "infcover: 1 of 214 failed"),
        ("linux/gcc", 0, "size", "O0/static") => {
            (Phase::Completed, "FAIL", Class::Bad, "size/lib: 178 kB, where at most 160 is wanted")
        }
        ("linux/gcc", 0, "check", "sanitize/static") => {
            (Phase::Completed, "ABORT", Class::Bad, "the sanitizer cannot start")
        }
        ("linux/gcc", n, "check", "sanitize/shared") if n % 3 == 0 => BROKEN,
        (_, _, "build", "sanitize/static") => WARN,
        _ => PASS,
    }
}

fn head(name: &str, items: u32, waits_for: &str) -> TestHead {
    TestHead {
        name: name.to_owned(),
        description: format!("What {name} shows of the library"),
        owner: "Ann".to_owned(),
        tags: vec!["nightly".to_owned()],
        items,
        waits_for: Some(waits_for.to_owned()).filter(|w| !w.is_empty()).into_iter().collect(),
    }
}

/// Totals as the runner counts them.
fn totals(items: &[TestItem]) -> TestRunTotals {
    let mut by_status: BTreeMap<(String, Class), u32> = BTreeMap::new();
    let mut totals = TestRunTotals { total: items.len() as u32, ..TestRunTotals::default() };
    for item in items {
        match item.phase {
            Phase::NotStarted => totals.waiting += 1,
            phase if !phase.is_over() => totals.running += 1,
            _ => {
                *by_status.entry((item.status.clone(), item.class)).or_default() += 1;
                let bad = u32::from(item.class == Class::Bad);
                if item.quarantined.is_some() { totals.quarantined += bad } else { totals.bad += bad }
            }
        }
        totals.flaky += u32::from(item.flaky && item.class == Class::Good);
    }
    let counts = by_status.into_iter().map(|((word, class), count)| StatusCount { word, class, count });
    totals.by_status = counts.collect();
    totals
}

fn run(id: i64, target: &str, name: String, from: Time) -> TestRun {
    let mut tests = vec![head("fetch", 1, "")];
    tests.extend(TESTS.iter().map(|(name, waits_for, _)| head(name, 8, waits_for)));
    tests.push(head("summary", 1, "check"));
    TestRun {
        id: TestRunId(id),
        area: "zlib".to_owned(),
        target: target.to_owned(),
        fields: vec!["OS".to_owned(), "CC".to_owned()],
        name,
        owner: "ann".to_owned(),
        patterns: "%".to_owned(),
        started_at: from,
        ended_at: Some(from + Span::seconds(184 + id * 3)),
        state: TestRunState::Green,
        locked: false,
        kept: id == 3,
        tags: vec!["nightly".to_owned()],
        comment: String::new(),
        directory: "/var/lib/sluice/tests".to_owned(),
        totals: TestRunTotals::default(),
        tests,
        statuses: Vec::new(),
    }
}

/// What an item waits for: its own way in general, the static one of it for `size`, all for `summary`.
fn awaited(test: &str, path: &str) -> Vec<Awaited> {
    let of = |test: &str, path: Option<String>| vec![Awaited { test: test.to_owned(), path }];
    match test {
        "build" => of("configure", Some(path.to_owned())),
        "check" => of("build", Some(path.to_owned())),
        "size" => of("build", Some(path.replace("shared", "static"))),
        "summary" => of("check", None),
        _ => Vec::new(),
    }
}

/// An item that ended, with an attempt and its step.
fn ended(
    run: TestRunId,
    test: &str,
    path: &str,
    (phase, status, class, comment): End,
    times: (Time, i64),
    dir: &Path,
) -> TestItem {
    let (from, seconds) = times;
    let item = TestItem {
        phase,
        status: status.to_owned(),
        class,
        comment: comment.to_owned(),
        ended_at: Some(from + Span::seconds(seconds)),
        waits_for: awaited(test, path),
        ..TestItem::new(run, test, path)
    };
    if status == "PREQ_FAIL" {
        return item;
    }
    let directory = dir.join(test).join(path).display().to_string();
    let ended = Some(from + Span::seconds(seconds));
    let attempt = |number, status: &str| TestAttempt {
        number,
        host: "localhost".to_owned(),
        launched: from,
        began: Some(from),
        ended,
        status: status.to_owned(),
        comment: comment.to_owned(),
        directory: directory.clone(),
        around: None,
    };
    let flaky = test == "check" && path == "O0/shared" && run.0 % 4 == 0;
    let attempts = if flaky { vec![attempt(1, "FAIL"), attempt(2, status)] } else { vec![attempt(1, status)] };
    let step = TestStepRecord {
        attempt: attempts.len() as u32,
        name: if test == "configure" { "configure".to_owned() } else { "make".to_owned() },
        status: status.to_owned(),
        exit: Some(if class == Class::Bad { 2 } else { 0 }),
        began: from,
        ended,
        log: Some("make.log".to_owned()),
        comment: String::new(),
    };
    let excused = test == "check" && path == "sanitize/shared" && class == Class::Bad;
    TestItem {
        flaky,
        quarantined: excused.then(|| "Bob, until December".to_owned()),
        host: "localhost".to_owned(),
        directory,
        log: Some("make.log".to_owned()),
        attempts,
        steps: vec![step],
        data: if test == "size" { sizes(class) } else { Vec::new() },
        started_at: Some(from),
        duration: Some(Span::seconds(seconds)),
        ..item
    }
}

fn sizes(class: Class) -> Vec<TestDatum> {
    let row = |variable: &str, value: &str, expected: &str, within| TestDatum {
        measured: Measurement {
            category: "size".to_owned(),
            variable: variable.to_owned(),
            value: value.to_owned(),
            expected: expected.to_owned(),
            tolerance: if expected.is_empty() { String::new() } else { "<=".to_owned() },
            units: "kB".to_owned(),
            ..Measurement::default()
        },
        within,
    };
    let lib = if class == Class::Bad { "178" } else { "131" };
    vec![row("lib", lib, "160", Some(class != Class::Bad)), row("header", "96", "", None)]
}

/// All items of a run.
fn items(run: TestRunId, target: &str, night: i64, from: Time, dir: &Path) -> Vec<TestItem> {
    let mut items = vec![ended(run, "fetch", "", PASS, (from, 3), dir)];
    let mut at = from + Span::seconds(3);
    for (test, _, seconds) in TESTS {
        for (n, path) in (0..).zip(COMBINATIONS) {
            let took = seconds + (run.0 * 7 + n * 3) % 5 + if path.starts_with("sanitize") { seconds } else { 0 };
            items.push(ended(run, test, path, end(target, night, test, path), (at, took), dir));
        }
        at += Span::seconds(seconds * 2);
    }
    items.push(ended(run, "summary", "", PASS, (at, 1), dir));
    items
}

fn saved(mut run: TestRun, items: Vec<TestItem>) -> Vec<Transition> {
    run.totals = totals(&items);
    if run.state == TestRunState::Green && run.totals.bad > 0 {
        run.state = TestRunState::Red;
    }
    vec![Transition::TestRunSaved(Box::new(run)), Transition::TestItemsSaved(items)]
}

/// Twelve nights of two targets, one run of a third that has just begun, and one that means harm.
pub(crate) async fn fill(web: &Web, dir: &Path, now: Time) {
    let mut id = 0;
    for target in ["linux/gcc", "linux/clang"] {
        for night in (0..12).rev() {
            id += 1;
            let from = now - Span::seconds(night * 86_400 + 7_200);
            let place = dir.join(format!("{target}/{id}"));
            let items = items(TestRunId(id), target, night, from, &place);
            for item in items.iter().filter(|item| item.class == Class::Bad && item.log.is_some() && night == 0) {
                std::fs::create_dir_all(&item.directory).unwrap();
                let log = "gcc -O3 -fPIC -c deflate.c\ndeflate.c:1673:18: error: 'used' undeclared <b>\nmake: *** [deflate.lo] Error 1\n";
                std::fs::write(Path::new(&item.directory).join("make.log"), log).unwrap();
            }
            web.store.commit(saved(run(id, target, format!("night-{}", 12 - night), from), items)).await.unwrap();
        }
    }
    web.store.commit(running(25, now)).await.unwrap();
    web.store.commit(hostile(26, now)).await.unwrap();
}

/// A run that has begun half a minute ago.
fn running(id: i64, now: Time) -> Vec<Transition> {
    let from = now - Span::seconds(31);
    let mut items = items(TestRunId(id), "mac/clang", 3, from, Path::new("/nowhere"));
    for (n, item) in items.iter_mut().enumerate().skip(9) {
        let fresh = TestItem::new(item.run, item.test.clone(), item.path.clone());
        let (phase, started_at) =
            if n < 12 { (Phase::Running, Some(now - Span::seconds(9))) } else { (Phase::NotStarted, None) };
        *item = TestItem { phase, started_at, host: "mac-mini".to_owned(), ..fresh };
    }
    let run = TestRun { state: TestRunState::Running, ended_at: None, ..run(id, "mac/clang", "now".to_owned(), from) };
    saved(run, items)
}

/// Names, comments and data by somebody who means harm.
fn hostile(id: i64, now: Time) -> Vec<Transition> {
    let from = now - Span::seconds(200_000);
    let bad = (Phase::Completed, "FAIL", Class::Bad, HOSTILE);
    let mut item = ended(TestRunId(id), HOSTILE, HOSTILE, bad, (from, 3), Path::new("/nowhere"));
    item.host = HOSTILE.to_owned();
    item.log = Some(HOSTILE.to_owned());
    item.quarantined = None;
    let measured = Measurement { variable: HOSTILE.to_owned(), value: HOSTILE.to_owned(), ..Measurement::default() };
    item.data = vec![TestDatum { measured, within: None }];
    let other = TestItem { path: "b".to_owned(), ..item.clone() };
    let run = TestRun {
        area: HOSTILE.to_owned(),
        comment: HOSTILE.to_owned(),
        owner: HOSTILE.to_owned(),
        patterns: HOSTILE.to_owned(),
        tests: vec![head(HOSTILE, 2, HOSTILE)],
        ..run(id, HOSTILE, HOSTILE.to_owned(), from)
    };
    saved(run, vec![item, other])
}

/// A run of so many items: a hundred tests, some of whose items failed.
pub(crate) async fn many(store: &store::Store, id: i64, count: usize, now: Time) {
    let from = now - Span::seconds(600);
    let items: Vec<TestItem> = (0..count)
        .map(|n| {
            let end = if n % 977 == 5 { BROKEN } else { PASS };
            let (test, path) = (format!("test{:02}", n % 100), format!("item.{}/part.{}", n / 1000, n / 100 % 10));
            ended(TestRunId(id), &test, &path, end, (from, 1 + n as i64 % 9), Path::new("/nowhere"))
        })
        .collect();
    let tests = (0..100).map(|n| head(&format!("test{n:02}"), (count / 100) as u32, "")).collect();
    let run = TestRun { tests, ..run(id, "many/items", "all".to_owned(), from) };
    store.commit(saved(run, items)).await.unwrap();
}
