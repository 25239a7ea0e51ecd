//! The order of the queue: priorities, ageing, superseded requests, and very many of them.

use crate::town::{Town, builder, change, follows, forced, scheduler, step, worker};
use engine::build::CommandEnd;
use engine::build_set::{NewSet, NewStamp};
use engine::request::{PRIORITY_WORTH, rank};
use model::{
    BuildSetStatus, BuilderSpec, Config, Request, RequestId, RequestStatus, Results, Snapshot, Span, StepFlags, Time,
    Transition,
};
use proptest::prelude::*;

fn config(builders: Vec<BuilderSpec>) -> Config {
    let names: Vec<&str> = builders.iter().map(|b| b.name.as_str()).collect();
    let schedulers = vec![scheduler("force", forced(), &names), scheduler("quick", follows("main", None), &names)];
    Config { workers: vec![worker("w", 1)], schedulers, builders: builders.clone(), ..Config::default() }
}

fn plain(name: &str) -> BuilderSpec {
    builder(name, &["w"], vec![step("s", StepFlags::PLAIN)])
}

#[test]
fn a_point_of_priority_is_worth_ten_minutes_of_waiting() {
    let at = |minutes: i64| Time::from_seconds(minutes * 60);
    assert_eq!(PRIORITY_WORTH, Span::seconds(600));
    // (priority, submitted in minutes) that goes first, and the one behind it.
    let table = [
        ((0, 0), (0, 1)),
        ((1, 9), (0, 0)),
        ((0, 0), (1, 11)),
        ((5, 49), (0, 0)),
        ((0, 0), (5, 51)),
        ((0, 0), (-1, 0)),
        ((-1, 0), (0, 11)),
        ((i64::MAX, 0), (0, 0)),
        ((0, 0), (i64::MIN, 0)),
    ];
    for ((p, s), (q, t)) in table {
        assert!(rank(p, at(s)) < rank(q, at(t)), "priority {p} of minute {s} goes before priority {q} of minute {t}");
    }
}

#[test]
fn nothing_starves_however_urgent_the_rest() {
    let mut town = Town::new(config(vec![plain("b")]));
    town.force("b", 0);
    let patient = town.force("b", 0);
    for minute in 0.. {
        town.force("b", 5);
        town.now += Span::seconds(60);
        let build = town.only_build();
        town.end_command(build, CommandEnd::Exited(0));
        if town.leases().iter().any(|l| l.1 == patient.0) {
            assert!((49..=51).contains(&minute), "it waited for {minute} minutes");
            return;
        }
        assert!(minute < 60, "it waits for ever");
    }
}

proptest! {
    /// The slow rule, asked at the moment of each lease: of all that wait, the highest priority after adding one for
    /// every ten minutes waited, fractions included; then the oldest; then the lowest id.
    #[test]
    fn leases_follow_priority_and_age(asks in prop::collection::vec((0i64..4000, -3i64..4, 0usize..2), 1..25)) {
        let mut town = Town::new(config(vec![plain("a"), plain("b")]));
        let mut waiting: Vec<(i64, i64, RequestId)> = Vec::new();
        town.rest(Some("later"));
        for (pause, priority, on) in asks {
            town.now += Span::seconds(pause);
            let id = town.force(["a", "b"][on], priority);
            waiting.push((priority, town.now.as_seconds(), id));
        }
        town.rest(None);
        while !waiting.is_empty() {
            let now = town.now.as_seconds();
            let first = waiting.iter().max_by_key(|(p, s, id)| (p * 600 + (now - s), std::cmp::Reverse(id.0))).copied();
            let first = first.expect("somebody waits");
            prop_assert_eq!(town.leases().last().expect("one runs").1, first.2.0);
            waiting.retain(|w| w.2 != first.2);
            town.now += Span::seconds(77);
            let build = town.only_build();
            town.end_command(build, CommandEnd::Exited(0));
        }
    }
}

/// A store with many waiting requests, one set each.
fn crowd(town: &Town, builders: &[&str], many: i64) -> Snapshot {
    let mut snapshot = town.snapshot();
    for n in 1..=many {
        let stamp = NewStamp { revision: Some(format!("r{n}")), ..NewStamp::default() };
        let on = town.builder(builders[n as usize % builders.len()]);
        let new = NewSet { builders: vec![on], stamps: vec![stamp], priority: n % 3, ..NewSet::default() };
        let at = Time::from_seconds(n);
        let Transition::SetFiled { set, requests } = engine::build_set::file(new, &mut snapshot.next, at) else {
            panic!("a set is filed")
        };
        snapshot.sets.push(set);
        snapshot.requests.extend(requests);
    }
    snapshot
}

#[test]
fn twenty_five_thousand_requests_in_one_queue_are_worked_off_in_order() {
    let mut town = Town::new(config(vec![BuilderSpec { collapse: model::Collapse::SameSource, ..plain("b") }]));
    let snapshot = crowd(&town, &["b"], 25_000);
    let ranks = snapshot.requests.iter().map(|r| (rank(r.priority, r.submitted_at), r.id));
    let mut expected: Vec<_> = ranks.collect();
    expected.sort_unstable();
    let began = std::time::Instant::now();
    town.world = engine::World::load(snapshot, town.world.config().clone());
    town.settle();
    // A third of a second without optimisation on the machine where it was written; a scan of the queue takes minutes.
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?} to the first lease", began.elapsed());
    for n in 0..500 {
        assert_eq!(town.leases().len(), n + 1);
        let build = town.only_build();
        town.end_command(build, CommandEnd::Exited(0));
    }
    let got: Vec<i64> = town.leases().iter().map(|l| l.1).collect();
    let expected: Vec<i64> = expected.into_iter().map(|(_, id)| id.0).take(501).collect();
    assert_eq!(got, expected);
}

#[test]
fn a_thousand_builders_wait_without_being_looked_through() {
    let names: Vec<String> = (0..1000).map(|n| format!("b{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut town = Town::new(config(names.iter().map(|n| plain(n)).collect()));
    let snapshot = crowd(&town, &names, 5_000);
    town.world = engine::World::load(snapshot, town.world.config().clone());
    town.settle();
    for _ in 0..200 {
        let build = town.only_build();
        town.end_command(build, CommandEnd::Exited(0));
    }
    assert_eq!(town.world.waiting(), 5_000 - 201);
}

/// A builder that wants only the newest.
fn impatient() -> Town {
    Town::new(config(vec![BuilderSpec { cancel_superseded: true, ..plain("b") }, plain("c")]))
}

fn cancelled(town: &Town) -> Vec<(i64, String)> {
    let asked = town.history.iter().filter_map(|t| match t {
        Transition::CancelAsked { request, reason } => Some((request.0, reason.clone())),
        _ => None,
    });
    asked.collect()
}

#[test]
fn a_newer_change_supersedes_older_requests_of_its_branch_waiting_or_running() {
    let mut town = impatient();
    town.change("main", "0123456789abcdef0123456789abcdef01234567");
    let running = town.running("b", 1);
    town.change("main", "r2");
    assert_eq!(cancelled(&town), [(1, "superseded by request 3 for r2".to_owned())]);
    assert_eq!(town.world.build(running).expect("runs").stopping.as_deref(), Some("superseded by request 3 for r2"));
    town.change("main", "r3");
    assert_eq!(cancelled(&town)[1..], [(3, "superseded by request 5 for r3".to_owned())], "waiting, it ends at once");
    town.end_command(running, CommandEnd::Interrupted("superseded".to_owned()));
    assert_eq!(town.answers(), [(3, Results::Cancelled), (1, Results::Cancelled)]);
    assert_eq!(
        town.why(RequestId(2)).as_deref().map(|w| w.contains("busy")),
        None,
        "the other builder waits for nobody"
    );
}

#[test]
fn what_somebody_asked_for_and_other_branches_are_left_alone() {
    let mut town = impatient();
    town.rest(Some("later"));
    town.force("b", 0);
    town.change("main", "r1");
    let other = NewStamp {
        branch: Some("stable".to_owned()),
        revision: Some("s1".to_owned()),
        repository: change("main", "x").repository,
        changes: vec![model::ChangeId(77)],
        ..NewStamp::default()
    };
    town.file(&["b"], NewSet { stamps: vec![other], ..NewSet::default() });
    town.change("main", "r2");
    town.force("b", 0);
    let first_change = 2;
    assert_eq!(cancelled(&town).into_iter().map(|c| c.0).collect::<Vec<_>>(), [first_change]);
}

#[test]
fn superseding_follows_a_reload_and_a_restart() {
    let mut town = Town::new(config(vec![plain("b"), plain("c")]));
    town.rest(Some("later"));
    town.change("main", "r1");
    town.change("main", "r2");
    assert_eq!(cancelled(&town), []);
    let wants = config(vec![BuilderSpec { cancel_superseded: true, ..plain("b") }, plain("c")]);
    town.configure(wants);
    assert_eq!(cancelled(&town).len(), 1);
    town.restart();
    town.change("main", "r3");
    assert_eq!(cancelled(&town).len(), 2);
}

#[test]
fn a_waiting_request_that_is_cancelled_keeps_the_reason() {
    let mut town = Town::new(config(vec![plain("b")]));
    town.rest(Some("later"));
    let id = town.force("b", 0);
    let todo = engine::request::cancel(&town.world, id, "ann: wrong branch", town.now);
    town.take(todo);
    town.settle();
    assert_eq!(cancelled(&town), [(id.0, "ann: wrong branch".to_owned())]);
    assert_eq!(town.answered(), [Results::Cancelled]);
    assert_eq!(engine::request::cancel(&town.world, id, "again", town.now), []);
}

#[test]
fn a_set_is_cancelled_whole_and_its_first_failure_is_known_at_once() {
    let mut town =
        Town::new(Config { workers: vec![worker("w", 2)], ..config(vec![plain("a"), plain("b"), plain("c")]) });
    let ids = town.file(&["a", "b", "c"], NewSet { stamps: vec![NewStamp::default()], ..NewSet::default() });
    let set = town.world.request(ids[0]).expect("open").set;
    let fails = |town: &Town, request: RequestId, results| {
        let t = Transition::RequestFinished { request, at: town.now, results };
        engine::build_set::first_failure(&town.world, &t)
    };
    assert_eq!(fails(&town, ids[0], Results::Success), None);
    assert_eq!(fails(&town, ids[0], Results::Failure), Some(set));
    let first = town.running("a", 1);
    town.end_command(first, CommandEnd::Exited(1));
    assert_eq!(fails(&town, ids[1], Results::Failure), None, "told once");
    assert_eq!(town.sets_ended(), [], "not finished while others are open");
    let todo = engine::build_set::cancel(&town.world, set, "ann: enough", town.now);
    town.take(todo);
    town.settle();
    let running: Vec<_> = town.world.builds().map(|b| b.build.id).collect();
    for build in running {
        assert_eq!(town.world.build(build).expect("runs").stopping.as_deref(), Some("ann: enough"));
        town.end_command(build, CommandEnd::Interrupted("ann: enough".to_owned()));
    }
    assert_eq!(town.sets_ended(), [(set, Results::Cancelled)]);
    assert_eq!(engine::build_set::cancel(&town.world, set, "again", town.now), []);
}

#[test]
fn a_set_passes_only_if_all_pass() {
    use Results::*;
    for (ends, expected) in [
        (vec![Success, Success], Success),
        (vec![Success, Warnings], Warnings),
        (vec![Success, Failure], Failure),
        (vec![Failure, Exception], Exception),
        (vec![Skipped, Success], Success),
    ] {
        let mut town = Town::new(Config { workers: vec![worker("w", 2)], ..config(vec![plain("a"), plain("b")]) });
        town.file(&["a", "b"], NewSet { stamps: vec![NewStamp::default()], ..NewSet::default() });
        for (name, results) in ["a", "b"].into_iter().zip(&ends) {
            let build = town.running(name, 1);
            town.end_step(build, *results, "ended");
        }
        assert_eq!(town.sets_ended().into_iter().map(|s| s.1).collect::<Vec<_>>(), [expected], "{ends:?}");
    }
}

#[test]
fn a_set_for_nobody_is_complete_at_once() {
    let mut town = Town::new(config(vec![plain("a")]));
    town.file(&[], NewSet::default());
    let Some(Transition::SetFiled { set, .. }) = town.history.last() else { panic!("filed") };
    assert_eq!(set.status, BuildSetStatus::Complete { at: town.now, results: Results::Success });
    let request: Option<&Request> = town.world.request(RequestId(1));
    assert!(request.is_none_or(|r| r.status == RequestStatus::Waiting));
}
