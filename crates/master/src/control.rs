//! The master as pages and REST see it: each act is an input of the heart, each answer comes after its commit.

use crate::Clock;
use crate::base::BaseDir;
use crate::config_file;
use crate::gate::Gates;
use crate::input::{Input, Reply};
use crate::obstacles::Obstacles;
use crate::session::lock;
use engine::{RunningBuild, World, eta};
use model::{
    BuildId, BuildSetId, ChangeId, Config, Functions, GateCandidate, GateView, NewChange, RequestId, SchedulerId, Span,
    Time, Why, WorkerId,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use store::Store;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use web::control::{
    Answer, Control, ControlError, Enabled, Force, Forced, GateAct, Land, Live, LiveBuild, LiveRequest, LiveSource,
};
use web::tried::Try;

/// So long a question waits before it is asked whether the store is in the way.
const PATIENCE: Duration = Duration::from_millis(500);

/// So often somebody looks at what runs and waits, for the time when the heart cannot say it.
const LOOK: Duration = Duration::from_secs(5);

/// What the heart is asked through.
pub(crate) struct Door {
    pub(crate) inbox: mpsc::Sender<Input>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) config: watch::Sender<Arc<Config>>,
    /// The functions of that configuration.
    pub(crate) functions: watch::Sender<Arc<dyn Functions>>,
    pub(crate) sources: RwLock<BTreeMap<String, LiveSource>>,
    pub(crate) gates: Gates,
    pub(crate) public_url: String,
    /// Where attempts of test runs are kept.
    pub(crate) attempts: PathBuf,
    /// Where the configuration is read from; `None`: it was given, and cannot be read again.
    pub(crate) base: Option<BaseDir>,
    pub(crate) obstacles: Arc<Obstacles>,
    /// What ran and waited some seconds ago.
    pub(crate) seen: Mutex<Option<Live>>,
}

impl Door {
    /// Sends an input and waits for its answer, which comes when it is durable.
    pub(crate) async fn ask<T>(&self, input: impl FnOnce(Reply<T>) -> Input) -> Result<T, ControlError> {
        let (reply, answer) = oneshot::channel();
        let stopping = || ControlError::Unavailable("the master is stopping".to_owned());
        self.inbox.send(input(reply)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| ControlError::Unavailable("it could not be recorded; try again".to_owned()))?
    }

    /// As [`ask`](Self::ask), for a question: while the store takes nothing, the heart waits for it and answers nobody.
    async fn ask_now<T>(&self, input: impl FnOnce(Reply<T>) -> Input) -> Result<T, ControlError> {
        let mut asked = std::pin::pin!(self.ask(input));
        loop {
            tokio::select! {
                answer = &mut asked => return answer,
                () = tokio::time::sleep(PATIENCE) => if let Some((_, why)) = self.obstacles.of_store() {
                    return Err(ControlError::Unavailable(format!("nothing can be recorded now: {why}")));
                },
            }
        }
    }

    /// What runs and waits; while the heart cannot say it, what it said last.
    async fn look(&self) -> Result<Live, ControlError> {
        match self.ask_now(|reply| Input::Live { reply }).await {
            Ok(live) => Ok(live),
            Err(e) => lock(&self.seen).clone().ok_or(e),
        }
    }

    /// Looks now and then, for those who want to know while the heart cannot say it.
    pub(crate) async fn keep_looking(self: Arc<Self>, closing: CancellationToken) {
        loop {
            if let Ok(live) = self.ask_now(|reply| Input::Live { reply }).await {
                *lock(&self.seen) = Some(live);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = closing.cancelled() => return,
            }
        }
    }

    /// What change sources last said.
    pub(crate) fn said(&self, source: LiveSource) {
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        sources.insert(source.name.clone(), source);
    }

    /// A change source is no longer configured.
    pub(crate) fn unsaid(&self, source: &str) {
        self.sources.write().unwrap_or_else(PoisonError::into_inner).remove(source);
    }

    async fn rebuild_now(&self, id: BuildId, owner: String) -> Result<Forced, ControlError> {
        let lost = |e: store::StoreError| ControlError::Unavailable(e.to_string());
        let unknown = || ControlError::Unknown(format!("there is no build {id}"));
        let build = self.store.build(id).await.map_err(lost)?.ok_or_else(unknown)?;
        let request = self.store.request(build.request).await.map_err(lost)?.ok_or_else(unknown)?;
        let set = self.store.set(request.set).await.map_err(lost)?.ok_or_else(unknown)?;
        let (build, set) = (Box::new(build), Box::new(set));
        self.ask(|reply| Input::Rebuild { build, set, owner, reply }).await
    }

    /// Reads the configuration again and puts it in force, or changes nothing and says why.
    async fn reload_now(&self) -> Result<Vec<String>, ControlError> {
        let Some(base) = &self.base else {
            return Err(ControlError::Refused("this master has no configuration file".to_owned()));
        };
        let root = base.root().to_owned();
        let read = tokio::task::spawn_blocking(move || config_file::load_all(&root)).await;
        let read = read.map_err(|e| ControlError::Unavailable(e.to_string()))?;
        let loaded = read.map_err(|e| ControlError::Refused(e.to_string()))?;
        let (config, functions) = (Arc::new(loaded.config), loaded.functions);
        let fixed = fixed_at_start(&self.config.borrow(), &config);
        let (next, next_functions) = (config.clone(), functions.clone());
        let mut said = self.ask(|reply| Input::Configure { config: next, functions, reply }).await?;
        crate::in_force::write(base, &config);
        self.functions.send_replace(next_functions);
        self.config.send_replace(config);
        said.extend(fixed);
        Ok(said)
    }
}

/// What a reload cannot change, as lines for the person who tried.
fn fixed_at_start(old: &Config, new: &Config) -> Vec<String> {
    let mut said = Vec::new();
    if old.web.listen != new.web.listen {
        said.push(format!("web: the address {} comes with the next start", new.web.listen));
    }
    if old.database != new.database {
        said.push("database: the new one comes with the next start".to_owned());
    }
    said
}

impl Control for Door {
    fn attempts(&self) -> Option<PathBuf> {
        Some(self.attempts.clone())
    }

    fn force(&self, force: Force) -> Answer<'_, Forced> {
        Box::pin(self.ask(|reply| Input::Force { force, reply }))
    }

    fn try_patch(&self, tried: Try) -> Answer<'_, Forced> {
        Box::pin(self.ask(|reply| Input::Try { tried: Box::new(tried), reply }))
    }

    fn gates(&self) -> Answer<'_, Vec<GateView>> {
        let views = self.gates.views(&self.config.borrow());
        Box::pin(async { Ok(views) })
    }

    fn land(&self, land: Land) -> Answer<'_, GateCandidate> {
        Box::pin(self.gates.land(land))
    }

    fn gate_act(&self, gate: String, act: GateAct, who: String) -> Answer<'_, String> {
        Box::pin(async move { self.gates.act(&gate, act, who).await })
    }

    fn stop_build(&self, build: BuildId, reason: String) -> Answer<'_, ()> {
        Box::pin(self.ask(move |reply| Input::Stop { build, reason, reply }))
    }

    fn rebuild(&self, build: BuildId, owner: String) -> Answer<'_, Forced> {
        Box::pin(self.rebuild_now(build, owner))
    }

    fn cancel_set(&self, set: BuildSetId, reason: String) -> Answer<'_, ()> {
        Box::pin(self.ask(move |reply| Input::CancelSet { set, reason, reply }))
    }

    fn cancel_request(&self, request: RequestId, reason: String) -> Answer<'_, ()> {
        Box::pin(self.ask(move |reply| Input::Cancel { request, reason, reply }))
    }

    fn pause_worker(&self, worker: WorkerId, reason: Option<String>) -> Answer<'_, ()> {
        Box::pin(self.ask(move |reply| Input::Pause { worker, reason, reply }))
    }

    fn enable_scheduler(&self, scheduler: SchedulerId, enabled: Enabled) -> Answer<'_, ()> {
        Box::pin(self.ask(move |reply| Input::Enable { scheduler, enabled, reply }))
    }

    fn add_change(&self, change: NewChange) -> Answer<'_, Option<ChangeId>> {
        let asked = self.ask(|reply| Input::Changes { changes: vec![change], memory: None, reply });
        Box::pin(async { Ok(asked.await?.into_iter().next().flatten()) })
    }

    fn reload(&self) -> Answer<'_, Vec<String>> {
        Box::pin(self.reload_now())
    }

    fn live(&self) -> Answer<'_, Live> {
        Box::pin(async {
            let mut live = self.look().await?;
            live.obstacles = self.obstacles.list();
            let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
            live.sources = sources.values().cloned().collect();
            Ok(live)
        })
    }

    fn why(&self, request: RequestId) -> Answer<'_, Option<Why>> {
        Box::pin(self.ask_now(move |reply| Input::Why { request, reply }))
    }

    fn config(&self) -> Arc<Config> {
        self.config.borrow().clone()
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    fn public_url(&self) -> String {
        match self.config.borrow().project.public_url.as_str() {
            "" => self.public_url.clone(),
            told => told.to_owned(),
        }
    }
}

/// What runs and what waits. The sources are added by the door, which hears them.
pub(crate) fn live(world: &World, now: Time) -> Live {
    let mut running: Vec<LiveBuild> = world.builds().map(|b| live_build(world, b, now)).collect();
    running.sort_by_key(|b| (b.started_at, b.build));
    let waiting = world.first_waiting(Live::MOST_WAITING).into_iter().filter_map(|id| {
        let request = world.request(id)?;
        let why = engine::why::of_request(world, id, now)?;
        Some(LiveRequest { request: id, builder: request.builder, submitted_at: request.submitted_at, why })
    });
    Live {
        running,
        waiting: waiting.collect(),
        waiting_total: world.waiting(),
        sources: Vec::new(),
        locks: engine::lock::views(world),
        upcoming: engine::scheduler::upcoming(world, now),
        obstacles: Vec::new(),
    }
}

fn live_build(world: &World, running: &RunningBuild, now: Time) -> LiveBuild {
    let build = &running.build;
    let step = running.current();
    let usual = step.and_then(|s| world.builder(build.builder)?.builder.usual.steps.get(&s.name).copied());
    let away = build.lease.until.map(|until| {
        let grace = world.worker(build.worker).and_then(|w| w.spec.as_ref()).map_or(Span::ZERO, |s| s.lost_after);
        (until - grace, until)
    });
    LiveBuild {
        build: build.id,
        builder: build.builder,
        worker: build.worker,
        started_at: build.started_at,
        step: step.map(|s| (s.id, s.name.clone(), s.started_at)),
        step_usual: usual,
        ends: eta::of_build(world, running, now),
        to_come: eta::to_come(running).map(|s| s.name.clone()).collect(),
        worker_away: away,
    }
}
