//! A clock that is set moves what is open along.

use crate::town::{Town, builder, follows, forced, scheduler, step, worker};
use engine::jump;
use model::{Config, SchedulerKind, Span, StepFlags, Time, Transition};

const DAY: i64 = 86_400;

fn town(kind: SchedulerKind) -> Town {
    let mut town = Town::new(Config {
        workers: vec![worker("w", 1)],
        builders: vec![builder("b", &["w"], vec![step("s", StepFlags::PLAIN)])],
        schedulers: vec![scheduler("force", forced(), &["b"]), scheduler("other", kind, &["b"])],
        ..Config::default()
    });
    // A night, so that a table has been looked at.
    town.pass(2 * DAY);
    town
}

impl Town {
    fn clock_is_set(&mut self, by: i64) {
        self.now += Span::seconds(by);
        let todo = jump::set(&self.world, Span::seconds(by), self.now);
        self.take(todo);
        self.settle();
    }
}

#[test]
fn a_quiet_time_and_a_grace_time_last_as_long_as_before() {
    for by in [3600, -3600, 365 * DAY, -365 * DAY] {
        let mut town = town(follows("develop", Some(10)));
        town.force("b", 0);
        let build = town.only_build();
        town.disconnect(town.worker("w"));
        town.change("develop", "r1");
        town.clock_is_set(by);
        town.pass(9);
        assert_eq!(town.filed().len(), 1, "{by}: only what was forced");
        town.pass(2);
        assert_eq!(town.filed().len(), 2, "{by}");
        assert!(town.world.build(build).is_some(), "{by}: its worker may still come back");
        town.pass(590);
        assert!(town.world.build(build).is_none(), "{by}: ten minutes are over");
    }
}

#[test]
fn a_nightly_build_comes_once_whatever_the_clock_is_set_to() {
    // How far the clock is set at noon; how many sets there are within the twenty hours after that.
    for (by, sets) in [(3600, 1), (-3600, 1), (16 * 3600, 1), (-10 * 3600, 0), (400 * DAY, 1), (-400 * DAY, 1)] {
        let table = SchedulerKind::Nightly {
            cron: "0 3 * * *".to_owned(),
            timezone: Some("UTC".to_owned()),
            branch: None,
            if_changed: None,
        };
        let mut town = town(table);
        town.pass(DAY + DAY / 2 - town.now.0 / 1_000_000 % DAY);
        let before = town.filed().len();
        town.clock_is_set(by);
        town.pass(20 * 3600 - by.rem_euclid(DAY).min(1));
        assert_eq!(town.filed().len() - before, sets, "set by {by} s");
    }
}

#[test]
fn a_master_that_starts_with_an_earlier_clock_takes_nothing_for_older_than_it_was() {
    let mut town = town(forced());
    town.force("b", 0);
    let build = town.only_build();
    assert_eq!(jump::begin(&town.world, town.now + Span::seconds(DAY)), [], "a later clock is believed");
    let early = Time::from_seconds(5);
    let todo = jump::begin(&town.world, early);
    assert!(matches!(todo[..], [Transition::ClockSet { by }] if by.0 < 0), "{todo:?}");
    town.now = early;
    town.take(todo);
    let began = town.world.build(build).map(|b| b.build.started_at).unwrap();
    assert!(began <= early && early.since(began) <= Span::seconds(1));
}
