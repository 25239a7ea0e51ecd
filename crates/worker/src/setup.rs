//! What a worker is told before it starts.

use crate::Pipe;
use model::Span;
use model::worker::Secret;
use std::path::PathBuf;
use tokio::sync::{mpsc, watch};

/// All that a worker needs to know.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its directory; made if absent.
    pub basedir: PathBuf,
    /// Its name at the master.
    pub name: String,
    /// Its password there; of no meaning in the master's own process.
    pub password: Secret,
    /// Where its master is.
    pub master: Master,
    /// The program that is run as `EXE __supervise SLOTDIR`, `EXE __checkout SPEC` and `EXE __do KIND SPEC`.
    pub exe: PathBuf,
    /// Commands get a terminal, even those that do not ask for one.
    pub usepty: bool,
    /// The file mode mask of commands; `None` keeps the worker's own.
    pub umask: Option<u32>,
    /// A sign of life after this long without a message; `None` leaves it to the answers to the master's pings.
    pub keepalive: Option<Span>,
    /// How long commands go on without a master, unless the master says; `None` is for ever.
    pub orphan_limit: Option<Span>,
    /// How many idle supervisors are kept for commands to come.
    pub spare_slots: usize,
    /// How long to wait before the next attempt to reach the master.
    pub patience: Patience,
    /// Where to say how the worker stands with its master.
    pub standing: Option<watch::Sender<Standing>>,
    /// Commands at once; more of them wait. `None`: the master knows.
    pub most_at_once: Option<usize>,
    /// Where work may be done.
    pub reach: Reach,
    /// For a worker in the master's process: the file that tells the master's address.
    pub master_file: Option<PathBuf>,
}

/// Where a worker may work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Below the builder's directory.
    #[default]
    Builder,
    /// Wherever the configuration says: for the master's own steps.
    Anywhere,
}

impl Setup {
    /// A worker with the usual choices: no terminal, its own mask, no limit without a master, one spare slot.
    pub fn new(basedir: PathBuf, name: impl Into<String>, password: Secret, master: Master, exe: PathBuf) -> Self {
        Self {
            basedir,
            name: name.into(),
            password,
            master,
            exe,
            usepty: false,
            umask: None,
            keepalive: None,
            orphan_limit: None,
            spare_slots: 1,
            patience: Patience::default(),
            standing: None,
            most_at_once: None,
            reach: Reach::Builder,
            master_file: None,
        }
    }
}

/// Where a master is.
#[derive(Clone, Debug)]
pub enum Master {
    /// At this address, as people give it to a browser: `http://ci.example.org:8010/`.
    Url(String),
    /// In this process. Each connection is a [`Pipe`] that the master takes from the other end.
    InProcess(mpsc::Sender<Pipe>),
}

/// How long to wait before the next attempt to reach the master. Each wait is shortened by up to a half, by chance.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// After the first failure; each later one doubles it.
    pub first: Span,
    /// At most.
    pub longest: Span,
    /// When somebody has to do something first: a wrong password, an unknown name.
    pub slowly: Span,
    /// When another daemon with the same name took over.
    pub replaced: Span,
}

impl Default for Patience {
    /// A quarter of a second, up to 30 s; a minute; five minutes.
    fn default() -> Self {
        Self {
            first: Span::millis(250),
            longest: Span::seconds(30),
            slowly: Span::seconds(60),
            replaced: Span::seconds(300),
        }
    }
}

/// How a worker stands with its master.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nothing has come of the first attempt yet.
    #[default]
    Trying,
    /// The master has let it in.
    Connected,
    /// The master does not let it in, in the master's words.
    Refused(String),
    /// The master cannot be reached, or the line broke, for this reason.
    Away(String),
}

/// What the owner of a running worker wants of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// It works.
    #[default]
    GoOn,
    /// It ends its commands, reports them if the master is there, and stops; no process is left.
    EndCommands,
    /// It stops; its commands go on, and the next daemon in the same directory takes them over.
    LeaveRunning,
}
