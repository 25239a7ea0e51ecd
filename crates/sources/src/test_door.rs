//! A master for tests, which keeps what it is handed.

use crate::{Door, DoorError, Reply, SourceState};
use model::{NewChange, Time};
use std::sync::{Mutex, MutexGuard};
use testkit::Clock;

/// What a master keeps: nothing but its memory.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) memory: Option<String>,
    pub(crate) changes: Vec<NewChange>,
    pub(crate) batches: usize,
    pub(crate) said: Vec<SourceState>,
    pub(crate) refuse: Option<String>,
}

/// Its door.
pub(crate) struct TestDoor {
    pub(crate) kept: Mutex<Kept>,
    pub(crate) clock: Clock,
}

impl TestDoor {
    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }
}

impl Door for TestDoor {
    fn memory<'a>(&'a self, _: &'a str) -> Reply<'a, Option<String>> {
        Box::pin(async { Ok(self.kept().memory.clone()) })
    }

    fn accept<'a>(&'a self, _: &'a str, changes: Vec<NewChange>, memory: String) -> Reply<'a, ()> {
        Box::pin(async move {
            let mut kept = self.kept();
            if let Some(reason) = &kept.refuse {
                return Err(DoorError(reason.clone()));
            }
            for change in changes {
                let known = kept.changes.iter().any(|c| (&c.branch, &c.revision) == (&change.branch, &change.revision));
                if !known {
                    kept.changes.push(change);
                }
            }
            kept.memory = Some(memory);
            kept.batches += 1;
            Ok(())
        })
    }

    fn said(&self, _: &str, state: SourceState) {
        self.kept().said.push(state);
    }

    fn now(&self) -> Time {
        self.clock.now()
    }
}
