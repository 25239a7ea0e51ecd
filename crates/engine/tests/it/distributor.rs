//! Which request goes to which worker, against a slow oracle.

use crate::town::{Town, builder, forced, scheduler, step, worker};
use engine::build::CommandEnd;
use model::{Config, StepFlags, Transition};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn town(workers: &[(&str, u32)], builders: &[(&str, &[&str])]) -> Town {
    let names: Vec<&str> = builders.iter().map(|b| b.0).collect();
    Town::new(Config {
        workers: workers.iter().map(|(n, m)| worker(n, *m)).collect(),
        builders: builders.iter().map(|(n, w)| builder(n, w, vec![step("s", StepFlags::PLAIN)])).collect(),
        schedulers: vec![scheduler("force", forced(), &names)],
        ..Config::default()
    })
}

/// (request, worker) in the order of the leases.
fn leases(town: &Town) -> Vec<(i64, String)> {
    let leases = town.history.iter().filter_map(|t| match t {
        Transition::BuildLeased { build, .. } => Some(build),
        _ => None,
    });
    leases.map(|b| (b.request.0, town.world.worker(b.worker).expect("known").worker.name.clone())).collect()
}

#[test]
fn a_worker_never_runs_more_than_its_size_and_the_oldest_goes_first() {
    let mut town = town(&[("w", 2)], &[("b", &["w"])]);
    for _ in 0..4 {
        town.force("b", 0);
    }
    assert_eq!(leases(&town), [(1, "w".into()), (2, "w".into())]);
    let first = town.world.builds().next().expect("runs").build.id;
    town.end_command(first, CommandEnd::Exited(0));
    assert_eq!(leases(&town).last(), Some(&(3, "w".into())));
}

#[test]
fn priority_goes_before_age() {
    let mut town = town(&[("w", 1)], &[("b", &["w"])]);
    town.force("b", 0);
    town.force("b", 0);
    town.force("b", 7);
    let first = town.only_build();
    town.end_command(first, CommandEnd::Exited(0));
    assert_eq!(leases(&town), [(1, "w".into()), (3, "w".into())]);
}

#[test]
fn the_least_loaded_worker_is_taken() {
    let mut town = town(&[("big", 4), ("small", 1)], &[("b", &["big", "small"])]);
    for _ in 0..5 {
        town.force("b", 0);
    }
    let names: Vec<String> = leases(&town).into_iter().map(|l| l.1).collect();
    assert_eq!(names, ["big", "small", "big", "big", "big"]);
}

#[test]
fn a_paused_worker_takes_nothing_new() {
    let mut town = town(&[("w", 2)], &[("b", &["w"])]);
    let w = town.worker("w");
    town.take(vec![Transition::WorkerPaused { worker: w, reason: Some("disk".into()) }]);
    town.force("b", 0);
    assert_eq!(leases(&town), []);
    town.take(vec![Transition::WorkerPaused { worker: w, reason: None }]);
    town.settle();
    assert_eq!(leases(&town).len(), 1);
}

#[test]
fn build_numbers_rise_by_one_within_a_builder() {
    let mut town = town(&[("w", 9)], &[("a", &["w"]), ("b", &["w"])]);
    for name in ["a", "b", "a", "a", "b"] {
        town.force(name, 0);
    }
    let mut numbers: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for build in town.world.builds() {
        numbers.entry(build.build.builder.0).or_default().push(build.build.number);
    }
    assert_eq!(numbers.into_values().collect::<Vec<_>>(), [vec![1, 2, 3], vec![1, 2]]);
}

#[test]
fn two_builds_of_one_builder_never_share_a_directory() {
    let mut town = town(&[("w", 3), ("v", 1)], &[("b", &["w", "v"]), ("b~2", &["w"])]);
    for worker in ["w", "v"] {
        let id = town.worker(worker);
        town.take(vec![Transition::WorkerPaused { worker: id, reason: Some("later".into()) }]);
    }
    for _ in 0..4 {
        town.force("b", 0);
    }
    for worker in ["w", "v"] {
        let id = town.worker(worker);
        town.take(vec![Transition::WorkerPaused { worker: id, reason: None }]);
        town.settle();
    }
    let places = |town: &Town| {
        let dir = |b: &model::Build| b.properties.get("builddir").and_then(|p| p.value.as_text()).map(str::to_owned);
        let mut all: Vec<_> = town.world.builds().map(|b| (b.build.worker, dir(&b.build).expect("text"))).collect();
        all.sort();
        all.into_iter()
            .map(|(worker, dir)| (town.world.worker(worker).expect("known").worker.name.clone(), dir))
            .collect()
    };
    let at = |w: &str, dir: &str| (w.to_owned(), dir.to_owned());
    let mut all: Vec<_> = places(&town);
    all.sort();
    assert_eq!(all, [at("v", "b"), at("w", "b"), at("w", "b~3"), at("w", "b~4")], "b~2 is another builder's");
    // What is free again is used again.
    let first = town.world.builds().next().expect("runs").build.id;
    town.end_command(first, CommandEnd::Exited(0));
    town.force("b", 0);
    let mut all: Vec<_> = places(&town);
    all.sort();
    assert_eq!(all, [at("v", "b"), at("w", "b"), at("w", "b~3"), at("w", "b~4")]);
}

proptest! {
    /// The slow rule: again and again, of all waiting requests that have a free worker, the first by
    /// (priority, age, id). Whatever was asked for in whatever order, the same requests are leased.
    #[test]
    fn leases_follow_the_slow_rule(asks in prop::collection::vec((0usize..3, -1i64..2), 1..20), sizes in prop::collection::vec(1u32..3, 3)) {
        let workers: Vec<(&str, u32)> = ["w0", "w1", "w2"].into_iter().zip(sizes.iter().copied()).collect();
        let builders: [(&str, &[&str]); 3] = [("a", &["w0"]), ("b", &["w1", "w2"]), ("c", &["w0", "w2"])];
        let mut town = town(&workers, &builders);
        let names = ["w0", "w1", "w2"];
        for name in names {
            let id = town.worker(name);
            town.take(vec![Transition::WorkerPaused { worker: id, reason: Some("later".into()) }]);
        }
        let mut waiting: Vec<(i64, i64, usize)> = Vec::new();
        for (b, priority) in &asks {
            let id = town.force(builders[*b].0, *priority);
            waiting.push((-priority, id.0, *b));
        }
        for name in names {
            let id = town.worker(name);
            town.take(vec![Transition::WorkerPaused { worker: id, reason: None }]);
        }
        town.settle();
        let mut free: BTreeMap<&str, u32> = workers.iter().copied().collect();
        let got = leases(&town);
        for (request, worker) in &got {
            let fits = |b: usize| builders[b].1.iter().any(|w| free[w] > 0);
            let first = waiting.iter().filter(|(_, _, b)| fits(*b)).min().copied().expect("somebody fits");
            prop_assert_eq!(first.1, *request);
            prop_assert!(builders[first.2].1.contains(&worker.as_str()));
            waiting.retain(|w| w.1 != *request);
            *free.get_mut(worker.as_str()).expect("known") -= 1;
        }
        prop_assert!(waiting.iter().all(|(_, _, b)| builders[*b].1.iter().all(|w| free[w] == 0)), "no worker idles");
    }
}
