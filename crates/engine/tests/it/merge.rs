//! Which waiting requests one build answers together: the table of the manual, and what becomes of those that do.

use crate::town::{Town, at, builder, step, worker};
use engine::build::CommandEnd;
use engine::build_set::{NewSet, NewStamp};
use model::property::property;
use model::{
    BuildId, BuilderSpec, ChangeId, Collapse, Config, FunctionRef, ParentStep, Patch, Place, Results, StepFlags,
    StepId, Transition, Value, Waits,
};

fn config(collapse: Collapse) -> Config {
    let plain = vec![step("s", StepFlags::PLAIN)];
    let spec = BuilderSpec { collapse, ..builder("b", &["w"], plain) };
    Config { workers: vec![worker("w", 1)], builders: vec![spec], ..Config::default() }
}

fn town(collapse: Collapse) -> Town {
    Town::new(config(collapse))
}

/// What a change led to.
fn changed(revision: &str, change: i64) -> NewSet {
    let stamp = NewStamp {
        repository: "r".to_owned(),
        branch: Some("main".to_owned()),
        revision: Some(revision.to_owned()),
        changes: vec![ChangeId(change)],
        ..NewStamp::default()
    };
    set(stamp, "Scheduler")
}

fn stamp(branch: &str, revision: Option<&str>) -> NewStamp {
    let branch = Some(branch.to_owned());
    NewStamp { repository: "r".to_owned(), branch, revision: revision.map(str::to_owned), ..NewStamp::default() }
}

fn set(stamp: NewStamp, by: &str) -> NewSet {
    let mut properties = model::Properties::from([property("scheduler", "x", "Scheduler")]);
    if by != "Scheduler" {
        properties.extend([property("owner", by, "Force Build Form"), property("reason", by, "Force Build Form")]);
    }
    NewSet { stamps: vec![stamp], properties, scheduler: by.to_owned(), ..NewSet::default() }
}

fn patched(mut new: NewSet, body: &str) -> NewSet {
    let body = body.as_bytes().to_vec();
    let patch = Patch { level: 1, subdir: String::new(), author: "a".to_owned(), comment: String::new(), body };
    new.stamps[0].patch = Some(patch);
    new
}

fn with(mut new: NewSet, value: i64) -> NewSet {
    new.properties.extend([property("size", value, "Scheduler")]);
    new
}

fn merges(collapse: Collapse, first: NewSet, second: NewSet) -> bool {
    let mut town = town(collapse);
    town.rest(Some("later"));
    town.file(&["b"], first);
    town.file(&["b"], second);
    town.rest(None);
    match town.leases()[0].clone() {
        (_, 2, also, _) if also == [1] => true,
        (_, 1, also, _) if also.is_empty() => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_rule_of_the_manual() {
    let scheduled = |branch, revision| set(stamp(branch, revision), "Scheduler");
    let forced = |branch, revision, who: &str| set(stamp(branch, revision), who);
    let elsewhere = |mut new: NewSet, what: &str| {
        let s = &mut new.stamps[0];
        match what {
            "repository" => s.repository = "q".to_owned(),
            "project" => s.project = "q".to_owned(),
            _ => s.codebase = "q".to_owned(),
        }
        new
    };
    let waited = |new: NewSet| NewSet {
        parent: Some(ParentStep { build: BuildId(9), step: StepId(9), waits: Waits::ForEnd }),
        ..new
    };
    let rebuilt = |new: NewSet| NewSet { rebuilt: Some(BuildId(7)), ..new };
    let two = |mut new: NewSet, revision: &str| {
        new.stamps.push(NewStamp { codebase: "lib".to_owned(), ..stamp("main", Some(revision)) });
        new
    };
    let other_branch = |mut new: NewSet| {
        new.stamps[0].branch = Some("stable".to_owned());
        new
    };
    let table = [
        ("changes of one branch", changed("r1", 1), changed("r2", 2), true),
        ("changes of two branches", changed("r1", 1), other_branch(changed("r2", 2)), false),
        ("another repository", changed("r1", 1), elsewhere(changed("r2", 2), "repository"), false),
        ("another project", changed("r1", 1), elsewhere(changed("r2", 2), "project"), false),
        ("another codebase", changed("r1", 1), elsewhere(changed("r2", 2), "codebase"), false),
        ("a second codebase", changed("r1", 1), two(changed("r2", 2), "x"), false),
        ("second codebases alike", two(changed("r1", 1), "x"), two(changed("r2", 2), "x"), true),
        ("second codebases unlike", two(changed("r1", 1), "x"), two(changed("r2", 2), "y"), false),
        ("a change and a time, same revision", changed("r1", 1), scheduled("main", Some("r1")), false),
        ("two times, same revision", scheduled("main", Some("r1")), scheduled("main", Some("r1")), true),
        ("two times, other revisions", scheduled("main", Some("r1")), scheduled("main", Some("r2")), false),
        ("two times, the latest", scheduled("main", None), scheduled("main", None), true),
        ("the latest and a revision", scheduled("main", None), scheduled("main", Some("r1")), false),
        ("forced, the latest, by two people", forced("main", None, "ann"), forced("main", None, "bob"), true),
        ("forced, the latest of two branches", forced("main", None, "ann"), forced("stable", None, "ann"), false),
        ("forced, same revision", forced("main", Some("r1"), "ann"), forced("main", Some("r1"), "ann"), false),
        ("forced and timed, the latest", forced("main", None, "ann"), scheduled("main", None), true),
        ("tried, same patch", patched(forced("main", None, "a"), "x"), patched(forced("main", None, "a"), "x"), false),
        ("same patch", patched(scheduled("main", None), "x"), patched(scheduled("main", None), "x"), true),
        ("other patches", patched(scheduled("main", None), "x"), patched(scheduled("main", None), "y"), false),
        ("a patch and none", patched(scheduled("main", None), "x"), scheduled("main", None), false),
        ("waited for", waited(changed("r1", 1)), waited(changed("r2", 2)), false),
        ("rebuilt", rebuilt(scheduled("main", Some("r1"))), rebuilt(scheduled("main", Some("r1"))), false),
        ("equal properties", with(changed("r1", 1), 5), with(changed("r2", 2), 5), true),
        ("other properties", with(changed("r1", 1), 5), with(changed("r2", 2), 6), false),
        ("a property and none", with(changed("r1", 1), 5), changed("r2", 2), false),
    ];
    for (what, a, b, expected) in table {
        assert_eq!(merges(Collapse::SameSource, a.clone(), b.clone()), expected, "{what}");
        assert_eq!(merges(Collapse::SameSource, b.clone(), a.clone()), expected, "{what}, the other way round");
        assert!(!merges(Collapse::Never, a, b), "{what}: this builder does not want any");
    }
}

#[test]
fn a_function_decides_which_requests_merge_and_when_it_fails_the_rule_does() {
    let function = |name: &str| {
        let place = Place { file: "master.star".to_owned(), line: 1, column: 1 };
        Collapse::Function(FunctionRef { name: name.to_owned(), place, digest: String::new() })
    };
    let same_size: fn(&[Value]) -> Result<Value, String> = |pair| {
        let size = |r: &Value| at(at(r, "properties"), "size").clone();
        Ok(Value::Bool(size(&pair[0]) == size(&pair[1])))
    };
    let run = |name: &str, sets: Vec<NewSet>| {
        let answers = vec![("same_size", same_size), ("broken", |_: &[Value]| Err("it divides by zero".to_owned()))];
        let mut town = Town::with(answers, config(function(name)));
        town.rest(Some("later"));
        sets.into_iter().for_each(|new| drop(town.file(&["b"], new)));
        town.rest(None);
        let state = town.world.builds().next().expect("runs").build.state.clone();
        (town.leases()[0].1, town.leases()[0].2.clone(), state)
    };
    let forced = |revision, size| with(set(stamp("main", Some(revision)), "ann"), size);
    let sets = vec![forced("r1", 1), forced("r2", 2), forced("r3", 1)];
    assert_eq!(run("same_size", sets.clone()), (3, vec![1], "starting".to_owned()));
    assert_eq!(
        run("broken", sets),
        (1, vec![], "starting; its collapse failed and is passed over: it divides by zero".to_owned())
    );
    let (primary, also, _) = run("broken", vec![changed("r1", 1), changed("r2", 2)]);
    assert_eq!((primary, also), (2, vec![1]), "the rule stands in");
}

/// Three merged requests run.
fn three() -> Town {
    let mut town = town(Collapse::SameSource);
    town.rest(Some("later"));
    for n in 1..=3 {
        town.file(&["b"], changed(&format!("r{n}"), n));
    }
    town.rest(None);
    assert_eq!(town.leases(), [("b".to_owned(), 3, vec![1, 2], "w".to_owned())]);
    assert_eq!(town.world.builds().next().expect("runs").build.properties["revision"].value, Value::from("r3"));
    town
}

#[test]
fn merged_requests_end_together_with_one_result() {
    let mut town = three();
    let build = town.only_build();
    town.end_command(build, CommandEnd::Exited(2));
    assert_eq!(town.answers(), [(3, Results::Failure), (1, Results::Failure), (2, Results::Failure)]);
    assert_eq!(town.sets_ended().len(), 3);
    assert_eq!(town.world.waiting(), 0);
}

#[test]
fn merged_requests_go_back_together_and_survive_a_restart() {
    let mut town = three();
    town.restart();
    let running = town.world.builds().next().expect("runs");
    assert_eq!(running.requests().map(|r| r.0).collect::<Vec<_>>(), [3, 1, 2]);
    let w = town.worker("w");
    town.disconnect(w);
    town.pass(600);
    assert_eq!(town.answers(), []);
    assert_eq!(town.world.waiting(), 3);
    town.connect(w);
    assert_eq!(town.leases()[1], ("b".to_owned(), 3, vec![1, 2], "w".to_owned()), "together again");
    let build = town.only_build();
    town.end_command(build, CommandEnd::Exited(0));
    assert_eq!(town.answers().len(), 3);
}

#[test]
fn one_of_merged_requests_can_be_cancelled_without_the_others() {
    let mut town = three();
    let build = town.only_build();
    let todo = engine::request::cancel(&town.world, model::RequestId(1), "ann: not mine", town.now);
    assert_eq!(todo[0], Transition::CancelAsked { request: model::RequestId(1), reason: "ann: not mine".to_owned() });
    town.take(todo);
    town.settle();
    assert_eq!(town.answers(), [(1, Results::Cancelled)]);
    assert_eq!(town.only_build(), build, "it goes on for the others");
    // Nobody wants the newest any more: its source is what is built, so the build ends and the other one goes back.
    let todo = engine::request::cancel(&town.world, model::RequestId(3), "ann: broken", town.now);
    town.take(todo);
    town.settle();
    town.end_command(build, CommandEnd::Interrupted("ann: broken".to_owned()));
    assert_eq!(town.answers(), [(1, Results::Cancelled), (3, Results::Cancelled)]);
    assert_eq!(town.leases()[1], ("b".to_owned(), 2, vec![], "w".to_owned()));
    let build = town.only_build();
    town.end_command(build, CommandEnd::Exited(0));
    assert_eq!(town.answers().last(), Some(&(2, Results::Success)));
}

#[test]
fn stopping_the_build_cancels_all_that_it_answers() {
    let mut town = three();
    let build = town.only_build();
    town.take(engine::build::stop(&town.world, build, "enough").into_iter().collect());
    town.settle();
    town.end_command(build, CommandEnd::Interrupted("enough".to_owned()));
    assert_eq!(town.answers().iter().map(|a| a.1).collect::<Vec<_>>(), [Results::Cancelled; 3]);
}

#[test]
fn changes_that_come_while_a_build_runs_are_built_together_next() {
    let mut town = town(Collapse::SameSource);
    for n in 1..=4 {
        town.file(&["b"], changed(&format!("r{n}"), n));
    }
    let build = town.only_build();
    town.end_command(build, CommandEnd::Exited(0));
    let leases: Vec<_> = town.leases().into_iter().map(|l| (l.1, l.2)).collect();
    assert_eq!(leases, [(1, vec![]), (4, vec![2, 3])]);
}
