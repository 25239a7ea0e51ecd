//! What pages ask for, against a slow reading of the whole history.

use crate::db::{Engine, commit, engines, fresh};
use crate::nouns::*;
use model::{Build, BuildId, BuilderId, ChangeId, Query, Results, Time, Transition};
use store::{Broken, Store};

/// A history of three builders that runs through all results, two builds to each change.
async fn history(store: &Store) -> Vec<Build> {
    commit(store, configuration()).await;
    commit(store, vec![Transition::BuilderKnown(builder(3)), Transition::BuilderKnown(builder(4))]).await;
    let mut numbers = [0; 4];
    let mut seed: u64 = 42;
    for id in 1..=90 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = (seed >> 33) as i64;
        let who = random % 3;
        numbers[who as usize] += 1;
        let mut build = build(id, numbers[who as usize], who + 1, id);
        build.started_at = at(10 * id);
        let stamp = stamp(id, &[1 + id / 2]);
        let set = set(id, vec![stamp], &[id]);
        let mut batch = vec![Transition::SetFiled { set, requests: vec![request(id, id, who + 1)] }];
        if id % 2 == 0 {
            batch.push(Transition::ChangeAdded(change(1 + id / 2)));
        }
        batch.push(Transition::BuildLeased { build, also: Vec::new(), plan: plan() });
        if random % 11 != 0 {
            // The third builder has not passed for a long time.
            let results = match who {
                2 if id > 20 => [Results::Failure, Results::Exception, Results::Retry][random as usize / 3 % 3],
                _ => Results::ALL[random as usize % 7],
            };
            batch.extend(ended(id, at(10 * id + random % 300), results));
        }
        commit(store, batch).await;
    }
    store.builds(&Query::default()).await.unwrap().rows
}

fn of(builds: &[Build], builder: i64) -> impl DoubleEndedIterator<Item = &Build> {
    builds.iter().filter(move |b| b.builder == BuilderId(builder))
}

async fn builds_of_all_builders_agree_with_history(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    let all = history(&store).await;
    let last = (1..=4).filter_map(|b| of(&all, b).rfind(|b| b.status.results().is_some())).cloned();
    assert_eq!(store.last_finished().await.unwrap(), last.collect::<Vec<_>>());
    for n in [0, 1, 5, 1000] {
        let newest = (1..=4).flat_map(|b| of(&all, b).rev().take(n)).cloned();
        assert_eq!(store.latest_builds(n as u32).await.unwrap(), newest.collect::<Vec<_>>());
    }
}

fn broken_slowly(all: &[Build]) -> Vec<Broken> {
    let result = |b: &&Build, some: &[Results]| b.status.results().is_some_and(|r| some.contains(&r));
    let good = |b: &&Build| result(b, &[Results::Success, Results::Warnings]);
    let bad = |b: &&Build| result(b, &[Results::Failure, Results::Exception]);
    let broken = |builder: i64| {
        let last_good = of(all, builder).rfind(good);
        let after = last_good.map_or(0, |b| b.number);
        let since = of(all, builder).filter(|b| b.number > after).find(bad)?;
        Some(Broken { builder: BuilderId(builder), since: since.clone(), last_good: last_good.cloned() })
    };
    (1..=4).filter_map(broken).collect()
}

async fn broken_builders_agree_with_history(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    let all = history(&store).await;
    let broken = broken_slowly(&all);
    assert!(broken.iter().any(|b| b.builder == BuilderId(3)));
    assert_eq!(store.broken().await.unwrap(), broken);
    let mut gone = builder(3);
    gone.configured = false;
    commit(&store, vec![Transition::BuilderKnown(gone)]).await;
    assert!(store.broken().await.unwrap().iter().all(|b| b.builder != BuilderId(3)));
}

async fn time_ranges_agree_with_history(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    let all = history(&store).await;
    for (from, to) in [(0, 1), (0, 2000), (100, 101), (300, 500), (-50, 0), (5000, 6000), (500, 300)] {
        let (from, to) = (at(from), at(to));
        let mut overlap: Vec<_> = all.iter().filter(|b| runs(b, from, to)).cloned().collect();
        overlap.reverse();
        if from < to {
            assert_eq!(store.builds_between(from, to, 1000).await.unwrap(), overlap, "{from:?} {to:?}");
        }
        assert!(store.builds_between(from, to, 5).await.unwrap().len() <= 5);
    }
}

fn runs(build: &Build, from: Time, to: Time) -> bool {
    build.started_at < to && build.status.complete_at().is_none_or(|end| end >= from)
}

async fn changes_and_builds_find_each_other(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    let all = history(&store).await;
    let two: Vec<_> = all.iter().filter(|b| [6, 7].contains(&b.id.0)).cloned().collect();
    assert_eq!(store.builds_of_change(ChangeId(4)).await.unwrap(), two);
    let pairs = store.changes_of_builds(&[BuildId(7), BuildId(2), BuildId(99)]).await.unwrap();
    assert_eq!(pairs, vec![(BuildId(2), change(2)), (BuildId(7), change(4))]);
}

engines! {
    builds_of_all_builders_agree_with_history
    broken_builders_agree_with_history
    time_ranges_agree_with_history
    changes_and_builds_find_each_other
}
