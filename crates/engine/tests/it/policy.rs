//! Functions of a builder: which request, which worker, whether now, whether at all; and what happens when one fails.

use crate::town::{Answer, Town, at, builder, forced, scheduler, step, worker};
use engine::build::CommandEnd;
use engine::build_set::{NewSet, NewStamp};
use model::property::property;
use model::{
    BuilderSpec, Condition, Config, FunctionRef, LockAccess, LockScope, LockSpec, LockUse, Place, RequestId, Results,
    StepFlags, Text, Value,
};
use std::collections::BTreeMap;

pub(crate) fn function(name: &str) -> FunctionRef {
    let place = Place { file: "master.star".to_owned(), line: 1, column: 1 };
    FunctionRef { name: name.to_owned(), place, digest: String::new() }
}

fn answers() -> Vec<(&'static str, Answer)> {
    vec![
        ("none", |_| Ok(Value::Null)),
        ("broken", |_| Err("it divides by zero at master.star:3".to_owned())),
        ("nonsense", |_| Ok(Value::from("nobody"))),
        ("last_worker", |given| match &given[1] {
            Value::List(names) => Ok(names.last().cloned().unwrap_or(Value::Null)),
            other => Err(format!("{other:?} are no names")),
        }),
        ("largest", |given| match &given[0] {
            Value::List(requests) => {
                let size = |r: &&Value| match at(at(r, "properties"), "size") {
                    Value::Int(size) => *size,
                    other => panic!("{other:?} is no size"),
                };
                Ok(at(requests.iter().max_by_key(size).expect("some"), "id").clone())
            }
            other => Err(format!("{other:?} are no requests")),
        }),
        ("small_or_on_big", |given| {
            let small = *at(at(&given[0], "properties"), "size") == Value::Int(1);
            Ok(Value::Bool(small || given[1] == Value::from("big")))
        }),
        ("no", |_| Ok(Value::Bool(false))),
        ("stable_only", |given| Ok(Value::Bool(*at(at(&given[0], "properties"), "branch") == Value::from("stable")))),
        ("what", |given| {
            let Value::Map(map) = &given[0] else { return Err("no build".to_owned()) };
            Err(map.keys().cloned().collect::<Vec<_>>().join(" "))
        }),
    ]
}

fn town(workers: &[(&str, u32)], change: impl Fn(&mut BuilderSpec)) -> Town {
    let names: Vec<&str> = workers.iter().map(|w| w.0).collect();
    let mut spec = builder("b", &names, vec![step("s", StepFlags::PLAIN)]);
    change(&mut spec);
    let config = Config {
        workers: workers.iter().map(|(n, m)| worker(n, *m)).collect(),
        builders: vec![spec],
        schedulers: vec![scheduler("force", forced(), &["b"])],
        ..Config::default()
    };
    Town::with(answers(), config)
}

fn ask(town: &mut Town, branch: &str, size: i64) -> RequestId {
    let stamps = vec![NewStamp { branch: Some(branch.to_owned()), ..NewStamp::default() }];
    let properties = [property("size", size, "Scheduler")].into();
    town.file(&["b"], NewSet { stamps, properties, ..NewSet::default() })[0]
}

fn states(town: &Town) -> Vec<String> {
    town.world.builds().map(|b| b.build.state.clone()).collect()
}

#[test]
fn next_worker_chooses_among_the_free_ones() {
    let mut town = town(&[("a", 2), ("z", 1)], |spec| spec.next_worker = Some(function("last_worker")));
    ask(&mut town, "main", 1);
    ask(&mut town, "main", 1);
    let workers: Vec<String> = town.leases().into_iter().map(|l| l.3).collect();
    assert_eq!(workers, ["z", "a"], "the least loaded first, and it takes the last of those that are free");
}

#[test]
fn next_worker_may_say_not_now() {
    let mut town = town(&[("a", 2)], |spec| spec.next_worker = Some(function("none")));
    let id = ask(&mut town, "main", 1);
    assert_eq!(town.leases(), []);
    assert_eq!(town.why(id).as_deref(), Some("a worker is free, and its next_worker says not now"));
}

#[test]
fn next_request_chooses_among_those_that_wait() {
    let mut town = town(&[("a", 1)], |spec| spec.next_request = Some(function("largest")));
    town.rest(Some("later"));
    for size in [2, 9, 5] {
        ask(&mut town, "main", size);
    }
    town.rest(None);
    for _ in 0..3 {
        let build = town.only_build();
        town.end_command(build, CommandEnd::Exited(0));
    }
    assert_eq!(town.leases().into_iter().map(|l| l.1).collect::<Vec<_>>(), [2, 3, 1]);
}

/// The older request could have its lock. The one that the function chose stands behind somebody else in line.
#[test]
fn a_request_that_is_not_chosen_waits_for_what_the_chosen_one_waits_for() {
    let lock = |name: &str| LockSpec {
        name: name.to_owned(),
        scope: LockScope::Master,
        max_count: 1,
        max_count_for_worker: BTreeMap::new(),
        defined_at: None,
    };
    let holding = |name: &str, locks: &[&str]| BuilderSpec {
        locks: locks.iter().map(|l| LockUse { lock: (*l).to_owned(), access: LockAccess::Exclusive }).collect(),
        ..builder(name, &["w"], vec![step("s", StepFlags::PLAIN)])
    };
    let chosen = BuilderSpec { next_request: Some(function("largest")), ..holding("b", &["one"]) };
    let config = Config {
        workers: vec![worker("w", 9)],
        locks: vec![lock("one"), lock("two")],
        builders: vec![chosen, holding("both", &["one", "two"]), holding("x", &["one"]), holding("y", &["two"])],
        schedulers: vec![scheduler("force", forced(), &["b", "both", "x", "y"])],
        ..Config::default()
    };
    let mut town = Town::with(answers(), config);
    town.force("x", 0);
    town.force("y", 0);
    let older = ask(&mut town, "main", 1);
    town.pass(1);
    town.force("both", 0);
    town.pass(1);
    ask(&mut town, "main", 9);
    let x = town.running("x", 1);
    town.end_command(x, CommandEnd::Exited(0));
    let why = engine::why::of_request(&town.world, older, town.now).expect("it waits");
    assert_eq!(why.sentence(town.now), "it waits for the lock one, after request 4 of both");
}

#[test]
fn can_start_is_asked_for_each_worker_and_the_next_request_goes_meanwhile() {
    let mut town = town(&[("big", 1), ("small", 2)], |spec| spec.can_start = Some(function("small_or_on_big")));
    ask(&mut town, "main", 5);
    let second = ask(&mut town, "main", 5);
    ask(&mut town, "main", 1);
    let leases: Vec<_> = town.leases().into_iter().map(|l| (l.1, l.3)).collect();
    assert_eq!(leases, [(1, "big".to_owned()), (3, "small".to_owned())]);
    assert_eq!(town.why(second).as_deref(), Some("a worker is free, and its can_start says not now"));
    let big = town.running("b", 1);
    town.end_command(big, CommandEnd::Exited(0));
    assert_eq!(town.leases().last().map(|l| (l.1, l.3.clone())), Some((2, "big".to_owned())));
}

#[test]
fn a_policy_that_fails_or_answers_nonsense_gives_way_to_the_default_and_is_told() {
    type Setter = fn(&mut BuilderSpec, FunctionRef);
    let cases: [(&str, Setter); 3] = [
        ("next_worker", |spec, f| spec.next_worker = Some(f)),
        ("next_request", |spec, f| spec.next_request = Some(f)),
        ("can_start", |spec, f| spec.can_start = Some(f)),
    ];
    for (by, set) in cases {
        let mut town = town(&[("a", 1)], |spec| set(spec, function("broken")));
        ask(&mut town, "main", 1);
        let said = format!("{by} failed and is passed over: it divides by zero at master.star:3");
        assert_eq!(states(&town), [format!("starting; its {said}")]);
        if by != "can_start" {
            let mut town = self::town(&[("a", 1)], |spec| set(spec, function("nonsense")));
            ask(&mut town, "main", 1);
            assert!(states(&town)[0].contains("it answered nobody, which is the "), "{:?}", states(&town));
        }
    }
}

#[test]
fn a_waiting_request_tells_of_a_policy_that_failed() {
    let mut town = town(&[("a", 1)], |spec| {
        spec.can_start = Some(function("broken"));
        spec.locks = vec![model::LockUse { lock: "l".to_owned(), access: model::LockAccess::Exclusive }];
    });
    let mut config = (**town.world.config()).clone();
    config.workers[0].max_builds = 2;
    config.locks = vec![model::LockSpec {
        name: "l".to_owned(),
        scope: model::LockScope::Master,
        max_count: 1,
        max_count_for_worker: Default::default(),
        defined_at: None,
    }];
    town.configure(config);
    ask(&mut town, "main", 1);
    let second = ask(&mut town, "main", 1);
    assert_eq!(
        town.why(second).as_deref(),
        Some(
            "it waits for the lock l, held by b #1; its can_start failed and is passed over: it divides by zero at \
             master.star:3"
        )
    );
}

#[test]
fn a_build_that_is_not_to_be_done_is_skipped_at_once() {
    let text = |name: &str| {
        let of = model::Lookup::Property(name.to_owned());
        Text::Pieces(vec![model::Piece::Lookup { of, form: model::Form::OrElse(Text::default()) }])
    };
    let table = [
        (Condition::Fixed(true), "main", None),
        (Condition::Fixed(false), "main", Some((Results::Skipped, "skipped: its do_build_if says no"))),
        (Condition::Text(text("wanted")), "main", Some((Results::Skipped, "skipped: its do_build_if says no"))),
        (Condition::Text(text("size")), "main", None),
        (Condition::Function(function("stable_only")), "stable", None),
        (
            Condition::Function(function("stable_only")),
            "main",
            Some((Results::Skipped, "skipped: its do_build_if says no")),
        ),
        (
            Condition::Function(function("broken")),
            "main",
            Some((Results::Exception, "whether to do it cannot be told: it divides by zero at master.star:3")),
        ),
        (
            Condition::Function(function("what")),
            "main",
            Some((
                Results::Exception,
                "whether to do it cannot be told: builder number properties reason results scheduler sources worker",
            )),
        ),
    ];
    for (condition, branch, expected) in table {
        let mut town = town(&[("a", 1)], |spec| spec.do_build_if = Some(condition.clone()));
        ask(&mut town, branch, 1);
        let ended: Vec<_> = town.ended().into_iter().map(|e| (e.1, e.2)).collect();
        let expected: Vec<_> = expected.into_iter().map(|(r, s)| (r, s.to_owned())).collect();
        assert_eq!(ended, expected, "{condition:?}");
        assert_eq!(town.answered().len(), expected.len());
        assert_eq!(town.begun().len(), 1 - expected.len(), "a skipped build begins no step");
    }
}

#[test]
fn properties_stand_above_each_other_as_the_manual_has_it() {
    let mut town = town(&[("a", 1)], |spec| {
        spec.default_properties = [property("x", "default", "Builder"), property("y", "default", "Builder")].into();
        spec.properties = [property("z", "builder", "Builder")].into();
    });
    let set = [property("y", "set", "Scheduler"), property("z", "set", "Scheduler"), property("workername", "q", "S")];
    town.file(&["b"], NewSet { properties: set.into(), stamps: vec![NewStamp::default()], ..NewSet::default() });
    let properties = town.world.builds().next().expect("runs").build.properties.clone();
    let got: Vec<String> =
        ["x", "y", "z", "workername", "buildername"].map(|n| model::render::shown(&properties[n].value)).into();
    assert_eq!(got, ["default", "set", "builder", "a", "b"]);
    assert_eq!(properties["buildnumber"].value, Value::Int(1));
}
