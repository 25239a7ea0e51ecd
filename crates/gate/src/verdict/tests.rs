//! The table of ends, and the laws of the lattice.

use super::*;
use proptest::prelude::*;

fn whole(passed: u64, failed: u64, unexpected: u64) -> Stream {
    Stream::Whole { totals: Totals { passed, failed, unexpected, ..Totals::default() } }
}

fn torn(passed: u64) -> Stream {
    Stream::Torn { totals: Totals { passed, ..Totals::default() }, why: "a test was begun and not ended".to_owned() }
}

#[test]
fn a_stage_passes_only_if_everything_says_so() {
    let minute = Span::seconds(60);
    let cases: Vec<(Exit, Stream, Verdict, &str)> = vec![
        (Exit::Code(0), Stream::None, Verdict::Passed, ""),
        (Exit::Code(1), Stream::None, Verdict::Failed, "exit code 1"),
        (Exit::Code(2), Stream::None, Verdict::Failed, "exit code 2"),
        (Exit::Code(126), Stream::None, Verdict::Failed, "exit code 126: the command is no program that can be run"),
        (Exit::Code(127), Stream::None, Verdict::Failed, "exit code 127: the command was not found"),
        (Exit::Code(128), Stream::None, Verdict::Failed, "exit code 128"),
        (
            Exit::Code(139),
            Stream::None,
            Verdict::Failed,
            "exit code 139: a command in it was ended by signal 11 (SIGSEGV)",
        ),
        (Exit::Code(255), Stream::None, Verdict::Failed, "exit code 255"),
        (Exit::Signal(9), Stream::None, Verdict::Failed, "ended by signal 9 (SIGKILL)"),
        (Exit::Signal(11), Stream::None, Verdict::Failed, "ended by signal 11 (SIGSEGV)"),
        (Exit::Signal(40), Stream::None, Verdict::Failed, "ended by signal 40"),
        (Exit::TooLong(minute), Stream::None, Verdict::Failed, "stopped after 1 min, its limit"),
        (Exit::Silent(minute), Stream::None, Verdict::Failed, "stopped after 1 min without output"),
        (Exit::TooMuch("memory".into()), Stream::None, Verdict::Failed, "stopped: it used more memory than it may"),
        (
            Exit::NotStarted("no directory 'x'".into()),
            Stream::None,
            Verdict::Failed,
            "could not be started: no directory 'x'",
        ),
        (Exit::Stopped, Stream::None, Verdict::Cancelled, "stopped"),
        (Exit::Lost("the worker went away".into()), Stream::None, Verdict::Broken, "the worker went away"),
        (Exit::Code(0), whole(3, 0, 0), Verdict::Passed, ""),
        (Exit::Code(0), whole(3, 1, 0), Verdict::Failed, "1 test failed"),
        (Exit::Code(1), whole(3, 0, 0), Verdict::Failed, "exit code 1"),
        (Exit::Code(1), whole(3, 2, 0), Verdict::Failed, "exit code 1; 2 tests failed"),
        (Exit::Code(0), whole(3, 0, 1), Verdict::Failed, "1 test passed though known to fail"),
        (Exit::Code(0), whole(0, 0, 0), Verdict::Failed, "no test in its results"),
        (Exit::Code(0), torn(3), Verdict::Failed, "its results are not whole: a test was begun and not ended"),
        (Exit::Code(0), Stream::Missing, Verdict::Failed, "the results that it promises are not there"),
        (
            Exit::Signal(9),
            torn(3),
            Verdict::Failed,
            "ended by signal 9 (SIGKILL); its results are not whole: a test was begun and not ended",
        ),
        (Exit::Stopped, torn(3), Verdict::Cancelled, "stopped"),
        (Exit::Stopped, whole(3, 1, 0), Verdict::Failed, "1 test failed; stopped"),
        (Exit::Lost("the disk is full".into()), Stream::Missing, Verdict::Broken, "the disk is full"),
        (Exit::Lost("the disk is full".into()), whole(1, 1, 0), Verdict::Broken, "the disk is full; 1 test failed"),
    ];
    for (exit, stream, verdict, reasons) in cases {
        let judged = judge(&exit, &stream);
        assert_eq!((judged.verdict, judged.reasons.join("; ").as_str()), (verdict, reasons), "{exit:?} {stream:?}");
    }
}

#[test]
fn no_exit_code_but_nought_passes() {
    for code in (-300..300).filter(|c| *c != 0) {
        assert_eq!(judge(&Exit::Code(code), &Stream::None).verdict, Verdict::Failed, "{code}");
    }
}

/// The outcome of a test, what is known of it, and whether the run may still pass.
#[test]
fn what_is_known_of_a_test_counts_until_its_day() {
    let known = |kind| Some(Known { kind, owner: "kim".into(), until: 100 });
    let (fails, flaps) = (known(KnownKind::Fails), known(KnownKind::Flaps));
    let cases = [
        (TestOutcome::Failed, None, 100, Verdict::Failed),
        (TestOutcome::Failed, fails.as_ref(), 100, Verdict::Passed),
        (TestOutcome::Failed, fails.as_ref(), 101, Verdict::Failed),
        (TestOutcome::Passed, fails.as_ref(), 100, Verdict::Failed),
        (TestOutcome::Passed, fails.as_ref(), 101, Verdict::Passed),
        (TestOutcome::Skipped, fails.as_ref(), 100, Verdict::Passed),
        (TestOutcome::Failed, flaps.as_ref(), 100, Verdict::Flaky),
        (TestOutcome::Error, flaps.as_ref(), 100, Verdict::Flaky),
        (TestOutcome::Passed, flaps.as_ref(), 100, Verdict::Passed),
        (TestOutcome::Failed, flaps.as_ref(), 101, Verdict::Failed),
        (TestOutcome::ExpectedFailure, None, 100, Verdict::Passed),
        (TestOutcome::UnexpectedSuccess, None, 100, Verdict::Failed),
    ];
    for (outcome, known, today, verdict) in cases {
        let mut totals = Totals::default();
        totals.add_known(outcome, known, today);
        assert_eq!(totals.verdict(), verdict, "{outcome:?} {known:?} on {today}");
        assert_eq!(totals.all(), 1);
    }
}

#[test]
fn a_second_attempt_excuses_a_failure_and_nothing_else() {
    use Verdict::{Broken, Cancelled, Failed, Flaky, Passed};
    let cases = [
        (Failed, Passed, Flaky),
        (Failed, Flaky, Flaky),
        (Failed, Failed, Failed),
        (Failed, Broken, Broken),
        (Failed, Cancelled, Failed),
        (Broken, Passed, Passed),
        (Broken, Failed, Failed),
        (Cancelled, Passed, Passed),
        (Passed, Passed, Passed),
        (Flaky, Passed, Flaky),
    ];
    for (first, second, both) in cases {
        assert_eq!(first.then(second), both, "{first} then {second}");
    }
}

fn verdict() -> impl Strategy<Value = Verdict> {
    proptest::sample::select(&Verdict::ALL[..])
}

fn totals() -> impl Strategy<Value = Totals> {
    proptest::array::uniform6(0_u64..3).prop_map(|[passed, failed, expected, unexpected, flapping, skipped]| Totals {
        passed,
        failed,
        expected,
        unexpected,
        flapping,
        skipped,
    })
}

proptest! {
    #[test]
    fn worst_is_a_join(a in verdict(), b in verdict(), c in verdict()) {
        prop_assert_eq!(a.worst(b), b.worst(a));
        prop_assert_eq!(a.worst(b).worst(c), a.worst(b.worst(c)));
        prop_assert_eq!(a.worst(a), a);
        prop_assert_eq!(a.worst(Verdict::Passed), a);
        prop_assert_eq!(a.worst(b).may_land(), a.may_land() && b.may_land());
    }

    #[test]
    fn a_run_is_its_worst_part_and_nothing_lands_that_never_passed(a in verdict(), b in verdict(), c in verdict()) {
        prop_assert_eq!(Verdict::of([a, b, c]), Verdict::of([c, a, b, b]));
        // Something must have passed for anything to land.
        let lands = a.then(b).then(c).may_land();
        prop_assert!(!lands || [a, b, c].iter().any(|v| v.may_land()));
        prop_assert!(a.then(b) != Verdict::Passed || !matches!(a, Verdict::Failed | Verdict::Flaky));
    }

    #[test]
    fn a_stage_is_never_better_than_a_part_of_it(code in -2..3_i32, totals in totals(), is_torn in any::<bool>()) {
        let stream = match is_torn {
            true => Stream::Torn { totals, why: "cut".into() },
            false => Stream::Whole { totals },
        };
        let judged = judge(&Exit::Code(code), &stream);
        prop_assert!(judged.verdict >= totals.verdict());
        prop_assert!(code == 0 || judged.verdict == Verdict::Failed);
        prop_assert!(!is_torn || judged.verdict == Verdict::Failed);
        prop_assert!(totals.all() > 0 || judged.verdict == Verdict::Failed);
        prop_assert_eq!(judged.reasons.is_empty(), judged.verdict == Verdict::Passed);
    }
}
