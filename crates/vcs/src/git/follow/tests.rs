//! Following real repositories with the real git.

use super::*;
use testkit::{Repo, temp_dir};

fn since(known: &[&str]) -> Since {
    Since { known: known.iter().map(|k| (*k).to_owned()).collect(), most: 1000 }
}

fn titles(commits: &[Commit]) -> Vec<&str> {
    commits.iter().map(|c| c.message.lines().next().unwrap_or("")).collect()
}

#[test]
fn heads_are_seen_fetched_and_told_in_order() {
    let dir = temp_dir();
    let repo = Repo::bare(dir.path().join("r.git"));
    let follower = Follower::new(&repo.address(), &dir.path().join("mirrors"));
    let leash = Leash::default();
    assert_eq!(follower.look(&leash).unwrap(), Heads::new(), "an empty repository has no heads");

    let first = repo.commit("main", "One", "a.c", "1\n");
    repo.point("side", &first);
    repo.on("main").message(b"Two <b>&\xff").author("Grace <g@h>").file("b\nc", "1").remove("a.c").commit();
    repo.on("side").message("Side").file("s.c", "1").commit();
    let merge = repo.on("main").message("Merge").merging("side").file("s.c", "1").commit();
    let heads = follower.look(&leash).unwrap();
    assert_eq!(heads.get("main"), Some(&merge));
    assert_eq!(
        follower.fetch(&["main".to_owned()], &leash).unwrap(),
        Heads::from([("main".to_owned(), merge.clone())])
    );

    let commits = follower.history(&merge, &since(&[&first]), &leash).unwrap();
    assert_eq!(titles(&commits), ["Two <b>&\u{fffd}", "Side", "Merge"]);
    assert_eq!(commits[0].author, "Grace <g@h>");
    assert_eq!(commits[0].files, ["a.c", "b\nc"]);
    assert_eq!(commits[2].files, ["s.c"], "a merge is compared with its first parent");
    assert_eq!(
        titles(&follower.history(&merge, &Since { known: Vec::new(), most: 2 }, &leash).unwrap()),
        ["Side", "Merge"]
    );
    let unknown = "0123456789012345678901234567890123456789";
    assert_eq!(follower.history(&merge, &since(&[unknown, "rubbish"]), &leash).unwrap().len(), 4);
    assert_eq!(follower.stands_on(&merge, &first, &leash).unwrap(), Some(true));
    assert_eq!(follower.stands_on(&first, &merge, &leash).unwrap(), Some(false));
    assert_eq!(follower.stands_on(&first, unknown, &leash).unwrap(), None);
    assert_eq!(follower.present(&[unknown.to_owned(), first.clone()], &leash).unwrap(), [first]);
}

#[test]
fn many_commits_keep_their_order() {
    let dir = temp_dir();
    let repo = Repo::bare(dir.path().join("r.git"));
    // More than one `git log` tells of.
    let mut stream = String::new();
    for n in 0..350 {
        stream.push_str(&format!("commit refs/heads/main\ncommitter A <a@h> 1000000000 +0000\ndata 4\nn{n:03}\n"));
    }
    std::fs::write(dir.path().join("stream"), stream).unwrap();
    repo.git(["-c", &format!("alias.in=!git fast-import --quiet < {}", dir.path().join("stream").display()), "in"]);
    let follower = Follower::new(&repo.address(), &dir.path().join("mirrors"));
    let heads = follower.fetch(&["main".to_owned()], &Leash::default()).unwrap();
    let commits = follower.history(&heads["main"], &since(&[]), &Leash::default()).unwrap();
    let expected: Vec<String> = (0..350).map(|n| format!("n{n:03}")).collect();
    assert_eq!(titles(&commits), expected);
}

#[test]
fn branches_vanish_move_and_change_into_directories() {
    let dir = temp_dir();
    let repo = Repo::with_work_tree(dir.path().join("clone"));
    let follower = Follower::new(&repo.address(), &dir.path().join("mirrors"));
    let leash = Leash::default();
    let first = repo.commit("main", "One", "a.c", "1\n");
    for name in ["a", "-x", "größe"] {
        repo.point(name, &first);
    }
    let names = |n: &[&str]| n.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let all = follower.fetch(&names(&["-x", "a", "größe", "main"]), &leash).unwrap();
    assert_eq!(all.len(), 4);
    repo.delete_branch("a");
    repo.point("a/b", &first);
    let left = follower.fetch(&names(&["a", "a/b", "main"]), &leash).unwrap();
    assert_eq!(left.keys().collect::<Vec<_>>(), ["a/b", "main"], "the one that vanished is left out");
}

#[test]
fn a_garbled_mirror_is_made_anew() {
    let dir = temp_dir();
    let repo = Repo::bare(dir.path().join("r.git"));
    let mirrors = dir.path().join("mirrors");
    let follower = Follower::new(&repo.address(), &mirrors);
    repo.commit("main", "One", "a.c", "1\n");
    follower.fetch(&["main".to_owned()], &Leash::default()).unwrap();
    let mirror = std::fs::read_dir(&mirrors).unwrap().flatten().map(|e| e.path()).find(|p| p.is_dir()).unwrap();
    std::fs::remove_dir_all(mirror.join("objects")).unwrap();
    std::fs::create_dir(mirror.join("objects")).unwrap();
    let head = repo.commit("main", "Two", "a.c", "2\n");
    follower.fetch(&["main".to_owned()], &Leash::default()).unwrap();
    assert_eq!(follower.history(&head, &since(&[]), &Leash::default()).unwrap().len(), 2);
}

#[test]
fn what_is_away_and_what_is_stopped_are_told_apart() {
    let dir = temp_dir();
    let follower = Follower::new("/nowhere/at/all", dir.path());
    let e = follower.look(&Leash::default()).unwrap_err();
    assert_eq!((e.fault, e.reason.as_str()), (Fault::Away, "there is no git repository at /nowhere/at/all"));
    let leash = Leash::default();
    leash.cut();
    assert_eq!(follower.look(&leash).unwrap_err().fault, Fault::Stopped);
    assert_eq!(Follower::new("../x", dir.path()).look(&Leash::default()).unwrap_err().fault, Fault::Asked);
}
