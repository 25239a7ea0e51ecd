//! The ledger: stands outside, sends changes, and knows which must come.

use super::prf::mix;
use super::town::Place;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The revision of a change.
pub(crate) fn revision(seed: u64, number: usize) -> String {
    format!("{seed:016x}{number:024x}")
}

/// What was sent and taken.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Acknowledged, in this order.
    pub(crate) acknowledged: Mutex<Vec<String>>,
    /// How many are to be sent.
    wanted: AtomicUsize,
    /// Answers that did not come, and changes sent twice though the answer had come.
    pub(crate) repeated: AtomicUsize,
    over: AtomicBool,
}

/// The thread that sends.
pub(crate) struct Ledger {
    pub(crate) book: Arc<Book>,
    thread: Option<JoinHandle<()>>,
}

impl Ledger {
    /// Sends `number` changes, one every `pause`.
    pub(crate) fn open(place: &Place, seed: u64, number: usize, pause: Duration) -> Self {
        let book = Arc::new(Book { wanted: AtomicUsize::new(number), ..Book::default() });
        let (mut api, inside) = (place.api(), book.clone());
        let thread = std::thread::spawn(move || {
            let begun = Instant::now();
            for number in 0.. {
                while number >= inside.wanted.load(Ordering::Acquire)
                    || begun.elapsed() < pause.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX))
                {
                    if inside.over.load(Ordering::Acquire) {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                let revision = revision(seed, number);
                // No answer may mean that it was taken: it is sent again, and must come once.
                while api.send(&revision).is_err() {
                    if inside.over.load(Ordering::Acquire) {
                        return;
                    }
                    inside.repeated.fetch_add(1, Ordering::AcqRel);
                    std::thread::sleep(Duration::from_millis(50));
                }
                inside.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push(revision.clone());
                if mix(seed ^ number as u64).is_multiple_of(10) && api.send(&revision).is_ok() {
                    inside.repeated.fetch_add(1, Ordering::AcqRel);
                }
            }
        });
        Self { book, thread: Some(thread) }
    }

    /// More changes are to come.
    pub(crate) fn want(&self, more: usize) {
        self.book.wanted.fetch_add(more, Ordering::AcqRel);
    }

    pub(crate) fn wanted(&self) -> usize {
        self.book.wanted.load(Ordering::Acquire)
    }

    pub(crate) fn sent(&self) -> usize {
        self.book.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Ends; what was acknowledged.
    pub(crate) fn close(mut self) -> Vec<String> {
        self.book.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        std::mem::take(&mut self.book.acknowledged.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
