//! A system under measurement: how it is configured and started. Everything else is asked of it over HTTP.

use super::Pace;
use super::api::Api;
use super::ground::{Daemon, Plot};
use super::wait;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

/// The one worker's name and password, on both systems.
pub(crate) const WORKER: &str = "w";
pub(crate) const PASSWORD: &str = "password";

/// The force scheduler that has every builder.
pub(crate) const FORCE: &str = "force";

/// The branch of the changes.
pub(crate) const BRANCH: &str = "main";

/// What differs from one system to the other.
pub(crate) trait System: Sync {
    fn name(&self) -> &'static str;

    /// How much each measure gives it to do.
    fn sizes(&self, pace: Pace) -> Sizes;

    /// Writes what must be there once, before the first configuration.
    fn create(&self, plot: &Plot, plan: &Plan) -> anyhow::Result<()>;

    /// Writes the configuration of the plan.
    fn configure(&self, plan: &Plan) -> anyhow::Result<()>;

    /// The master in the foreground.
    fn master(&self, plan: &Plan) -> Command;

    /// The worker in the foreground; makes its directory when there is none.
    fn worker(&self, plot: &Plot, plan: &Plan) -> anyhow::Result<Command>;

    /// What tells it of a change.
    fn change(&self, number: usize) -> Post;

    /// A word on the command line of its supervisors, if it has such.
    fn supervisor(&self) -> Option<&'static str>;
}

/// A request that is the same in meaning, but not in form.
pub(crate) struct Post {
    pub(crate) path: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
}

/// How much a measure does, so that a slow system ends within the hour.
pub(crate) struct Sizes {
    pub(crate) rounds: usize,
    pub(crate) one_step: usize,
    pub(crate) five_steps: usize,
    pub(crate) log_bytes: usize,
    pub(crate) log_rounds: usize,
    pub(crate) forced: usize,
    pub(crate) forced_rounds: usize,
    pub(crate) pending: usize,
    pub(crate) starts: usize,
    pub(crate) builders: usize,
    pub(crate) reading: Duration,
    pub(crate) changes: usize,
    /// How often to ask whether something is done.
    pub(crate) beat: Duration,
}

/// What an instance has.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) dir: PathBuf,
    pub(crate) port: u16,
    /// For workers, where they have a port of their own.
    pub(crate) worker_port: u16,
    pub(crate) builders: Vec<Builder>,
    pub(crate) seat: Seat,
    pub(crate) max_builds: u32,
    /// The builder that builds every change.
    pub(crate) changes: Option<String>,
}

/// Where the worker is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// In the master.
    Local,
    /// A process of its own.
    Remote,
}

#[derive(Clone)]
pub(crate) struct Builder {
    pub(crate) name: String,
    pub(crate) steps: Vec<Vec<String>>,
}

impl Builder {
    pub(crate) fn new(name: &str, steps: &[&[&str]]) -> Self {
        let words = |step: &&[&str]| step.iter().map(|w| (*w).to_owned()).collect();
        Self { name: name.to_owned(), steps: steps.iter().map(words).collect() }
    }
}

impl Plan {
    pub(crate) fn new(dir: &Path, builders: Vec<Builder>) -> anyhow::Result<Self> {
        let (port, worker_port) = free_ports()?;
        Ok(Self { dir: dir.to_owned(), port, worker_port, builders, seat: Seat::Remote, max_builds: 4, changes: None })
    }

    pub(crate) fn master_dir(&self) -> PathBuf {
        self.dir.join("master")
    }

    pub(crate) fn worker_dir(&self) -> PathBuf {
        self.dir.join("worker")
    }

    /// The names of the builders as a list that JSON, Python and Starlark read alike.
    pub(crate) fn names(&self) -> String {
        list(self.builders.iter().map(|b| &b.name))
    }
}

/// Texts as a list that JSON, Python and Starlark read alike.
pub(crate) fn list<'t>(texts: impl Iterator<Item = &'t String>) -> String {
    serde_json::Value::from(texts.cloned().collect::<Vec<_>>()).to_string()
}

fn free_ports() -> anyhow::Result<(u16, u16)> {
    let one = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok((one.local_addr()?.port(), other.local_addr()?.port()))
}

/// A system that runs.
pub(crate) struct Instance<'s> {
    pub(crate) system: &'s dyn System,
    pub(crate) plan: Plan,
    pub(crate) api: Api,
    pub(crate) sizes: Sizes,
    pub(crate) master: Daemon,
    pub(crate) worker: Option<Daemon>,
    /// From the start of the program to its first answer.
    pub(crate) started_in: Duration,
    /// The time of day at its start.
    pub(crate) started_at: SystemTime,
    /// Last, so that what is left of the processes ends last.
    pub(crate) plot: Plot,
}

impl<'s> Instance<'s> {
    /// Starts the master of a plan that is configured.
    pub(crate) fn start(system: &'s dyn System, plot: Plot, plan: Plan, sizes: Sizes) -> anyhow::Result<Self> {
        let mut command = system.master(&plan);
        let (started_at, begun) = (SystemTime::now(), Instant::now());
        let mut master = plot.start("master", &mut command)?;
        let mut api = Api::new(plan.port);
        wait::until(Duration::from_secs(600), "the port of the master", Duration::from_millis(1), || {
            master.alive()?;
            Ok(api.answers().then_some(()))
        })?;
        let started_in = begun.elapsed();
        Ok(Self { system, plan, api, sizes, master, worker: None, started_in, started_at, plot })
    }

    /// Starts the worker and waits until the master knows it as connected.
    pub(crate) fn attach(&mut self) -> anyhow::Result<Duration> {
        let mut command = self.system.worker(&self.plot, &self.plan)?;
        let begun = Instant::now();
        self.worker = Some(self.plot.start("worker", &mut command)?);
        let (api, worker, master) = (&mut self.api, &mut self.worker, &mut self.master);
        wait::until(Duration::from_secs(600), "the worker to be connected", Duration::from_millis(2), || {
            master.alive()?;
            worker.iter_mut().try_for_each(Daemon::alive)?;
            Ok(api.is_connected(WORKER)?.then_some(()))
        })?;
        Ok(begun.elapsed())
    }
}
