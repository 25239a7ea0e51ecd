//! Bazaar, by the command line of Breezy, which goes on with it.

use crate::commit::Commit;
use crate::date;
use crate::dirs::parent_of;
use crate::fault::{Fault, Meaning, VcsError, understand};
use crate::line::{Line, hide_passwords, quoted};
use crate::run::{Manner, Runner};
use crate::system::{ENVIRONMENT, Heads, Look, MOST_AT_ONCE, News, System, Want, asked, garbled, told};
use std::path::Path;

/// Bazaar.
pub(crate) struct Bazaar;

static MANNER: Manner = Manner {
    program: "brz",
    package: Some("brz"),
    environment: ENVIRONMENT,
    prepare: |_, _, _| {},
    read: |complaint, repository, typed, ended| understand(&[MEANINGS], complaint, repository, typed, ended),
};

const MEANINGS: &[Meaning] = &[
    (&["does not exist in branch", "NoSuchRevision", "No such tag"], Fault::Missing, "{} has no such revision"),
    (
        &["Permission denied: \"", "401 Unauthorized", "403 Forbidden", "Unable to authenticate"],
        Fault::Denied,
        "{} does not let this machine in",
    ),
    (
        &[
            "Not a branch",
            "No such file: ",
            "Unsupported protocol",
            "Connection error",
            "Connection closed",
            "404 Not Found",
        ],
        Fault::Away,
        "there is no Bazaar branch at {} that can be reached",
    ),
];

fn brz(verb: &str) -> Line {
    // A lock of a process that is dead is nobody's.
    Line::new(["brz", "-Olocks.steal_dead=True", verb])
}

/// A revision in a form that nothing else than one of this branch can have: others fetch from elsewhere.
fn revision(want: &Want) -> Result<Option<String>, VcsError> {
    let Some(text) = want.revision.as_deref() else { return Ok(None) };
    let numbers = !text.is_empty() && text.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    if numbers {
        return Ok(Some(format!("revno:{text}")));
    }
    let (kind, name) = text.split_once(':').unwrap_or(("revid", text));
    let strange = |c: char| c.is_control() || c.is_whitespace() || c == '.' && name.contains("..");
    match matches!(kind, "revid" | "tag") && !name.is_empty() && name.len() < 1000 && !name.contains(strange) {
        true => Ok(Some(format!("{kind}:{name}"))),
        false => asked(format!("Bazaar can have no revision {}; it is a number, revid:… or tag:…", quoted(text))),
    }
}

fn at_revision(line: Line, want: &Want) -> Result<Line, VcsError> {
    Ok(match revision(want)? {
        Some(revision) => line.and("-r").and(revision),
        None => line,
    })
}

impl System for Bazaar {
    fn manner(&self) -> &'static Manner {
        &MANNER
    }

    fn admin(&self) -> &'static str {
        ".bzr"
    }

    fn check(&self, want: &Want) -> Result<(), VcsError> {
        revision(want).map(drop)
    }

    fn fresh(&self, run: &Runner, want: &Want, dir: &Path) -> Result<(), VcsError> {
        let line = at_revision(brz("branch").all(&want.options).and("--quiet").and("--standalone"), want)?;
        run.act(&parent_of(dir)?, &line.and("--").and(&want.address).and(dir))
    }

    fn refresh(&self, run: &Runner, want: &Want, dir: &Path) -> Result<(), VcsError> {
        let revert = brz("revert").all(["--quiet", "--no-backup"]);
        let is_no_tree = |e: VcsError| match e.fault {
            Fault::Machine => e,
            _ => VcsError::new(Fault::Other, "the tree cannot be read"),
        };
        run.act(dir, &revert).map_err(is_no_tree)?;
        let line = at_revision(brz("pull").all(&want.options).all(["--quiet", "--overwrite"]), want)?;
        run.act(dir, &line.and("--").and(&want.address))?;
        // Files in the way of new ones have been moved aside, and the tree would be changed by that.
        run.act(dir, &revert)
    }

    fn at(&self, run: &Runner, want: &Want, dir: &Path) -> Result<String, VcsError> {
        match run.ask_line(dir, &brz("revno").and("--tree"))? {
            none if none == "0" || none.is_empty() => {
                Err(VcsError::new(Fault::Empty, format!("{} has no commit yet", hide_passwords(&want.address))))
            }
            number => Ok(number),
        }
    }

    fn news(&self, look: &Look<'_>) -> Result<News, VcsError> {
        let line = brz("revision-info").and("-d").and(look.repository);
        let info = look.run.ask_line(Path::new("/"), &line)?;
        let (number, id) = info.split_once(' ').ok_or_else(|| garbled("brz", "it names no revision"))?;
        let heads = Heads::from([(String::new(), format!("{number} {id}"))]);
        let quiet = |heads| Ok(News { heads, ..News::default() });
        if number == "0" {
            return quiet(heads);
        }
        let log = |range: String| -> Result<Vec<Commit>, VcsError> {
            let line = brz("log").all(["--long", "-v", "-n1"]).and(format!("--limit={MOST_AT_ONCE}"));
            let printed = told(look.run, Path::new("/"), &line.and("-r").and(range).and("--").and(look.repository))?;
            let mut commits = parse(&printed).map_err(|why| garbled("brz", &why))?;
            commits.reverse();
            Ok(commits)
        };
        let alone = || log(format!("revno:{number}"));
        let mut notes = Vec::new();
        let commits = match look.before.and_then(|h| h.get("")).and_then(|old| old.split_once(' ')) {
            None => alone()?,
            Some((_, old)) if old == id => return quiet(heads),
            Some(("0", _)) => log(format!("revno:1..revno:{number}"))?,
            Some((old_number, old)) => match log(format!("revid:{old}..revno:{number}")) {
                Ok(mut commits) => {
                    commits.retain(|c| c.revision != old_number);
                    commits
                }
                Err(e) if matches!(e.fault, Fault::Missing | Fault::Other) => {
                    notes.push("the branch was overwritten".to_owned());
                    alone()?
                }
                Err(e) => return Err(e),
            },
        };
        Ok(News { heads, commits: commits.into_iter().map(|c| (None, c)).collect(), notes })
    }
}

/// Reads `brz log --long -v`: records after lines of dashes, fields, the message with two spaces before each line, and
/// the files below headings.
fn parse(printed: &str) -> Result<Vec<Commit>, String> {
    let mut out = Vec::new();
    for record in printed.split(&format!("{}\n", "-".repeat(60))).skip(1) {
        let (mut number, mut author, mut committer, mut when) = ("", "", "", model::Time(0));
        let (mut message, mut files, mut heading) = (String::new(), Vec::new(), "");
        for line in record.lines() {
            match (line.strip_prefix("  "), heading) {
                (Some(text), "message") => {
                    message.push_str(text);
                    message.push('\n');
                }
                (Some(file), "renamed") => files.extend(file.split(" => ").map(|f| f.trim().to_owned())),
                (Some(file), "added" | "modified" | "removed" | "kind changed") => {
                    files.push(file.trim().trim_end_matches('*').to_owned());
                }
                (Some(_), _) => {}
                (None, _) => {
                    let (name, value) = line.split_once(':').unwrap_or((line, ""));
                    let value = value.trim();
                    match name {
                        "revno" => number = value.split(' ').next().unwrap_or(""),
                        "author" => author = value,
                        "committer" => committer = value,
                        // The day of the week stands before the date.
                        "timestamp" => {
                            when = value.split_once(' ').and_then(|(_, d)| date::read(d)).unwrap_or_default()
                        }
                        _ => heading = name,
                    }
                }
            }
        }
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(format!("it is no commit after {} of them", out.len()));
        }
        let author = if author.is_empty() { committer } else { author };
        files.retain(|f| !f.ends_with('/'));
        out.push(Commit::by(author, when, number.to_owned(), message.trim_end(), files));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read() {
        let dashes = "-".repeat(60);
        let printed = format!(
            "{dashes}\nrevno: 3 [merge]\nauthor: Ann <a@h>\ncommitter: Bob <b@h>\nbranch nick: br\n\
             timestamp: Sat 2026-11-21 10:49:59 +0100\nmessage:\n  two\n    indented\n  added:\n    x\n\
             added:\n  sub/\n  sub/b c\nrenamed:\n  a => c\nmodified:\n  run*\n\
             {dashes}\nrevno: 2\ncommitter: Bob\ntimestamp: x\nmessage:\n  \n"
        );
        let commits = parse(&printed).unwrap();
        assert_eq!((commits[0].revision.as_str(), commits[0].author.as_str()), ("3", "Ann <a@h>"));
        assert_eq!(commits[0].message, "two\n  indented\nadded:\n  x");
        assert_eq!(commits[0].files, ["sub/b c", "a", "c", "run"]);
        assert_eq!(commits[0].authored_at, model::Time::from_seconds(1_795_254_599));
        assert_eq!((commits[1].author.as_str(), commits[1].message.as_str()), ("Bob", ""));
        assert!(parse(&format!("{dashes}\nmessage:\n  x\n")).is_err());
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn revisions_are_of_the_branch_alone() {
        let of = |text: &str| {
            let want = Want {
                address: String::new(),
                branch: None,
                revision: Some(text.to_owned()),
                module: None,
                options: Vec::new(),
                begun: model::Time(0),
            };
            revision(&want).map_err(|e| e.fault)
        };
        for (given, expected) in [
            ("12", "revno:12"),
            ("1.2.3", "revno:1.2.3"),
            ("tag:v1", "tag:v1"),
            ("a@h-20261121-x", "revid:a@h-20261121-x"),
        ] {
            assert_eq!(of(given), Ok(Some(expected.to_owned())));
        }
        for bad in ["branch:http://evil", "-1", "1..2", "date:now", "submit:x", "revid:", "a b"] {
            let got = of(bad);
            assert!(got == Err(Fault::Asked) || got == Ok(Some("revid:-1".to_owned())), "{bad} {got:?}");
        }
    }
}
