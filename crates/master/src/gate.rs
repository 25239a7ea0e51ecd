//! The gates of a master: what is handed in is tested the way it would land, by builds as any others, and what passed
//! is pushed.
//!
//! Each gate has a *runner* with a [`gate::Queue`], which decides, and a workshop, in which commits are made. A turn of
//! the runner hears, decides, writes everything down in one commit of the store, and only then acts. What it does may be
//! done again: the commit of a base and a list of members is always the same, a set of builds is found by its name, a
//! push expects where the branch is. So a master that dies at any point goes on where it was.

mod footprint;
mod kept;
mod push;
mod runner;
mod submit;
mod trial;
mod view;
mod words;

use crate::base::BaseDir;
use crate::control::Door;
use model::{Config, Event, GateCandidate, GateSpec, GateView, Span};
use runner::Runner;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use web::control::{ControlError, GateAct, Land};

/// How many wishes may wait for one gate.
const ASKS: usize = 256;

/// What a gate is asked, with the answer's way back.
pub(crate) enum Ask {
    /// Somebody hands a change in.
    Land(Land, Reply<GateCandidate>),
    /// Somebody does something with a candidate or the gate.
    Act(GateAct, String, Reply<String>),
}

type Reply<T> = oneshot::Sender<Result<T, ControlError>>;

/// The gates as the rest of the master sees them.
#[derive(Default)]
pub(crate) struct Gates(RwLock<BTreeMap<String, Handle>>);

#[derive(Clone)]
struct Handle {
    asks: mpsc::Sender<Ask>,
    view: watch::Receiver<GateView>,
}

impl Gates {
    /// All of them as they are, in the order of the configuration.
    pub(crate) fn views(&self, config: &Config) -> Vec<GateView> {
        let handles = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let view = |spec: &GateSpec| Some(handles.get(&spec.name)?.view.borrow().clone());
        config.gates.iter().filter_map(view).collect()
    }

    /// Hands a change in.
    pub(crate) async fn land(&self, land: Land) -> Result<GateCandidate, ControlError> {
        let name = land.gate.clone();
        self.ask(&name, |reply| Ask::Land(land, reply)).await
    }

    /// Does something with a candidate or a gate.
    pub(crate) async fn act(&self, gate: &str, act: GateAct, who: String) -> Result<String, ControlError> {
        self.ask(gate, |reply| Ask::Act(act, who, reply)).await
    }

    async fn ask<T>(&self, gate: &str, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, ControlError> {
        let handle = self.0.read().unwrap_or_else(PoisonError::into_inner).get(gate).cloned();
        let handle = handle.ok_or_else(|| ControlError::no_gate(gate))?;
        let (reply, answer) = oneshot::channel();
        let away = || ControlError::Unavailable(format!("the gate '{gate}' does not answer now; try again"));
        handle.asks.send(ask(reply)).await.map_err(|_| away())?;
        answer.await.map_err(|_| away())?
    }
}

/// What gates work with.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) base: BaseDir,
    pub(crate) door: Arc<Door>,
    pub(crate) events: broadcast::Sender<Arc<Event>>,
}

struct Running {
    spec: GateSpec,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Keeps a runner for each gate of the configuration that is in force, until the shutdown.
pub(crate) async fn keep(tools: Tools, mut config: watch::Receiver<Arc<Config>>, shutdown: CancellationToken) {
    let mut running: BTreeMap<String, Running> = BTreeMap::new();
    loop {
        let wanted = config.borrow_and_update().gates.clone();
        let ending: Vec<String> =
            running.iter().filter(|(_, r)| !wanted.contains(&r.spec)).map(|(name, _)| name.clone()).collect();
        for name in ending {
            if let Some(runner) = running.remove(&name) {
                tools.door.gates.0.write().unwrap_or_else(PoisonError::into_inner).remove(&name);
                end(runner).await;
            }
        }
        for spec in wanted {
            running.entry(spec.name.clone()).or_insert_with(|| start(&tools, spec));
        }
        tokio::select! {
            changed = config.changed() => if changed.is_err() { break },
            () = shutdown.cancelled() => break,
        }
    }
    for runner in running.into_values() {
        end(runner).await;
    }
}

fn start(tools: &Tools, spec: GateSpec) -> Running {
    let (asks, inbox) = mpsc::channel(ASKS);
    let (view, shown) = watch::channel(GateView {
        spec: spec.clone(),
        tip: String::new(),
        halted: None,
        trouble: None,
        landing: None,
        line: Vec::new(),
        trials: Vec::new(),
        length: None::<Span>,
        at: tools.door.clock.now(),
    });
    let mut handles = tools.door.gates.0.write().unwrap_or_else(PoisonError::into_inner);
    handles.insert(spec.name.clone(), Handle { asks, view: shown });
    drop(handles);
    let stop = CancellationToken::new();
    let runner = Runner::new(tools.clone(), spec.clone(), inbox, view, stop.clone());
    Running { spec, stop, task: tokio::spawn(runner.run()) }
}

async fn end(runner: Running) {
    runner.stop.cancel();
    if let Err(e) = runner.task.await {
        tracing::error!("the gate {} ended badly: {e}", runner.spec.name);
    }
}
