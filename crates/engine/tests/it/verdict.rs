//! Verdicts: what a step's result is, as a table.

use engine::build::{CommandEnd, judge};
use model::{
    CommandLine, Findings, KindCount, Results, ShellSpec, StepAction, StepSpec, TestCase, TestOutcome, TestReading,
    TestTotals, WarningReading,
};

fn spec(change: impl Fn(&mut ShellSpec)) -> StepSpec {
    let mut shell = ShellSpec::new(CommandLine::words(["make"]));
    change(&mut shell);
    StepSpec::new("s", StepAction::Shell(shell))
}

fn tests(passed: u64, bad: u64) -> Option<TestTotals> {
    let mut totals = TestTotals { passed, ..TestTotals::default() };
    for n in 0..bad {
        let (outcome, message) = (TestOutcome::Failed, String::new());
        totals.count(TestCase { name: format!("t{n}"), outcome, duration: None, message });
    }
    Some(totals)
}

#[test]
fn the_table() {
    use CommandEnd::{Broken, Exited, Interrupted, NoOutput, Signalled};
    use Results::*;
    let plain = spec(|_| {});
    let decoded =
        spec(|s| s.decode_rc = [(0, Success), (3, Warnings), (4, Skipped), (5, Exception), (6, Success)].into());
    let counting = spec(|s| s.reading.warnings = Some(WarningReading { max: Some(5), ..WarningReading::default() }));
    let reads = |format: &str| Some(TestReading::new(format));
    let reporting = spec(|s| s.reading.tests = reads("tap"));
    let guessing = spec(|s| s.reading.tests = reads("auto"));
    let nothing = Findings::default;
    let warned = |n| Findings { warnings: Some(n), ..nothing() };
    let of_kinds = |fails| Findings {
        kinds: [("error", 1, fails), ("unused", 2, false), ("other", 0, true)]
            .map(|(name, count, fails)| KindCount { name: name.to_owned(), count, fails })
            .into(),
        ..warned(3)
    };
    let tested = |passed, bad| Findings { tests: tests(passed, bad), ..nothing() };
    let own = |results| Findings { results: Some(results), ..nothing() };
    let signal = || Signalled("SIGSEGV".to_owned());
    let stopped = || Interrupted("ann".to_owned());
    let table = [
        (&plain, Exited(0), nothing(), Success, "passed"),
        (&plain, Exited(3), nothing(), Failure, "failed with exit code 3"),
        (&decoded, Exited(3), nothing(), Warnings, "warnings with exit code 3"),
        (&decoded, Exited(4), nothing(), Skipped, "skipped with exit code 4"),
        (&decoded, Exited(5), nothing(), Exception, "exception with exit code 5"),
        (&decoded, Exited(6), nothing(), Success, "passed"),
        (&decoded, Exited(1), nothing(), Failure, "failed with exit code 1"),
        (&decoded, signal(), nothing(), Failure, "ended by signal SIGSEGV"),
        (&counting, Exited(0), warned(0), Success, "passed"),
        (&counting, Exited(0), warned(1), Warnings, "1 warning"),
        (&counting, Exited(0), warned(5), Warnings, "5 warnings"),
        (&counting, Exited(0), warned(6), Failure, "6 warnings, more than 5"),
        (&counting, Exited(2), warned(6), Failure, "failed with exit code 2; 6 warnings"),
        (&plain, Exited(0), of_kinds(false), Warnings, "3 warnings (1 error, 2 unused)"),
        (&plain, Exited(0), of_kinds(true), Failure, "3 warnings (1 error, 2 unused)"),
        (&decoded, Exited(3), of_kinds(true), Failure, "3 warnings (1 error, 2 unused)"),
        (&plain, Exited(2), of_kinds(true), Failure, "failed with exit code 2; 3 warnings (1 error, 2 unused)"),
        (&reporting, Exited(0), tested(12, 0), Success, "12 tests"),
        (&reporting, Exited(0), tested(10, 2), Failure, "12 tests, 2 failed"),
        (&reporting, Exited(1), tested(10, 2), Failure, "failed with exit code 1; 12 tests, 2 failed"),
        (&reporting, Exited(0), tested(0, 0), Warnings, "passed, with no test in its report"),
        (&reporting, Exited(0), nothing(), Warnings, "passed, with no test in its report"),
        (&guessing, Exited(0), nothing(), Success, "passed"),
        (&guessing, Exited(0), tested(10, 2), Failure, "12 tests, 2 failed"),
        (&reporting, Exited(2), nothing(), Failure, "failed with exit code 2"),
        (&reporting, stopped(), tested(1, 1), Cancelled, "stopped: ann; 2 tests, 1 failed"),
        (&plain, Exited(0), own(Failure), Failure, "failed"),
        (&plain, Exited(1), own(Success), Success, "passed"),
        (&plain, signal(), own(Success), Success, "passed"),
        (&plain, stopped(), own(Success), Cancelled, "stopped: ann"),
        (&plain, Broken("disk full".to_owned()), own(Success), Exception, "disk full"),
        (&plain, CommandEnd::Lost("its worker was stopped".to_owned()), own(Success), Retry, "its worker was stopped"),
        (&plain, NoOutput(model::Span::seconds(60)), own(Success), Failure, "ended after 1 min without output"),
        (&plain, Exited(0), Findings { summary: Some("all 3 of 3".to_owned()), ..nothing() }, Success, "all 3 of 3"),
    ];
    for (spec, end, findings, results, state) in table {
        let judged = judge(Some(spec), &end, &findings);
        assert_eq!((judged.results, judged.state.as_str()), (results, state), "{end:?} {findings:?}");
        assert_eq!((judged.facts.warnings, &judged.facts.tests), (findings.warnings, &findings.tests));
    }
    let trouble = || Findings { trouble: Some("the report is cut off".to_owned()), ..tested(3, 0) };
    for (end, results) in [(Exited(0), Exception), (Exited(1), Exception), (stopped(), Cancelled)] {
        assert_eq!(judge(Some(&reporting), &end, &trouble()).results, results);
    }
    let judged = judge(Some(&reporting), &Exited(0), &trouble());
    assert_eq!(judged.state, "its logs could not be read: the report is cut off");
}
