//! Batches on their way to the writer: one bounded queue, in order.

use crate::CommitError;
use crate::build::plan_hash;
use crate::op::{Counted, Op, Ops};
use model::Transition;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// So many batches wait at most; more make their callers wait.
const WAITING: usize = 1024;
/// So many batches are made durable together at most.
const GROUP: usize = 512;
/// No further batch joins a group of so many statements.
const GROUP_OPS: usize = 16_384;
/// So many plans are remembered as written before all are forgotten again.
const PLANS: usize = 4096;

/// One batch as statements, and who waits for it.
pub(crate) struct Batch {
    pub(crate) ops: Vec<Op>,
    pub(crate) done: oneshot::Sender<Result<(), CommitError>>,
}

/// What the queue carries.
pub(crate) enum Message {
    Batch(Batch),
    /// The writer ends; whoever asked hears when it has.
    Close(oneshot::Sender<()>),
}

/// The sending end, shared by all clones of the store.
#[derive(Clone)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Message>,
    /// Hashes of plans that are surely written.
    plans: Arc<Mutex<HashSet<String>>>,
}

impl Queue {
    pub(crate) fn new() -> (Queue, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Queue { sender, plans: Arc::default() }, receiver)
    }

    pub(crate) async fn commit(&self, batch: Vec<Transition>) -> Result<(), CommitError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut ops = Ops::of(batch)?;
        let new = self.without_known_plans(&mut ops);
        let (done, outcome) = oneshot::channel();
        let ended = || CommitError::Unavailable("its writer has ended".to_owned());
        self.sender.send(Message::Batch(Batch { ops, done })).await.map_err(|_| ended())?;
        outcome.await.map_err(|_| ended())??;
        if !new.is_empty() {
            let mut known = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() > PLANS {
                known.clear();
            }
            known.extend(new);
        }
        Ok(())
    }

    /// Leaves out the plans that are written already, and says which ones stay.
    fn without_known_plans(&self, ops: &mut Vec<Op>) -> Vec<String> {
        let mut new = Vec::new();
        let known = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        ops.retain(|op| match plan_hash(op) {
            Some(hash) if known.contains(hash) => false,
            Some(hash) => {
                new.push(hash.to_owned());
                true
            }
            None => true,
        });
        new
    }

    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.sender.send(Message::Close(done)).await.is_ok() {
            // An error says that the writer has ended, which is all that was wanted.
            let _ = closed.await;
        }
    }
}

/// Batches that are made durable together.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) batches: Vec<Batch>,
    /// The writer is to end after them.
    pub(crate) close: Option<oneshot::Sender<()>>,
}

impl Group {
    /// The first message and whatever waits behind it.
    pub(crate) fn gather(first: Message, receiver: &mut mpsc::Receiver<Message>) -> Group {
        let mut group = Group::default();
        let mut ops = 0;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Batch(batch) => {
                    ops += batch.ops.len();
                    group.batches.push(batch);
                }
                Message::Close(done) => {
                    group.close = Some(done);
                    break;
                }
            }
            let full = group.batches.len() >= GROUP || ops >= GROUP_OPS;
            next = if full { None } else { receiver.try_recv().ok() };
        }
        group
    }

    /// Tells every caller its batch's outcome.
    pub(crate) fn answer(self, outcomes: Vec<Result<(), CommitError>>) {
        for (batch, outcome) in self.batches.into_iter().zip(outcomes) {
            // A caller that went away does not want to know.
            let _ = batch.done.send(outcome);
        }
        drop(self.close);
    }
}

/// Rows that were added, by noun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Added([i64; Counted::ALL.len()]);

impl Added {
    /// Takes the rows that a statement added.
    pub(crate) fn take(&mut self, op: &Op, rows: u64) {
        if let Some(noun) = op.counted {
            self.0[noun as usize] += i64::try_from(rows).unwrap_or(i64::MAX);
        }
    }

    /// The nouns that have more rows now, and how many more.
    pub(crate) fn by_noun(self) -> impl Iterator<Item = (&'static str, i64)> {
        Counted::ALL.into_iter().zip(self.0).filter(|(_, n)| *n != 0).map(|(noun, n)| (noun.name(), n))
    }
}

/// What a statement's outcome says about its batch.
pub(crate) fn judge(op: &Op, rows: u64) -> Result<(), CommitError> {
    match op.must {
        Some(must) if rows != 1 => Err(CommitError::Stale { index: op.index, what: must.what() }),
        _ => Ok(()),
    }
}

/// A statement went against a rule of the schema: its state is not what it was thought to be.
pub(crate) fn against_rule(op: &Op, said: &str) -> CommitError {
    match op.must {
        Some(must) => CommitError::Stale { index: op.index, what: must.what() },
        None => CommitError::Rejected { index: op.index, problem: said.to_owned() },
    }
}
