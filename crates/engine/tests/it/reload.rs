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
fn requests_of_a_builder_that_is_gone_are_cancelled_and_its_builds_go_on() {
    let mut town = Town::new(config(&["a", "b"]));
    let w = town.worker("w");
    town.force("b", 0);
    let build = town.only_build();
    town.take(vec![Transition::WorkerPaused { worker: w, reason: Some("later".into()) }]);
    let request = town.force("b", 0);
    let todo = engine::config::adopt(&town.world, &config(&["a"]));
    town.take(todo);
    town.world.configure(std::sync::Arc::new(config(&["a"])));
    assert_eq!(engine::why::of_request(&town.world, request, town.now), Some(model::Why::BuilderGone));
    assert_eq!(
        engine::config::consequences(&town.world),
        [
            "cancels 1 waiting request of b: its builder b is no longer configured",
            "lets 1 running build of b go on to the end, and starts no more",
        ]
    );
    town.settle();
    assert_eq!(town.answered(), [Results::Cancelled]);
    town.end_command(build, CommandEnd::Exited(0));
    assert_eq!(town.answered(), [Results::Cancelled, Results::Success]);
    assert_eq!(engine::config::consequences(&town.world), [""; 0]);
}

#[test]
fn a_worker_that_is_gone_ends_what_it_runs_first() {
    let mut town = Town::new(config(&["a"]));
    town.force("a", 0);
    let build = town.only_build();
    let elsewhere = Config { workers: vec![worker("v", 1)], ..config(&["a"]) };
    town.configure(elsewhere);
    assert_eq!(
        engine::config::consequences(&town.world),
        ["lets 1 running build on worker w go on to the end, and gives it no more"]
    );
    town.force("a", 0);
    town.end_command(build, CommandEnd::Exited(0));
    assert_eq!(town.answered(), [Results::Success]);
    assert_eq!(town.world.builds().count(), 0, "its next build waits for another worker");
}
