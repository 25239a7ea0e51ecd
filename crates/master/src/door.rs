//! The master as change sources see it.

use crate::control::Door;
use crate::input::{Input, SourceMemory};
use model::{NewChange, Time};
use sources::{DoorError, Reply, SourceState};
use web::control::LiveSource;

impl sources::Door for Door {
    fn memory<'a>(&'a self, source: &'a str) -> Reply<'a, Option<String>> {
        Box::pin(async move { self.store.source_memory(source).await.map_err(|e| DoorError(e.to_string())) })
    }

    fn accept<'a>(&'a self, source: &'a str, changes: Vec<NewChange>, memory: String) -> Reply<'a, ()> {
        let memory = Some(SourceMemory { source: source.to_owned(), text: memory });
        Box::pin(async move {
            let taken = self.ask(|reply| Input::Changes { changes, memory, reply }).await;
            taken.map(drop).map_err(|e| DoorError(e.to_string()))
        })
    }

    fn said(&self, source: &str, state: SourceState) {
        let failing = state.failing.is_some();
        if let Some(why) = &state.failing {
            tracing::warn!("change source {source}: {why}");
        }
        let SourceState { text, looked_at, next_at, .. } = state;
        Door::said(self, LiveSource { name: source.to_owned(), state: text, failing, looked_at, next_at });
    }

    fn now(&self) -> Time {
        self.clock.now()
    }
}
