//! What git's complaints mean. Pure.

pub(crate) use crate::fault::{Fault, VcsError as GitError};
use crate::fault::{Meaning, understand};
use crate::line::hide_passwords;

/// What git says of a push that the other side does not want.
const RULES: [&str; 5] = ["declined", "rejected", "denied", "protected", "not allowed"];

/// What it says where that had no time: somebody else was writing there.
const BUSY: [&str; 3] = ["lock", "failed to update ref", "incorrect old value"];

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
    if let Some((fault, said)) = rejection(complaint) {
        return GitError::new(fault, format!("{} does not take it: {said}", hide_passwords(repository)));
    }
    understand(&[MEANINGS, LAST], complaint, repository, typed, ended)
}

/// What the other side said when it did not take a push: the words of its hooks, and git's own in the end. Only git's own
/// decide what kind of trouble it is, since a hook may say anything.
fn rejection(complaint: &str) -> Option<(Fault, String)> {
    let rejected = complaint.lines().find(|l| l.contains("[remote rejected]"))?;
    let why = rejected.rsplit_once('(').map_or("rejected", |(_, why)| why.trim_end().trim_end_matches(')'));
    let words = complaint.lines().filter_map(|l| l.strip_prefix("remote: ")).map(str::trim);
    let words: Vec<&str> = words.filter(|w| !w.is_empty() && !w.starts_with("error: hook declined")).collect();
    let says = |known: &[&str]| known.iter().any(|word| why.contains(word));
    let fault = if says(&RULES) && !says(&BUSY) { Fault::Refused } else { Fault::Denied };
    let said = if words.is_empty() { why.to_owned() } else { format!("{} ({why})", words.join(" ")) };
    Some((fault, hide_passwords(&said)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_become_sentences() {
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
        check(&cases);
    }

    /// Whatever a hook says, git's own words decide whether it is by a rule.
    #[test]
    fn a_push_is_not_taken_by_a_rule_or_not_just_now() {
        check(&[
            (
                "remote: not on a Friday        \nTo /srv/z\n ! [remote rejected] 1 -> main (hook declined)\nerror: failed to push",
                Fault::Refused,
                "https://***@h/z does not take it: not on a Friday (hook declined)",
            ),
            (
                "remote: blocked, ask (me) for it\n ! [remote rejected] 1 -> main (protected branch hook declined)",
                Fault::Refused,
                "https://***@h/z does not take it: blocked, ask (me) for it (protected branch hook declined)",
            ),
            (
                " ! [remote rejected] 1 -> main (failed to update ref)",
                Fault::Denied,
                "https://***@h/z does not take it: failed to update ref",
            ),
            (
                "remote: it was rejected once\n ! [remote rejected] 1 -> main (cannot lock ref 'refs/heads/main')",
                Fault::Denied,
                "https://***@h/z does not take it: it was rejected once (cannot lock ref 'refs/heads/main')",
            ),
            (
                "error: failed to push some refs to '/srv/protected/denied.git'",
                Fault::Other,
                "git fetch failed: failed to push some refs to '/srv/protected/denied.git'",
            ),
        ]);
    }

    fn check(cases: &[(&str, Fault, &str)]) {
        for (complaint, fault, reason) in cases {
            let e = read(complaint, "https://ann:pw@h/z", "git fetch -- x", "it ended with code 128");
            assert_eq!((e.fault, e.reason.as_str()), (*fault, *reason), "{complaint:?}");
        }
    }
}
