//! Copies of a whole database while a master works on it, and bringing one up to date by itself.

use crate::check::{Eye, SCHEMA, beside, sqlite};
use crate::dialect::Dialect;
use crate::{Answer, Location, SchemaVersion, StoreError, migrate, postgres};
use model::Time;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a master that writes may keep a copy from beginning.
const BUSY: Duration = Duration::from_secs(30);

/// Copies a SQLite database, as it is at one moment, into a file that is not there yet. A master may go on writing: it
/// is not kept waiting. The copy is one file, whole and on the disk when this returns.
///
/// # Errors
/// [`StoreError::Damaged`], [`StoreError::Unavailable`]; the file may be there in part then.
pub fn copy(from: &Path, to: &Path) -> Answer<()> {
    let failed = |e: rusqlite::Error| sqlite(from, &e);
    let told = |e: io::Error| StoreError::Unavailable(format!("{}: {e}", to.display()));
    // An empty file is as good as none to SQLite, and has the mode that it is to have from its first byte on.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(told)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(from, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    // One statement, and so one moment; it also leaves out pages that are not used.
    let target = to.to_str().ok_or_else(|| told(io::Error::other("the path is not UTF-8")))?;
    connection.execute("VACUUM INTO ?1", [target]).map_err(failed)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(told)
}

/// Where the database of before an upgrade is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In this file.
    File(PathBuf),
    /// Nowhere: it is the server's to keep copies, with `pg_dump`.
    Server,
}

/// Brings a database to the newest schema: a copy first (SQLite), then all steps in one transaction. `None`: it is up to
/// date. No master may work on it. A database that is not there or empty is left as it is.
///
/// # Errors
/// [`StoreError::Newer`]: nothing was touched. [`StoreError::Unavailable`]: the database is as it was.
pub async fn upgrade(at: &Location) -> Answer<Option<(SchemaVersion, Kept)>> {
    let found = {
        let mut eye = Eye::open(at).await?;
        eye.version().await?
    };
    let version = SchemaVersion { found, known: SCHEMA };
    let dialect = if matches!(at, Location::Sqlite(_)) { Dialect::Sqlite } else { Dialect::Postgres };
    let scripts = migrate::scripts(dialect, found, SCHEMA)?;
    if found == 0 || scripts.is_empty() {
        return Ok(None);
    }
    match at {
        Location::Sqlite(path) => {
            let kept = keep(path, found)?;
            let failed = |e: rusqlite::Error| sqlite(path, &e);
            let connection = Connection::open(path).map_err(failed)?;
            connection.busy_timeout(BUSY).map_err(failed)?;
            connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
            for script in scripts {
                if let Err(e) = connection.execute_batch(&script) {
                    // What of it was done is undone; the first error is the one that tells.
                    let _ = connection.execute_batch("ROLLBACK");
                    return Err(failed(e));
                }
            }
            Ok(Some((version, Kept::File(kept))))
        }
        Location::Postgres(address) => {
            for script in scripts {
                postgres::alone(address, &script).await?;
            }
            Ok(Some((version, Kept::Server)))
        }
    }
}

/// Keeps a copy of a SQLite database of an earlier schema, before it is brought up to date.
pub(crate) fn keep(path: &Path, version: i64) -> Answer<PathBuf> {
    let kept = free_name(path, version);
    copy(path, &kept)?;
    Ok(kept)
}

/// After a database was put back: the builds that ran at its moment are given up when a master starts, and tried again by
/// rule. Whatever their workers did since then is not in its history. The answer is how many there are.
///
/// # Errors
/// [`StoreError::Damaged`], [`StoreError::Unavailable`].
pub fn give_up_running(path: &Path, at: Time) -> Answer<usize> {
    let failed = |e: rusqlite::Error| sqlite(path, &e);
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    // Nobody is there: whoever was has been with another master since.
    connection.execute("UPDATE workers SET connected = 0 WHERE connected <> 0", []).map_err(failed)?;
    let sql = "UPDATE builds SET lease_until = ?1 WHERE complete_at IS NULL";
    connection.execute(sql, [at.0]).map_err(failed)
}

/// `sluice.db.schema-1`, or with a number behind it if that is there.
fn free_name(path: &Path, version: i64) -> PathBuf {
    let first = beside(path, &format!(".schema-{version}"));
    let others = (2..).map(|n| beside(path, &format!(".schema-{version}.{n}")));
    std::iter::once(first.clone()).chain(others).find(|p| !p.exists()).unwrap_or(first)
}
