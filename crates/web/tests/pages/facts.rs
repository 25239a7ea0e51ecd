//! What the steps of the history found besides their results.

use model::{
    BuildId, LockAccess, LockOwner, LockPlace, LockView, RequestId, Results, Scheduler, SchedulerId, SchedulerState,
    Span, StepFacts, TestCase, TestChange, TestNames, TestOutcome, TestTotals, Time, Transition,
};

/// A report of 161 tests, of which one is at fault when the step is; hostile words in its name and message.
pub(crate) fn of(step: &str, results: Results) -> StepFacts {
    match step {
        "configure" => StepFacts { hidden: true, ..StepFacts::default() },
        "compile" => StepFacts {
            warnings: Some(3),
            urls: vec![
                ("coverage".to_owned(), "https://example.org/coverage".to_owned()),
                ("a trap".to_owned(), "javascript:alert(1)".to_owned()),
            ],
            ..StepFacts::default()
        },
        "test" => StepFacts { tests: Some(report(results)), ..StepFacts::default() },
        _ => StepFacts::default(),
    }
}

fn report(results: Results) -> TestTotals {
    let mut totals = TestTotals { passed: 160, skipped: 2, ..TestTotals::default() };
    let outcome = if results.is_good() { TestOutcome::Passed } else { TestOutcome::Failed };
    totals.count(TestCase {
        name: "inflate_window<img src=x>".to_owned(),
        outcome,
        duration: Some(Span::millis(1500)),
        message: "expected 32768, got 0\n<script>alert(1)</script>\u{202e}".to_owned(),
    });
    let names = |names: &[&str]| TestNames {
        count: names.len() as u64,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    totals.change = (!results.is_good()).then(|| {
        Box::new(TestChange {
            against: 57,
            newly_failing: names(&["inflate_window<img src=x>"]),
            fixed: names(&["crc32 \u{202e}<b>"]),
            still_failing: names(&[]),
            new: Some(names(&[])),
            gone: Some(TestNames { count: 1200, ..names(&["adler32"]) }),
        })
    });
    totals
}

/// A lock that two hold and one waits for, and one that is free.
pub(crate) fn locks(now: Time) -> Vec<LockView> {
    let place = |owner, access, ago| LockPlace { owner, access, since: now - Span::seconds(ago) };
    let build = |number, step: Option<&str>| LockOwner::Build {
        build: BuildId(1),
        builder: "linux".to_owned(),
        number,
        step: step.map(str::to_owned),
    };
    let asks = LockOwner::Request { request: RequestId(1), builder: "fuzz <b>&".to_owned() };
    let view =
        |lock: &str, holders, waiting| LockView { lock: lock.to_owned(), worker: None, room: 2, holders, waiting };
    let holders = vec![
        place(build(60, Some("test")), LockAccess::Counting(1), 70),
        place(build(59, None), LockAccess::Counting(1), 20),
    ];
    vec![
        view("database", holders, vec![place(asks, LockAccess::Exclusive, 15)]),
        view("licence", Vec::new(), Vec::new()),
    ]
}

/// The force scheduler of the configuration, as it is stored.
pub(crate) fn scheduler() -> Transition {
    let state = SchedulerState::default();
    Transition::SchedulerKnown(Scheduler { id: SchedulerId(1), name: "force".to_owned(), configured: true, state })
}
