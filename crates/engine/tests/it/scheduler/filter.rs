//! Which changes a scheduler looks at.

use super::place::{function, hear, of_b, sets, town};
use model::{ChangeFilter, Follow, Match, NewChange, SchedulerKind};

fn facts() -> NewChange {
    NewChange {
        author: "ann <ann@example.org>".to_owned(),
        branch: Some("release/1.2".to_owned()),
        repository: "https://example.org/zlib".to_owned(),
        category: None,
        files: vec!["docs/a.md".to_owned(), "src/b.c".to_owned()],
        revision: Some("r".to_owned()),
        ..NewChange::default()
    }
}

fn lets_through(filter: ChangeFilter, change: NewChange) -> bool {
    let follow = Follow { filter, ..Follow::default() };
    let mut town = town(vec![of_b("all", SchedulerKind::AnyBranch(follow))]);
    hear(&mut town, vec![change]);
    sets(&town).len() == 1
}

fn one_of(texts: &[Option<&str>]) -> Match {
    Match::OneOf(texts.iter().map(|t| t.map(str::to_owned)).collect())
}

fn none_of(texts: &[Option<&str>]) -> Match {
    Match::NoneOf(texts.iter().map(|t| t.map(str::to_owned)).collect())
}

fn glob(text: &str) -> Match {
    Match::Glob(vec![text.to_owned()])
}

#[test]
fn a_filter_of_branches() {
    let table: [(Match, Option<&str>, bool); 26] = [
        (Match::Any, None, true),
        (Match::Any, Some("x"), true),
        (one_of(&[None]), None, true),
        (one_of(&[None]), Some("x"), false),
        (one_of(&[Some("x"), None]), Some("x"), true),
        (one_of(&[]), Some("x"), false),
        (none_of(&[None]), None, false),
        (none_of(&[Some("x")]), None, true),
        (none_of(&[Some("x")]), Some("x"), false),
        (none_of(&[]), Some("x"), true),
        (glob("release/*"), Some("release/1/2"), true),
        (glob("release/**"), Some("release/1/2"), true),
        (glob("release/*"), Some("release/"), true),
        (glob("release/*"), Some("my/release/1"), false),
        (glob("*"), None, true),
        (glob("?*"), None, false),
        (glob("v?.0"), Some("vß.0"), true),
        (glob("v?.0"), Some("v10.0"), false),
        (glob("a.b"), Some("axb"), false),
        (glob("[a]\\(+"), Some("[a]\\(+"), true),
        (Match::Glob(vec![]), Some("x"), false),
        (Match::Regex("^v[0-9]".to_owned()), Some("v1-fix"), true),
        (Match::Regex("[0-9]$".to_owned()), Some("v1-fix"), false),
        (Match::Regex("^$".to_owned()), None, true),
        (Match::NotRegex("^wip/".to_owned()), Some("wip/x"), false),
        (Match::NotRegex("^wip/".to_owned()), Some("x"), true),
    ];
    for (wish, branch, through) in table {
        let change = NewChange { branch: branch.map(str::to_owned), ..facts() };
        let filter = ChangeFilter { branch: wish.clone(), ..ChangeFilter::default() };
        assert_eq!(lets_through(filter, change), through, "{wish:?} {branch:?}");
    }
}

#[test]
fn a_filter_of_files_looks_for_one_that_fits() {
    let table: [(Match, &[&str], bool); 8] = [
        (glob("src/*.c"), &["docs/a", "src/x/b.c"], true),
        (glob("src/*.c"), &["docs/a"], false),
        (Match::NotRegex("^docs/".to_owned()), &["docs/a"], false),
        (Match::NotRegex("^docs/".to_owned()), &["docs/a", "src/b.c"], true),
        (none_of(&[Some("NEWS")]), &["NEWS"], false),
        (one_of(&[Some("NEWS")]), &["src/b.c", "NEWS"], true),
        (one_of(&[Some("NEWS")]), &[], false),
        (Match::NotRegex("^docs/".to_owned()), &[], true),
    ];
    for (files, named, through) in table {
        let change = NewChange { files: named.iter().map(|f| (*f).to_owned()).collect(), ..facts() };
        let filter = ChangeFilter { files: files.clone(), ..ChangeFilter::default() };
        assert_eq!(lets_through(filter, change), through, "{files:?} {named:?}");
    }
}

#[test]
fn all_that_is_given_must_agree() {
    let whole = ChangeFilter {
        branch: glob("release/*"),
        repository: Match::is("https://example.org/zlib"),
        project: one_of(&[None]),
        category: one_of(&[None, Some("")]),
        codebase: one_of(&[None]),
        author: Match::Regex("@example\\.org>$".to_owned()),
        files: glob("src/*"),
        function: Some(function("by_ann")),
    };
    assert!(lets_through(whole.clone(), facts()));
    let no = || Match::is("something else");
    let wrong = [
        ChangeFilter { branch: no(), ..whole.clone() },
        ChangeFilter { repository: no(), ..whole.clone() },
        ChangeFilter { project: no(), ..whole.clone() },
        ChangeFilter { category: no(), ..whole.clone() },
        ChangeFilter { codebase: no(), ..whole.clone() },
        ChangeFilter { author: no(), ..whole.clone() },
        ChangeFilter { files: no(), ..whole.clone() },
    ];
    for filter in wrong {
        assert!(!lets_through(filter.clone(), facts()), "{filter:?}");
    }
    let by_bob = NewChange { author: "bob <bob@example.org>".to_owned(), ..facts() };
    assert!(!lets_through(whole, by_bob), "the function is asked as well");
}

#[test]
fn what_cannot_be_read_or_answered_keeps_no_change_out_and_is_told() {
    let broken = ChangeFilter { branch: Match::Regex("(".to_owned()), ..ChangeFilter::default() };
    assert!(lets_through(broken.clone(), facts()));
    let follow = Follow { filter: broken, ..Follow::default() };
    let config = super::place::config(vec![of_b("all", SchedulerKind::AnyBranch(follow))]);
    let said: Vec<String> = engine::scheduler::check(&config, "UTC").into_iter().map(|p| p.what).collect();
    assert_eq!(said, ["branch: the pattern '(' cannot be read: unclosed group"]);

    let raises = ChangeFilter { function: Some(function("raises")), ..ChangeFilter::default() };
    let follow = Follow { filter: raises, ..Follow::default() };
    let mut town = town(vec![of_b("all", SchedulerKind::AnyBranch(follow))]);
    hear(&mut town, vec![facts()]);
    assert_eq!(sets(&town).len(), 1);
    let trouble = town.world.scheduler_named("all").and_then(|s| s.state.trouble.clone());
    insta::assert_snapshot!(trouble.expect("told"), @"of the change r, it was let through: raises (master.star:7:1) went on for too long");
}

#[test]
fn a_pattern_that_would_need_much_memory_is_refused() {
    let huge = Match::Regex("(a{1000}){1000}".to_owned());
    let follow = Follow { filter: ChangeFilter { branch: huge, ..ChangeFilter::default() }, ..Follow::default() };
    let config = super::place::config(vec![of_b("all", SchedulerKind::AnyBranch(follow))]);
    let problems = engine::scheduler::check(&config, "UTC");
    assert!(problems[0].what.contains("size limit"), "{problems:?}");
}
