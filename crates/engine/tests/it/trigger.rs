//! Steps that file sets: waiting, not waiting, what counts, and what a stop or a loss does to them.

use crate::town::{Town, builder, forced, scheduler, step, worker};
use engine::build::CommandEnd;
use engine::build_set::{NewSet, NewStamp};
use model::property::property;
use model::{
    BuildId, ChangeId, Config, PropertyValue, Results, SchedulerKind, StepAction, StepFlags, StepSpec, Transition,
    TriggerSpec, Value,
};

fn trigger(schedulers: &[&str], change: impl Fn(&mut TriggerSpec)) -> StepSpec {
    let mut spec = TriggerSpec {
        schedulers: schedulers.iter().map(|s| (*s).to_owned()).collect(),
        wait: true,
        unimportant: vec![],
        properties: Default::default(),
        copy_properties: vec![],
        update_source: false,
    };
    change(&mut spec);
    StepSpec { flags: StepFlags::HALTING, ..StepSpec::new("trigger", StepAction::Trigger(spec)) }
}

fn config(first: StepSpec) -> Config {
    let plain = || vec![step("s", StepFlags::PLAIN)];
    Config {
        workers: vec![worker("w", 9), worker("v", 1)],
        builders: vec![
            builder("up", &["v"], vec![first, step("after", StepFlags::PLAIN)]),
            builder("unit", &["w"], plain()),
            builder("docs", &["w"], plain()),
        ],
        schedulers: vec![
            scheduler("force", forced(), &["up", "unit"]),
            scheduler("units", SchedulerKind::Triggerable, &["unit"]),
            scheduler("docs", SchedulerKind::Triggerable, &["docs"]),
        ],
        ..Config::default()
    }
}

fn started(first: StepSpec) -> (Town, BuildId) {
    let mut town = Town::new(config(first));
    let stamp = NewStamp {
        repository: "r".to_owned(),
        branch: Some("main".to_owned()),
        changes: vec![ChangeId(5)],
        ..NewStamp::default()
    };
    let properties = [property("size", 3, "Scheduler"), property("owner", "ann", "Force Build Form")].into();
    town.file(&["up"], NewSet { stamps: vec![stamp], properties, ..NewSet::default() });
    let build = town.running("up", 1);
    (town, build)
}

fn end(town: &mut Town, name: &str, results: Results) {
    let build = town.running(name, 1);
    town.end_step(build, results, "ended");
}

fn state(town: &Town, build: BuildId) -> String {
    town.world.build(build).and_then(|b| b.current()).map(|s| s.state.clone()).unwrap_or_default()
}

#[test]
fn a_step_waits_for_its_sets_and_takes_the_worst_of_those_that_count() {
    use Results::*;
    let table = [
        (Success, Success, Success, "units passed, docs passed"),
        (Success, Failure, Failure, "units passed, docs failed"),
        (Failure, Exception, Exception, "units failed, docs exception"),
        (Warnings, Success, Warnings, "units warnings, docs passed"),
    ];
    for (units, docs, results, line) in table {
        let (mut town, build) = started(trigger(&["units", "docs"], |_| {}));
        assert_eq!(state(&town, build), "waiting for units, docs");
        end(&mut town, "docs", docs);
        assert_eq!(town.begun().iter().filter(|s| **s == "after").count(), 0);
        end(&mut town, "unit", units);
        let ended = town.steps_ended().into_iter().find(|s| s.0 == "trigger").expect("ended");
        assert_eq!(ended, ("trigger".to_owned(), results, line.to_owned()));
        assert_eq!(town.world.build(build).is_some(), results.is_good(), "its flags decide, as for any step");
    }
    let (mut town, _) = started(trigger(&["units", "docs"], |t| t.unimportant = vec!["docs".to_owned()]));
    end(&mut town, "docs", Failure);
    assert!(!town.steps_ended().iter().any(|s| s.0 == "trigger"), "waited for all the same");
    end(&mut town, "unit", Success);
    let ended = town.steps_ended().into_iter().find(|s| s.0 == "trigger").expect("ended");
    assert_eq!((ended.1, ended.2.as_str()), (Success, "units passed, docs failed"));
}

#[test]
fn a_step_that_does_not_wait_goes_on_at_once() {
    let (town, build) = started(trigger(&["units"], |t| t.wait = false));
    assert_eq!(state(&town, build), "make after");
    let ended = town.steps_ended();
    assert_eq!(ended[0], ("trigger".to_owned(), Results::Success, "asked for units".to_owned()));
    let request = town.world.build(town.running("unit", 1)).expect("runs").build.request;
    assert!(!town.world.request(request).expect("open").waited_for);
}

#[test]
fn what_is_triggered_builds_the_same_source_with_the_properties_that_are_given() {
    let (mut town, build) =
        started(StepSpec::new("first", StepAction::Shell(model::ShellSpec::new(model::CommandLine::words(["true"])))));
    let spec = trigger(&["units"], |t| {
        t.copy_properties = vec!["size".to_owned(), "nowhere".to_owned()];
        t.properties = [
            ("kind".to_owned(), PropertyValue::Value(Value::from("quick"))),
            ("n".to_owned(), PropertyValue::Text("7".into())),
        ]
        .into();
        t.update_source = true;
    });
    let mut configured = config(step("git", StepFlags::PLAIN));
    configured.builders[0].steps[1] = spec;
    town.configure(configured);
    let stamp = NewStamp { branch: Some("main".to_owned()), changes: vec![ChangeId(5)], ..NewStamp::default() };
    town.end_command(build, CommandEnd::Exited(0));
    town.end_command(build, CommandEnd::Exited(0));
    let properties = [property("size", 3, "Scheduler")].into();
    town.file(&["up"], NewSet { stamps: vec![stamp], properties, ..NewSet::default() });
    let second = town.running("up", 2);
    let got = vec![property("got_revision", "abc", "git")];
    town.end(second, engine::build::StepEnd { properties: got, ..engine::build::StepEnd::of(CommandEnd::Exited(0)) });
    let request = town.world.build(town.running("unit", 1)).expect("runs").build.request;
    let set = town.world.set(town.world.request(request).expect("open").set).expect("open").clone();
    assert_eq!((set.stamps[0].revision.as_deref(), &set.stamps[0].changes), (Some("abc"), &vec![ChangeId(5)]));
    let shown: Vec<String> = set
        .properties
        .iter()
        .map(|(n, p)| format!("{n} = {} ({})", model::render::shown(&p.value), p.source))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    kind = quick (trigger)
    n = 7 (trigger)
    parent_buildername = up (Trigger)
    parent_buildnumber = 2 (Trigger)
    scheduler = units (Scheduler)
    size = 3 (Scheduler)
    trigger_depth = 1 (Trigger)
    ");
    assert_eq!(set.parent.map(|p| p.build), Some(second));
}

#[test]
fn what_cannot_be_triggered_ends_the_step() {
    for (names, said) in [
        (vec!["nobody"], "there is no triggerable scheduler 'nobody'"),
        (vec!["units", "force"], "there is no triggerable scheduler 'force'"),
    ] {
        let mut town = Town::new(config(trigger(&names, |_| {})));
        town.force("up", 0);
        assert_eq!(town.steps_ended()[0], ("trigger".to_owned(), Results::Exception, said.to_owned()));
        assert_eq!(town.filed().len(), 1, "nothing of it was filed");
    }
}

#[test]
fn stopping_a_build_stops_what_it_waits_for() {
    let mut small = config(trigger(&["units", "docs"], |_| {}));
    small.workers[0].max_builds = 1;
    let mut town = Town::new(small);
    town.force("up", 0);
    let build = town.running("up", 1);
    let unit = town.running("unit", 1);
    assert_eq!(town.world.waiting(), 1, "the other waits for the worker");
    town.take(engine::build::stop(&town.world, build, "ann: enough").into_iter().collect());
    town.settle();
    assert_eq!(
        town.world.build(unit).expect("runs").stopping.as_deref(),
        Some("up #1, which waits for it, was stopped: ann: enough")
    );
    assert_eq!(town.world.waiting(), 0);
    assert_eq!(town.ended(), [(build, Results::Cancelled, "stopped: ann: enough".to_owned())]);
    town.end_command(unit, CommandEnd::Interrupted("ann".to_owned()));
    assert_eq!(town.world.builds().count(), 0);
    assert_eq!(town.sets_ended().len(), 3);
}

#[test]
fn a_build_that_is_lost_while_it_waits_gives_up_its_sets_and_asks_again() {
    let (mut town, build) = started(trigger(&["units"], |_| {}));
    let (v, unit) = (town.worker("v"), town.running("unit", 1));
    town.disconnect(v);
    town.pass(599);
    assert!(town.world.build(unit).expect("runs").stopping.is_none(), "within the grace time nothing is given up");
    town.pass(1);
    assert_eq!(town.world.build(unit).expect("runs").stopping.as_deref(), Some("up #1, which waits for it, was lost"));
    assert_eq!(town.ended().last().map(|e| (e.0, e.1)), Some((build, Results::Retry)));
    town.end_command(unit, CommandEnd::Interrupted("lost".to_owned()));
    town.connect(v);
    let again = town.running("unit", 2);
    town.end_command(again, CommandEnd::Exited(0));
    let second = town.running("up", 2);
    assert_eq!(state(&town, second), "make after");
}

#[test]
fn a_wait_goes_on_while_the_worker_is_away_and_over_a_restart() {
    let (mut town, build) = started(trigger(&["units", "docs"], |_| {}));
    let v = town.worker("v");
    town.disconnect(v);
    end(&mut town, "docs", Results::Success);
    town.restart();
    assert_eq!(state(&town, build), "waiting for units, docs", "the set that is complete already is remembered");
    end(&mut town, "unit", Results::Success);
    assert_eq!(town.steps_ended().last().map(|s| s.0.as_str()), Some("trigger"));
    town.restart();
    town.connect(v);
    assert_eq!(state(&town, build), "make after");
    assert!(town.world.build(build).expect("runs").commanded().is_some());
}

#[test]
fn a_waiting_step_has_no_command() {
    let (town, build) = started(trigger(&["units"], |_| {}));
    let running = town.world.build(build).expect("runs");
    assert!(running.current().is_some() && running.commanded().is_none());
    assert!(running.logs.is_empty());
}

#[test]
fn builds_that_trigger_each_other_in_a_circle_come_to_an_end() {
    let mut configured = config(step("x", StepFlags::PLAIN));
    configured.builders = vec![builder("up", &["w"], vec![trigger(&["again"], |_| {})])];
    configured.workers[0].max_builds = 100;
    configured.schedulers =
        vec![scheduler("force", forced(), &["up"]), scheduler("again", SchedulerKind::Triggerable, &["up"])];
    let mut town = Town::new(configured);
    town.force("up", 0);
    assert_eq!(town.world.builds().count(), 0);
    assert_eq!(town.answers().len(), 17);
    assert!(town.answered().iter().all(|r| *r == Results::Exception));
    assert!(
        town.history
            .iter()
            .any(|t| matches!(t, Transition::StepFinished { state, .. } if state.contains("16 times in a row")))
    );
}
