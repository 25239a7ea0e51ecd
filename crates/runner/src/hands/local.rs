//! Hands on this machine: a supervisor that outlives the runner.
//!
//! Everything that an attempt does is found again by its name: a step that has a spool is not run a second time, it is
//! waited for or read.

use super::Hands;
use crate::judge;
use crate::line::{Line, LineError, StepRun};
use crate::slot::{How, News, Order, StepDone, log_name};
use model::Time;
use model::area::TestStep;
use process::{EndedBy, Environment, Exit, Job, JobId, Outcome, Program, Word, spool};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testruns::verdict::{self, StepEnd};
use testruns::{ItemId, Status, Statuses};

/// They.
#[derive(Debug)]
pub(crate) struct Local {
    line: Line,
    words: Arc<Statuses>,
}

impl Local {
    /// With a supervisor that is started when it is needed first. `exe` is the program that it is, `dir` the directory
    /// that it has for itself.
    pub(crate) fn new(exe: PathBuf, dir: PathBuf, words: Arc<Statuses>) -> Self {
        Local { line: Line::new(exe, dir), words }
    }
}

impl Hands for Local {
    fn carry_out(&self, order: &Order, say: &dyn Fn(News), spools: &mut Vec<JobId>) -> How {
        let (item, attempt) = (order.item, order.attempt);
        if let Err(e) = order.place.make() {
            return How::NoPlace(e.to_string());
        }
        say(News::Began { item, attempt });
        for (number, (step, vars)) in order.steps.iter().enumerate() {
            let Ok(id) = JobId::new(format!("{}-{number}", order.job)) else {
                return How::NoPlace(format!("'{}' cannot be the name of a job", order.job));
            };
            spools.push(id.clone());
            let log = log_name(&step.name);
            let run = StepRun { job: job(id, step, vars, &order.place.dir), log: order.place.dir.join(&log) };
            let outcome = match self.line.run((item, attempt), &run) {
                Ok(Some(outcome)) => outcome,
                // Somebody ended it before this step.
                Ok(None) => return How::Came,
                Err(LineError::Lost(why)) => return How::Lost(why),
                Err(LineError::Refused(why)) => return How::NoPlace(why),
            };
            let done = self.judge(order, step, vars, &outcome, log);
            let goes_on = verdict::goes_on(&done.verdict);
            say(News::Step { item, attempt, step: Box::new(done) });
            if !order.place.dir.is_dir() {
                // Logs and files went with it, whatever codes say.
                let comment = format!("its directory was removed while step '{}' ran", step.name);
                return How::Stopped(verdict::Verdict {
                    status: Status::ABORT,
                    step: Some(step.name.clone()),
                    comment,
                });
            }
            if !goes_on {
                break;
            }
        }
        How::Came
    }

    fn kill(&self, item: ItemId, attempt: u32, reason: &str) {
        self.line.kill((item, attempt), reason);
    }

    fn forget(&self, spools: &[JobId]) {
        for id in spools {
            // What is left is found and taken away by the next runner.
            let _ = spool::remove(&id.dir(self.line.dir()));
        }
    }

    fn quit(&self) {
        self.line.quit();
    }
}

impl Local {
    fn judge(
        &self,
        order: &Order,
        step: &TestStep,
        vars: &BTreeMap<String, String>,
        outcome: &Outcome,
        log: String,
    ) -> StepDone {
        let exit = match (&outcome.exit, &outcome.ended_by) {
            (_, EndedBy::TooLong(limit)) => verdict::Exit::Overtime(span(*limit)),
            (Exit::Exited(code), _) => verdict::Exit::Code(*code),
            (Exit::Signalled { signal, .. }, _) => verdict::Exit::Signal(*signal),
            (Exit::NotStarted { .. }, _) => verdict::Exit::NotStarted,
        };
        let rules = step.rules.as_ref().map(|rules| {
            judge::log(rules, &order.place.dir, &order.place.dir.join(&log), &|name| vars.get(name).cloned())
        });
        let rules = rules.and_then(|(word, message)| {
            let status = self.words.read(&word).ok()?;
            Some(verdict::RulesFound { status, message })
        });
        let end = StepEnd { name: step.name.clone(), exit, rules };
        let mut verdict = verdict::of_step(step, &end, &self.words);
        if let Exit::NotStarted { error, .. } = &outcome.exit {
            verdict.comment = format!("{}: {error}", verdict.comment);
        }
        let began = Time(outcome.started_at);
        let ended = Time(outcome.started_at.saturating_add(i64::try_from(outcome.elapsed).unwrap_or(i64::MAX)));
        StepDone { end, verdict, began, ended, log }
    }
}

fn span(time: std::time::Duration) -> model::Span {
    model::Span(i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
}

fn job(id: JobId, step: &TestStep, vars: &BTreeMap<String, String>, dir: &Path) -> Job {
    let program = match &step.command {
        model::CommandLine::Words(words) => Program::words(words.iter().cloned()),
        model::CommandLine::Script(text) => Program::script(text.clone()),
    };
    let mut env: BTreeMap<Word, Word> =
        std::env::vars_os().map(|(name, value)| (Word::from(name), Word::from(value))).collect();
    env.extend(vars.iter().map(|(name, value)| (Word::from(name), Word::from(value))));
    env.insert("PWD".into(), Word::from(dir));
    let mut job = Job::new(id, program, dir);
    job.env = Environment::Only(env);
    // Rules judge the log: it has what the command says, and nothing else.
    job.unwanted = vec![spool::Stream::Header];
    job.max_time = step.max_time.map(model::Span::to_std);
    job
}
