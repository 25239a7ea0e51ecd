//! The one true reason, at each moment of a request's waiting.

use crate::town::{Town, builder, forced, scheduler, step, worker};
use engine::build::CommandEnd;
use model::{Config, RequestId, StepFlags, Transition};

fn why(town: &Town, id: RequestId) -> Option<String> {
    engine::why::of_request(&town.world, id, town.now).map(|w| w.sentence(town.now))
}

#[test]
fn reasons_follow_the_facts() {
    let mut town = Town::new(Config {
        workers: vec![worker("mac", 1)],
        builders: vec![builder("b", &["mac"], vec![step("s", StepFlags::PLAIN)])],
        schedulers: vec![scheduler("force", forced(), &["b"])],
        ..Config::default()
    });
    let mac = town.worker("mac");
    town.disconnect(mac);
    let first = town.force("b", 0);
    assert_eq!(why(&town, first).as_deref(), Some("its worker mac is not connected"));
    town.take(vec![Transition::WorkerPaused { worker: mac, reason: Some("disk".into()) }]);
    town.connect(mac);
    assert_eq!(why(&town, first).as_deref(), Some("its worker mac is paused"));
    town.take(vec![Transition::WorkerPaused { worker: mac, reason: None }]);
    assert_eq!(why(&town, first).as_deref(), Some("a worker is free, it starts next"));
    town.settle();
    assert_eq!(why(&town, first), None, "it runs");
    let second = town.force("b", 0);
    let third = town.force("b", 0);
    assert_eq!(why(&town, second).as_deref(), Some("its worker mac is busy"));
    assert_eq!(why(&town, third).as_deref(), Some("its worker mac is busy, one request goes before it"));
    town.pass(100);
    let build = town.only_build();
    town.end_command(build, CommandEnd::Exited(0));
    assert_eq!(why(&town, third).as_deref(), Some("its worker mac is busy, free in about 1 min 40 s"));
}
