//! What carries attempts out: this machine, or something elsewhere.

pub(crate) mod local;
pub mod master;
mod slurm;

use crate::base::Base;
use crate::slot::{How, News, Order};
use local::Local;
use master::{Remote, Way};
use model::area::{self, Host};
use process::JobId;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
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

/// In the directory of an attempt elsewhere: the [`Host`].
pub(crate) const HOST: &str = "host.json";

/// Notes whose hands an attempt elsewhere is in. Its directory is complete with this.
pub(crate) fn mark(dir: &Path, host: &Host) -> io::Result<()> {
    let new = dir.join("host.new");
    let mut file = File::create(&new)?;
    file.write_all(&serde_json::to_vec(host)?)?;
    file.sync_all()?;
    fs::rename(new, dir.join(HOST))?;
    File::open(dir)?.sync_all()
}

/// Whose hands an attempt elsewhere is in. `None`: nothing was begun of it.
pub(crate) fn host_of(dir: &Path) -> Option<Host> {
    serde_json::from_slice(&fs::read(dir.join(HOST)).ok()?).ok()
}

/// Ends what there is of attempts that nobody goes on with, and waits until it has ended.
///
/// # Errors
/// Why it is not known to have ended.
pub(crate) fn clear(host: &Host, dirs: &[PathBuf]) -> Result<(), String> {
    match host {
        Host::Local => Ok(()),
        Host::Slurm(_) => slurm::clear(dirs),
    }
}

/// What the place of attempts is called.
pub(crate) fn called(host: &Host) -> String {
    match host {
        Host::Local => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        Host::Slurm(_) => "slurm".to_owned(),
    }
}

/// Makes hands for the slots of one runner.
#[derive(Debug)]
pub(crate) struct Crew {
    host: Host,
    exe: PathBuf,
    base: Base,
    words: Arc<Statuses>,
    /// Those that slots have: a slot on this machine keeps its supervisor.
    had: BTreeMap<(usize, Host), Arc<dyn Hands>>,
    desks: BTreeMap<area::Slurm, Arc<slurm::Desk>>,
    /// A master whose workers carry out what is begun now, and what makes its keys unlike those of other areas.
    master: Option<(Arc<dyn Way>, String)>,
    /// Hands there.
    remote: BTreeMap<usize, Arc<dyn Hands>>,
}

impl Crew {
    pub(crate) fn new(host: Host, exe: PathBuf, base: Base, words: Statuses) -> Self {
        let (had, desks, remote) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Crew { host, exe, base, words: Arc::new(words), had, desks, master: None, remote }
    }

    /// From now on workers of a master carry out.
    pub(crate) fn on_workers_of(&mut self, master: Option<(Arc<dyn Way>, String)>) {
        self.master = master;
        // What an earlier runner left there is made anew where it is needed.
        let _ = fs::remove_dir_all(self.parcels());
    }

    /// Where files are on their way to a master and from there.
    fn parcels(&self) -> PathBuf {
        self.base.dir().join("parcels")
    }

    /// Hands for a slot: of this host, as what was begun there is gone on with, or of that of the runner.
    pub(crate) fn hands(&mut self, slot: usize, host: Option<&Host>) -> Arc<dyn Hands> {
        if let (None, Some((way, salt))) = (host, &self.master) {
            let dirs = (self.base.dir().join("bin"), self.parcels());
            let made =
                || -> Arc<dyn Hands> { Arc::new(Remote::new(way.clone(), salt.clone(), dirs, self.words.clone())) };
            return self.remote.entry(slot).or_insert_with(made).clone();
        }
        let host = host.unwrap_or(&self.host).clone();
        if let Some(had) = self.had.get(&(slot, host.clone())) {
            return had.clone();
        }
        let (exe, words) = (self.exe.clone(), self.words.clone());
        let made: Arc<dyn Hands> = match &host {
            Host::Local => Arc::new(Local::new(exe, self.base.slot(slot), words)),
            Host::Slurm(options) => {
                let desk = self.desks.entry(options.clone()).or_insert_with(|| slurm::desk(options)).clone();
                Arc::new(slurm::Jobs::new(desk, options.clone(), exe, self.base.clone(), words))
            }
        };
        self.had.insert((slot, host), made.clone());
        made
    }
}
