//! A trial: a commit that is made and published, sets of builds that are filed for it, and what their ends say.

use super::kept::{Kept, Run, candidate_of, number_of};
use super::runner::{Made, Open, Runner, Trouble, blocking};
use super::words;
use crate::input::Input;
use engine::build_set::{NewSet, NewStamp};
use gate::{Action, CandidateId, Commit, Event, Outcome, Red, TrialId};
use killpoint::fail_point;
use model::property::property;
use model::{
    Build, BuildSetId, BuildStatus, CandidateStatus, GateTask, GateTrial, GateTrialStatus, Query, Results, StepStatus,
    Time,
};
use std::collections::{BTreeMap, BTreeSet};
use vcs::git::{Conflict, RebaseError, Workshop, handed_in};

/// So many names of tests are told.
const TESTS: usize = 50;

impl Runner {
    /// Puts a decision into words, and into the rows of trials.
    pub(super) fn note(&self, open: &mut Open, action: &Action, now: Time) {
        let name = self.spec.name.as_str();
        let kept = &mut open.kept;
        match action {
            Action::Start { trial, on, members, footprint, purpose, .. } => {
                let number = i64::try_from(trial.0).unwrap_or(i64::MAX);
                let touched = self.spec.tasks.iter().enumerate().filter(|(task, _)| footprint.touches(*task));
                let facts = GateTrial {
                    gate: name.to_owned(),
                    id: number,
                    on: on.0.clone(),
                    members: members.iter().copied().map(number_of).collect(),
                    purpose: words::purpose(purpose),
                    commit: None,
                    tasks: touched.map(|(_, task)| task.name.clone()).collect(),
                    sets: Vec::new(),
                    attempts: 1,
                    started_at: now,
                    status: GateTrialStatus::Running,
                    ended_at: None,
                    reason: String::new(),
                    tests: Vec::new(),
                };
                let what = if members.is_empty() { "the branch".to_owned() } else { words::names(members) };
                let text = format!("tests {what} on {on}: {}", facts.purpose);
                kept.trials.insert(*trial, Run { facts, level: 0, passed: BTreeSet::new(), current: None });
                kept.touch_trial(*trial);
                kept.say(name, now, "started", (None, Some(*trial)), text);
            }
            Action::Cancel { trial, why } => {
                let reason = words::needless(why);
                if let Some(run) = kept.trials.get_mut(trial) {
                    (run.facts.status, run.facts.ended_at) = (GateTrialStatus::Cancelled, Some(now));
                    run.facts.reason.clone_from(&reason);
                }
                kept.touch_trial(*trial);
                kept.say(name, now, "cancelled", (None, Some(*trial)), reason);
            }
            Action::Retry { trial, why } => {
                if let Some(run) = kept.trials.get_mut(trial) {
                    run.facts.attempts += 1;
                    (run.facts.status, run.facts.ended_at) = (GateTrialStatus::Running, None);
                    run.facts.reason = format!("attempt {}: {}", run.facts.attempts - 1, run.facts.reason);
                    run.level = 0;
                }
                kept.touch_trial(*trial);
                kept.say(name, now, "retried", (None, Some(*trial)), words::doubt(why));
            }
            Action::Stand { trial, why } => {
                kept.say(name, now, "stood", (None, Some(*trial)), words::doubt(why));
            }
            Action::Land { trial, commit, expected, members, .. } => {
                let text = format!("pushes {commit} with {}, expecting {expected}", words::names(members));
                kept.say(name, now, "pushing", (None, Some(*trial)), text);
            }
            Action::Ask { trial } => {
                kept.say(
                    name,
                    now,
                    "asked",
                    (None, Some(*trial)),
                    "asks the repository where the branch is".to_owned(),
                );
            }
            Action::Halt(why) => kept.say(name, now, "halted", (None, None), words::halt(why)),
            Action::End { .. } => {}
        }
    }

    /// Makes the commit of a trial, publishes it and files its first builds. What of it was done before is not done
    /// twice.
    pub(super) async fn begin(&mut self, open: &mut Open, trial: TrialId) -> Result<Vec<Event>, Trouble> {
        let Some(run) = open.kept.trials.get(&trial) else { return Ok(Vec::new()) };
        let members: Vec<(u64, Vec<String>)> = run
            .facts
            .members
            .iter()
            .filter_map(|m| open.kept.candidates.get(&candidate_of(*m)).map(|own| (own, *m)))
            .map(|(own, m)| (candidate_of(m).0, own.commits.clone()))
            .collect();
        let broken = |why: String| Ok(vec![Event::Ended { trial, outcome: Outcome::Broken(why) }]);
        if members.len() != run.facts.members.len() {
            return broken("a candidate of it is not known any more".to_owned());
        }
        let (shop, on, mut known) = (open.shop.clone(), run.facts.on.clone(), std::mem::take(&mut self.made));
        let (made, known) = blocking(move || {
            let made = make(&shop, &on, &members, &mut known);
            (made, known)
        })
        .await?;
        self.made = known;
        let commit = match made {
            Ok(commit) => commit,
            Err((_, RebaseError::Git(e))) => return broken(format!("its commit cannot be made: {e}")),
            Err((member, RebaseError::Conflict(conflict))) => {
                let red = Red { stage: conflict.commit, tests: conflict.files, log: String::new() };
                let outcome = Outcome::Conflict { member: CandidateId(member), red };
                return Ok(vec![Event::Ended { trial, outcome }]);
            }
        };
        let (shop, push, reference) = (open.shop.clone(), self.spec.push.clone(), self.reference(trial));
        let published = commit.clone();
        if let Err(e) = blocking(move || shop.publish(&push, &published, &reference)).await? {
            return broken(format!("its commit cannot be published: {e}"));
        }
        fail_point!("gate-published");
        if let Some(run) = open.kept.trials.get_mut(&trial) {
            run.facts.commit = Some(commit);
        }
        open.kept.touch_trial(trial);
        self.file(open, trial).await
    }

    /// Where the commit of a trial is for workers to fetch.
    fn reference(&self, trial: TrialId) -> String {
        format!("refs/sluice/{}/{trial}", self.spec.name)
    }

    /// Files the builds of the next tasks that have not passed; green, when there are none.
    async fn file(&mut self, open: &mut Open, trial: TrialId) -> Result<Vec<Event>, Trouble> {
        let levels = levels(&self.spec.tasks);
        let Some(run) = open.kept.trials.get_mut(&trial) else { return Ok(Vec::new()) };
        let Some(commit) = run.facts.commit.clone() else { return Ok(Vec::new()) };
        let open_tasks = |level: usize| {
            let of_level = |task: &&GateTask| levels.get(task.name.as_str()) == Some(&level);
            let wanted = |task: &&GateTask| run.facts.tasks.contains(&task.name) && !run.passed.contains(&task.name);
            self.spec.tasks.iter().filter(of_level).filter(wanted).collect::<Vec<_>>()
        };
        let highest = levels.values().copied().max().unwrap_or_default();
        let Some(level) = (run.level..=highest).find(|level| !open_tasks(*level).is_empty()) else {
            let outcome = Outcome::Green(Commit(commit));
            return Ok(vec![Event::Ended { trial, outcome }]);
        };
        let builders: Vec<String> = open_tasks(level).into_iter().map(|task| task.builder.clone()).collect();
        let (name, attempt) = (self.spec.name.clone(), run.facts.attempts);
        let id = format!("gate {name} trial {trial} attempt {attempt} level {level}");
        let reason = format!("gate {name}, trial {trial}: {}", members(&run.facts.members));
        let stamp = NewStamp {
            repository: self.spec.repository.clone(),
            branch: Some(self.reference(trial)),
            revision: Some(commit),
            project: name.clone(),
            ..NewStamp::default()
        };
        let properties = [property("gate_trial", i64::try_from(trial.0).unwrap_or(i64::MAX), "Gate")].into();
        let new = NewSet {
            reason,
            scheduler: format!("gate {name}"),
            external_id: Some(id),
            stamps: vec![stamp],
            properties,
            ..NewSet::default()
        };
        match self.filed(new, builders).await? {
            Ok(set) => {
                if let Some(run) = open.kept.trials.get_mut(&trial) {
                    run.level = level;
                    run.current = Some(set);
                    if !run.facts.sets.contains(&set) {
                        run.facts.sets.push(set);
                    }
                }
                open.kept.touch_trial(trial);
                self.keep(open).await?;
                fail_point!("gate-set-filed");
                Ok(Vec::new())
            }
            Err(why) => {
                Ok(vec![Event::Ended { trial, outcome: Outcome::Broken(format!("its builds cannot be filed: {why}")) }])
            }
        }
    }

    /// Files a set, or finds the one of that name.
    async fn filed(&self, new: NewSet, builders: Vec<String>) -> Result<Result<BuildSetId, String>, Trouble> {
        let id = new.external_id.clone().unwrap_or_default();
        let query = Query::default().eq("external_idstring", id.as_str()).eq("scheduler", new.scheduler.as_str());
        if let Some(before) = self.tools.door.store.sets(&query.limit(1)).await?.rows.pop() {
            return Ok(Ok(before.id));
        }
        let new = Box::new(new);
        let filed = self.tools.door.ask(|reply| Input::File { new, builders, reply }).await;
        Ok(filed.map(|forced| forced.set).map_err(|e| e.to_string()))
    }

    /// Stops what a trial has asked for.
    pub(super) async fn call_off(&self, open: &mut Open, trial: TrialId) {
        let current = open.kept.trials.get_mut(&trial).and_then(|run| run.current.take());
        if let Some(set) = current {
            self.stop_set(set, format!("gate {}: trial {trial} need not go on", self.spec.name)).await;
        }
    }

    async fn stop_set(&self, set: BuildSetId, reason: String) {
        // One that is over already is what was wanted.
        let _ = self.tools.door.ask(|reply| Input::CancelSet { set, reason, reply }).await;
    }

    /// What the builds of a trial say by now.
    pub(super) async fn builds_of(&mut self, open: &mut Open, trial: TrialId) -> Result<Vec<Event>, Trouble> {
        let Some(run) = open.kept.trials.get(&trial) else { return Ok(Vec::new()) };
        let Some(set) = run.current else { return Ok(Vec::new()) };
        let store = self.tools.door.store.clone();
        let requests = store.requests(&Query::default().eq("buildsetid", set.0)).await?.rows;
        let (mut passed, mut failed, mut broken) = (Vec::new(), None, None);
        let mut is_open = requests.is_empty();
        for request in requests {
            let build = store.builds_of_request(request.id).await?.into_iter().max_by_key(|build| build.id);
            let results = build.as_ref().and_then(|build| match build.status {
                BuildStatus::Complete { results, .. } => Some(results),
                _ => None,
            });
            let ended = request.status.results();
            is_open |= ended.is_none();
            let builder = store.builder(request.builder).await?.map(|b| b.name).unwrap_or_default();
            let task = self.spec.tasks.iter().find(|task| task.builder == builder);
            let Some(task) = task else {
                broken = Some(format!("there is no task of the builder {builder} any more"));
                continue;
            };
            match ended.or(results) {
                Some(Results::Success | Results::Warnings) if ended.is_some() => passed.push(task.name.clone()),
                Some(Results::Failure) => match build {
                    Some(build) if failed.is_none() => match self.red(task, &build).await? {
                        Ok(red) => failed = Some(red),
                        Err(why) => broken = Some(why),
                    },
                    Some(_) => {}
                    None => broken = Some(format!("{} failed without a build", task.name)),
                },
                Some(other) if ended.is_some() => {
                    broken = Some(format!("{} ended as {other}, which says nothing of the code", task.name));
                }
                _ => {}
            }
        }
        if is_open && failed.is_none() && broken.is_none() {
            return Ok(Vec::new());
        }
        let Some(run) = open.kept.trials.get_mut(&trial) else { return Ok(Vec::new()) };
        run.passed.extend(passed);
        run.current = None;
        if is_open {
            self.stop_set(set, format!("gate {}: trial {trial} has failed", self.spec.name)).await;
        }
        match (failed, broken) {
            (Some(red), _) => Ok(vec![Event::Ended { trial, outcome: Outcome::Red(red) }]),
            (None, Some(why)) => Ok(vec![Event::Ended { trial, outcome: Outcome::Broken(why) }]),
            (None, None) => self.file(open, trial).await,
        }
    }

    /// What failed in a build; `Err`: it was no stage of the task.
    async fn red(&self, task: &GateTask, build: &Build) -> Result<Result<Red, String>, Trouble> {
        let steps = self.tools.door.store.steps_of_build(build.id).await?;
        let failed =
            |step: &&model::Step| matches!(step.status, StepStatus::Complete { results: Results::Failure, .. });
        let Some(step) = steps.iter().find(failed) else {
            return Ok(Err(format!("build {} of {} failed without a step that did", build.id, task.name)));
        };
        if step.number == 0 {
            return Ok(Err(format!("the checkout of build {} of {} failed: {}", build.id, task.name, step.state)));
        }
        let tests = step.facts.tests.iter().flat_map(|tests| &tests.bad);
        Ok(Ok(Red {
            stage: format!("{}/{}", task.name, step.name),
            tests: tests.map(|test| test.name.clone()).take(TESTS).collect(),
            log: format!("build {}", build.id),
        }))
    }

    /// What a master that died had begun is gone on with.
    pub(super) async fn take_up(&mut self, open: &mut Open) -> Result<(), Trouble> {
        let running: Vec<(TrialId, bool)> = open
            .kept
            .queue
            .trials()
            .filter(|trial| trial.is_running())
            .map(|trial| (trial.id, open.kept.trials.get(&trial.id).is_some_and(|run| run.current.is_some())))
            .collect();
        for (trial, is_filed) in running {
            let events = match is_filed {
                true => self.builds_of(open, trial).await?,
                false if open.kept.trials.contains_key(&trial) => self.begin(open, trial).await?,
                false => {
                    let outcome = Outcome::Broken("nobody runs it any more".to_owned());
                    vec![Event::Ended { trial, outcome }]
                }
            };
            if !events.is_empty() {
                self.advance(open, events).await?;
            }
        }
        Ok(())
    }

    /// Trials that say nothing any more are forgotten. Their commits are public no longer, and neither are those that
    /// were handed in and are decided.
    pub(super) async fn tidy(&mut self, open: &mut Open) {
        let Open { kept, shop } = open;
        let over = over(kept);
        if over.is_empty() && kept.done.is_empty() {
            return;
        }
        let mut references: Vec<String> = over.iter().map(|trial| self.reference(*trial)).collect();
        references.extend(kept.done.iter().map(|commit| handed_in(commit)));
        let (shop, push) = (shop.clone(), self.spec.push.clone());
        let gone = blocking(move || shop.unpublish(&push, &references)).await;
        match gone {
            Ok(Ok(())) => {
                over.iter().for_each(|trial| drop(kept.trials.remove(trial)));
                kept.done.clear();
            }
            Ok(Err(e)) => tracing::warn!("the gate {} cannot tidy up: {e}", self.spec.name),
            Err(_) => {}
        }
        // A candidate's commits on others are made again, should they be wanted once more.
        let candidates = &kept.candidates;
        let waits =
            |id: u64| candidates.get(&CandidateId(id)).is_some_and(|own| own.facts.status == CandidateStatus::Waiting);
        self.made.retain(|(_, candidate), _| waits(*candidate));
    }
}

fn over(kept: &Kept) -> Vec<TrialId> {
    kept.trials.keys().filter(|id| kept.queue.trial(**id).is_none()).copied().collect()
}

fn members(all: &[i64]) -> String {
    match all {
        [] => "the branch by itself".to_owned(),
        all => words::names(&all.iter().copied().map(candidate_of).collect::<Vec<_>>()),
    }
}

/// The commit of a base with members on it, each made once.
fn make(
    shop: &Workshop,
    on: &str,
    members: &[(u64, Vec<String>)],
    known: &mut Made,
) -> Result<String, (u64, RebaseError)> {
    let mut tip = on.to_owned();
    for (member, commits) in members {
        let key = (tip.clone(), *member);
        let made: Result<String, Conflict> = match known.get(&key) {
            Some(made) => made.clone(),
            None => match shop.replay(&tip, commits) {
                Ok(commit) => Ok(commit),
                Err(RebaseError::Conflict(conflict)) => Err(conflict),
                Err(other) => return Err((*member, other)),
            },
        };
        known.insert(key, made.clone());
        tip = made.map_err(|conflict| (*member, RebaseError::Conflict(conflict)))?;
    }
    Ok(tip)
}

/// How many tasks each waits for, one behind the other.
fn levels(tasks: &[GateTask]) -> BTreeMap<&str, usize> {
    let mut levels: BTreeMap<&str, usize> = tasks.iter().map(|task| (task.name.as_str(), 0)).collect();
    // There is no circle: the configuration was checked.
    for _ in tasks {
        for task in tasks {
            let above =
                task.after.iter().filter_map(|name| levels.get(name.as_str())).max().map_or(0, |level| level + 1);
            levels.insert(&task.name, above);
        }
    }
    levels
}
