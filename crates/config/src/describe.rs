//! What is configured, for people: the answer of `sluice master check`.

use model::worker::WorkerAccess;
use model::{
    BuilderSpec, ChangeSourceSpec, Config, LockScope, ReportMode, ReporterKind, SchedulerKind, SchedulerSpec,
    StepAction, StepSpec,
};
use std::collections::{BTreeMap, HashSet};

/// How wide the text is at most, in characters.
const WIDEST: usize = 80;
/// How many things of a kind are listed.
const MOST: usize = 100;

/// What is configured: aligned, at most 80 columns wide (what is longer is cut), each line ended. Things that look
/// like oversights (a builder that nothing starts, a worker that nothing uses) stand at the end.
pub fn describe(config: &Config) -> String {
    let mut page = Page::default();
    page.facts(config);
    page.table("worker", &config.workers, |w| {
        let access = match w.access {
            WorkerAccess::Local => "on this machine",
            WorkerAccess::Remote { .. } => "connects by itself",
        };
        [w.name.clone(), count(w.max_builds as usize, "build"), access.to_owned()]
    });
    page.table("builder", &config.builders, |b| [b.name.clone(), on(b), steps(&b.steps)]);
    page.table("scheduler", &config.schedulers, |s| [s.name.clone(), s.kind.word().to_owned(), when(s)]);
    page.table("change source", &config.sources, |source| {
        let (branches, every) = match source {
            ChangeSourceSpec::GitPoller(poller) => (&poller.branches, poller.every),
            ChangeSourceSpec::VcsPoller(poller) => (&poller.branches, poller.every),
        };
        let branches = match branches.as_slice() {
            [] => "all branches".to_owned(),
            some => some.join(", "),
        };
        [source.name().to_owned(), branches, format!("looks every {every}")]
    });
    page.table("lock", &config.locks, |lock| {
        let scope = match lock.scope {
            LockScope::Master => "of the master",
            LockScope::Worker => "of each worker",
        };
        let others = lock.max_count_for_worker.iter().map(|(worker, n)| format!(", {n} on {worker}"));
        [lock.name.clone(), scope.to_owned(), count(lock.max_count as usize, "place") + &others.collect::<String>()]
    });
    page.table("gate", &config.gates, |gate| {
        let tasks: Vec<&str> = gate.tasks.iter().map(|task| task.name.as_str()).collect();
        [gate.name.clone(), format!("{}, {}", gate.branch, count(gate.slots as usize, "slot")), tasks.join(", ")]
    });
    page.table("reporter", &config.reporters, |reporter| {
        let to = match &reporter.kind {
            ReporterKind::Mail(mail) => format!("letters by {}", mail.relayhost),
            ReporterKind::Http(http) => format!("posts to {}", http.url),
        };
        let modes = &reporter.occasions.modes;
        let words = ReportMode::ALL.iter().filter(|(_, mode)| modes.contains(mode)).map(|(word, _)| *word);
        let modes =
            if modes.len() == ReportMode::ALL.len() { "all".to_owned() } else { words.collect::<Vec<_>>().join(", ") };
        [reporter.name.clone(), modes, to]
    });
    let oversights = oversights(config);
    if !oversights.is_empty() {
        page.line("");
    }
    for line in oversights {
        page.line(&format!("note: {line}"));
    }
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(&cut(line.trim_end(), WIDEST));
        self.text.push('\n');
    }

    fn facts(&mut self, config: &Config) {
        let mut facts = vec![("project", config.project.title.clone()), ("listens on", config.web.listen.clone())];
        if !config.project.public_url.is_empty() {
            facts.push(("people use", config.project.public_url.clone()));
        }
        facts.push((
            "store",
            if config.database.is_some() { "PostgreSQL" } else { "SQLite in the base directory" }.into(),
        ));
        let acts = match (config.web.anonymous_control, config.web.users.len()) {
            (true, _) => "everybody".to_owned(),
            (false, 0) => "whoever has the token".to_owned(),
            (false, n) => format!("{} and whoever has the token", count(n, "user")),
        };
        facts.push(("may act", acts));
        for (name, value) in facts {
            self.line(&format!("{name:<12}{value}"));
        }
    }

    /// A heading and a row for each thing: the columns are as wide as they need to be, within bounds.
    fn table<T>(&mut self, kind: &str, things: &[T], row: impl Fn(&T) -> [String; 3]) {
        if things.is_empty() {
            return;
        }
        self.line("");
        self.line(&count(things.len(), kind));
        let rows: Vec<_> = things.iter().take(MOST).map(row).collect();
        let width =
            |column: usize, most: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0).min(most);
        let (first, second) = (width(0, 34), width(1, 20));
        for [a, b, c] in &rows {
            self.line(&format!("  {}  {}  {c}", fit(a, first), fit(b, second)));
        }
        if things.len() > MOST {
            self.line(&format!("  … and {} more", things.len() - MOST));
        }
    }
}

/// Exactly so wide.
fn fit(text: &str, width: usize) -> String {
    format!("{:<width$}", cut(text, width))
}

/// At most so wide; what is cut ends in `…`. Control characters become spaces.
fn cut(text: &str, width: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    match text.chars().count() <= width {
        true => text.chars().map(clean).collect(),
        false => text.chars().map(clean).take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

fn on(builder: &BuilderSpec) -> String {
    format!("on {}", builder.workers.join(", "))
}

fn steps(steps: &[StepSpec]) -> String {
    let names: Vec<_> = steps.iter().map(|s| s.name.as_str()).collect();
    names.join(", ")
}

fn when(scheduler: &SchedulerSpec) -> String {
    format!("{}: {}", scheduler.kind.waits_for(), scheduler.builders.join(", "))
}

/// What looks forgotten.
fn oversights(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    if config.builders.is_empty() {
        notes.push("there is no builder".to_owned());
    }
    let started: HashSet<&str> = config.schedulers.iter().flat_map(|s| s.builders.iter().map(String::as_str)).collect();
    let used: HashSet<&str> = config.builders.iter().flat_map(|b| b.workers.iter().map(String::as_str)).collect();
    let of_gates: HashSet<&str> = config.gates.iter().flat_map(|g| &g.tasks).map(|t| t.builder.as_str()).collect();
    let idle = config.builders.iter().map(|b| b.name.as_str());
    let idle = idle.filter(|b| !started.contains(b) && !of_gates.contains(b));
    notes.extend(these("builder", idle).map(|who| format!("no scheduler starts {who}")));
    let triggered: HashSet<&str> = config.builders.iter().flat_map(|b| &b.steps).flat_map(triggers).collect();
    let waiting = config.schedulers.iter().filter(|s| s.kind == SchedulerKind::Triggerable);
    let waiting = waiting.map(|s| s.name.as_str()).filter(|name| !triggered.contains(name));
    notes.extend(these("scheduler", waiting).map(|who| format!("no step triggers {who}")));
    notes.extend(waits(config));
    let held: HashSet<&str> = config.builders.iter().flat_map(holds).collect();
    let free = config.locks.iter().map(|lock| lock.name.as_str()).filter(|name| !held.contains(name));
    notes.extend(these("lock", free).map(|who| format!("nothing holds {who}")));
    let unused = config.workers.iter().map(|w| w.name.as_str()).filter(|w| !used.contains(w));
    notes.extend(these("worker", unused).map(|who| format!("no builder uses {who}")));
    let followers = |s: &&SchedulerSpec| s.kind.follows().is_some();
    if config.sources.is_empty() && config.schedulers.iter().any(|s| followers(&s)) {
        notes.push("nothing brings changes but sendchange and hooks".to_owned());
    }
    notes
}

fn triggers(step: &StepSpec) -> impl Iterator<Item = &str> {
    let names: &[String] = match &step.action {
        StepAction::Trigger(trigger) => &trigger.schedulers,
        _ => &[],
    };
    names.iter().map(String::as_str)
}

/// Builders that wait for what only the place that they hold themselves could build.
fn waits(config: &Config) -> Vec<String> {
    let workers = by_name(&config.workers, |w| &w.name);
    let builders = by_name(&config.builders, |b| &b.name);
    let schedulers = by_name(&config.schedulers, |s| &s.name);
    let mut notes = Vec::new();
    for builder in &config.builders {
        let [worker] = builder.workers.as_slice() else { continue };
        if workers.get(worker.as_str()).is_none_or(|worker| worker.max_builds != 1) {
            continue;
        }
        let waited = builder.steps.iter().filter(|step| matches!(&step.action, StepAction::Trigger(t) if t.wait));
        let names = waited.flat_map(triggers).filter_map(|name| schedulers.get(name)).flat_map(|s| &s.builders);
        let stuck = names.filter(|name| builders.get(name.as_str()).is_some_and(|b| b.workers == builder.workers));
        let stuck: std::collections::BTreeSet<&str> = stuck.map(String::as_str).collect();
        notes.extend(
            stuck.into_iter().map(|other| {
                format!("builder {} waits for {other} on the only place of worker {worker}", builder.name)
            }),
        );
    }
    notes
}

fn holds(builder: &BuilderSpec) -> impl Iterator<Item = &str> {
    let of_steps = builder.steps.iter().flat_map(|step| &step.locks);
    builder.locks.iter().chain(of_steps).map(|held| held.lock.as_str())
}

/// `builder linux`, `builders linux and mac`, `30 builders (linux, mac, …)`.
fn these<'n>(kind: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    let names: Vec<_> = names.collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("{kind} {one}")),
        [a, b] => Some(format!("{kind}s {a} and {b}")),
        [a, b, ..] => Some(format!("{} {kind}s ({a}, {b}, …)", names.len())),
    }
}

/// The names of things that are in a map, for [`crate::difference`].
pub(crate) fn by_name<'t, T>(things: &'t [T], name: impl Fn(&'t T) -> &'t str) -> BTreeMap<&'t str, &'t T> {
    things.iter().map(|thing| (name(thing), thing)).collect()
}
