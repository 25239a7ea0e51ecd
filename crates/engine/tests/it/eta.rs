//! What is learnt of durations, and what is foretold.

use crate::town::{Town, builder, forced, scheduler, step, worker};
use engine::build::CommandEnd;
use engine::eta;
use model::{BuilderSpec, Config, RequestId, Span, StepFlags, Time};

fn town(max_builds: u32, change: impl Fn(&mut BuilderSpec)) -> Town {
    let mut spec = builder("b", &["w"], vec![step("make", StepFlags::PLAIN), step("test", StepFlags::PLAIN)]);
    change(&mut spec);
    Town::new(Config {
        workers: vec![worker("w", max_builds)],
        builders: vec![spec],
        schedulers: vec![scheduler("force", forced(), &["b"])],
        ..Config::default()
    })
}

/// One build, whose steps take so long.
fn build(town: &mut Town, make: i64, test: i64) {
    town.force("b", 0);
    let build = town.only_build();
    for seconds in [make, test] {
        town.pass(seconds);
        town.end_command(build, CommandEnd::Exited(0));
    }
}

fn left(town: &Town) -> Option<(i64, i64)> {
    let running = town.world.builds().next().expect("runs");
    let (early, late) = eta::of_build(&town.world, running, town.now)?;
    let seconds = |at: Time| (at.since(town.now).0 + 500_000) / 1_000_000;
    Some((seconds(early), seconds(late)))
}

#[test]
fn the_interval_follows_what_builds_differ_by() {
    let mut steady = town(1, |_| {});
    let mut wild = town(1, |_| {});
    for n in 0..20 {
        build(&mut steady, 100, 100);
        build(&mut wild, if n % 2 == 0 { 50 } else { 150 }, 100);
    }
    steady.force("b", 0);
    wild.force("b", 0);
    assert_eq!(left(&steady), Some((200, 200)), "always the same, so it is known well");
    let (early, late) = left(&wild).expect("learnt");
    assert!(late - early > 150, "{early} to {late}");
    assert!(early < 150 && late > 250, "both of what has happened lie within");
}

#[test]
fn the_interval_closes_in_as_the_build_goes_on_and_an_overrun_ends_now() {
    let mut town = town(1, |_| {});
    for seconds in [90, 110, 90, 110, 90, 110] {
        build(&mut town, seconds, 10);
    }
    town.force("b", 0);
    let (early, late) = left(&town).expect("learnt");
    let running = town.only_build();
    town.pass(95);
    let (_, later) = left(&town).expect("learnt");
    assert!(later < late && early > later, "{early} to {late}, then up to {later}");
    town.pass(500);
    let (early, late) = left(&town).expect("learnt");
    assert!(early <= 10 && late < 60, "{early} to {late}: the present step is over any moment");
    town.end_command(running, CommandEnd::Exited(0));
    assert_eq!(left(&town).map(|l| l.0 <= 10 && 10 <= l.1), Some(true));
}

#[test]
fn a_builder_that_wants_no_predictions_learns_none_and_tells_none() {
    let mut quiet = town(1, |spec| spec.use_progress = false);
    build(&mut quiet, 10, 10);
    quiet.force("b", 0);
    assert_eq!(left(&quiet), None);
    assert_eq!(quiet.world.builder_named("b").expect("b").builder.usual, model::builder::Usual::default());
    let mut usual = town(1, |_| {});
    build(&mut usual, 10, 10);
    let mut config = (**usual.world.config()).clone();
    config.builders[0].use_progress = false;
    usual.configure(config);
    usual.force("b", 0);
    let waiting = usual.force("b", 0);
    assert_eq!(left(&usual), None, "what was learnt before is not told either");
    assert_eq!(eta::of_queue(&usual.world, usual.now, 10), Default::default());
    assert_eq!(usual.why(waiting).as_deref(), Some("its worker w is busy"));
}

#[test]
fn nothing_is_foretold_before_the_first_good_build() {
    let mut town = town(1, |_| {});
    town.force("b", 0);
    let waiting = town.force("b", 0);
    assert_eq!(left(&town), None);
    assert_eq!(eta::of_queue(&town.world, town.now, 10).get(&waiting), None);
    let set = town.world.request(waiting).expect("open").set;
    assert_eq!(eta::of_set(&town.world, set, town.now), None);
}

#[test]
fn the_queue_is_foretold_by_working_it_off() {
    let mut town = town(2, |_| {});
    build(&mut town, 60, 40);
    let ids: Vec<RequestId> = (0..5).map(|_| town.force("b", 0)).collect();
    let expected = eta::of_queue(&town.world, town.now, 10);
    let offset = |at: Time| at.since(town.now).0 / 1_000_000;
    let got: Vec<_> = ids.iter().map(|id| expected.get(id).map(|e| (offset(e.start), e.end.map(offset)))).collect();
    let after = |start, end| Some((start, Some(end)));
    assert_eq!(got, [None, None, after(100, 200), after(100, 200), after(200, 300)], "two run, three wait");
    assert_eq!(eta::of_queue(&town.world, town.now, 1).len(), 1, "no more than was asked for");
    let set = |id: RequestId| town.world.request(id).expect("open").set;
    let of = |id| eta::of_set(&town.world, set(id), town.now).map(offset);
    assert_eq!([of(ids[0]), of(ids[4])], [Some(100), Some(300)]);
    assert_eq!(expected[&ids[2]].start, town.now + Span::seconds(100));
}

#[test]
fn samples_of_the_first_release_are_read() {
    // The store keeps what is usual as JSON; the first release wrote no spread.
    let old = model::builder::Usual { build: Some(Span::seconds(9)), ..Default::default() };
    assert_eq!(old.spread.len(), 0);
    assert_eq!(model::builder::Usual::learn_spread(None, None, Span::seconds(3)), None);
    let second = model::builder::Usual::learn_spread(None, Some(Span::seconds(10)), Span::seconds(10));
    assert_eq!(second, Some(Span::millis(1500)), "before the second build a fifth is taken for it");
}
