//! The poller at work: real repositories, the real git, and a door that keeps what it is handed.

use super::*;
use crate::SourceState;
use crate::test_door::TestDoor;
use model::Span;
use std::path::Path;
use std::sync::Mutex;
use testkit::{Clock, Repo, temp_dir, wait_for, wait_until};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};

/// A poller that looks only when it is told to.
struct Room {
    dir: tempfile::TempDir,
    repo: Repo,
    door: Arc<TestDoor>,
    runtime: Runtime,
    running: Option<Running>,
    spec: GitPollerSpec,
}

struct Running {
    wake: Arc<Notify>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Room {
    fn new(branches: &[&str]) -> Self {
        let dir = temp_dir();
        let repo = Repo::bare(dir.path().join("repo.git"));
        let spec = GitPollerSpec {
            name: "poller".to_owned(),
            repository: repo.address(),
            branches: branches.iter().map(|b| (*b).to_owned()).collect(),
            every: Span::seconds(3600),
            project: "p".to_owned(),
            category: None,
            codebase: String::new(),
            build_existing: false,
            defined_at: None,
        };
        let door = Arc::new(TestDoor { kept: Mutex::default(), clock: Clock::default() });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { dir, repo, door, runtime, running: None, spec }
    }

    /// Lets it look once, and says what it said then.
    fn look(&mut self) -> SourceState {
        let before = self.door.kept().said.len();
        match &self.running {
            Some(running) => running.wake.notify_one(),
            None => self.start(),
        }
        let door = self.door.clone();
        wait_for("the poller has looked", || door.kept().said.get(before).cloned())
    }

    fn start(&mut self) {
        let (stop, stopping) = watch::channel(false);
        let wake = Arc::new(Notify::new());
        let bell = Bell { wake: wake.clone(), stop: stopping };
        let (spec, dir, door) = (self.spec.clone(), self.dir.path().join("mirrors"), self.door.clone());
        let task = self.runtime.spawn(crate::watch(model::ChangeSourceSpec::GitPoller(spec), dir, door, bell));
        self.running = Some(Running { wake, stop, task });
    }

    /// Ends it, so that the next look is one of a new process.
    fn stop(&mut self) {
        let running = self.running.take().unwrap();
        running.stop.send(true).unwrap();
        wait_until("the poller has ended", || running.task.is_finished());
    }

    /// Looks, and says `branch: title` of each change that came of it.
    fn news(&mut self) -> Vec<String> {
        let before = self.door.kept().changes.len();
        let state = self.look();
        assert_eq!(state.failing, None);
        let kept = self.door.kept();
        kept.changes[before..]
            .iter()
            .map(|c| format!("{}: {}", c.branch.as_deref().unwrap_or("-"), c.title()))
            .collect()
    }

    fn said(&self) -> String {
        self.door.kept().said.last().unwrap().text.clone()
    }

    fn commit(&self, branch: &str, title: &str) -> String {
        self.repo.commit(branch, title, "a.c", title)
    }
}

#[test]
fn the_first_look_only_remembers_and_later_ones_tell_in_order() {
    let mut room = Room::new(&["main"]);
    room.commit("main", "Old");
    room.commit("elsewhere", "Not followed");
    assert!(room.news().is_empty());
    assert!(room.news().is_empty());
    for n in 0..12 {
        room.repo
            .on("main")
            .author("Grace <g@h>")
            .message(format!("New {n}\n\nBecause.\n"))
            .file("a.c", format!("{n}"))
            .commit();
    }
    let expected: Vec<String> = (0..12).map(|n| format!("main: New {n}")).collect();
    assert_eq!(room.news(), expected);
    assert_eq!(room.said(), format!("main at {}; 12 new commits", &room.repo.head("main")[..12]));
    let change = room.door.kept().changes[3].clone();
    assert_eq!((change.author.as_str(), change.comments.as_str()), ("Grace <g@h>", "New 3\n\nBecause.\n"));
    assert_eq!(
        (change.repository, change.project, change.files),
        (room.repo.address(), "p".to_owned(), vec!["a.c".to_owned()])
    );
    assert_eq!(change.committer, None);
    assert!(room.news().is_empty());
    assert_eq!(room.door.kept().batches, 2, "where nothing is new, nothing is written");
}

#[test]
fn what_is_there_can_be_built_at_the_first_look() {
    let mut room = Room::new(&[]);
    room.spec.build_existing = true;
    room.commit("main", "One");
    room.commit("main", "Two");
    room.commit("side", "Side");
    assert_eq!(room.news(), ["main: Two", "side: Side"]);
    assert!(room.news().is_empty());
}

#[test]
fn a_new_branch_tells_its_own_commits_and_never_the_history() {
    let mut room = Room::new(&[]);
    let old = room.commit("main", "Old");
    room.commit("main", "Older news");
    room.look();
    room.repo.point("topic", &old);
    room.commit("topic", "Topic 1");
    room.commit("topic", "Topic 2");
    assert_eq!(room.news(), ["topic: Topic 1", "topic: Topic 2"]);
    assert!(room.said().starts_with("2 branches; topic is new"), "{}", room.said());
    room.repo.point("release", &old);
    assert!(room.news().is_empty(), "a branch without a commit of its own");
    room.repo.delete_branch("topic");
    assert!(room.news().is_empty());
    assert!(room.said().contains("topic is gone"), "{}", room.said());
    room.repo.point("topic", &old);
    room.commit("topic", "Topic anew");
    assert_eq!(room.news(), ["topic: Topic anew"], "a branch that comes back");
    let head = room.repo.head("topic");
    room.repo.point("main", &head);
    assert_eq!(room.news(), ["main: Topic anew"], "another branch gets there, by force");
}

#[test]
fn a_branch_that_is_created_late_does_not_tell_the_history() {
    let mut room = Room::new(&["develop"]);
    room.commit("main", "Old");
    let old = room.commit("main", "Still old");
    room.look();
    assert_eq!(room.said(), "none of its branches is there");
    room.repo.point("develop", &old);
    room.commit("develop", "First of its own");
    assert_eq!(room.news(), ["develop: First of its own"]);
    room.commit("develop", "Second");
    room.commit("develop", "Third");
    assert_eq!(room.news(), ["develop: Second", "develop: Third"]);
}

#[test]
fn what_is_pushed_into_an_empty_repository_is_all_new() {
    let mut room = Room::new(&["main"]);
    room.look();
    assert_eq!(room.said(), "the repository has no commit yet");
    room.commit("main", "One");
    room.commit("main", "Two");
    assert_eq!(room.news(), ["main: One", "main: Two"]);
}

#[test]
fn forced_pushes_tell_what_is_new_and_say_so() {
    let mut room = Room::new(&["main", "side"]);
    let base = room.commit("main", "Base");
    let one = room.commit("main", "One");
    room.repo.point("side", &base);
    let side = room.commit("side", "Side");
    room.look();
    room.repo.point("main", &base);
    room.commit("main", "One, rewritten");
    room.commit("main", "Two");
    assert_eq!(room.news(), ["main: One, rewritten", "main: Two"]);
    assert!(room.said().contains("main was force-pushed"), "{}", room.said());
    room.repo.point("main", &base);
    assert!(room.news().is_empty());
    assert!(room.said().contains("main was moved back"), "{}", room.said());
    room.repo.point("main", &one);
    assert_eq!(room.news(), ["main: One"], "forward again, to what was once thrown away");
    room.repo.point("main", &side);
    assert_eq!(room.news(), ["main: Side"], "its tree is one that main did not have");
    // A merge brings the commits of the other branch along.
    room.repo.point("side", &one);
    room.look();
    room.repo.on("side").message("Merge main").merging("main").commit();
    assert_eq!(room.news(), ["side: Side", "side: Merge main"]);
}

#[test]
fn a_repository_that_is_away_costs_nothing_but_time() {
    let mut room = Room::new(&["main"]);
    room.spec.every = Span::seconds(30);
    room.commit("main", "Old");
    room.look();
    let (here, there) = (room.repo.path().to_path_buf(), room.dir.path().join("away"));
    let moved = |from: &Path, to: &Path| std::fs::rename(from, to).unwrap();
    moved(&here, &there);
    let reason = format!("there is no git repository at {}", here.display());
    for (text, pause) in [
        ("; looks again in 1 min", 60),
        (" (2 times now); looks again in 2 min", 120),
        (" (3 times now); looks again in 4 min", 240),
    ] {
        let state = room.look();
        assert_eq!(state.text, format!("{reason}{text}"));
        assert_eq!(state.failing.as_deref(), Some(reason.as_str()));
        assert_eq!(state.next_at, Some(room.door.now() + Span::seconds(pause)));
    }
    moved(&there, &here);
    for n in 0..3 {
        room.commit("main", &format!("Meanwhile {n}"));
    }
    assert_eq!(room.news(), ["main: Meanwhile 0", "main: Meanwhile 1", "main: Meanwhile 2"]);
    let state = room.door.kept().said.last().unwrap().clone();
    assert_eq!(state.next_at, Some(room.door.now() + Span::seconds(30)));
}

#[test]
fn a_new_process_goes_on_where_the_last_one_was() {
    let mut room = Room::new(&["main"]);
    room.commit("main", "Old");
    room.look();
    room.stop();
    room.commit("main", "While nobody looked");
    assert_eq!(room.news(), ["main: While nobody looked"]);
    room.stop();
    // Even without its mirror.
    std::fs::remove_dir_all(room.dir.path().join("mirrors")).unwrap();
    room.commit("main", "Without a mirror");
    assert_eq!(room.news(), ["main: Without a mirror"]);
    room.stop();
    // And with neither the mirror nor the history that it knows.
    std::fs::remove_dir_all(room.dir.path().join("mirrors")).unwrap();
    room.repo.delete_branch("main");
    room.commit("main", "Another beginning");
    room.commit("main", "Another history");
    assert_eq!(room.news(), ["main: Another history"], "what shares nothing with what is known may be old");
}

#[test]
fn what_the_master_does_not_keep_is_told_again() {
    let mut room = Room::new(&["main"]);
    room.commit("main", "Old");
    room.look();
    room.commit("main", "New");
    room.door.kept().refuse = Some("the disk is full".to_owned());
    let state = room.look();
    assert_eq!(state.failing.as_deref(), Some("the changes cannot be kept: the disk is full"));
    assert!(room.door.kept().changes.is_empty());
    room.door.kept().refuse = None;
    assert_eq!(room.news(), ["main: New"]);
}

#[test]
fn a_memory_of_a_newer_version_is_left_alone() {
    let mut room = Room::new(&["main"]);
    room.commit("main", "Old");
    let newer = r#"{"version":2,"heads":{},"gone":{},"empty":false}"#;
    room.door.kept().memory = Some(newer.to_owned());
    let state = room.look();
    assert_eq!(state.failing.as_deref(), Some("its memory is of version 2, and this Sluice knows version 1"));
    assert_eq!(room.door.kept().memory.as_deref(), Some(newer));
}

#[test]
fn many_commits_are_handed_over_in_pieces() {
    let mut room = Room::new(&["main"]);
    room.commit("main", "Old");
    room.look();
    let mut stream = String::new();
    for n in 0..1234 {
        let (date, title) = (1_767_300_000 + n, format!("n{n}\n"));
        let from = if n == 0 { "from refs/heads/main^0\n" } else { "" };
        stream.push_str(&format!(
            "commit refs/heads/main\ncommitter A <a@h> {date} +0000\ndata {}\n{title}{from}\n",
            title.len()
        ));
    }
    let path = room.dir.path().join("stream");
    std::fs::write(&path, stream).unwrap();
    room.repo.git(["-c", &format!("alias.in=!git fast-import --quiet < {}", path.display()), "in"]);
    let expected: Vec<String> = (0..1234).map(|n| format!("main: n{n}")).collect();
    assert_eq!(room.news(), expected);
    assert_eq!(room.door.kept().batches, 1 + 3);
}

#[test]
fn a_working_clone_is_followed_and_a_stop_is_quick() {
    let mut room = Room::new(&[]);
    room.repo = Repo::with_work_tree(room.dir.path().join("clone"));
    room.spec.repository = room.repo.address();
    room.commit("main", "Old");
    room.look();
    room.repo.on("main").message(b"Two\nlines <b>\xff\n".as_slice()).file("new\nline", "x").commit();
    assert_eq!(room.news(), ["main: Two"]);
    let change = room.door.kept().changes[0].clone();
    assert_eq!(change.comments, "Two\nlines <b>\u{fffd}\n");
    assert_eq!(change.files, ["new\nline"]);
    room.stop();
    // A repository that takes the call and never answers does not hold up the end.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    room.spec.repository = format!("git://127.0.0.1:{}/z", deaf.local_addr().unwrap().port());
    room.start();
    let caller = deaf.accept().unwrap();
    room.stop();
    drop(caller);
}
