//! The one connection that writes: groups of batches, pipelined.
//!
//! It holds the lock of this master, so a lost connection loses the right to write with it, and a new one writes only
//! after it has the lock again.

use super::{CONNECT, Pipeline, Session, chain, lock};
use crate::batch::{Added, Batch, Group, Message, against_rule, judge};
use crate::op::{COUNT, Op};
use crate::value::V;
use crate::{CommitError, StoreError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Statement};

/// How often a group is tried that the server asks to try again.
const TRIES: usize = 5;
/// How long a lost server is looked for before a group is given up.
const RECONNECT: Duration = Duration::from_secs(10);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

type Outcomes = Vec<Result<(), CommitError>>;

/// Why a transaction came to nothing.
enum Trouble {
    /// One batch is to blame.
    Batch(CommitError),
    /// The server asks to try again: a deadlock, a serialization failure.
    Again(String),
    /// The connection is gone, and nothing was written.
    Lost(String),
    /// The connection went while the transaction with this number was being committed.
    LostInCommit(i64, String),
    /// The server has trouble of its own, a full disk for instance.
    Server(String),
}

/// The writer's life: until it is closed or all senders are gone.
pub(super) async fn write_on(config: Config, session: Session, mut batches: mpsc::Receiver<Message>) {
    let mut writer = Writer { config, session: Some(session) };
    while let Some(first) = batches.recv().await {
        let mut group = Group::gather(first, &mut batches);
        let close = group.close.take();
        let outcomes = writer.write(&group.batches).await;
        group.answer(outcomes);
        if let Some(close) = close {
            drop(batches);
            drop(writer);
            // Whoever closes goes on even if nobody hears it.
            let _ = close.send(());
            return;
        }
    }
}

struct Writer {
    config: Config,
    /// `None` after the connection was lost.
    session: Option<Session>,
}

impl Writer {
    async fn write(&mut self, batches: &[Batch]) -> Outcomes {
        if batches.is_empty() {
            return Vec::new();
        }
        let mut told = String::new();
        for _ in 0..TRIES {
            let session = match self.session().await {
                Ok(session) => session,
                Err(e) => return all(batches, &e),
            };
            match once(session, batches).await {
                Ok(outcomes) => return outcomes,
                Err(Trouble::Batch(e)) => return all(batches, &e),
                Err(Trouble::Server(text)) => {
                    self.give_up_session();
                    return all(batches, &CommitError::Unavailable(text));
                }
                Err(Trouble::Again(text)) => told = text,
                Err(Trouble::Lost(text)) => {
                    self.give_up_session();
                    told = text;
                }
                Err(Trouble::LostInCommit(number, text)) => {
                    self.give_up_session();
                    match self.ended_how(number).await {
                        Ended::Committed => return batches.iter().map(|_| Ok(())).collect(),
                        Ended::Undone => told = text,
                        Ended::Unknown => return all(batches, &CommitError::Unknown(text)),
                    }
                }
            }
        }
        all(batches, &CommitError::Unavailable(told))
    }

    fn give_up_session(&mut self) {
        self.session = None;
    }

    /// The connection with the lock; a lost one is made again, for a while.
    async fn session(&mut self) -> Result<&mut Session, CommitError> {
        let session = match self.session.take().filter(|s| !s.client.is_closed()) {
            Some(session) => session,
            None => reconnect(&self.config).await?,
        };
        Ok(self.session.insert(session))
    }

    /// How a transaction ended whose connection was lost in its commit.
    async fn ended_how(&mut self, number: i64) -> Ended {
        let deadline = Instant::now() + CONNECT;
        while Instant::now() < deadline {
            let Ok(session) = self.session().await else { return Ended::Unknown };
            let sql = "SELECT txid_status($1)";
            match session.client.query_one(sql, &[&number]).await.and_then(|row| row.try_get::<_, Option<String>>(0)) {
                Ok(Some(word)) if word == "committed" => return Ended::Committed,
                Ok(Some(word)) if word == "aborted" => return Ended::Undone,
                Ok(None) => return Ended::Unknown,
                // It is still being ended.
                Ok(Some(_)) => sleep(PAUSE).await,
                Err(_) => self.give_up_session(),
            }
        }
        Ended::Unknown
    }
}

enum Ended {
    Committed,
    Undone,
    Unknown,
}

fn all(batches: &[Batch], error: &CommitError) -> Outcomes {
    tracing::error!("{error}");
    batches.iter().map(|_| Err(error.clone())).collect()
}

async fn reconnect(config: &Config) -> Result<Session, CommitError> {
    let deadline = Instant::now() + RECONNECT;
    loop {
        let error = match lock(config).await {
            Ok(session) => return Ok(session),
            Err(StoreError::InUse) => StoreError::InUse.to_string(),
            Err(StoreError::Unavailable(text)) if Instant::now() < deadline => {
                tracing::debug!("no connection to the database yet: {text}");
                sleep(PAUSE).await;
                continue;
            }
            Err(StoreError::Unavailable(text)) => text,
            Err(other) => other.to_string(),
        };
        return Err(CommitError::Unavailable(error));
    }
}

/// Makes a group durable. First all at once; if a batch is to blame, again with a savepoint for each.
async fn once(session: &mut Session, batches: &[Batch]) -> Result<Outcomes, Trouble> {
    let (number, together) = together(session, batches).await?;
    match together {
        Ok(()) => {
            commit(&session.client, number).await?;
            return Ok(batches.iter().map(|_| Ok(())).collect());
        }
        Err(e) => {
            command(&session.client, "ROLLBACK").await?;
            if batches.len() == 1 {
                return Ok(vec![Err(e)]);
            }
        }
    }
    let number = begin(&session.client).await?;
    let outcomes = apart(session, batches).await?;
    commit(&session.client, number).await?;
    Ok(outcomes)
}

async fn commit(client: &Client, number: i64) -> Result<(), Trouble> {
    client.batch_execute("COMMIT").await.map_err(|e| match trouble(&e) {
        Trouble::Lost(text) => Trouble::LostInCommit(number, text),
        other => other,
    })
}

async fn command(client: &Client, sql: &str) -> Result<(), Trouble> {
    client.batch_execute(sql).await.map_err(|e| trouble(&e))
}

/// Begins, and asks for the transaction's number: with it the server can say later how it ended.
async fn begin(client: &Client) -> Result<i64, Trouble> {
    command(client, "BEGIN").await?;
    let row = client.query_one("SELECT txid_current()", &[]).await.map_err(|e| trouble(&e))?;
    row.try_get(0).map_err(|e| trouble(&e))
}

async fn together(session: &mut Session, batches: &[Batch]) -> Result<(i64, Result<(), CommitError>), Trouble> {
    let number = begin(&session.client).await?;
    let ops: Vec<&Op> = batches.iter().flat_map(|b| &b.ops).collect();
    let mut added = Added::default();
    let outcome = match run(session, &ops, &mut added).await {
        Ok(()) => count(session, added).await,
        Err(trouble) => Err(trouble),
    };
    match outcome {
        Ok(()) => Ok((number, Ok(()))),
        Err(Trouble::Batch(e)) => Ok((number, Err(e))),
        Err(other) => Err(back(session, other).await),
    }
}

async fn apart(session: &mut Session, batches: &[Batch]) -> Result<Outcomes, Trouble> {
    let mut added = Added::default();
    let mut outcomes = Vec::with_capacity(batches.len());
    for batch in batches {
        command(&session.client, "SAVEPOINT batch").await?;
        let before = added;
        let ops: Vec<&Op> = batch.ops.iter().collect();
        match run(session, &ops, &mut added).await {
            Ok(()) => outcomes.push(Ok(())),
            Err(Trouble::Batch(e)) => {
                command(&session.client, "ROLLBACK TO SAVEPOINT batch").await?;
                added = before;
                outcomes.push(Err(e));
            }
            Err(other) => return Err(back(session, other).await),
        }
        command(&session.client, "RELEASE SAVEPOINT batch").await?;
    }
    match count(session, added).await {
        Ok(()) => Ok(outcomes),
        Err(other) => Err(back(session, other).await),
    }
}

/// Rolls back after an error that is no batch's fault, which stays the one that is told.
async fn back(session: &Session, trouble: Trouble) -> Trouble {
    match session.client.batch_execute("ROLLBACK").await {
        Ok(()) => trouble,
        Err(e) => Trouble::Lost(chain(&e)),
    }
}

/// Sends all statements, then looks at the outcomes in their order.
async fn run(session: &mut Session, ops: &[&Op], added: &mut Added) -> Result<(), Trouble> {
    let statements = prepare(session, ops).await?;
    let mut pipeline = Pipeline::new();
    for (op, statement) in ops.iter().zip(&statements) {
        pipeline.send(session.client.execute_raw(statement, op.params.iter())).await;
    }
    for (op, outcome) in ops.iter().zip(pipeline.wait().await) {
        let rows = outcome.map_err(|e| blame(op, &e))?;
        judge(op, rows).map_err(Trouble::Batch)?;
        added.take(op, rows);
    }
    Ok(())
}

async fn prepare(session: &mut Session, ops: &[&Op]) -> Result<Vec<Statement>, Trouble> {
    let mut statements = Vec::with_capacity(ops.len());
    for op in ops {
        statements.push(session.prepare(op.sql).await.map_err(|e| trouble(&e))?);
    }
    Ok(statements)
}

async fn count(session: &mut Session, added: Added) -> Result<(), Trouble> {
    let statement = session.prepare(COUNT).await.map_err(|e| trouble(&e))?;
    for (noun, n) in added.by_noun() {
        let params = [V::I(n), V::text(noun)];
        session.client.execute_raw(&statement, params.iter()).await.map_err(|e| trouble(&e))?;
    }
    Ok(())
}

/// Whose fault a statement's error is.
fn blame(op: &Op, e: &tokio_postgres::Error) -> Trouble {
    let Some(said) = e.as_db_error() else {
        return match e.is_closed() {
            true => Trouble::Lost(chain(e)),
            // The driver could not write a value of it down.
            false => Trouble::Batch(CommitError::Rejected { index: op.index, problem: chain(e) }),
        };
    };
    match said.code().code().get(..2) {
        Some("23") => Trouble::Batch(against_rule(op, said.message())),
        // 21, 22: the data. 54: it is too large.
        Some("21" | "22" | "54") => {
            Trouble::Batch(CommitError::Rejected { index: op.index, problem: said.message().to_owned() })
        }
        _ => trouble(e),
    }
}

fn trouble(e: &tokio_postgres::Error) -> Trouble {
    let text = chain(e);
    match e.code() {
        Some(code) if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED => {
            Trouble::Again(text)
        }
        // 57: the server is being shut down or this connection was ended by an administrator. 08: the connection.
        Some(code) if code.code().starts_with("57") || code.code().starts_with("08") => Trouble::Lost(text),
        Some(_) => Trouble::Server(text),
        None => Trouble::Lost(text),
    }
}
