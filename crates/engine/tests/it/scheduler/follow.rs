//! What schedulers make of changes: timers, importance, lanes, codebases.

use super::place::{function, hear, of_b, reasons, restart, revisions, said, sets, town};
use crate::town::{Town, change, follows, scheduler};
use model::property::property;
use model::{
    ChangeFilter, CodebaseSpec, Follow, Match, NewChange, SchedulerKind, SchedulerSpec, Span, Time, Transition, Value,
};

fn any(quiet: Option<i64>, important: Option<&str>) -> Follow {
    Follow { tree_stable_timer: quiet.map(Span::seconds), is_important: important.map(function), ..Follow::default() }
}

fn any_branch(quiet: Option<i64>, important: Option<&str>) -> SchedulerKind {
    SchedulerKind::AnyBranch(any(quiet, important))
}

#[test]
fn any_branch_has_a_timer_for_each_branch() {
    let mut town = town(vec![of_b("all", any_branch(Some(10), None))]);
    town.change("one", "r1");
    town.pass(5);
    town.change("two", "x1");
    town.pass(4);
    town.change("one", "r2");
    town.pass(6);
    assert_eq!(revisions(&town), ["x1:2"], "two was quiet for ten seconds, one was not");
    town.pass(4);
    assert_eq!(revisions(&town), ["x1:2", "r2:1+3"]);
}

#[test]
fn sources_without_codebases_are_told_apart_by_repository_as_well() {
    let mut town = town(vec![of_b("all", any_branch(Some(10), None))]);
    let elsewhere = NewChange { repository: "https://example.org/png".to_owned(), ..change("main", "p1") };
    hear(&mut town, vec![change("main", "z1"), elsewhere, change("main", "z2")]);
    town.pass(10);
    assert_eq!(revisions(&town), ["p1:2", "z2:1+3"]);
}

#[test]
fn unimportant_changes_start_nothing_and_ride_along() {
    let mut town = town(vec![of_b("all", any_branch(Some(10), Some("marked")))]);
    hear(&mut town, vec![said("main", "r1", "typo")]);
    town.pass(100);
    assert_eq!(revisions(&town), [""; 0]);
    hear(&mut town, vec![said("main", "r2", "fix!")]);
    town.pass(9);
    hear(&mut town, vec![said("main", "r3", "another typo")]);
    town.pass(9);
    assert_eq!(revisions(&town), [""; 0], "the tree is not at rest, whatever the change was like");
    town.pass(1);
    assert_eq!(revisions(&town), ["r3:1+2+3"]);
    hear(&mut town, vec![said("main", "r4", "typo")]);
    town.pass(100);
    assert_eq!(sets(&town).len(), 1);
}

#[test]
fn without_a_timer_an_important_change_takes_those_that_wait_along() {
    let mut town = town(vec![of_b("all", any_branch(None, Some("marked")))]);
    let batch = ["r1", "r2!", "r3", "r4", "r5!", "r6!"];
    hear(&mut town, batch.iter().map(|r| said("main", r, r)).collect());
    hear(&mut town, vec![said("other", "x!", "x!")]);
    assert_eq!(revisions(&town), ["r2!:1+2", "r5!:3+4+5", "r6!:6", "x!:7"]);
}

#[test]
fn with_only_important_the_others_are_as_if_they_had_not_been() {
    let follow = Follow { only_important: true, ..any(Some(10), Some("marked")) };
    let mut town = town(vec![of_b("all", SchedulerKind::AnyBranch(follow))]);
    hear(&mut town, vec![said("main", "r1", "typo"), said("main", "r2", "fix!")]);
    town.pass(9);
    hear(&mut town, vec![said("main", "r3", "typo")]);
    town.pass(1);
    assert_eq!(revisions(&town), ["r2:2"]);
}

#[test]
fn a_function_that_gives_no_answer_loses_nothing_and_the_scheduler_says_so() {
    let mut town = town(vec![of_b("all", any_branch(None, Some("loops")))]);
    town.change("main", "0123456789abcdef0123456789abcdef01234567");
    assert_eq!(sets(&town).len(), 1);
    let trouble = |town: &Town| town.world.scheduler_named("all").and_then(|s| s.state.trouble.clone());
    insta::assert_snapshot!(trouble(&town).expect("told"), @"of the change 0123456789ab, it was taken as important: loops (master.star:7:1) went on for too long");
    town.configure(super::place::config(vec![of_b("all", any_branch(None, Some("marked")))]));
    hear(&mut town, vec![said("main", "r2", "fine")]);
    assert_eq!(trouble(&town), None, "it went well again");
}

#[test]
fn a_function_is_given_the_whole_change_and_any_true_value_means_yes() {
    let mut town = town(vec![of_b("all", any_branch(None, Some("everything")))]);
    town.change("main", "r1");
    assert_eq!(sets(&town).len(), 1);
    let mut files = super::place::town(vec![of_b("all", any_branch(None, Some("beyond_docs")))]);
    let touching = |file: &str| NewChange { files: vec![file.to_owned()], ..change("main", file) };
    hear(&mut files, vec![touching("docs/a"), touching("src/b")]);
    assert_eq!(revisions(&files), ["src/b:1+2"]);
}

fn two_codebases(kind: SchedulerKind) -> SchedulerSpec {
    let of = |name: &str, revision: Option<&str>| CodebaseSpec {
        repository: format!("https://example.org/{name}"),
        branch: Some("stable".to_owned()),
        revision: revision.map(str::to_owned),
        project: String::new(),
    };
    let codebases = [("app".to_owned(), of("app", None)), ("lib".to_owned(), of("lib", Some("v7")))];
    SchedulerSpec { codebases: codebases.into(), ..of_b("both", kind) }
}

fn of_codebase(codebase: &str, branch: &str, revision: &str) -> NewChange {
    NewChange { codebase: codebase.to_owned(), ..change(branch, revision) }
}

#[test]
fn a_set_has_a_stamp_for_each_codebase() {
    let mut town = town(vec![two_codebases(any_branch(Some(10), None))]);
    hear(&mut town, vec![of_codebase("app", "main", "a1"), of_codebase("lib", "main", "l1")]);
    hear(&mut town, vec![of_codebase("app", "main", "a2"), of_codebase("app", "topic", "t1")]);
    hear(&mut town, vec![of_codebase("docs", "main", "d1")]);
    town.pass(10);
    assert_eq!(revisions(&town), ["a2:1+3 l1:2", "t1:4 v7:"], "a codebase that it does not build is not its business");
    let stamps = &sets(&town)[1].stamps;
    assert_eq!((stamps[0].codebase.as_str(), stamps[0].branch.as_deref()), ("app", Some("topic")));
    assert_eq!((stamps[1].codebase.as_str(), stamps[1].branch.as_deref()), ("lib", Some("stable")));
    assert_eq!(stamps[1].repository, "https://example.org/lib");
}

#[test]
fn a_single_branch_with_codebases_has_one_timer() {
    let mut town = town(vec![two_codebases(SchedulerKind::SingleBranch(any(Some(10), None)))]);
    hear(&mut town, vec![of_codebase("app", "main", "a1")]);
    town.pass(9);
    hear(&mut town, vec![of_codebase("lib", "trunk", "l1")]);
    town.pass(9);
    assert_eq!(sets(&town).len(), 0);
    town.pass(1);
    assert_eq!(revisions(&town), ["a1:1 l1:2"]);
}

#[test]
fn sets_carry_priority_reason_and_properties() {
    let mut spec = of_b("all", any_branch(Some(10), None));
    spec.priority = 7;
    spec.properties = [property("kind", "quick", "Scheduler")].into();
    spec.reason = Some("because".to_owned());
    let mut town = town(vec![spec, of_b("plain", any_branch(None, None))]);
    let carrying = |revision: &str, kind: &str| NewChange {
        properties: [property("kind", kind, "Change"), property("ticket", revision, "Change")].into(),
        ..change("main", revision)
    };
    hear(&mut town, vec![carrying("r1", "x"), carrying("r2", "y")]);
    town.pass(10);
    let set = *sets(&town).last().expect("filed");
    let value = |name: &str| set.properties[name].value.clone();
    assert_eq!(value("kind"), Value::from("quick"), "the scheduler's stand above the changes'");
    assert_eq!(value("ticket"), Value::from("r2"), "newer changes' stand above older ones'");
    assert_eq!(value("scheduler"), Value::from("all"));
    let priorities = town.history.iter().filter_map(|t| match t {
        Transition::SetFiled { requests, .. } => Some(requests[0].priority),
        _ => None,
    });
    assert_eq!(priorities.collect::<Vec<_>>(), [0, 0, 7]);
    insta::assert_snapshot!(reasons(&town).join("\n"), @r"
    The any_branch scheduler named 'plain' triggered this build
    The any_branch scheduler named 'plain' triggered this build
    because
    ");
}

#[test]
fn every_scheduler_sees_every_change_whatever_their_order() {
    let quick = || of_b("quick", follows("main", Some(60)));
    let full = || scheduler("full", follows("main", Some(300)), &["b", "c"]);
    let all = || of_b("all", any_branch(None, None));
    let mut filed = Vec::new();
    for specs in [vec![quick(), full(), all()], vec![all(), full(), quick()]] {
        let mut town = town(specs);
        town.change("main", "r1");
        town.pass(60);
        town.change("topic", "t1");
        town.pass(240);
        town.change("main", "r2");
        town.pass(300);
        let mut names: Vec<_> = sets(&town).iter().map(|s| format!("{} {}", s.scheduler, s.requests.len())).collect();
        names.sort();
        filed.push(names);
    }
    assert_eq!(filed[0], ["all 1", "all 1", "all 1", "full 2", "full 2", "quick 1", "quick 1"]);
    assert_eq!(filed[0], filed[1]);
}

#[test]
fn one_branch_or_several_or_all() {
    let of = |branches: &[Option<&str>]| {
        let filter = ChangeFilter {
            branch: Match::OneOf(branches.iter().map(|b| b.map(str::to_owned)).collect()),
            ..ChangeFilter::default()
        };
        Follow { filter, ..Follow::default() }
    };
    let mut town = town(vec![
        of_b("default", SchedulerKind::SingleBranch(of(&[None]))),
        of_b("two", SchedulerKind::AnyBranch(of(&[Some("a"), Some("b")]))),
        of_b("all", SchedulerKind::AnyBranch(Follow::default())),
    ]);
    let no_branch = NewChange { branch: None, ..change("", "d") };
    hear(&mut town, vec![no_branch, change("a", "a"), change("b", "b"), change("c", "c")]);
    let mut by: Vec<_> = sets(&town).iter().map(|s| (s.scheduler.clone(), s.stamps[0].branch.clone())).collect();
    by.sort();
    let row = |name: &str, branch: Option<&str>| (name.to_owned(), branch.map(str::to_owned));
    let all = [("all", None), ("all", Some("a")), ("all", Some("b")), ("all", Some("c"))];
    let rest = [("default", None), ("two", Some("a")), ("two", Some("b"))];
    assert_eq!(by, all.iter().chain(&rest).map(|(n, b)| row(n, *b)).collect::<Vec<_>>());
}

#[test]
fn changes_that_come_while_a_build_runs_are_built_next() {
    let mut town = town(vec![of_b("all", any_branch(Some(10), None))]);
    town.change("main", "r1");
    town.pass(10);
    let build = town.only_build();
    town.change("main", "r2");
    town.change("main", "r3");
    town.pass(10);
    town.end_command(build, engine::build::CommandEnd::Exited(0));
    assert_eq!(revisions(&town), ["r1:1", "r3:2+3"]);
}

#[test]
fn what_waits_is_bounded_and_the_newest_is_kept() {
    let mut town = town(vec![of_b("all", any_branch(None, Some("marked")))]);
    hear(&mut town, (1..=1500).map(|n| said("main", &format!("r{n}"), "typo")).collect());
    let state = |town: &Town| town.world.scheduler_named("all").expect("all").state.clone();
    let lane = state(&town).lanes.into_values().next().expect("a lane");
    assert_eq!((lane.changes.len(), lane.changes[0].0), (1000, 501));
    hear(&mut town, (1..=1500).map(|n| said(&format!("b{n}"), "x", "typo")).collect());
    assert_eq!(state(&town).lanes.len(), 1000);
    hear(&mut town, vec![said("b1500", "y", "now!"), said("b1", "z", "now!")]);
    assert_eq!(revisions(&town), ["y:3000+3001", "z:3002"], "the lane that was quiet for longest was forgotten");
}

#[test]
fn changes_that_wait_outlive_a_restart_and_a_reload_of_the_same() {
    let mut town = town(vec![of_b("all", any_branch(None, Some("marked")))]);
    hear(&mut town, vec![said("main", "r1", "typo")]);
    restart(&mut town);
    town.configure(super::place::config(vec![of_b("all", any_branch(Some(5), Some("marked")))]));
    hear(&mut town, vec![said("main", "r2", "fix!")]);
    restart(&mut town);
    assert_eq!(town.world.schedulers().filter(|s| !s.state.lanes.is_empty()).count(), 1);
    town.pass(5);
    assert_eq!(revisions(&town), ["r2:1+2"]);
}

#[test]
fn a_scheduler_that_goes_and_comes_back_begins_anew() {
    let mut town = town(vec![of_b("all", any_branch(Some(10), None))]);
    town.change("main", "r1");
    town.configure(super::place::config(vec![]));
    town.pass(100);
    assert_eq!(engine::next_wake(&town.world), None);
    town.configure(super::place::config(vec![of_b("all", any_branch(Some(10), None))]));
    town.pass(100);
    assert_eq!(sets(&town).len(), 0);
    assert_eq!(town.world.scheduler_named("all").expect("all").state, model::SchedulerState::default());
}

#[test]
fn what_turning_on_and_off_does_is_said() {
    use engine::scheduler::{Switch, enable, enabling};
    let mut town = town(vec![of_b("all", any_branch(Some(10), None))]);
    let id = town.world.scheduler_named("all").expect("all").id;
    let mut lines = vec![enabling(&town.world, id, Switch::Off)];
    town.change("main", "r1");
    lines.push(enabling(&town.world, id, Switch::Off));
    town.change("topic", "r2");
    for switch in [Switch::Off, Switch::Off, Switch::On, Switch::On] {
        lines.push(enabling(&town.world, id, switch));
        let todo = enable(&town.world, id, switch).expect("known");
        town.take(vec![todo]);
        town.settle();
    }
    let lines: Vec<String> = lines.into_iter().flatten().collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    all is off
    all is off; one change that waited with it is not built by it
    all is off; 2 changes that waited with it are not built by it
    all is off already
    all is on; what came while it was off is not built by it
    all is on already
    ");
    assert_eq!(enabling(&town.world, model::SchedulerId(99), Switch::On), None);
}

#[test]
fn what_comes_next_is_foretold() {
    let mut town = town(vec![
        of_b("slow", any_branch(Some(60), None)),
        of_b("quick", follows("main", Some(10))),
        of_b("hourly", SchedulerKind::Periodic { every: Span::seconds(3600), branch: None, if_changed: None }),
        of_b("never", SchedulerKind::Triggerable),
    ]);
    let start = town.now;
    town.change("main", "r1");
    let names = |town: &Town, at: Time| -> Vec<(String, i64)> {
        let all = engine::scheduler::upcoming(&town.world, at).into_iter();
        all.map(|(id, at)| (town.world.scheduler(id).expect("known").name.clone(), at.since(start).0 / 1_000_000))
            .collect()
    };
    let row = |name: &str, seconds: i64| (name.to_owned(), seconds);
    assert_eq!(names(&town, start), [row("quick", 10), row("slow", 60), row("hourly", 3600)]);
    let late = start + Span::seconds(100);
    assert_eq!(names(&town, late), [row("slow", 100), row("quick", 100), row("hourly", 3600)], "overdue is now");
    assert_eq!(engine::next_wake(&town.world), Some(start + Span::seconds(10)));
}
