//! What is written down: runs and items in the store.

use crate::base::Base;
use model::testrun::TestRunLine;
use model::{Query, TestItem, TestRun, TestRunId, Transition};
use rustix::fs::Access;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use store::{CommitError, Location, Store, StoreError, TestPast};
use tempfile::TempDir;
use tokio::runtime::Handle;

/// Items that one question gives at most.
const AT_ONCE: u64 = 5_000;

/// The store of an area. Its calls block; none belongs on a thread of the runtime.
#[derive(Clone)]
pub struct Book {
    store: Store,
    handle: Handle,
    /// What is read instead, where the area cannot be written.
    _copy: Option<Arc<TempDir>>,
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Book")
    }
}

/// Why something cannot be written down or read.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// It cannot be read.
    #[error("the store of the area cannot be read")]
    Read(#[from] StoreError),
    /// It cannot be written.
    #[error("the store of the area cannot be written")]
    Write(#[from] CommitError),
    /// It lies where nothing can be written, and cannot be copied to where that can.
    #[error("{} cannot be copied", .path.display())]
    Copy {
        /// The store.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Book {
    /// Opens the store, and makes it when there is none.
    ///
    /// # Errors
    /// [`BookError::Read`].
    pub fn open(base: &Base, handle: Handle) -> Result<Self, BookError> {
        let store = handle.block_on(Store::open(&Location::Sqlite(base.store())))?;
        Ok(Book { store, handle, _copy: None })
    }

    /// Opens the store of an area to look at it. Of one that cannot be written, as on a read-only mount, a copy is read:
    /// SQLite writes beside what it reads.
    ///
    /// # Errors
    /// [`BookError::Read`], [`BookError::Copy`].
    pub fn look(base: &Base, handle: Handle) -> Result<Self, BookError> {
        if rustix::fs::access(base.dir(), Access::WRITE_OK).is_ok() {
            return Self::open(base, handle);
        }
        let path = base.store();
        let (copy, at) = copied(&path).map_err(|source| BookError::Copy { path, source })?;
        let store = handle.block_on(Store::open(&Location::Sqlite(at)))?;
        Ok(Book { store, handle, _copy: Some(Arc::new(copy)) })
    }

    /// Writes a run and items of it: both or nothing, durable when it returns.
    ///
    /// # Errors
    /// [`BookError::Write`].
    pub fn save(&self, run: &TestRun, items: Vec<TestItem>) -> Result<(), BookError> {
        let mut batch = vec![Transition::TestRunSaved(Box::new(run.clone()))];
        if !items.is_empty() {
            batch.push(Transition::TestItemsSaved(items));
        }
        Ok(self.handle.block_on(self.store.commit(batch))?)
    }

    /// Forgets a run with all its items.
    ///
    /// # Errors
    /// [`BookError::Write`].
    pub fn forget(&self, run: TestRunId) -> Result<(), BookError> {
        Ok(self.handle.block_on(self.store.commit(vec![Transition::TestRunRemoved(run)]))?)
    }

    /// Forgets items of a run, by test and path.
    ///
    /// # Errors
    /// [`BookError::Write`].
    pub fn forget_items(&self, run: TestRunId, items: Vec<(String, String)>) -> Result<(), BookError> {
        Ok(self.handle.block_on(self.store.commit(vec![Transition::TestItemsRemoved { run, items }]))?)
    }

    /// The id of the next run.
    ///
    /// # Errors
    /// [`BookError::Read`].
    pub fn next_run(&self) -> Result<TestRunId, BookError> {
        Ok(self.handle.block_on(self.store.next_test_run())?)
    }

    /// A run.
    ///
    /// # Errors
    /// [`BookError::Read`].
    pub fn run(&self, id: TestRunId) -> Result<Option<TestRun>, BookError> {
        Ok(self.handle.block_on(self.store.test_run(id))?)
    }

    /// A run by its name.
    ///
    /// # Errors
    /// [`BookError::Read`].
    pub fn run_named(&self, area: &str, target: &str, name: &str) -> Result<Option<TestRun>, BookError> {
        Ok(self.handle.block_on(self.store.test_run_named(area, target, name))?)
    }

    /// All runs, those that began last first.
    ///
    /// # Errors
    /// [`BookError::Read`].
    pub fn runs(&self) -> Result<Vec<TestRunLine>, BookError> {
        self.runs_where(&Query::default())
    }

    /// Runs, those that began last first.
    ///
    /// # Errors
    /// [`BookError::Read`].
    pub fn runs_where(&self, query: &Query) -> Result<Vec<TestRunLine>, BookError> {
        let query = query.clone().newest_first("started_at");
        self.pages(|offset| {
            let query = Query { offset, ..query.clone().limit(AT_ONCE) };
            Ok(self.handle.block_on(self.store.test_run_lines(&query))?.rows)
        })
    }

    /// The items of a run, by test and path.
    ///
    /// # Errors
    /// [`BookError::Read`].
    pub fn items(&self, run: TestRunId) -> Result<Vec<TestItem>, BookError> {
        let query = Query::default().eq("testrunid", run.0).by("test").by("path");
        self.pages(|offset| {
            let query = Query { offset, ..query.clone().limit(AT_ONCE) };
            Ok(self.handle.block_on(self.store.test_items(&query))?.rows)
        })
    }

    /// An item.
    ///
    /// # Errors
    /// [`BookError::Read`].
    pub fn item(&self, run: TestRunId, test: &str, path: &str) -> Result<Option<TestItem>, BookError> {
        Ok(self.handle.block_on(self.store.test_item(run, test, path))?)
    }

    /// What became of an item in the newest runs of a target, the newest first.
    ///
    /// # Errors
    /// [`BookError::Read`].
    pub fn history(&self, run: &TestRun, test: &str, path: &str, limit: u64) -> Result<Vec<TestPast>, BookError> {
        Ok(self.handle.block_on(self.store.test_history(&run.area, Some(&run.target), (test, path), limit))?)
    }

    fn pages<T>(&self, page: impl Fn(u64) -> Result<Vec<T>, BookError>) -> Result<Vec<T>, BookError> {
        let mut all = Vec::new();
        loop {
            let rows = page(all.len() as u64)?;
            let last = (rows.len() as u64) < AT_ONCE;
            all.extend(rows);
            if last {
                return Ok(all);
            }
        }
    }
}

/// A copy of a store with what was not moved into its file yet. It goes with the directory.
fn copied(store: &std::path::Path) -> io::Result<(TempDir, PathBuf)> {
    let dir = tempfile::tempdir()?;
    let at = dir.path().join("store.sqlite");
    std::fs::copy(store, &at)?;
    let beside = |path: &std::path::Path| path.with_file_name("store.sqlite-wal");
    match std::fs::copy(beside(store), beside(&at)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    Ok((dir, at))
}
