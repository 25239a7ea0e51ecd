//! Darcs, by its command line. A repository is a set of patches; a revision is the hash of a patch, with all that stand
//! before it, or a context, which names every one.

use crate::commit::Commit;
use crate::date;
use crate::dirs::{beside, parent_of, remove};
use crate::fault::{Fault, Meaning, VcsError, understand};
use crate::line::{Line, hide_passwords, quoted};
use crate::run::{Manner, Runner};
use crate::system::{ENVIRONMENT, Heads, Look, MOST_AT_ONCE, News, System, Want, asked, garbled, told};
use crate::xml::{self, Piece};
use std::fs;
use std::path::Path;

/// Darcs.
pub(crate) struct Darcs;

static MANNER: Manner = Manner {
    program: "darcs",
    package: Some("darcs"),
    environment: ENVIRONMENT,
    prepare: |_, _, _| {},
    read: |complaint, repository, typed, ended| understand(&[MEANINGS], complaint, repository, typed, ended),
};

const MEANINGS: &[Meaning] = &[
    (
        &["Couldn't find a patch", "couldn't find a patch", "Could not find a patch"],
        Fault::Missing,
        "{} has no such patch",
    ),
    (&["response code said error 404", "response code said error 410"], Fault::Missing, "there is nothing at {}"),
    (&["Not a repository", "does not exist"], Fault::Away, "there is no darcs repository at {}"),
];

/// What is asked for.
enum Revision<'a> {
    Newest,
    Patch(&'a str),
    Context(&'a str),
}

fn revision(want: &Want) -> Result<Revision<'_>, VcsError> {
    let Some(text) = want.revision.as_deref() else { return Ok(Revision::Newest) };
    let is_hash = (7..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    match (is_hash, text.contains("Context:")) {
        (true, _) => Ok(Revision::Patch(text)),
        (_, true) => Ok(Revision::Context(text)),
        _ => asked(format!("darcs can have no revision {}; it is the hash of a patch, or a context", quoted(text))),
    }
}

fn darcs(verb: &str) -> Line {
    Line::new(["darcs", verb])
}

/// The patches of a repository, in the order that it keeps them in.
fn count(run: &Runner, dir: &Path, from: &Line) -> Result<usize, VcsError> {
    let told = run.ask_line(dir, from)?;
    told.trim().parse().map_err(|_| garbled("darcs", "it counts no patches"))
}

fn clone(run: &Runner, dir: &Path, address: &str, options: &[String], revision: &Revision<'_>) -> Result<(), VcsError> {
    let parent = parent_of(dir)?;
    let line = darcs("clone").all(options).and("--quiet");
    let file = beside(dir, ".context");
    let line = match revision {
        Revision::Newest => line,
        Revision::Patch(hash) => line.and(format!("--to-hash={hash}")),
        Revision::Context(text) => {
            fs::write(&file, text).map_err(|e| VcsError::machine("cannot write", &file, &e))?;
            line.and(format!("--context={}", file.display()))
        }
    };
    let done = run.act(&parent, &line.and("--").and(address).and(dir));
    remove(&file)?;
    done
}

impl System for Darcs {
    fn manner(&self) -> &'static Manner {
        &MANNER
    }

    fn admin(&self) -> &'static str {
        "_darcs"
    }

    fn check(&self, want: &Want) -> Result<(), VcsError> {
        revision(want).map(drop)
    }

    fn fresh(&self, run: &Runner, want: &Want, dir: &Path) -> Result<(), VcsError> {
        clone(run, dir, &want.address, &want.options, &revision(want)?)
    }

    fn refresh(&self, run: &Runner, want: &Want, dir: &Path) -> Result<(), VcsError> {
        let other = |why: &str| Err(VcsError::new(Fault::Other, why));
        let revision = revision(want)?;
        if matches!(revision, Revision::Context(_)) {
            return other("a context needs a tree of its own");
        }
        // A lock that a killed darcs left would be waited for.
        remove(&dir.join("_darcs/lock"))?;
        run.act(dir, &darcs("revert").all(["--all", "--quiet"]))?;
        let pull =
            darcs("pull").all(&want.options).all(["--all", "--quiet", "--no-set-default", "--dont-allow-conflicts"]);
        run.act(dir, &pull.and("--").and(&want.address))?;
        let here = count(run, dir, &darcs("log").and("--count"))?;
        let there = count(run, dir, &darcs("log").and("--count").and(format!("--repo={}", want.address)))?;
        if here != there {
            return other("the repository has lost patches that the tree has");
        }
        if let Revision::Patch(hash) = revision {
            let after = count(run, dir, &darcs("log").and("--count").and(format!("--from-hash={hash}")))?;
            if after > 1 {
                let line = darcs("obliterate").all(["--all", "--quiet"]).and(format!("--last={}", after - 1));
                run.act(dir, &line)?;
            }
        }
        Ok(())
    }

    fn at(&self, run: &Runner, want: &Want, dir: &Path) -> Result<String, VcsError> {
        let printed = told(run, dir, &darcs("log").all(["--last=1", "--xml-output"]))?;
        let newest = parse(&printed).map_err(|why| garbled("darcs", &why))?.pop();
        newest
            .map(|c| c.revision)
            .ok_or_else(|| VcsError::new(Fault::Empty, format!("{} has no patch yet", hide_passwords(&want.address))))
    }

    fn news(&self, look: &Look<'_>) -> Result<News, VcsError> {
        let mirror = look.dir.join("mirror");
        pull(look, &mirror)?;
        let log = || darcs("log").all(["--xml-output", "--summary"]);
        let read = |line: Line| -> Result<Vec<Commit>, VcsError> {
            let printed = told(look.run, &mirror, &line)?;
            // The newest come first.
            let mut commits = parse(&printed).map_err(|why| garbled("darcs", &why))?;
            commits.reverse();
            Ok(commits)
        };
        let newest = read(log().and("--last=1"))?;
        let Some(head) = newest.first().map(|c| c.revision.clone()) else { return Ok(News::default()) };
        let heads = Heads::from([(String::new(), head.clone())]);
        let mut notes = Vec::new();
        let commits = match look.before.map(|heads| heads.get("")) {
            None => newest,
            Some(Some(old)) if *old == head => Vec::new(),
            // There was no patch at all.
            Some(None) => read(log().and(format!("--last={MOST_AT_ONCE}")))?,
            Some(Some(old)) => match read(log().and(format!("--from-hash={old}"))) {
                Ok(mut commits) => {
                    commits.retain(|c| c.revision != *old);
                    let excess = commits.len().saturating_sub(MOST_AT_ONCE);
                    commits.drain(..excess);
                    commits
                }
                Err(e) if e.fault == Fault::Missing => {
                    notes.push("the patch that was the newest is gone".to_owned());
                    newest
                }
                Err(e) => return Err(e),
            },
        };
        Ok(News { heads, commits: commits.into_iter().map(|c| (None, c)).collect(), notes })
    }
}

/// Brings the mirror up to date; makes it anew when the repository has other patches than it.
fn pull(look: &Look<'_>, mirror: &Path) -> Result<(), VcsError> {
    if mirror.join("_darcs").is_dir() {
        remove(&mirror.join("_darcs/lock"))?;
        let line = darcs("pull").all(["--all", "--quiet", "--no-set-default", "--dont-allow-conflicts", "--"]);
        let pulled = look.run.act(mirror, &line.and(look.repository));
        let counted = pulled.and_then(|()| {
            let there = darcs("log").and("--count").and(format!("--repo={}", look.repository));
            Ok(count(look.run, mirror, &darcs("log").and("--count"))? == count(look.run, mirror, &there)?)
        });
        match counted {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(e) if e.fault == Fault::Other => {}
            Err(e) => return Err(e),
        }
    }
    let new = beside(mirror, ".new");
    remove(&new)?;
    clone(look.run, &new, look.repository, &[], &Revision::Newest)?;
    remove(mirror)?;
    fs::rename(&new, mirror).map_err(|e| VcsError::machine("cannot make", mirror, &e))
}

/// Reads `darcs log --xml-output`, with a summary or without.
fn parse(printed: &str) -> Result<Vec<Commit>, String> {
    let mut out = Vec::new();
    let (mut author, mut when, mut hash) = (String::new(), model::Time(0), String::new());
    let (mut name, mut comment, mut files) = (String::new(), String::new(), Vec::new());
    let mut within: Vec<&str> = Vec::new();
    for piece in xml::pieces(printed)? {
        match &piece {
            Piece::Begin(tag, _) => {
                within.push(tag);
                let of = |name: &str| piece.attribute(name).unwrap_or("").to_owned();
                match *tag {
                    "patch" => {
                        (author, hash) = (of("author"), of("hash"));
                        when = date::read_digits(&of("date")).unwrap_or_default();
                        (name, comment, files) = (String::new(), String::new(), Vec::new());
                    }
                    "move" => files.extend([of("from"), of("to")]),
                    _ => {}
                }
            }
            Piece::End("patch") => {
                within.pop();
                if hash.len() != 40 {
                    return Err("a patch has no hash".to_owned());
                }
                let salt = |l: &&str| !l.starts_with("Ignore-this: ");
                let comment: Vec<&str> = comment.lines().filter(salt).collect();
                let message = format!("{name}\n{}", comment.join("\n"));
                files.dedup();
                let files = std::mem::take(&mut files);
                out.push(Commit::by(&author, when, std::mem::take(&mut hash), message.trim_end(), files));
            }
            Piece::End(_) => drop(within.pop()),
            Piece::Text(text) => match within.last() {
                Some(&"name") => name.clone_from(text),
                Some(&"comment") => comment.clone_from(text),
                Some(&("add_file" | "remove_file" | "modify_file")) => files.push(text.trim().to_owned()),
                _ => {}
            },
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read() {
        let printed = "<changelog>
<patch author='Bob &lt;b@h&gt;' date='20261121094959' inverted='False' hash='013d7cd6af5ad39e31c47592b4dc0e7803e031b7'>
    <name>four</name>
    <comment>Ignore-this: 9d2c51020d7360eb3d75a0dac70611
why &amp; how</comment>
    <summary>
    <move from=\"a\" to=\"a2\"/>
    <modify_file>
    a2<removed_lines num='1'/><added_lines num='1'/>
    </modify_file>
    <add_directory>
    sub
    </add_directory>
    </summary>
</patch>
</changelog>";
        let commits = parse(printed).unwrap();
        assert_eq!(commits[0].author, "Bob <b@h>");
        assert_eq!(commits[0].message, "four\nwhy & how");
        assert_eq!(commits[0].files, ["a", "a2"]);
        assert_eq!(commits[0].authored_at, model::Time::from_seconds(1_795_254_599));
        assert!(parse("<patch></patch>").is_err());
        assert_eq!(parse("<changelog>\n</changelog>").unwrap(), []);
    }

    #[test]
    fn revisions_are_hashes_or_contexts() {
        let want = |text: &str| Want {
            address: String::new(),
            branch: None,
            revision: Some(text.to_owned()),
            module: None,
            options: Vec::new(),
            begun: model::Time(0),
        };
        for good in
            ["013d7cd6af5ad39e31c47592b4dc0e7803e031b7", "013d7cd", "\nContext:\n\n[one\nann@h**20261121095010\n] "]
        {
            assert_eq!(Darcs.check(&want(good)), Ok(()), "{good}");
        }
        for bad in ["--repo=/etc", "12", "HEAD", "013d7cd6af5ad39e31c47592b4dc0e7803e031b7a"] {
            assert_eq!(Darcs.check(&want(bad)).unwrap_err().fault, Fault::Asked, "{bad}");
        }
    }
}
