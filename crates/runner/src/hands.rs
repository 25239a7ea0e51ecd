//! What carries attempts out: this machine, or something elsewhere.

pub(crate) mod local;

use crate::base::Base;
use crate::slot::{How, News, Order};
use local::Local;
use process::JobId;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use testruns::{ItemId, Statuses};

/// What carries out the attempts of one slot, one after the other.
pub trait Hands: Send + Sync + std::fmt::Debug {
    /// Sees an attempt through to its end, or goes on with one that an earlier runner began. Tells when it begins and of
    /// each step that ended; of the end it answers. What is to be forgotten when that is durable goes into `spools`.
    fn carry_out(&self, order: &Order, say: &dyn Fn(News), spools: &mut Vec<JobId>) -> How;

    /// Ends what runs of an attempt, and what of it is still to come; also one that is ordered next. Does not wait.
    fn kill(&self, item: ItemId, attempt: u32, reason: &str);

    /// What was known of these is durable elsewhere.
    fn forget(&self, spools: &[JobId]);

    /// Nothing more is to come.
    fn quit(&self);
}

/// Where attempts are carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Host {
    /// On this machine.
    #[default]
    Local,
}

/// Makes hands for the slots of one runner.
#[derive(Debug)]
pub(crate) struct Crew {
    host: Host,
    exe: PathBuf,
    base: Base,
    words: Arc<Statuses>,
    /// Those that slots have: a slot on this machine keeps its supervisor.
    had: BTreeMap<usize, Arc<dyn Hands>>,
}

impl Crew {
    pub(crate) fn new(host: Host, exe: PathBuf, base: Base, words: Statuses) -> Self {
        Crew { host, exe, base, words: Arc::new(words), had: BTreeMap::new() }
    }

    /// Hands for a slot.
    pub(crate) fn hands(&mut self, slot: usize) -> Arc<dyn Hands> {
        let made = || -> Arc<dyn Hands> {
            match &self.host {
                Host::Local => Arc::new(Local::new(self.exe.clone(), self.base.slot(slot), self.words.clone())),
            }
        };
        self.had.entry(slot).or_insert_with(made).clone()
    }
}
