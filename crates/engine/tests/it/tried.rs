//! Patches from outside: what becomes of a job, and what is refused.

use crate::town::{Town, builder, scheduler, step, worker};
use engine::build_set::NewStamp;
use engine::force::Refusal;
use engine::tried::{Trial, grant};
use model::property::property;
use model::worker::Secret;
use model::{
    BuildSet, CodebaseSpec, Collapse, Config, Patch, Properties, Results, SchedulerKind, SchedulerSpec, StepFlags,
    Transition, TrySpec,
};

fn userpass() -> SchedulerKind {
    SchedulerKind::Try(TrySpec::Userpass { users: vec![("ann".to_owned(), Secret::new("pw"))] })
}

fn tries() -> SchedulerSpec {
    SchedulerSpec {
        priority: 3,
        properties: Properties::from([property("fixed", "ours", "Scheduler")]),
        ..scheduler("tries", userpass(), &["b", "c"])
    }
}

fn town(specs: Vec<SchedulerSpec>) -> Town {
    let plain = || vec![step("s", StepFlags::PLAIN)];
    // Builders that would merge whatever is of one source.
    let builder = |name: &str| model::BuilderSpec { collapse: Collapse::SameSource, ..builder(name, &["w"], plain()) };
    Town::new(Config {
        workers: vec![worker("w", 1)],
        builders: vec![builder("b"), builder("c"), builder("d")],
        schedulers: specs,
        ..Config::default()
    })
}

fn patch() -> Patch {
    Patch { level: 1, subdir: String::new(), author: "ann".into(), comment: String::new(), body: b"x".to_vec() }
}

fn trial() -> Trial {
    let stamp = NewStamp {
        branch: Some("main".to_owned()),
        revision: Some("r1".to_owned()),
        patch: Some(patch()),
        ..NewStamp::default()
    };
    Trial { scheduler: "tries".to_owned(), owner: "ann".to_owned(), id: "j1".to_owned(), stamp, ..Trial::default() }
}

fn filed(town: &Town, trial: Trial) -> Result<BuildSet, Refusal> {
    match grant(&town.world, trial, town.now)? {
        Transition::SetFiled { set, .. } => Ok(set),
        other => panic!("a grant files a set, not {other:?}"),
    }
}

#[test]
fn a_job_becomes_a_set_with_its_patch() {
    let town = town(vec![tries()]);
    let properties = Properties::from([property("fixed", "theirs", "Try"), property("own", "x", "Try")]);
    let comment = "a try".to_owned();
    let set = filed(&town, Trial { builders: vec!["c".to_owned()], properties, comment, ..trial() }).unwrap();
    assert_eq!((set.reason.as_str(), set.external_id.as_deref()), ("try by ann: a try", Some("j1")));
    assert_eq!(set.stamps[0].patch.as_ref(), Some(&patch()));
    assert_eq!((set.stamps[0].branch.as_deref(), set.stamps[0].revision.as_deref()), (Some("main"), Some("r1")));
    let value = |name: &str| set.properties[name].value.as_text().unwrap_or_default().to_owned();
    assert_eq!([value("fixed"), value("own"), value("owner"), value("scheduler")], ["ours", "x", "ann", "tries"]);
    assert_eq!(set.requests.len(), 1);
    assert_eq!(filed(&town, trial()).unwrap().requests.len(), 2, "all of the scheduler's builders");
}

#[test]
fn what_is_wrong_is_told_by_part() {
    let codebases = [("app".to_owned(), CodebaseSpec::default()), ("lib".to_owned(), CodebaseSpec::default())].into();
    let two = SchedulerSpec { codebases, ..scheduler("two", userpass(), &["b"]) };
    let mut town = town(vec![tries(), two]);
    let wrong = |town: &Town, trial: Trial| filed(town, trial).unwrap_err();
    let said = |field: &str, what: &str| vec![(field.to_owned(), what.to_owned())];
    let of = |scheduler: &str| Trial { scheduler: scheduler.to_owned(), ..trial() };
    assert_eq!(wrong(&town, of("no")), said("scheduler", "there is no try scheduler \"no\""));
    assert_eq!(
        wrong(&town, Trial { builders: vec!["b".to_owned(), "d".to_owned()], ..trial() }),
        said("builderNames", "the try scheduler \"tries\" has no builder \"d\"; it has b, c")
    );
    assert_eq!(wrong(&town, of("two")), said("codebase", "say which one is meant: app, lib"));
    let mut lib = of("two");
    lib.stamp.codebase = "lib".to_owned();
    let set = filed(&town, lib).unwrap();
    let patched: Vec<_> = set.stamps.iter().map(|s| (s.codebase.as_str(), s.patch.is_some())).collect();
    assert_eq!(patched, [("app", false), ("lib", true)]);
    let id = town.world.scheduler_named("tries").unwrap().id;
    let off = engine::scheduler::enable(&town.world, id, engine::scheduler::Switch::Off).unwrap();
    town.take(vec![off]);
    assert_eq!(wrong(&town, trial()), said("scheduler", "the try scheduler \"tries\" is turned off"));
}

#[test]
fn no_try_shares_a_build() {
    let mut town = town(vec![tries()]);
    // One runs; the others wait, of one source: the same patch twice, and twice none at all.
    for stamp in [trial().stamp, trial().stamp, trial().stamp, NewStamp::default(), NewStamp::default()] {
        let filed = grant(&town.world, Trial { builders: vec!["b".to_owned()], stamp, ..trial() }, town.now).unwrap();
        town.take(vec![filed]);
        town.settle();
    }
    let running = |town: &Town| town.world.builds().map(|b| b.build.id).next();
    while let Some(build) = running(&town) {
        town.end_step(build, Results::Success, "done");
        town.settle();
    }
    let leases = town.leases();
    assert_eq!(leases.len(), 5, "{leases:?}");
    assert!(leases.iter().all(|(_, _, also, _)| also.is_empty()), "{leases:?}");
}
