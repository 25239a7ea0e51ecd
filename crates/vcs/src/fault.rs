//! What went wrong, read from what programs say, in words for people. Pure.

use crate::line::hide_passwords;

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The repository does not answer, or is not there. Trying again later may help.
    Away,
    /// The repository answers, but not to us.
    Denied,
    /// The repository does not take a push, by a rule of its own: it will not take it the next time either.
    Refused,
    /// The repository has no commit.
    Empty,
    /// The branch or revision is not in it.
    Missing,
    /// The commit is on no branch that can be fetched.
    Lost,
    /// The patch does not fit.
    Patch,
    /// The disk is full, a file cannot be written, a program is not installed.
    Machine,
    /// It was cut short by its [`crate::Leash`].
    Stopped,
    /// What was asked for makes no sense, such as a relative address.
    Asked,
    /// Anything else that is refused.
    Other,
}

impl Fault {
    /// Whoever asked for the checkout can mend it: what was to be built is not there, or does not fit. Everything else is
    /// the trouble of a machine or of the way to the repository, and says nothing about the code.
    pub fn is_of_the_code(self) -> bool {
        match self {
            Fault::Empty | Fault::Missing | Fault::Lost | Fault::Patch | Fault::Asked | Fault::Other => true,
            Fault::Away | Fault::Denied | Fault::Refused | Fault::Machine | Fault::Stopped => false,
        }
    }
}

/// Why something was not done: one line, and its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct VcsError {
    /// What kind of trouble it is.
    pub fault: Fault,
    /// One line for people.
    pub reason: String,
}

impl VcsError {
    /// A trouble of this kind.
    pub(crate) fn new(fault: Fault, reason: impl Into<String>) -> Self {
        Self { fault, reason: one_line(&reason.into()) }
    }

    /// A file operation that the machine did not do.
    pub(crate) fn machine(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(Fault::Machine, format!("{what} {}: {error}", path.display()))
    }
}

/// What a complaint means: any of the texts, the kind, and the sentence; `{}` stands for the repository.
pub(crate) type Meaning = (&'static [&'static str], Fault, &'static str);

/// What every program says of the machine and of the way to another.
const GENERAL: &[Meaning] = &[
    (&["No space left on device", "Disk quota exceeded"], Fault::Machine, "there is no space left on the disk"),
    (
        &["Input/output error", "Structure needs cleaning", "Stale file handle"],
        Fault::Machine,
        "the disk cannot be read or written",
    ),
    (&["File too large"], Fault::Machine, "a file becomes larger than this machine allows"),
    (
        &["ut of memory", "Cannot allocate memory", "Too many open files"],
        Fault::Machine,
        "this machine is short of memory or of open files",
    ),
    (
        &[
            "Could not resolve host",
            "Name or service not known",
            "Temporary failure in name",
            "Unknown host",
            "No address associated",
        ],
        Fault::Away,
        "{}: its host name is not known",
    ),
    (&["Connection refused", "CouldNotConnect"], Fault::Away, "{}: its host refuses the connection"),
    (&["timed out", "Network is unreachable", "No route to host"], Fault::Away, "{}: its host cannot be reached"),
    (&["Host key verification failed"], Fault::Denied, "{}: the key of its host is not known to this machine"),
    (
        &["SSL certificate problem", "certificate verify failed", "certificate verification failed"],
        Fault::Denied,
        "{}: its certificate is not trusted",
    ),
];

/// What may be said with other things before it.
const AFTERWARDS: &[Meaning] = &[
    (&["Permission denied (", "Permission denied, please"], Fault::Denied, "{} does not let this machine in"),
    (&["Connection reset", "Broken pipe"], Fault::Away, "{}: the connection broke off"),
    (&["Permission denied", "Read-only file system"], Fault::Machine, "files cannot be written"),
];

/// The sentence for a command that failed: `complaint` is the end of its standard error. The first of the system's own
/// tables goes before what is said afterwards, the others behind it.
pub(crate) fn understand(
    own: &[&'static [Meaning]],
    complaint: &str,
    repository: &str,
    typed: &str,
    ended: &str,
) -> VcsError {
    let shown = hide_passwords(repository);
    let (first, others) = own.split_first().map_or((&[] as &[Meaning], own), |(first, others)| (*first, others));
    let last = others.iter().flat_map(|table| table.iter());
    for (texts, fault, sentence) in GENERAL.iter().chain(first).chain(AFTERWARDS).chain(last) {
        if texts.iter().any(|t| complaint.contains(t)) {
            let reason = sentence.replace("{}", &shown);
            return match fault {
                Fault::Machine => VcsError::new(*fault, format!("{reason} ({})", last_complaint(complaint, ended))),
                _ => VcsError::new(*fault, reason),
            };
        }
    }
    let command: Vec<&str> = typed.split(' ').filter(|w| !w.starts_with('-')).take(2).collect();
    let words: Vec<&str> = typed.split(' ').take(2).collect();
    let command = if words.get(1).is_some_and(|w| w.len() > 2 && w.starts_with('-')) { command } else { words };
    VcsError::new(Fault::Other, format!("{} failed: {}", command.join(" "), last_complaint(complaint, ended)))
}

/// The line that says most: the first that ends all, else the last error, else the last line of all.
fn last_complaint(complaint: &str, ended: &str) -> String {
    const MARKS: [&str; 5] = ["fatal:", "error:", "abort:", "brz: ERROR:", "svn:"];
    let lines = || complaint.lines().map(str::trim).filter(|l| !l.is_empty());
    let line = lines()
        .find(|l| ["fatal:", "abort:", "brz: ERROR:"].iter().any(|mark| l.starts_with(mark)))
        .or_else(|| lines().rfind(|l| l.starts_with("error:") || l.starts_with("svn: E")))
        .or_else(|| lines().next_back())
        .unwrap_or(ended);
    let bare = MARKS.iter().fold(line, |line, mark| line.strip_prefix(mark).unwrap_or(line).trim());
    hide_passwords(bare)
}

/// One line of at most 500 characters.
fn one_line(text: &str) -> String {
    text.chars().take(500).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line() {
        let e = VcsError::new(Fault::Other, format!("a\nb\u{1b}[31m{}", "x".repeat(600)));
        assert!(!e.reason.contains(char::is_control));
        assert_eq!(e.reason.chars().count(), 500);
    }
}
