//! The schema's versions: numbered, forward only, one text for both engines.

use crate::StoreError;
use crate::dialect::Dialect;

/// The versions, the first first. A version that was released never changes again.
const MIGRATIONS: [&str; 5] = [
    include_str!("../migrations/0001.sql"),
    include_str!("../migrations/0002.sql"),
    include_str!("../migrations/0003.sql"),
    include_str!("../migrations/0004.sql"),
    include_str!("../migrations/0005.sql"),
];

/// The newest version.
pub(crate) const NEWEST: i64 = MIGRATIONS.len() as i64;

/// Makes the place where the version is kept. An empty place is version 0.
pub(crate) const PREPARE: &str = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)";

/// Asks for the version.
pub(crate) const VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM schema_version";

/// What brings a database from one version to another: one transaction, so that it is of the one or of the other. Empty:
/// nothing is to be done.
///
/// # Errors
/// [`StoreError::Newer`] when the database is ahead of this program.
pub(crate) fn scripts(dialect: Dialect, from: i64, to: i64) -> Result<Vec<String>, StoreError> {
    Ok(statements(dialect, from, to)?.map(|text| format!("BEGIN;\n{text}\nCOMMIT;")).into_iter().collect())
}

/// The same without its transaction. `None`: nothing is to be done.
///
/// # Errors
/// As of [`scripts`].
pub(crate) fn statements(dialect: Dialect, from: i64, to: i64) -> Result<Option<String>, StoreError> {
    let newer = || StoreError::Newer { found: from, known: NEWEST };
    if from > NEWEST {
        return Err(newer());
    }
    let done = usize::try_from(from).map_err(|_| newer())?;
    let steps: Vec<_> = MIGRATIONS.iter().zip(1..=to).skip(done).map(|(text, _)| dialect.render(text)).collect();
    if steps.is_empty() {
        return Ok(None);
    }
    let text = steps.join("\n");
    let version = format!("DELETE FROM schema_version;\nINSERT INTO schema_version VALUES ({to});");
    Ok(Some(format!("{text}\n{version}")))
}

/// Every index of the newest version, with the statement that makes it, in the one text for both engines.
pub(crate) fn indexes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let statements = MIGRATIONS.iter().flat_map(|text| text.split(';')).map(|statement| {
        // A comment may stand before a statement.
        let start = statement.find("CREATE INDEX").or_else(|| statement.find("CREATE UNIQUE INDEX"));
        start.and_then(|start| statement.get(start..)).unwrap_or_default()
    });
    statements.filter_map(|statement| {
        let name = statement.split_once("INDEX ")?.1.split_whitespace().next()?;
        Some((name, statement))
    })
}
