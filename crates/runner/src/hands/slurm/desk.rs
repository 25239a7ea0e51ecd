//! Where all jobs of a runner are asked after, and ended: one thread, one call for all of them.

use super::call::{self, Fault, JobNumber, Seen};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long between two questions where nothing is said of that.
const EVERY: Duration = Duration::from_secs(3);
/// So long at least, also when somebody waits for an answer.
const LEAST: Duration = Duration::from_millis(300);
/// A job that is to end and does not is told again after so long.
const AGAIN: Duration = Duration::from_secs(30);
/// A job that so many answers in a row do not name is gone.
const MISSED: u32 = 2;

/// What is known of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// What was said of it last; `None`: nothing was said of it yet.
    pub(super) seen: Option<Seen>,
    /// Slurm knows nothing of it any more.
    pub(super) is_gone: bool,
    /// Why nothing newer is known.
    pub(super) trouble: Option<String>,
}

/// It.
#[derive(Debug)]
pub(crate) struct Desk {
    every: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    jobs: BTreeMap<JobNumber, Watched>,
    trouble: Option<String>,
    /// The thread is there.
    open: bool,
    /// Somebody waits for an answer.
    poked: bool,
}

#[derive(Debug, Default)]
struct Watched {
    seen: Option<Seen>,
    missed: u32,
    /// It is to end; when it was told so last.
    end: Option<Option<Instant>>,
}

impl Watched {
    fn is_over(&self) -> bool {
        self.missed >= MISSED || self.seen.as_ref().is_some_and(Seen::is_over)
    }
}

impl Desk {
    pub(super) fn new(every: Option<Duration>) -> Arc<Self> {
        Arc::new(Desk { every: every.unwrap_or(EVERY), state: Mutex::default(), changed: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is asked after this job.
    pub(super) fn watch(self: &Arc<Self>, job: JobNumber) {
        let mut state = self.state();
        state.jobs.entry(job).or_default();
        state.poked = true;
        if !state.open {
            state.open = true;
            let desk = self.clone();
            std::thread::spawn(move || desk.serve());
        }
        self.changed.notify_all();
    }

    /// Nobody wants to know of this job any more.
    pub(super) fn leave(&self, job: JobNumber) {
        self.state().jobs.remove(&job);
    }

    /// Ends a job that is watched; again and again, until it has ended.
    pub(super) fn cancel(&self, job: JobNumber) {
        let mut state = self.state();
        if let Some(watched) = state.jobs.get_mut(&job) {
            watched.end.get_or_insert(None);
            state.poked = true;
            self.changed.notify_all();
        }
    }

    /// What is known of a job.
    pub(super) fn known(&self, job: JobNumber) -> Known {
        let state = self.state();
        let watched = state.jobs.get(&job);
        Known {
            seen: watched.and_then(|w| w.seen.clone()),
            is_gone: watched.is_some_and(|w| w.missed >= MISSED),
            trouble: state.trouble.clone(),
        }
    }

    /// Waits until something changed, but not longer than this.
    pub(super) fn wait(&self, longest: Duration) {
        // Whoever waits looks at everything anew.
        let _ = self.changed.wait_timeout(self.state(), longest);
    }

    /// Something else than a job's state changed.
    pub(super) fn wake(&self) {
        drop(self.state());
        self.changed.notify_all();
    }

    fn serve(&self) {
        let mut asked: Option<Instant> = None;
        loop {
            let Some(to_end) = self.turn(asked) else { return };
            let ended = if to_end.is_empty() { Ok(()) } else { call::cancel(&to_end) };
            if ended.is_ok() {
                let (mut state, now) = (self.state(), Instant::now());
                for job in &to_end {
                    if let Some(watched) = state.jobs.get_mut(job) {
                        watched.end = Some(Some(now));
                    }
                }
            }
            let of: Vec<JobNumber> = self.state().jobs.keys().copied().collect();
            let answer = call::states();
            asked = Some(Instant::now());
            self.take(&of, answer);
        }
    }

    /// Waits until it is time to ask, and answers with the jobs that are to be ended. `None`: nothing is left to do.
    fn turn(&self, asked: Option<Instant>) -> Option<Vec<JobNumber>> {
        let mut state = self.state();
        loop {
            if state.jobs.is_empty() {
                state.open = false;
                return None;
            }
            let ending = state.jobs.values().any(|w| w.end.is_some() && !w.is_over());
            let soon = (state.poked || ending) && state.trouble.is_none();
            let wait = if soon { self.every.min(LEAST) } else { self.every };
            let left = asked.map_or(Duration::ZERO, |at| wait.saturating_sub(at.elapsed()));
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.poked = false;
        let due = |w: &Watched| !w.is_over() && w.end.is_some_and(|told| told.is_none_or(|at| at.elapsed() >= AGAIN));
        Some(state.jobs.iter().filter(|(_, w)| due(w)).map(|(job, _)| *job).collect())
    }

    /// Takes an answer to the question after these jobs.
    fn take(&self, of: &[JobNumber], answer: Result<BTreeMap<JobNumber, Seen>, Fault>) {
        let mut state = self.state();
        match answer {
            Err(fault) => state.trouble = Some(fault.text().to_owned()),
            Ok(mut all) => {
                state.trouble = None;
                for job in of {
                    let Some(watched) = state.jobs.get_mut(job) else { continue };
                    match all.remove(job) {
                        Some(seen) => (watched.seen, watched.missed) = (Some(seen), 0),
                        None => watched.missed += 1,
                    }
                }
            }
        }
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(state: &str) -> Seen {
        Seen { state: state.to_owned(), reason: "r".to_owned(), node: String::new() }
    }

    #[test]
    fn a_job_is_gone_when_answers_do_not_name_it_and_no_answer_says_nothing() {
        let desk = Desk::new(None);
        desk.state().jobs.insert(5, Watched::default());
        desk.take(&[5], Ok(BTreeMap::from([(5, seen("PENDING"))])));
        for _ in 0..9 {
            desk.take(&[5], Err(Fault::Later("no controller".to_owned())));
        }
        let known = desk.known(5);
        assert_eq!((known.is_gone, known.trouble.as_deref()), (false, Some("no controller")));
        desk.take(&[5], Ok(BTreeMap::new()));
        assert_eq!(desk.known(5), Known { seen: Some(seen("PENDING")), is_gone: false, trouble: None });
        desk.take(&[5], Ok(BTreeMap::new()));
        assert!(desk.known(5).is_gone);
        desk.take(&[], Ok(BTreeMap::new()));
        desk.leave(5);
        assert_eq!(desk.known(5), Known::default());
    }

    #[test]
    fn what_is_to_end_is_told_so_once_and_what_has_ended_not_at_all() {
        let desk = Desk::new(None);
        for job in [1, 2, 3] {
            desk.state().jobs.insert(job, Watched::default());
        }
        desk.take(&[1, 2, 3], Ok(BTreeMap::from([(1, seen("RUNNING")), (2, seen("COMPLETED")), (3, seen("PENDING"))])));
        desk.cancel(1);
        desk.cancel(2);
        desk.cancel(9);
        assert_eq!(desk.turn(None), Some(vec![1]));
        desk.state().jobs.get_mut(&1).unwrap().end = Some(Some(Instant::now()));
        assert_eq!(desk.turn(None), Some(vec![]));
        [1, 2, 3].iter().for_each(|job| desk.leave(*job));
        assert_eq!(desk.turn(None), None, "nobody waits for anything");
    }
}
