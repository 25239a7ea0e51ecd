//! The same stories, told by every system with its own program.

use super::*;
use testkit::{TreeRepo, temp_dir};

/// A worker's directory and a repository.
struct Room {
    vcs: Vcs,
    dir: tempfile::TempDir,
    repo: TreeRepo,
}

impl Room {
    fn new(vcs: Vcs) -> Self {
        let dir = temp_dir();
        let repo = TreeRepo::new(vcs, dir.path().join("repo"));
        Self { vcs, dir, repo }
    }

    fn spec(&self, branch: &str, mode: GitMode) -> TreeSpec {
        TreeSpec {
            vcs: self.vcs,
            repository: self.repo.address(),
            branch_place: self.repo.branch_place(),
            branch: self.repo.branch(branch),
            revision: None,
            module: self.repo.module(),
            options: Vec::new(),
            mode,
            workdir: self.dir.path().join("worker/linux/build"),
            retry: None,
            patch: None,
        }
    }

    fn at(&self, revision: &str) -> TreeSpec {
        TreeSpec { revision: Some(revision.to_owned()), ..self.spec("main", GitMode::Update) }
    }

    fn bring(&self, spec: &TreeSpec) -> String {
        bring(spec, Voice::Silent).unwrap_or_else(|e| panic!("{:?}: {e}", self.vcs))
    }

    fn refused(&self, spec: &TreeSpec) -> VcsError {
        match bring(spec, Voice::Silent) {
            Ok(revision) => panic!("{:?}: {spec:?} led to {revision}", self.vcs),
            Err(e) => e,
        }
    }

    fn build(&self, file: &str) -> PathBuf {
        self.dir.path().join("worker/linux/build").join(file)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.build(file)).unwrap_or_else(|e| panic!("{:?}: {file}: {e}", self.vcs))
    }
}

fn patch(body: &str, level: u32, subdir: &str) -> Option<Patch> {
    Some(Patch {
        level,
        subdir: subdir.to_owned(),
        author: String::new(),
        comment: String::new(),
        body: body.as_bytes().to_vec(),
    })
}

/// CVS cannot tell which commit was the newest: it tells the moment.
fn same(vcs: Vcs, got: &str, revision: &str) -> bool {
    if vcs == Vcs::Cvs { got >= revision } else { got == revision }
}

#[test]
fn a_tree_is_made_brought_forward_and_back() {
    for vcs in Vcs::ALL {
        let room = Room::new(vcs);
        let one = room.repo.commit("main", "One", "a.c", "1\n");
        let two = room.repo.commit("main", "Two", "src/b c.c", "2\n");
        let got = room.bring(&room.spec("main", GitMode::Update));
        assert!(same(vcs, &got, &two), "{vcs:?}: {got} is not {two}");
        assert_eq!((room.read("a.c"), room.read("src/b c.c")), ("1\n".into(), "2\n".into()), "{vcs:?}");

        // Forward: what the build made stays, what it changed does not.
        fs::write(room.build("made.o"), "x").unwrap();
        fs::write(room.build("a.c"), "changed\n").unwrap();
        let three = room.repo.commit("main", "Three", "a.c", "3\n");
        let got = room.bring(&room.spec("main", GitMode::Update));
        assert!(same(vcs, &got, &three), "{vcs:?}");
        assert_eq!((room.read("a.c"), room.read("made.o")), ("3\n".into(), "x".into()), "{vcs:?}");

        // Back to each, and forward again.
        assert_eq!(room.bring(&room.at(&one)), one, "{vcs:?}");
        assert_eq!(room.read("a.c"), "1\n", "{vcs:?}");
        assert!(!room.build("src/b c.c").exists(), "{vcs:?}");
        assert_eq!(room.read("made.o"), "x", "{vcs:?}");
        assert_eq!(room.bring(&room.at(&two)), two, "{vcs:?}");
        assert_eq!((room.read("a.c"), room.read("src/b c.c")), ("1\n".into(), "2\n".into()), "{vcs:?}");
        room.bring(&room.spec("main", GitMode::Update));
        assert_eq!(room.read("a.c"), "3\n", "{vcs:?}");
        // A new tree at an old revision.
        let clobber = TreeSpec { mode: GitMode::Clobber, ..room.at(&one) };
        assert_eq!(room.bring(&clobber), one, "{vcs:?}");
        assert_eq!(room.read("a.c"), "1\n", "{vcs:?}");
        assert!(!room.build("made.o").exists(), "{vcs:?}");
    }
}

#[test]
fn branches_have_trees_of_their_own_in_one_place() {
    for vcs in Vcs::ALL {
        let room = Room::new(vcs);
        let one = room.repo.commit("main", "One", "a.c", "1\n");
        room.repo.fork();
        let on_topic = room.repo.commit("topic", "Topic", "a.c", "topic\n");
        room.bring(&room.spec("main", GitMode::Update));
        assert_eq!(room.read("a.c"), "1\n", "{vcs:?}");
        let got = room.bring(&room.spec("topic", GitMode::Update));
        assert!(same(vcs, &got, &on_topic), "{vcs:?}: {got}");
        assert_eq!(room.read("a.c"), "topic\n", "{vcs:?}");
        room.bring(&room.spec("main", GitMode::Update));
        assert_eq!(room.read("a.c"), "1\n", "{vcs:?}");
        assert_eq!(room.bring(&room.at(&one)), one, "{vcs:?}");
        let gone = TreeSpec { branch: Some("gone".to_owned()), ..room.spec("main", GitMode::Update) };
        let e = room.refused(&gone);
        assert_eq!(e.fault, Fault::Missing, "{vcs:?}: {e}");
        // One address is one branch.
        if !vcs.names_branches() {
            let address = room.repo.address_of("main");
            let spec = TreeSpec { repository: address.clone(), branch_place: BranchPlace::Address, ..gone };
            let e = room.refused(&spec);
            let expected = format!(
                "{address} is one branch, and the source names the branch gone; a step with base_url builds any"
            );
            assert_eq!((e.fault, e.reason), (Fault::Asked, expected));
        }
    }
}

#[test]
fn copies_and_exports_are_trees_of_their_own() {
    for vcs in Vcs::ALL {
        let room = Room::new(vcs);
        room.repo.commit("main", "One", "src/a.c", "1\n");
        room.bring(&room.spec("main", GitMode::Copy));
        fs::write(room.build("made.o"), "x").unwrap();
        fs::write(room.build("src/a.c"), "changed\n").unwrap();
        let two = room.repo.commit("main", "Two", "src/b.c", "2\n");
        let got = room.bring(&room.spec("main", GitMode::Copy));
        assert!(same(vcs, &got, &two), "{vcs:?}");
        assert_eq!((room.read("src/a.c"), room.read("src/b.c")), ("1\n".into(), "2\n".into()), "{vcs:?}");
        assert!(!room.build("made.o").exists(), "{vcs:?}");
        let admin = system(vcs).admin();
        assert!(room.build(admin).is_dir(), "{vcs:?}");
        let got = room.bring(&room.spec("main", GitMode::Export));
        assert!(same(vcs, &got, &two), "{vcs:?}");
        assert!(!room.build(admin).exists() && !room.build("src").join(admin).exists(), "{vcs:?}");
        assert_eq!(room.read("src/b.c"), "2\n", "{vcs:?}");
        // From a tree without the system's files an update makes one.
        room.bring(&room.spec("main", GitMode::Update));
        assert!(room.build(admin).is_dir(), "{vcs:?}");
    }
}

#[test]
fn a_patch_is_applied_at_its_level_and_is_gone_after_it() {
    const DIFF: &str = "--- old/src/a.c\n+++ new/src/a.c\n@@ -1 +1 @@\n-1\n+patched\n\
                        --- /dev/null\n+++ new/src/new.c\n@@ -0,0 +1 @@\n+new\n";
    for vcs in Vcs::ALL {
        let room = Room::new(vcs);
        let one = room.repo.commit("main", "One", "src/a.c", "1\n");
        room.bring(&room.spec("main", GitMode::Update));
        let patched = TreeSpec { patch: patch(DIFF, 1, ""), ..room.at(&one) };
        assert_eq!(room.bring(&patched), one, "{vcs:?}");
        assert_eq!((room.read("src/a.c"), room.read("src/new.c")), ("patched\n".into(), "new\n".into()), "{vcs:?}");
        room.bring(&room.spec("main", GitMode::Update));
        assert_eq!(room.read("src/a.c"), "1\n", "{vcs:?}");
        assert!(!room.build("src/new.c").exists(), "{vcs:?}");
        let below = TreeSpec { patch: patch(DIFF, 2, "src"), mode: GitMode::Copy, ..room.at(&one) };
        room.bring(&below);
        assert_eq!(room.read("src/new.c"), "new\n", "{vcs:?}");
        // One that fits in one half is not applied at all.
        let half = DIFF.replace("-1\n", "-7\n");
        let e = room.refused(&TreeSpec { patch: patch(&half, 1, ""), mode: GitMode::Copy, ..room.at(&one) });
        assert_eq!(e.fault, Fault::Patch, "{vcs:?}: {e}");
        assert!(!room.build("src/new.c").exists(), "{vcs:?}");
        let e = room.refused(&TreeSpec { patch: patch(DIFF, 1, "../.."), ..room.at(&one) });
        assert_eq!(e.fault, Fault::Asked, "{vcs:?}: {e}");
    }
}

#[test]
fn what_is_not_there_is_told_and_nothing_is_taken_for_an_option() {
    for vcs in Vcs::ALL {
        let room = Room::new(vcs);
        room.repo.commit("main", "One", "a.c", "1\n");
        let mark = room.dir.path().join("mark");
        let touch = format!("touch {}", mark.display());
        let unknown = match vcs {
            Vcs::Subversion | Vcs::Bazaar => "9999".to_owned(),
            Vcs::Cvs => "1.2".to_owned(),
            Vcs::Mercurial | Vcs::Darcs => "0123456789012345678901234567890123456789".to_owned(),
        };
        let e = room.refused(&room.at(&unknown));
        assert!(e.fault.is_of_the_code(), "{vcs:?}: {e}");
        room.bring(&room.spec("main", GitMode::Update));
        let e = room.refused(&room.at(&unknown));
        assert!(e.fault.is_of_the_code(), "{vcs:?}: {e}");
        for hostile in [
            format!("--config=alias.log=!{touch}"),
            format!("--ssh={touch}"),
            "-r".to_owned(),
            "--help".to_owned(),
            "$(touch mark)".to_owned(),
            "a\nb".to_owned(),
            "a\0b".to_owned(),
        ] {
            let e = room.refused(&room.at(&hostile));
            assert!(e.fault.is_of_the_code(), "{vcs:?} {hostile:?}: {e}");
            let e = room.refused(&TreeSpec { branch: Some(hostile.clone()), ..room.spec("main", GitMode::Update) });
            assert!(e.fault == Fault::Away || e.fault.is_of_the_code(), "{vcs:?} {hostile:?}: {e}");
            assert!(!e.reason.contains(char::is_control), "{vcs:?}: {e}");
        }
        let out = TreeSpec { branch: Some("../../x".to_owned()), ..room.spec("main", GitMode::Update) };
        assert!(room.refused(&out).fault.is_of_the_code(), "{vcs:?}");
        for address in ["", "--help", "ssh://-oProxyCommand=x/y", "relative", "/a\nb"] {
            let e = room.refused(&TreeSpec {
                repository: address.to_owned(),
                branch: None,
                ..room.spec("main", GitMode::Update)
            });
            assert_eq!(e.fault, Fault::Asked, "{vcs:?} {address:?}: {e}");
        }
        let bare = TreeSpec {
            repository: "https://example.org".to_owned(),
            branch_place: BranchPlace::Behind,
            branch: Some(".evil.example/x".to_owned()),
            ..room.spec("main", GitMode::Update)
        };
        assert_eq!(room.refused(&bare).fault, Fault::Asked, "{vcs:?}");
        assert!(!mark.exists(), "{vcs:?}");
        // The tree is still of use.
        assert_eq!(room.read("a.c"), "1\n", "{vcs:?}");
        room.bring(&room.spec("main", GitMode::Update));
    }
}

#[test]
fn a_branch_that_is_missing_behind_its_base_is_for_the_code_to_answer() {
    for vcs in Vcs::ALL {
        let room = Room::new(vcs);
        room.repo.commit("main", "One", "a.c", "1\n");
        for mode in [GitMode::Update, GitMode::Copy] {
            let e = room.refused(&TreeSpec { branch: Some("gone".to_owned()), ..room.spec("main", mode) });
            assert!(e.fault.is_of_the_code(), "{vcs:?}: {e}");
            assert!(e.reason.contains("gone") || vcs == Vcs::Cvs, "{vcs:?}: {e}");
        }
        room.bring(&room.spec("main", GitMode::Update));
        let e = room.refused(&TreeSpec { branch: Some("gone".to_owned()), ..room.spec("main", GitMode::Update) });
        assert!(e.fault.is_of_the_code(), "{vcs:?} where a tree is: {e}");
        assert_eq!(room.read("a.c"), "1\n", "{vcs:?}: the tree stays");
    }
}

#[test]
fn a_server_that_has_no_such_darcs_repository_is_not_away() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/darcs/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let room = Room::new(Vcs::Darcs);
    let e = room.refused(&TreeSpec { repository: base.clone(), ..room.spec("main", GitMode::Update) });
    assert_eq!((e.fault, e.reason), (Fault::Missing, format!("there is nothing at {base}main")));
}

#[test]
fn a_subversion_repository_that_was_replaced_gets_a_new_tree() {
    let room = Room::new(Vcs::Subversion);
    room.repo.commit("main", "One", "a.c", "1\n");
    room.repo.commit("main", "Two", "old.c", "1\n");
    let spec = room.spec("main", GitMode::Update);
    room.bring(&spec);
    fs::write(room.build("made"), "by a build").unwrap();
    room.bring(&spec);
    assert_eq!(room.read("made"), "by a build", "the same repository keeps its tree");
    fs::remove_dir_all(room.dir.path().join("repo")).unwrap();
    let other = TreeRepo::new(Vcs::Subversion, room.dir.path().join("repo"));
    other.commit("main", "Another one", "a.c", "of another\n");
    other.commit("main", "And another", "b.c", "2\n");
    room.bring(&spec);
    assert_eq!((room.read("a.c"), room.read("b.c")), ("of another\n".to_owned(), "2\n".to_owned()));
    assert!(!room.build("old.c").exists() && !room.build("made").exists(), "nothing of the other one is left");
}

#[test]
fn a_repository_that_is_away_is_asked_again_and_is_nobodys_fault() {
    for vcs in Vcs::ALL {
        let room = Room::new(vcs);
        room.repo.commit("main", "One", "a.c", "1\n");
        let place = room.dir.path().join("repo");
        let away = room.dir.path().join("away");
        let spec = TreeSpec { retry: Some((Span::millis(1), 2)), ..room.spec("main", GitMode::Update) };
        fs::rename(&place, &away).unwrap();
        let e = room.refused(&spec);
        assert_eq!((e.fault, e.fault.is_of_the_code()), (Fault::Away, false), "{vcs:?}: {e}");
        assert!(e.reason.contains(&place.display().to_string()), "{vcs:?}: {e}");
        fs::rename(&away, &place).unwrap();
        room.bring(&spec);
        fs::rename(&place, &away).unwrap();
        let e = room.refused(&spec);
        assert_eq!(e.fault, Fault::Away, "{vcs:?}: {e}");
        assert_eq!(room.read("a.c"), "1\n", "{vcs:?}: the tree stays");
        let refusing = match vcs {
            Vcs::Cvs => ":pserver:ann:secret@127.0.0.1:1/cvs",
            _ => "http://ann:secret@127.0.0.1:1/x",
        };
        let spec = TreeSpec {
            repository: refusing.to_owned(),
            branch: None,
            branch_place: BranchPlace::Address,
            ..room.spec("main", GitMode::Clobber)
        };
        let e = room.refused(&spec);
        assert_eq!(e.fault, Fault::Away, "{vcs:?}: {e}");
        assert!(!e.reason.contains("secret"), "{vcs:?}: {e}");
    }
}

#[test]
fn what_a_killed_checkout_left_is_mended() {
    for vcs in Vcs::ALL {
        let room = Room::new(vcs);
        room.repo.commit("main", "One", "a.c", "1\n");
        let spec = room.spec("main", GitMode::Update);
        let half = room.dir.path().join("worker/linux/build.new");
        fs::create_dir_all(half.join(system(vcs).admin())).unwrap();
        room.bring(&spec);
        // The system's own files are no use any more.
        let admin = room.build(system(vcs).admin());
        fs::remove_dir_all(&admin).unwrap();
        fs::create_dir(&admin).unwrap();
        fs::write(admin.join("rubbish"), "x").unwrap();
        room.bring(&spec);
        assert_eq!(room.read("a.c"), "1\n", "{vcs:?}");
        // There is something else in its place.
        fs::remove_dir_all(room.build("")).unwrap();
        fs::write(room.dir.path().join("worker/linux/build"), "a file").unwrap();
        room.bring(&spec);
        assert_eq!(room.read("a.c"), "1\n", "{vcs:?}");
    }
}

#[test]
fn a_context_of_darcs_is_a_revision() {
    let room = Room::new(Vcs::Darcs);
    room.repo.commit("main", "One", "a.c", "1\n");
    let main = room.repo.address_of("main");
    let asked = std::process::Command::new("darcs").args(["log", "--context", "--repodir", &main]).output().unwrap();
    let context = String::from_utf8(asked.stdout).unwrap();
    room.repo.commit("main", "Two", "a.c", "2\n");
    room.bring(&room.spec("main", GitMode::Update));
    room.bring(&room.at(&context));
    assert_eq!(room.read("a.c"), "1\n");
    assert!(!room.dir.path().join("worker/linux/build.new.context").exists());
}

#[test]
fn a_moment_of_cvs_is_a_revision_and_an_option_goes_before_the_verb() {
    let room = Room::new(Vcs::Cvs);
    let one = room.repo.commit("main", "One", "a.c", "1\n");
    room.repo.commit("main", "Two", "a.c", "2\n");
    let spec = TreeSpec { options: vec!["-z3".to_owned()], ..room.at(&one) };
    assert_eq!(room.bring(&spec), one);
    assert_eq!(room.read("a.c"), "1\n");
    let seconds = crate::date::read(&one).unwrap().as_seconds().to_string();
    assert_eq!(room.bring(&room.at(&seconds)), one);
}
