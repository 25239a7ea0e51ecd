//! What steps make of a build: flags, halts, stops, losses.

use crate::town::{Town, builder, forced, scheduler, step, worker};
use engine::build::{CommandEnd, Tally, tally};
use model::{Config, Results, StepFlags, StepSpec, Transition};
use proptest::prelude::*;

fn one_builder(steps: Vec<model::StepSpec>) -> Town {
    Town::new(Config {
        workers: vec![worker("w", 1)],
        builders: vec![builder("b", &["w"], steps)],
        schedulers: vec![scheduler("force", forced(), &["b"])],
        ..Config::default()
    })
}

const PLAIN: StepFlags = StepFlags::PLAIN;
const HALTING: StepFlags = StepFlags::HALTING;
const ALWAYS: StepFlags = StepFlags { always_run: true, ..PLAIN };
const WARNS: StepFlags = StepFlags { flunk_on_failure: false, warn_on_failure: true, ..PLAIN };
const STRICT: StepFlags = StepFlags { flunk_on_warnings: true, ..PLAIN };
const DEAF: StepFlags = StepFlags { flunk_on_failure: false, warn_on_warnings: false, ..PLAIN };

#[test]
fn flags_decide_what_a_result_does() {
    use Results::*;
    let table = [
        (PLAIN, Success, Success, false),
        (PLAIN, Warnings, Warnings, false),
        (PLAIN, Failure, Failure, false),
        (PLAIN, Skipped, Success, false),
        (PLAIN, Exception, Exception, true),
        (PLAIN, Retry, Retry, true),
        (PLAIN, Cancelled, Cancelled, true),
        (HALTING, Failure, Failure, true),
        (HALTING, Warnings, Warnings, false),
        (WARNS, Failure, Warnings, false),
        (STRICT, Warnings, Failure, false),
        (DEAF, Failure, Success, false),
        (DEAF, Warnings, Success, false),
        (DEAF, Exception, Exception, true),
    ];
    for (flags, step, results, halted) in table {
        let sum = tally(Tally { results: Success, halted: false }, flags, step);
        assert_eq!((sum.results, sum.halted), (results, halted), "{flags:?} {step}");
    }
}

proptest! {
    /// The result of a build does not depend on the order of its steps' results, and halting never ends.
    #[test]
    fn a_tally_is_a_join(steps in prop::collection::vec((0i64..7, any::<[bool; 5]>()), 0..8)) {
        let items: Vec<_> = steps.iter().map(|(code, f)| {
            let flags = StepFlags {
                halt_on_failure: f[0], flunk_on_failure: f[1], flunk_on_warnings: f[2],
                warn_on_failure: f[3], warn_on_warnings: f[4], always_run: false,
            };
            (flags, Results::from_code(*code).expect("0 to 6"))
        }).collect();
        let sum = |order: &mut dyn Iterator<Item = &(StepFlags, Results)>| {
            order.fold(Tally { results: Results::Success, halted: false }, |t, (f, r)| tally(t, *f, *r))
        };
        prop_assert_eq!(sum(&mut items.iter()), sum(&mut items.iter().rev()));
    }
}

#[test]
fn a_build_that_passes_runs_all_its_steps_in_order() {
    let mut town = one_builder(vec![step("configure", HALTING), step("compile", HALTING), step("test", PLAIN)]);
    town.force("b", 0);
    let build = town.only_build();
    for _ in 0..3 {
        town.end_command(build, CommandEnd::Exited(0));
    }
    assert_eq!(town.begun(), ["configure", "compile", "test"]);
    assert_eq!(town.ended(), [(build, Results::Success, "build successful".to_owned())]);
    assert_eq!(town.answered(), [Results::Success]);
    assert!(matches!(town.history.last(), Some(Transition::SetFinished { results: Results::Success, .. })));
}

#[test]
fn a_halt_leaves_only_steps_that_always_run() {
    let mut town = one_builder(vec![step("compile", HALTING), step("test", PLAIN), step("clean", ALWAYS)]);
    town.force("b", 0);
    let build = town.only_build();
    town.end_command(build, CommandEnd::Exited(2));
    town.end_command(build, CommandEnd::Exited(0));
    assert_eq!(town.begun(), ["compile", "clean"]);
    assert_eq!(town.ended(), [(build, Results::Failure, "failed in compile".to_owned())]);
}

#[test]
fn each_way_a_command_ends_has_its_result() {
    let table = [
        (CommandEnd::Exited(0), Results::Success, "build successful"),
        (CommandEnd::Exited(1), Results::Failure, "failed in s"),
        (CommandEnd::Signalled("SIGSEGV".to_owned()), Results::Failure, "failed in s"),
        (CommandEnd::NotStarted("no such file".to_owned()), Results::Failure, "failed in s"),
        (CommandEnd::NoOutput(model::Span::seconds(1200)), Results::Failure, "failed in s"),
        (CommandEnd::TooLong(model::Span::seconds(60)), Results::Failure, "failed in s"),
        (CommandEnd::Interrupted("by ann".to_owned()), Results::Cancelled, "stopped in s"),
        (CommandEnd::Broken("the supervisor died".to_owned()), Results::Exception, "exception in s"),
    ];
    for (end, results, line) in table {
        let mut town = one_builder(vec![step("s", PLAIN)]);
        town.force("b", 0);
        let build = town.only_build();
        town.end_command(build, end);
        assert_eq!(town.ended(), [(build, results, line.to_owned())]);
    }
}

#[test]
fn a_stopped_build_is_cancelled_with_its_reason_even_when_the_step_still_passed() {
    let mut town = one_builder(vec![step("compile", PLAIN), step("test", PLAIN)]);
    town.force("b", 0);
    let build = town.only_build();
    let stop = engine::build::stop(&town.world, build, "ann: not needed").expect("it runs");
    town.take(vec![stop]);
    assert_eq!(engine::build::stop(&town.world, build, "bob"), None, "asked for once");
    town.settle();
    town.end_command(build, CommandEnd::Exited(0));
    assert_eq!(town.begun(), ["compile"]);
    assert_eq!(town.ended(), [(build, Results::Cancelled, "stopped: ann: not needed".to_owned())]);
    assert_eq!(town.answered(), [Results::Cancelled]);
}

#[test]
fn a_lost_worker_is_waited_for_and_then_its_build_is_tried_again_three_times() {
    let mut town = one_builder(vec![step("compile", PLAIN)]);
    town.force("b", 0);
    let w = town.worker("w");
    for attempt in 0..4 {
        assert_eq!(town.world.builds().count(), 1, "attempt {attempt} runs");
        town.disconnect(w);
        town.pass(599);
        assert_eq!(town.ended().len(), attempt, "still within the grace time");
        town.pass(1);
        assert_eq!(town.ended().len(), attempt + 1);
        town.connect(w);
    }
    let results: Vec<_> = town.ended().iter().map(|e| e.1).collect();
    assert_eq!(results, [Results::Retry, Results::Retry, Results::Retry, Results::Exception]);
    assert_eq!(town.answered(), [Results::Exception]);
}

/// Whoever runs tests has rules of its own for attempts that are lost.
#[test]
fn an_attempt_of_a_test_run_is_not_tried_again() {
    let action = || {
        let key = "0123456789abcdef0123456789abcdef".into();
        model::StepAction::Transfer(model::TransferSpec::Attempt { key, max_size: 1, max_time: None })
    };
    let mut town = one_builder(vec![StepSpec { flags: PLAIN, ..StepSpec::new("test", action()) }]);
    town.force("b", 0);
    let (w, build) = (town.worker("w"), town.only_build());
    town.disconnect(w);
    town.pass(600);
    assert_eq!(town.ended(), [(build, Results::Exception, "worker w was lost".to_owned())]);
    assert_eq!(town.answered(), [Results::Exception]);
    town.connect(w);
    assert_eq!(town.world.builds().count(), 0);
    // The same when the worker itself says that the command is gone.
    let mut town = one_builder(vec![StepSpec { flags: PLAIN, ..StepSpec::new("test", action()) }]);
    town.force("b", 0);
    let build = town.only_build();
    town.end_command(build, CommandEnd::Lost("the worker was stopped".to_owned()));
    assert_eq!(town.ended(), [(build, Results::Exception, "its attempt is lost".to_owned())]);
    assert_eq!(town.answered(), [Results::Exception]);
}

#[test]
fn a_worker_that_comes_back_in_time_goes_on() {
    let mut town = one_builder(vec![step("compile", PLAIN)]);
    town.force("b", 0);
    let (w, build) = (town.worker("w"), town.only_build());
    town.disconnect(w);
    town.pass(300);
    town.connect(w);
    town.pass(3000);
    town.end_command(build, CommandEnd::Exited(0));
    assert_eq!(town.ended(), [(build, Results::Success, "build successful".to_owned())]);
}

#[test]
fn an_answer_from_an_old_epoch_is_refused_and_kept() {
    let mut town = one_builder(vec![step("compile", PLAIN)]);
    town.force("b", 0);
    let (w, build) = (town.worker("w"), town.only_build());
    town.disconnect(w);
    town.pass(600);
    let end = engine::build::StepEnd::of(CommandEnd::Exited(0));
    let said = engine::build::step_ended(&town.world, build, 1, model::StepId(1), end, town.now);
    assert_eq!(
        said,
        [Transition::Refused { build, epoch: 1, at: town.now, what: "step 1 ended as SUCCESS: passed".to_owned() }]
    );
}

#[test]
fn stopping_a_build_whose_worker_is_away_ends_it_at_once() {
    let mut town = one_builder(vec![step("compile", PLAIN)]);
    town.force("b", 0);
    let (w, build) = (town.worker("w"), town.only_build());
    town.disconnect(w);
    let stop = engine::build::stop(&town.world, build, "enough").expect("it runs");
    town.take(vec![stop]);
    town.settle();
    assert_eq!(town.ended(), [(build, Results::Cancelled, "stopped: enough".to_owned())]);
}

#[test]
fn good_builds_teach_what_is_usual() {
    let mut town = one_builder(vec![step("compile", PLAIN), step("test", PLAIN)]);
    for seconds in [10, 20] {
        town.force("b", 0);
        let build = town.only_build();
        town.pass(seconds);
        town.end_command(build, CommandEnd::Exited(0));
        town.pass(4);
        town.end_command(build, CommandEnd::Exited(0));
    }
    let usual = &town.world.builder_named("b").expect("b").builder.usual;
    assert_eq!(usual.steps["compile"].to_string(), "12 s");
    assert_eq!(usual.steps["test"].to_string(), "4.0 s");
    town.force("b", 0);
    let running = town.world.builds().next().expect("runs");
    let (early, late) = engine::eta::of_build(&town.world, running, town.now).expect("learnt");
    assert_eq!((early.since(town.now).to_string(), late.since(town.now).to_string()), ("8.4 s".into(), "24 s".into()));
}

#[test]
fn a_step_says_what_its_configuration_has_it_say() {
    let mut spec = step("docs", PLAIN);
    spec.description = Some("writing the manual".into());
    spec.description_done = Some("the manual is written".into());
    let mut town = one_builder(vec![spec]);
    for (end, said) in
        [(CommandEnd::Exited(0), "the manual is written"), (CommandEnd::Exited(2), "failed with exit code 2")]
    {
        town.force("b", 0);
        let build = town.only_build();
        let step = town.world.build(build).and_then(|b| b.current()).expect("runs").clone();
        assert_eq!(step.state, "writing the manual");
        town.end_command(build, end);
        let state = town.history.iter().rev().find_map(|t| match t {
            Transition::StepFinished { state, .. } => Some(state.clone()),
            _ => None,
        });
        assert_eq!(state.as_deref(), Some(said));
    }
}
