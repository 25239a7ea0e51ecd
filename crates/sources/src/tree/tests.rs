//! The pollers at work: real repositories of every system, and a door that keeps what it is handed.

use super::*;
use crate::SourceState;
use crate::test_door::TestDoor;
use model::Vcs;
use std::sync::Mutex;
use testkit::{Clock, TreeRepo, temp_dir, wait_for, wait_until};
use tokio::sync::{Notify, watch};

fn spec(vcs: Vcs, repo: &TreeRepo) -> VcsPollerSpec {
    VcsPollerSpec {
        name: "poller".to_owned(),
        vcs,
        repository: repo.address_of("main"),
        module: repo.module(),
        branches: Vec::new(),
        branch: (!vcs.names_branches()).then(|| "main".to_owned()),
        every: Span::seconds(3600),
        project: "p".to_owned(),
        category: Some("c".to_owned()),
        codebase: String::new(),
        build_existing: false,
        defined_at: None,
    }
}

#[test]
fn the_first_look_remembers_and_a_new_process_goes_on_from_there() {
    for vcs in Vcs::ALL {
        let dir = temp_dir();
        let repo = TreeRepo::new(vcs, dir.path().join("repo"));
        repo.commit("main", "Old", "a.c", "1\n");
        let door = Arc::new(TestDoor { kept: Mutex::default(), clock: Clock::default() });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        // Each look is one of a new process.
        let look = || -> SourceState {
            let before = door.kept().said.len();
            let (stop, stopping) = watch::channel(false);
            let bell = Bell { wake: Arc::new(Notify::new()), stop: stopping };
            let source = model::ChangeSourceSpec::VcsPoller(spec(vcs, &repo));
            let task = runtime.spawn(crate::watch(source, dir.path().join("kept"), door.clone(), bell));
            let said = wait_for("the poller has looked", || door.kept().said.get(before).cloned());
            stop.send(true).unwrap();
            wait_until("the poller has ended", || task.is_finished());
            said
        };
        assert_eq!(look().failing, None, "{vcs:?}");
        assert!(door.kept().changes.is_empty(), "{vcs:?}");
        let new = [repo.commit("main", "One", "a.c", "2\n"), repo.commit("main", "Two\n\nwhy", "b.c", "1\n")];
        let said = look();
        assert_eq!(said.failing, None, "{vcs:?}");
        assert!(said.text.ends_with("; 2 new commits"), "{vcs:?}: {}", said.text);
        {
            let kept = door.kept();
            let revisions: Vec<_> = kept.changes.iter().filter_map(|c| c.revision.clone()).collect();
            assert_eq!(revisions, new, "{vcs:?}");
            let change = &kept.changes[1];
            assert_eq!((change.title(), change.files.as_slice()), ("Two", &["b.c".to_owned()][..]), "{vcs:?}");
            assert_eq!((change.project.as_str(), change.category.as_deref()), ("p", Some("c")), "{vcs:?}");
            let expected = if vcs == Vcs::Cvs {
                None
            } else {
                repo.branch("main").map(|b| if b == "trunk" { "main".into() } else { b })
            };
            assert_eq!(change.branch, expected, "{vcs:?}");
        }
        let batches = door.kept().batches;
        assert_eq!((look().failing, door.kept().changes.len()), (None, 2), "{vcs:?}");
        // What was told once is gone from the memory of CVS some minutes later; for the others nothing is written.
        assert!(door.kept().batches == batches || vcs == Vcs::Cvs, "{vcs:?}");
        std::fs::rename(dir.path().join("repo"), dir.path().join("away")).unwrap();
        let said = look();
        assert!(said.failing.is_some(), "{vcs:?}: {}", said.text);
        std::fs::rename(dir.path().join("away"), dir.path().join("repo")).unwrap();
        repo.commit("main", "Three", "a.c", "3\n");
        assert_eq!(look().failing, None, "{vcs:?}");
        let last = door.kept().changes.last().map(|c| c.title().to_owned());
        assert_eq!((last.as_deref(), door.kept().changes.len()), (Some("Three"), 3), "{vcs:?}");
    }
}
