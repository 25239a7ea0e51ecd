//! What git's complaints mean. Pure.

pub(crate) use crate::fault::{Fault, VcsError as GitError};
use crate::fault::{Meaning, understand};
use crate::line::hide_passwords;

/// What stands between the address and the words of a repository that does not take a push.
pub const NOT_TAKEN: &str = " does not take it: ";

/// What git alone says.
const MEANINGS: &[Meaning] = &[
    (&["unable to fork", "cannot fork", "cannot run "], Fault::Machine, "git cannot run a program that it needs"),
    (&["died of signal"], Fault::Machine, "a part of git was killed"),
    (
        &["unable to connect", "Failed to connect", "Could not connect to server", "Couldn't connect to server"],
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
        &["early EOF", "hung up unexpectedly", "RPC failed", "unexpected disconnect", "TLS connect"],
        Fault::Away,
        "{}: the connection broke off",
    ),
    (&["returned error: 5", "returned error: 429"], Fault::Away, "{}: its host is not able to answer now"),
    (&["dubious ownership"], Fault::Machine, "git refuses {} because its files are another user's"),
];

/// What git says at last, when nothing else says more.
const LAST: &[Meaning] = &[(&["Could not read from remote repository"], Fault::Away, "{} cannot be read")];

/// The sentence for a git command that failed: `complaint` is the end of its standard error.
pub(crate) fn read(complaint: &str, repository: &str, typed: &str, ended: &str) -> GitError {
    if let Some(said) = rejection(complaint) {
        return GitError::new(Fault::Denied, format!("{}{NOT_TAKEN}{said}", hide_passwords(repository)));
    }
    understand(&[MEANINGS, LAST], complaint, repository, typed, ended)
}

/// What the other side said when it did not take a push: the words of its hooks, and git's own in the end.
fn rejection(complaint: &str) -> Option<String> {
    let rejected = complaint.lines().find(|l| l.contains("[remote rejected]"))?;
    let why = rejected.rsplit_once('(').map_or("rejected", |(_, why)| why.trim_end().trim_end_matches(')'));
    let words = complaint.lines().filter_map(|l| l.strip_prefix("remote: ")).map(str::trim);
    let words: Vec<&str> = words.filter(|w| !w.is_empty() && !w.starts_with("error: hook declined")).collect();
    Some(hide_passwords(&if words.is_empty() { why.to_owned() } else { format!("{} ({why})", words.join(" ")) }))
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
            (
                "remote: not on a Friday        \nTo /srv/z\n ! [remote rejected] 1 -> main (hook declined)\nerror: failed to push",
                Fault::Denied,
                "https://***@h/z does not take it: not on a Friday (hook declined)",
            ),
            ("error: a\nerror: b\nhint: c", Fault::Other, "git fetch failed: b"),
            ("", Fault::Other, "git fetch failed: it ended with code 128"),
        ];
        for (complaint, fault, reason) in cases {
            let e = read(complaint, url, "git fetch -- x", "it ended with code 128");
            assert_eq!((e.fault, e.reason.as_str()), (fault, reason), "{complaint:?}");
        }
    }
}
