//! A connection that only looks, at one moment of either engine.

use crate::ask::Rows;
use crate::dialect::Dialect;
use crate::postgres::{self, Session};
use crate::value::V;
use crate::{Answer, Location, StoreError, migrate};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_postgres::types::ToSql;

/// How long a master that writes may keep us from looking.
const BUSY: Duration = Duration::from_secs(10);

/// The connection.
pub(crate) enum Eye {
    /// A file, and where it is.
    Sqlite(Connection, PathBuf),
    /// A server.
    Postgres(Box<Session>),
}

impl Eye {
    /// Looks at a database as it is now; what is committed later is not seen.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for a file that is no database; [`StoreError::Unavailable`].
    pub(crate) async fn open(at: &Location) -> Answer<Self> {
        match at {
            Location::Sqlite(path) => {
                let connection = open_file(path).map_err(|e| sqlite(path, &e))?;
                // The first look fixes the moment.
                let begun = connection.execute_batch("BEGIN; SELECT COUNT(*) FROM sqlite_master");
                begun.map_err(|e| sqlite(path, &e))?;
                Ok(Eye::Sqlite(connection, path.clone()))
            }
            Location::Postgres(address) => {
                let session = postgres::look(address).await?;
                let begin = "SET client_min_messages TO warning; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                session.client.batch_execute(begin).await.map_err(|e| postgres::unavailable(&e))?;
                Ok(Eye::Postgres(Box::new(session)))
            }
        }
    }

    /// The rows of one question. A question that fails may leave the moment behind on PostgreSQL; ask no more then.
    pub(crate) async fn rows(&mut self, sql: &str, params: Vec<V>) -> Answer<Rows> {
        match self {
            Eye::Sqlite(connection, path) => {
                let collect = || -> rusqlite::Result<Rows> {
                    let mut statement = connection.prepare(&Dialect::Sqlite.render(sql))?;
                    let columns = statement.column_count();
                    for (i, param) in params.iter().enumerate() {
                        statement.raw_bind_parameter(i + 1, param)?;
                    }
                    let mut rows = statement.raw_query();
                    let mut all = Vec::new();
                    while let Some(row) = rows.next()? {
                        all.push((0..columns).map(|i| row.get_ref(i).map(V::from)).collect::<Result<_, _>>()?);
                    }
                    Ok(all)
                };
                collect().map_err(|e| sqlite(path, &e))
            }
            Eye::Postgres(session) => {
                let failed = |e: tokio_postgres::Error| postgres::unavailable(&e);
                let statement = session.client.prepare(&Dialect::Postgres.render(sql)).await.map_err(failed)?;
                let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as _).collect();
                let rows = session.client.query(&statement, &params).await.map_err(failed)?;
                let cells = |row: &tokio_postgres::Row| (0..row.len()).map(|i| row.try_get(i)).collect();
                rows.iter().map(cells).collect::<Result<_, _>>().map_err(failed)
            }
        }
    }

    /// The schema's version; 0 for a database without one.
    pub(crate) async fn version(&mut self) -> Answer<i64> {
        let there = match self {
            Eye::Sqlite(..) => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'",
            Eye::Postgres(_) => "SELECT 1 FROM pg_class WHERE oid = to_regclass('schema_version')",
        };
        if self.rows(there, Vec::new()).await?.is_empty() {
            return Ok(0);
        }
        let rows = self.rows(migrate::VERSION, Vec::new()).await?;
        match rows.first().and_then(|row| row.first()) {
            Some(V::I(version)) => Ok(*version),
            _ => Err(StoreError::Damaged("its schema has a version that is no number".to_owned())),
        }
    }

    /// The names of its indexes.
    pub(crate) async fn indexes(&mut self) -> Answer<Vec<String>> {
        let sql = match self {
            Eye::Sqlite(..) => "SELECT name FROM sqlite_master WHERE type = 'index'",
            Eye::Postgres(_) => "SELECT CAST(indexname AS TEXT) FROM pg_indexes WHERE schemaname = current_schema()",
        };
        let rows = self.rows(sql, Vec::new()).await?;
        Ok(rows.into_iter().filter_map(|row| row.into_iter().next()).filter_map(text).collect())
    }

    /// What SQLite says of its own file; nothing for a good one, and for PostgreSQL, which checks its pages itself.
    pub(crate) async fn integrity(&mut self) -> Answer<Vec<String>> {
        if matches!(self, Eye::Postgres(_)) {
            return Ok(Vec::new());
        }
        let mut said = Vec::new();
        for row in self.rows("PRAGMA integrity_check(50)", Vec::new()).await? {
            said.extend(row.into_iter().next().and_then(text).filter(|t| t != "ok"));
        }
        for row in self.rows("PRAGMA foreign_key_check", Vec::new()).await? {
            said.extend(row.into_iter().next().and_then(text).map(|t| format!("a row of {t} breaks a foreign key")));
        }
        Ok(said)
    }
}

fn text(cell: V) -> Option<String> {
    match cell {
        V::T(text) => Some(text),
        _ => None,
    }
}

/// What SQLite says, apart by whether its file is what it should be.
pub(crate) fn sqlite(path: &Path, e: &rusqlite::Error) -> StoreError {
    match e.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreError::Damaged(format!("{}: {e}", path.display()))
        }
        _ => StoreError::Unavailable(format!("{}: {e}", path.display())),
    }
}

/// For reading only. Where not even the file's companions may be made, as on a medium that is read-only, and none of
/// them holds anything, the file alone is read.
fn open_file(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let look = |connection: Connection| {
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.query_row("SELECT COUNT(*) FROM sqlite_master", [], |_| Ok(()))?;
        Ok(connection)
    };
    let usual = Connection::open_with_flags(path, flags).and_then(look);
    let journal = std::fs::metadata(beside(path, "-wal")).map_or(0, |m| m.len());
    match usual {
        Err(e) if e.sqlite_error_code() == Some(ErrorCode::CannotOpen) && journal == 0 && path.exists() => {
            let mut uri = "file:".to_owned();
            for byte in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).as_os_str().as_encoded_bytes() {
                match byte {
                    b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(*byte)),
                    other => uri.push_str(&format!("%{other:02x}")),
                }
            }
            Connection::open_with_flags(format!("{uri}?immutable=1"), flags | OpenFlags::SQLITE_OPEN_URI).and_then(look)
        }
        other => other,
    }
}

/// A file that belongs to a database, by its ending.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
