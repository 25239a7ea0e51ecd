//! A slot: a thread of the runner and a supervisor that outlives it. It carries out one attempt after the other.
//!
//! Everything that an attempt does is found again by its name: a step that has a spool is not run a second time, it is
//! waited for or read. So going on after a crash of the runner is the same call as starting.

use crate::judge;
use crate::line::{Line, LineError, StepRun};
use crate::place::Place;
use crate::socket;
use model::Time;
use model::area::TestStep;
use process::{EndedBy, Environment, Exit, Job, JobId, Outcome, Program, Word, spool};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use testruns::verdict::{self, StepEnd};
use testruns::{ItemId, Statuses};

/// An attempt that is to be carried out, or gone on with.
#[derive(Clone, Debug)]
pub struct Order {
    /// Whose.
    pub item: ItemId,
    /// Which.
    pub attempt: u32,
    /// What the names of its jobs begin with.
    pub job: String,
    /// Where it runs.
    pub place: Place,
    /// What it does, each step with its variables.
    pub steps: Vec<(TestStep, BTreeMap<String, String>)>,
}

/// A step that came to its end.
#[derive(Clone, Debug)]
pub struct StepDone {
    /// How.
    pub end: StepEnd,
    /// What it is.
    pub verdict: verdict::Verdict,
    /// When it began.
    pub began: Time,
    /// When it ended.
    pub ended: Time,
    /// Its log, within the directory.
    pub log: String,
}

/// What became of an attempt.
#[derive(Debug)]
pub enum How {
    /// It came to its end.
    Came,
    /// What ran it is gone, and what was left of it was cleared away.
    Lost(String),
    /// It could not be made.
    NoPlace(String),
}

/// What a slot says.
#[derive(Debug)]
pub enum News {
    /// An attempt began.
    Began {
        /// Whose.
        item: ItemId,
        /// Which.
        attempt: u32,
    },
    /// A step ended.
    Step {
        /// Whose.
        item: ItemId,
        /// Which attempt.
        attempt: u32,
        /// It.
        step: Box<StepDone>,
    },
    /// The attempt ended, and the slot is free.
    Ended {
        /// The slot.
        slot: usize,
        /// Whose.
        item: ItemId,
        /// Which.
        attempt: u32,
        /// How.
        how: How,
        /// Spools that can go when this is durable.
        spools: Vec<JobId>,
    },
    /// Somebody asks for something; the answer goes back when it is durable.
    Call {
        /// What.
        call: socket::Call,
        /// Where the answer goes.
        reply: mpsc::SyncSender<socket::Answer>,
    },
    /// Somebody ends the run.
    Stop {
        /// Who.
        by: String,
    },
}

/// What a slot is told.
#[derive(Debug)]
enum Told {
    Order(Box<Order>),
    Forget(Vec<JobId>),
    /// The supervisor may go.
    Quit,
}

/// The runner's side of a slot.
#[derive(Debug)]
pub struct Slot {
    line: Arc<Line>,
    tell: mpsc::Sender<Told>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Slot {
    /// Starts the thread; the supervisor is started with the first order. `exe` is the program that it is.
    pub fn start(number: usize, exe: &Path, dir: PathBuf, words: Arc<Statuses>, news: mpsc::Sender<News>) -> Self {
        let line = Arc::new(Line::new(exe.to_owned(), dir));
        let (tell, told) = mpsc::channel();
        let worker = Worker { number, line: line.clone(), words, news };
        let thread = std::thread::spawn(move || worker.serve(&told));
        Slot { line, tell, thread: Some(thread) }
    }

    /// Carries an attempt out.
    pub fn order(&self, order: Order) {
        // A thread that is gone has said so.
        let _ = self.tell.send(Told::Order(Box::new(order)));
    }

    /// The outcomes of these jobs are durable.
    pub fn forget(&self, spools: Vec<JobId>) {
        let _ = self.tell.send(Told::Forget(spools));
    }

    /// Ends what runs of an attempt, and what of it is still to come.
    pub fn kill(&self, item: ItemId, attempt: u32, reason: &str) {
        self.line.kill((item, attempt), reason);
    }

    /// Lets the supervisor go, and waits for the thread.
    pub fn close(mut self) {
        let _ = self.tell.send(Told::Quit);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    number: usize,
    line: Arc<Line>,
    words: Arc<Statuses>,
    news: mpsc::Sender<News>,
}

impl Worker {
    fn serve(&self, told: &mpsc::Receiver<Told>) {
        while let Ok(told) = told.recv() {
            match told {
                Told::Order(order) => {
                    let mut spools = Vec::new();
                    let how = self.carry_out(&order, &mut spools);
                    let (item, attempt) = (order.item, order.attempt);
                    self.say(News::Ended { slot: self.number, item, attempt, how, spools });
                }
                Told::Forget(spools) => {
                    for id in spools {
                        // What is left is found and taken away by the next runner.
                        let _ = spool::remove(&id.dir(self.line.dir()));
                    }
                }
                Told::Quit => {
                    self.line.quit();
                    return;
                }
            }
        }
    }

    fn say(&self, news: News) {
        // Nobody listens when the runner ends; the next one finds the spool.
        let _ = self.news.send(news);
    }

    fn carry_out(&self, order: &Order, spools: &mut Vec<JobId>) -> How {
        let (item, attempt) = (order.item, order.attempt);
        if let Err(e) = order.place.make() {
            return How::NoPlace(e.to_string());
        }
        self.say(News::Began { item, attempt });
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
            self.say(News::Step { item, attempt, step: Box::new(done) });
            if !goes_on {
                break;
            }
        }
        How::Came
    }

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

/// The file in which the output of a step stands.
pub fn log_name(step: &str) -> String {
    let plain: String = step.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).collect();
    let mut end = plain.len().min(200);
    while !plain.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}.log", &plain[..end])
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
