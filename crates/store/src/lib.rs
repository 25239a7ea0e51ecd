//! The one truth: SQLite and PostgreSQL behind one SQL text.
//!
//! [`Store::commit`] takes the transitions of `model`, all of a batch or none, and returns when they are durable.
//! [`Store::snapshot`] gives the live part that the world is rebuilt from; the other methods answer questions about
//! everything that was ever written and never wait for the writer.

mod ask;
mod backup;
mod batch;
mod build;
mod build_set;
mod builder;
mod change;
mod check;
mod clock;
mod dialect;
mod error;
mod field;
mod gate;
mod log;
mod migrate;
mod op;
mod outbox;
mod pages;
#[cfg(test)]
mod plans;
mod postgres;
mod request;
mod scheduler;
mod snapshot;
mod source;
mod source_stamp;
mod sqlite;
mod step;
mod test_result;
mod testrun;
mod value;
mod worker;

pub use backup::{Kept, copy, give_up_running, upgrade};
pub use check::{BuildLogs, LogRow, Look, OpenLease, SCHEMA, SchemaVersion, finding_kinds, repair, unsealed};
pub use error::{CommitError, StoreError};
pub use pages::{Broken, LogPlace, Refusal};
pub use testrun::TestPast;

use ask::{Ask, Asks, Rows};
use batch::Queue;
use model::{Page, Transition};
use postgres::Postgres;
use sqlite::Sqlite;
use std::path::PathBuf;
use value::{Cells, Row};

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file; it and the journal files beside it belong to the store. Created when absent.
    Sqlite(PathBuf),
    /// An address (`postgres://user@host/database`, or `host=… dbname=…`), without TLS for now.
    Postgres(String),
}

/// At most so many rows come back from one question; [`Page`]'s total tells how many there are.
pub const MAX_ROWS: u64 = 10_000;

/// The store. Clones share one writer and a few readers, which end with the last clone.
#[derive(Clone)]
pub struct Store {
    writer: Queue,
    readers: Readers,
}

/// What answers questions.
#[derive(Clone)]
enum Readers {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// What a question gives.
type Answer<T> = Result<T, StoreError>;

impl Store {
    /// Opens the store, creates it when absent, and brings its schema up to date.
    ///
    /// A PostgreSQL database belongs to one master at a time; SQLite's file is guarded by whoever owns its directory.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::InUse`], [`StoreError::Address`], [`StoreError::Unavailable`].
    pub async fn open(at: &Location) -> Answer<Store> {
        match at {
            Location::Sqlite(path) => {
                let (writer, readers) = sqlite::open(path.clone(), sqlite::Limits::default()).await?;
                Ok(Store { writer, readers: Readers::Sqlite(readers) })
            }
            Location::Postgres(address) => {
                let (writer, readers) = postgres::open(address).await?;
                Ok(Store { writer, readers: Readers::Postgres(readers) })
            }
        }
    }

    /// Writes a batch: all of it, durable when this returns, or nothing.
    ///
    /// Batches are written in the order in which they were given. A caller that is dropped while it waits does not
    /// take its batch back.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn commit(&self, batch: Vec<Transition>) -> Result<(), CommitError> {
        self.writer.commit(batch).await
    }

    /// Waits until everything that was given to [`Store::commit`] is written, and ends the writer of all clones. With the
    /// last clone a file is closed when this returns.
    pub async fn close(self) {
        self.writer.close().await;
        if let Readers::Sqlite(readers) = self.readers {
            readers.close().await;
        }
    }

    /// The answers to some questions, all of one moment.
    async fn answers<const N: usize>(&self, asks: Asks) -> Answer<[Rows; N]> {
        let answers = match &self.readers {
            Readers::Sqlite(readers) => readers.read(asks).await?,
            Readers::Postgres(readers) => readers.read(asks).await?,
        };
        let count = answers.len();
        answers.try_into().map_err(|_| StoreError::Unavailable(format!("{count} answers came to {N} questions")))
    }

    /// All rows of one question.
    async fn all<T>(&self, asks: Asks, read: impl Fn(Row) -> Answer<T>) -> Answer<Vec<T>> {
        let [rows] = self.answers(asks).await?;
        rows.into_iter().map(read).collect()
    }

    /// The first row of one question.
    async fn first<T>(&self, asks: Asks, read: impl Fn(Row) -> Answer<T>) -> Answer<Option<T>> {
        let [rows] = self.answers(asks).await?;
        rows.into_iter().next().map(read).transpose()
    }

    /// A page of rows that need nothing else.
    async fn page<T>(&self, asks: [Ask; 2], read: impl Fn(Row) -> Answer<T>) -> Answer<Page<T>> {
        let [rows, count] = self.answers(Asks::of(asks.to_vec())).await?;
        Ok(Page { rows: rows.into_iter().map(read).collect::<Answer<_>>()?, total: total(count)? })
    }
}

/// The answer to a question for a number.
fn total(rows: Rows) -> Answer<u64> {
    let mut cells = Cells::new("counts", rows.into_iter().next().unwrap_or_default());
    cells.small()
}
