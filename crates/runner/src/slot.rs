//! A slot: a thread of the runner that sees one attempt after the other through, by the [`Hands`] that it is given.
//!
//! Going on after a crash of the runner is the same call as starting.

use crate::hands::Hands;
use crate::orders::hash;
use crate::place::Place;
use crate::socket;
use model::area::TestStep;
use model::{Span, Time};
use process::JobId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use testruns::ItemId;
use testruns::verdict::{self, StepEnd, Verdict};

/// An attempt that is to be carried out, or gone on with.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// How long it may run.
    pub max_time: Option<Span>,
    /// How much of which resource it takes.
    pub resources: BTreeMap<String, u64>,
    /// When it was decided to carry it out: another attempt of that name, of a run that was removed, has another time.
    #[serde(default)]
    pub launched: Time,
}

/// A step that came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It came to its end: its steps and what it says of itself decide.
    Came,
    /// What runs it ended it, and says what it is because of that.
    Stopped(Verdict),
    /// What ran it is gone, and what was left of it was cleared away.
    Lost(String),
    /// It could not be made.
    NoPlace(String),
}

/// What a slot says.
#[derive(Debug)]
pub enum News {
    /// An attempt stands in a queue.
    Waits {
        /// Whose.
        item: ItemId,
        /// Which.
        attempt: u32,
        /// For what.
        why: String,
    },
    /// An attempt began.
    Began {
        /// Whose.
        item: ItemId,
        /// Which.
        attempt: u32,
    },
    /// It is known where it runs.
    Placed {
        /// Whose.
        item: ItemId,
        /// Which.
        attempt: u32,
        /// Where.
        host: String,
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
    Order(Box<Order>, Arc<dyn Hands>),
    Forget(Vec<JobId>),
    /// What carried out may go.
    Quit,
}

/// The hands that a slot has had, those of now last.
#[derive(Debug, Default)]
struct Had(Mutex<Vec<Arc<dyn Hands>>>);

impl Had {
    fn all(&self) -> MutexGuard<'_, Vec<Arc<dyn Hands>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> Option<Arc<dyn Hands>> {
        self.all().last().cloned()
    }

    fn take_up(&self, hands: Arc<dyn Hands>) {
        let mut all = self.all();
        all.retain(|had| !Arc::ptr_eq(had, &hands));
        all.push(hands);
    }
}

/// The runner's side of a slot.
#[derive(Debug)]
pub struct Slot {
    had: Arc<Had>,
    tell: mpsc::Sender<Told>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Slot {
    /// Starts the thread.
    pub fn start(number: usize, news: mpsc::Sender<News>) -> Self {
        let had = Arc::new(Had::default());
        let (tell, told) = mpsc::channel();
        let worker = Worker { number, had: had.clone(), news };
        let thread = std::thread::spawn(move || worker.serve(&told));
        Slot { had, tell, thread: Some(thread) }
    }

    /// Lets these hands carry an attempt out.
    pub fn order(&self, order: Order, hands: Arc<dyn Hands>) {
        // From now on: it may be ended before the thread takes it up.
        self.had.take_up(hands.clone());
        // A thread that is gone has said so.
        let _ = self.tell.send(Told::Order(Box::new(order), hands));
    }

    /// The outcomes of these jobs, of the attempt that ended last here, are durable.
    pub fn forget(&self, spools: Vec<JobId>) {
        let _ = self.tell.send(Told::Forget(spools));
    }

    /// Ends what runs of an attempt, and what of it is still to come.
    pub fn kill(&self, item: ItemId, attempt: u32, reason: &str) {
        if let Some(hands) = self.had.last() {
            hands.kill(item, attempt, reason);
        }
    }

    /// Lets what carried out go, and waits for the thread.
    pub fn close(mut self) {
        let _ = self.tell.send(Told::Quit);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    number: usize,
    had: Arc<Had>,
    news: mpsc::Sender<News>,
}

impl Worker {
    fn serve(&self, told: &mpsc::Receiver<Told>) {
        while let Ok(told) = told.recv() {
            match told {
                Told::Order(order, hands) => {
                    let mut spools = Vec::new();
                    let how = hands.carry_out(&order, &|news| self.say(news), &mut spools);
                    let (item, attempt) = (order.item, order.attempt);
                    self.say(News::Ended { slot: self.number, item, attempt, how, spools });
                }
                // Nothing new is ordered before what ended is durable and forgotten.
                Told::Forget(spools) => self.had.last().into_iter().for_each(|hands| hands.forget(&spools)),
                Told::Quit => {
                    self.had.all().iter().for_each(|hands| hands.quit());
                    return;
                }
            }
        }
    }

    fn say(&self, news: News) {
        // Nobody listens when the runner ends; the next one finds what there is.
        let _ = self.news.send(news);
    }
}

/// The file in which the output of a step stands: another one for each name.
pub fn log_name(step: &str) -> String {
    let plain: String = step.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).collect();
    let mut end = plain.len().min(200);
    while !plain.is_char_boundary(end) {
        end -= 1;
    }
    match plain[..end] == *step {
        true => format!("{plain}.log"),
        // Others may become the same.
        false => format!("{}-{:016x}.log", &plain[..end], hash(step.bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_a_log_of_its_own() {
        assert_eq!(log_name("make check"), "make check.log");
        assert_eq!(log_name("ü"), "ü.log");
        let long = "ü".repeat(150);
        let names = ["s_p", "s/p", "s\np", "s/p\n", &long, &format!("{long}x"), "../s"];
        let logs: std::collections::BTreeSet<String> = names.iter().map(|name| log_name(name)).collect();
        assert_eq!(logs.len(), names.len(), "{logs:?}");
        let is_plain = |log: &String| log.len() < 250 && !log.contains(['/', '\n']) && !log.starts_with("..-");
        assert!(logs.iter().all(is_plain), "{logs:?}");
    }
}
