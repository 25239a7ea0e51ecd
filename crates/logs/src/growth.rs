//! What is told about logs while they grow: new lengths for pages, durable lengths for workers' spools.

use model::{BuildId, LogId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Notify;

/// A log has grown. Told at most about 20 times a second per log, and once more when it is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The build.
    pub build: BuildId,
    /// The log.
    pub log: LogId,
    /// Lines so far; the last one may be unfinished.
    pub lines: u64,
    /// Bytes so far.
    pub bytes: u64,
}

/// How much of a log survives a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable {
    /// The build.
    pub build: BuildId,
    /// The log.
    pub log: LogId,
    /// Bytes from the beginning of the log that are on disk for good.
    pub bytes: u64,
    /// Whether the log's seal is on disk for good too: then nothing more will be told of it.
    pub sealed: bool,
}

/// Tells durable lengths. It never loses one: what is not fetched yet is kept, the latest word per log.
#[derive(Debug)]
pub struct SyncedReceiver {
    mailbox: Arc<Mailbox>,
}

impl SyncedReceiver {
    /// Waits until at least one log has become longer on disk; the latest word on each such log, in no order.
    /// `None`: the store of logs is closed. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Vec<Durable>> {
        loop {
            {
                let mut letters = self.mailbox.letters();
                if !letters.latest.is_empty() {
                    return Some(letters.latest.drain().map(|(_, durable)| durable).collect());
                }
                if letters.closed {
                    return None;
                }
            }
            self.mailbox.arrived.notified().await;
        }
    }
}

#[derive(Debug, Default)]
struct Mailbox {
    letters: Mutex<Letters>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Letters {
    latest: HashMap<(BuildId, LogId), Durable>,
    closed: bool,
}

impl Mailbox {
    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All receivers of durable lengths.
#[derive(Debug, Default)]
pub(crate) struct Mailboxes(Mutex<Vec<Weak<Mailbox>>>);

impl Mailboxes {
    fn all(&self) -> MutexGuard<'_, Vec<Weak<Mailbox>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new receiver.
    pub(crate) fn subscribe(&self) -> SyncedReceiver {
        let mailbox = Arc::new(Mailbox::default());
        self.all().push(Arc::downgrade(&mailbox));
        SyncedReceiver { mailbox }
    }

    /// Tells every receiver.
    pub(crate) fn tell(&self, news: &[Durable]) {
        self.all().retain(|mailbox| {
            let Some(mailbox) = mailbox.upgrade() else { return false };
            mailbox.letters().latest.extend(news.iter().map(|durable| ((durable.build, durable.log), *durable)));
            mailbox.arrived.notify_one();
            true
        });
    }

    /// Nothing more will be told.
    pub(crate) fn close(&self) {
        for mailbox in self.all().drain(..).filter_map(|mailbox| mailbox.upgrade()) {
            mailbox.letters().closed = true;
            mailbox.arrived.notify_one();
        }
    }
}
