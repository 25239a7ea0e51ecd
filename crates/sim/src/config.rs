//! Configurations by chance: small, and with a bit of everything that makes decisions hard.

use crate::dice::Dice;
use crate::functions::named;
use model::worker::{Secret, WorkerAccess};
use model::{
    BuilderSpec, ChangeFilter, Collapse, CommandLine, Condition, Config, Follow, ForceSpec, LockAccess, LockScope,
    LockSpec, LockUse, Match, PropertyValue, Results, SchedulerKind, SchedulerSpec, ShellSpec, Span, StepAction,
    StepFlags, StepSpec, Text, TriggerSpec, WorkerSpec,
};
use std::collections::{BTreeMap, BTreeSet};

/// The branches that changes are made on.
pub const BRANCHES: [&str; 3] = ["main", "next", "topic"];

/// Tables of times. Those without a star have no time twice.
const TABLES: [&str; 6] =
    ["*/7 * * * *", "13 * * * *", "30 2 * * *", "15,45 1-3 * * *", "5,25,45 0-23 * * *", "0 */5 * * *"];

/// A configuration.
pub fn generate(dice: &mut Dice) -> Config {
    let mut config = Config::default();
    for n in 0..dice.between(1, 4) {
        config.workers.push(worker(dice, n));
    }
    for n in 0..dice.between(0, 3) {
        config.locks.push(lock(dice, n, &config.workers));
    }
    for n in 0..dice.between(1, 5) {
        let builder = builder(dice, n, &config);
        config.builders.push(builder);
    }
    schedulers(dice, &mut config);
    triggers(dice, &mut config);
    config
}

fn worker(dice: &mut Dice, n: i64) -> WorkerSpec {
    WorkerSpec {
        name: format!("w{n}"),
        max_builds: u32::try_from(dice.between(1, 3)).unwrap_or(1),
        access: WorkerAccess::Remote { password: Secret::new("x") },
        lost_after: *dice.pick(&[Span::ZERO, Span::seconds(30), Span::seconds(600)]).unwrap_or(&Span::ZERO),
        defined_at: None,
    }
}

fn lock(dice: &mut Dice, n: i64, workers: &[WorkerSpec]) -> LockSpec {
    let scope = if dice.chance(50) { LockScope::Master } else { LockScope::Worker };
    let mut max_count_for_worker = BTreeMap::new();
    if scope == LockScope::Worker
        && dice.chance(40)
        && let Some(worker) = dice.pick(workers)
    {
        max_count_for_worker.insert(worker.name.clone(), u32::try_from(dice.between(1, 4)).unwrap_or(1));
    }
    let max_count = u32::try_from(dice.between(1, 3)).unwrap_or(1);
    LockSpec { name: format!("l{n}"), scope, max_count, max_count_for_worker, defined_at: None }
}

fn locks(dice: &mut Dice, config: &Config, percent: i64) -> Vec<LockUse> {
    let mut all = Vec::new();
    for lock in &config.locks {
        if dice.chance(percent) {
            let access = match dice.chance(30) {
                true => LockAccess::Exclusive,
                false => LockAccess::Counting(u32::try_from(dice.between(1, 2)).unwrap_or(1)),
            };
            all.push(LockUse { lock: lock.name.clone(), access });
        }
    }
    all
}

fn builder(dice: &mut Dice, n: i64, config: &Config) -> BuilderSpec {
    let mut workers: Vec<String> = config.workers.iter().filter(|_| dice.chance(60)).map(|w| w.name.clone()).collect();
    if workers.is_empty() {
        workers.extend(dice.pick(&config.workers).map(|w| w.name.clone()));
    }
    let mut spec = BuilderSpec::new(format!("b{n}"), workers);
    spec.locks = locks(dice, config, 25);
    spec.collapse = match dice.between(0, 9) {
        0..6 => Collapse::SameSource,
        6..8 => Collapse::Never,
        _ => Collapse::Function(named(dice.word(&["same_reason", "broken"]))),
    };
    spec.cancel_superseded = dice.chance(25);
    if dice.chance(15) {
        spec.next_request = Some(named(dice.word(&["newest_first", "broken", "nonsense"])));
    }
    if dice.chance(15) {
        spec.next_worker = Some(named(dice.word(&["last_worker", "w0_or_nobody", "broken", "nonsense"])));
    }
    if dice.chance(15) {
        spec.can_start = Some(named(dice.word(&["not_the_fifth", "odd_on_w0", "broken"])));
    }
    if dice.chance(10) {
        spec.do_build_if = Some(Condition::Function(named(dice.word(&["even_builds", "broken"]))));
    }
    for s in 0..dice.between(1, 4) {
        let step = step(dice, s, config);
        spec.steps.push(step);
    }
    spec
}

fn flags(dice: &mut Dice) -> StepFlags {
    StepFlags {
        halt_on_failure: dice.chance(40),
        flunk_on_failure: dice.chance(80),
        flunk_on_warnings: dice.chance(10),
        warn_on_failure: dice.chance(30),
        warn_on_warnings: dice.chance(60),
        always_run: dice.chance(15),
    }
}

fn step(dice: &mut Dice, n: i64, config: &Config) -> StepSpec {
    let mut step = StepSpec::new(format!("s{n}"), shell());
    step.action = match dice.between(0, 19) {
        0 => {
            let value = PropertyValue::Text(Text::from("v"));
            StepAction::SetProperties(BTreeMap::from([("p".to_owned(), value)]))
        }
        1 => StepAction::Assert {
            condition: Condition::Function(named(dice.word(&["even_builds", "broken"]))),
            message: Text::from("an odd build"),
        },
        _ => shell(),
    };
    step.flags = flags(dice);
    step.locks = locks(dice, config, 20);
    step.do_if = match dice.between(0, 19) {
        0 => Some(Condition::Fixed(false)),
        1 => Some(Condition::Function(named(dice.word(&["even_builds", "broken"])))),
        2 => Some(Condition::Text(Text::from("yes"))),
        _ => None,
    };
    step
}

fn shell() -> StepAction {
    let mut shell = ShellSpec::new(CommandLine::words(["make"]));
    shell.decode_rc = BTreeMap::from([(2, Results::Warnings), (3, Results::Skipped), (4, Results::Exception)]);
    StepAction::Shell(shell)
}

fn follow(dice: &mut Dice) -> Follow {
    let mut filter = ChangeFilter::default();
    match dice.between(0, 5) {
        0 => filter.branch = Match::is("main"),
        1 => filter.branch = Match::NoneOf(vec![Some("topic".to_owned())]),
        2 => filter.branch = Match::Glob(vec!["*n*".to_owned()]),
        3 => filter.function = Some(named(dice.word(&["no_docs", "broken"]))),
        _ => {}
    }
    Follow {
        filter,
        tree_stable_timer: if dice.chance(70) { Some(dice.span(1_000, 900_000)) } else { None },
        is_important: if dice.chance(40) { Some(named(dice.word(&["touches_src", "broken"]))) } else { None },
        only_important: dice.chance(20),
    }
}

fn schedulers(dice: &mut Dice, config: &mut Config) {
    let some = |dice: &mut Dice, config: &Config| -> Vec<String> {
        let mut names: Vec<String> =
            config.builders.iter().filter(|_| dice.chance(50)).map(|b| b.name.clone()).collect();
        if names.is_empty() {
            names.extend(dice.pick(&config.builders).map(|b| b.name.clone()));
        }
        names
    };
    for n in 0..dice.between(1, 6) {
        let before: Vec<String> = config.schedulers.iter().map(|s| s.name.clone()).collect();
        let kind = match (dice.between(0, 9), dice.pick(&before).cloned()) {
            (0 | 1, _) => {
                let mut follow = follow(dice);
                follow.filter.branch = Match::is(dice.word(&BRANCHES));
                SchedulerKind::SingleBranch(follow)
            }
            (2 | 3, _) => SchedulerKind::AnyBranch(follow(dice)),
            (4 | 5, Some(upstream)) => SchedulerKind::Dependent { upstream },
            (6, _) => SchedulerKind::Periodic {
                every: Span::seconds(dice.between(60, 7200)),
                branch: Some("main".to_owned()),
                if_changed: None,
            },
            (7, _) => SchedulerKind::Nightly {
                cron: dice.word(&TABLES).to_owned(),
                timezone: dice.chance(60).then(|| crate::calendar::ZONE.to_owned()),
                branch: None,
                if_changed: if dice.chance(40) { Some(follow(dice)) } else { None },
            },
            _ => SchedulerKind::Force(ForceSpec::new("Force")),
        };
        let mut spec = SchedulerSpec::new(format!("{}{n}", kind.word()), kind);
        spec.priority = *dice.pick(&[0, 0, 0, 1, 5]).unwrap_or(&0);
        spec.builders = some(dice, config);
        config.schedulers.push(spec);
    }
    let mut force = SchedulerSpec::new("force", SchedulerKind::Force(ForceSpec::new("Force")));
    force.builders = config.builders.iter().map(|b| b.name.clone()).collect();
    config.schedulers.push(force);
}

/// Steps that ask for builds of later builders, so that no circle is there by itself.
fn triggers(dice: &mut Dice, config: &mut Config) {
    if config.builders.len() < 2 || !dice.chance(40) {
        return;
    }
    let at = dice.below(config.builders.len() - 1);
    let mut spec = SchedulerSpec::new("triggerable", SchedulerKind::Triggerable);
    spec.builders = config.builders[at + 1..].iter().filter(|_| dice.chance(60)).map(|b| b.name.clone()).collect();
    if spec.builders.is_empty() {
        spec.builders.extend(config.builders.last().map(|b| b.name.clone()));
    }
    config.schedulers.push(spec);
    let action = StepAction::Trigger(TriggerSpec {
        schedulers: vec!["triggerable".to_owned()],
        wait: dice.chance(70),
        unimportant: if dice.chance(20) { vec!["triggerable".to_owned()] } else { Vec::new() },
        properties: BTreeMap::new(),
        copy_properties: Vec::new(),
        update_source: dice.chance(50),
    });
    let steps = &mut config.builders[at].steps;
    let place = dice.below(steps.len() + 1);
    steps.insert(place, StepSpec { flags: flags(dice), ..StepSpec::new("ask", action) });
}

/// The configuration after somebody edited it: smaller locks and workers, things that are gone or came back.
pub fn edit(dice: &mut Dice, old: &Config) -> Config {
    let mut config = old.clone();
    for _ in 0..dice.between(1, 3) {
        edit_once(dice, &mut config);
    }
    mend(dice, &mut config);
    config
}

fn edit_once(dice: &mut Dice, config: &mut Config) {
    match dice.between(0, 9) {
        0 | 1 => {
            let at = dice.below(config.locks.len());
            if let Some(lock) = config.locks.get_mut(at) {
                lock.max_count = u32::try_from(dice.between(1, 3)).unwrap_or(1);
                lock.max_count_for_worker.clear();
            }
        }
        2 => {
            let at = dice.below(config.builders.len());
            if config.builders.len() > 1 {
                config.builders.remove(at);
            }
        }
        3 => {
            let at = dice.below(config.workers.len());
            if config.workers.len() > 1 {
                config.workers.remove(at);
            }
        }
        4 => {
            let n = dice.between(0, 5);
            if config.workers.iter().all(|w| w.name != format!("w{n}")) && config.workers.len() < 5 {
                config.workers.push(worker(dice, n));
            }
        }
        5 => {
            let n = dice.between(0, 5);
            if config.builders.iter().all(|b| b.name != format!("b{n}")) {
                let builder = builder(dice, n, config);
                config.builders.push(builder);
            }
        }
        6 => {
            let at = dice.below(config.schedulers.len());
            if config.schedulers.get(at).is_some_and(|s| s.name != "force") {
                config.schedulers.remove(at);
            }
        }
        7 => {
            let at = dice.below(config.workers.len());
            if let Some(worker) = config.workers.get_mut(at) {
                worker.max_builds = u32::try_from(dice.between(1, 3)).unwrap_or(1);
            }
        }
        8 => {
            let at = dice.below(config.builders.len());
            let steps = (0..dice.between(1, 4)).map(|n| step(dice, n, config)).collect();
            if let Some(builder) = config.builders.get_mut(at) {
                builder.steps = steps;
            }
        }
        _ => {
            let at = dice.below(config.builders.len());
            let uses = locks(dice, config, 40);
            if let Some(builder) = config.builders.get_mut(at) {
                builder.locks = uses;
            }
        }
    }
}

/// Every name that is used is defined again.
fn mend(dice: &mut Dice, config: &mut Config) {
    let workers: BTreeSet<String> = config.workers.iter().map(|w| w.name.clone()).collect();
    let first = dice.pick(&config.workers).map(|w| w.name.clone());
    for builder in &mut config.builders {
        builder.workers.retain(|w| workers.contains(w));
        if builder.workers.is_empty() {
            builder.workers.extend(first.clone());
        }
    }
    let builders: Vec<String> = config.builders.iter().map(|b| b.name.clone()).collect();
    for scheduler in &mut config.schedulers {
        scheduler.builders.retain(|b| builders.contains(b));
        if scheduler.builders.is_empty() || scheduler.name == "force" {
            scheduler.builders.clone_from(&builders);
        }
    }
    for lock in &mut config.locks {
        lock.max_count_for_worker.retain(|w, _| workers.contains(w));
    }
    loop {
        let names: BTreeSet<String> = config.schedulers.iter().map(|s| s.name.clone()).collect();
        let before = config.schedulers.len();
        config.schedulers.retain(|s| match &s.kind {
            SchedulerKind::Dependent { upstream } => names.contains(upstream),
            _ => true,
        });
        if config.schedulers.len() == before {
            return;
        }
    }
}

/// The configuration in which everything that waits can run: nobody declines, nothing fires by itself.
pub fn calm(old: &Config) -> Config {
    let mut config = old.clone();
    for builder in &mut config.builders {
        (builder.next_request, builder.next_worker, builder.can_start) = (None, None, None);
    }
    config
}

/// The configuration with these workers in it again. No builder has builds for them.
pub fn put_back(old: &Config, names: &[String]) -> Config {
    let mut config = old.clone();
    config.workers.extend(names.iter().map(|name| WorkerSpec {
        name: name.clone(),
        max_builds: 1,
        access: WorkerAccess::Remote { password: Secret::new("x") },
        lost_after: Span::seconds(600),
        defined_at: None,
    }));
    config
}
