//! Answers that were given, kept while nothing is committed. Pages that many people watch ask the same again and again.

use axum::body::Bytes;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// At most so many bytes of answers are kept.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// At most so many answers are kept.
const MOST_ANSWERS: usize = 1_000;

#[derive(Default)]
pub(super) struct Cache {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    version: u64,
    answers: HashMap<String, Bytes>,
    bytes: usize,
}

impl Inner {
    fn clear(&mut self, version: u64) {
        self.version = version;
        self.answers.clear();
        self.bytes = 0;
    }
}

impl Cache {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to `question`, if it was given in this version.
    pub(super) fn get(&self, version: u64, question: &str) -> Option<Bytes> {
        let inner = self.lock();
        (inner.version == version).then(|| inner.answers.get(question).cloned()).flatten()
    }

    /// Keeps an answer. `version` is what stood before the store was asked: the answer may be newer, never older.
    pub(super) fn keep(&self, version: u64, question: String, answer: Bytes) {
        let mut inner = self.lock();
        if version < inner.version {
            return;
        }
        if version > inner.version {
            inner.clear(version);
        }
        let size = question.len() + answer.len();
        if size > MOST_BYTES / 4 {
            return;
        }
        if inner.bytes + size > MOST_BYTES || inner.answers.len() >= MOST_ANSWERS {
            inner.clear(version);
        }
        if let Some(old) = inner.answers.insert(question, answer) {
            inner.bytes = inner.bytes.saturating_sub(old.len());
        }
        inner.bytes += size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stands_for_its_version_only() {
        let cache = Cache::default();
        let text = Bytes::from_static(b"{}");
        cache.keep(3, "builds".to_owned(), text.clone());
        assert_eq!(cache.get(3, "builds"), Some(text.clone()));
        assert_eq!(cache.get(4, "builds"), None);
        cache.keep(2, "steps".to_owned(), text.clone());
        assert_eq!(cache.get(2, "steps"), None);
        cache.keep(4, "steps".to_owned(), text.clone());
        assert_eq!((cache.get(3, "builds"), cache.get(4, "steps")), (None, Some(text)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let cache = Cache::default();
        let big = Bytes::from(vec![b'x'; 1024 * 1024]);
        for n in 0..50 {
            cache.keep(1, format!("q{n}"), big.clone());
            assert!(cache.lock().bytes <= MOST_BYTES);
        }
        cache.keep(1, "huge".to_owned(), Bytes::from(vec![b'x'; MOST_BYTES]));
        assert_eq!(cache.get(1, "huge"), None);
        for n in 0..MOST_ANSWERS * 2 {
            cache.keep(1, format!("small{n}"), Bytes::new());
        }
        assert!(cache.lock().answers.len() <= MOST_ANSWERS);
    }
}
