//! The project of `sluice up --demo`: a small C library with a dozen commits of history, made on the spot.

mod story;

use crate::git;
use model::{BuilderSpec, CommandLine, GitMode, GitSpec, ShellSpec, Span, StepAction, StepFlags, StepSpec, Time};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The branch that everything happens on.
const BRANCH: &str = "main";

/// The demo's repository and what happens in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demo {
    /// A bare repository.
    pub repository: PathBuf,
    /// The branch that everything happens on.
    pub branch: String,
    /// Its commits, oldest first. The branch points at the first one until [`Demo::advance`].
    pub revisions: Vec<String>,
}

/// The demo could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the demo's repository cannot be made: {0}")]
pub struct DemoError(String);

/// Makes the repository in `dir` (which must not exist, or be empty), with dates that end shortly before `now`.
/// Everything else is the same each time.
///
/// # Errors
/// Git is missing, or `dir` cannot be written.
pub fn create(dir: &Path, now: Time) -> Result<Demo, DemoError> {
    let story = story::tell().map_err(DemoError)?;
    let failed = |e: git::GitError| DemoError(e.to_string());
    git::init_bare(dir, BRANCH).map_err(failed)?;
    git::import(dir, stream(&story, now).as_bytes()).map_err(failed)?;
    let mut revisions = Vec::with_capacity(story.len());
    for number in 1..=story.len() {
        revisions.push(git::resolve(dir, &format!("refs/demo/{number}")).map_err(failed)?);
    }
    let demo = Demo { repository: dir.to_path_buf(), branch: BRANCH.to_owned(), revisions };
    demo.advance(0)?;
    Ok(demo)
}

impl Demo {
    /// Moves the branch on to the commit of this number in [`Demo::revisions`], as a push would.
    ///
    /// # Errors
    /// There is no such commit, or the repository cannot be written.
    pub fn advance(&self, to: usize) -> Result<(), DemoError> {
        let revision = self.revisions.get(to).ok_or_else(|| DemoError(format!("there is no commit {to} in it")))?;
        git::point(&self.repository, &self.branch, revision).map_err(|e| DemoError(e.to_string()))
    }
}

/// The story for `git fast-import`: each commit gets a reference `refs/demo/NUMBER`, from 1.
fn stream(story: &[(&story::Chapter, story::Files)], now: Time) -> String {
    let mut out = String::new();
    for (i, (chapter, files)) in story.iter().enumerate() {
        let date = now.as_seconds() - chapter.ago * 60;
        let who = story::PEOPLE.get(chapter.author).copied().unwrap_or_default();
        // Writing into a text cannot fail.
        let _ = write!(
            out,
            "commit refs/demo/{}\nmark :{}\nauthor {who} {date} +0000\ncommitter {who} {date} +0000\n",
            i + 1,
            i + 1
        );
        data(&mut out, chapter.message);
        if i > 0 {
            let _ = writeln!(out, "from :{i}");
        }
        out.push_str("deleteall\n");
        for (name, text) in files {
            let mode = if story::is_script(name) { "100755" } else { "100644" };
            let _ = writeln!(out, "M {mode} inline {name}");
            data(&mut out, text);
        }
    }
    out
}

fn data(out: &mut String, text: &str) {
    // Writing into a text cannot fail.
    let _ = writeln!(out, "data {}\n{text}", text.len());
}

/// The two builders of the demo, which run on the worker of this name: `linux` builds and tests in a second, `soak` runs
/// the slow test.
pub fn builders(repository: &str, worker: &str) -> Vec<BuilderSpec> {
    let build = [
        step("git", StepFlags::HALTING, StepAction::Git(checkout(repository))),
        command("configure", StepFlags::HALTING, &["./configure"]),
        command("compile", StepFlags::HALTING, &["make", "all"]),
    ];
    let with_test = |target: &str| {
        let flags = StepFlags { warn_on_failure: true, ..StepFlags::PLAIN };
        build.iter().cloned().chain([command("test", flags, &["make", target])]).collect()
    };
    vec![
        builder("linux", "the library and its tests", worker, with_test("check")),
        builder("soak", "four seconds of random expressions", worker, with_test("soak")),
    ]
}

fn builder(name: &str, description: &str, worker: &str, steps: Vec<StepSpec>) -> BuilderSpec {
    let description = description.to_owned();
    BuilderSpec { description, steps, ..BuilderSpec::new(name, vec![worker.to_owned()]) }
}

fn checkout(repository: &str) -> GitSpec {
    GitSpec {
        repository: repository.into(),
        branch: Some(BRANCH.into()),
        mode: GitMode::Copy,
        workdir: "build".into(),
        codebase: String::new(),
        submodules: false,
        shallow: None,
        retry: None,
        always_use_latest: false,
        timeout: Some(Span::seconds(1200)),
    }
}

fn command(name: &str, flags: StepFlags, words: &[&str]) -> StepSpec {
    step(name, flags, StepAction::Shell(ShellSpec::new(CommandLine::words(words.iter().copied()))))
}

fn step(name: &str, flags: StepFlags, action: StepAction) -> StepSpec {
    StepSpec { flags, ..StepSpec::new(name, action) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Output};

    /// What the demo needs on the machine, but for git.
    fn run(dir: &Path, words: &[&str]) -> Output {
        let output = Command::new(words[0]).args(&words[1..]).current_dir(dir).output();
        output.unwrap_or_else(|e| panic!("this test needs {} on the PATH: {e}", words[0]))
    }

    #[test]
    fn the_story_reads_as_it_should() {
        let dir = testkit::temp_dir();
        let now = Time::from_seconds(1_800_000_000);
        let demo = create(&dir.path().join("demo"), now).unwrap();
        assert_eq!(demo.revisions.len(), 12);
        assert_eq!(
            demo,
            create(&dir.path().join("demo2"), now).map(|d| Demo { repository: demo.repository.clone(), ..d }).unwrap()
        );
        let git = |words: &[&str]| {
            let out = run(&demo.repository, &[&["git", "-c", "safe.directory=*"], words].concat());
            String::from_utf8(out.stdout).unwrap().trim().to_owned()
        };
        assert_eq!(git(&["rev-parse", "main"]), demo.revisions[0]);
        demo.advance(11).unwrap();
        assert_eq!(git(&["rev-parse", "main"]), demo.revisions[11]);
        assert_eq!(git(&["log", "--format=%an", "main"]).lines().collect::<std::collections::BTreeSet<_>>().len(), 3);
        let dates: Vec<i64> =
            git(&["log", "--reverse", "--format=%ct", "main"]).lines().map(|l| l.parse().unwrap()).collect();
        assert!(dates.is_sorted() && *dates.last().unwrap() < now.as_seconds());
        assert_eq!(git(&["show", "--format=", "--name-only", "main~8"]), "Makefile\nsrc/eval.c\nsrc/operators.c");
        assert!(demo.advance(12).is_err());
    }

    #[test]
    fn one_commit_breaks_the_build_and_one_a_test_until_they_are_mended() {
        let dir = testkit::temp_dir();
        let demo = create(&dir.path().join("demo"), Time::from_seconds(1_800_000_000)).unwrap();
        let tree = dir.path().join("tree");
        run(dir.path(), &["git", "-c", "safe.directory=*", "clone", "-q", "demo", "tree"]);
        let mut told = String::new();
        for (n, revision) in demo.revisions.iter().enumerate() {
            run(&tree, &["git", "fetch", "-q", "origin", "refs/demo/12"]);
            assert!(run(&tree, &["git", "checkout", "-q", "-f", revision]).status.success());
            assert!(run(&tree, &["./configure"]).status.success());
            let made = run(&tree, &["make", "all"]);
            let said = String::from_utf8_lossy(&made.stderr).into_owned();
            let checked = made.status.success().then(|| run(&tree, &["make", "check"]));
            told.push(match &checked {
                None => 'B',
                Some(out) if out.status.success() => '.',
                Some(_) => 'T',
            });
            match (n, &checked) {
                (3, _) => assert!(said.contains("operators.h: No such file or directory"), "{said}"),
                (7, Some(out)) => {
                    let tests = String::from_utf8_lossy(&out.stdout);
                    assert_eq!(
                        tests.lines().filter(|l| l.starts_with("not ok")).collect::<Vec<_>>(),
                        ["not ok 11 - 2 ^ 3 ^ 2 is 512"]
                    );
                }
                _ => assert_eq!(said, "", "commit {n} compiles without a warning"),
            }
        }
        assert_eq!(told, "...B...TT...");
    }

    #[test]
    fn the_builders_do_what_the_project_has() {
        let builders = builders("/srv/demo", "here");
        let steps = |b: &BuilderSpec| b.steps.iter().map(|s| s.name.clone()).collect::<Vec<_>>().join(" ");
        let told: Vec<String> = builders.iter().map(|b| format!("{}: {}", b.name, steps(b))).collect();
        assert_eq!(told, ["linux: git configure compile test", "soak: git configure compile test"]);
        assert!(builders.iter().all(|b| b.workers == ["here"]));
    }
}
