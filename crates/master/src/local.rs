//! Local workers: started by the master, in its own process. Their commands have processes of their own, which outlive
//! a master that dies.

use crate::admission::Via;
use crate::base::BaseDir;
use crate::run::OnStop;
use crate::session::{Doorway, Transport, serve};
use model::Config;
use model::worker::{Secret, WorkerAccess};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{Pipe, Reach, Wish};

/// Steps of the master itself that run at once; more of them wait.
const MOST_OWN: usize = 64;

/// Keeps a worker running for each local worker of the configuration that is in force.
pub(crate) struct LocalWorkers {
    pub(crate) base: BaseDir,
    pub(crate) exe: PathBuf,
    pub(crate) on_stop: OnStop,
    pub(crate) door: Arc<Doorway>,
    pub(crate) shutdown: CancellationToken,
}

struct Running {
    wish: watch::Sender<Wish>,
    task: JoinHandle<()>,
}

impl LocalWorkers {
    /// Follows the configuration until the shutdown; returns when every worker has ended. A worker that is not
    /// configured any more stays for as long as it is among those that are `leaving`: its builds end first.
    pub(crate) async fn keep(
        self,
        mut config: watch::Receiver<Arc<Config>>,
        mut leaving: watch::Receiver<BTreeSet<String>>,
    ) {
        let mut running: BTreeMap<String, Running> = BTreeMap::new();
        let own = [(String::new(), self.start_own())];
        loop {
            let wanted = local_names(&config.borrow_and_update());
            for name in &wanted {
                running.entry(name.clone()).or_insert_with(|| self.start(name));
            }
            let gone = {
                let busy = leaving.borrow_and_update();
                let gone = |n: &&String| !wanted.contains(n) && !busy.contains(*n);
                running.keys().filter(gone).cloned().collect::<Vec<_>>()
            };
            for name in gone {
                if let Some(worker) = running.remove(&name) {
                    worker.end(Wish::EndCommands).await;
                }
            }
            tokio::select! {
                changed = config.changed() => if changed.is_err() { break },
                changed = leaving.changed() => if changed.is_err() { break },
                () = self.shutdown.cancelled() => break,
            }
        }
        running.extend(own);
        let wish = match self.on_stop {
            OnStop::EndCommands => Wish::EndCommands,
            OnStop::LeaveRunning => Wish::LeaveRunning,
        };
        for worker in running.into_values() {
            worker.end(wish).await;
        }
    }

    fn start(&self, name: &str) -> Running {
        self.run(self.base.worker(name), name, Via::Local(name.to_owned()), |setup| setup)
    }

    /// The worker for the master's own steps: it has no process while there are none.
    fn start_own(&self) -> Running {
        self.run(self.base.own_worker(), "(the master)", Via::Own, |setup| worker::Setup {
            most_at_once: Some(MOST_OWN),
            spare_slots: 0,
            reach: Reach::Anywhere,
            ..setup
        })
    }

    fn run(&self, dir: PathBuf, name: &str, via: Via, adapt: impl FnOnce(worker::Setup) -> worker::Setup) -> Running {
        let (to_master, pipes) = mpsc::channel(1);
        let (wish, wishes) = watch::channel(Wish::GoOn);
        let master = worker::Master::InProcess(to_master);
        let setup = adapt(worker::Setup {
            master_file: Some(self.base.address()),
            ..worker::Setup::new(dir, name, Secret::new(""), master, self.exe.clone())
        });
        tokio::spawn(answer(self.door.clone(), via, pipes));
        let name = name.to_owned();
        let task = tokio::spawn(async move {
            if let Err(e) = worker::run(setup, wishes).await {
                tracing::error!("the local worker {name} cannot work: {e}");
            }
        });
        Running { wish, task }
    }
}

impl Running {
    async fn end(self, wish: Wish) {
        self.wish.send_replace(wish);
        if let Err(e) = self.task.await {
            tracing::error!("a local worker ended badly: {e}");
        }
    }
}

/// Takes the other end of each connection that the worker makes.
async fn answer(door: Arc<Doorway>, via: Via, mut pipes: mpsc::Receiver<Pipe>) {
    while let Some(pipe) = pipes.recv().await {
        let (door, via) = (door.clone(), via.clone());
        tokio::spawn(async move { serve(&door, via, Channel(pipe)).await });
    }
}

fn local_names(config: &Config) -> Vec<String> {
    let local = config.workers.iter().filter(|w| w.access == WorkerAccess::Local);
    local.map(|w| w.name.clone()).collect()
}

/// One end of a connection inside this process.
struct Channel(Pipe);

impl Transport for Channel {
    async fn receive(&mut self) -> Option<Vec<u8>> {
        self.0.from_worker.recv().await
    }

    async fn send(&mut self, frame: Vec<u8>) -> bool {
        self.0.to_worker.send(frame).await.is_ok()
    }
}
