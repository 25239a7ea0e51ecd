//! Dependent and triggerable schedulers: sets that follow on others.

use super::place::{of_b, reasons, revisions, sets, town};
use crate::town::{Town, follows, forced, scheduler};
use engine::build::CommandEnd;
use engine::scheduler::{Asked, trigger};
use model::property::property;
use model::{BuildId, ParentStep, Properties, Results, SchedulerKind, SchedulerSpec, StepId, Transition, Value, Waits};

fn after(name: &str, upstream: &str) -> SchedulerSpec {
    scheduler(name, SchedulerKind::Dependent { upstream: upstream.to_owned() }, &["c"])
}

/// Every running build of the builder ends so.
fn end_all(town: &mut Town, results: &[Results]) {
    let running: Vec<BuildId> = town.world.builds().map(|b| b.build.id).collect();
    assert_eq!(running.len(), results.len(), "so many builds run");
    for (build, results) in running.into_iter().zip(results) {
        town.end_step(build, *results, "ended");
    }
}

#[test]
fn it_fires_when_all_builders_of_the_upstream_set_have_passed() {
    use Results::*;
    let table = [
        ([Success, Success], true),
        ([Success, Warnings], true),
        ([Warnings, Warnings], true),
        ([Success, Failure], false),
        ([Failure, Success], false),
        ([Exception, Success], false),
        ([Cancelled, Success], false),
    ];
    for (results, fires) in table {
        let upstream = scheduler("tests", follows("main", None), &["b", "c"]);
        let mut town = town(vec![upstream, after("package", "tests")]);
        town.change("main", "r1");
        assert_eq!(sets(&town).len(), 1, "it does not listen to changes");
        end_all(&mut town, &results);
        assert_eq!(sets(&town).len(), 1 + usize::from(fires), "{results:?}");
    }
}

#[test]
fn it_builds_the_very_same_source_and_the_two_ends_are_one_batch() {
    let mut upstream = of_b("tests", follows("main", None));
    upstream.properties = [property("flavour", "debug", "Scheduler")].into();
    let mut town = town(vec![upstream, SchedulerSpec { priority: 3, ..after("package", "tests") }]);
    town.change("main", "r1");
    town.change("main", "r2");
    let build = town.world.builds().next().expect("runs").build.id;
    let before = town.history.len();
    town.end_command(build, CommandEnd::Exited(0));
    let (first, second) = (sets(&town)[0].clone(), sets(&town)[2].clone());
    assert_eq!(revisions(&town), ["r1:1", "r2:2", "r1:1"]);
    assert_eq!(
        (second.scheduler.as_str(), second.stamps[0].repository.as_str()),
        ("package", "https://example.org/zlib")
    );
    assert_eq!(second.properties["flavour"].value, Value::from("debug"), "the upstream's properties go along");
    assert_eq!(second.properties["scheduler"].value, Value::from("package"));
    let batch = &town.history[before..];
    let end = batch.iter().position(|t| matches!(t, Transition::SetFinished { set, .. } if *set == first.id));
    let next = batch.iter().position(|t| matches!(t, Transition::SetFiled { set, .. } if set.id == second.id));
    assert_eq!(next, end.map(|at| at + 1), "nothing comes between the two");
    assert!(matches!(&batch[next.expect("filed")], Transition::SetFiled { requests, .. } if requests[0].priority == 3));
    insta::assert_snapshot!(second.reason, @"The dependent scheduler named 'package' triggered this build: set 1 of 'tests' passed");
}

#[test]
fn chains_go_on_and_circles_never_begin() {
    let mut town = town(vec![
        of_b("first", follows("main", None)),
        after("second", "first"),
        after("third", "second"),
        after("a", "b"),
        after("b", "a"),
        after("self", "self"),
        after("outside", "b"),
    ]);
    town.change("main", "r1");
    for _ in 0..3 {
        end_all(&mut town, &[Results::Success]);
    }
    let names: Vec<_> = sets(&town).iter().map(|s| s.scheduler.clone()).collect();
    assert_eq!(names, ["first", "second", "third"]);
    assert_eq!(town.world.builds().count(), 0);
    let said = engine::scheduler::check(town.world.config(), "UTC");
    let said: Vec<String> = said.into_iter().map(|p| format!("{}: {}", p.scheduler, p.what)).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    a: it follows itself in the end, so that none of the circle would ever begin
    b: it follows itself in the end, so that none of the circle would ever begin
    self: it follows itself in the end, so that none of the circle would ever begin
    ");
}

#[test]
fn a_set_that_files_itself_anew_is_not_possible_even_when_a_circle_is_fed() {
    // `a` follows `b`, `b` follows `a`, and a set is filed under the name of one of them.
    let mut town = town(vec![after("a", "b"), after("b", "a")]);
    let set = engine::build_set::NewSet {
        scheduler: "a".to_owned(),
        builders: vec![town.builder("c")],
        stamps: vec![Default::default()],
        ..Default::default()
    };
    let filed = engine::build_set::file(set, &mut model::NextIds::default(), town.now);
    town.take(vec![filed]);
    town.settle();
    end_all(&mut town, &[Results::Success]);
    assert_eq!(sets(&town).len(), 1);
}

#[test]
fn repeated_builds_and_schedulers_that_are_off_file_nothing() {
    let mut town = town(vec![of_b("tests", follows("main", None)), after("package", "tests")]);
    let package = town.world.scheduler_named("package").expect("package").id;
    let off = engine::scheduler::enable(&town.world, package, engine::scheduler::Switch::Off).expect("known");
    town.take(vec![off]);
    town.change("main", "r1");
    let build = town.world.builds().next().expect("runs").build.clone();
    end_all(&mut town, &[Results::Success]);
    assert_eq!(sets(&town).len(), 1, "it is off");
    let on = engine::scheduler::enable(&town.world, package, engine::scheduler::Switch::On).expect("known");
    town.take(vec![on]);
    let old = sets(&town)[0].clone();
    let again = engine::force::rebuild(&town.world, &build, &old, "ann", town.now);
    town.take(vec![again]);
    town.settle();
    end_all(&mut town, &[Results::Success]);
    assert_eq!(sets(&town).len(), 2, "one build once more is not the whole set");
}

/// What a step of the newest build would get from the scheduler.
fn ask(town: &mut Town, scheduler: &str, waits: Waits, properties: Properties) -> Result<Transition, String> {
    let build = town.world.builds().last().expect("runs").build.id;
    let asked = Asked { properties, ..Asked::default() };
    let parent = ParentStep { build, step: StepId(1), waits };
    let filed = trigger(&town.world, scheduler, parent, asked, &mut next(town), town.now)?;
    town.take(vec![filed.clone()]);
    town.settle();
    Ok(filed)
}

/// As the world has them: each noun's highest so far, and one.
fn next(town: &Town) -> model::NextIds {
    let mut next = model::NextIds::default();
    for t in &town.history {
        if let Transition::SetFiled { set, requests } = t {
            next.set = set.id.0 + 1;
            next.stamp = set.stamps.last().map_or(next.stamp, |s| s.id.0 + 1);
            next.request = requests.last().map_or(next.request, |r| r.id.0 + 1);
        }
    }
    next
}

#[test]
fn a_step_asks_a_triggerable_scheduler_for_a_set() {
    let triggerable = scheduler("deploy", SchedulerKind::Triggerable, &["c"]);
    let mut town = town(vec![of_b("force", forced()), SchedulerSpec { priority: 5, ..triggerable }]);
    town.force("b", 0);
    let asked = Properties::from([property("stage", "test", "trigger")]);
    let filed = ask(&mut town, "deploy", Waits::ForResult, asked).expect("filed");
    let Transition::SetFiled { set, requests } = filed else { panic!("a set is filed") };
    assert_eq!(set.parent.map(|p| (p.step, p.waits)), Some((StepId(1), Waits::ForResult)));
    assert_eq!((requests.len(), requests[0].waited_for, requests[0].priority), (1, true, 5));
    assert_eq!(set.properties["stage"].value, Value::from("test"));
    assert_eq!(set.properties["scheduler"].value, Value::from("deploy"));
    insta::assert_snapshot!(reasons(&town)[1], @"The triggerable scheduler named 'deploy' triggered this build, for build 1 of b");
}

#[test]
fn a_trigger_that_cannot_work_says_why() {
    let mut town = town(vec![
        of_b("force", forced()),
        scheduler("off", SchedulerKind::Triggerable, &["c"]),
        scheduler("empty", SchedulerKind::Triggerable, &["gone"]),
    ]);
    town.force("b", 0);
    let off = town.world.scheduler_named("off").expect("off").id;
    let off = engine::scheduler::enable(&town.world, off, engine::scheduler::Switch::Off).expect("known");
    town.take(vec![off]);
    let mut lines = Vec::new();
    for name in ["nobody", "force", "off", "empty"] {
        lines.push(ask(&mut town, name, Waits::Not, Properties::new()).expect_err("refused"));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    there is no triggerable scheduler 'nobody'
    there is no triggerable scheduler 'force'
    the scheduler 'off' is turned off
    no builder of the scheduler 'empty' is in the configuration
    ");
}

#[test]
fn builds_that_ask_for_one_another_come_to_an_end() {
    let kind = SchedulerKind::Triggerable;
    let mut town = town(vec![of_b("force", forced()), of_b("again", kind), after("detour", "again")]);
    town.force("b", 0);
    let mut asked = 0;
    let refused = loop {
        let build = town.world.builds().last().expect("runs").build.id;
        match ask(&mut town, "again", Waits::Not, Properties::new()) {
            Ok(_) => asked += 1,
            Err(text) => break text,
        }
        // The detour's set follows on this end; the next to ask is its build, or the one that was asked for.
        town.end_command(build, CommandEnd::Exited(0));
        assert!(asked < 100, "there is a limit");
    };
    let deepest = town.world.builds().last().expect("runs").build.properties[engine::scheduler::DEPTH].clone();
    assert_eq!(deepest.value, Value::Int(engine::scheduler::DEEPEST));
    insta::assert_snapshot!(refused, @"builds have asked for one another 16 times in a row; 'again' seems to lead back to itself");
}
