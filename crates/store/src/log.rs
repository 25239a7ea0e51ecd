//! Logs: rows, statements, questions. Their bytes are elsewhere.

use crate::ask::{Ask, Asks};
use crate::op::Ops;
use crate::value::{Cells, Row, V};
use crate::{Answer, LogPlace, Store, step};
use model::{BuildId, LogFacts, LogId, LogStatus, StepId};

pub(crate) const COLUMNS: &str =
    "logs.id, logs.step_id, logs.number, logs.name, logs.slug, logs.lines, logs.bytes, logs.crc32";

pub(crate) fn read(row: Row) -> Answer<LogFacts> {
    read_cells(&mut Cells::new("logs", row))
}

fn read_cells(cells: &mut Cells) -> Answer<LogFacts> {
    Ok(LogFacts {
        id: LogId(cells.int()?),
        step: StepId(cells.int()?),
        number: cells.small()?,
        name: cells.text()?,
        slug: cells.text()?,
        status: status(cells)?,
    })
}

fn status(cells: &mut Cells) -> Answer<LogStatus> {
    match (cells.maybe_int()?, cells.maybe_int()?, cells.maybe_int()?) {
        (None, None, None) => Ok(LogStatus::Open),
        (Some(lines), Some(bytes), Some(crc32)) => {
            let range = || cells.corrupt("or one before it is out of range");
            Ok(LogStatus::Sealed {
                lines: u64::try_from(lines).map_err(|_| range())?,
                bytes: u64::try_from(bytes).map_err(|_| range())?,
                crc32: u32::try_from(crc32).map_err(|_| range())?,
            })
        }
        _ => Err(cells.corrupt("or one before it is empty where others are not")),
    }
}

impl Ops {
    /// A log's part of a step's start; the step stands before it in the batch.
    pub(crate) fn open_log(&mut self, log: LogFacts) {
        let (lines, bytes, crc32) = match log.status {
            LogStatus::Open => (V::Null, V::Null, V::Null),
            LogStatus::Sealed { lines, bytes, crc32 } => (V::size(lines), V::size(bytes), i64::from(crc32).into()),
        };
        self.guarded(
            "INSERT INTO logs (id, step_id, number, name, slug, lines, bytes, crc32) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            vec![
                log.id.0.into(),
                log.step.0.into(),
                i64::from(log.number).into(),
                V::text(log.name),
                V::text(log.slug),
                lines,
                bytes,
                crc32,
            ],
            ("log", log.id.0, "exists already"),
        );
    }

    pub(crate) fn seal_log(&mut self, log: LogId, lines: u64, bytes: u64, crc32: u32) {
        self.guarded(
            "UPDATE logs SET lines = $1, bytes = $2, crc32 = $3 WHERE id = $4 AND lines IS NULL",
            vec![V::size(lines), V::size(bytes), i64::from(crc32).into(), log.0.into()],
            ("log", log.0, "is not open"),
        );
    }
}

impl Store {
    /// The logs of a step, by number.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn logs_of_step(&self, step: StepId) -> Answer<Vec<LogFacts>> {
        let sql = format!("SELECT {COLUMNS} FROM logs WHERE step_id = $1 ORDER BY number");
        self.all(Asks::one(Ask::built(sql, vec![step.0.into()])), read).await
    }

    /// The logs of all steps of a build, by step and number.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn logs_of_build(&self, build: BuildId) -> Answer<Vec<LogFacts>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM steps JOIN logs ON logs.step_id = steps.id WHERE steps.build_id = $1 \
             ORDER BY steps.number, logs.number"
        );
        self.all(Asks::one(Ask::built(sql, vec![build.0.into()])), read).await
    }

    /// Logs of steps that have ended which nobody has called whole, oldest first: whoever was about to has died. Looked
    /// for among the newest 20,000, so that a long history costs nothing; what an earlier death left was found then.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn forgotten_logs(&self) -> Answer<Vec<(BuildId, LogId)>> {
        let sql = "SELECT steps.build_id, logs.id FROM logs JOIN steps ON steps.id = logs.step_id \
                   WHERE logs.id > (SELECT COALESCE(MAX(id), 0) FROM logs) - 20000 AND logs.lines IS NULL \
                   AND steps.complete_at IS NOT NULL ORDER BY logs.id";
        self.all(Asks::one(Ask::new(sql, vec![])), |row| {
            let mut cells = Cells::new("logs", row);
            Ok((BuildId(cells.int()?), LogId(cells.int()?)))
        })
        .await
    }

    /// One log.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn log(&self, id: LogId) -> Answer<Option<LogFacts>> {
        let ask = Ask::built(format!("SELECT {COLUMNS} FROM logs WHERE id = $1"), vec![id.0.into()]);
        self.first(Asks::one(ask), read).await
    }

    /// A log with its step and its build: where its bytes are found.
    ///
    /// # Errors
    /// See [`crate::StoreError`].
    pub async fn log_place(&self, id: LogId) -> Answer<Option<LogPlace>> {
        let sql = format!(
            "SELECT {COLUMNS}, {} FROM logs JOIN steps ON steps.id = logs.step_id WHERE logs.id = $1",
            step::COLUMNS
        );
        let asks = Asks::one(Ask::built(sql, vec![id.0.into()]));
        self.first(asks, |row| {
            let mut cells = Cells::new("logs", row);
            let (log, step) = (read_cells(&mut cells)?, step::read_cells(&mut cells)?);
            Ok(LogPlace { log, build: step.build, step })
        })
        .await
    }
}
