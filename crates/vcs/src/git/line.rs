//! Git command lines and the settings they run with. Pure.

pub(crate) use crate::line::{Line, hide_passwords, quoted};
use std::path::Path;

/// Settings of every git that runs here, before anything that a machine's own configuration says.
/// Nothing may ask at a terminal, run in the background, run a hook, or change the form of what is parsed.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("advice.detachedHead", "false"),
    ("color.ui", "false"),
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("credential.interactive", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("gc.auto", "0"),
    ("init.defaultBranch", "main"),
    ("init.templateDir", ""),
    ("log.showRoot", "true"),
    ("log.showSignature", "false"),
    ("maintenance.auto", "false"),
    // Submodules of repositories on this machine are as welcome as the repositories themselves.
    ("protocol.file.allow", "always"),
    ("safe.bareRepository", "all"),
    // Whose files a repository on this machine are is the administrator's business, not the build's.
    ("safe.directory", "*"),
    ("submodule.recurse", "false"),
];

/// Environment of every git that runs here. A commit is what its name says: whoever can write into a repository could
/// have another one taken for it, or have it descend from another one. (Of a file of grafts that is there git complains.)
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_GRAFT_FILE", "/dev/null/none"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", "true"),
    ("SSH_ASKPASS", "true"),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("GIT_EDITOR", "true"),
    ("GIT_PAGER", "cat"),
    ("LC_ALL", "C"),
    ("LANGUAGE", "C"),
];

/// Variables that would lead git to another repository than the one meant; a hook that starts Sluice has them set.
pub(crate) const UNSET: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_INDEX_FILE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// All branches and tags of a repository, into a mirror of it.
const ALL: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

use crate::line::SERVED_TO_ALL;

/// Where the head of `HEAD` and of these branches or tags is.
pub(crate) fn ls_remote(repository: &str, names: &[String]) -> Line {
    from_repository(Line::git(["ls-remote"]), repository).all(names)
}

/// Where `HEAD` is, and which branch it names.
pub(crate) fn ls_remote_symbolic(repository: &str) -> Line {
    from_repository(Line::git(["ls-remote", "--symref"]), repository).and("HEAD")
}

/// Where all branches are.
pub(crate) fn ls_remote_heads(repository: &str) -> Line {
    from_repository(Line::git(["ls-remote", "--heads"]), repository)
}

/// Everything that a mirror lacks.
pub(crate) fn fetch_all(repository: &str) -> Line {
    from_repository(fetch(repository, &["--prune"]), repository).all(ALL)
}

/// The last commits of one branch or tag, into a shallow mirror.
pub(crate) fn fetch_shallow(repository: &str, refname: &str, depth: u32) -> Line {
    from_repository(fetch(repository, &[&format!("--depth={depth}")]), repository).and(format!("+{refname}:{refname}"))
}

/// One commit by its hash, whatever stands on it.
pub(crate) fn fetch_hash(repository: &str, hash: &str, depth: Option<u32>) -> Line {
    let depth = depth.map(|d| format!("--depth={d}"));
    let options: Vec<&str> = depth.iter().map(String::as_str).collect();
    from_repository(fetch(repository, &options), repository).and(hash)
}

/// All of the history that a shallow mirror lacks.
pub(crate) fn fetch_rest(repository: &str) -> Line {
    from_repository(fetch(repository, &["--unshallow"]), repository).all(ALL)
}

/// What standard input names.
pub(crate) fn fetch_listed(repository: &str) -> Line {
    from_repository(fetch(repository, &["--no-tags", "--quiet", "--stdin"]), repository)
}

/// What a tree lacks, from the mirror on the same machine.
pub(crate) fn fetch_from_mirror(mirror: &Path) -> Line {
    Line::git(["fetch", "--quiet", "--force", "--prune", "--update-shallow", "--"])
        .and(mirror)
        .all(["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"])
}

/// A new tree from the mirror, without files as yet.
pub(crate) fn clone_from_mirror(mirror: &Path, tree: &Path) -> Line {
    Line::git(["clone", "--quiet", "--no-checkout", "--"]).and(mirror).and(tree)
}

fn fetch(repository: &str, options: &[&str]) -> Line {
    let line = Line::git(["fetch", "--force", "--progress"]).all(options);
    // A clone on this machine may itself be a shallow one.
    let shallow = is_local(repository) && !repository.ends_with(".bundle");
    if shallow { line.and("--update-shallow") } else { line }
}

/// Ends the options.
fn from_repository(line: Line, repository: &str) -> Line {
    let served = is_local(repository) && !repository.ends_with(".bundle");
    let line = if served { line.and(SERVED_TO_ALL) } else { line };
    line.and("--").and(repository)
}

/// A path or a `file:` URL.
pub(crate) fn is_local(repository: &str) -> bool {
    repository.starts_with('/') || repository.starts_with("file://")
}

/// Reached by ssh: `ssh://…` or `host:path`.
pub(crate) fn is_ssh(repository: &str) -> bool {
    match repository.split_once("://") {
        Some((scheme, _)) => scheme.contains("ssh"),
        None => !is_local(repository) && host_and_path(repository),
    }
}

/// `host:path`: a colon before the first slash.
fn host_and_path(repository: &str) -> bool {
    repository.split('/').next().is_some_and(|first| first.contains(':'))
}

/// What is wrong with the address of a repository, if anything.
pub(crate) fn address_fault(repository: &str) -> Option<String> {
    if repository.is_empty() {
        return Some("the step names no repository".to_owned());
    }
    if repository.starts_with('-') || repository.bytes().any(|b| b < b' ') {
        return Some(format!("{} is not the address of a repository", quoted(repository)));
    }
    if !repository.contains("://") && !repository.starts_with('/') && !host_and_path(repository) {
        return Some(format!(
            "the repository {} is a relative path; a worker needs a URL or an absolute path",
            quoted(repository)
        ));
    }
    None
}

/// A full hash: 40 or 64 hexadecimal digits.
pub(crate) fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_as_typed() {
        let url = "https://example.org/z.git";
        let hash = "d201f04c72b0881220f5ba75ca19fd0e19fa848b";
        let cases = [
            (ls_remote(url, &["HEAD".to_owned()]), "git ls-remote -- https://example.org/z.git HEAD"),
            (ls_remote_heads("/srv/z"), "git ls-remote --heads -- /srv/z"),
            (
                fetch_all(url),
                "git fetch --force --progress --prune -- \
                 https://example.org/z.git +refs/heads/*:refs/heads/* +refs/tags/*:refs/tags/*",
            ),
            (
                fetch_shallow(url, "refs/heads/-x", 3),
                "git fetch --force --progress --depth=3 -- \
                 https://example.org/z.git +refs/heads/-x:refs/heads/-x",
            ),
            (
                fetch_hash(url, hash, None),
                "git fetch --force --progress -- \
                 https://example.org/z.git d201f04c72b0881220f5ba75ca19fd0e19fa848b",
            ),
            (
                fetch_hash("/srv/z", hash, Some(1)),
                "git fetch --force --progress --depth=1 --update-shallow -- \
                 /srv/z d201f04c72b0881220f5ba75ca19fd0e19fa848b",
            ),
            (
                clone_from_mirror(Path::new("/m/z.git"), Path::new("/w/it's a b")),
                r"git clone --quiet --no-checkout -- /m/z.git '/w/it'\''s a b'",
            ),
            (Line::git(["add", "a\nb", ""]), r"git add $'a\nb' ''"),
        ];
        for (line, typed) in cases {
            assert_eq!(line.typed(), typed);
        }
    }

    #[test]
    fn addresses_are_told_apart() {
        for (address, local, ssh, faulty) in [
            ("/srv/z", true, false, false),
            ("file:///srv/z", true, false, false),
            ("https://h/z", false, false, false),
            ("git@h:z", false, true, false),
            ("git+ssh://h/z", false, true, false),
            ("../z", false, false, true),
            ("z", false, false, true),
            ("", false, false, true),
            ("--upload-pack=rm", false, false, true),
            ("/a\nb", true, false, true),
        ] {
            assert_eq!((is_local(address), is_ssh(address)), (local, ssh), "{address:?}");
            assert_eq!(address_fault(address).is_some(), faulty, "{address:?}");
        }
    }

    #[test]
    fn hashes_are_full_ones() {
        assert!(is_hash("d201f04c72b0881220f5ba75ca19fd0e19fa848b"));
        assert!(!is_hash("d201f04"));
        assert!(!is_hash("g201f04c72b0881220f5ba75ca19fd0e19fa848b"));
    }
}
