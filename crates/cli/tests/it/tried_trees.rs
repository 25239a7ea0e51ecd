//! What `sluice try` finds in trees of each system: the base that others have, and a patch that makes this tree of it.

use crate::sealed::{Sealed, said};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a shell script in the place, with a name for every system.
fn shell(place: &Sealed, dir: &str, script: &str) -> String {
    let output = Command::new("sh")
        .args(["-ec", script])
        .current_dir(place.path(dir))
        .env("HOME", place.path(""))
        .env("P", place.path(""))
        .envs([("HGUSER", "ann"), ("BZR_EMAIL", "ann@example.org"), ("DARCS_EMAIL", "ann@example.org")])
        .envs([("EMAIL", "ann@example.org"), ("LC_ALL", "C.UTF-8"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
        .stderr(Stdio::inherit())
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{script}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What is tried in `dir`, as the job that would be handed in.
fn job(place: &Sealed, dir: &str, arguments: &[&str]) -> serde_json::Value {
    let mut command = place.command(&[&["try", "--dry-run", "--json"], arguments].concat());
    command.current_dir(place.path(dir));
    let out = said(command.output().expect("it starts")).passes().out;
    serde_json::from_str(&out).expect("a job")
}

/// The patch on top of a fresh copy of the base gives what the tree has.
fn fits(place: &Sealed, job: &serde_json::Value, base: &str) {
    let patch = job["patch_body"].as_str().expect("a patch");
    std::fs::write(place.path("patch"), patch).expect("written");
    let level = job["patch_level"].as_u64().expect("a level");
    shell(place, base, &format!("patch -s -p{level} --batch < $P/patch"));
    let read = |file: &str| std::fs::read_to_string(place.path(base).join(file)).expect("a file");
    assert_eq!((read("a").as_str(), read("d/new").as_str()), ("one\n2\n", "new\n"), "{patch}");
}

/// Makes files of a first revision in a directory.
const FIRST: &str = "mkdir d; printf 'one\\ntwo\\n' > a; echo b > d/b";

/// What is changed afterwards: a file, and a new one.
const CHANGE: &str = "printf 'one\\n2\\n' > a; echo new > d/new";

#[test]
fn subversion_has_a_newest_revision() {
    let place = Sealed::new();
    shell(&place, "", "svnadmin create r; svn -q co file://$P/r w");
    shell(
        &place,
        "w",
        &format!("{FIRST}; svn -q add a d; svn -q ci -m first; echo x > c; svn -q add c; svn -q ci -m second"),
    );
    shell(&place, "", "svn -q co file://$P/r fresh");
    shell(&place, "w", &format!("{CHANGE}; svn -q add d/new"));
    let job = job(&place, "w/d", &[]);
    assert_eq!((&job["baserev"], &job["patch_level"]), (&"2".into(), &0.into()));
    fits(&place, &job, "fresh");
}

#[test]
fn mercurial_has_what_is_public() {
    let place = Sealed::new();
    shell(&place, "", "hg init r");
    shell(&place, "r", &format!("{FIRST}; hg add -q; hg ci -m first"));
    let first = shell(&place, "r", "hg log -r . -T '{node}'");
    shell(&place, "", "hg clone -q r w; hg clone -q r fresh");
    // A commit that nobody has yet, and a change on top of it.
    shell(&place, "w", "echo x > c; hg add -q; hg ci -m mine");
    shell(&place, "w", &format!("{CHANGE}; hg add -q d/new"));
    let job = job(&place, "w/d", &["--vc", "hg"]);
    assert_eq!((&job["baserev"], &job["patch_level"]), (&first.into(), &1.into()));
    fits(&place, &job, "fresh");
    assert!(place.path("fresh/c").is_file(), "the commit that nobody has is in it");
}

#[test]
fn cvs_has_a_moment() {
    let place = Sealed::new();
    shell(&place, "", &format!("cvs -Q -d $P/r init; mkdir i; cd i; {FIRST}; cvs -Q -d $P/r import -m first m v r0"));
    shell(&place, "", "cvs -Q -d $P/r checkout -d w m; cvs -Q -d $P/r checkout -d fresh m");
    shell(&place, "w", &format!("{CHANGE}; cvs -Q add d/new"));
    let job = job(&place, "w/d", &[]);
    let base = job["baserev"].as_str().expect("a moment");
    assert!(base.ends_with(" +0000") && base.len() == "2026-11-21 10:00:00 +0000".len(), "{base}");
    assert_eq!(job["patch_level"], 0);
    fits(&place, &job, "fresh");
}

#[test]
fn darcs_has_a_context() {
    let place = Sealed::new();
    shell(&place, "", "mkdir r; cd r; darcs init -q");
    shell(&place, "r", &format!("{FIRST}; darcs add -q -r a d; darcs record -q -a -m first"));
    shell(&place, "", "darcs clone -q r w; darcs clone -q r fresh");
    shell(&place, "w", &format!("{CHANGE}; darcs add -q d/new"));
    let job = job(&place, "w/d", &[]);
    assert!(job["baserev"].as_str().expect("a context").contains("Context:"), "{job}");
    assert_eq!(job["patch_level"], 1);
    fits(&place, &job, "fresh");
}

#[test]
fn bazaar_has_a_revision_of_the_tree() {
    let place = Sealed::new();
    shell(&place, "", "bzr init -q r");
    shell(&place, "r", &format!("{FIRST}; bzr add -q; bzr ci -q -m first"));
    shell(&place, "", "bzr branch -q r w; bzr branch -q r fresh");
    shell(&place, "w", &format!("{CHANGE}; bzr add -q d/new"));
    let job = job(&place, "w/d", &[]);
    assert_eq!((&job["baserev"], &job["patch_level"]), (&"1".into(), &1.into()));
    fits(&place, &job, "fresh");
}

#[test]
fn git_has_what_the_branch_follows() {
    let place = Sealed::new();
    let git = "git -c user.name=Ann -c user.email=ann@example.org -c init.defaultBranch=main";
    shell(&place, "", &format!("{git} init -q r; cd r; {FIRST}; {git} add .; {git} commit -q -m first"));
    shell(&place, "", "git clone -q r w; git clone -q r fresh");
    let first = shell(&place, "r", "git rev-parse HEAD");
    // Others go on, and so do I: the base is where the two part.
    shell(&place, "r", &format!("echo y > y; {git} add y; {git} commit -q -m theirs"));
    shell(&place, "w", "git fetch -q");
    shell(
        &place,
        "w",
        &format!(
            "git checkout -q -b topic; git branch -q -u origin/main; echo x > c; git add c; {git} commit -q -m mine"
        ),
    );
    // Nobody's own taste in patches counts.
    shell(
        &place,
        "w",
        "git config diff.noprefix true; git config color.ui always; git config diff.mnemonicPrefix true",
    );
    shell(&place, "w", &format!("{CHANGE}; git add -N d/new"));
    let found = job(&place, "w/d", &[]);
    let of = |job: &serde_json::Value| [&job["branch"], &job["baserev"]].map(|v| v.as_str().unwrap_or("-").to_owned());
    assert_eq!(of(&found), ["main", &first]);
    fits(&place, &found, "fresh");
    let other = |script: &str, arguments: &[&str]| {
        shell(&place, "w", script);
        of(&job(&place, "w", arguments))
    };
    // A branch that follows nothing has the default one of the remote; another base can be named.
    assert_eq!(other("git checkout -q --no-track -b alone", &[]), ["main", &first]);
    assert_eq!(other("git checkout -q --detach", &["--branch", "main"]), ["main", &first]);
    let mine = shell(&place, "w", "git rev-parse HEAD");
    assert_eq!(other("true", &["--baserev", "HEAD"]), ["-", &mine]);
    let mut command = place.command(&["try", "--dry-run", "--branch", "no-such"]);
    said(command.current_dir(place.path("w")).output().expect("it starts")).ends(2).says("git fetch origin");
    // Without a remote nobody else has it, and the master follows it itself.
    shell(&place, "w", "git checkout -q topic; git remote remove origin");
    assert_eq!(of(&job(&place, "w", &[])), ["topic", &mine]);
}

#[test]
fn the_top_of_a_tree_is_where_its_mark_is() {
    let place = Sealed::new();
    let git = "git -c user.name=Ann -c user.email=ann@example.org";
    shell(&place, "", &format!("{git} init -q w; cd w; {FIRST}; {git} add .; {git} commit -q -m first; touch .top"));
    let refused = |dir: &Path, arguments: &[&str], says: &str| {
        let mut command = place.command(&[&["try", "--dry-run"], arguments].concat());
        said(command.current_dir(dir).output().expect("it starts")).ends(2).says(says);
    };
    assert_eq!(job(&place, "w/d", &["--topfile", ".top"])["patch_body"], "");
    assert_eq!(job(&place, "", &["--topdir", "w"])["patch_body"], "");
    refused(&place.path("w/d"), &["--topfile", ".no"], "nor any directory above it has a file .no");
    refused(&place.path("w"), &["--topdir", "nowhere"], "cannot find the top nowhere");
}
