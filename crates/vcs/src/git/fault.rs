//! What went wrong, read from what git said, in words for people. Pure.

use super::line::hide_passwords;

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The repository does not answer, or is not there. Trying again later may help.
    Away,
    /// The repository answers, but not to us.
    Denied,
    /// The repository has no commit.
    Empty,
    /// The branch or revision is not in it.
    Missing,
    /// The commit is on no branch that can be fetched.
    Lost,
    /// The patch does not fit.
    Patch,
    /// The disk is full, a file cannot be written, git is not installed.
    Machine,
    /// It was cut short by its [`super::Leash`].
    Stopped,
    /// What was asked for makes no sense, such as a relative address.
    Asked,
    /// Anything else that git refuses.
    Other,
}

impl Fault {
    /// Whoever asked for the checkout can mend it: what was to be built is not there, or does not fit. Everything else is
    /// the trouble of a machine or of the way to the repository, and says nothing about the code.
    pub fn is_of_the_code(self) -> bool {
        match self {
            Fault::Empty | Fault::Missing | Fault::Lost | Fault::Patch | Fault::Asked | Fault::Other => true,
            Fault::Away | Fault::Denied | Fault::Machine | Fault::Stopped => false,
        }
    }
}

/// Why something was not done: one line, and its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct GitError {
    /// What kind of trouble it is.
    pub fault: Fault,
    /// One line for people.
    pub reason: String,
}

impl GitError {
    /// A trouble of this kind.
    pub(crate) fn new(fault: Fault, reason: impl Into<String>) -> Self {
        Self { fault, reason: one_line(&reason.into()) }
    }

    /// A file operation that the machine did not do.
    pub(crate) fn machine(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(Fault::Machine, format!("{what} {}: {error}", path.display()))
    }
}

/// What git's complaint means: any of the texts, the kind, and the sentence; `{}` stands for the repository.
const MEANINGS: &[(&[&str], Fault, &str)] = &[
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
    (&["unable to fork", "cannot fork", "cannot run "], Fault::Machine, "git cannot run a program that it needs"),
    (&["died of signal"], Fault::Machine, "a part of git was killed"),
    (
        &["Could not resolve host", "Name or service not known", "Temporary failure in name"],
        Fault::Away,
        "{}: its host name is not known",
    ),
    (&["Connection refused"], Fault::Away, "{}: its host refuses the connection"),
    (
        &[
            "Failed to connect",
            "Could not connect to server",
            "Couldn't connect to server",
            "timed out",
            "Network is unreachable",
            "No route to host",
            "unable to connect",
        ],
        Fault::Away,
        "{}: its host cannot be reached",
    ),
    (
        &[
            "Authentication failed",
            "could not read Username",
            "could not read Password",
            "terminal prompts disabled",
            "Permission denied (",
            "returned error: 401",
            "returned error: 403",
        ],
        Fault::Denied,
        "{} does not let this machine in: git here has no user name and password or key for it",
    ),
    (&["Host key verification failed"], Fault::Denied, "{}: the key of its host is not known to this machine"),
    (&["SSL certificate problem", "certificate verify failed"], Fault::Denied, "{}: its certificate is not trusted"),
    (
        &[
            "does not appear to be a git repository",
            "Repository not found",
            "' not found",
            "returned error: 404",
            "' does not exist",
            "repository not found",
        ],
        Fault::Away,
        "there is no git repository at {}",
    ),
    (
        &["not our ref", "unadvertised object", "remote error: upload-pack: not our ref"],
        Fault::Missing,
        "{} does not hand out this revision",
    ),
    (&["couldn't find remote ref"], Fault::Missing, "{} has no such branch"),
    (
        &[
            "early EOF",
            "hung up unexpectedly",
            "RPC failed",
            "unexpected disconnect",
            "Connection reset",
            "TLS connect",
        ],
        Fault::Away,
        "{}: the connection broke off",
    ),
    (&["returned error: 5", "returned error: 429"], Fault::Away, "{}: its host is not able to answer now"),
    (&["dubious ownership"], Fault::Machine, "git refuses {} because its files are another user's"),
    (&["Permission denied", "Read-only file system"], Fault::Machine, "files cannot be written"),
    (&["Could not read from remote repository"], Fault::Away, "{} cannot be read"),
];

/// The sentence for a git command that failed: `complaint` is the end of its standard error.
pub(crate) fn read(complaint: &str, repository: &str, typed: &str, ended: &str) -> GitError {
    let shown = hide_passwords(repository);
    for (texts, fault, sentence) in MEANINGS {
        if texts.iter().any(|t| complaint.contains(t)) {
            let reason = sentence.replace("{}", &shown);
            return match fault {
                Fault::Machine => GitError::new(*fault, format!("{reason} ({})", last_complaint(complaint, ended))),
                _ => GitError::new(*fault, reason),
            };
        }
    }
    let command: Vec<&str> = typed.split(' ').take(2).collect();
    GitError::new(Fault::Other, format!("{} failed: {}", command.join(" "), last_complaint(complaint, ended)))
}

/// The line that says most: the first `fatal:`, else the last `error:`, else the last line of all.
fn last_complaint(complaint: &str, ended: &str) -> String {
    let lines = || complaint.lines().map(str::trim).filter(|l| !l.is_empty());
    let line = lines()
        .find(|l| l.starts_with("fatal:"))
        .or_else(|| lines().rfind(|l| l.starts_with("error:")))
        .or_else(|| lines().next_back())
        .unwrap_or(ended);
    hide_passwords(line.trim_start_matches("fatal:").trim_start_matches("error:").trim())
}

/// One line of at most 500 characters.
fn one_line(text: &str) -> String {
    text.chars().take(500).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_become_sentences() {
        let url = "https://ann:pw@h/z";
        let cases = [
            (
                "fatal: '/srv/z' does not appear to be a git repository\nfatal: Could not read from remote repository.",
                Fault::Away,
                "there is no git repository at https://***@h/z",
            ),
            (
                "fatal: unable to access 'x': Could not resolve host: h",
                Fault::Away,
                "https://***@h/z: its host name is not known",
            ),
            (
                "fatal: could not read Username for 'https://h': terminal prompts disabled",
                Fault::Denied,
                "https://***@h/z does not let this machine in: git here has no user name and password or key for it",
            ),
            (
                "error: Server does not allow request for unadvertised object 1",
                Fault::Missing,
                "https://***@h/z does not hand out this revision",
            ),
            (
                "fatal: early EOF\nfatal: fetch-pack: invalid index-pack output",
                Fault::Away,
                "https://***@h/z: the connection broke off",
            ),
            (
                "error: unable to write file a: No space left on device",
                Fault::Machine,
                "there is no space left on the disk (unable to write file a: No space left on device)",
            ),
            (
                "fatal: write error: Disk quota exceeded\nfatal: index-pack failed",
                Fault::Machine,
                "there is no space left on the disk (write error: Disk quota exceeded)",
            ),
            (
                "error: unable to create file a: Read-only file system",
                Fault::Machine,
                "files cannot be written (unable to create file a: Read-only file system)",
            ),
            (
                "fatal: unable to read tree 1: Input/output error",
                Fault::Machine,
                "the disk cannot be read or written (unable to read tree 1: Input/output error)",
            ),
            (
                "error: index-pack died of signal 9\nfatal: fetch-pack: invalid index-pack output",
                Fault::Machine,
                "a part of git was killed (fetch-pack: invalid index-pack output)",
            ),
            (
                "error: cannot run ssh: No such file or directory\nfatal: unable to fork",
                Fault::Machine,
                "git cannot run a program that it needs (unable to fork)",
            ),
            (
                "fatal: unable to access 'https://h/z/': The requested URL returned error: 503",
                Fault::Away,
                "https://***@h/z: its host is not able to answer now",
            ),
            ("error: a\nerror: b\nhint: c", Fault::Other, "git fetch failed: b"),
            ("", Fault::Other, "git fetch failed: it ended with code 128"),
        ];
        for (complaint, fault, reason) in cases {
            let e = read(complaint, url, "git fetch -- x", "it ended with code 128");
            assert_eq!((e.fault, e.reason.as_str()), (fault, reason), "{complaint:?}");
        }
    }

    #[test]
    fn a_reason_is_one_line() {
        let e = GitError::new(Fault::Other, format!("a\nb\u{1b}[31m{}", "x".repeat(600)));
        assert!(!e.reason.contains(char::is_control));
        assert_eq!(e.reason.chars().count(), 500);
    }
}
