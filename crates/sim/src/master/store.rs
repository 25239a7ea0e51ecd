//! The store of the simulation: in memory, opened by name, and asked from a thread without a runtime.

use crate::violation::Violation;
use ::store::{Location, Store};
use engine::{Surroundings, World};
use model::Config;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// The world as the store has it.
///
/// # Errors
/// The store does not answer.
pub(super) fn load(store: &Store, config: &Arc<Config>) -> Result<World, Violation> {
    let snapshot = on(store.snapshot()).map_err(|e| Violation::new("store-answers", e.to_string()))?;
    let mut world = World::load(snapshot, Arc::clone(config));
    world.surround(Surroundings { functions: Arc::new(crate::functions::Natives), timezone: "UTC".to_owned() });
    Ok(world)
}

/// The living world remembers the logs of steps that have ended until the build goes on; the store gives only those of
/// steps that run.
pub(super) fn without_old_logs(world: &str) -> String {
    const LOGS: &str = "}], logs: [";
    let mut kept = String::with_capacity(world.len());
    let mut rest = world;
    while let Some(at) = rest.find(LOGS) {
        let (before, after) = rest.split_at(at + LOGS.len());
        kept.push_str(before);
        rest = after;
        let runs = before.trim_end_matches(LOGS).trim_end().ends_with("status: Running");
        if let Some(end) = rest.find("], stopping: ").filter(|_| !runs) {
            rest = &rest[end..];
        }
    }
    kept + rest
}

/// Opens a store in memory; a name that was opened before and is still open is the same store.
///
/// # Errors
/// It cannot be opened.
pub(crate) fn open(name: &str) -> Result<Store, Violation> {
    let at = Location::Sqlite(PathBuf::from(format!("file:/{name}?vfs=memdb")));
    on(Store::open(&at)).map_err(|e| Violation::new("store-opens", e.to_string()))
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for an answer of the store. Its threads answer one question at a time, so nothing depends on their pace.
pub(crate) fn on<T>(work: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}
