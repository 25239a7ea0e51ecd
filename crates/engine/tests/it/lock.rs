//! Locks: who may hold them together, whose turn it is, and that nobody waits for ever.

use crate::town::{Town, builder, forced, scheduler, step, worker};
use engine::build::CommandEnd;
use model::{
    BuildId, BuilderSpec, Config, LockAccess, LockScope, LockSpec, LockUse, RequestId, Results, StepFlags, StepSpec,
    StepStatus, Transition, Why,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const COUNTING: LockAccess = LockAccess::Counting(1);
const EXCLUSIVE: LockAccess = LockAccess::Exclusive;

fn master(name: &str, max_count: u32) -> LockSpec {
    let (scope, max_count_for_worker) = (LockScope::Master, BTreeMap::new());
    LockSpec { name: name.to_owned(), scope, max_count, max_count_for_worker, defined_at: None }
}

fn per_worker(name: &str, max_count: u32, others: &[(&str, u32)]) -> LockSpec {
    let others = others.iter().map(|(w, n)| ((*w).to_owned(), *n)).collect();
    LockSpec { scope: LockScope::Worker, max_count_for_worker: others, ..master(name, max_count) }
}

fn wish(lock: &str, access: LockAccess) -> LockUse {
    LockUse { lock: lock.to_owned(), access }
}

fn locked(name: &str, locks: &[LockUse]) -> StepSpec {
    StepSpec { locks: locks.to_vec(), ..step(name, StepFlags::PLAIN) }
}

fn holding(name: &str, workers: &[&str], locks: &[LockUse], steps: Vec<StepSpec>) -> BuilderSpec {
    BuilderSpec { locks: locks.to_vec(), ..builder(name, workers, steps) }
}

fn config(workers: &[(&str, u32)], locks: Vec<LockSpec>, builders: Vec<BuilderSpec>) -> Config {
    let names: Vec<&str> = builders.iter().map(|b| b.name.as_str()).collect();
    Config {
        workers: workers.iter().map(|(n, m)| worker(n, *m)).collect(),
        schedulers: vec![scheduler("force", forced(), &names)],
        builders: builders.clone(),
        locks,
        ..Config::default()
    }
}

/// Steps whose command runs, as `builder #number step`.
fn running(town: &Town) -> Vec<String> {
    let name = |b: &engine::RunningBuild| town.world.builder(b.build.builder).expect("known").builder.name.clone();
    let steps = town.world.builds().filter_map(|b| Some((name(b), b.build.number, b.current()?.name.clone())));
    steps.map(|(b, n, s)| format!("{b} #{n} {s}")).collect()
}

fn pass(town: &mut Town, builder: &str, number: i64) {
    let build = town.running(builder, number);
    town.end_command(build, CommandEnd::Exited(0));
}

fn state(town: &Town, builder: &str, number: i64) -> String {
    town.world.build(town.running(builder, number)).expect("runs").build.state.clone()
}

/// `b` waits for a lock that `a` holds, and would keep the other one, which `a` needs to come to its end.
#[test]
fn nobody_keeps_a_place_on_a_lock_that_frees_what_it_waits_for() {
    let both = [wish("one", EXCLUSIVE), wish("two", EXCLUSIVE)];
    let mut town = Town::new(config(
        &[("w", 9)],
        vec![master("one", 1), master("two", 1)],
        vec![
            holding("a", &["w"], &both[..1], vec![step("first", StepFlags::PLAIN), locked("second", &both[1..])]),
            holding("b", &["w"], &both, vec![step("only", StepFlags::PLAIN)]),
        ],
    ));
    town.force("a", 0);
    town.force("b", 0);
    town.pass(1);
    pass(&mut town, "a", 1);
    assert_eq!(running(&town), ["a #1 second"]);
    pass(&mut town, "a", 1);
    assert_eq!(running(&town), ["b #1 only"]);
}

#[test]
fn a_step_waits_for_its_lock_and_says_who_holds_it() {
    let steps = || vec![locked("db", &[wish("db", EXCLUSIVE)]), step("after", StepFlags::PLAIN)];
    let mut town = Town::new(config(
        &[("w", 9)],
        vec![master("db", 1)],
        vec![builder("a", &["w"], steps()), builder("b", &["w"], steps())],
    ));
    town.force("a", 0);
    town.force("b", 0);
    town.force("a", 0);
    assert_eq!(running(&town), ["a #1 db"]);
    assert_eq!(state(&town, "b", 1), "waiting for the lock db, held by a #1 in db before db");
    assert_eq!(state(&town, "a", 2), "waiting for the lock db, held by a #1 in db, after b #1 in db before db");
    pass(&mut town, "a", 1);
    assert_eq!(running(&town), ["a #1 after", "b #1 db"], "released at the end of the step, taken at once");
    assert_eq!(state(&town, "b", 1), "building");
    assert_eq!(state(&town, "a", 2), "waiting for the lock db, held by b #1 in db before db");
    let views = engine::lock::views(&town.world);
    let shown: Vec<_> = views
        .iter()
        .map(|v| {
            let names = |places: &[model::LockPlace]| places.iter().map(|p| p.owner.to_string()).collect::<Vec<_>>();
            (v.lock.as_str(), v.worker.clone(), v.room, names(&v.holders), names(&v.waiting))
        })
        .collect();
    assert_eq!(shown, [("db", None, 1, vec!["b #1 in db".to_owned()], vec!["a #2 in db".to_owned()])]);
}

#[test]
fn a_lock_is_released_however_its_step_ends() {
    for end in [
        CommandEnd::Exited(1),
        CommandEnd::Signalled("SIGKILL".to_owned()),
        CommandEnd::Interrupted("ann".to_owned()),
        CommandEnd::Broken("disk".to_owned()),
    ] {
        let spec = builder("a", &["w"], vec![locked("db", &[wish("db", EXCLUSIVE)])]);
        let mut town = Town::new(config(&[("w", 9)], vec![master("db", 1)], vec![spec]));
        town.force("a", 0);
        town.force("a", 0);
        let first = town.running("a", 1);
        town.end_command(first, end);
        assert_eq!(running(&town), ["a #2 db"]);
    }
    // And when its worker is lost, and when its build is stopped while it waits.
    let spec = builder("a", &["w", "v"], vec![locked("db", &[wish("db", EXCLUSIVE)])]);
    let mut town = Town::new(config(&[("w", 1), ("v", 1)], vec![master("db", 1)], vec![spec]));
    town.force("a", 0);
    town.force("a", 0);
    let w = town.worker("w");
    town.disconnect(w);
    town.pass(600);
    assert_eq!(running(&town), ["a #2 db"]);
    town.connect(w);
    let third = town.running("a", 3);
    town.take(engine::build::stop(&town.world, third, "enough").into_iter().collect());
    town.settle();
    assert_eq!(town.ended().last().map(|e| e.1), Some(Results::Cancelled), "nothing runs, so it ends at once");
    pass(&mut town, "a", 2);
}

/// Two builds hold what the other one's last step needs, and that step is done after a stop, too.
#[test]
fn a_knot_of_stopped_builds_is_untied_by_stopping_once_more() {
    let last = |lock| {
        let flags = StepFlags { always_run: true, ..StepFlags::PLAIN };
        StepSpec { locks: vec![wish(lock, EXCLUSIVE)], ..step("tidy", flags) }
    };
    let spec = |name, own, other| {
        holding(name, &["w"], &[wish(own, EXCLUSIVE)], vec![step("work", StepFlags::PLAIN), last(other)])
    };
    let locks = vec![master("left", 1), master("right", 1)];
    let specs = vec![spec("a", "left", "right"), spec("b", "right", "left")];
    let mut town = Town::new(config(&[("w", 9)], locks, specs));
    town.force("a", 0);
    town.force("b", 0);
    let (a, b) = (town.running("a", 1), town.running("b", 1));
    assert!(engine::build::stop_waiting(&town.world, a, town.now).is_empty(), "nobody has stopped it");
    for build in [a, b] {
        town.take(engine::build::stop(&town.world, build, "ann").into_iter().collect());
        town.settle();
        assert!(engine::build::stop_waiting(&town.world, build, town.now).is_empty(), "its step runs");
        town.end_command(build, CommandEnd::Interrupted("ann".to_owned()));
    }
    assert_eq!(running(&town), Vec::<String>::new());
    assert!(town.ended().is_empty(), "each waits for the other");
    assert_eq!(engine::build::stop(&town.world, a, "ann"), None);
    town.take(engine::build::stop_waiting(&town.world, a, town.now));
    town.settle();
    assert_eq!(town.ended(), [(a, Results::Cancelled, "stopped: ann".to_owned())]);
    let tidy = town.steps_ended().into_iter().find(|(name, ..)| name == "tidy");
    assert_eq!(tidy, Some(("tidy".to_owned(), Results::Cancelled, "stopped while it waited: ann".to_owned())));
    assert_eq!(running(&town), ["b #1 tidy"], "the other one's last step has its lock now");
    pass(&mut town, "b", 1);
    assert_eq!(town.ended().len(), 2);
}

#[test]
fn a_builder_holds_its_locks_from_start_to_end() {
    let steps = || vec![step("one", StepFlags::PLAIN), step("two", StepFlags::PLAIN)];
    let spec = |name| holding(name, &["w"], &[wish("disk", COUNTING)], steps());
    let mut town = Town::new(config(&[("w", 9)], vec![master("disk", 2)], vec![spec("a"), spec("b")]));
    let ids: Vec<RequestId> = ["a", "b", "a"].into_iter().map(|b| town.force(b, 0)).collect();
    assert_eq!(running(&town), ["a #1 one", "b #1 one"]);
    assert_eq!(town.why(ids[2]).as_deref(), Some("it waits for the lock disk, held by a #1, b #1"));
    let next = town.force("b", 0);
    assert_eq!(town.why(next).as_deref(), Some("it waits for the lock disk, held by a #1, b #1, after request 3 of a"));
    pass(&mut town, "a", 1);
    assert_eq!(running(&town), ["a #1 two", "b #1 one"], "kept between the steps");
    pass(&mut town, "a", 1);
    assert_eq!(running(&town), ["b #1 one", "a #2 one"]);
    assert!(matches!(engine::why::of_request(&town.world, next, town.now), Some(Why::Locks { .. })));
}

#[test]
fn a_worker_lock_counts_on_each_worker_by_its_own_size() {
    let spec = builder("a", &["big", "small"], vec![locked("cpu", &[wish("cpu", COUNTING)])]);
    let lock = per_worker("cpu", 1, &[("big", 2)]);
    let mut town = Town::new(config(&[("big", 4), ("small", 4)], vec![lock], vec![spec]));
    for _ in 0..8 {
        town.force("a", 0);
    }
    let on = |name: &str| {
        let id = town.worker(name);
        let builds = town.world.builds().filter(|b| b.build.worker == id);
        let (all, busy): (Vec<_>, Vec<_>) = builds.map(|b| ((), b.current().is_some())).unzip();
        (all.len(), busy.into_iter().filter(|b| *b).count())
    };
    assert_eq!((on("big"), on("small")), ((4, 2), (4, 1)));
    let views = engine::lock::views(&town.world);
    let shown: Vec<_> = views.iter().map(|v| (v.worker.as_deref(), v.room, v.holders.len(), v.waiting.len())).collect();
    assert_eq!(shown, [(Some("big"), 2, 2, 2), (Some("small"), 1, 1, 3)]);
    let told = town.world.builds().find(|b| b.current().is_none()).map(|b| b.build.state.clone());
    assert_eq!(told.as_deref(), Some("waiting for the lock cpu on small, held by a #2 in cpu before cpu"));
}

#[test]
fn all_locks_are_taken_at_once_or_none() {
    let both = [wish("x", EXCLUSIVE), wish("y", EXCLUSIVE)];
    let locks = vec![master("x", 1), master("y", 1)];
    let builders = vec![
        builder("x", &["w"], vec![locked("only_x", &[wish("x", EXCLUSIVE)])]),
        builder("both", &["w"], vec![locked("both", &both)]),
        builder("htob", &["w"], vec![locked("htob", &[both[1].clone(), both[0].clone()])]),
    ];
    let mut town = Town::new(config(&[("w", 9)], locks, builders));
    town.force("x", 0);
    town.force("both", 0);
    town.force("htob", 0);
    assert_eq!(running(&town), ["x #1 only_x"]);
    let y = engine::lock::views(&town.world).into_iter().find(|v| v.lock == "y").expect("y");
    assert!(y.holders.is_empty(), "nobody holds a part");
    assert_eq!(y.waiting.len(), 2);
    for (name, next) in [("x", "both #1 both"), ("both", "htob #1 htob")] {
        pass(&mut town, name, 1);
        assert_eq!(running(&town), [next]);
    }
}

#[test]
fn small_ones_that_keep_coming_do_not_overtake_an_exclusive_one_for_ever() {
    let builders = vec![
        builder("small", &["w"], vec![locked("s", &[wish("l", COUNTING)])]),
        builder("big", &["w"], vec![locked("s", &[wish("l", EXCLUSIVE)])]),
    ];
    let mut town = Town::new(config(&[("w", 50)], vec![master("l", 3)], builders));
    town.force("small", 0);
    town.force("small", 0);
    town.now += model::Span::seconds(1);
    town.force("big", 0);
    town.now += model::Span::seconds(1);
    for _ in 0..3 {
        town.force("small", 0);
    }
    assert_eq!(running(&town), ["small #1 s", "small #2 s"], "room for a third, and somebody before it");
    pass(&mut town, "small", 1);
    assert_eq!(running(&town), ["small #2 s"]);
    pass(&mut town, "small", 2);
    assert_eq!(running(&town), ["big #1 s"]);
    pass(&mut town, "big", 1);
    assert_eq!(running(&town).len(), 3);
}

#[test]
fn one_line_serves_builds_and_steps() {
    let builders = vec![
        holding("whole", &["w"], &[wish("l", EXCLUSIVE)], vec![step("s", StepFlags::PLAIN)]),
        builder("part", &["w"], vec![step("first", StepFlags::PLAIN), locked("s", &[wish("l", EXCLUSIVE)])]),
    ];
    let mut town = Town::new(config(&[("w", 9)], vec![master("l", 1)], builders));
    town.force("part", 0);
    town.force("whole", 0);
    town.now += model::Span::seconds(5);
    let second = town.force("whole", 0);
    town.now += model::Span::seconds(5);
    pass(&mut town, "part", 1);
    assert_eq!(state(&town, "part", 1), "waiting for the lock l, held by whole #1, after request 3 of whole before s");
    pass(&mut town, "whole", 1);
    assert_eq!(running(&town), ["whole #2 s"], "the request has waited longer than the step");
    town.force("whole", 0);
    pass(&mut town, "whole", 2);
    assert_eq!(running(&town), ["part #1 s"]);
    assert_eq!(town.world.request(second), None);
}

#[test]
fn a_request_without_a_free_worker_does_not_stand_in_the_line() {
    let builders = vec![
        holding("whole", &["w"], &[wish("l", EXCLUSIVE)], vec![step("s", StepFlags::PLAIN)]),
        builder("part", &["w"], vec![step("first", StepFlags::PLAIN), locked("s", &[wish("l", EXCLUSIVE)])]),
    ];
    let mut town = Town::new(config(&[("w", 1)], vec![master("l", 1)], builders));
    town.force("part", 0);
    let blocked = town.force("whole", 0);
    town.now += model::Span::seconds(5);
    pass(&mut town, "part", 1);
    assert_eq!(running(&town), ["part #1 s"], "else both would wait for each other");
    assert_eq!(town.why(blocked).as_deref(), Some("its worker w is busy"));
}

#[test]
fn a_step_does_not_wait_for_its_own_build() {
    let lock = [wish("l", EXCLUSIVE)];
    let spec = holding("a", &["w"], &lock, vec![locked("s", &lock)]);
    let mut town = Town::new(config(&[("w", 9)], vec![master("l", 1)], vec![spec]));
    town.force("a", 0);
    assert_eq!(running(&town), ["a #1 s"]);
}

#[test]
fn a_wish_for_more_than_there_is_is_a_wish_for_all() {
    let spec = |name, n| builder(name, &["w"], vec![locked("s", &[wish("l", LockAccess::Counting(n))])]);
    let mut town = Town::new(config(&[("w", 9)], vec![master("l", 3)], vec![spec("a", 7), spec("b", 1), spec("c", 2)]));
    for name in ["a", "b", "c"] {
        town.force(name, 0);
    }
    assert_eq!(running(&town), ["a #1 s"]);
    pass(&mut town, "a", 1);
    assert_eq!(running(&town), ["b #1 s", "c #1 s"]);
}

#[test]
fn a_reload_that_shrinks_or_removes_a_lock_takes_nothing_from_its_holders() {
    let with = |locks: Vec<LockSpec>| {
        let spec = holding("a", &["w"], &[wish("l", COUNTING)], vec![locked("s", &[wish("k", EXCLUSIVE)])]);
        config(&[("w", 9)], locks, vec![spec])
    };
    let mut town = Town::new(with(vec![master("l", 3), master("k", 1)]));
    for _ in 0..4 {
        town.force("a", 0);
    }
    assert_eq!(town.world.builds().count(), 3);
    town.configure(with(vec![master("l", 1), master("k", 1)]));
    assert_eq!(town.world.builds().count(), 3, "holders keep what they have");
    let l = engine::lock::views(&town.world).into_iter().find(|v| v.lock == "l").expect("l");
    assert_eq!((l.room, l.holders.len(), l.waiting.len()), (1, 3, 1));
    pass(&mut town, "a", 1);
    assert_eq!(town.world.builds().count(), 2, "it shrinks as they end");
    town.configure(with(vec![]));
    assert_eq!(running(&town).len(), 3, "a lock that is gone hinders nobody");
    town.configure(with(vec![master("l", 1), master("k", 1)]));
    assert_eq!(running(&town).len(), 3);
    for _ in 0..3 {
        let build = town.world.builds().next().expect("runs").build.id;
        town.end_command(build, CommandEnd::Exited(0));
    }
    assert_eq!(town.answered().len(), 4);
}

#[test]
fn a_builder_that_no_longer_names_a_lock_keeps_it_for_what_runs() {
    let with = |locks: &[LockUse]| {
        let spec = |name, locks: &[LockUse]| holding(name, &["w"], locks, vec![step("s", StepFlags::PLAIN)]);
        config(&[("w", 9)], vec![master("l", 1)], vec![spec("a", locks), spec("b", &[wish("l", EXCLUSIVE)])])
    };
    let mut town = Town::new(with(&[wish("l", EXCLUSIVE)]));
    town.force("a", 0);
    town.configure(with(&[]));
    town.force("b", 0);
    assert_eq!(running(&town), ["a #1 s"]);
    pass(&mut town, "a", 1);
    assert_eq!(running(&town), ["b #1 s"]);
}

#[test]
fn a_restart_needs_nothing_to_know_the_locks() {
    let spec = holding("a", &["w"], &[wish("l", COUNTING)], vec![locked("s", &[wish("k", EXCLUSIVE)])]);
    let mut town = Town::new(config(&[("w", 9)], vec![master("l", 2), master("k", 1)], vec![spec]));
    for _ in 0..3 {
        town.force("a", 0);
    }
    let before = engine::lock::views(&town.world);
    town.restart();
    assert_eq!(engine::lock::views(&town.world), before);
    pass(&mut town, "a", 1);
    assert_eq!(running(&town), ["a #2 s"]);
}

/// Forty requests of three priorities, two workers, a lock of two places: the third show of the issue, in small.
#[test]
fn at_most_two_in_the_locked_step_and_the_order_is_that_of_the_rule() {
    let steps = vec![step("make", StepFlags::PLAIN), locked("install", &[wish("slot", COUNTING)])];
    let spec = builder("b", &["w", "v"], steps);
    let mut town = Town::new(config(&[("w", 3), ("v", 3)], vec![master("slot", 2)], vec![spec]));
    town.rest(Some("later"));
    let asks: Vec<(i64, RequestId)> = (0..40).map(|n| (n % 3, town.force("b", n % 3))).collect();
    for (_, id) in &asks {
        assert_eq!(town.why(*id).as_deref(), Some("its workers are paused (w, v)"));
    }
    town.rest(None);
    let mut guard = 0;
    while town.answered().len() < 40 {
        guard += 1;
        assert!(guard < 1000, "it stands still");
        town.now += model::Span::seconds(1);
        let waiting: Vec<RequestId> = asks.iter().map(|a| a.1).filter(|id| town.why(*id).is_some()).collect();
        for id in waiting {
            let why = town.why(id).expect("waits");
            assert!(why.starts_with("both its workers are busy (w, v)"), "{why}");
        }
        let busy: Vec<BuildId> = town.world.builds().filter(|b| b.current().is_some()).map(|b| b.build.id).collect();
        let build = busy[guard % busy.len()];
        town.end_command(build, CommandEnd::Exited(0));
    }
    let mut inside = 0;
    for transition in &town.history {
        match transition {
            Transition::StepStarted { step, .. } if step.name == "install" => inside += 1,
            Transition::StepFinished { step, .. } => {
                let is_install = |t: &Transition| matches!(t, Transition::StepStarted { step: s, .. } if s.id == *step && s.name == "install");
                inside -= i32::from(town.history.iter().any(is_install));
            }
            _ => {}
        }
        assert!((0..=2).contains(&inside));
    }
    let mut expected = asks.clone();
    expected.sort_by_key(|(priority, id)| (-priority, *id));
    let got: Vec<i64> = town.leases().iter().map(|l| l.1).collect();
    assert_eq!(got, expected.into_iter().map(|(_, id)| id.0).collect::<Vec<_>>());
}

/// Where a lock counts: its name, and the worker for a worker lock.
type Spot = (String, Option<String>);

/// What is held, counted from the world alone: by spot, how many exclusive holders and how many places.
fn held(town: &Town, config: &Config) -> BTreeMap<Spot, (u32, u32)> {
    let mut held: BTreeMap<Spot, (u32, u32)> = BTreeMap::new();
    for build in town.world.builds() {
        let worker = town.world.worker(build.build.worker).expect("known").worker.name.clone();
        let name = &town.world.builder(build.build.builder).expect("known").builder.name;
        let spec = config.builders.iter().find(|b| b.name == *name).expect("configured");
        let current = build.current().map(|s| &spec.steps[usize::try_from(s.number).expect("a number")]);
        for used in spec.locks.iter().chain(current.into_iter().flat_map(|s| &s.locks)) {
            let lock = config.locks.iter().find(|l| l.name == used.lock).expect("defined");
            let on = (lock.scope == LockScope::Worker).then(|| worker.clone());
            let entry = held.entry((lock.name.clone(), on)).or_default();
            match used.access {
                LockAccess::Exclusive => entry.0 += 1,
                LockAccess::Counting(n) => entry.1 += n.min(lock.room(&worker)),
            }
        }
    }
    held
}

fn within(town: &Town, config: &Config) -> Result<(), TestCaseError> {
    for ((name, worker), (alone, counted)) in held(town, config) {
        let lock = config.locks.iter().find(|l| l.name == name).expect("defined");
        let room = lock.room(worker.as_deref().unwrap_or_default());
        prop_assert!(alone == 0 || (alone == 1 && counted == 0), "{} alone with others", name);
        prop_assert!(counted <= room, "{} of {} places of {}", counted, room, name);
    }
    Ok(())
}

/// No lost wake-up, by a slow rule: whoever stands first in a lock's line is kept by holders, not by thin air.
fn somebody_holds_what_is_waited_for(town: &Town) -> Result<(), TestCaseError> {
    let views = engine::lock::views(&town.world);
    let all: Vec<_> = views.iter().flat_map(|v| &v.waiting).collect();
    let Some(first) = all.iter().min_by_key(|p| p.since) else { return Ok(()) };
    let firsts = all.iter().filter(|p| p.since == first.since).map(|p| p.owner.to_string());
    let firsts: Vec<String> = firsts.collect();
    let kept = views.iter().any(|v| {
        let mine = v.waiting.iter().filter(|p| firsts.contains(&p.owner.to_string()));
        mine.into_iter().any(|p| match p.access {
            LockAccess::Exclusive => !v.holders.is_empty(),
            LockAccess::Counting(n) => {
                let used: u32 = v
                    .holders
                    .iter()
                    .map(|h| match h.access {
                        LockAccess::Exclusive => v.room,
                        LockAccess::Counting(n) => n.min(v.room),
                    })
                    .sum();
                used + n.min(v.room) > v.room
            }
        })
    });
    prop_assert!(kept, "{:?} could begin", firsts);
    Ok(())
}

fn access() -> impl Strategy<Value = LockAccess> {
    prop_oneof![Just(EXCLUSIVE), (1u32..4).prop_map(LockAccess::Counting)]
}

/// Some of these locks, each once.
fn wishes(names: &'static [&'static str]) -> impl Strategy<Value = Vec<LockUse>> {
    let one = prop::option::of(access());
    prop::collection::vec(one, names.len()).prop_map(move |all| {
        let named = names.iter().zip(all).filter_map(|(name, access)| Some(wish(name, access?)));
        named.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    /// Builders use other locks than steps do: who holds one and waits for another could wait in a circle.
    #[test]
    fn locks_stay_within_their_room_and_everybody_gets_a_turn(
        rooms in prop::collection::vec(1u32..4, 4),
        sizes in prop::collection::vec(1u32..4, 2),
        builds in prop::collection::vec((wishes(&["a", "b"]), wishes(&["c", "d"]), wishes(&["c", "d"])), 3),
        asks in prop::collection::vec((0usize..3, -1i64..2), 1..16),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 80),
        restarts in any::<bool>(),
    ) {
        let locks = vec![
            master("a", rooms[0]), per_worker("b", rooms[1], &[("w", 2)]),
            master("c", rooms[2]), per_worker("d", rooms[3], &[("v", 1)]),
        ];
        let names = ["x", "y", "z"];
        let specs = names.iter().zip(&builds).map(|(name, (whole, first, second))| {
            holding(name, &["w", "v"], whole, vec![locked("first", first), locked("second", second)])
        });
        let config = config(&[("w", sizes[0]), ("v", sizes[1])], locks, specs.collect());
        let mut town = Town::new(config.clone());
        let mut asks_left = asks.iter();
        let mut turns = 0;
        loop {
            if let Some((b, priority)) = asks_left.next() {
                town.force(names[*b], *priority);
            }
            within(&town, &config)?;
            somebody_holds_what_is_waited_for(&town)?;
            let busy: Vec<BuildId> = town.world.builds().filter(|b| b.current().is_some_and(|s| s.status == StepStatus::Running)).map(|b| b.build.id).collect();
            if busy.is_empty() {
                prop_assert_eq!(town.world.waiting(), 0, "requests wait and nothing runs");
                prop_assert_eq!(town.world.builds().count(), 0, "builds wait and nothing runs");
                if asks_left.len() == 0 {
                    break;
                }
                continue;
            }
            town.now += model::Span::seconds(1);
            let pick = picks[turns % picks.len()].get(&busy);
            town.end_command(*pick, CommandEnd::Exited(0));
            turns += 1;
            if restarts && turns % 5 == 0 {
                town.restart();
            }
        }
        prop_assert_eq!(town.answered().len(), asks.len());
    }
}

#[test]
fn a_long_line_is_told_only_at_its_head() {
    let spec = builder("a", &["w"], vec![locked("s", &[wish("l", EXCLUSIVE)])]);
    let mut town = Town::new(config(&[("w", 200)], vec![master("l", 1)], vec![spec]));
    for _ in 0..100 {
        town.force("a", 0);
    }
    assert_eq!(state(&town, "a", 2), "waiting for the lock l, held by a #1 in s before s");
    assert_eq!(
        state(&town, "a", 7),
        "waiting for the lock l, held by a #1 in s, after a #2 in s, a #3 in s, a #4 in s and 2 more before s"
    );
    assert_eq!(state(&town, "a", 50), "waiting for the lock l before s");
    let said = |town: &Town| town.history.iter().filter(|t| matches!(t, Transition::BuildState { .. })).count();
    let before = said(&town);
    for number in 1..=80 {
        pass(&mut town, "a", number);
    }
    assert!(said(&town) - before <= 80 * 10, "{} lines for 80 ends", said(&town) - before);
    let empty = |t: &Transition| matches!(t, Transition::BuildState { state, .. } if state.contains("for  "));
    assert!(!town.history.iter().any(empty), "nobody waits for nothing");
}
