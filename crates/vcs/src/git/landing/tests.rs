//! Landings on real repositories, through conflicts, hooks and branches that move.

use super::*;
use testkit::repo::Repo;

/// A target, a developer's clone of it with a commit of its own, and where a landing is made.
struct Scene {
    top: tempfile::TempDir,
    target: Repo,
    dev: Repo,
}

impl Scene {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let target = Repo::bare(top.path().join("target.git"));
        target.commit("main", "first", "a", "one\ntwo\nthree\n");
        let dev = Repo::with_work_tree(top.path().join("dev"));
        dev.git(["config", "user.name", "Ada Example"]);
        dev.git(["config", "user.email", "ada@example.org"]);
        dev.git(["fetch", "-q", &target.address(), "main:refs/heads/base"]);
        dev.point("main", &dev.head("base"));
        Self { top, target, dev }
    }

    fn target(&self) -> Target {
        Target { repository: self.target.address(), branch: "main".to_owned() }
    }

    fn landing(&self) -> Landing {
        let from = Standing::look(self.dev.path()).unwrap();
        Landing::clone(&from, &self.top.path().join("work"), &Leash::default()).unwrap()
    }
}

#[test]
fn a_change_is_put_on_top_and_lands_as_it_was_tested() {
    let scene = Scene::new();
    scene.dev.commit("main", "mine", "b", "b\n");
    let theirs = scene.target.commit("main", "theirs", "c", "c\n");
    let (landing, target) = (scene.landing(), scene.target());
    let tip = landing.fetch(&target).unwrap();
    assert_eq!(tip.as_deref(), Some(theirs.as_str()));
    landing.rebase(&theirs, Whitespace::Keep).unwrap();
    let tested = landing.head().unwrap();
    assert_eq!(landing.changed(&theirs, &tested).unwrap(), ["b"]);
    assert!(landing.dir().join("c").exists() && landing.dir().join("b").exists());
    assert_eq!(landing.push(&target, &tested, tip.as_deref()).unwrap(), Pushed::Landed);
    assert_eq!(scene.target.head("main"), tested);
    // Asked again, as after a crash, it is known to have landed; later commits on top change nothing of that.
    scene.target.commit("main", "later", "d", "d\n");
    assert_eq!(landing.became(&target, &tested, tip.as_deref(), None).unwrap(), Pushed::Landed);
}

#[test]
fn a_branch_that_moved_is_never_overwritten() {
    let scene = Scene::new();
    scene.dev.commit("main", "mine", "b", "b\n");
    let (landing, target) = (scene.landing(), scene.target());
    let tip = landing.fetch(&target).unwrap();
    let tested = landing.head().unwrap();
    let theirs = scene.target.commit("main", "in the last instant", "c", "c\n");
    assert_eq!(landing.push(&target, &tested, tip.as_deref()).unwrap(), Pushed::Moved(Some(theirs.clone())));
    assert_eq!(scene.target.head("main"), theirs);
    // A lease on the right tip does not let the branch go back either.
    let error = landing.push(&target, &tested, Some(&theirs)).unwrap_err();
    assert!(error.reason.contains("does not contain"), "{error}");
    scene.target.delete_branch("main");
    assert_eq!(landing.push(&target, &tested, tip.as_deref()).unwrap(), Pushed::Moved(None));
}

#[test]
fn a_branch_that_is_not_there_is_made() {
    let scene = Scene::new();
    let (landing, head) = (scene.landing(), scene.dev.head("main"));
    let target = Target { branch: "new".to_owned(), ..scene.target() };
    assert_eq!(landing.fetch(&target).unwrap(), None);
    assert_eq!(landing.push(&target, &head, None).unwrap(), Pushed::Landed);
    assert_eq!(scene.target.head("new"), head);
    // Somebody else made it meanwhile.
    let other = Target { branch: "other".to_owned(), ..scene.target() };
    let theirs = scene.target.commit("other", "theirs", "x", "x\n");
    assert_eq!(landing.push(&other, &head, None).unwrap(), Pushed::Moved(Some(theirs)));
}

#[test]
fn lines_that_both_changed_are_a_conflict() {
    let scene = Scene::new();
    scene.dev.commit("main", "mine is better", "a", "one\nMINE\nthree\n");
    let theirs = scene.target.commit("main", "theirs", "a", "one\nTHEIRS\nthree\n");
    let landing = scene.landing();
    landing.fetch(&scene.target()).unwrap();
    let before = landing.head().unwrap();
    let Err(RebaseError::Conflict(conflict)) = landing.rebase(&theirs, Whitespace::Keep) else {
        panic!("it fits");
    };
    assert_eq!(conflict.files, ["a"]);
    assert!(conflict.commit.ends_with(" mine is better"), "{}", conflict.commit);
    assert_eq!(landing.head().unwrap(), before);
    assert!(!landing.dir().join(".git/rebase-merge").exists() && !landing.dir().join(".git/rebase-apply").exists());
}

#[test]
fn spaces_at_the_ends_of_lines_are_mended_in_what_is_tested() {
    let scene = Scene::new();
    scene.dev.commit("main", "mine", "b", "b  \nc\n");
    let theirs = scene.target.commit("main", "theirs", "c", "c\n");
    let landing = scene.landing();
    landing.fetch(&scene.target()).unwrap();
    landing.rebase(&theirs, Whitespace::Fix).unwrap();
    assert_eq!(std::fs::read_to_string(landing.dir().join("b")).unwrap(), "b\nc\n");
}

#[test]
fn a_mark_is_made_once_and_changes_no_file() {
    let scene = Scene::new();
    scene.dev.commit("main", "mine\n\nA text.\n\nAutobuild-User(main): Old <old@example.org>\n", "b", "b\n");
    let landing = scene.landing();
    let before = landing.head().unwrap();
    let trailers = [
        ("Autobuild-User(main)".to_owned(), "Ada Example <ada@example.org>".to_owned()),
        ("Autobuild-Date(main)".to_owned(), "Sat Nov 21 2026 on box".to_owned()),
    ];
    let marked = landing.mark(&trailers).unwrap();
    assert_ne!(marked, before);
    assert_eq!(landing.tree(&marked).unwrap(), landing.tree(&before).unwrap());
    let again = landing.mark(&trailers).unwrap();
    let message = landing.commit(&again).unwrap().message;
    assert_eq!(
        message.trim_end(),
        "mine\n\nA text.\n\nAutobuild-User(main): Ada Example <ada@example.org>\nAutobuild-Date(main): Sat Nov 21 2026 on box"
    );
}

#[test]
fn a_hook_of_the_remote_may_refuse() {
    let scene = Scene::new();
    scene.dev.commit("main", "mine", "b", "b\n");
    let hook = scene.target.path().join("hooks/update");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\necho not on a Friday >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (landing, target) = (scene.landing(), scene.target());
    let tip = landing.fetch(&target).unwrap();
    let pushed = landing.push(&target, &landing.head().unwrap(), tip.as_deref()).unwrap();
    assert!(
        matches!(&pushed, Pushed::Refused(e) if e.reason.ends_with("not on a Friday (hook declined)")),
        "{pushed:?}"
    );
    assert_eq!(Some(scene.target.head("main")), tip);
}

#[test]
fn nothing_of_the_tested_repository_runs() {
    let scene = Scene::new();
    scene.dev.commit("main", "mine", "b", "b\n");
    let theirs = scene.target.commit("main", "theirs", "c", "c\n");
    let trap = scene.top.path().join("trapped");
    let hooks = scene.dev.path().join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for name in ["post-checkout", "pre-rebase", "commit-msg", "prepare-commit-msg", "pre-push", "post-rewrite"] {
        let hook = hooks.join(name);
        std::fs::write(&hook, format!("#!/bin/sh\ntouch '{}'\n", trap.display())).unwrap();
        std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    scene.dev.git(["config", "core.hooksPath", hooks.to_str().unwrap()]);
    scene.dev.git(["config", "core.editor", "false"]);
    let (landing, target) = (scene.landing(), scene.target());
    let tip = landing.fetch(&target).unwrap();
    landing.rebase(&theirs, Whitespace::Keep).unwrap();
    let marked = landing.mark(&[("Tested-By".to_owned(), "Ada <a@example.org>".to_owned())]).unwrap();
    assert_eq!(landing.push(&target, &marked, tip.as_deref()).unwrap(), Pushed::Landed);
    assert!(!trap.exists());
}
