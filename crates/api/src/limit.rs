//! How much an act may say. Everything that somebody tells is stored and shown, so each part of it has its limit.

use model::{Span, Time};

/// The longest reason, in characters.
pub const REASON: usize = 1000;

/// The longest name (of a person, a branch, a repository, a property), in characters.
pub const NAME: usize = 1000;

/// The longest value of a property, in bytes of JSON.
pub const VALUE: usize = 64 << 10;

/// The most properties that are told at once.
pub const PROPERTIES: usize = 500;

/// How far ahead of the master's clock a change may have been made.
pub const AHEAD: Span = Span::seconds(366 * 86_400);

/// A text that keeps to its limit.
///
/// # Errors
/// How long it is and how long it may be.
pub fn text(text: &str, most: usize) -> Result<(), String> {
    // No text has more characters than bytes.
    let long = if text.len() <= most { 0 } else { text.chars().count() };
    match long > most {
        true => Err(format!("has {long} characters; {most} are the limit")),
        false => Ok(()),
    }
}

/// The highest priority that somebody may ask for, and with a minus the lowest. Each step of it is worth some minutes of
/// waiting, so this is more than a month.
pub const PRIORITY: i64 = 10_000;

/// A name that is handed to programs (a branch, a revision, a repository): within [`NAME`], on one line, and nothing that
/// a program would take for an option.
///
/// # Errors
/// What is wrong with it.
pub fn handed_on(name: &str) -> Result<(), String> {
    text(name, NAME)?;
    match () {
        () if name.starts_with('-') => Err("must not begin with \"-\"".to_owned()),
        () if name.contains(char::is_control) => Err("has a control character in it".to_owned()),
        () => Ok(()),
    }
}

/// A priority that can be asked for.
///
/// # Errors
/// Which can.
pub fn priority(asked: i64) -> Result<i64, String> {
    match (-PRIORITY..=PRIORITY).contains(&asked) {
        true => Ok(asked),
        false => Err(format!("must be from -{PRIORITY} to {PRIORITY}")),
    }
}

/// A property that keeps to its limits.
///
/// # Errors
/// Which of the two is too long, and how long it may be.
pub fn property(name: &str, value: &serde_json::Value) -> Result<(), String> {
    text(name, NAME).map_err(|what| format!("the name of a property {what}"))?;
    let bytes = match value {
        serde_json::Value::String(text) => text.len(),
        other => other.to_string().len(),
    };
    match bytes > VALUE {
        true => Err(format!("the value of {name} has {bytes} bytes; {VALUE} are the limit")),
        false => Ok(()),
    }
}

/// So many properties as may be told at once.
///
/// # Errors
/// How many there are and how many there may be.
pub fn properties(count: usize) -> Result<(), String> {
    match count > PROPERTIES {
        true => Err(format!("there are {count} properties; {PROPERTIES} are the limit")),
        false => Ok(()),
    }
}

/// A time in seconds at which a change can have been made.
///
/// # Errors
/// In words; milliseconds where seconds belong are the usual slip.
pub fn when(seconds: i64, now: Time) -> Result<Time, String> {
    let latest = (now + AHEAD).as_seconds();
    match (0..=latest).contains(&seconds) {
        true => Ok(Time::from_seconds(seconds)),
        false => Err(format!(
            "{seconds} is no time of a change; it is counted in seconds since 1970 and at most a year ahead of now, which is {}",
            now.as_seconds()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert_eq!(text(&"ä".repeat(1000), REASON), Ok(()));
        assert_eq!(text(&"ä".repeat(1001), REASON), Err("has 1001 characters; 1000 are the limit".to_owned()));
    }

    #[test]
    fn what_programs_are_handed_is_a_plain_name() {
        for good in ["", "main", "refs/heads/ä b", "https://example.org/r.git", "a-b"] {
            assert_eq!(handed_on(good), Ok(()), "{good}");
        }
        for bad in ["--upload-pack=x", "-", "a\0b", "a\nb", "\u{9b}", &"n".repeat(1001)] {
            assert!(handed_on(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn priorities_have_ends() {
        assert_eq!((priority(10_000), priority(-10_000)), (Ok(10_000), Ok(-10_000)));
        for bad in [10_001, -10_001, i64::MAX, i64::MIN] {
            assert_eq!(priority(bad), Err("must be from -10000 to 10000".to_owned()));
        }
    }

    #[test]
    fn properties_have_a_size() {
        let long = serde_json::Value::from("x".repeat(VALUE + 1));
        assert_eq!(property("a", &serde_json::Value::from("x".repeat(VALUE))), Ok(()));
        assert_eq!(property("a", &long), Err("the value of a has 65537 bytes; 65536 are the limit".to_owned()));
        assert_eq!(property("a", &serde_json::json!([long])).map_err(|e| e.len() > 20), Err(true));
        assert!(property(&"n".repeat(1001), &serde_json::Value::Null).is_err());
        assert_eq!(properties(501), Err("there are 501 properties; 500 are the limit".to_owned()));
    }

    #[test]
    fn a_change_was_made_at_a_time_that_can_be() {
        let now = Time::from_seconds(1_800_000_000);
        for good in [0, 1, 1_700_000_000, 1_800_000_000, 1_831_622_400] {
            assert_eq!(when(good, now), Ok(Time::from_seconds(good)));
        }
        for bad in [-1, 1_831_622_401, 1_800_000_000_000, i64::MAX, i64::MIN] {
            assert!(when(bad, now).is_err(), "{bad}");
        }
    }
}
