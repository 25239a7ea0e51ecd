//! CVS, by its command line. It has no revisions of a tree: a tree is told by a branch and a moment.

use crate::commit::Commit;
use crate::date;
use crate::dirs::parent_of;
use crate::fault::{Fault, Meaning, VcsError, understand};
use crate::line::{Line, quoted};
use crate::run::{Manner, Runner};
use crate::system::{ENVIRONMENT, Heads, Look, News, System, Want, asked, garbled, told};
use model::{Span, Time};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// CVS.
pub(crate) struct Cvs;

static MANNER: Manner = Manner {
    program: "cvs",
    package: Some("cvs"),
    environment: ENVIRONMENT,
    prepare: |_, _, command| {
        command.env_remove("CVSROOT");
        if std::env::var_os("CVS_RSH").is_none() {
            command.env("CVS_RSH", "ssh");
        }
    },
    read: |complaint, repository, typed, ended| understand(&[MEANINGS, LAST], complaint, repository, typed, ended),
};

const MEANINGS: &[Meaning] = &[
    (&["no such tag"], Fault::Missing, "{} has no such branch or tag"),
    (&["cannot find module"], Fault::Missing, "{} has no such module"),
    (
        &["authorization failed", "no such user", "password file"],
        Fault::Denied,
        "{} does not let this machine in: the password belongs into the root, as in :pserver:ann:secret@host:/cvs",
    ),
    (
        &["CVSROOT: No such file or directory", "no such repository", "Cannot access", "CVSROOT path name"],
        Fault::Away,
        "there is no CVS repository at {}",
    ),
];

const LAST: &[Meaning] =
    &[(&["end of file from server", "connect to", "server aborted"], Fault::Away, "{} cannot be reached")];

/// How far back a look goes again: the files of one commit are not written at one moment.
const OVERLAP: Span = Span::seconds(300);

fn cvs(want: &Want) -> Line {
    let options = want.options.iter().filter(|o| !o.is_empty());
    Line::new(["cvs", "-f"]).all(options).and("-d").and(&want.address)
}

/// What a checkout and an update have in common: the branch and the moment.
fn source(line: Line, want: &Want) -> Result<Line, VcsError> {
    let line = match branch(want) {
        Some(branch) => line.and("-r").and(branch),
        None => line,
    };
    Ok(match moment(want)? {
        Some(at) => line.and("-D").and(date::written(at)),
        None => line,
    })
}

/// The head of all has no name of its own when a moment is asked for.
fn branch(want: &Want) -> Option<&str> {
    want.branch.as_deref().filter(|b| *b != "HEAD")
}

/// The moment that a revision is: a date, or seconds since 1970.
fn moment(want: &Want) -> Result<Option<Time>, VcsError> {
    let Some(text) = want.revision.as_deref() else { return Ok(None) };
    let seconds = want.number().filter(|n| n.len() >= 9).and_then(|n| n.parse().ok()).map(Time::from_seconds);
    match seconds.or_else(|| date::read(text)) {
        Some(at) => Ok(Some(at)),
        None => asked(format!(
            "CVS can have no revision {}; it is a moment such as 2026-11-21 09:49:59 +0000",
            quoted(text)
        )),
    }
}

fn module(want: &Want) -> Result<&str, VcsError> {
    let strange = |m: &str| {
        m.starts_with(['-', '/']) || m.chars().any(|c| c.is_control()) || m.split('/').any(|part| part == "..")
    };
    match want.module.as_deref() {
        None | Some("") => asked("the step names no module".to_owned()),
        Some(module) if strange(module) => asked(format!("{} is not the name of a module", quoted(module))),
        Some(module) => Ok(module),
    }
}

impl System for Cvs {
    fn manner(&self) -> &'static Manner {
        &MANNER
    }

    fn admin(&self) -> &'static str {
        "CVS"
    }

    fn check(&self, want: &Want) -> Result<(), VcsError> {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let is_tag = |b: &str| b.starts_with(|c: char| c.is_ascii_alphabetic()) && b.chars().all(fine);
        if let Some(branch) = want.branch.as_ref().filter(|b| !is_tag(b)) {
            return asked(format!("CVS can have no branch {}", quoted(branch)));
        }
        module(want)?;
        moment(want).map(drop)
    }

    fn fresh(&self, run: &Runner, want: &Want, dir: &Path) -> Result<(), VcsError> {
        let name = dir.file_name().unwrap_or_default();
        let line = source(cvs(want).all(["checkout", "-P"]), want)?.and("-d").and(name);
        run.act(&parent_of(dir)?, &line.and("--").and(module(want)?))
    }

    fn refresh(&self, run: &Runner, want: &Want, dir: &Path) -> Result<(), VcsError> {
        let of = |file: &str| fs::read_to_string(dir.join("CVS").join(file)).unwrap_or_default().trim().to_owned();
        let (root, repository, module) = (of("Root"), of("Repository"), module(want)?);
        if root != want.address || repository != module && !repository.ends_with(&format!("/{module}")) {
            return Err(VcsError::new(Fault::Other, "the tree is of another module"));
        }
        run.act(dir, &source(cvs(want).all(["update", "-d", "-P", "-C", "-A"]), want)?)
    }

    fn at(&self, _: &Runner, want: &Want, _: &Path) -> Result<String, VcsError> {
        Ok(date::written(moment(want)?.unwrap_or(want.begun)))
    }

    fn news(&self, look: &Look<'_>) -> Result<News, VcsError> {
        let want = Want {
            address: look.repository.to_owned(),
            branch: None,
            revision: None,
            module: look.module.map(str::to_owned),
            options: Vec::new(),
            begun: look.now,
        };
        let moment = |at: &String| at.parse().ok().map(Time::from_seconds);
        let since = look.before.and_then(|heads| heads.values().filter_map(moment).max()).unwrap_or(look.now);
        let window = format!("{}<", date::written(since - OVERLAP));
        let line = cvs(&want).all(["rlog", "-S", "-d"]).and(window).and("--").and(module(&want)?);
        let printed = told(look.run, Path::new("/"), &line)?;
        let prefix = root_of(look.repository);
        let groups = parse(&printed, &format!("{prefix}/{}", module(&want)?)).map_err(|why| garbled("cvs", &why))?;
        let known = |key: &String| look.before.is_some_and(|b| b.contains_key(key)) || look.gone.contains_key(key);
        let mut heads = Heads::from([(String::new(), since.as_seconds().to_string())]);
        let mut commits = Vec::new();
        for (key, group) in groups {
            heads.insert(key.clone(), group.at.as_seconds().to_string());
            if look.before.is_some() && !known(&key) {
                let revision = date::written(group.at);
                commits
                    .push((group.branch, Commit::by(&group.author, group.at, revision, &group.message, group.files)));
            }
        }
        commits.sort_by_key(|(_, c)| c.authored_at);
        Ok(News { heads, commits, notes: Vec::new() })
    }
}

/// The directory in a root: what stands behind the last colon, or all of it.
fn root_of(root: &str) -> &str {
    let at = root.find('/').unwrap_or(0);
    root[at..].trim_end_matches('/')
}

/// Files that were committed together.
#[derive(Debug, PartialEq, Eq)]
struct Group {
    branch: Option<String>,
    author: String,
    at: Time,
    message: String,
    files: Vec<String>,
}

/// Reads `cvs rlog`, and puts together what has the same commit and the same branch: `top` is where the module's files
/// begin. The name of each group is its commit's id and its branch.
fn parse(printed: &str, top: &str) -> Result<BTreeMap<String, Group>, String> {
    let mut out = BTreeMap::new();
    let line_of = |c: char, n: usize| c.to_string().repeat(n);
    let (between, end) = (line_of('-', 28), line_of('=', 77));
    let mut file = String::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut in_names = false;
    let mut lines = printed.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(path) = line.strip_prefix("RCS file: ") {
            file = name_of(path, top);
            names.clear();
        } else if line == "symbolic names:" {
            in_names = true;
        } else if let Some((name, number)) =
            line.strip_prefix('\t').filter(|_| in_names).and_then(|l| l.split_once(": "))
        {
            names.insert(number.trim().replace(".0.", "."), name.to_owned());
        } else if line == between {
            in_names = false;
            let mut record = Vec::new();
            while let Some(next) = lines.next_if(|l| *l != between && *l != end) {
                record.push(next);
            }
            add(&mut out, &record, &file, &names)?;
        } else {
            in_names = false;
        }
    }
    Ok(out)
}

fn name_of(path: &str, top: &str) -> String {
    let path = path.strip_suffix(",v").unwrap_or(path);
    let path = path.strip_prefix(top).unwrap_or(path).trim_start_matches('/');
    path.replace("Attic/", "")
}

/// Takes in one revision of one file.
fn add(
    out: &mut BTreeMap<String, Group>,
    record: &[&str],
    file: &str,
    names: &BTreeMap<String, String>,
) -> Result<(), String> {
    let [number, facts, message @ ..] = record else { return Err(format!("a revision of {file} breaks off")) };
    let number = number.strip_prefix("revision ").ok_or_else(|| format!("a revision of {file} has no number"))?;
    let number = number.split_whitespace().next().unwrap_or("");
    let fact = |name: &str| facts.split(';').find_map(|f| f.trim().strip_prefix(name)?.strip_prefix(": "));
    let at = fact("date").and_then(date::read).ok_or_else(|| format!("a revision of {file} has no date"))?;
    let message: Vec<&str> = message.iter().filter(|l| !l.starts_with("branches:")).copied().collect();
    let message = message.join("\n");
    let on = number.rsplit_once('.').map_or("", |(branch, _)| branch);
    let is_branch = on.contains('.');
    let branch = match (is_branch, names.get(on)) {
        (false, _) => None,
        (true, Some(name)) => Some(name.clone()),
        // A vendor's branch, or one whose name is gone: nobody could check it out.
        (true, None) => return Ok(()),
    };
    // What begins on a branch is dead on the trunk at once, and nothing happened there.
    if branch.is_none() && fact("state") == Some("dead") && message.contains("was initially added on branch") {
        return Ok(());
    }
    let author = fact("author").unwrap_or("").to_owned();
    let commit =
        fact("commitid").map_or_else(|| format!("{author} {} {message}", at.as_seconds() / 300), str::to_owned);
    let key = format!("{commit} {}", branch.as_deref().unwrap_or(""));
    let key: String = key.chars().take(200).collect();
    let group = out.entry(key).or_insert_with(|| Group { branch, author, at, message, files: Vec::new() });
    group.at = group.at.max(at);
    group.files.push(file.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "
RCS file: /cvs/mod/a.c,v
head: 1.2
branch:
locks: strict
access list:
symbolic names:
\tbr: 1.2.0.2
\trel: 1.1.1.1
keyword substitution: kv
total revisions: 4;\tselected revisions: 2
description:
----------------------------
revision 1.2
date: 2026-11-21 09:49:57 +0000;  author: ann;  state: Exp;  lines: +1 -1;  commitid: C1;
branches:  1.2.2;
second
line two
----------------------------
revision 1.2.2.1
date: 2026-11-21 09:50:00 +0000;  author: ann;  state: Exp;  lines: +1 -1;  commitid: C2;
on branch
=============================================================================

RCS file: /cvs/mod/sub/Attic/b,v
symbolic names:
\tbr: 1.1.0.2
description:
----------------------------
revision 1.1
date: 2026-11-21 09:50:00 +0000;  author: ann;  state: dead;  commitid: C2;
branches:  1.1.2;
file b was initially added on branch br.
----------------------------
revision 1.1.2.1
date: 2026-11-21 09:50:01 +0000;  author: ann;  state: Exp;  lines: +1 -0;  commitid: C2;
on branch
=============================================================================
";

    #[test]
    fn files_that_were_committed_together_are_one_change() {
        let groups = parse(LOG, "/cvs/mod").unwrap();
        let short: Vec<_> = groups.iter().map(|(k, g)| (k.as_str(), g.branch.as_deref(), g.files.join(" "))).collect();
        assert_eq!(short, [("C1 ", None, "a.c".to_owned()), ("C2 br", Some("br"), "a.c sub/b".to_owned())]);
        assert_eq!(groups["C1 "].message, "second\nline two");
        assert_eq!(groups["C2 br"].at, Time::from_seconds(1_795_254_601));
        let cut = LOG.find("date:").unwrap();
        assert!(parse(&LOG[..cut], "/cvs/mod").is_err());
        assert_eq!(root_of(":pserver:ann@h:/cvs/"), "/cvs");
    }

    #[test]
    fn what_cvs_can_have_is_told_from_what_it_cannot() {
        let want = |branch: Option<&str>, revision: Option<&str>, module: Option<&str>| Want {
            address: "/cvs".to_owned(),
            branch: branch.map(str::to_owned),
            revision: revision.map(str::to_owned),
            module: module.map(str::to_owned),
            options: Vec::new(),
            begun: Time(0),
        };
        for (branch, revision, module) in [
            (None, None, Some("mod/sub")),
            (Some("HEAD"), Some("1795254599"), Some("m")),
            (Some("rel-1_2"), Some("2026-11-21 09:49:59 +0000"), Some("m")),
        ] {
            assert_eq!(Cvs.check(&want(branch, revision, module)), Ok(()));
        }
        for (branch, revision, module) in [
            (Some("-D"), None, Some("m")),
            (Some("a b"), None, Some("m")),
            (None, Some("yesterday"), Some("m")),
            (None, Some("1.2"), Some("m")),
            (None, None, None),
            (None, None, Some("-x")),
            (None, None, Some("../CVSROOT")),
        ] {
            assert_eq!(Cvs.check(&want(branch, revision, module)).unwrap_err().fault, Fault::Asked);
        }
        let line = source(
            cvs(&want(Some("br"), Some("1795254599"), Some("m"))).and("update"),
            &want(Some("br"), Some("1795254599"), Some("m")),
        );
        assert_eq!(line.unwrap().typed(), "cvs -f -d /cvs update -r br -D '2026-11-21 09:49:59 +0000'");
    }
}
