//! The same story, looked at by every system: what was there is remembered, what comes is told in order, and once.

use super::*;
use testkit::{TreeRepo, temp_dir};

/// What a look tells: the branch as the story calls it, the title, the files.
fn told(news: &News, repo: &TreeRepo) -> Vec<(String, String, String)> {
    let story = |branch: &Option<String>| {
        let main = branch.is_none() || *branch == repo.branch("main");
        if main { "main".to_owned() } else { "topic".to_owned() }
    };
    news.commits.iter().map(|(b, c)| (story(b), c.message.trim().to_owned(), c.files.join(" "))).collect()
}

fn line(branch: &str, title: &str, files: &str) -> (String, String, String) {
    (branch.to_owned(), title.to_owned(), files.to_owned())
}

#[test]
fn a_subversion_repository_that_was_replaced_is_told() {
    let dir = temp_dir();
    let make = || TreeRepo::new(Vcs::Subversion, dir.path().join("repo"));
    let repo = make();
    repo.commit("main", "One", "a.c", "1\n");
    repo.commit("main", "Two", "a.c", "2\n");
    let branches = vec!["trunk".to_owned()];
    let watched =
        Watched { vcs: Vcs::Subversion, repository: repo.address(), module: None, branches, dir: dir.path().join("k") };
    let look = |before: Option<&Heads>| watched.look(before, &Heads::new(), Time(0), &Leash::default()).unwrap();
    let first = look(None);
    // What an earlier version remembers is taken for this repository.
    let head = first.heads[""].split(' ').next().unwrap().to_owned();
    let early = look(Some(&Heads::from([(String::new(), head)])));
    assert_eq!((early.heads, told(&look(Some(&first.heads)), &repo)), (first.heads.clone(), vec![]));
    std::fs::remove_dir_all(dir.path().join("repo")).unwrap();
    let other = make();
    // As many revisions as the first one has: the numbers say nothing.
    other.commit("main", "Begun anew", "b.c", "1\n");
    other.commit("main", "Another", "b.c", "2\n");
    let after = look(Some(&first.heads));
    assert_eq!(told(&after, &other), [line("main", "Another", "b.c")]);
    assert_eq!(after.notes, ["another repository has taken the place of the one that was here"]);
    let quiet = look(Some(&after.heads));
    assert_eq!((told(&quiet, &other), quiet.notes), (vec![], vec![]));
    other.commit("main", "Third", "b.c", "3\n");
    assert_eq!(told(&look(Some(&after.heads)), &other), [line("main", "Third", "b.c")]);
}

#[test]
fn what_comes_is_told_in_order_and_once() {
    for vcs in Vcs::ALL {
        let dir = temp_dir();
        let repo = TreeRepo::new(vcs, dir.path().join("repo"));
        repo.commit("main", "One", "a.c", "1\n");
        let (repository, branches) = match vcs {
            Vcs::Subversion => (repo.address(), vec!["trunk".to_owned(), "branches/*".to_owned()]),
            _ => (repo.address_of("main"), Vec::new()),
        };
        let watched = Watched { vcs, repository, module: repo.module(), branches, dir: dir.path().join("kept") };
        let leash = Leash::default();
        let now = || {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            Time::from_seconds(i64::try_from(since.as_secs()).unwrap())
        };
        let none = Heads::new();
        let look = |before: Option<&Heads>| {
            watched.look(before, &none, now(), &leash).unwrap_or_else(|e| panic!("{vcs:?}: {e}"))
        };

        let first = look(None);
        let titles: Vec<String> = told(&first, &repo).into_iter().map(|(_, title, _)| title).collect();
        // CVS has no newest commit: it looks from now on.
        let expected: &[&str] = if vcs == Vcs::Cvs { &[] } else { &["One"] };
        assert_eq!(titles, expected, "{vcs:?}");
        let again = look(Some(&first.heads));
        assert_eq!((told(&again, &repo), &again.heads), (vec![], &first.heads), "{vcs:?}");

        let two = repo.commit("main", "Two\n\nwith <more> & more", "src/b c.c", "2\n");
        let three = repo.commit("main", "Three", "a.c", "3\n");
        let later = look(Some(&first.heads));
        let expected = [line("main", "Two\n\nwith <more> & more", "src/b c.c"), line("main", "Three", "a.c")];
        assert_eq!(told(&later, &repo), expected, "{vcs:?}");
        let revisions: Vec<&str> = later.commits.iter().map(|(_, c)| c.revision.as_str()).collect();
        assert_eq!(revisions, [&two, &three], "{vcs:?}");
        let author = &later.commits[0].1.author;
        assert!(author == "ada" || matches!(vcs, Vcs::Cvs) && !author.is_empty(), "{vcs:?}: {author}");
        let age = now().since(later.commits[0].1.authored_at);
        assert!(age < model::Span::seconds(600), "{vcs:?}: {age}");

        // A branch where branches can be seen from one address.
        if matches!(vcs, Vcs::Subversion | Vcs::Mercurial | Vcs::Cvs) {
            repo.fork();
            repo.commit("topic", "Four", "a.c", "4\n");
            let on_branch = look(Some(&later.heads));
            assert_eq!(told(&on_branch, &repo).last(), Some(&line("topic", "Four", "a.c")), "{vcs:?}");
            assert!(told(&look(Some(&on_branch.heads)), &repo).is_empty(), "{vcs:?}");
        }
        // What it keeps may be lost: nothing is told twice for that.
        let _ = std::fs::remove_dir_all(&watched.dir);
        let last = look(Some(&later.heads));
        assert!(told(&look(Some(&last.heads)), &repo).is_empty(), "{vcs:?}");

        let gone = Watched { repository: watched.repository.replace("/repo", "/gone"), ..watched.clone() };
        let _ = std::fs::remove_dir_all(&watched.dir);
        let e = gone.look(None, &none, now(), &leash).unwrap_err();
        assert_eq!(e.fault, Fault::Away, "{vcs:?}: {e}");
        leash.cut();
        assert_eq!(watched.look(None, &none, now(), &leash).unwrap_err().fault, Fault::Stopped, "{vcs:?}");
    }
}
