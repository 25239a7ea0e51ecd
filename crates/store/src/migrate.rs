//! The schema's versions: numbered, forward only, one text for both engines.

use crate::StoreError;
use crate::dialect::Dialect;

/// The versions, the first first. A version that was released never changes again.
const MIGRATIONS: [&str; 3] = [
    include_str!("../migrations/0001.sql"),
    include_str!("../migrations/0002.sql"),
    include_str!("../migrations/0003.sql"),
];

/// The newest version.
pub(crate) const NEWEST: i64 = MIGRATIONS.len() as i64;

/// Makes the place where the version is kept. An empty place is version 0.
pub(crate) const PREPARE: &str = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)";

/// Asks for the version.
pub(crate) const VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM schema_version";

/// What brings a database from one version to another; each version is a transaction of its own.
///
/// # Errors
/// [`StoreError::Newer`] when the database is ahead of this program.
pub(crate) fn scripts(dialect: Dialect, from: i64, to: i64) -> Result<Vec<String>, StoreError> {
    let newer = || StoreError::Newer { found: from, known: NEWEST };
    if from > NEWEST {
        return Err(newer());
    }
    let done = usize::try_from(from).map_err(|_| newer())?;
    let steps = MIGRATIONS.iter().zip(1..=to).skip(done);
    Ok(steps.map(|(text, version)| script(dialect, text, version)).collect())
}

fn script(dialect: Dialect, text: &str, version: i64) -> String {
    let text = dialect.render(text);
    format!("BEGIN;\n{text}\nDELETE FROM schema_version;\nINSERT INTO schema_version VALUES ({version});\nCOMMIT;")
}
