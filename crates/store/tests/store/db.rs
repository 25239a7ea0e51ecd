//! A fresh database of either engine, and the list of engines.

use crate::cluster;
use model::Transition;
use store::{Location, Store};
use tempfile::TempDir;

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A database that a test owns; the store can be opened on it again and again.
pub(crate) struct Db {
    pub(crate) location: Location,
    _directory: Option<TempDir>,
}

impl Db {
    pub(crate) async fn new(engine: Engine) -> Db {
        match engine {
            Engine::Sqlite => {
                let directory = tempfile::tempdir().unwrap();
                let location = Location::Sqlite(directory.path().join("state.sqlite"));
                Db { location, _directory: Some(directory) }
            }
            Engine::Postgres => Db { location: Location::Postgres(cluster::new_database().await), _directory: None },
        }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.location).await.unwrap()
    }

    /// Runs SQL behind the store's back.
    pub(crate) async fn sql(&self, text: &str) {
        match &self.location {
            Location::Sqlite(path) => rusqlite::Connection::open(path).unwrap().execute_batch(text).unwrap(),
            Location::Postgres(address) => cluster::connect(address).await.batch_execute(text).await.unwrap(),
        }
    }
}

/// A fresh database and a store on it.
pub(crate) async fn fresh(engine: Engine) -> (Db, Store) {
    let db = Db::new(engine).await;
    let store = db.open().await;
    (db, store)
}

/// Commits one batch that must be taken.
pub(crate) async fn commit(store: &Store, batch: Vec<Transition>) {
    store.commit(batch).await.unwrap();
}

/// Each case on each engine: `engines! { case_one case_two }` after `async fn case_one(engine: Engine)`.
macro_rules! engines {
    ($($case:ident)+) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::db::Engine::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::db::Engine::Postgres).await;
            })+
        }
    };
}
pub(crate) use engines;
