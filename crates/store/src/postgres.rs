//! PostgreSQL: addresses, connections and their prepared statements.
//!
//! One connection writes (see `postgres/write.rs`) and holds the lock that makes this master the only one; a few others
//! answer questions (see `postgres/read.rs`).

mod read;
mod write;

use crate::ask::{Asks, Rows};
use crate::batch::Queue;
use crate::dialect::Dialect;
use crate::{Answer, StoreError, migrate};
use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, Statement};

/// The number of the advisory lock: "Sluice" in ASCII.
const LOCK: i64 = 0x536c_7569_6365;
/// How long the server may take to let a connection in.
const CONNECT: Duration = Duration::from_secs(5);
/// How long another master's lock is waited for: the server may not have noticed yet that its holder has gone.
const LOCK_WAIT: Duration = Duration::from_secs(3);
/// How often it is asked for.
const LOCK_AGAIN: Duration = Duration::from_millis(50);
/// So many statements are kept prepared on a connection; beyond that all are forgotten.
const STATEMENTS: usize = 256;

/// The readers.
#[derive(Clone)]
pub(crate) struct Postgres {
    pool: Arc<read::Pool>,
}

impl Postgres {
    pub(crate) async fn read(&self, asks: Asks) -> Answer<Vec<Rows>> {
        self.pool.read(asks).await
    }
}

/// Connects, takes the lock, brings the schema up to date and starts the writer.
pub(crate) async fn open(address: &str) -> Answer<(Queue, Postgres)> {
    let config = parse(address)?;
    let session = lock(&config).await?;
    migrate_to_newest(&session.client).await?;
    let (queue, batches) = Queue::new();
    tokio::spawn(write::write_on(config.clone(), session, batches));
    Ok((queue, Postgres { pool: Arc::new(read::Pool::new(config)) }))
}

fn parse(address: &str) -> Answer<Config> {
    let mut config: Config = address.parse().map_err(|e| StoreError::Address(chain(&e)))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(StoreError::Address("it names no host; one reads postgres://user@host/database".to_owned()));
    }
    if config.get_ssl_mode() == SslMode::Require {
        let text = "it asks for TLS, which is not spoken to databases yet: use a Unix socket or a trusted network \
                    and leave sslmode out";
        return Err(StoreError::Address(text.to_owned()));
    }
    config.ssl_mode(SslMode::Disable);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    if config.get_application_name().is_none() {
        config.application_name("sluice");
    }
    Ok(config)
}

/// An error with everything that led to it: the driver's own text leaves the server's words out.
fn chain(e: &tokio_postgres::Error) -> String {
    let mut text = e.to_string();
    let mut source = e.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

pub(crate) fn unavailable(e: &tokio_postgres::Error) -> StoreError {
    StoreError::Unavailable(chain(e))
}

/// A connection that only looks: it takes no lock, so that a master may work meanwhile.
pub(crate) async fn look(address: &str) -> Answer<Session> {
    Session::connect(&parse(address)?).await.map_err(|e| unavailable(&e))
}

/// Runs statements while no master works on the database.
pub(crate) async fn alone(address: &str, script: &str) -> Answer<()> {
    let session = lock(&parse(address)?).await?;
    session.client.batch_execute(script).await.map_err(|e| unavailable(&e))
}

/// A connection with the statements that were prepared on it.
pub(crate) struct Session {
    pub(crate) client: Client,
    statements: HashMap<String, Statement>,
}

impl Session {
    async fn connect(config: &Config) -> Result<Session, tokio_postgres::Error> {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(async move {
            // Whoever uses the client hears of the error, too.
            if let Err(e) = connection.await {
                tracing::debug!("a connection to the database ended: {}", chain(&e));
            }
        });
        // A database or a role may be set up to lose commits in a crash; this store may not.
        client.batch_execute("SET synchronous_commit TO on; SET standard_conforming_strings TO on").await?;
        Ok(Session { client, statements: HashMap::new() })
    }

    /// The statement, prepared when it is new on this connection.
    async fn prepare(&mut self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&Dialect::Postgres.render(sql)).await?;
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// A connection that holds the lock.
async fn lock(config: &Config) -> Answer<Session> {
    let session = Session::connect(config).await.map_err(|e| unavailable(&e))?;
    let sql = format!("SELECT CASE WHEN pg_try_advisory_lock({LOCK}) THEN 1 ELSE 0 END");
    let deadline = tokio::time::Instant::now() + LOCK_WAIT;
    loop {
        let row = session.client.query_one(sql.as_str(), &[]).await.map_err(|e| unavailable(&e))?;
        let taken: i32 = row.try_get(0).map_err(|e| unavailable(&e))?;
        if taken == 1 {
            return Ok(session);
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(StoreError::InUse);
        }
        tokio::time::sleep(LOCK_AGAIN).await;
    }
}

async fn migrate_to_newest(client: &Client) -> Answer<()> {
    let failed = |e: tokio_postgres::Error| {
        StoreError::Unavailable(format!("the schema cannot be brought up to date: {}", chain(&e)))
    };
    client.batch_execute("SET client_min_messages TO warning").await.map_err(failed)?;
    client.batch_execute(migrate::PREPARE).await.map_err(failed)?;
    let row = client.query_one(migrate::VERSION, &[]).await.map_err(failed)?;
    let version = row.try_get(0).map_err(failed)?;
    for script in migrate::scripts(Dialect::Postgres, version, migrate::NEWEST)? {
        if let Err(e) = client.batch_execute(&script).await {
            // What of it was done is undone; the first error is the one that tells.
            let _ = client.batch_execute("ROLLBACK").await;
            return Err(failed(e));
        }
    }
    Ok(())
}

/// Statements that were sent one after the other without waiting, and are now waited for.
struct Pipeline<'a, T> {
    sent: Vec<Sent<'a, T>>,
}

enum Sent<'a, T> {
    Waiting(Pin<Box<dyn Future<Output = T> + Send + 'a>>),
    Done(T),
}

impl<'a, T> Pipeline<'a, T> {
    fn new() -> Self {
        Self { sent: Vec::new() }
    }

    /// Sends: the driver does so when a future is first looked at, so the order of looking is the order on the wire.
    async fn send(&mut self, future: impl Future<Output = T> + Send + 'a) {
        let mut future: Pin<Box<dyn Future<Output = T> + Send + 'a>> = Box::pin(future);
        let first = std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context))).await;
        self.sent.push(match first {
            std::task::Poll::Ready(out) => Sent::Done(out),
            std::task::Poll::Pending => Sent::Waiting(future),
        });
    }

    /// The outcomes, in the order of sending.
    async fn wait(self) -> Vec<T> {
        let mut all = Vec::with_capacity(self.sent.len());
        for sent in self.sent {
            all.push(match sent {
                Sent::Done(out) => out,
                Sent::Waiting(future) => future.await,
            });
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_used_is_told() {
        let cases = [
            ("postgres://h/db?sslmode=require", "the database address is not usable: it asks for TLS"),
            ("postgres://h/db?sslmode=verify-full", "the database address is not usable: invalid connection string"),
            ("postgres://h/db?colour=red", "the database address is not usable: invalid connection string"),
            ("postgres://", "the database address is not usable: it names no host"),
            ("dbname=d", "the database address is not usable: it names no host"),
            ("port=x", "the database address is not usable: invalid connection string"),
        ];
        for (address, text) in cases {
            let error = parse(address).unwrap_err().to_string();
            assert!(error.starts_with(text), "{address}: {error}");
        }
        assert!(parse("postgres://u@h:5433/db?sslmode=prefer").is_ok());
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let error = open(&format!("host={} user=u dbname=d", dir.path().display())).await.err().unwrap();
        assert!(error.to_string().starts_with("the database is not available: error connecting to server"), "{error}");
    }
}
