//! A new configuration in a running world.

use crate::town::{Town, builder, forced, scheduler, step, worker};
use engine::build::CommandEnd;
use model::{Config, Results, StepFlags, Transition};

fn config(builders: &[&str]) -> Config {
    Config {
        workers: vec![worker("w", 4)],
        builders: builders.iter().map(|b| builder(b, &["w"], vec![step("s", StepFlags::PLAIN)])).collect(),
        schedulers: vec![scheduler("force", forced(), builders)],
        ..Config::default()
    }
}

#[test]
fn the_same_configuration_changes_nothing() {
    let town = Town::new(config(&["a", "b"]));
    assert_eq!(engine::config::adopt(&town.world, &config(&["a", "b"])), []);
}

#[test]
fn a_running_build_keeps_its_steps_and_a_builder_its_history() {
    let mut town = Town::new(config(&["a"]));
    town.force("a", 0);
    let build = town.only_build();
    let mut longer = config(&["a"]);
    longer.builders[0].steps.push(step("more", StepFlags::PLAIN));
    town.configure(longer);
    town.end_command(build, CommandEnd::Exited(0));
    assert_eq!(town.begun(), ["s"], "the old build ends with the old steps");
    town.force("a", 0);
    let next = town.world.builds().next().expect("runs").build.clone();
    assert_eq!(next.number, 2);
    town.end_command(next.id, CommandEnd::Exited(0));
    assert_eq!(town.begun(), ["s", "s", "more"]);
}

#[test]
fn requests_of_a_builder_that_is_gone_wait_and_say_so() {
    let mut town = Town::new(config(&["a", "b"]));
    let w = town.worker("w");
    town.take(vec![Transition::WorkerPaused { worker: w, reason: Some("later".into()) }]);
    let request = town.force("b", 0);
    town.configure(config(&["a"]));
    town.take(vec![Transition::WorkerPaused { worker: w, reason: None }]);
    town.settle();
    assert_eq!(town.world.builds().count(), 0);
    assert_eq!(engine::why::of_request(&town.world, request, town.now), Some(model::Why::BuilderGone));
    let cancelled = engine::request::cancel(&town.world, request, "ann", town.now);
    town.take(cancelled);
    town.settle();
    assert_eq!(town.answered(), [Results::Cancelled]);
}
