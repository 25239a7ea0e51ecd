//! Questions to the store: statements that read, all answered from one moment.

use crate::StoreError;
use crate::value::{Row, V};
use std::borrow::Cow;

/// One statement that reads. Its text may hold tokens (see `dialect.rs`).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    pub(crate) sql: Cow<'static, str>,
    pub(crate) params: Vec<V>,
}

impl Ask {
    /// A question with a fixed text.
    pub(crate) fn new(sql: &'static str, params: Vec<V>) -> Self {
        Self { sql: Cow::Borrowed(sql), params }
    }

    /// A question whose text is put together.
    pub(crate) fn built(sql: String, params: Vec<V>) -> Self {
        Self { sql: Cow::Owned(sql), params }
    }
}

/// The rows of one answer.
pub(crate) type Rows = Vec<Row>;

/// What is asked after the first answers are known. A lost connection makes it be asked again.
pub(crate) type Then = Box<dyn Fn(&[Rows]) -> Result<Vec<Ask>, StoreError> + Send + Sync>;

/// Questions of one moment: some at once, and some that depend on the answers.
pub(crate) struct Asks {
    pub(crate) first: Vec<Ask>,
    pub(crate) then: Option<Then>,
}

impl Asks {
    /// Questions that depend on nothing.
    pub(crate) fn of(first: Vec<Ask>) -> Self {
        Self { first, then: None }
    }

    /// One question.
    pub(crate) fn one(ask: Ask) -> Self {
        Self::of(vec![ask])
    }

    /// Then questions about the rows that came first. Their answers stand behind the first ones.
    pub(crate) fn then(
        mut self,
        then: impl Fn(&[Rows]) -> Result<Vec<Ask>, StoreError> + Send + Sync + 'static,
    ) -> Self {
        self.then = Some(Box::new(then));
        self
    }

    /// They need a transaction to be of one moment.
    pub(crate) fn several(&self) -> bool {
        self.first.len() > 1 || self.then.is_some()
    }
}

/// The first cell of each row: the id, in all our statements.
pub(crate) fn ids(rows: &Rows) -> V {
    V::ids(rows.iter().filter_map(|row| match row.first() {
        Some(V::I(id)) => Some(*id),
        _ => None,
    }))
}
