//! The checkout as a process of its own, which is how a worker runs it: what it prints, and what is left when it is killed.

use model::{GitMode, Vcs};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use testkit::{Repo, TreeRepo, temp_dir, wait_until};
use vcs::git::CheckoutSpec;
use vcs::{Checkout, CheckoutReport, FAILED, TROUBLE, TreeSpec, checkout};

/// Tells the process started by [`start`] what to do; absent in an ordinary run of the tests.
const SPEC: &str = "SLUICE_TEST_CHECKOUT";

/// Not a test of its own: what the process started by [`start`] runs.
#[test]
fn helper() {
    if let Ok(path) = std::env::var(SPEC) {
        let spec: Checkout = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        std::process::exit(checkout(&spec, Some(Path::new(&format!("{path}.report")))));
    }
}

fn spec(dir: &Path, repo: &Repo, mode: GitMode) -> CheckoutSpec {
    CheckoutSpec {
        repository: repo.address(),
        branch: Some("main".to_owned()),
        revision: None,
        always_use_latest: false,
        mode,
        workdir: dir.join("linux/build"),
        mirror_dir: dir.join("mirrors"),
        submodules: false,
        shallow: None,
        retry: None,
        patch: None,
    }
}

fn start(dir: &Path, spec: &impl Serialize) -> Child {
    started(dir, spec, Command::new(std::env::current_exe().expect("the test has a path")))
}

/// Starts it after a piece of shell, which says what kind of machine it runs on; `$1` is `dir`.
fn start_where(dir: &Path, spec: &impl Serialize, prepare: &str) -> Child {
    let mut command = Command::new("sh");
    let exe = std::env::current_exe().expect("the test has a path");
    command.arg("-c").arg(format!("{prepare}\nexe=$2; shift 2; exec \"$exe\" \"$@\"")).arg("sh").arg(dir).arg(exe);
    started(dir, spec, command)
}

fn started(dir: &Path, spec: &impl Serialize, mut command: Command) -> Child {
    let path = dir.join("spec.json");
    std::fs::write(&path, serde_json::to_vec(spec).expect("a spec is JSON")).expect("the spec is written");
    command.args(["--exact", "helper", "--nocapture"]).env(SPEC, &path).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the test starts itself")
}

fn report(dir: &Path) -> CheckoutReport {
    serde_json::from_slice(&std::fs::read(dir.join("spec.json.report")).expect("there is a report"))
        .expect("it is a report")
}

#[test]
fn it_prints_what_it_does_and_at_the_end_why_it_failed() {
    let dir = temp_dir();
    let dir = dir.path();
    let repo = Repo::bare(dir.join("repo.git"));
    let head = repo.commit("main", "A title", "a.c", "1\n");
    let done = start(dir, &spec(dir, &repo, GitMode::Copy)).wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0));
    assert_eq!(report(dir), CheckoutReport { got_revision: Some(head.clone()), reason: None });
    let mirror = std::fs::read_dir(dir.join("mirrors")).unwrap().flatten().map(|e| e.path());
    let mirror: PathBuf = mirror.filter(|p| p.is_dir()).collect();
    let printed = String::from_utf8(done.stdout).unwrap().replace(&mirror.display().to_string(), "MIRROR");
    let printed = printed.replace(&dir.display().to_string(), "DIR").replace(&head, "HEAD");
    let lines: Vec<&str> = printed.lines().skip_while(|l| !l.starts_with('$')).collect();
    assert_eq!(
        lines,
        [
            "$ git fetch --force --progress --prune --update-shallow -- DIR/repo.git \
             +refs/heads/*:refs/heads/* +refs/tags/*:refs/tags/*",
            "$ git clone --quiet --no-checkout -- MIRROR DIR/linux/source.new",
            "$ git checkout --quiet --force --detach HEAD",
            "$ git clean -q -ffdx",
            "copying DIR/linux/source to DIR/linux/build",
            "at HEAD: A title",
        ]
    );

    let mut gone = spec(dir, &repo, GitMode::Copy);
    gone.branch = Some("gone".to_owned());
    let done = start(dir, &gone).wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(FAILED), "git's own codes are not passed on");
    let reason = format!("{} has no branch gone; there is main", repo.address());
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(said.lines().last(), Some(format!("checkout failed: {reason}").as_str()));
    assert_eq!(report(dir), CheckoutReport { got_revision: None, reason: Some(reason) });
}

#[test]
fn a_kill_at_any_point_leaves_nothing_that_the_next_checkout_cannot_mend() {
    for mode in [GitMode::Update, GitMode::Copy, GitMode::Clobber] {
        let dir = temp_dir();
        let dir = dir.path();
        let repo = Repo::bare(dir.join("repo.git"));
        // Enough files for the kill to come in the middle of something.
        let files =
            (0..400).fold(repo.on("main"), |commit, n| commit.file(&format!("d{}/f{n}", n % 7), format!("{n}\n")));
        files.commit();
        let spec = spec(dir, &repo, mode);
        for place in ["mirrors", "linux", "linux/build.new", "linux/source.new", "linux/source/d3", "linux/build/d3"] {
            let mut child = start(dir, &spec);
            wait_until("the checkout gets somewhere", || {
                dir.join(place).exists() || child.try_wait().is_ok_and(|ended| ended.is_some())
            });
            // One that has ended meanwhile needs no kill.
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
            child.wait().unwrap();
        }
        let head = repo.commit("main", "After the kills", "last", "x\n");
        let done = start(dir, &spec).wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(0), "{mode:?}: {said}");
        assert_eq!(report(dir).got_revision, Some(head));
        let dirty = Command::new("git").args(["status", "--porcelain"]).current_dir(&spec.workdir).output().unwrap();
        assert_eq!(String::from_utf8(dirty.stdout).unwrap(), "", "{mode:?}");
        assert_eq!(std::fs::read_to_string(spec.workdir.join("d3/f3")).unwrap(), "3\n");
    }
}

#[test]
fn trouble_of_the_machine_is_told_apart_from_the_fault_of_the_code() {
    let dir = temp_dir();
    let dir = dir.path();
    let repo = Repo::bare(dir.join("repo.git"));
    // What cannot be made smaller.
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(2 << 20)
    .collect();
    repo.on("main").file("noise", &noise).commit();
    std::fs::create_dir(dir.join("worker")).unwrap();
    let mut spec = spec(dir, &repo, GitMode::Update);
    spec.workdir = dir.join("worker/linux/build");
    spec.mirror_dir = dir.join("worker/mirrors");
    let has_namespaces = Command::new("unshare")
        .args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"])
        .status()
        .is_ok_and(|s| s.success());
    let within = |text: &str| format!("unshare -rm sh -c '{text}; shift; exec \"$@\"' sh \"$@\"; exit");
    let full = within("mount -t tmpfs -o size=400k none \"$1/worker\"");
    let sealed = within("mount -t tmpfs -o ro none \"$1/worker\"");
    let mut machines = vec![
        // Two hundred blocks of 512 bytes; the signal would end git, and without it a write fails.
        ("ulimit -f 200; trap '' XFSZ", "a file becomes larger than this machine allows ("),
        ("ulimit -f 200", "a part of git was killed ("),
        ("export PATH=/nowhere", "git is not installed on this machine"),
    ];
    // Where nobody may mount anything, the limit above stands for the full disk.
    if has_namespaces {
        machines.push((&full, "there is no space left on the disk ("));
        machines.push((&sealed, "cannot make the directory "));
    }
    for (machine, expected) in machines {
        let done = start_where(dir, &spec, machine).wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(TROUBLE), "{machine}: {said}");
        let reason = report(dir).reason.unwrap_or_default();
        assert!(reason.starts_with(expected), "{machine}: {reason}");
        assert!(said.ends_with(&format!("checkout failed: {reason}\n")), "{said}");
    }
    let done = start_where(dir, &spec, "true").wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0), "nothing that is left of it is in the way");
}

#[test]
fn every_system_says_what_it_does_and_what_is_to_be_installed() {
    for (vcs, program, package) in [
        (Vcs::Subversion, "svn", "subversion"),
        (Vcs::Mercurial, "hg", "mercurial"),
        (Vcs::Cvs, "cvs", "cvs"),
        (Vcs::Darcs, "darcs", "darcs"),
        (Vcs::Bazaar, "brz", "brz"),
    ] {
        let dir = temp_dir();
        let dir = dir.path();
        let repo = TreeRepo::new(vcs, dir.join("repo"));
        let one = repo.commit("main", "One", "a.c", "1\n");
        let spec = Checkout::Tree(TreeSpec {
            vcs,
            repository: repo.address(),
            branch_place: repo.branch_place(),
            branch: repo.branch("main"),
            revision: Some(one.clone()),
            module: repo.module(),
            options: Vec::new(),
            mode: GitMode::Update,
            workdir: dir.join("linux/build"),
            retry: None,
            patch: None,
        });
        let done = start_where(dir, &spec, "export PATH=/nowhere").wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(TROUBLE), "{vcs:?}: {said}");
        let reason = format!("{program} is not installed on this machine; the package {package} brings it");
        assert_eq!(report(dir).reason.as_ref(), Some(&reason), "{vcs:?}");
        assert!(said.ends_with(&format!("checkout failed: {reason}\n")), "{said}");

        let done = start(dir, &spec).wait_with_output().unwrap();
        let printed = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(0), "{vcs:?}: {}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(report(dir).got_revision.as_ref(), Some(&one), "{vcs:?}");
        assert!(printed.lines().any(|l| l.starts_with(&format!("$ {program} "))), "{vcs:?}: {printed}");
        assert!(printed.ends_with(&format!("at {one}\n")) || printed.contains(&format!("\nat {one}\n")), "{printed}");
    }
}
