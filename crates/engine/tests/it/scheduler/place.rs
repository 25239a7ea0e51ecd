//! What the tests of schedulers share: functions of a configuration, sets that were filed, a master that starts again.

use crate::town::{Town, builder, change, scheduler, step, worker};
use model::{
    BuildSet, CallError, Config, FunctionRef, Functions, NewChange, NextIds, Place, Request, SchedulerSpec, Snapshot,
    StepFlags, Transition, Value,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Functions that a configuration might give.
#[derive(Debug)]
pub(crate) struct Rules;

impl Functions for Rules {
    fn call(&self, function: &FunctionRef, arguments: &[Value]) -> Result<Value, CallError> {
        let [Value::Map(change)] = arguments else { panic!("a change is given") };
        let text = |name: &str| change[name].as_text().unwrap_or_default().to_owned();
        let files = || match &change["files"] {
            Value::List(files) => files.iter().filter_map(Value::as_text).map(str::to_owned).collect::<Vec<_>>(),
            _ => panic!("files are a list"),
        };
        match function.name.as_str() {
            "beyond_docs" => Ok(Value::Bool(files().iter().any(|f| !f.starts_with("docs/")))),
            "marked" => Ok(Value::Bool(text("comments").contains('!'))),
            "by_ann" => Ok(Value::from(text("who").starts_with("ann").then_some(1))),
            "everything" => Ok(Value::List(change.keys().map(|k| Value::from(k.as_str())).collect())),
            _ => Err(CallError { message: format!("{} ({}) went on for too long", function.name, function.place) }),
        }
    }
}

pub(crate) fn function(name: &str) -> FunctionRef {
    let place = Place { file: "master.star".to_owned(), line: 7, column: 1 };
    FunctionRef { name: name.to_owned(), place, digest: String::new() }
}

/// Two builders on a worker, and these schedulers.
pub(crate) fn config(schedulers: Vec<SchedulerSpec>) -> Config {
    let plain = || vec![step("s", StepFlags::PLAIN)];
    Config {
        workers: vec![worker("w", 9)],
        builders: vec![builder("b", &["w"], plain()), builder("c", &["w"], plain())],
        schedulers,
        ..Config::default()
    }
}

/// A town with these schedulers, [`Rules`], and this time zone. Its worker is away, so that nothing is built.
pub(crate) fn town_in(timezone: &str, schedulers: Vec<SchedulerSpec>) -> Town {
    let mut town = Town::new(Config::default());
    let surroundings = engine::Surroundings { functions: Arc::new(Rules), timezone: timezone.to_owned() };
    town.world.surround(surroundings);
    town.configure(config(schedulers));
    town
}

/// As [`town_in`] UTC.
pub(crate) fn idle(schedulers: Vec<SchedulerSpec>) -> Town {
    town_in("UTC", schedulers)
}

/// As [`idle`], and the worker is there.
pub(crate) fn town(schedulers: Vec<SchedulerSpec>) -> Town {
    let mut town = idle(schedulers);
    let worker = town.worker("w");
    town.connect(worker);
    town
}

/// A scheduler of the builder `b`.
pub(crate) fn of_b(name: &str, kind: model::SchedulerKind) -> SchedulerSpec {
    scheduler(name, kind, &["b"])
}

pub(crate) fn hear(town: &mut Town, changes: Vec<NewChange>) {
    let todo = engine::change::accept(&town.world, changes, town.now);
    town.take(todo);
    town.settle();
}

/// A change that a [`Rules`] function may judge: `!` in its message marks it.
pub(crate) fn said(branch: &str, revision: &str, comments: &str) -> NewChange {
    NewChange { comments: comments.to_owned(), ..change(branch, revision) }
}

/// The sets that were filed, in order.
pub(crate) fn sets(town: &Town) -> Vec<&BuildSet> {
    let sets = town.history.iter().filter_map(|t| match t {
        Transition::SetFiled { set, .. } => Some(set),
        _ => None,
    });
    sets.collect()
}

/// The revisions and changes of each set's stamps.
pub(crate) fn revisions(town: &Town) -> Vec<String> {
    let words = |set: &BuildSet| {
        let stamps = set.stamps.iter().map(|s| {
            let changes: Vec<String> = s.changes.iter().map(ToString::to_string).collect();
            format!("{}:{}", s.revision.as_deref().unwrap_or("latest"), changes.join("+"))
        });
        stamps.collect::<Vec<_>>().join(" ")
    };
    sets(town).into_iter().map(words).collect()
}

pub(crate) fn reasons(town: &Town) -> Vec<String> {
    sets(town).into_iter().map(|s| s.reason.clone()).collect()
}

/// The master starts again: the world is read from what the store would have. Builds do not run.
pub(crate) fn restart(town: &mut Town) {
    assert_eq!(town.world.builds().count(), 0, "no build runs");
    let mut snapshot = Snapshot {
        next: next_ids(&town.history),
        builders: town.world.builders().map(|b| b.builder.clone()).collect(),
        workers: town.world.workers().map(|w| w.worker.clone()).collect(),
        schedulers: town.world.schedulers().cloned().collect(),
        ..Snapshot::default()
    };
    let waiting: Vec<_> =
        snapshot.schedulers.iter().flat_map(|s| s.state.lanes.values()).flat_map(|l| l.changes.clone()).collect();
    let mut open: BTreeMap<_, (BuildSet, Vec<Request>)> = BTreeMap::new();
    for transition in &town.history {
        match transition {
            Transition::ChangeAdded(change) if waiting.contains(&change.id) => snapshot.changes.push(change.clone()),
            Transition::SetFiled { set, requests } => drop(open.insert(set.id, (set.clone(), requests.clone()))),
            Transition::SetFinished { set, .. } => drop(open.remove(set)),
            _ => {}
        }
    }
    for (set, requests) in open.into_values() {
        snapshot.sets.push(set);
        snapshot.requests.extend(requests);
    }
    let surroundings = town.world.surroundings().clone();
    town.world = engine::World::load(snapshot, town.world.config().clone());
    town.world.surround(surroundings);
    town.settle();
}

fn next_ids(history: &[Transition]) -> NextIds {
    let mut next = NextIds::default();
    for transition in history {
        match transition {
            Transition::ChangeAdded(change) => next.change = change.id.0 + 1,
            Transition::BuilderKnown(builder) => next.builder = next.builder.max(builder.id.0 + 1),
            Transition::WorkerKnown(worker) => next.worker = next.worker.max(worker.id.0 + 1),
            Transition::SchedulerKnown(scheduler) => next.scheduler = next.scheduler.max(scheduler.id.0 + 1),
            Transition::SetFiled { set, requests } => {
                next.set = set.id.0 + 1;
                next.stamp = set.stamps.last().map_or(next.stamp, |s| s.id.0 + 1);
                next.request = requests.last().map_or(next.request, |r| r.id.0 + 1);
            }
            _ => {}
        }
    }
    next
}
