//! What change sources remember.

use crate::ask::{Ask, Asks};
use crate::op::Ops;
use crate::value::{Cells, V};
use crate::{Answer, Store};

impl Ops {
    pub(crate) fn remember_source(&mut self, source: String, memory: String) {
        self.push(
            "INSERT INTO source_memory (source, memory) VALUES ($1, $2) \
             ON CONFLICT (source) DO UPDATE SET memory = excluded.memory",
            vec![V::text(source), V::text(memory)],
        );
    }
}

impl Store {
    /// What a change source remembers; `None` before it first did.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn source_memory(&self, source: &str) -> Answer<Option<String>> {
        let ask = Ask::new("SELECT memory FROM source_memory WHERE source = $1", vec![V::text(source)]);
        self.first(Asks::one(ask), |row| Cells::new("source_memory", row).text()).await
    }
}
