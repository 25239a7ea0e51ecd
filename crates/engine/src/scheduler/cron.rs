//! Tables of times as crontab(5) has them, and what they say. The only place of the engine that knows a calendar.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use model::Time;
use std::collections::BTreeSet;

/// A longer text is no table.
const LONGEST: usize = 1000;
/// So many times of a day are looked at one by one.
const TIMES_OF_DAY: usize = 100;

/// A table of times in a time zone.
///
/// Five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday; names of three letters do
/// as well). Where both days are restricted, either is enough. `@hourly`, `@daily`, `@weekly`, `@monthly` and
/// `@yearly` stand for what they say.
///
/// When clocks are changed:
/// - A table whose minutes and hours are numbers, lists or ranges never loses a time and never has one twice. A time
///   that the clock leaps over in spring comes at the first moment after the leap; one that the clock shows twice in
///   autumn comes the first time. (Tables of more than a hundred times a day go by the second rule.)
/// - A table with `*` or `*/n` for the minute or the hour goes by what the clock shows: what it leaps over does not
///   come, what it shows twice comes twice. `*/30` is every half hour of real time.
///
/// The rules of the time zones are those that the program was built with, on every machine the same.
#[derive(Clone, Debug)]
pub struct Table {
    /// What it says is what any of these says: one for each time of day, so that each has the first rule for itself.
    /// None: it never says anything.
    parts: Vec<Cron>,
    /// Its minutes and hours are numbers, lists or ranges: the first rule holds.
    by_number: bool,
    zone: TimeZone,
}

/// What is wrong with a table or its time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// It is no table.
    #[error("'{text}' is no table of times: {why}")]
    Table {
        /// The text.
        text: String,
        /// What is wrong with it.
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
            TableError::Table { text, why }
        };
        if table.len() > LONGEST {
            return Err(wrong("it is too long".to_owned()));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let whole = parser.parse(table).map_err(|_| wrong(what_is_wrong(&parser, table)))?;
        let parts = times_of_day(table).into_iter().flatten().map(|one| parser.parse(&one));
        let parts: Vec<Cron> = parts.collect::<Result<_, _>>().map_err(|_| wrong(what_is_wrong(&parser, table)))?;
        let by_number = !parts.is_empty();
        let mut parts = if by_number { parts } else { vec![whole.clone()] };
        // The bundled rules, not those of the machine: the same table says the same everywhere.
        let zone = TimeZoneDatabase::bundled().get(zone).map_err(|_| TableError::Zone(zone.to_owned()))?;
        // A day that no year has is looked for up to the end of the calendar: once is enough.
        let start = Timestamp::UNIX_EPOCH.to_zoned(zone.clone());
        if whole.find_next_occurrence(&start, false).is_err() {
            parts.clear();
        }
        Ok(Self { parts, by_number, zone })
    }

    /// Whether a time that the clock shows twice counts once.
    pub(crate) fn is_by_number(&self) -> bool {
        self.by_number
    }

    /// The first time after `after`; `None`: there is none, as on the 31st of February.
    pub fn next(&self, after: Time) -> Option<Time> {
        let after = Timestamp::from_microsecond(after.0).ok()?.to_zoned(self.zone.clone());
        let next = self.parts.iter().filter_map(|cron| cron.find_next_occurrence(&after, false).ok()).min()?;
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

/// The first field that cannot be read by itself, or that there are not five.
fn what_is_wrong(parser: &CronParser, table: &str) -> String {
    const NAMES: [&str; 5] = ["minute", "hour", "day", "month", "weekday"];
    let fields: Vec<&str> = table.split_whitespace().collect();
    if fields.len() != NAMES.len() {
        let (some, names) = (fields.len(), NAMES.join(" "));
        return format!("five fields are wanted ({names}), and it has {some}");
    }
    let alone = |at: usize| {
        let mut table = ["*"; 5];
        table[at] = fields[at];
        parser.parse(&table.join(" ")).is_err()
    };
    match (0..5).find(|at| alone(*at)) {
        Some(at) => format!("'{}' is no {}", fields[at], NAMES[at]),
        None => "its fields do not go together".to_owned(),
    }
}

/// A table of its own for each time of day; `None` where minutes or hours are no plain numbers, lists or ranges, or
/// are very many.
fn times_of_day(table: &str) -> Option<Vec<String>> {
    let (minutes, rest) = table.trim().split_once(char::is_whitespace)?;
    let (hours, days) = rest.trim_start().split_once(char::is_whitespace)?;
    let (minutes, hours) = (numbers(minutes)?, numbers(hours)?);
    if minutes.len() * hours.len() > TIMES_OF_DAY {
        return None;
    }
    Some(hours.iter().flat_map(|h| minutes.iter().map(move |m| format!("{m} {h} {days}"))).collect())
}

/// The numbers of `1`, `1,2`, `1-3,7`.
fn numbers(field: &str) -> Option<BTreeSet<u8>> {
    let mut all = BTreeSet::new();
    for part in field.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (u8, u8) = (from.parse().ok()?, to.parse().ok()?);
        all.extend(from..=to);
    }
    Some(all)
}
