//! Change sources as the configuration has them.

use crate::{Place, Span, Vcs};
use serde::{Deserialize, Serialize};

/// Where changes come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeSourceSpec {
    /// Looks at a git repository now and then.
    GitPoller(GitPollerSpec),
    /// Looks at a repository of another system now and then.
    VcsPoller(VcsPollerSpec),
}

impl ChangeSourceSpec {
    /// Its unique name: what its memory is kept under.
    pub fn name(&self) -> &str {
        match self {
            ChangeSourceSpec::GitPoller(spec) => &spec.name,
            ChangeSourceSpec::VcsPoller(spec) => &spec.name,
        }
    }
}

/// Whether git takes this for the name of a branch. The rules are those of `git help check-ref-format`, and at most 500
/// bytes.
pub fn is_git_branch(text: &str) -> bool {
    let bad_char = |c: char| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\');
    let bad_part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    let bad = text.is_empty()
        || text.len() > 500
        || text.starts_with('-')
        || text.ends_with('.')
        || text.contains("..")
        || text.contains("@{")
        || text.chars().any(bad_char)
        || text.split('/').any(bad_part);
    !bad
}

/// Looks at a git repository now and then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitPollerSpec {
    /// Its unique name; the repository's address unless told otherwise.
    pub name: String,
    /// Where to look.
    pub repository: String,
    /// Branches to follow; empty is all of them.
    pub branches: Vec<String>,
    /// How often.
    pub every: Span,
    /// What its changes carry as project.
    pub project: String,
    /// What its changes carry as category.
    pub category: Option<String>,
    /// What its changes carry as codebase.
    pub codebase: String,
    /// The heads that are there at the very first look are changes too. Otherwise only what comes after it.
    pub build_existing: bool,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

/// Looks at a repository of a system other than git now and then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VcsPollerSpec {
    /// Its unique name; the repository's address unless told otherwise.
    pub name: String,
    /// The system.
    pub vcs: Vcs,
    /// Where to look.
    pub repository: String,
    /// The part of the repository; CVS alone has it, and must.
    pub module: Option<String>,
    /// Branches to follow. Mercurial: their names, and empty is all of them. Subversion: the directories that are
    /// branches, with `*` for one whole part of a path, and empty when there are none. Nothing else has any.
    pub branches: Vec<String>,
    /// What changes carry as branch where the system does not tell one.
    pub branch: Option<String>,
    /// How often.
    pub every: Span,
    /// What its changes carry as project.
    pub project: String,
    /// What its changes carry as category.
    pub category: Option<String>,
    /// What its changes carry as codebase.
    pub codebase: String,
    /// The newest of each branch at the very first look is a change too. Otherwise only what comes after it.
    pub build_existing: bool,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

/// Stars out what stands for a password in every address of `text`: all before the `@` for http, what follows the
/// user's name for others.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c == '/' || c == '\'' || c == '"' || c.is_whitespace()).unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) if before.ends_with("http://") || before.ends_with("https://") => {
                out.push_str("***@");
                out.push_str(host);
            }
            Some((user, host)) => {
                out.push_str(user.split(':').next().unwrap_or(""));
                out.push_str(if user.contains(':') { ":***@" } else { "@" });
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = tail;
    }
    out.push_str(rest);
    hide_in_roots(&out)
}

/// The same for the roots of CVS: `:pserver:ann:secret@host:/cvs`.
fn hide_in_roots(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(":pserver:") {
        let (before, after) = rest.split_at(at + ":pserver:".len());
        out.push_str(before);
        let end = after.find(['/', '\'', ' ', '\n']).unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@').and_then(|(who, host)| Some((who.split_once(':')?.0, host))) {
            Some((user, host)) => out.push_str(&format!("{user}:***@{host}")),
            None => out.push_str(authority),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_starred_out() {
        let cases = [
            ("https://ann:s3cret@example.org/z", "https://***@example.org/z"),
            ("fatal: 'https://t0ken@h/z' and ssh://git@h/z", "fatal: 'https://***@h/z' and ssh://git@h/z"),
            ("ssh://git:pw@h:22/z", "ssh://git:***@h:22/z"),
            ("https://h/a@b", "https://h/a@b"),
            ("git@h:z and file:///z", "git@h:z and file:///z"),
            ("http://a@b@h", "http://***@h"),
            ("cvs -d :pserver:ann:pw@h:/cvs x", "cvs -d :pserver:ann:***@h:/cvs x"),
            (":pserver:ann@h:/cvs", ":pserver:ann@h:/cvs"),
        ];
        for (given, starred) in cases {
            assert_eq!(shown(given), starred);
        }
    }
}
