//! Looking through a whole database, as `sluice fsck` does: nothing is changed but by [`repair`].
//!
//! A look has one moment: a master may go on writing. What is wrong comes out as [`Finding`]s; the caller, who has the
//! log files too, gets the rows that tell of them.

mod eye;
mod rows;
mod rules;

pub(crate) use eye::{Eye, beside, sqlite};

use crate::ask::Rows;
use crate::op::Counted;
use crate::value::{Cells, V};
use crate::{Answer, Location, StoreError, dialect, log, migrate, postgres};
use model::{BuildId, Finding, FindingKind, LogFacts, LogId, LogStatus, Mend, Severity, StepId, Time};
use std::collections::BTreeMap;

/// So many findings of one rule are told; a last one says how many more there are.
const TOLD: usize = 20;
/// Builds whose logs are asked for at once.
const BUILDS: i64 = 500;

static DATABASE_DAMAGED: FindingKind = FindingKind {
    code: "database-damaged",
    severity: Severity::Error,
    means: "the database's own structure is broken: the disk, the memory or another program has changed it",
    mend: Mend::Person("stop the master, keep a copy of sluice.db and sluice.db-wal, and restore the last backup"),
};
static INDEX_DAMAGED: FindingKind = FindingKind {
    code: "index-damaged",
    severity: Severity::Error,
    means: "an index does not say what its table says, so that questions miss rows that are there",
    mend: Mend::Repair("builds the indexes anew from their tables"),
};
static INDEX_MISSING: FindingKind = FindingKind {
    code: "index-missing",
    severity: Severity::Warning,
    means: "an index of the schema is not there: pages are slow, or rows are written twice that must not be",
    mend: Mend::Repair("makes the index"),
};
static SCHEMA_OLDER: FindingKind = FindingKind {
    code: "schema-older",
    severity: Severity::Note,
    means: "the database was written by an earlier Sluice; its rows are not looked at",
    mend: Mend::Itself("sluice master upgrade, or the next start of the master, brings it up to date"),
};
static LOG_UNSEALED: FindingKind = FindingKind {
    code: "log-unsealed",
    severity: Severity::Warning,
    means: "a step has ended and the store does not say how long its log is: the master died before it could",
    mend: Mend::Repair("writes down the length and the checksum of what the log file holds"),
};

/// All kinds that a look at the store can find.
pub fn finding_kinds() -> Vec<&'static FindingKind> {
    let here = [&DATABASE_DAMAGED, &INDEX_DAMAGED, &INDEX_MISSING, &SCHEMA_OLDER, &LOG_UNSEALED];
    here.into_iter().chain(rows::KINDS).chain(rules::KINDS).collect()
}

/// The version of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaVersion {
    /// What the database has; 0 for one that is empty.
    pub found: i64,
    /// The newest that this program knows.
    pub known: i64,
}

/// The newest version of the schema that this program knows, and the one that it writes.
pub const SCHEMA: i64 = migrate::NEWEST;

/// A build as far as its files are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildLogs {
    /// Which.
    pub build: BuildId,
    /// It has ended, and when.
    pub complete_at: Option<Time>,
    /// Its logs with the step that writes each.
    pub logs: Vec<LogRow>,
}

/// A log as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// What the store says of it.
    pub facts: LogFacts,
    /// Its step runs.
    pub step_runs: bool,
}

/// A lease that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenLease {
    /// Its build.
    pub build: BuildId,
    /// Its epoch.
    pub epoch: i64,
    /// The step that runs.
    pub step: Option<StepId>,
    /// Whose lease it is, by name.
    pub worker: String,
    /// The logs of the step that runs, by number.
    pub logs: Vec<(u16, LogId)>,
}

/// A look at a database.
pub struct Look {
    eye: Eye,
    version: SchemaVersion,
}

impl Look {
    /// Looks at the database as it is now.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Damaged`], [`StoreError::Address`], [`StoreError::Unavailable`].
    pub async fn at(location: &Location) -> Answer<Look> {
        let mut eye = Eye::open(location).await?;
        let version = SchemaVersion { found: eye.version().await?, known: SCHEMA };
        if version.found > version.known {
            return Err(StoreError::Newer { found: version.found, known: version.known });
        }
        Ok(Look { eye, version })
    }

    /// The schema's version. Only of the newest one the rows can be looked at.
    pub fn version(&self) -> SchemaVersion {
        self.version
    }

    /// The rows can be looked at.
    pub fn is_current(&self) -> bool {
        self.version.found == self.version.known
    }

    /// All that is wrong within the store.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn findings(&mut self) -> Answer<Vec<Finding>> {
        let mut found = Vec::new();
        match self.eye.integrity().await {
            Ok(said) => found.extend(said.into_iter().map(structure)),
            Err(StoreError::Damaged(what)) => found.push(Finding::new(&DATABASE_DAMAGED, what)),
            Err(e) => return Err(e),
        }
        if !self.is_current() {
            let SchemaVersion { found: old, known } = self.version;
            found.push(Finding::new(&SCHEMA_OLDER, format!("it has schema version {old}, this Sluice writes {known}")));
            return Ok(found);
        }
        match self.eye.indexes().await {
            Ok(there) => {
                let missing = migrate::indexes().filter(|(name, _)| !there.iter().any(|index| index == name));
                found
                    .extend(missing.map(|(name, _)| Finding::new(&INDEX_MISSING, format!("there is no index {name}"))));
            }
            // What a damaged page holds back was told above; so it is below.
            Err(StoreError::Damaged(_)) => {}
            Err(e) => return Err(e),
        }
        for rule in rules::all(&Counted::ALL.map(Counted::name)) {
            let sql = format!("SELECT * FROM ({}) AS found LIMIT {}", rule.sql, TOLD + 1);
            match self.eye.rows(&sql, Vec::new()).await {
                Ok(rows) => found.extend(told(rule.kind, rows)?),
                Err(StoreError::Damaged(_)) => {}
                Err(e) => return Err(e),
            }
        }
        rows::read_all(&mut self.eye, &mut found).await?;
        Ok(found)
    }

    /// How many builds there are, and the highest id.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn builds(&mut self) -> Answer<(u64, Option<BuildId>)> {
        let rows = self.eye.rows("SELECT COUNT(*), MAX(id) FROM builds", Vec::new()).await?;
        let mut cells = Cells::new("builds", rows.into_iter().next().unwrap_or_default());
        Ok((cells.small()?, cells.maybe_int()?.map(BuildId)))
    }

    /// The next builds after this one, by id, with their logs; none: there are no more.
    ///
    /// # Errors
    /// The database does not answer, or a row cannot be read.
    pub async fn builds_after(&mut self, after: BuildId) -> Answer<Vec<BuildLogs>> {
        let sql = format!("SELECT id, complete_at FROM builds WHERE id > $1 ORDER BY id LIMIT {BUILDS}");
        let mut builds = BTreeMap::new();
        for row in self.eye.rows(&sql, vec![after.0.into()]).await? {
            let mut cells = Cells::new("builds", row);
            let (build, complete_at) = (BuildId(cells.int()?), cells.maybe_time()?);
            builds.insert(build, BuildLogs { build, complete_at, logs: Vec::new() });
        }
        let (Some(first), Some(last)) = (builds.keys().next().copied(), builds.keys().next_back().copied()) else {
            return Ok(Vec::new());
        };
        let sql = format!(
            "SELECT steps.build_id, steps.complete_at, {} FROM steps JOIN logs ON logs.step_id = steps.id \
             WHERE steps.build_id >= $1 AND steps.build_id <= $2 ORDER BY steps.build_id, logs.id",
            log::COLUMNS
        );
        for mut row in self.eye.rows(&sql, vec![first.0.into(), last.0.into()]).await? {
            let facts = row.split_off(2.min(row.len()));
            let mut cells = Cells::new("steps", row);
            let (build, ended) = (BuildId(cells.int()?), cells.maybe_int()?);
            // A row that cannot be read was told of already.
            if let (Some(of), Ok(facts)) = (builds.get_mut(&build), log::read(facts)) {
                of.logs.push(LogRow { facts, step_runs: ended.is_none() });
            }
        }
        Ok(builds.into_values().collect())
    }

    /// Every lease that is open.
    ///
    /// # Errors
    /// The database does not answer, or a row cannot be read.
    pub async fn leases(&mut self) -> Answer<Vec<OpenLease>> {
        let sql = "SELECT builds.id, builds.epoch, steps.id, workers.name FROM builds \
                   JOIN workers ON workers.id = builds.worker_id \
                   LEFT JOIN steps ON steps.build_id = builds.id AND steps.complete_at IS NULL \
                   WHERE builds.complete_at IS NULL ORDER BY builds.id";
        let rows = self.eye.rows(sql, Vec::new()).await?;
        let sql = "SELECT steps.id, logs.number, logs.id FROM steps JOIN builds ON builds.id = steps.build_id \
                   JOIN logs ON logs.step_id = steps.id \
                   WHERE builds.complete_at IS NULL AND steps.complete_at IS NULL ORDER BY logs.number";
        let mut logs: BTreeMap<StepId, Vec<(u16, LogId)>> = BTreeMap::new();
        for row in self.eye.rows(sql, Vec::new()).await? {
            let mut cells = Cells::new("logs", row);
            let step = StepId(cells.int()?);
            logs.entry(step).or_default().push((cells.small()?, LogId(cells.int()?)));
        }
        let mut lease = |row| {
            let mut cells = Cells::new("builds", row);
            let (build, epoch) = (BuildId(cells.int()?), cells.int()?);
            let (step, worker) = (cells.maybe_int()?.map(StepId), cells.text()?);
            let logs = step.and_then(|step| logs.remove(&step)).unwrap_or_default();
            Ok(OpenLease { build, epoch, step, worker, logs })
        };
        rows.into_iter().map(&mut lease).collect()
    }
}

/// A log whose step has ended, and whose length the store does not know.
pub fn unsealed(build: BuildId, log: &LogFacts) -> Finding {
    let what = format!("log {} ({}) of a step that has ended is open", log.id, log.name);
    Finding::new(&LOG_UNSEALED, what).of_build(build.0)
}

fn structure(said: String) -> Finding {
    let index = ["missing from index", "entries in index", "non-unique entry in index"];
    let kind = if index.iter().any(|words| said.contains(words)) { &INDEX_DAMAGED } else { &DATABASE_DAMAGED };
    Finding::new(kind, said.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn told(kind: &'static FindingKind, rows: Rows) -> Answer<Vec<Finding>> {
    let more = rows.len() > TOLD;
    let mut found = Vec::new();
    for row in rows.into_iter().take(TOLD) {
        let mut cells = Cells::new("builds", row);
        let (build, what) = (cells.maybe_int()?, cells.text()?);
        found.push(Finding::new(kind, what).of_build(build));
    }
    if more {
        found.push(Finding::new(kind, format!("there are more than {TOLD} of these")));
    }
    Ok(found)
}

/// Mends what can be mended within the store without losing anything, all at once or nothing. `findings`: what a look
/// found; `seals`: how long logs are that were left open. The answer says what was done.
///
/// No master may work on the database.
///
/// # Errors
/// The database cannot be written; nothing was changed then.
pub async fn repair(at: &Location, findings: &[Finding], seals: &[LogFacts]) -> Answer<Vec<String>> {
    let has = |kind: &FindingKind| findings.iter().any(|f| f.kind.code == kind.code);
    let (mut statements, mut acts) = (Vec::new(), Vec::new());
    let dialect = match at {
        Location::Sqlite(_) => dialect::Dialect::Sqlite,
        Location::Postgres(_) => dialect::Dialect::Postgres,
    };
    for (name, text) in migrate::indexes() {
        if findings.iter().any(|f| f.kind == &INDEX_MISSING && f.what.ends_with(&format!(" {name}"))) {
            statements.push(dialect.render(text).into_owned());
            acts.push(format!("made the index {name}"));
        }
    }
    if has(&INDEX_DAMAGED) && dialect == dialect::Dialect::Sqlite {
        statements.push("REINDEX".to_owned());
        acts.push("built the indexes anew".to_owned());
    }
    for kind in rules::KINDS {
        let more = if has(kind) { rules::repairs(kind, &Counted::ALL.map(Counted::name)) } else { Vec::new() };
        if !more.is_empty() {
            statements.extend(more);
            acts.push(format!("{}: {}", kind.code, kind.mend.how()));
        }
    }
    for log in seals {
        if let LogStatus::Sealed { lines, bytes, crc32 } = log.status {
            statements.push(format!(
                "UPDATE logs SET lines = {lines}, bytes = {bytes}, crc32 = {crc32} WHERE id = {} AND lines IS NULL",
                log.id
            ));
            acts.push(format!("sealed log {} at {bytes} bytes", log.id));
        }
    }
    if statements.is_empty() {
        return Ok(acts);
    }
    let script = format!("BEGIN;\n{};\nCOMMIT;", statements.join(";\n"));
    match at {
        Location::Sqlite(path) => {
            let run = || {
                let connection = rusqlite::Connection::open(path)?;
                connection.busy_timeout(std::time::Duration::from_secs(5))?;
                connection.execute_batch(&script)
            };
            run().map_err(|e| sqlite(path, &e))?;
        }
        Location::Postgres(address) => postgres::alone(address, &script).await?,
    }
    Ok(acts)
}

/// The value of a cell that must be a number.
pub(crate) fn number(cell: Option<&V>) -> Option<i64> {
    match cell {
        Some(V::I(n)) => Some(*n),
        _ => None,
    }
}
