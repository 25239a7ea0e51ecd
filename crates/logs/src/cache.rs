//! What readers keep for a while: files that are not live, and uncompressed frames.

use crate::format::Entry;
use crate::frame::Frame;
use crate::read::Opened;
use model::BuildId;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most bytes of uncompressed frames.
const FRAME_BYTES: usize = 8 << 20;
/// Most frames: small ones must not make a long list.
const MOST_FRAMES: usize = 256;
/// Most bytes of indexes.
const INDEX_BYTES: usize = 4 << 20;
/// Most open files.
const MOST_FILES: usize = 32;

/// What readers keep for a while.
#[derive(Default)]
pub(crate) struct Cache(Mutex<Kept>);

struct Kept {
    frames: Recent<(BuildId, u64), Arc<Frame>>,
    files: Recent<BuildId, Arc<Opened>>,
}

impl Default for Kept {
    fn default() -> Self {
        Kept { frames: Recent::new(MOST_FRAMES, FRAME_BYTES), files: Recent::new(MOST_FILES, INDEX_BYTES) }
    }
}

impl Cache {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn frame(&self, build: BuildId, entry: &Entry) -> Option<Arc<Frame>> {
        let frame = self.kept().frames.get(&(build, entry.pos))?;
        ((frame.offset, frame.bytes.len()) == (entry.offset, entry.raw as usize)).then_some(frame)
    }

    pub(crate) fn keep_frame(&self, build: BuildId, entry: &Entry, frame: Arc<Frame>) {
        let size = frame.bytes.len() + size_of_val(&frame.runs[..]);
        self.kept().frames.put((build, entry.pos), frame, size);
    }

    pub(crate) fn file(&self, build: BuildId) -> Option<Arc<Opened>> {
        self.kept().files.get(&build)
    }

    pub(crate) fn keep_file(&self, build: BuildId, opened: Arc<Opened>) {
        let size = opened.size();
        self.kept().files.put(build, opened, size);
    }

    /// Lets go of everything of a build.
    pub(crate) fn forget(&self, build: BuildId) {
        let mut kept = self.kept();
        kept.files.remove_where(|id| *id == build);
        kept.frames.remove_where(|(id, _)| *id == build);
    }
}

/// The values used last, bounded in number and in bytes.
struct Recent<K, V> {
    most: usize,
    most_bytes: usize,
    bytes: usize,
    uses: u64,
    values: HashMap<K, (u64, usize, V)>,
}

impl<K: Copy + Eq + Hash, V: Clone> Recent<K, V> {
    fn new(most: usize, most_bytes: usize) -> Self {
        Recent { most, most_bytes, bytes: 0, uses: 0, values: HashMap::new() }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        self.uses += 1;
        let (used, _, value) = self.values.get_mut(key)?;
        *used = self.uses;
        Some(value.clone())
    }

    /// A value larger than the bound is not kept.
    fn put(&mut self, key: K, value: V, size: usize) {
        self.remove_where(|other| *other == key);
        if size > self.most_bytes {
            return;
        }
        self.uses += 1;
        self.bytes += size;
        self.values.insert(key, (self.uses, size, value));
        while self.values.len() > self.most || self.bytes > self.most_bytes {
            let Some(oldest) = self.values.iter().min_by_key(|(_, (used, ..))| *used).map(|(key, _)| *key) else {
                break;
            };
            self.remove_where(|key| *key == oldest);
        }
    }

    fn remove_where(&mut self, matches: impl Fn(&K) -> bool) {
        let bytes = &mut self.bytes;
        self.values.retain(|key, (_, size, _)| {
            let gone = matches(key);
            *bytes -= if gone { *size } else { 0 };
            !gone
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first() {
        let mut recent = Recent::new(3, 10);
        for (key, size) in [(1, 1), (2, 1), (3, 1)] {
            recent.put(key, key * 10, size);
        }
        assert_eq!(recent.get(&1), Some(10));
        recent.put(4, 40, 1);
        assert_eq!([1, 2, 3, 4].map(|key| recent.get(&key)), [Some(10), None, Some(30), Some(40)]);
        recent.put(5, 50, 9);
        assert_eq!([1, 3, 4, 5].map(|key| recent.get(&key)), [None, None, Some(40), Some(50)]);
        recent.put(6, 60, 11);
        assert_eq!(recent.get(&6), None);
        assert_eq!(recent.bytes, 10);
    }
}
