//! Questions to PostgreSQL: a few connections, each question pipelined in one transaction of one moment.

use super::{Pipeline, Session, chain, unavailable};
use crate::ask::{Ask, Asks, Rows};
use crate::value::V;
use crate::{Answer, StoreError};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use tokio_postgres::Config;
use tokio_postgres::types::ToSql;

/// Connections that read.
const READERS: usize = 4;

/// Connections that read, made when first needed.
pub(super) struct Pool {
    config: Config,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Session>>,
}

impl Pool {
    pub(super) fn new(config: Config) -> Self {
        Self { config, permits: Arc::new(Semaphore::new(READERS)), idle: Mutex::default() }
    }

    /// Runs in a task of its own: an asker that goes away must not leave a connection in the middle of something.
    pub(super) async fn read(self: &Arc<Self>, asks: Asks) -> Answer<Vec<Rows>> {
        let ended = |text: String| StoreError::Unavailable(text);
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|e| ended(e.to_string()))?;
        let pool = Arc::clone(self);
        let task = tokio::spawn(async move {
            let answers = pool.read_here(asks).await;
            drop(permit);
            answers
        });
        task.await.map_err(|e| ended(e.to_string()))?
    }

    /// A connection that was idle may turn out to be lost, with any error: then a new one is asked, once.
    async fn read_here(&self, asks: Asks) -> Answer<Vec<Rows>> {
        let mut session = self.session().await?;
        let mut answers = read_on(&mut session, &asks).await;
        if matches!(answers, Err(StoreError::Unavailable(_))) {
            session = Session::connect(&self.config).await.map_err(|e| unavailable(&e))?;
            answers = read_on(&mut session, &asks).await;
        }
        // After an error the connection may be in any state: a new one is made when it is needed.
        if answers.is_ok() {
            self.idle().push(session);
        }
        answers
    }

    async fn session(&self) -> Answer<Session> {
        loop {
            let idle = self.idle().pop();
            match idle {
                Some(session) if session.client.is_closed() => {}
                Some(session) => return Ok(session),
                None => return Session::connect(&self.config).await.map_err(|e| unavailable(&e)),
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read_on(session: &mut Session, asks: &Asks) -> Answer<Vec<Rows>> {
    if !asks.several() {
        return ask_all(session, &asks.first).await;
    }
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    session.client.batch_execute(begin).await.map_err(|e| unavailable(&e))?;
    let mut answers = ask_all(session, &asks.first).await?;
    if let Some(then) = &asks.then {
        answers.extend(ask_all(session, &then(&answers)?).await?);
    }
    session.client.batch_execute("COMMIT").await.map_err(|e| unavailable(&e))?;
    Ok(answers)
}

/// All questions at once.
async fn ask_all(session: &mut Session, asks: &[Ask]) -> Answer<Vec<Rows>> {
    let mut statements = Vec::with_capacity(asks.len());
    for ask in asks {
        statements.push(session.prepare(&ask.sql).await.map_err(|e| unavailable(&e))?);
    }
    let params: Vec<Vec<&(dyn ToSql + Sync)>> =
        asks.iter().map(|ask| ask.params.iter().map(|p| p as &(dyn ToSql + Sync)).collect()).collect();
    let mut pipeline = Pipeline::new();
    for (statement, params) in statements.iter().zip(&params) {
        pipeline.send(session.client.query(statement, params)).await;
    }
    let mut answers = Vec::with_capacity(asks.len());
    for rows in pipeline.wait().await {
        let rows = rows.map_err(|e| unavailable(&e))?;
        answers.push(rows.iter().map(cells).collect::<Answer<Rows>>()?);
    }
    Ok(answers)
}

fn cells(row: &tokio_postgres::Row) -> Answer<Vec<V>> {
    let cells = (0..row.len()).map(|i| row.try_get(i));
    cells.collect::<Result<_, _>>().map_err(|e| StoreError::Unavailable(chain(&e)))
}
