//! Mercurial, by its command line.

use crate::commit::Commit;
use crate::dirs::{beside, parent_of, remove};
use crate::fault::{Fault, Meaning, VcsError, understand};
use crate::git::is_ssh;
use crate::line::{Line, hide_passwords, quoted};
use crate::run::{Manner, Runner};
use crate::system::{ENVIRONMENT, Heads, Look, MOST_AT_ONCE, News, System, Want, asked, garbled, told};
use model::Time;
use std::fs;
use std::path::Path;

/// Mercurial.
pub(crate) struct Mercurial;

static MANNER: Manner = Manner {
    program: "hg",
    package: Some("mercurial"),
    environment: ENVIRONMENT,
    prepare: |_, _, command| {
        // A hook that starts Sluice has them set.
        for name in ["HG_NODE", "HG_PENDING", "HG_URL"] {
            command.env_remove(name);
        }
    },
    read: |complaint, repository, typed, ended| understand(&[MEANINGS], complaint, repository, typed, ended),
};

const MEANINGS: &[Meaning] = &[
    (
        &["abort: unknown revision", "abort: unknown branch", "abort: empty query"],
        Fault::Missing,
        "{} has no such revision",
    ),
    (
        &[
            "authorization failed",
            "HTTP Error 401",
            "HTTP Error 403",
            "authentication failed",
            "http authorization required",
        ],
        Fault::Denied,
        "{} does not let this machine in: hg here has no user name and password or key for it",
    ),
    (
        &["HTTP Error 404", " not found", "does not appear to be an hg repository", "no suitable response from remote"],
        Fault::Away,
        "there is no Mercurial repository at {} that can be reached",
    ),
    (&["HTTP Error 5", "HTTP Error 429"], Fault::Away, "{}: its host is not able to answer now"),
];

fn hg(verb: &str, options: &[String]) -> Line {
    Line::new(["hg", "--noninteractive"]).all(options).and(verb)
}

/// A line that asks another machine, which must not ask back.
fn remote(verb: &str, want: &str, options: &[String]) -> Line {
    let line = hg(verb, options);
    if is_ssh(want) { line.and("--ssh=ssh -o BatchMode=yes") } else { line }
}

/// A name as an expression that means nothing but the name.
fn named(name: &str) -> String {
    format!("\"{name}\"")
}

/// Text that can be the name of a branch, a tag or a revision: nothing that could end the quotes around it.
fn is_name(text: &str) -> bool {
    let fits = !text.is_empty() && text.len() <= 1024 && text.trim() == text;
    fits && !matches!(text, "." | "null") && !text.chars().any(|c| c.is_control() || matches!(c, '"' | '\\' | ':'))
}

fn is_hash(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The hash of what a name stands for in the repository at `dir`; `None` if there is no such thing.
fn resolve(run: &Runner, dir: &Path, name: &str) -> Result<Option<String>, VcsError> {
    let line = hg("log", &[]).all(["--limit=1", "--template={node}"]).and(format!("--rev={}", named(name)));
    match run.ask_line(dir, &line) {
        Ok(node) if is_hash(&node) && node.bytes().any(|b| b != b'0') => Ok(Some(node)),
        Ok(_) => Ok(None),
        Err(e) if e.fault == Fault::Missing => Ok(None),
        Err(e) => Err(e),
    }
}

/// The hash that is wanted, of a repository that has been pulled.
fn wanted(run: &Runner, want: &Want, dir: &Path) -> Result<String, VcsError> {
    let shown = hide_passwords(&want.address);
    if let Some(name) = &want.revision {
        let found = resolve(run, dir, name)?;
        return found.ok_or_else(|| VcsError::new(Fault::Missing, format!("{shown} has no revision {}", quoted(name))));
    }
    if let Some(name) = &want.branch {
        let found = resolve(run, dir, name)?;
        return found.ok_or_else(|| VcsError::new(Fault::Missing, format!("{shown} has no branch {}", quoted(name))));
    }
    match resolve(run, dir, "default")? {
        Some(node) => Ok(node),
        None => {
            resolve(run, dir, "tip")?.ok_or_else(|| VcsError::new(Fault::Empty, format!("{shown} has no commit yet")))
        }
    }
}

fn update(run: &Runner, want: &Want, dir: &Path) -> Result<(), VcsError> {
    let node = wanted(run, want, dir)?;
    run.act(dir, &hg("update", &want.options).all(["--clean"]).and(format!("--rev={node}")))
}

impl System for Mercurial {
    fn manner(&self) -> &'static Manner {
        &MANNER
    }

    fn admin(&self) -> &'static str {
        ".hg"
    }

    fn check(&self, want: &Want) -> Result<(), VcsError> {
        for (what, name) in [("branch", &want.branch), ("revision", &want.revision)] {
            if let Some(name) = name.as_ref().filter(|n| !is_name(n)) {
                return asked(format!("Mercurial can have no {what} {}", quoted(name)));
            }
        }
        Ok(())
    }

    fn fresh(&self, run: &Runner, want: &Want, dir: &Path) -> Result<(), VcsError> {
        let line = remote("clone", &want.address, &want.options).and("--noupdate").and("--").and(&want.address);
        run.act(&parent_of(dir)?, &line.and(dir))?;
        update(run, want, dir)
    }

    fn refresh(&self, run: &Runner, want: &Want, dir: &Path) -> Result<(), VcsError> {
        let exact = want.revision.as_deref().filter(|r| is_hash(r));
        let there = exact.map(|r| resolve(run, dir, r)).transpose()?.flatten().is_some();
        if !there {
            let line = remote("pull", &want.address, &want.options).and("--").and(&want.address);
            run.act(dir, &line)?;
        }
        update(run, want, dir)
    }

    fn at(&self, run: &Runner, _: &Want, dir: &Path) -> Result<String, VcsError> {
        let node = run.ask_line(dir, &hg("log", &[]).all(["--rev=.", "--template={node}"]))?;
        if is_hash(&node) { Ok(node) } else { Err(garbled("hg", "it names no revision")) }
    }

    fn news(&self, look: &Look<'_>) -> Result<News, VcsError> {
        let mirror = look.dir.join("mirror");
        pull(look, &mirror)?;
        let line = hg("log", &[]).and("--rev=heads(all())").and("--template={branch}\\0{node}\\n");
        let listed = told(look.run, &mirror, &line)?;
        let followed = |branch: &str| look.branches.is_empty() || look.branches.iter().any(|b| b == branch);
        let mut heads = Heads::new();
        for (branch, node) in listed.lines().filter_map(|l| l.split_once('\0')) {
            if followed(branch) && is_hash(node) {
                let all = heads.entry(branch.to_owned()).or_default();
                all.push_str(if all.is_empty() { "" } else { " " });
                all.push_str(node);
            }
        }
        let nodes = |heads: &Heads| -> Vec<String> {
            heads.values().flat_map(|v| v.split(' ')).filter(|n| is_hash(n)).map(str::to_owned).collect()
        };
        let revisions = match look.before {
            None => nodes(&heads).iter().map(|n| format!("present({n})")).collect::<Vec<_>>().join(" + "),
            Some(before) if *before == heads => return Ok(News { heads, ..News::default() }),
            Some(before) => {
                let known = nodes(before).into_iter().chain(nodes(look.gone));
                let known: Vec<String> = known.map(|n| format!("present({n})")).collect();
                let known = if known.is_empty() { "none()".to_owned() } else { known.join(" + ") };
                format!("last(sort(all() - ::({known}), rev), {MOST_AT_ONCE})")
            }
        };
        if revisions.is_empty() {
            return Ok(News { heads, ..News::default() });
        }
        let template = "{node}\\0{author}\\0{date|hgdate}\\0{branch}\\0{desc}\\0{files % \"{file}\\0\"}\\1\\0";
        let line = hg("log", &[]).and(format!("--rev=sort({revisions}, rev)")).and(format!("--template={template}"));
        let printed = told(look.run, &mirror, &line)?;
        let mut commits = parse(&printed).map_err(|why| garbled("hg", &why))?;
        commits.retain(|(branch, _)| followed(branch));
        let notes = match look.before.is_some() && commits.len() >= MOST_AT_ONCE {
            true => vec![format!("only the newest {MOST_AT_ONCE} commits are told")],
            false => Vec::new(),
        };
        Ok(News { heads, commits: commits.into_iter().map(|(b, c)| (Some(b), c)).collect(), notes })
    }
}

/// Brings the mirror up to date; makes it when there is none, or when it is of no use.
fn pull(look: &Look<'_>, mirror: &Path) -> Result<(), VcsError> {
    if mirror.join(".hg").is_dir() {
        let line = remote("pull", look.repository, &[]).and("--").and(look.repository);
        match look.run.act(mirror, &line) {
            Err(e) if e.fault == Fault::Other => remove(mirror)?,
            other => return other,
        }
    }
    fs::create_dir_all(look.dir).map_err(|e| VcsError::machine("cannot make the directory", look.dir, &e))?;
    let new = beside(mirror, ".new");
    remove(&new)?;
    let line = remote("clone", look.repository, &[]).and("--noupdate").and("--").and(look.repository).and(&new);
    look.run.act(look.dir, &line)?;
    fs::rename(&new, mirror).map_err(|e| VcsError::machine("cannot make", mirror, &e))
}

/// Reads what the template of [`Mercurial::news`] prints: fields ended by NUL, files too, and a byte 1 behind them.
fn parse(printed: &str) -> Result<Vec<(String, Commit)>, String> {
    let mut fields = printed.split('\0');
    let mut out = Vec::new();
    while let Some(node) = fields.next().filter(|f| !f.is_empty()) {
        if !is_hash(node) {
            return Err(format!("it is no commit after {} of them", out.len()));
        }
        let mut next = || fields.next().ok_or_else(|| format!("it breaks off in the commit {node}"));
        let (author, date, branch, message) = (next()?, next()?, next()?, next()?);
        let seconds = date.split(' ').next().and_then(|s| s.parse().ok()).unwrap_or(0);
        let mut files = Vec::new();
        loop {
            match next()? {
                "\x01" => break,
                file => files.push(file.to_owned()),
            }
        }
        let commit = Commit::by(author, Time::from_seconds(seconds), node.to_owned(), message, files);
        out.push((branch.to_owned(), commit));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn records_are_read() {
        let printed =
            format!("{A}\0Ann <a@h>\0100 0\0topic x\0one\ntwo\0a b\0c\0\x01\0{A}\0b\0-5 3600\0default\0\0\x01\0");
        let read = parse(&printed).unwrap();
        assert_eq!(
            (read[0].0.as_str(), read[0].1.files.as_slice()),
            ("topic x", &["a b".to_owned(), "c".to_owned()][..])
        );
        assert_eq!((read[0].1.message.as_str(), read[0].1.authored_at), ("one\ntwo", Time::from_seconds(100)));
        assert!(read[1].1.files.is_empty());
        for end in [10, 45, 70] {
            assert!(parse(&printed[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn names_cannot_become_expressions() {
        for good in ["default", "topic x", "v1.0", "all()", "-x", "größe"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "null", "a\" or all() or \"", "a\\", "0:tip", "a\nb", " a"] {
            assert!(!is_name(bad), "{bad:?}");
        }
        assert_eq!(named("all()"), "\"all()\"");
    }
}
