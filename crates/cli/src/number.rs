//! Numbers on the command line: what is wrong with one that is none, and what would be right.

/// A request's id.
pub(crate) fn request(text: &str) -> Result<i64, String> {
    let id = text.parse().ok().filter(|id| *id > 0);
    id.ok_or_else(|| "a request is named by its number, as force and status print it, such as 42".to_owned())
}

/// A build set.
pub(crate) fn set(text: &str) -> Result<i64, String> {
    let id = text.parse().ok().filter(|id| *id > 0);
    id.ok_or_else(|| "a build set is named by its number, as force --json prints it, such as 7".to_owned())
}

/// A candidate of a gate.
pub(crate) fn candidate(text: &str) -> Result<i64, String> {
    let id = text.parse().ok().filter(|id| *id > 0);
    id.ok_or_else(|| "a candidate is named by its number, as land and land --status print it, such as 12".to_owned())
}

/// A priority.
pub(crate) fn priority(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "a priority is a whole number, such as 10 or -5".to_owned())
}

/// A moment, in seconds since 1970.
pub(crate) fn moment(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "a moment is a number of seconds since 1970, such as 1767225600".to_owned())
}

/// A span of at most a day, in seconds.
pub(crate) fn seconds(text: &str) -> Result<i64, String> {
    let seconds = text.parse().ok().filter(|s| (1..=86_400).contains(s));
    seconds.ok_or_else(|| "a number of seconds from 1 to 86400 is right".to_owned())
}
