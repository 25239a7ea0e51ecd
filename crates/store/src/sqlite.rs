//! SQLite: one writer thread that makes batches durable in groups, and a few reader threads.

use crate::ask::{Ask, Asks, Rows};
use crate::batch::{Added, Batch, Group, Message, Queue, against_rule, judge};
use crate::dialect::Dialect;
use crate::op::{COUNT, Op};
use crate::value::V;
use crate::{Answer, CommitError, StoreError, migrate};
use killpoint::fail_point;
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Reader threads. Questions are short, and more readers than processors only take memory.
const READERS: usize = 4;
/// So many questions wait at most; more make their askers wait.
const WAITING: usize = 1024;
/// How long another process (a backup, a check) may hold the file.
const BUSY: Duration = Duration::from_secs(5);

/// Limits of the file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// Pages of 4 KiB; `None` is what the disk holds.
    pub(crate) pages: Option<u32>,
}

/// The readers.
#[derive(Clone)]
pub(crate) struct Sqlite {
    sender: mpsc::Sender<Job>,
    threads: Arc<Vec<JoinHandle<()>>>,
}

/// Questions, and who waits for the answers.
struct Job {
    asks: Asks,
    done: oneshot::Sender<Answer<Vec<Rows>>>,
}

/// Opens the file, brings its schema up to date and starts the threads.
pub(crate) async fn open(path: PathBuf, limits: Limits) -> Answer<(Queue, Sqlite)> {
    let (queue, batches) = Queue::new();
    let (sender, jobs) = mpsc::channel(WAITING);
    let (ready, opened) = oneshot::channel();
    let start = move || match prepare(&path, limits) {
        Ok((connection, readers)) => {
            let jobs = Arc::new(Mutex::new(jobs));
            let started = readers.into_iter().map(|reader| {
                let jobs = Arc::clone(&jobs);
                thread("sluice-read", move || read_on(&reader, &jobs))
            });
            // The opener waits for this; it can only be gone together with its runtime.
            let _ = ready.send(started.collect());
            let closer = write_on(&connection, batches);
            drop(connection);
            // Whoever closed the store may have gone.
            let _ = closer.map(|closer| closer.send(()));
        }
        Err(e) => {
            let _ = ready.send(Err(e));
        }
    };
    thread("sluice-write", start)?;
    let threads: Answer<Vec<_>> = opened.await.map_err(|_| unavailable("its writer did not start"))?;
    Ok((queue, Sqlite { sender, threads: Arc::new(threads?) }))
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Answer<JoinHandle<()>> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    started.map_err(|e| unavailable(&format!("no thread could be started: {e}")))
}

fn unavailable(text: &str) -> StoreError {
    StoreError::Unavailable(text.to_owned())
}

fn prepare(path: &Path, limits: Limits) -> Answer<(Connection, Vec<Connection>)> {
    let failed = |e: rusqlite::Error| StoreError::Unavailable(format!("{}: {e}", path.display()));
    refuse_newer(path)?;
    make_private(path);
    let connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE).map_err(failed)?;
    if let Some(pages) = limits.pages {
        connection.pragma_update(None, "max_page_count", pages).map_err(failed)?;
    }
    migrate_to_newest(&connection, path)?;
    let readers = (0..READERS).map(|_| {
        let reader = connect(path, OpenFlags::empty())?;
        reader.pragma_update(None, "query_only", true)?;
        Ok(reader)
    });
    Ok((connection, readers.collect::<rusqlite::Result<_>>().map_err(failed)?))
}

/// A new database is its owner's alone: plans hold addresses of repositories, and with them passwords. What SQLite puts
/// beside it has the same mode. A file that cannot be made is SQLite's to tell, and a `file:` address is its to read.
fn make_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt;
    if !path.as_os_str().as_encoded_bytes().starts_with(b"file:") {
        let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    }
}

/// A database of a later version is not touched, not even the kind of its journal. Whatever else is wrong is told later.
fn refuse_newer(path: &Path) -> Answer<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let version = Connection::open_with_flags(path, flags)
        .and_then(|connection| connection.query_row(migrate::VERSION, [], |row| row.get(0)));
    match version {
        Ok(found) if found > migrate::NEWEST => Err(StoreError::Newer { found, known: migrate::NEWEST }),
        _ => Ok(()),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(256);
    // WAL: readers and the writer do not wait for each other. FULL: a commit is on the disk when it returns.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; \
         PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;",
    )?;
    Ok(connection)
}

fn migrate_to_newest(connection: &Connection, path: &Path) -> Answer<()> {
    let failed = |e: rusqlite::Error| StoreError::Unavailable(format!("the schema cannot be brought up to date: {e}"));
    connection.execute_batch(migrate::PREPARE).map_err(failed)?;
    let version = || connection.query_row(migrate::VERSION, [], |row| row.get::<_, i64>(0)).map_err(failed);
    if migrate::statements(Dialect::Sqlite, version()?, migrate::NEWEST)?.is_none() {
        return Ok(());
    }
    // Whoever else opens it now does so before this, or waits and finds it done.
    connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    let done = version().and_then(|version| migrate_from(connection, path, version));
    // What of it was done is undone; the first error is the one that tells.
    let ended = connection.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).map_err(failed);
    done.and(ended)
}

/// Within a transaction that writes.
fn migrate_from(connection: &Connection, path: &Path, version: i64) -> Answer<()> {
    let failed = |e: rusqlite::Error| StoreError::Unavailable(format!("the schema cannot be brought up to date: {e}"));
    if let Some(statements) = migrate::statements(Dialect::Sqlite, version, migrate::NEWEST)? {
        if version > 0 {
            let kept = crate::backup::keep(path, version)?;
            tracing::info!(
                "the store has schema {version} and is brought up to date; as it was it is {}",
                kept.display()
            );
        }
        fail_point!("schema-begun");
        connection.execute_batch(&statements).map_err(failed)?;
    }
    Ok(())
}

impl Sqlite {
    pub(crate) async fn read(&self, asks: Asks) -> Answer<Vec<Rows>> {
        let (done, answers) = oneshot::channel();
        let ended = || unavailable("its readers have ended");
        self.sender.send(Job { asks, done }).await.map_err(|_| ended())?;
        answers.await.map_err(|_| ended())?
    }

    /// The last clone waits until the readers have closed the file.
    pub(crate) async fn close(self) {
        drop(self.sender);
        let Some(readers) = Arc::into_inner(self.threads) else { return };
        let (done, closed) = oneshot::channel::<()>();
        let wait = move || {
            // One that panicked has said so, and has closed its connection.
            readers.into_iter().for_each(|reader| drop(reader.join()));
            drop(done);
        };
        // A thread, since whoever closes need not have a runtime. Without one the readers end all the same.
        if thread("sluice-close", wait).is_ok() {
            let _ = closed.await;
        }
    }
}

/// A reader's life: until all askers are gone.
fn read_on(connection: &Connection, jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(Job { asks, done }) = job else { return };
        // An asker that went away needs no answer.
        if !done.is_closed() {
            let _ = done.send(read(connection, asks));
        }
    }
}

fn read(connection: &Connection, asks: Asks) -> Answer<Vec<Rows>> {
    if !asks.several() {
        return asks.first.iter().map(|ask| rows(connection, ask)).collect();
    }
    let failed = |e: rusqlite::Error| StoreError::Unavailable(e.to_string());
    connection.execute_batch("BEGIN").map_err(failed)?;
    let answers = read_in_transaction(connection, asks);
    let ended = connection.execute_batch("COMMIT").map_err(failed);
    answers.and_then(|answers| ended.map(|()| answers))
}

fn read_in_transaction(connection: &Connection, asks: Asks) -> Answer<Vec<Rows>> {
    let mut answers = asks.first.iter().map(|ask| rows(connection, ask)).collect::<Answer<Vec<_>>>()?;
    if let Some(then) = asks.then {
        for ask in then(&answers)? {
            answers.push(rows(connection, &ask)?);
        }
    }
    Ok(answers)
}

fn rows(connection: &Connection, ask: &Ask) -> Answer<Rows> {
    let collect = || -> rusqlite::Result<Rows> {
        let mut statement = connection.prepare_cached(&Dialect::Sqlite.render(&ask.sql))?;
        let columns = statement.column_count();
        for (i, param) in ask.params.iter().enumerate() {
            statement.raw_bind_parameter(i + 1, param)?;
        }
        let mut rows = statement.raw_query();
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let mut cells = Vec::with_capacity(columns);
            for i in 0..columns {
                cells.push(V::from(row.get_ref(i)?));
            }
            all.push(cells);
        }
        Ok(all)
    };
    collect().map_err(|e| StoreError::Unavailable(e.to_string()))
}

/// The connection that writes, with its statements. Their texts live as long as the program, so that the address of a
/// text finds its statement without reading it.
struct Writer<'c> {
    connection: &'c Connection,
    statements: HashMap<usize, Statement<'c>>,
}

/// The writer's life: until it is closed or all senders are gone. Answers with who waits for that.
fn write_on(connection: &Connection, mut batches: mpsc::Receiver<Message>) -> Option<oneshot::Sender<()>> {
    let mut writer = Writer { connection, statements: HashMap::new() };
    while let Some(first) = batches.blocking_recv() {
        let mut group = Group::gather(first, &mut batches);
        let close = group.close.take();
        let outcomes = writer.write(&group.batches);
        group.answer(outcomes);
        if let Some(close) = close {
            // Later batches hear that the writer has ended.
            drop(batches);
            let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
            return Some(close);
        }
    }
    None
}

/// Why a transaction came to nothing.
enum Trouble {
    /// One batch is to blame.
    Batch(CommitError),
    /// Nobody is: the disk, the file, another process.
    Engine(String),
}

impl Writer<'_> {
    /// Makes a group durable. First all at once; if a batch is to blame, again with a savepoint for each.
    fn write(&mut self, batches: &[Batch]) -> Vec<Result<(), CommitError>> {
        if batches.is_empty() {
            return Vec::new();
        }
        match self.transaction(|writer| writer.together(batches)) {
            Ok(()) => batches.iter().map(|_| Ok(())).collect(),
            Err(Trouble::Batch(e)) if batches.len() == 1 => vec![Err(e)],
            Err(Trouble::Batch(_)) => match self.transaction(|writer| writer.apart(batches)) {
                Ok(outcomes) => outcomes,
                Err(Trouble::Batch(e)) => batches.iter().map(|_| Err(e.clone())).collect(),
                Err(Trouble::Engine(text)) => all_unavailable(batches, &text),
            },
            Err(Trouble::Engine(text)) => all_unavailable(batches, &text),
        }
    }

    fn transaction<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, Trouble>) -> Result<T, Trouble> {
        self.command("BEGIN IMMEDIATE")?;
        let done = run(self);
        fail_point!("commit-begun");
        let outcome = done.and_then(|out| self.command("COMMIT").map(|()| out));
        fail_point!("commit-done");
        // A full disk may have ended the transaction by itself.
        if outcome.is_err() && !self.connection.is_autocommit() {
            self.command("ROLLBACK")?;
        }
        outcome
    }

    fn together(&mut self, batches: &[Batch]) -> Result<(), Trouble> {
        let mut added = Added::default();
        for batch in batches {
            self.run(&batch.ops, &mut added)?;
        }
        self.count(added)
    }

    fn apart(&mut self, batches: &[Batch]) -> Result<Vec<Result<(), CommitError>>, Trouble> {
        let mut added = Added::default();
        let mut outcomes = Vec::with_capacity(batches.len());
        for batch in batches {
            self.command("SAVEPOINT batch")?;
            let before = added;
            match self.run(&batch.ops, &mut added) {
                Ok(()) => outcomes.push(Ok(())),
                Err(Trouble::Batch(e)) => {
                    self.command("ROLLBACK TO batch")?;
                    added = before;
                    outcomes.push(Err(e));
                }
                Err(trouble) => return Err(trouble),
            }
            self.command("RELEASE batch")?;
        }
        self.count(added)?;
        Ok(outcomes)
    }

    fn run(&mut self, ops: &[Op], added: &mut Added) -> Result<(), Trouble> {
        for op in ops {
            let rows = self.execute(op.sql, &op.params).map_err(|e| blame(op, e))?;
            judge(op, rows).map_err(Trouble::Batch)?;
            added.take(op, rows);
        }
        Ok(())
    }

    fn count(&mut self, added: Added) -> Result<(), Trouble> {
        for (noun, n) in added.by_noun() {
            self.execute(COUNT, &[V::I(n), V::text(noun)]).map_err(engine)?;
        }
        Ok(())
    }

    fn command(&mut self, sql: &'static str) -> Result<(), Trouble> {
        self.execute(sql, &[]).map(drop).map_err(engine)
    }

    fn execute(&mut self, sql: &'static str, params: &[V]) -> rusqlite::Result<u64> {
        let statement = match self.statements.entry(sql.as_ptr() as usize) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(self.connection.prepare(sql)?),
        };
        for (i, param) in params.iter().enumerate() {
            statement.raw_bind_parameter(i + 1, param)?;
        }
        statement.raw_execute().map(|rows| rows as u64)
    }
}

fn all_unavailable(batches: &[Batch], text: &str) -> Vec<Result<(), CommitError>> {
    tracing::error!("the database cannot be written: {text}");
    batches.iter().map(|_| Err(CommitError::Unavailable(text.to_owned()))).collect()
}

fn blame(op: &Op, e: rusqlite::Error) -> Trouble {
    match e.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => Trouble::Batch(against_rule(op, &e.to_string())),
        Some(ErrorCode::TooBig | ErrorCode::TypeMismatch) => {
            Trouble::Batch(CommitError::Rejected { index: op.index, problem: e.to_string() })
        }
        _ => engine(e),
    }
}

fn engine(e: rusqlite::Error) -> Trouble {
    Trouble::Engine(match e.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        Some(ErrorCode::DatabaseBusy) => format!("another program holds the file for more than {} s", BUSY.as_secs()),
        _ => e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Readers, Store};
    use model::Transition;

    fn remember(source: &str, bytes: usize) -> Vec<Transition> {
        vec![Transition::SourceRemembers { source: source.to_owned(), memory: "m".repeat(bytes) }]
    }

    #[tokio::test]
    async fn a_store_that_is_closed_has_closed_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("state.sqlite");
        let is_open = || {
            let all = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
            all.filter_map(|fd| std::fs::read_link(fd.path()).ok()).any(|file| file == path)
        };
        let store = Store::open(&crate::Location::Sqlite(path.clone())).await.unwrap();
        store.commit(remember("a", 10)).await.unwrap();
        let other = store.clone();
        store.close().await;
        assert!(is_open(), "somebody reads");
        other.close().await;
        assert!(!is_open());
    }

    /// A full disk costs the batches that do not fit, and nothing else.
    #[tokio::test]
    async fn a_full_disk_is_told_and_survived() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { pages: Some(150) };
        let (writer, readers) = open(dir.path().join("state.sqlite"), limits).await.unwrap();
        let store = Store { writer, readers: Readers::Sqlite(readers) };
        store.commit(remember("before", 10)).await.unwrap();
        let full = store.commit(remember("large", 4_000_000)).await.unwrap_err();
        assert_eq!(full, CommitError::Unavailable("the disk is full".to_owned()));
        assert_eq!(full.to_string(), "the database is not available: the disk is full");
        store.commit(remember("after", 10)).await.unwrap();
        assert_eq!(store.source_memory("large").await.unwrap(), None);
        assert_eq!(store.source_memory("before").await.unwrap(), Some("m".repeat(10)));
        assert_eq!(store.source_memory("after").await.unwrap(), Some("m".repeat(10)));
    }

    #[tokio::test]
    async fn commits_are_forced_to_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.sqlite");
        let (writer, _) = prepare(&path, Limits::default()).unwrap();
        let mode: String = writer.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        let synchronous: i64 = writer.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert_eq!((mode.as_str(), synchronous), ("wal", 2));
    }

    #[tokio::test]
    async fn another_program_that_holds_the_file_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.sqlite");
        let (writer, _) = prepare(&path, Limits::default()).unwrap();
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o777, 0o600);
        writer.busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let (done, _) = oneshot::channel();
        let batch = Batch { ops: crate::op::Ops::of(remember("a", 1)).unwrap(), done };
        let text = "another program holds the file for more than 5 s";
        let mut writer = Writer { connection: &writer, statements: HashMap::new() };
        assert_eq!(writer.write(&[batch]), vec![Err(CommitError::Unavailable(text.to_owned()))]);
    }
}
