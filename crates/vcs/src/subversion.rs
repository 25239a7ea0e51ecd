//! Subversion, by its command line.

use crate::commit::Commit;
use crate::fault::{Fault, Meaning, VcsError, understand};
use crate::line::{Line, quoted};
use crate::run::{Manner, Runner};
use crate::system::{ENVIRONMENT, Heads, Look, MOST_AT_ONCE, News, System, Want, asked, garbled, told};
use crate::xml::{self, Piece};
use crate::{date, system};
use model::Time;
use std::path::Path;

/// Subversion.
pub(crate) struct Subversion;

static MANNER: Manner = Manner {
    program: "svn",
    package: Some("subversion"),
    environment: ENVIRONMENT,
    prepare: |_, _, _| {},
    read: |complaint, repository, typed, ended| understand(&[MEANINGS, LAST], complaint, repository, typed, ended),
};

const MEANINGS: &[Meaning] = &[
    (&["E160006"], Fault::Missing, "{} has no such revision"),
    (
        &["E170001", "E215004", "E175013"],
        Fault::Denied,
        "{} does not let this machine in: svn here has no user name and password for it",
    ),
    (&["E230001"], Fault::Denied, "{}: its certificate is not trusted"),
    (&["E170000", "E160013", "E195012"], Fault::Missing, "there is nothing at {} in this revision"),
];

const LAST: &[Meaning] = &[(
    &["E170013", "E180001", "E210002", "E170004", "E175002", "E120108"],
    Fault::Away,
    "{} is no Subversion repository that can be reached",
)];

fn svn<const N: usize>(words: [&str; N]) -> Line {
    let (verb, rest) = words.split_first().map_or((&"", &[] as &[&str]), |(verb, rest)| (verb, rest));
    Line::new(["svn", verb, "--non-interactive"]).all(rest)
}

/// The address in a revision. What stands behind the last `@` is the revision, so one is always there.
fn target(address: &str, revision: &str) -> String {
    format!("{address}@{revision}")
}

/// A number, or a moment in braces; with `r` or without.
fn revision(want: &Want) -> Result<&str, VcsError> {
    let Some(text) = want.revision.as_deref() else { return Ok("HEAD") };
    let bare = text.strip_prefix('r').unwrap_or(text);
    let number = !bare.is_empty() && bare.len() < 20 && bare.bytes().all(|b| b.is_ascii_digit());
    let inside = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
    let moment = inside.is_some_and(|t| t.bytes().all(|b| b.is_ascii_digit() || b"TZ:+-. ".contains(&b)));
    match (number, moment, text) {
        (true, ..) => Ok(bare),
        (_, true, _) | (_, _, "HEAD") => Ok(text),
        _ => asked(format!("Subversion can have no revision {}; they are numbers", quoted(text))),
    }
}

impl System for Subversion {
    fn manner(&self) -> &'static Manner {
        &MANNER
    }

    fn admin(&self) -> &'static str {
        ".svn"
    }

    fn check(&self, want: &Want) -> Result<(), VcsError> {
        revision(want).map(drop)
    }

    fn fresh(&self, run: &Runner, want: &Want, dir: &Path) -> Result<(), VcsError> {
        let at = revision(want)?;
        let line = svn(["checkout", "-r", at]).all(&want.options).and("--").and(target(&want.address, at));
        run.act(&crate::dirs::parent_of(dir)?, &line.and(dir))
    }

    fn refresh(&self, run: &Runner, want: &Want, dir: &Path) -> Result<(), VcsError> {
        let at = revision(want)?;
        let uuid =
            |of: &str| run.ask_line(dir, &svn(["info", "--show-item", "repos-uuid", "--no-newline", "--"]).and(of));
        if uuid(".")?.trim() != uuid(&target(&want.address, "HEAD"))?.trim() {
            return Err(VcsError::new(
                Fault::Other,
                "another repository has taken the place of the one that the tree is of",
            ));
        }
        let revert = svn(["revert", "-q", "-R", "."]);
        run.act(dir, &svn(["cleanup"]))?;
        run.act(dir, &revert)?;
        let line = svn(["switch", "--ignore-ancestry", "--force", "--accept", "theirs-full", "-r", at]);
        run.act(dir, &line.all(&want.options).and("--").and(target(&want.address, at)).and("."))?;
        // Files in the way of new ones have become changed ones.
        run.act(dir, &revert)
    }

    fn at(&self, run: &Runner, _: &Want, dir: &Path) -> Result<String, VcsError> {
        run.ask_line(dir, &svn(["info", "--show-item", "revision", "."]))
    }

    fn news(&self, look: &Look<'_>) -> Result<News, VcsError> {
        let newest = item(look, "last-changed-revision")?;
        let uuid = item(look, "repos-uuid")?;
        // The revision, and the repository that it is of; earlier versions remembered the revision alone.
        let mut before = look.before.and_then(|heads| heads.get("")).map(|head| head.split(' '));
        let (before, of) = before.as_mut().map_or((None, None), |words| (words.next(), words.next()));
        let before = before.and_then(|r| r.parse::<u64>().ok());
        let mut notes = Vec::new();
        let head: u64 = newest.parse().map_err(|_| garbled("svn", "its revision is no number"))?;
        let heads = |at: u64| Heads::from([(String::new(), format!("{at} {uuid}"))]);
        let first = match before {
            // Its newest is told, as at a first look.
            Some(_) if of.is_some_and(|of| of != uuid) => {
                notes.push("another repository has taken the place of the one that was here".to_owned());
                head
            }
            Some(before) if before == head => return Ok(News { heads: heads(head), ..News::default() }),
            Some(before) if before > head => {
                let notes = vec![format!("the repository went back from revision {before} to {head}")];
                return Ok(News { heads: heads(head), notes, ..News::default() });
            }
            Some(before) => before + 1,
            None => head,
        };
        let line = svn(["log", "--xml", "-v", "-r"]).and(format!("{first}:{head}"));
        let line = line.and("--limit").and(MOST_AT_ONCE.to_string()).and("--");
        let printed = told(look.run, Path::new("/"), &line.and(target(look.repository, &newest)))?;
        let entries = parse(&printed).map_err(|why| garbled("svn", &why))?;
        let prefix = decoded(item(look, "relative-url")?.trim_start_matches('^'));
        let last = entries.last().map(|e| e.commit.revision.clone());
        let reached = last.and_then(|r| r.parse().ok()).filter(|_| entries.len() >= MOST_AT_ONCE).unwrap_or(head);
        let commits = entries.into_iter().flat_map(|entry| split(&entry, &prefix, look.branches)).collect();
        Ok(News { heads: heads(reached), commits, notes })
    }
}

fn item(look: &Look<'_>, name: &str) -> Result<String, VcsError> {
    let line = svn(["info", "--show-item", name, "--no-newline", "--"]).and(target(look.repository, "HEAD"));
    Ok(system::told(look.run, Path::new("/"), &line)?.trim().to_owned())
}

/// An entry of a log: its commit, and its paths from the root of the repository on, each with what was done to it.
struct Entry {
    commit: Commit,
    paths: Vec<(String, Touch)>,
}

/// What was done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    /// A file was made, changed or removed.
    File,
    /// A directory was made or changed.
    Directory,
    /// A directory, or nobody knows what, was removed.
    Gone,
}

/// Reads `svn log --xml -v`.
fn parse(printed: &str) -> Result<Vec<Entry>, String> {
    let mut out = Vec::new();
    let (mut revision, mut author, mut when, mut message) = (String::new(), String::new(), Time(0), String::new());
    let (mut paths, mut touch, mut within) = (Vec::new(), Touch::File, "");
    for piece in xml::pieces(printed)? {
        match &piece {
            Piece::Begin("logentry", _) => {
                revision = piece.attribute("revision").unwrap_or("").to_owned();
                (author, when, message, paths) = (String::new(), Time(0), String::new(), Vec::new());
            }
            Piece::Begin(name, _) => {
                within = name;
                touch = match (piece.attribute("kind"), piece.attribute("action")) {
                    (Some("file"), _) => Touch::File,
                    (_, Some("D")) => Touch::Gone,
                    (Some("dir"), _) => Touch::Directory,
                    _ => Touch::File,
                };
            }
            Piece::Text(text) => match within {
                "author" => author.clone_from(text),
                "date" => when = date::read(text).unwrap_or_default(),
                "msg" => message.clone_from(text),
                "path" => paths.push((text.clone(), touch)),
                _ => {}
            },
            Piece::End("logentry") => {
                if revision.is_empty() || !revision.bytes().all(|b| b.is_ascii_digit()) {
                    return Err("an entry has no revision".to_owned());
                }
                let commit = Commit::by(&author, when, std::mem::take(&mut revision), &message, Vec::new());
                out.push(Entry { commit, paths: std::mem::take(&mut paths) });
            }
            Piece::End(_) => within = "",
        }
    }
    Ok(out)
}

/// A commit for each branch that an entry touches; without branches one for all. `prefix` is what is looked at, from the
/// root of the repository on; what lies outside it is passed over.
fn split(entry: &Entry, prefix: &str, branches: &[String]) -> Vec<(Option<String>, Commit)> {
    let prefix = prefix.trim_matches('/');
    let below = |path: &str| -> Option<String> {
        let path = path.trim_start_matches('/');
        let rest = if prefix.is_empty() { path } else { path.strip_prefix(prefix)? };
        (prefix.is_empty() || rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/').to_owned())
    };
    let mut found: Vec<(Option<String>, Vec<String>)> = Vec::new();
    for (path, touch) in &entry.paths {
        let Some(path) = below(path) else { continue };
        let (branch, file) = match branches {
            [] => (None, path),
            patterns => match patterns.iter().find_map(|p| branch_of(p, &path)) {
                // A branch that is removed has nothing to build.
                Some((_, "")) if *touch == Touch::Gone => continue,
                Some((branch, file)) => (Some(branch.to_owned()), file.to_owned()),
                None => continue,
            },
        };
        let at = found.iter().position(|(b, _)| *b == branch).unwrap_or_else(|| {
            found.push((branch, Vec::new()));
            found.len() - 1
        });
        found[at].1.extend(Some(file).filter(|f| !f.is_empty() && *touch != Touch::Directory));
    }
    let of = |(branch, files): (Option<String>, Vec<String>)| {
        let c = &entry.commit;
        (branch, Commit::by(&c.author, c.authored_at, c.revision.clone(), &c.message, files))
    };
    found.into_iter().map(of).collect()
}

/// The branch that a path is in and the rest of it, by a pattern such as `trunk` or `branches/*`.
fn branch_of<'a>(pattern: &str, path: &'a str) -> Option<(&'a str, &'a str)> {
    let mut end = 0;
    for wanted in pattern.trim_matches('/').split('/') {
        let rest = path.get(end..)?.strip_prefix('/').or_else(|| (end == 0).then_some(path))?;
        let start = path.len() - rest.len();
        let part = rest.split('/').next().filter(|p| !p.is_empty())?;
        if wanted != "*" && wanted != part {
            return None;
        }
        end = start + part.len();
    }
    Some((&path[..end], path[end..].trim_start_matches('/')))
}

/// An address without its percent signs.
fn decoded(address: &str) -> String {
    let bytes = address.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = address.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<log><logentry revision="7"><author>ann</author><date>2026-11-21T09:49:59.647439Z</date>
<paths><path kind="file" action="M">/proj/trunk/src/a.c</path><path kind="dir" action="A">/proj/branches/x</path><path kind="dir" action="A">/proj/trunk/src</path>
<path kind="dir" action="D">/proj/branches/old</path><path action="M">/proj/features/big/b.c</path><path action="M">/other/z</path></paths>
<msg>one &lt;&amp;&gt;</msg></logentry></log>"#;

    fn branches_of(prefix: &str, branches: &[&str]) -> Vec<(Option<String>, Vec<String>)> {
        let branches: Vec<String> = branches.iter().map(|b| (*b).to_owned()).collect();
        let entries = parse(LOG).unwrap();
        split(&entries[0], prefix, &branches).into_iter().map(|(b, c)| (b, c.files)).collect()
    }

    #[test]
    fn a_log_is_read() {
        let commit = &parse(LOG).unwrap()[0].commit;
        assert_eq!((commit.revision.as_str(), commit.author.as_str()), ("7", "ann"));
        assert_eq!((commit.message.as_str(), commit.authored_at), ("one <&>", Time::from_seconds(1_795_254_599)));
        assert!(parse("<log><logentry></logentry></log>").is_err());
        assert!(parse("<log><").is_err());
    }

    #[test]
    fn paths_become_branches_and_files() {
        let some = |b: &str| Some(b.to_owned());
        assert_eq!(
            branches_of("/proj", &["trunk", "branches/*", "features/*"]),
            [
                (some("trunk"), vec!["src/a.c".to_owned()]),
                (some("branches/x"), vec![]),
                (some("features/big"), vec!["b.c".to_owned()]),
            ]
        );
        assert_eq!(branches_of("/proj/trunk", &[]), [(None, vec!["src/a.c".to_owned()])]);
        assert_eq!(branches_of("/pro", &[]), []);
        assert_eq!(branches_of("/", &["proj"]).len(), 1);
        assert_eq!(decoded("/a%20b%2"), "/a b%2");
    }

    #[test]
    fn revisions_are_numbers_or_moments() {
        let of = |text: &str| {
            let want = Want {
                address: String::new(),
                branch: None,
                revision: Some(text.to_owned()),
                module: None,
                options: Vec::new(),
                begun: Time(0),
            };
            revision(&want).map(str::to_owned).map_err(|e| e.fault)
        };
        for (given, expected) in [("12", "12"), ("r12", "12"), ("{2026-11-21 09:49}", "{2026-11-21 09:49}")] {
            assert_eq!(of(given).as_deref(), Ok(expected));
        }
        for bad in ["--config-option=x", "{$(id)}", "1:2", "PREV", "99999999999999999999", "r", "ä"] {
            assert_eq!(of(bad), Err(Fault::Asked), "{bad}");
        }
    }
}
