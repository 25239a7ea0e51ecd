//! Steps: how the next one of a build begins, and how one ends.
//!
//! What needs no worker is decided here and ends in the batch in which it began: a step that is skipped, properties
//! that are set, an assertion, a text that cannot be finished. Steps that file sets are in `trigger.rs`.

use crate::build::{self, sight};
use crate::verdict::{CommandEnd, Judgement, judge};
use crate::{RunningBuild, World, policy, trigger};
use model::property::Property;
use model::render::{self, Sight};
use model::{
    BuildId, CommandLine, Condition, Findings, FollowedLog, LogFacts, LogId, LogStatus, Lookup, NextIds, PropertyValue,
    Results, Step, StepAction, StepFacts, StepId, StepSpec, StepStatus, Text, Time, Transition, Value,
};
use std::collections::BTreeMap;

/// What came of a step's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepEnd {
    /// How the command ended.
    pub end: CommandEnd,
    /// Properties that the command set by itself, such as `got_revision`.
    pub properties: Vec<(String, Property)>,
    /// Its logs, which are whole now.
    pub logs: Vec<SealedLog>,
    /// What was read from the logs.
    pub findings: Findings,
    /// The steps that follow, for the step that reads a pipeline; see [`build::planned`].
    pub steps: Option<Vec<StepSpec>>,
}

impl StepEnd {
    /// An end of which nothing more is known.
    pub fn of(end: CommandEnd) -> Self {
        Self { end, properties: Vec::new(), logs: Vec::new(), findings: Findings::default(), steps: None }
    }
}

/// A log that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedLog {
    /// Which.
    pub log: LogId,
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
    /// CRC-32 of all bytes.
    pub crc32: u32,
}

/// The transition that says a log is whole.
pub fn sealed(log: &SealedLog) -> Transition {
    let SealedLog { log, lines, bytes, crc32 } = *log;
    Transition::LogSealed { log, lines, bytes, crc32 }
}

/// What is to be done with a step before it may ask for its locks.
pub(crate) enum Entry {
    /// It begins when it has its locks.
    Go,
    /// It ends at once: skipped, or the question went wrong.
    Over(Results, String),
}

/// Asks whether a step is done at all.
pub(crate) fn enter(world: &World, running: &RunningBuild, spec: &StepSpec) -> Entry {
    let Some(condition) = &spec.do_if else { return Entry::Go };
    match holds(world, running, &spec.name, condition, None) {
        Ok(true) => Entry::Go,
        Ok(false) => Entry::Over(Results::Skipped, format!("skipped{}", because(condition))),
        Err(message) => Entry::Over(Results::Exception, format!("whether to do it cannot be told: {message}")),
    }
}

fn because(condition: &Condition) -> String {
    match condition {
        Condition::Fixed(_) => String::new(),
        Condition::Text(text) => format!(": {} says no", text.written()),
        Condition::Function(function) => format!(": {} says no", function.name),
    }
}

/// Whether a condition holds for a build. A function is given the build, and the step's result where there is one.
pub(crate) fn holds(
    world: &World,
    running: &RunningBuild,
    step: &str,
    condition: &Condition,
    results: Option<Results>,
) -> Result<bool, String> {
    match condition {
        Condition::Fixed(answer) => Ok(*answer),
        Condition::Text(text) => {
            let finished = render::text(text, &sight(world, running))?;
            let no = ["", "0", "false", "no", "off"];
            Ok(!no.iter().any(|word| finished.trim().eq_ignore_ascii_case(word)))
        }
        Condition::Function(function) => {
            let mut arguments = vec![policy::build(world, running, Some(step).filter(|s| !s.is_empty()))];
            arguments.extend(results.map(|r| Value::Int(r.code())));
            policy::call(world, function, &arguments).map(|answer| render::is_true(&answer))
        }
    }
}

/// Whether pages leave a step out that ended so. A question that goes wrong leaves it in.
fn hidden(world: &World, running: &RunningBuild, spec: &StepSpec, results: Results) -> bool {
    let asked = spec.hide_if.as_ref().map(|c| holds(world, running, &spec.name, c, Some(results)));
    matches!(asked, Some(Ok(true)))
}

/// A step that is about to begin.
pub(crate) struct Beginning<'a> {
    pub(crate) world: &'a World,
    pub(crate) running: &'a RunningBuild,
    pub(crate) number: usize,
    pub(crate) spec: &'a StepSpec,
    pub(crate) now: Time,
}

impl Beginning<'_> {
    /// The step begins, and ends as well if it needs nobody else.
    pub(crate) fn begin(&self, next: &mut NextIds, todo: &mut Vec<Transition>) {
        let (world, running, spec) = (self.world, self.running, self.spec);
        let (results, state) = match &spec.action {
            StepAction::SetProperties(values) => match finished_values(world, running, values) {
                Ok(values) => {
                    let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
                    let state = format!("set {}", names.join(", "));
                    let step = self.begun(state.clone(), next, todo);
                    todo.extend(values.into_iter().map(|(name, value)| self.property(name, value)));
                    return self.end(step, Results::Success, state, todo);
                }
                Err(message) => (Results::Exception, message),
            },
            StepAction::Assert { condition, message } => match holds(world, running, &spec.name, condition, None) {
                Ok(true) => (Results::Success, "holds".to_owned()),
                Ok(false) => match public_text(world, running, message) {
                    Ok(message) if message.is_empty() => (Results::Failure, "does not hold".to_owned()),
                    Ok(message) => (Results::Failure, message),
                    Err(message) => (Results::Exception, message),
                },
                Err(message) => (Results::Exception, message),
            },
            StepAction::Trigger(wish) => match trigger::begin(self, wish, next, todo) {
                Ok(()) => return,
                Err(message) => (Results::Exception, message),
            },
            action => match can_be_finished(action, &sight(world, running)) {
                Ok(()) => {
                    let step = self.started(doing(world, running, spec), next);
                    let logs = log_facts(step.id, action, next);
                    todo.push(Transition::StepStarted { step, epoch: running.build.lease.epoch, logs });
                    return;
                }
                Err(message) => (Results::Exception, message),
            },
        };
        self.over(results, state, next, todo);
    }

    /// The step begins and ends at once.
    pub(crate) fn over(&self, results: Results, state: String, next: &mut NextIds, todo: &mut Vec<Transition>) {
        let step = self.begun(state.clone(), next, todo);
        self.end(step, results, state, todo);
    }

    pub(crate) fn end(&self, step: StepId, results: Results, state: String, todo: &mut Vec<Transition>) {
        let hidden = hidden(self.world, self.running, self.spec, results);
        let facts = StepFacts { hidden, ..StepFacts::default() };
        todo.push(Transition::StepFinished { step, at: self.now, results, state, facts });
    }

    /// The step begins without a command, and so without a log.
    pub(crate) fn begun(&self, state: String, next: &mut NextIds, todo: &mut Vec<Transition>) -> StepId {
        let step = self.started(state, next);
        let id = step.id;
        todo.push(Transition::StepStarted { step, epoch: self.running.build.lease.epoch, logs: Vec::new() });
        id
    }

    pub(crate) fn started(&self, state: String, next: &mut NextIds) -> Step {
        Step {
            id: StepId::take(&mut next.step),
            build: self.running.build.id,
            number: i64::try_from(self.number).unwrap_or(i64::MAX),
            name: self.spec.name.clone(),
            started_at: self.now,
            state,
            facts: StepFacts::default(),
            status: StepStatus::Running,
        }
    }

    fn property(&self, name: String, value: Value) -> Transition {
        let property = Property { value, source: self.spec.name.clone() };
        Transition::PropertySet { build: self.running.build.id, name, property }
    }
}

/// Values of properties with everything put in.
pub(crate) fn finished_values(
    world: &World,
    running: &RunningBuild,
    values: &BTreeMap<String, PropertyValue>,
) -> Result<Vec<(String, Value)>, String> {
    let finished = |value: &PropertyValue| match value {
        PropertyValue::Text(text) => public_text(world, running, text).map(Value::from),
        PropertyValue::Value(value) => Ok(value.clone()),
    };
    values.iter().map(|(name, value)| Ok((name.clone(), finished(value)?))).collect()
}

/// A text that everybody will see: a secret in it is an error.
pub(crate) fn public_text(world: &World, running: &RunningBuild, text: &Text) -> Result<String, String> {
    for lookup in text.lookups() {
        if let Lookup::Secret(name) = lookup {
            return Err(format!("the secret {name} cannot be put into a text that is shown"));
        }
    }
    render::text(text, &sight(world, running))
}

/// Whether everything can be put into an action. Which files were changed is known only to who begins the command.
fn can_be_finished(action: &StepAction, sight: &Sight<'_>) -> Result<(), String> {
    match model::changed_files::is_wanted(action) {
        true => Ok(()),
        false => render::action(action, sight).map(drop),
    }
}

/// What a step says of itself while it runs. A secret in it stays as it was written.
fn doing(world: &World, running: &RunningBuild, spec: &StepSpec) -> String {
    let told = |words: &Text| {
        let none = BTreeMap::new();
        let sight = Sight { secrets: &none, ..sight(world, running) };
        render::text(words, &sight).unwrap_or_else(|_| words.written())
    };
    if let Some(words) = &spec.description {
        return told(words);
    }
    match &spec.action {
        StepAction::Git(git) => format!("fetching {}", git.repository.written()),
        StepAction::Vcs(spec) => format!("fetching {}", spec.repository.written()),
        StepAction::Shell(shell) | StepAction::MasterShell(shell) => command_words(&shell.command),
        StepAction::Sequence(sequence) => {
            sequence.parts.first().map_or_else(|| spec.name.clone(), |part| command_words(&part.command))
        }
        StepAction::Pipeline(pipeline) => format!("reading {}", pipeline.file),
        _ => spec.name.clone(),
    }
}

fn command_words(command: &CommandLine) -> String {
    shorten(command.text().lines().next().unwrap_or_default())
}

/// At most sixty characters, cut between two of them.
fn shorten(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The names of a step's logs beside the command's own output.
fn logs_of(action: &StepAction) -> Vec<&str> {
    let followed: &[FollowedLog] = match action {
        StepAction::Shell(shell) | StepAction::MasterShell(shell) => &shell.log_files,
        StepAction::Sequence(sequence) => &sequence.shell.log_files,
        _ => &[],
    };
    followed.iter().map(|l| l.name.as_str()).collect()
}

/// The command's own output, and then each file that is followed.
fn log_facts(step: StepId, action: &StepAction, next: &mut NextIds) -> Vec<LogFacts> {
    let mut logs: Vec<LogFacts> = Vec::new();
    for name in ["stdio"].into_iter().chain(logs_of(action)) {
        let mut slug: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' })
            .take(50)
            .collect();
        while logs.iter().any(|l| l.slug == slug) {
            slug.push('_');
        }
        logs.push(LogFacts {
            id: LogId::take(&mut next.log),
            step,
            number: u16::try_from(logs.len()).unwrap_or(u16::MAX),
            name: name.to_owned(),
            slug,
            status: LogStatus::Open,
        });
    }
    logs
}

/// A worker says that a step's command ended. An answer for another epoch, or for a step that does not run, is refused.
pub fn step_ended(world: &World, build: BuildId, epoch: i64, id: StepId, end: StepEnd, now: Time) -> Vec<Transition> {
    let running = world.builds.get(&build).filter(|b| b.build.lease.epoch == epoch);
    let Some((running, step)) = running.and_then(|b| b.current().filter(|s| s.id == id).map(|s| (b, s))) else {
        let Judgement { results, state, .. } = judge(None, &end.end, &end.findings);
        let what = format!("step {id} ended as {results}: {state}");
        return vec![Transition::Refused { build, epoch, at: now, what }];
    };
    let spec = usize::try_from(step.number).ok().and_then(|n| running.plan.get(n));
    let judged = judge(spec, &end.end, &end.findings);
    let mut todo: Vec<Transition> = end.logs.iter().map(sealed).collect();
    for (name, property) in end.properties {
        todo.push(Transition::PropertySet { build, name, property });
    }
    for (name, value) in end.findings.properties {
        let property = Property { value, source: step.name.clone() };
        todo.push(Transition::PropertySet { build, name, property });
    }
    let plain = judged.results == Results::Success && judged.state == "passed";
    let told = spec.and_then(|s| s.description_done.as_ref()).filter(|_| plain);
    let told = told.and_then(|words| public_text(world, running, words).ok());
    let hidden = spec.is_some_and(|s| hidden(world, running, s, judged.results));
    todo.push(Transition::StepFinished {
        step: step.id,
        at: now,
        results: judged.results,
        state: told.unwrap_or(judged.state),
        facts: StepFacts { hidden, ..judged.facts },
    });
    if let Some(steps) = end.steps {
        todo.extend(build::planned(world, build, epoch, steps, now));
    }
    todo
}
