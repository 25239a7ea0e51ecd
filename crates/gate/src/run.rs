//! One run of the gate: tasks with their stages, on one tree. What starts, what stops, and what the run is.
//!
//! The caller writes down what [`Run::next`] answers, applies it as [`Happened::Did`], carries it out, tells what
//! happened, and asks again. There is no clock here: limits of time are the caller's, and come in as verdicts.

use crate::footprint::Footprint;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};

/// A task as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// Its stages by name, in the order in which they run. A task without stages passes.
    pub stages: Vec<String>,
    /// Tasks that must have passed before it starts, by their number. Each is smaller than its own, so there is no
    /// circle.
    pub needs: Vec<usize>,
}

/// When a task fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtFailure {
    /// Everything else is stopped.
    Stop,
    /// Everything else goes on, as far as it does not need what failed. Nothing lands all the same.
    GoOn,
}

/// Where a task is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Nothing of it runs.
    Waiting,
    /// This stage runs.
    Running {
        /// Its number.
        stage: usize,
    },
    /// The stage before passed, and the next one may start.
    Between {
        /// The number of the next one.
        stage: usize,
    },
    /// It is to end, and has not ended yet.
    Stopping {
        /// The stage that runs.
        stage: usize,
        /// What it will be.
        then: Then,
    },
    /// It ended.
    Ended {
        /// How.
        verdict: Verdict,
        /// The stage that made it so; none of a task that passed, or that never started.
        stage: Option<usize>,
        /// Not run on this tree, since nothing that it reads is otherwise than where it passed.
        reused: bool,
    },
}

/// What becomes of a task when its stage has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It ended so.
    End(Verdict),
    /// It starts anew, on the new tree.
    Anew,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Do {
    /// Start a stage.
    Start {
        /// Of this task.
        task: usize,
        /// This one.
        stage: usize,
    },
    /// Stop what runs of a task: its whole process tree.
    Stop {
        /// The task.
        task: usize,
    },
    /// It will not run: something that it needs did not pass, or the run is over.
    Skip {
        /// The task.
        task: usize,
    },
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// The caller wrote this down and carries it out.
    Did(Do),
    /// A test failed in a stage that still runs. The stage is stopped unless the run goes on at failures.
    TestFailed {
        /// The task.
        task: usize,
    },
    /// A stage ended, by itself or because it was stopped.
    StageEnded {
        /// The task.
        task: usize,
        /// How.
        verdict: Verdict,
    },
    /// The tree is another now: it was replayed on a branch that moved.
    Moved {
        /// What is otherwise in it.
        touched: Footprint,
    },
    /// Somebody, or a signal, ends the run.
    Interrupted,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    tasks: Vec<Task>,
    at_failure: AtFailure,
    jobs: usize,
    states: Vec<TaskState>,
    /// How often the tree became another.
    moves: u32,
    interrupted: bool,
}

impl Run {
    /// A run of these tasks, so many at once (at least one).
    ///
    /// # Panics
    /// When a task needs one that does not come before it.
    pub fn new(tasks: Vec<Task>, jobs: usize, at_failure: AtFailure) -> Self {
        assert!(
            tasks.iter().enumerate().all(|(i, t)| t.needs.iter().all(|n| *n < i)),
            "a task needs one that does not come before it"
        );
        let states = vec![TaskState::Waiting; tasks.len()];
        Run { tasks, at_failure, jobs: jobs.max(1), states, moves: 0, interrupted: false }
    }

    /// The tasks.
    pub fn tasks(&self) -> impl Iterator<Item = (&Task, &TaskState)> {
        self.tasks.iter().zip(&self.states)
    }

    /// How often the tree became another.
    pub fn moves(&self) -> u32 {
        self.moves
    }

    /// The verdict, once everything has ended.
    pub fn verdict(&self) -> Option<Verdict> {
        let ended = |state: &TaskState| match state {
            TaskState::Ended { verdict, .. } => Some(*verdict),
            _ => None,
        };
        let all: Option<Vec<Verdict>> = self.states.iter().map(ended).collect();
        let all = Verdict::of(all?);
        Some(if self.interrupted { all.worst(Verdict::Cancelled) } else { all })
    }

    /// What is to be done now. Asking twice does no harm.
    pub fn next(&self) -> Vec<Do> {
        let over = self.is_over();
        let mut free = self.jobs.saturating_sub(self.states.iter().filter(|s| s.is_active()).count());
        let mut todo = Vec::new();
        for (task, state) in self.states.iter().enumerate() {
            match state {
                TaskState::Running { .. } if over => todo.push(Do::Stop { task }),
                TaskState::Waiting | TaskState::Between { .. } if over || self.lacks(task) => {
                    todo.push(Do::Skip { task });
                }
                TaskState::Between { stage } => todo.push(Do::Start { task, stage: *stage }),
                TaskState::Waiting if free > 0 && self.is_ready(task) => {
                    free -= 1;
                    todo.push(Do::Start { task, stage: 0 });
                }
                _ => {}
            }
        }
        todo
    }

    /// Takes what happened. What cannot be (the end of a stage that does not run) changes nothing.
    pub fn apply(&mut self, happened: Happened) {
        match happened {
            Happened::Did(act) => self.did(act),
            Happened::TestFailed { task } => {
                let stop = self.at_failure == AtFailure::Stop;
                if let Some(state) = self.states.get_mut(task)
                    && let TaskState::Running { stage } = *state
                    && stop
                {
                    *state = TaskState::Stopping { stage, then: Then::End(Verdict::Failed) };
                }
            }
            Happened::StageEnded { task, verdict } => self.stage_ended(task, verdict),
            Happened::Moved { touched } => self.moved(touched),
            Happened::Interrupted => self.interrupted = true,
        }
    }

    fn did(&mut self, act: Do) {
        let (Do::Start { task, .. } | Do::Stop { task } | Do::Skip { task }) = act;
        let stages = self.tasks.get(task).map_or(0, |t| t.stages.len());
        let Some(state) = self.states.get_mut(task) else { return };
        *state = match (act, &state) {
            (Do::Start { .. }, TaskState::Waiting) if stages == 0 => TaskState::ended(Verdict::Passed, None),
            (Do::Start { stage, .. }, TaskState::Waiting | TaskState::Between { .. }) => TaskState::Running { stage },
            (Do::Stop { .. }, TaskState::Running { stage }) => {
                TaskState::Stopping { stage: *stage, then: Then::End(Verdict::Cancelled) }
            }
            (Do::Skip { .. }, TaskState::Waiting | TaskState::Between { .. }) => {
                TaskState::ended(Verdict::Cancelled, None)
            }
            _ => return,
        };
    }

    fn stage_ended(&mut self, task: usize, verdict: Verdict) {
        let stages = self.tasks.get(task).map_or(0, |t| t.stages.len());
        let Some(state) = self.states.get_mut(task) else { return };
        *state = match *state {
            TaskState::Stopping { then: Then::Anew, .. } => TaskState::Waiting,
            TaskState::Stopping { stage, then: Then::End(end) } => TaskState::ended(end, Some(stage)),
            TaskState::Running { stage } if !verdict.may_land() => TaskState::ended(verdict, Some(stage)),
            TaskState::Running { stage } if stage + 1 < stages => TaskState::Between { stage: stage + 1 },
            TaskState::Running { .. } => TaskState::ended(verdict, None),
            _ => return,
        };
    }

    /// Passes are reused where nothing was touched; nothing else is. A task that needs one that runs again runs again.
    /// A run that was interrupted because the branch moved goes on with it.
    fn moved(&mut self, touched: Footprint) {
        self.moves += 1;
        self.interrupted = false;
        let mut again = vec![false; self.tasks.len()];
        for task in 0..self.tasks.len() {
            again[task] = touched.touches(task) || self.tasks[task].needs.iter().any(|n| again[*n]);
            let state = &mut self.states[task];
            *state = match (&state, again[task]) {
                (TaskState::Ended { verdict, .. }, false) if verdict.may_land() => {
                    TaskState::Ended { verdict: *verdict, stage: None, reused: true }
                }
                (TaskState::Ended { .. } | TaskState::Between { .. }, _) => TaskState::Waiting,
                (TaskState::Running { stage } | TaskState::Stopping { stage, .. }, _) => {
                    TaskState::Stopping { stage: *stage, then: Then::Anew }
                }
                (TaskState::Waiting, _) => TaskState::Waiting,
            };
        }
    }

    /// Nothing more is to start.
    fn is_over(&self) -> bool {
        let bad = |s: &TaskState| match s {
            TaskState::Ended { verdict, .. } => *verdict > Verdict::Cancelled,
            TaskState::Stopping { then: Then::End(verdict), .. } => *verdict > Verdict::Cancelled,
            _ => false,
        };
        self.interrupted || self.at_failure == AtFailure::Stop && self.states.iter().any(bad)
    }

    /// Something that it needs ended and did not pass.
    fn lacks(&self, task: usize) -> bool {
        let bad = |n: &usize| matches!(&self.states[*n], TaskState::Ended { verdict, .. } if !verdict.may_land());
        self.tasks[task].needs.iter().any(bad)
    }

    fn is_ready(&self, task: usize) -> bool {
        let passed = |n: &usize| matches!(&self.states[*n], TaskState::Ended { verdict, .. } if verdict.may_land());
        self.tasks[task].needs.iter().all(passed)
    }
}

impl TaskState {
    fn ended(verdict: Verdict, stage: Option<usize>) -> Self {
        TaskState::Ended { verdict, stage, reused: false }
    }

    /// Whether it holds one of the jobs. Between two stages it does too, so that a task that began comes to its end
    /// before another begins.
    fn is_active(&self) -> bool {
        matches!(self, TaskState::Running { .. } | TaskState::Between { .. } | TaskState::Stopping { .. })
    }
}

#[cfg(test)]
mod tests;
