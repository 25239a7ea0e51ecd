//! A world that was just read is brought to agree with those who are there.

use crate::town::{Town, builder, forced, scheduler, step, worker};
use engine::build::CommandEnd;
use engine::worker::{Presence, stands};
use model::{Config, Results, StepFlags, Transition};

fn a_running_build() -> Town {
    let mut town = Town::new(Config {
        workers: vec![worker("w", 1)],
        builders: vec![builder("b", &["w"], vec![step("s", StepFlags::PLAIN)])],
        schedulers: vec![scheduler("force", forced(), &["b"])],
        ..Config::default()
    });
    town.force("b", 0);
    town
}

fn stand(town: &mut Town, presence: Presence) -> Vec<&'static str> {
    let todo = stands(&town.world, town.worker("w"), presence, town.now);
    let words = todo.iter().map(|t| match t {
        Transition::WorkerConnected { .. } => "connected",
        Transition::WorkerDisconnected { .. } => "disconnected",
        Transition::LeaseDated { until: Some(_), .. } => "dated",
        Transition::LeaseDated { until: None, .. } => "held",
        _ => "other",
    });
    let words = words.collect();
    town.take(todo);
    words
}

#[test]
fn a_worker_stands_as_those_who_speak_with_it_say() {
    let mut town = a_running_build();
    let none: [&str; 0] = [];
    assert_eq!(stand(&mut town, Presence::Here), none, "the world knows that it is there");
    assert_eq!(stand(&mut town, Presence::Leaving), ["disconnected"], "it takes no more, and keeps what it has");
    assert_eq!(stand(&mut town, Presence::Leaving), none);
    assert_eq!(stand(&mut town, Presence::Away), ["disconnected", "dated"], "nobody speaks for its build any more");
    assert_eq!(stand(&mut town, Presence::Away), none);
    assert_eq!(stand(&mut town, Presence::Here), ["connected", "held"]);
}

/// A worker that stops ends its commands: the build is tried again elsewhere, and not for ever.
#[test]
fn a_build_whose_worker_was_stopped_is_tried_again() {
    let mut town = a_running_build();
    let request = town.world.first_waiting(1);
    assert_eq!(request, [], "it runs");
    for _ in 0..=engine::build::MOST_RETRIES {
        let build = town.only_build();
        town.end_command(build, CommandEnd::Lost("its worker was stopped".to_owned()));
    }
    let results: Vec<Results> = town.ended().iter().map(|(_, results, _)| *results).collect();
    assert_eq!(results, [Results::Retry; 4]);
    assert_eq!(town.answers(), [(1, Results::Exception)]);
}

/// The master died while a worker was about to stop: nobody may wait for its builds for ever.
#[test]
fn a_build_of_a_worker_that_was_leaving_is_given_up_after_a_restart() {
    let mut town = a_running_build();
    stand(&mut town, Presence::Leaving);
    town.restart();
    assert_eq!(stand(&mut town, Presence::Away), ["disconnected", "dated"]);
    let build = town.only_build();
    town.pass(100_000);
    assert!(town.ended().iter().any(|(id, ..)| *id == build), "{:?}", town.ended());
}
