//! When sets are filed.

mod dependent;
mod filter;
mod follow;
mod oracle;
pub(crate) mod place;
mod table;

use crate::town::{Town, builder, follows, scheduler, step, worker};
use model::{Config, SchedulerKind, Span, StepFlags};

fn town(kind: SchedulerKind) -> Town {
    Town::new(Config {
        workers: vec![worker("w", 1)],
        builders: vec![builder("b", &["w"], vec![step("s", StepFlags::PLAIN)])],
        schedulers: vec![scheduler("quick", kind, &["b"])],
        ..Config::default()
    })
}

#[test]
fn every_change_starts_the_timer_anew_and_all_of_them_are_built_at_once() {
    let mut town = town(follows("develop", Some(10)));
    town.change("develop", "r1");
    town.pass(9);
    town.change("develop", "r2");
    town.pass(9);
    assert_eq!(town.filed(), []);
    town.change("elsewhere", "x1");
    town.pass(1);
    assert_eq!(town.filed(), [(Some("r2".to_owned()), 2)]);
    town.pass(1000);
    assert_eq!(town.filed().len(), 1, "nothing fires twice");
}

#[test]
fn without_a_timer_each_change_is_built() {
    let mut town = town(follows("develop", None));
    let batch = vec![crate::town::change("develop", "r1"), crate::town::change("develop", "r2")];
    let todo = engine::change::accept(&town.world, batch, town.now);
    town.take(todo);
    town.settle();
    assert_eq!(town.filed(), [(Some("r1".to_owned()), 1), (Some("r2".to_owned()), 1)]);
}

#[test]
fn a_periodic_scheduler_fires_at_once_and_after_a_long_sleep_only_once() {
    let mut town = town(SchedulerKind::Periodic { every: Span::seconds(60), branch: None, if_changed: None });
    assert_eq!(town.filed().len(), 1, "the first one at once");
    town.pass(120);
    assert_eq!(town.filed().len(), 3);
    town.now += Span::seconds(6000);
    town.settle();
    assert_eq!(town.filed().len(), 4, "what was slept through is not made up for");
}

#[test]
fn a_scheduler_that_is_turned_off_hears_nothing() {
    let mut town = town(follows("develop", Some(10)));
    town.change("develop", "r1");
    let id = town.world.scheduler_named("quick").expect("quick").id;
    let off = engine::scheduler::enable(&town.world, id, engine::scheduler::Switch::Off).expect("known");
    town.take(vec![off]);
    town.change("develop", "r2");
    town.pass(60);
    assert_eq!(town.filed(), []);
    let on = engine::scheduler::enable(&town.world, id, engine::scheduler::Switch::On).expect("known");
    town.take(vec![on]);
    town.change("develop", "r3");
    town.pass(10);
    assert_eq!(town.filed(), [(Some("r3".to_owned()), 1)]);
}

#[test]
fn a_timer_survives_a_restart() {
    let mut before = town(follows("develop", Some(10)));
    before.change("develop", "r1");
    let snapshot = model::Snapshot {
        next: model::NextIds { change: 2, scheduler: 2, builder: 2, worker: 2, ..Default::default() },
        builders: before.world.builders().map(|b| b.builder.clone()).collect(),
        workers: before.world.workers().map(|w| w.worker.clone()).collect(),
        schedulers: before.world.scheduler_named("quick").cloned().into_iter().collect(),
        changes: vec![model::Change {
            id: model::ChangeId(1),
            received_at: before.now,
            facts: crate::town::change("develop", "r1"),
        }],
        ..Default::default()
    };
    let world = engine::World::load(snapshot, before.world.config().clone());
    let mut after = Town { world, now: before.now + Span::seconds(3600), history: vec![] };
    after.settle();
    assert_eq!(after.filed(), [(Some("r1".to_owned()), 1)]);
}

#[test]
fn a_lane_without_known_changes_is_forgotten_and_does_not_wake_for_ever() {
    let mut town = town(follows("develop", Some(10)));
    let scheduler = town.world.scheduler_named("quick").expect("quick").id;
    let lane = model::Lane { changes: vec![model::ChangeId(99)], fire_at: Some(town.now) };
    let state = model::SchedulerState { lanes: [("develop".to_owned(), lane)].into(), ..Default::default() };
    town.take(vec![model::Transition::SchedulerRemembers { scheduler, state }]);
    town.settle();
    assert_eq!(town.filed(), []);
    assert_eq!(engine::next_wake(&town.world), None);
}
