//! Tables of times as crontab(5) has them, and what they say. The only place of the engine that knows a calendar.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use model::Time;

/// A longer text is no table.
const LONGEST: usize = 1000;

/// A table of times in a time zone.
///
/// Five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday; names of three letters do
/// as well). Where both days are restricted, either is enough. `@hourly`, `@daily`, `@weekly`, `@monthly` and
/// `@yearly` stand for what they say.
///
/// When clocks are changed:
/// - A table of fixed minutes and hours never loses a time and never has one twice. A time that the clock leaps over
///   in spring comes at the first moment after the leap; one that the clock shows twice in autumn comes the first time.
/// - A table with `*` or `*/n` for the minute or the hour goes by what the clock shows: what it leaps over does not
///   come, what it shows twice comes twice. `*/30` is every half hour of real time.
///
/// The rules of the time zones are those that the program was built with, on every machine the same.
#[derive(Clone, Debug)]
pub struct Table {
    cron: Cron,
    zone: TimeZone,
}

/// What is wrong with a table or its time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// It is no table.
    #[error("'{text}' is no table of times: {why}; five fields are wanted: minute hour day month weekday")]
    Table {
        /// The text.
        text: String,
        /// What the reader says of it.
        why: String,
    },
    /// No such time zone.
    #[error("there is no time zone '{0}'; names are like UTC or Europe/Berlin")]
    Zone(String),
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// The table or the time zone cannot be read.
    pub fn read(table: &str, zone: &str) -> Result<Self, TableError> {
        let wrong = |why: String| {
            let text: String = table.chars().take(100).collect();
            TableError::Table { text, why: why.trim_end_matches('.').to_owned() }
        };
        if table.len() > LONGEST {
            return Err(wrong("it is too long".to_owned()));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(table).map_err(|e| wrong(e.to_string()))?;
        // The bundled rules, not those of the machine: the same table says the same everywhere.
        let zone = TimeZoneDatabase::bundled().get(zone).map_err(|_| TableError::Zone(zone.to_owned()))?;
        Ok(Self { cron, zone })
    }

    /// The first time after `after`; `None`: there is none, as on the 31st of February.
    pub fn next(&self, after: Time) -> Option<Time> {
        let after = Timestamp::from_microsecond(after.0).ok()?.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&after, false).ok()?;
        Some(Time(next.timestamp().as_microsecond()))
    }

    /// A moment as the clock of the time zone shows it: `2026-03-29 03:00 CEST`.
    pub fn shown(&self, at: Time) -> String {
        match Timestamp::from_microsecond(at.0) {
            Ok(at) => at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string(),
            Err(_) => String::new(),
        }
    }
}
