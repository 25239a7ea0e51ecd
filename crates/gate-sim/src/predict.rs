//! How long a given list of submissions takes: the gate's own decisions, with lengths and ends that are told beforehand.
//!
//! ```json
//! {
//!   "slots": 4,
//!   "tasks": [{ "name": "build", "seconds": 6 }, { "name": "lint", "seconds": 2 }],
//!   "submissions": [
//!     { "id": 1, "at": 0 },
//!     { "id": 2, "at": 0, "verdict": { "bad": { "task": "build", "after": 3 } } },
//!     { "id": 3, "at": 1.5, "verdict": { "flaky": { "task": "build", "times": 1 } } },
//!     { "id": 4, "at": 2, "needs": [1], "touches": ["lint"] }
//!   ]
//! }
//! ```

use gate::{
    Action, Adaptive, Candidate, CandidateId, Commit, End, Event, Footprint, Outcome, Policy, Promise, Push, Queue,
    Red, Settings, TrialId,
};
use model::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

/// A gate and what is submitted to it. Times are in seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// Trials at once.
    pub slots: usize,
    /// Tasks at once, over all trials; `None`: as many as there are.
    #[serde(default)]
    pub machines: Option<usize>,
    /// What is tested next; `None`: ours.
    #[serde(default)]
    pub policy: Option<Policy>,
    /// Each commit is tested as it lands.
    #[serde(default)]
    pub each_commit: bool,
    /// So often a red trial may be repeated; `None`: as often as usual.
    #[serde(default)]
    pub retries: Option<u32>,
    /// The tasks of a trial. They begin at once, as machines allow; the first red one ends the trial.
    pub tasks: Vec<Task>,
    /// What a trial takes beside its tasks, before they begin.
    #[serde(default)]
    pub before: f64,
    /// What a push takes. Nothing is begun meanwhile.
    #[serde(default)]
    pub push: f64,
    /// Who comes, in any order.
    pub submissions: Vec<Submission>,
}

/// A task of a trial.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// How long it takes when it is green.
    pub seconds: f64,
}

/// A candidate to come.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Its number.
    pub id: u64,
    /// When it comes.
    pub at: f64,
    /// How it truly is.
    #[serde(default)]
    pub verdict: Verdict,
    /// What must land before it.
    #[serde(default)]
    pub needs: Vec<u64>,
    /// The tasks that it touches; `None`: all.
    #[serde(default)]
    pub touches: Option<Vec<String>>,
    /// Each point goes before what came within ten minutes.
    #[serde(default)]
    pub priority: i64,
    /// Who wrote it; people have a record of their own.
    #[serde(default)]
    pub author: String,
}

/// How a submission truly is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Green.
    #[default]
    Good,
    /// Red in a task, whenever it is tested.
    Bad {
        /// In which.
        task: String,
        /// So long after that began; `None`: at its end.
        #[serde(default)]
        after: Option<f64>,
    },
    /// Red in a task so many times, then green: whichever trials run that task first.
    Flaky {
        /// In which.
        task: String,
        /// How often.
        times: u32,
    },
}

/// What comes of a scene.
#[derive(Clone, Debug, Serialize)]
pub struct Prediction {
    /// From the first arrival until the last one is decided.
    pub seconds: f64,
    /// How each one ends, in order of time.
    pub ends: Vec<Ended>,
    /// Trials begun.
    pub trials: usize,
    /// Trials that were stopped before their end.
    pub cancelled: usize,
    /// Repeated attempts.
    pub retries: usize,
}

/// How one ends.
#[derive(Clone, Debug, Serialize)]
pub struct Ended {
    /// Who.
    pub id: u64,
    /// How.
    pub end: How,
    /// When.
    pub at: f64,
}

/// How one ends, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It landed.
    Landed,
    /// It landed, and an attempt was red.
    LandedFlaky,
    /// It was evicted.
    Evicted,
    /// What it needs did not land.
    DependencyFailed,
}

/// Why a scene cannot be played.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SceneError {
    /// A name that is in no task.
    #[error("submission {id} names the task {task:?}; there is {}", .known.join(", "))]
    Task {
        /// Whose.
        id: u64,
        /// The name.
        task: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The same number twice.
    #[error("there are two submissions {id}")]
    Twice {
        /// The number.
        id: u64,
    },
    /// Nothing can ever run.
    #[error("a gate needs a slot, a machine and a task at least")]
    Nothing,
    /// Somebody waits, and nothing more happens.
    #[error("nothing happens any more, and {} wait", .waiting.len())]
    Stuck {
        /// Who.
        waiting: Vec<u64>,
    },
}

/// Plays a scene to its end.
///
/// # Errors
///
/// If it names what is not there, or if somebody would wait for ever.
pub fn predict(scene: &Scene) -> Result<Prediction, SceneError> {
    let mut stage = Stage::of(scene)?;
    while let Some((at, what)) = stage.next() {
        stage.now = at;
        stage.happens(what);
        stage.decide();
    }
    let waiting: Vec<u64> = stage.queue.line().map(|c| c.id.0).collect();
    if !waiting.is_empty() {
        return Err(SceneError::Stuck { waiting });
    }
    let first = scene.submissions.iter().map(|s| s.at).fold(f64::INFINITY, f64::min);
    let last = stage.told.ends.last().map_or(first, |e| e.at);
    Ok(Prediction { seconds: if first.is_finite() { last - first } else { 0.0 }, ..stage.told })
}

impl Prediction {
    /// For people: a line for each end, and the sum.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for Ended { id, end, at } in &self.ends {
            let word = match end {
                How::Landed => "landed",
                How::LandedFlaky => "landed, with a flake",
                How::Evicted => "evicted",
                How::DependencyFailed => "dropped with what it needs",
            };
            let _ = writeln!(out, "{at:>10.1} s  {id:>6}  {word}");
        }
        let Prediction { seconds, trials, cancelled, retries, .. } = self;
        let _ = writeln!(out, "{seconds:.1} s, {trials} trials, {cancelled} cancelled, {retries} repeated");
        out
    }
}

enum Happening {
    Arrives(usize),
    /// A trial's tree is made.
    Ready(TrialId, u32),
    Task(TrialId, u32, usize, Finish),
    Pushed(Commit),
}

/// How a task ends.
#[derive(Clone, Copy)]
enum Finish {
    Green,
    Red,
}

/// A trial under way.
struct Running {
    attempt: u32,
    /// Tasks that have not ended, and how many of them hold a machine.
    left: usize,
    holds: usize,
    /// Tasks that were green in some attempt; they are not repeated.
    green: BTreeSet<usize>,
}

struct Stage<'a> {
    scene: &'a Scene,
    of: BTreeMap<u64, &'a Submission>,
    queue: Queue,
    now: f64,
    agenda: Vec<(f64, u64, Happening)>,
    count: u64,
    running: BTreeMap<TrialId, Running>,
    /// Tasks that wait for a machine.
    waiting: VecDeque<(TrialId, u32, usize)>,
    free: usize,
    /// How often each flaky one was red.
    flaked: BTreeMap<u64, u32>,
    told: Prediction,
}

impl<'a> Stage<'a> {
    fn of(scene: &'a Scene) -> Result<Self, SceneError> {
        let free = scene.machines.unwrap_or(usize::MAX);
        if scene.slots == 0 || free == 0 || scene.tasks.is_empty() {
            return Err(SceneError::Nothing);
        }
        let policy = scene.policy.clone().unwrap_or_else(|| Policy::Adaptive(Adaptive::default()));
        let mut settings = Settings::new(policy, scene.slots);
        settings.promise = if scene.each_commit { Promise::EachCommit } else { Promise::Tip };
        settings.retries = scene.retries.unwrap_or(settings.retries);
        let ends = Vec::new();
        let mut stage = Stage {
            scene,
            of: BTreeMap::new(),
            queue: Queue::new(settings, Commit("tip".to_owned())),
            now: 0.0,
            agenda: Vec::new(),
            count: 0,
            running: BTreeMap::new(),
            waiting: VecDeque::new(),
            free,
            flaked: BTreeMap::new(),
            told: Prediction { seconds: 0.0, ends, trials: 0, cancelled: 0, retries: 0 },
        };
        for (i, submission) in scene.submissions.iter().enumerate() {
            let mut names: BTreeSet<&str> = submission.touches.iter().flatten().map(String::as_str).collect();
            if let Verdict::Bad { task, .. } | Verdict::Flaky { task, .. } = &submission.verdict {
                names.insert(task);
            }
            if let Some(task) = names.into_iter().find(|n| stage.task(n).is_none()) {
                let known = scene.tasks.iter().map(|t| t.name.clone()).collect();
                return Err(SceneError::Task { id: submission.id, task: task.to_owned(), known });
            }
            if stage.of.insert(submission.id, submission).is_some() {
                return Err(SceneError::Twice { id: submission.id });
            }
            stage.at(submission.at, Happening::Arrives(i));
        }
        Ok(stage)
    }

    fn task(&self, name: &str) -> Option<usize> {
        self.scene.tasks.iter().position(|t| t.name == name)
    }

    fn at(&mut self, time: f64, what: Happening) {
        self.count += 1;
        self.agenda.push((time, self.count, what));
    }

    /// What happens next; at the same time, what was planned first.
    fn next(&mut self) -> Option<(f64, Happening)> {
        let order = |a: &&(f64, u64, Happening), b: &&(f64, u64, Happening)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        let first = self.agenda.iter().min_by(order)?.1;
        let place = self.agenda.iter().position(|(_, count, _)| *count == first)?;
        let (at, _, what) = self.agenda.swap_remove(place);
        Some((at, what))
    }

    fn apply(&mut self, event: &Event) {
        self.queue.apply(event, Time((self.now * 1e6) as i64));
    }

    fn happens(&mut self, what: Happening) {
        match what {
            Happening::Arrives(i) => self.arrives(&self.scene.submissions[i]),
            Happening::Ready(trial, attempt) => self.ready(trial, attempt),
            Happening::Task(trial, attempt, task, finish) => self.finished(trial, attempt, task, finish),
            Happening::Pushed(commit) => {
                let members = self.queue.landing().map(|l| l.members.clone()).unwrap_or_default();
                self.apply(&Event::Pushed(Push::Done { commit, same_tree: true }));
                for id in members {
                    let end = self.queue.ended(id).map(|e| e.end.clone());
                    let flaky = matches!(end, Some(End::Landed { flaky: true, .. }));
                    self.ended(id, if flaky { How::LandedFlaky } else { How::Landed });
                }
            }
        }
    }

    fn arrives(&mut self, submission: &Submission) {
        let tasks = |names: &Vec<String>| Footprint::of(names.iter().filter_map(|n| self.task(n)));
        let candidate = Candidate {
            id: CandidateId(submission.id),
            commit: Commit(format!("c{}", submission.id)),
            author: submission.author.clone(),
            submitted: Time((submission.at * 1e6) as i64),
            priority: submission.priority,
            needs: submission.needs.iter().map(|n| CandidateId(*n)).collect(),
            footprint: submission.touches.as_ref().map_or(Footprint::ALL, tasks),
            wanted: 0,
            approvals: Vec::new(),
        };
        self.apply(&Event::Submitted(candidate));
    }

    fn decide(&mut self) {
        loop {
            let actions = gate::decide(&self.queue, Time((self.now * 1e6) as i64));
            if actions.is_empty() {
                return;
            }
            for action in actions {
                self.apply(&Event::Decided(action.clone()));
                self.carry_out(action);
            }
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Start { trial, .. } => {
                self.told.trials += 1;
                self.begin(trial, 0, BTreeSet::new());
            }
            Action::Cancel { trial, .. } => {
                self.told.cancelled += 1;
                self.stop(trial);
            }
            Action::Retry { trial, .. } => {
                self.told.retries += 1;
                let before = self.running.remove(&trial);
                let (attempt, green) = before.map_or((1, BTreeSet::new()), |r| (r.attempt + 1, r.green));
                self.begin(trial, attempt, green);
            }
            Action::Land { commit, .. } => self.at(self.now + self.scene.push, Happening::Pushed(commit)),
            Action::End { candidate, end } => {
                let evicted = matches!(end, End::Evicted(_));
                self.ended(candidate, if evicted { How::Evicted } else { How::DependencyFailed });
            }
            Action::Stand { .. } | Action::Ask { .. } | Action::Halt(_) => {}
        }
    }

    fn ended(&mut self, id: CandidateId, end: How) {
        self.told.ends.push(Ended { id: id.0, end, at: self.now });
    }

    fn begin(&mut self, trial: TrialId, attempt: u32, green: BTreeSet<usize>) {
        self.running.insert(trial, Running { attempt, left: 0, holds: 0, green });
        let before = if attempt > 0 { 0.0 } else { self.scene.before };
        self.at(self.now + before, Happening::Ready(trial, attempt));
    }

    fn ready(&mut self, id: TrialId, attempt: u32) {
        let Some(trial) = self.queue.trial(id) else { return };
        let Some(running) = self.running.get_mut(&id).filter(|r| r.attempt == attempt) else { return };
        let all = (0..self.scene.tasks.len()).filter(|t| trial.footprint.touches(*t));
        let tasks: Vec<usize> = all.filter(|t| !running.green.contains(t)).collect();
        running.left = tasks.len();
        self.waiting.extend(tasks.iter().map(|t| (id, attempt, *t)));
        if tasks.is_empty() {
            return self.green(id);
        }
        self.give();
    }

    /// Gives machines to tasks that wait.
    fn give(&mut self) {
        while self.free > 0
            && let Some((trial, attempt, task)) = self.waiting.pop_front()
        {
            let Some(running) = self.running.get_mut(&trial).filter(|r| r.attempt == attempt) else { continue };
            running.holds += 1;
            self.free -= 1;
            let (seconds, finish) = self.runs(trial, task);
            self.at(self.now + seconds, Happening::Task(trial, attempt, task, finish));
        }
    }

    /// How long a task runs now, and how it ends.
    fn runs(&mut self, trial: TrialId, task: usize) -> (f64, Finish) {
        let Task { name, seconds } = &self.scene.tasks[task];
        let members = self.queue.trial(trial).map(|t| t.members.clone()).unwrap_or_default();
        let mut red: Option<f64> = None;
        for member in members.iter().filter_map(|m| self.of.get(&m.0)) {
            let after = match &member.verdict {
                Verdict::Bad { task, after } if task == name => after.unwrap_or(*seconds),
                Verdict::Flaky { task, times } if task == name => {
                    let flaked = self.flaked.entry(member.id).or_default();
                    *flaked += 1;
                    if *flaked > *times {
                        continue;
                    }
                    *seconds
                }
                _ => continue,
            };
            red = Some(red.map_or(after, |red| red.min(after)));
        }
        red.map_or((*seconds, Finish::Green), |after| (after.min(*seconds), Finish::Red))
    }

    fn finished(&mut self, trial: TrialId, attempt: u32, task: usize, finish: Finish) {
        let Some(running) = self.running.get_mut(&trial).filter(|r| r.attempt == attempt) else { return };
        running.holds -= 1;
        running.left -= 1;
        let done = running.left == 0;
        self.free += 1;
        match finish {
            Finish::Red => {
                self.release(trial);
                self.apply(&Event::Ended { trial, outcome: Outcome::Red(Red::default()) });
            }
            Finish::Green if done => self.green(trial),
            Finish::Green => {
                running.green.insert(task);
            }
        }
        self.give();
    }

    fn green(&mut self, trial: TrialId) {
        self.running.remove(&trial);
        self.apply(&Event::Ended { trial, outcome: Outcome::Green(Commit(format!("t{trial}"))) });
    }

    fn stop(&mut self, trial: TrialId) {
        self.release(trial);
        self.running.remove(&trial);
        self.give();
    }

    /// Its tasks stop, and their machines are free.
    fn release(&mut self, trial: TrialId) {
        self.waiting.retain(|(waits, ..)| *waits != trial);
        if let Some(running) = self.running.get_mut(&trial) {
            self.free += std::mem::take(&mut running.holds);
            // What still comes of this attempt is not heard.
            running.attempt += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(text: &str) -> Scene {
        serde_json::from_str(text).expect("a scene")
    }

    #[test]
    fn a_train_lands_in_the_length_of_a_trial_and_the_bad_one_is_named() {
        let told = predict(&scene(
            r#"{ "slots": 4, "policy": { "train": { "window": 4 } }, "before": 1, "push": 0.5,
                "tasks": [{ "name": "build", "seconds": 10 }, { "name": "lint", "seconds": 2 }],
                "submissions": [
                    { "id": 1, "at": 0 },
                    { "id": 2, "at": 0, "verdict": { "bad": { "task": "build", "after": 4 } } },
                    { "id": 3, "at": 0, "needs": [2] },
                    { "id": 4, "at": 0 } ] }"#,
        ))
        .expect("it can be played");
        insta::assert_snapshot!(told.text(), @r#"
              11.5 s       1  landed
              11.5 s       2  evicted
              11.5 s       3  dropped with what it needs
              20.5 s       4  landed
        20.5 s, 5 trials, 0 cancelled, 3 repeated
        "#);
    }

    #[test]
    fn a_flake_costs_what_is_repeated_and_few_machines_cost_time() {
        let text = |machines: &str| {
            let scene = format!(
                r#"{{ "slots": 2, {machines} "tasks": [{{ "name": "a", "seconds": 4 }}, {{ "name": "b", "seconds": 3 }}],
                    "submissions": [{{ "id": 7, "at": 1, "verdict": {{ "flaky": {{ "task": "b", "times": 1 }} }} }}] }}"#
            );
            predict(&serde_json::from_str(&scene).expect("a scene")).expect("it can be played").text()
        };
        insta::assert_snapshot!(text(""), @r#"
               8.0 s       7  landed, with a flake
        7.0 s, 1 trials, 0 cancelled, 1 repeated
        "#);
        insta::assert_snapshot!(text("\"machines\": 1,"), @r#"
              11.0 s       7  landed, with a flake
        10.0 s, 1 trials, 0 cancelled, 1 repeated
        "#);
    }

    #[test]
    fn a_scene_that_names_what_is_not_there_is_refused() {
        let of = |slots: usize, rest: &str| {
            let text = format!(
                r#"{{ "slots": {slots}, "tasks": [{{ "name": "a", "seconds": 1 }}], "submissions": [{rest}] }}"#
            );
            predict(&serde_json::from_str(&text).expect("a scene")).expect_err("it is refused").to_string()
        };
        assert_eq!(of(1, r#"{ "id": 1, "at": 0, "touches": ["b"] }"#), "submission 1 names the task \"b\"; there is a");
        assert_eq!(of(1, r#"{ "id": 1, "at": 0 }, { "id": 1, "at": 1 }"#), "there are two submissions 1");
        assert_eq!(of(0, ""), "a gate needs a slot, a machine and a task at least");
    }
}
