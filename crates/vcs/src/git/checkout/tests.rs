//! Checkouts of real repositories by the real git, and of what killed ones leave behind.

use super::*;
use crate::{CheckoutReport, FAILED, TROUBLE};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use testkit::{Repo, temp_dir};

/// A worker's directories and a repository.
struct Room {
    dir: tempfile::TempDir,
    repo: Repo,
}

impl Room {
    fn new() -> Self {
        let dir = temp_dir();
        let repo = Repo::bare(dir.path().join("repo.git"));
        Self { dir, repo }
    }

    fn spec(&self, mode: GitMode) -> CheckoutSpec {
        CheckoutSpec {
            repository: self.repo.address(),
            branch: None,
            revision: None,
            always_use_latest: false,
            mode,
            workdir: self.path("worker/linux/build"),
            mirror_dir: self.path("worker/mirrors"),
            submodules: false,
            shallow: None,
            retry: None,
            patch: None,
        }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn build(&self, file: &str) -> PathBuf {
        self.path("worker/linux/build").join(file)
    }

    /// A tree that git works in, `source` where there is one; with something behind its name.
    fn tree(&self, behind: &str) -> PathBuf {
        let name = if self.path("worker/linux/source").exists() { "source" } else { "build" };
        self.path(&format!("worker/linux/{name}{behind}"))
    }

    fn git_file(&self, file: &str) -> PathBuf {
        self.tree("").join(".git").join(file)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.build(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
    }

    fn run(&self, spec: &CheckoutSpec) -> CheckoutReport {
        let report = self.path("report.json");
        let code = checkout_with(spec, Some(&report), Voice::Silent);
        let told: CheckoutReport = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
        assert_eq!(code == 0, told.got_revision.is_some(), "{told:?}");
        assert!([0, FAILED, TROUBLE].contains(&code), "{code}");
        told
    }

    fn code(&self, change: impl Fn(&mut CheckoutSpec)) -> i32 {
        let mut spec = self.spec(GitMode::Update);
        change(&mut spec);
        checkout_with(&spec, None, Voice::Silent)
    }

    fn good(&self, spec: &CheckoutSpec) -> String {
        let told = self.run(spec);
        told.got_revision.unwrap_or_else(|| panic!("{:?}", told.reason))
    }

    /// The reason of a checkout that fails, with the room's own path shown as `DIR`.
    fn bad(&self, spec: &CheckoutSpec) -> String {
        let reason = self.run(spec).reason.expect("the checkout fails");
        reason.replace(&self.dir.path().display().to_string(), "DIR")
    }

    fn mirror(&self) -> PathBuf {
        let found = fs::read_dir(self.path("worker/mirrors")).unwrap().flatten().map(|e| e.path());
        found.filter(|p| p.extension().is_some_and(|e| e == "git")).min().unwrap()
    }

    /// Hides the repository, so that whatever still works works without it.
    fn hide(&self) {
        fs::rename(self.repo.path(), self.path("hidden")).unwrap();
    }

    fn show(&self) {
        fs::rename(self.path("hidden"), self.repo.path()).unwrap();
    }
}

const MODES: [GitMode; 4] = [GitMode::Update, GitMode::Copy, GitMode::Clobber, GitMode::Export];

#[test]
fn every_mode_ends_on_the_revision() {
    for mode in MODES {
        let room = Room::new();
        let first = room.repo.on("main").file("a.c", "one\n").script("run.sh", "#!/bin/sh\n").link("l", "a.c").commit();
        let second = room.repo.on("main").file("a.c", "two\n").file("b/c.c", "c\n").commit();
        let mut spec = room.spec(mode);
        assert_eq!(room.good(&spec), second, "{mode:?}");
        assert_eq!(room.read("b/c.c"), "c\n");
        assert_eq!(room.build(".git").exists(), mode != GitMode::Export);
        assert_ne!(fs::metadata(room.build("run.sh")).unwrap().permissions().mode() & 0o100, 0);
        assert_eq!(fs::read_link(room.build("l")).unwrap(), Path::new("a.c"));

        // A build leaves things behind, and changes what is not its own.
        fs::write(room.build("a.o"), "object").unwrap();
        fs::write(room.build("a.c"), "broken").unwrap();
        fs::write(room.build("b/c.c"), "broken").unwrap();
        spec.revision = Some(first.clone());
        assert_eq!(room.good(&spec), first, "{mode:?}");
        assert_eq!(room.read("a.c"), "one\n");
        assert!(!room.build("b/c.c").exists());
        assert_eq!(room.build("a.o").exists(), mode == GitMode::Update, "{mode:?}");
    }
}

#[test]
fn modes_can_follow_each_other_in_one_directory() {
    let room = Room::new();
    let mut last = String::new();
    for (n, mode) in MODES.into_iter().chain(MODES.into_iter().rev()).enumerate() {
        last = room.repo.commit("main", "More", "a.c", &format!("{n}\n"));
        assert_eq!(room.good(&room.spec(mode)), last, "{mode:?}");
        assert_eq!(room.read("a.c"), format!("{n}\n"), "{mode:?}");
    }
    assert_eq!(room.good(&room.spec(GitMode::Update)), last);
}

#[test]
fn a_revision_that_was_fetched_once_is_never_fetched_again() {
    let room = Room::new();
    let first = room.repo.commit("main", "One", "a.c", "1\n");
    let second = room.repo.commit("main", "Two", "a.c", "2\n");
    room.good(&room.spec(GitMode::Clobber));
    room.hide();
    for mode in MODES {
        let mut spec = room.spec(mode);
        spec.revision = Some(first.to_uppercase());
        assert_eq!(room.good(&spec), first, "{mode:?}");
    }
    assert_eq!(room.bad(&room.spec(GitMode::Update)), "there is no git repository at DIR/repo.git");
    room.show();
    let mut spec = room.spec(GitMode::Update);
    spec.revision = Some(first);
    spec.always_use_latest = true;
    assert_eq!(room.good(&spec), second);
}

#[test]
fn branches_tags_and_short_hashes_are_found() {
    let room = Room::new();
    let first = room.repo.commit("main", "One", "a.c", "1\n");
    let odd = room.repo.commit("-x/y", "Odd", "a.c", "odd\n");
    let named = room.repo.on("main").file("new\nline", "n").file("größe", "g").commit();
    room.repo.git(["tag", "-a", "-m", "one", "v1", &first]);
    room.repo.git(["update-ref", "refs/pull/7/head", &odd]);
    for (branch, revision, found) in [
        (None, None, &named),
        (Some("main"), None, &named),
        (Some("-x/y"), None, &odd),
        (Some("v1"), None, &first),
        (Some("refs/pull/7/head"), None, &odd),
        (Some("main"), Some("v1"), &first),
        (None, Some(&first[..10]), &first),
    ] {
        let mut spec = room.spec(GitMode::Update);
        spec.branch = branch.map(str::to_owned);
        spec.revision = revision.map(str::to_owned);
        assert_eq!(&room.good(&spec), found, "{branch:?} {revision:?}");
    }
    room.good(&room.spec(GitMode::Copy));
    assert_eq!(room.read("new\nline"), "n");
    assert_eq!(room.read("größe"), "g");
}

#[test]
fn what_is_not_there_is_told_in_one_line() {
    let room = Room::new();
    let gone = "0123456789012345678901234567890123456789";
    let with = |change: &dyn Fn(&mut CheckoutSpec)| {
        let mut spec = room.spec(GitMode::Update);
        change(&mut spec);
        room.bad(&spec)
    };
    assert_eq!(with(&|_| ()), "DIR/repo.git has no commit yet");
    assert_eq!(with(&|s| s.branch = Some("main".to_owned())), "DIR/repo.git has no commit yet");
    assert_eq!(with(&|s| s.revision = Some(gone.to_owned())), "DIR/repo.git has no commit yet");
    assert_eq!(with(&|s| s.revision = Some("v1".to_owned())), "DIR/repo.git has no commit yet");
    room.repo.commit("develop", "One", "a.c", "1\n");
    assert_eq!(with(&|_| ()), "the HEAD of DIR/repo.git names no branch that exists; there is develop");
    assert_eq!(with(&|s| s.branch = Some("gone".to_owned())), "DIR/repo.git has no branch gone; there is develop");
    assert_eq!(
        with(&|s| s.revision = Some(gone.to_owned())),
        format!(
            "{gone} is on no branch of DIR/repo.git (it may have been force-pushed away), \
             and the repository does not hand it out by its hash"
        )
    );
    assert_eq!(with(&|s| s.revision = Some("v1".to_owned())), "DIR/repo.git has no revision v1");
    assert_eq!(with(&|s| s.revision = Some("a..b".to_owned())), "git can have no revision a..b");
    assert_eq!(with(&|s| s.branch = Some("a\nb".to_owned())), r"git can have no branch $'a\nb'");
    assert_eq!(with(&|s| s.repository.push('x')), "there is no git repository at DIR/repo.gitx");
    assert_eq!(with(&|s| s.repository = String::new()), "the step names no repository");
    assert_eq!(
        with(&|s| s.repository = "../z".to_owned()),
        "the repository ../z is a relative path; a worker needs a URL or an absolute path"
    );
    assert_eq!(
        with(&|s| s.repository = "https://127.0.0.1:1/z".to_owned()),
        "https://127.0.0.1:1/z: its host cannot be reached"
    );
    assert_eq!(with(&|s| s.workdir = PathBuf::from("/")), "/ is no place for a tree");
    for (change, code) in [
        ((|s| s.branch = Some("gone".to_owned())) as fn(&mut CheckoutSpec), FAILED),
        (|s| s.revision = Some("v1".to_owned()), FAILED),
        (|s| s.revision = Some("0".repeat(40)), FAILED),
        (|s| s.repository = "../z".to_owned(), FAILED),
        (|s| s.repository.push('x'), TROUBLE),
        (|s| s.repository = "https://127.0.0.1:1/z".to_owned(), TROUBLE),
        (|s| s.repository = "ssh://127.0.0.1:1/z".to_owned(), TROUBLE),
        (|s| s.mirror_dir = PathBuf::from("/proc/mirrors"), TROUBLE),
        (|s| s.workdir = PathBuf::from("/proc/linux/build"), TROUBLE),
    ] {
        assert_eq!(room.code(|spec| (spec.branch = Some("develop".to_owned()), change(spec)).1), code);
    }
    assert!(!room.build("").exists(), "nothing is left of what failed");
}

#[test]
fn a_force_pushed_branch_and_a_branch_below_a_former_one_are_followed() {
    let room = Room::new();
    let first = room.repo.commit("main", "One", "a.c", "1\n");
    let old = room.repo.commit("main", "Two", "a.c", "2\n");
    room.repo.point("topic", &first);
    room.good(&room.spec(GitMode::Update));
    room.repo.point("main", &first);
    let new = room.repo.commit("main", "Other", "a.c", "3\n");
    room.repo.delete_branch("topic");
    room.repo.point("topic/deep", &new);
    assert_eq!(room.good(&room.spec(GitMode::Update)), new);
    // The commit that nobody points at any more is still to be had from the mirror.
    let mut spec = room.spec(GitMode::Clobber);
    spec.revision = Some(old.clone());
    assert_eq!(room.good(&spec), old);
    // And where the mirror does not have it, from a repository that hands it out by its hash.
    spec.mirror_dir = room.path("worker/other");
    assert_eq!(room.good(&spec), old);
}

/// Leaves a room in the state in which a kill may have left it.
type Leave = fn(&Room);

#[test]
fn what_a_killed_checkout_left_is_mended() {
    const STATES: &[(&str, Leave)] = &[
        ("index.lock", |r| fs::write(r.git_file("index.lock"), "").unwrap()),
        ("HEAD.lock", |r| fs::write(r.git_file("HEAD.lock"), "").unwrap()),
        ("config.lock", |r| fs::write(r.git_file("config.lock"), "").unwrap()),
        ("half an index", |r| fs::write(r.git_file("index"), "DIRC\0\0").unwrap()),
        ("half of git's files", |r| fs::remove_file(r.git_file("HEAD")).unwrap()),
        ("a new .git beside", |r| fs::create_dir_all(r.tree(".new").join(".git/objects")).unwrap()),
        ("files of half a removal", |r| fs::remove_dir_all(r.git_file("objects")).unwrap()),
        ("a lock in the mirror", |r| {
            fs::create_dir_all(r.mirror().join("refs/heads")).unwrap();
            fs::write(r.mirror().join("refs/heads/main.lock"), "").unwrap();
            fs::write(r.mirror().join("packed-refs.lock"), "").unwrap();
            fs::write(r.mirror().join("shallow.lock"), "").unwrap();
        }),
        ("half a pack in the mirror", |r| fs::write(r.mirror().join("objects/pack/tmp_pack_x"), "PACK").unwrap()),
        ("half a mirror", |r| fs::remove_file(r.mirror().join("HEAD")).unwrap()),
        ("a mirror without objects", |r| {
            fs::remove_dir_all(r.mirror().join("objects")).unwrap();
            fs::create_dir(r.mirror().join("objects")).unwrap();
        }),
        ("a new mirror beside", |r| {
            fs::remove_dir_all(r.mirror().with_extension("new")).ok();
            fs::create_dir_all(r.mirror().with_extension("new")).unwrap();
            fs::remove_dir_all(r.mirror()).unwrap();
        }),
    ];
    for (what, leave) in STATES {
        let modes: &[GitMode] =
            if what.contains("mirror") { &[GitMode::Clobber] } else { &[GitMode::Update, GitMode::Copy] };
        for mode in modes.iter().copied() {
            let room = Room::new();
            room.repo.commit("main", "One", "a.c", "1\n");
            room.good(&room.spec(mode));
            leave(&room);
            let second = room.repo.commit("main", "Two", "a.c", "2\n");
            assert_eq!(room.good(&room.spec(mode)), second, "{mode:?}: {what}");
            assert_eq!(room.read("a.c"), "2\n", "{mode:?}: {what}");
        }
    }
}

#[test]
fn a_mirror_whose_objects_are_garbled_is_made_anew() {
    let room = Room::new();
    room.repo.commit("main", "One", "a.c", "1\n");
    room.good(&room.spec(GitMode::Clobber));
    for fan in fs::read_dir(room.mirror().join("objects")).unwrap().flatten() {
        for object in fs::read_dir(fan.path()).unwrap().flatten() {
            fs::set_permissions(object.path(), fs::Permissions::from_mode(0o644)).unwrap();
            fs::write(object.path(), "garbage").unwrap();
        }
    }
    let second = room.repo.commit("main", "Two", "a.c", "2\n");
    assert_eq!(room.good(&room.spec(GitMode::Clobber)), second);
    assert_eq!(room.read("a.c"), "2\n");
}

#[test]
fn update_replaces_what_is_in_the_way_and_keeps_the_rest() {
    let room = Room::new();
    fs::create_dir_all(room.build("dir")).unwrap();
    fs::write(room.build("a.c"), "in the way").unwrap();
    fs::write(room.build("keep.o"), "kept").unwrap();
    let head = room.repo.on("main").file("a.c", "1\n").file("dir/b.c", "b\n").commit();
    assert_eq!(room.good(&room.spec(GitMode::Update)), head);
    assert_eq!((room.read("a.c").as_str(), room.read("keep.o").as_str()), ("1\n", "kept"));
    // A directory becomes a file, a file a directory.
    let head = room.repo.on("main").remove("a.c").file("a.c/x", "x\n").remove("dir/b.c").file("dir", "d\n").commit();
    assert_eq!(room.good(&room.spec(GitMode::Update)), head);
    assert_eq!((room.read("a.c/x").as_str(), room.read("dir").as_str()), ("x\n", "d\n"));
}

#[test]
fn a_read_only_directory_does_not_stop_a_clobber() {
    let room = Room::new();
    room.repo.commit("main", "One", "a.c", "1\n");
    room.good(&room.spec(GitMode::Clobber));
    fs::create_dir(room.build("cache")).unwrap();
    fs::write(room.build("cache/x"), "").unwrap();
    fs::set_permissions(room.build("cache"), fs::Permissions::from_mode(0o555)).unwrap();
    room.good(&room.spec(GitMode::Clobber));
    assert!(!room.build("cache").exists());
}

#[test]
fn a_link_instead_of_a_tree_is_replaced_and_not_followed() {
    for mode in MODES {
        let room = Room::new();
        room.repo.commit("main", "One", "a.c", "1\n");
        let precious = room.path("precious");
        fs::create_dir_all(&precious).unwrap();
        fs::write(precious.join("file"), "x").unwrap();
        fs::create_dir_all(room.path("worker/linux")).unwrap();
        std::os::unix::fs::symlink(&precious, room.path("worker/linux/build")).unwrap();
        room.good(&room.spec(mode));
        assert_eq!(fs::read_dir(&precious).unwrap().count(), 1, "{mode:?}");
        assert_eq!(room.read("a.c"), "1\n");
    }
}

#[test]
fn a_tree_inside_another_repository_leaves_that_alone() {
    let room = Room::new();
    room.repo.commit("main", "One", "a.c", "1\n");
    let around = Repo::with_work_tree(room.path("worker"));
    around.commit("main", "Around", "mine", "precious\n");
    fs::write(around.path().join("mine"), "edited\n").unwrap();
    for mode in MODES {
        let mut spec = room.spec(mode);
        spec.patch = Some(patch("--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-1\n+patched\n"));
        room.good(&spec);
        assert_eq!(room.read("a.c"), "patched\n", "{mode:?}");
    }
    assert_eq!(fs::read_to_string(around.path().join("mine")).unwrap(), "edited\n");
}

fn patch(body: &str) -> Patch {
    Patch {
        level: 1,
        subdir: String::new(),
        author: String::new(),
        comment: String::new(),
        body: body.as_bytes().to_vec(),
    }
}

#[test]
fn a_patch_is_applied_and_forgotten_by_the_next_build() {
    for mode in MODES {
        let room = Room::new();
        let head = room.repo.on("main").file("src/a.c", "1\n2\n3\n").commit();
        let mut spec = room.spec(mode);
        let mut p = patch(
            "--- a.c\n+++ a.c\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n--- /dev/null\n+++ new.c\n@@ -0,0 +1 @@\n+new\n",
        );
        p.level = 0;
        p.subdir = "src".to_owned();
        spec.patch = Some(p);
        assert_eq!(room.good(&spec), head, "{mode:?}");
        assert_eq!((room.read("src/a.c").as_str(), room.read("src/new.c").as_str()), ("1\ntwo\n3\n", "new\n"));
        fs::write(room.build("src/a.o"), "of patched source").unwrap();
        room.good(&room.spec(mode));
        assert_eq!(room.read("src/a.c"), "1\n2\n3\n", "{mode:?}");
        assert!(!room.build("src/new.c").exists() && !room.build("src/a.o").exists(), "{mode:?}");
        // From then on it is a clean tree again.
        fs::write(room.build("src/a.o"), "").unwrap();
        room.good(&room.spec(mode));
        assert_eq!(room.build("src/a.o").exists(), mode == GitMode::Update);
    }
}

#[test]
fn patches_that_fit_loosely_are_applied_and_those_that_do_not_are_told() {
    let room = Room::new();
    let head = room.repo.on("main").file("a.c", "0\n1\n2\n3\n4\n").file("b.c", "b\n").commit();
    let with = |p: Patch| CheckoutSpec { patch: Some(p), ..room.spec(GitMode::Update) };
    // Its context is not quite what is there.
    room.good(&with(patch("--- a/a.c\n+++ b/a.c\n@@ -2,4 +2,4 @@\n one\n 2\n-3\n+three\n 4\n")));
    assert_eq!(room.read("a.c"), "0\n1\n2\nthree\n4\n");

    let unfit = format!("the patch does not apply to {}", &head[..12]);
    let half = "--- a/a.c\n+++ b/a.c\n@@ -1,2 +1,2 @@\n 0\n-1\n+one\n--- a/b.c\n+++ b/b.c\n@@ -1 +1 @@\n-x\n+y\n";
    assert_eq!(room.bad(&with(patch(half))), unfit);
    assert_eq!(room.read("a.c"), "0\n1\n2\n3\n4\n", "nothing of it is applied");
    assert_eq!(room.bad(&with(patch("rubbish"))), unfit);
    let mut outside = patch("");
    outside.body = b"x".to_vec();
    outside.subdir = "../..".to_owned();
    assert_eq!(room.bad(&with(outside.clone())), "the patch's directory ../.. is not below the tree");
    outside.subdir = "nowhere".to_owned();
    assert_eq!(room.bad(&with(outside)), "the patch's directory nowhere is not in the tree");
    assert_eq!(room.bad(&with(patch("--- a/../../x\n+++ b/../../x\n@@ -0,0 +1 @@\n+x\n"))), unfit);
    assert!(!room.path("worker/x").exists());
    room.good(&with(patch(" \n")));
}

#[test]
fn submodules_come_along_and_move() {
    for mode in MODES {
        let room = Room::new();
        let inner = Repo::bare(room.path("inner.git"));
        let one = inner.commit("main", "One", "i.c", "1\n");
        let modules = "[submodule \"lib\"]\n\tpath = lib\n\turl = ../inner.git\n";
        room.repo.on("main").file(".gitmodules", modules).submodule("lib", &one).commit();
        let mut spec = room.spec(mode);
        spec.submodules = true;
        room.good(&spec);
        assert_eq!(room.read("lib/i.c"), "1\n", "{mode:?}");
        assert_eq!(room.build("lib/.git").exists(), mode != GitMode::Export);
        let two = inner.commit("main", "Two", "i.c", "2\n");
        room.repo.on("main").submodule("lib", &two).commit();
        room.good(&spec);
        assert_eq!(room.read("lib/i.c"), "2\n", "{mode:?}");
        room.repo.on("main").submodule("lib", "0123456789012345678901234567890123456789").commit();
        assert_eq!(room.bad(&spec), "a submodule of DIR/repo.git does not hand out this revision");
    }
}

#[test]
fn a_shallow_checkout_deepens_when_it_must() {
    for mode in MODES {
        let room = Room::new();
        let commits: Vec<String> = (0..9).map(|n| room.repo.commit("main", "More", "a.c", &format!("{n}\n"))).collect();
        let mut spec = room.spec(mode);
        spec.shallow = Some(2);
        spec.branch = Some("main".to_owned());
        assert_eq!(room.good(&spec), commits[8], "{mode:?}");
        let count = || {
            let out = std::process::Command::new("git")
                .arg("-C")
                .arg(room.build(""))
                .args(["rev-list", "--count", "HEAD"])
                .output();
            String::from_utf8(out.unwrap().stdout).unwrap().trim().to_owned()
        };
        if mode != GitMode::Export {
            assert_eq!(count(), "2", "{mode:?}");
        }
        spec.revision = Some(commits[1].clone());
        assert_eq!(room.good(&spec), commits[1], "{mode:?}");
        assert_eq!(room.read("a.c"), "1\n");
        spec.revision = Some(commits[4][..9].to_owned());
        assert_eq!(room.good(&spec), commits[4], "{mode:?}: a short hash needs the history");
        spec.revision = None;
        let newest = room.repo.commit("main", "Last", "a.c", "last\n");
        assert_eq!(room.good(&spec), newest, "{mode:?}");
        assert_eq!(room.read("a.c"), "last\n");
    }
}

#[test]
fn a_repository_that_comes_back_is_waited_for() {
    let room = Room::new();
    let head = room.repo.commit("main", "One", "a.c", "1\n");
    room.hide();
    let mut spec = room.spec(GitMode::Clobber);
    spec.retry = Some((Span::millis(20), 1000));
    std::thread::scope(|scope| {
        let checkout = scope.spawn(|| room.good(&spec));
        testkit::wait_until("the mirror is there, so the checkout has begun", || room.path("worker/mirrors").is_dir());
        room.show();
        assert_eq!(checkout.join().unwrap(), head);
    });
    room.hide();
    spec.retry = Some((Span::ZERO, 2));
    assert_eq!(room.bad(&spec), "there is no git repository at DIR/repo.git");
}

#[test]
fn builds_share_a_mirror_without_getting_in_each_others_way() {
    let room = Room::new();
    let head = room.repo.commit("main", "One", "a.c", "1\n");
    std::thread::scope(|scope| {
        let checkouts: Vec<_> = (0..6)
            .map(|n| {
                let mut spec = room.spec(MODES[n % 4]);
                spec.workdir = room.path(&format!("worker/b{n}/build"));
                scope.spawn(move || checkout_with(&spec, None, Voice::Silent))
            })
            .collect();
        for checkout in checkouts {
            assert_eq!(checkout.join().unwrap(), 0);
        }
    });
    for n in 0..6 {
        assert_eq!(fs::read_to_string(room.path(&format!("worker/b{n}/build/a.c"))).unwrap(), "1\n");
    }
    let mirrors = fs::read_dir(room.path("worker/mirrors")).unwrap().flatten();
    assert_eq!(mirrors.filter(|e| e.path().extension().is_some_and(|x| x == "git")).count(), 1);
    assert_eq!(room.good(&room.spec(GitMode::Update)), head);
}

#[test]
fn a_spec_is_made_from_a_step_and_a_stamp_and_travels_as_json() {
    let step = GitSpec {
        repository: "https://example.org/z".to_owned(),
        branch: Some("main".to_owned()),
        mode: GitMode::Copy,
        workdir: "build".to_owned(),
        codebase: String::new(),
        submodules: true,
        shallow: Some(5),
        retry: Some((Span::seconds(5), 3)),
        always_use_latest: false,
        timeout: None,
    };
    let stamp = SourceStamp {
        id: model::SourceStampId(1),
        repository: String::new(),
        branch: Some(String::new()),
        revision: Some("abc".to_owned()),
        project: String::new(),
        codebase: String::new(),
        patch: Some(patch("x\u{e4}")),
        created_at: model::Time(0),
        changes: Vec::new(),
    };
    let spec = CheckoutSpec::new(&step, Some(&stamp), Path::new("/w/linux"), Path::new("/w/mirrors"));
    assert_eq!((spec.branch.as_deref(), spec.revision.as_deref()), (Some("main"), Some("abc")));
    assert_eq!(spec.workdir, Path::new("/w/linux/build"));
    let json = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<CheckoutSpec>(&json).unwrap(), spec);
    assert_eq!(CheckoutSpec::new(&step, None, Path::new("/w"), Path::new("/m")).revision, None);
}

#[test]
fn another_users_repository_is_built_like_any() {
    let room = Room::new();
    let head = room.repo.commit("main", "One", "a.c", "1\n");
    let mut dirs = vec![room.repo.path().to_path_buf()];
    while let Some(dir) = dirs.pop() {
        // Only root can give files away; for anybody else this is a checkout of his own.
        let _ = std::os::unix::fs::chown(&dir, Some(65534), None);
        dirs.extend(fs::read_dir(&dir).unwrap().flatten().map(|e| e.path()).filter(|p| p.is_dir()));
    }
    assert_eq!(room.good(&room.spec(GitMode::Clobber)), head);
    let mut spec = room.spec(GitMode::Clobber);
    spec.repository = format!("file://{}", room.repo.path().display());
    assert_eq!(room.good(&spec), head);
}
