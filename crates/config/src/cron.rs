//! Tables of times as crontab(5) has them: whether they are any, and whether they ever say a time.
//!
//! The reader is the one that the engine goes by, so what is taken here is taken there.

use crate::names::{nearest, quoted};
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZoneDatabase;

/// A longer text is no table.
const LONGEST: usize = 1000;

/// What is wrong with a table, at a byte of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) at: usize,
    pub(crate) length: usize,
    /// What comes after `cron of schedulers.nightly`.
    pub(crate) message: String,
    pub(crate) help: String,
}

/// The five fields, and what they take.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or L for the last"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of the week", "0 to 7 with 0 and 7 for Sunday, or SUN to SAT"),
];

/// Whether a table is one, and says a time now and then.
pub(crate) fn check(table: &str) -> Result<(), Flaw> {
    let whole = |message: String, help: &str| Flaw { at: 0, length: table.len(), message, help: help.to_owned() };
    const WANTED: &str = "five fields are wanted: minute hour day month weekday, for example \"30 3 * * 1-5\"";
    if table.len() > LONGEST {
        return Err(whole("is too long".to_owned(), WANTED));
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let fields = fields(table);
    if !table.trim_start().starts_with('@') {
        if fields.len() != FIELDS.len() {
            let s = if fields.len() == 1 { "" } else { "s" };
            return Err(whole(format!("has {} field{s}", fields.len()), WANTED));
        }
        for (number, ((at, field), (name, takes))) in fields.iter().zip(FIELDS).enumerate() {
            let mut alone = ["*"; FIELDS.len()];
            alone[number] = field;
            if parser.parse(&alone.join(" ")).is_err() {
                let message = format!("has {} as {name}", quoted(field));
                let help = format!("the {name} is {takes}; ranges 1-5, lists 1,15 and steps */10 are made of them");
                return Err(Flaw { at: *at, length: field.len(), message, help });
            }
        }
    }
    let cron = parser.parse(table).map_err(|_| whole("is no table of times".to_owned(), WANTED))?;
    // Any day will do: what has not come for decades after it never comes.
    let start = jiff::civil::date(2024, 1, 1).at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC);
    let comes = start.is_ok_and(|start| cron.find_next_occurrence(&start, true).is_ok());
    match comes {
        true => Ok(()),
        false => Err(whole(
            format!("is {}, a time that never comes", quoted(table)),
            "the third field is the day of the month, the fourth the month",
        )),
    }
}

/// The fields of a table and where they begin.
fn fields(table: &str) -> Vec<(usize, &str)> {
    let start = table.as_ptr() as usize;
    table.split_whitespace().map(|field| (field.as_ptr() as usize - start, field)).collect()
}

/// Whether there is such a time zone.
pub(crate) fn is_timezone(name: &str) -> bool {
    name.len() < 100 && TimeZoneDatabase::bundled().get(name).is_ok()
}

/// The time zone that was probably meant.
pub(crate) fn nearest_timezone(name: &str) -> Option<String> {
    let all: Vec<String> = TimeZoneDatabase::bundled().available().map(|zone| zone.as_str().to_owned()).collect();
    let by_city = || {
        let wanted = name.rsplit('/').next().unwrap_or(name);
        all.iter().find(|zone| zone.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(wanted)))
    };
    nearest(name, all.iter().map(String::as_str)).map(str::to_owned).or_else(|| by_city().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_told_from_others() {
        for good in
            ["0 3 * * *", "*/15 * * * *", "30 3 * * 1-5", "0 0 29 2 *", "0 0 31 * *", "0 12 1 JAN MON", "@daily"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let cases = [
            ("", 0, "has 0 fields"),
            ("0 3 * *", 0, "has 4 fields"),
            ("0 0 3 * * *", 0, "has 6 fields"),
            ("60 3 * * *", 0, "has \"60\" as minute"),
            ("0 25 * * *", 2, "has \"25\" as hour"),
            ("0 3 32 * *", 4, "has \"32\" as day of the month"),
            ("0 3 * 13 *", 6, "has \"13\" as month"),
            ("0 3 * * mo-fr", 8, "has \"mo-fr\" as day of the week"),
            ("0 0 30 2 *", 0, "is \"0 0 30 2 *\", a time that never comes"),
            ("0 0 31 4,6,9,11 *", 0, "is \"0 0 31 4,6,9,11 *\", a time that never comes"),
            ("@never", 0, "is no table of times"),
        ];
        for (bad, at, message) in cases {
            let flaw = check(bad).expect_err(bad);
            assert_eq!((flaw.at, flaw.message.as_str()), (at, message), "{bad}");
        }
        assert!(check(&"1,".repeat(10_000)).is_err());
    }

    #[test]
    fn time_zones_have_names() {
        assert!(is_timezone("UTC") && is_timezone("Europe/Berlin") && !is_timezone("Mars/Olympus") && !is_timezone(""));
        assert_eq!(nearest_timezone("Europe/Berlim").as_deref(), Some("Europe/Berlin"));
        assert_eq!(nearest_timezone("Berlin").as_deref(), Some("Europe/Berlin"));
        assert_eq!(nearest_timezone("Olympus"), None);
    }
}
