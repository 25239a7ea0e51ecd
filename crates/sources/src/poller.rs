//! What all pollers have in common: looking now and then, remembering, handing over, and giving up when told to.

use crate::plan::{self, Memory};
use crate::{Bell, Door, SourceState};
use model::{NewChange, Span, Time};
use std::sync::Arc;
use tokio::sync::watch;
use vcs::{Fault, Leash, VcsError};

/// So many changes are handed over at a time.
const BATCH: usize = 500;

/// What is looked at.
pub(crate) trait Looked: Send + Sync + 'static {
    /// The source's name.
    fn name(&self) -> &str;

    /// How often to look.
    fn every(&self) -> Span;

    /// Looks once, on a thread that may block. `now` is the master's clock.
    fn look(&self, before: Option<&Memory>, now: Time, leash: &Leash) -> Result<Found, VcsError>;
}

/// Looks again and again, and hands over what is new.
pub(crate) async fn watch(looked: Arc<dyn Looked>, door: Arc<dyn Door>, bell: Bell) {
    let Bell { wake, stop } = bell;
    let mut poller = Poller { looked, door, stop, memory: None, failures: 0 };
    loop {
        let Some(pause) = poller.look().await else { return };
        tokio::select! {
            () = stopped(poller.stop.clone()) => return,
            () = wake.notified() => {}
            () = tokio::time::sleep(pause.to_std()) => {}
        }
    }
}

/// Ends when the source shall.
async fn stopped(mut stop: watch::Receiver<bool>) {
    // A sender that is gone is a stop, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A poller between two looks.
struct Poller {
    looked: Arc<dyn Looked>,
    door: Arc<dyn Door>,
    stop: watch::Receiver<bool>,
    /// What the master last kept; `None` when it has to be asked.
    memory: Option<Option<Memory>>,
    failures: u32,
}

/// Why a look led to nothing.
enum Trouble {
    /// The source shall end.
    Stop,
    /// In words.
    Because(String),
}

impl Poller {
    /// Looks once and says how long to wait; `None` when the source shall end.
    async fn look(&mut self) -> Option<Span> {
        let outcome = self.attempt().await;
        let looked_at = self.door.now();
        let (text, failing) = match outcome {
            Ok(text) => {
                self.failures = 0;
                (text, None)
            }
            Err(Trouble::Stop) => return None,
            Err(Trouble::Because(reason)) => {
                self.failures = self.failures.saturating_add(1);
                let pause = plan::pause(self.looked.every(), self.failures);
                let times = if self.failures == 1 { String::new() } else { format!(" ({} times now)", self.failures) };
                (format!("{reason}{times}; looks again in {pause}"), Some(reason))
            }
        };
        let pause = plan::pause(self.looked.every(), self.failures);
        let state = SourceState { text, failing, looked_at: Some(looked_at), next_at: Some(looked_at + pause) };
        self.door.said(self.looked.name(), state);
        Some(pause)
    }

    async fn attempt(&mut self) -> Result<String, Trouble> {
        let before = match self.memory.take() {
            Some(memory) => memory,
            None => self.recall().await?,
        };
        let found = self.examine(before.clone()).await.inspect_err(|_| self.memory = Some(before.clone()))?;
        if before.as_ref() != Some(&found.memory) {
            // Should the master not answer, its memory is what counts, and it is asked for it at the next look.
            self.hand_over(before.as_ref(), &found).await?;
        }
        let text = found.text;
        self.memory = Some(Some(found.memory));
        Ok(text)
    }

    async fn recall(&self) -> Result<Option<Memory>, Trouble> {
        let text =
            self.answer(self.door.memory(self.looked.name())).await?.map_err(|e| Trouble::Because(e.to_string()))?;
        text.map(|t| Memory::parse(&t)).transpose().map_err(Trouble::Because)
    }

    /// What the master answers; a master that ends may not answer any more.
    async fn answer<T>(&self, reply: impl Future<Output = T>) -> Result<T, Trouble> {
        tokio::select! {
            answer = reply => Ok(answer),
            () = stopped(self.stop.clone()) => Err(Trouble::Stop),
        }
    }

    /// Looks on a thread that may block. A stop ends what runs there.
    async fn examine(&self, before: Option<Memory>) -> Result<Found, Trouble> {
        let leash = Leash::default();
        let (looked, on, now) = (self.looked.clone(), leash.clone(), self.door.now());
        let cut = CutOnDrop(leash);
        let mut task = tokio::task::spawn_blocking(move || looked.look(before.as_ref(), now, &on));
        let done = tokio::select! {
            done = &mut task => done,
            () = stopped(self.stop.clone()) => {
                drop(cut);
                // It ends at once now, and its processes are gone when it has.
                let _ = task.await;
                return Err(Trouble::Stop);
            }
        };
        match done {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(e)) if e.fault == Fault::Stopped => Err(Trouble::Stop),
            Ok(Err(e)) => Err(Trouble::Because(e.reason)),
            Err(e) => Err(Trouble::Because(format!("the look broke off: {e}"))),
        }
    }

    /// Hands the changes over. All but the last come with the old memory, so that nothing is lost if the master dies
    /// in between: it is told again then, and passes over what it has.
    async fn hand_over(&self, before: Option<&Memory>, found: &Found) -> Result<(), Trouble> {
        let old = before.map(Memory::text).transpose().map_err(Trouble::Because)?;
        let new = found.memory.text().map_err(Trouble::Because)?;
        let mut rest = found.changes.as_slice();
        while let Some(old) = old.as_ref().filter(|_| rest.len() > BATCH) {
            let (batch, later) = rest.split_at(BATCH);
            self.accept(batch, old.clone()).await?;
            rest = later;
        }
        self.accept(rest, new).await
    }

    async fn accept(&self, changes: &[NewChange], memory: String) -> Result<(), Trouble> {
        let taken = self.answer(self.door.accept(self.looked.name(), changes.to_vec(), memory)).await?;
        taken.map_err(|e| Trouble::Because(format!("the changes cannot be kept: {e}")))
    }
}

/// Cuts a leash when it goes out of scope, however that comes about.
struct CutOnDrop(Leash);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.cut();
    }
}

/// What a look found.
pub(crate) struct Found {
    /// Oldest first, branch by branch.
    pub(crate) changes: Vec<NewChange>,
    /// What to remember.
    pub(crate) memory: Memory,
    /// One line for people.
    pub(crate) text: String,
}
