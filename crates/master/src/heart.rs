//! The heart: one loop that hears, decides, records, and only then acts.
//!
//! The world is a cache of the store's live part. It takes transitions at once, ahead of the store, so that a whole
//! batch of inputs is decided and written as one commit; nothing of it is seen, sent or answered before that commit.
//! When the store refuses a batch, the world is thrown away and read anew, and those who asked are told to ask again.

mod acts;
mod anew;
mod clock;
mod workers;

use crate::Clock;
use crate::admission::Sessions;
use crate::effect::{self, Effect};
use crate::events::Nouns;
use crate::input::{CommandEnded, Input, Reply};
use crate::obstacles::Obstacles;
use crate::outbox;
use crate::session::{ChangedFiles, apart};
use engine::build::{SealedLog, StepEnd};
use engine::{Surroundings, World};
use killpoint::fail_point;
use model::{BuildId, Config, Event, LogId, Span, StepId, Time, Transition};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::{CommitError, Store, StoreError};
use tokio::sync::{broadcast, mpsc, watch};
use web::control::{ControlError, Enabled};

/// How many inputs are decided as one batch at most.
const BATCH: usize = 512;

/// The longest time without a look at the world, so that a lost wake-up does no harm.
const SWEEP: Span = Span::seconds(5);

/// How long to wait before writing again what the store could not take.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What the heart works with.
pub(crate) struct Heart {
    pub(crate) world: World,
    pub(crate) store: Store,
    pub(crate) logs: logs::Logs,
    pub(crate) clock: Clock,
    pub(crate) inbox: mpsc::Receiver<Input>,
    pub(crate) own_inbox: mpsc::Sender<Input>,
    pub(crate) sessions: Sessions,
    pub(crate) events: broadcast::Sender<Arc<Event>>,
    pub(crate) version: Arc<AtomicU64>,
    /// Ends of commands whose turn was refused by the store: they are heard again.
    pub(crate) again: Vec<Input>,
    /// The world was read anew: what it has of workers and of the configuration may not be so.
    pub(crate) anew: bool,
    /// Builds before this one were begun by earlier masters.
    pub(crate) first: BuildId,
    /// Workers that are not configured any more and have builds that run.
    pub(crate) leaving: watch::Sender<BTreeSet<String>>,
    /// Rung when a target is owed a report.
    pub(crate) bell: watch::Sender<()>,
    /// Told while the store takes nothing.
    pub(crate) obstacles: Arc<Obstacles>,
}

/// What one turn of the loop has decided.
#[derive(Default)]
pub(crate) struct Turn {
    pub(crate) transitions: Vec<Transition>,
    effects: Vec<Effect>,
    events: Vec<Event>,
    answers: Vec<Box<dyn FnOnce() + Send>>,
    questions: Vec<Input>,
    /// Ends of commands, which must not be lost with a turn that the store refuses.
    ends: Vec<Input>,
    quit: Option<Reply<()>>,
}

impl Turn {
    /// Sends the answer when everything of this turn is durable.
    pub(crate) fn answer<T: Send + 'static>(&mut self, reply: Reply<T>, answer: Result<T, ControlError>) {
        self.answers.push(Box::new(move || drop(reply.send(answer))));
    }
}

impl Heart {
    /// Beats until it is told to quit, or until nobody can tell it anything any more.
    pub(crate) async fn beat(mut self) {
        let mut inputs = Vec::with_capacity(BATCH);
        loop {
            inputs.clear();
            if !self.listen(&mut inputs).await {
                return;
            }
            self.follow_clock().await;
            let mut turn = Turn::default();
            let now = self.clock.now();
            if std::mem::take(&mut self.anew) {
                self.agree(now, &mut turn);
            }
            for input in inputs.drain(..) {
                self.hear(input, now, &mut turn).await;
            }
            self.settle(now, &mut turn);
            turn.effects.retain(|effect| effect::is_meant(&self.world, effect));
            if self.record(&mut turn).await {
                self.gather(&mut turn.effects).await;
                self.act(turn.effects);
                outbox::ring(&self.bell, &turn.transitions);
                fail_point!("turn-acted-on");
                self.tell(turn.events);
                self.let_go();
                turn.answers.into_iter().for_each(|answer| answer());
                fail_point!("turn-answered");
            }
            for question in turn.questions {
                self.answer_question(question, now);
            }
            if let Some(reply) = turn.quit {
                let _ = reply.send(Ok(()));
                return;
            }
        }
    }

    /// Puts the first configuration in force. Nobody is connected yet, whatever the store remembers.
    pub(crate) async fn awaken(&mut self, config: Arc<Config>) {
        let now = self.clock.now();
        let mut turn = Turn::default();
        self.begin_clock(now, &mut turn);
        let todo = engine::config::adopt(&self.world, &config);
        self.take_all(todo, now, &mut turn);
        self.world.configure(config);
        self.first = self.world.next_build();
        self.agree(now, &mut turn);
        let todo = engine::worker::wait_anew(&self.world, now);
        self.take_all(todo, now, &mut turn);
        let files = self.files_of_running().await;
        self.sessions.restore(&self.world, &self.logs, &files).await;
        fail_point!("ledgers-restored");
        if self.record(&mut turn).await {
            self.gather(&mut turn.effects).await;
            self.act(turn.effects);
        }
        self.close_forgotten().await;
        fail_point!("awake");
    }

    /// Waits for inputs, for the next timer, or for the sweep. False: nobody is left to listen to.
    async fn listen(&mut self, inputs: &mut Vec<Input>) -> bool {
        if !self.again.is_empty() || self.anew {
            inputs.append(&mut self.again);
            return true;
        }
        let now = self.clock.now();
        let wake = engine::next_wake(&self.world).unwrap_or(now + SWEEP).min(now + SWEEP);
        match tokio::time::timeout(wake.since(now).to_std(), self.inbox.recv_many(inputs, BATCH)).await {
            Ok(0) => false,
            Ok(_) | Err(_) => true,
        }
    }

    async fn hear(&mut self, input: Input, now: Time, turn: &mut Turn) {
        match input {
            Input::Changes { changes, memory, reply } => self.changes(changes, memory, reply, now, turn).await,
            Input::Force { force, reply } => self.force(force, reply, now, turn),
            Input::Try { tried, reply } => self.try_patch(*tried, reply, now, turn).await,
            Input::File { new, builders, reply } => self.file(*new, &builders, reply, now, turn),
            Input::Rebuild { build, set, owner, reply } => {
                let filed = engine::force::rebuild(&self.world, &build, &set, &owner, now);
                self.filed(filed, reply, turn);
            }
            Input::Stop { build, reason, reply } => self.stop(build, &reason, reply, now, turn),
            Input::Cancel { request, reason, reply } => {
                let open = self.world.request(request).is_some();
                let todo = engine::request::cancel(&self.world, request, &reason, now);
                self.take_all(todo, now, turn);
                let gone = || ControlError::Refused(format!("build request {request} is not open"));
                turn.answer(reply, if open { Ok(()) } else { Err(gone()) });
            }
            Input::CancelSet { set, reason, reply } => {
                let open = self.world.set(set).is_some();
                let todo = engine::build_set::cancel(&self.world, set, &reason, now);
                self.take_all(todo, now, turn);
                let gone = || ControlError::Refused(format!("build set {set} is not open"));
                turn.answer(reply, if open { Ok(()) } else { Err(gone()) });
            }
            Input::Pause { worker, reason, reply } => {
                let known = self.world.worker(worker).is_some();
                if known {
                    self.take(Transition::WorkerPaused { worker, reason }, now, turn);
                }
                let unknown = || ControlError::Unknown(format!("there is no worker {worker}"));
                turn.answer(reply, if known { Ok(()) } else { Err(unknown()) });
            }
            Input::Enable { scheduler, enabled, reply } => {
                let switch = match enabled {
                    Enabled::Yes => engine::scheduler::Switch::On,
                    Enabled::No => engine::scheduler::Switch::Off,
                };
                let todo = engine::scheduler::enable(&self.world, scheduler, switch);
                let unknown = || ControlError::Unknown(format!("there is no scheduler {scheduler}"));
                turn.answer(reply, if todo.is_some() { Ok(()) } else { Err(unknown()) });
                self.take_all(todo, now, turn);
            }
            Input::Configure { config, functions, reply } => {
                let surroundings = Surroundings { functions, ..self.world.surroundings().clone() };
                self.world.surround(surroundings);
                self.configure(config, reply, now, turn);
            }
            Input::Hello { admission } => self.admit(*admission, now, turn).await,
            Input::Leaving { worker, session } => {
                // It gets nothing new, and still speaks for the builds that it has.
                if self.sessions.leaves(worker, session) {
                    self.record_of(worker, [Transition::WorkerDisconnected { worker, at: now }], now, turn);
                }
            }
            Input::Gone { worker, session } => self.gone(worker, session, now, turn),
            Input::Stale { build, epoch, what } => {
                self.take(Transition::Refused { build, epoch, at: now, what }, now, turn);
            }
            Input::Ended(ended) => {
                turn.ends.push(Input::Ended(ended.clone()));
                self.ended(ended, now, turn);
            }
            Input::Sealed { logs } => self.sealed(&logs, now, turn).await,
            Input::Whole { build } => {
                if self.world.build(build).is_none() && !self.sessions.hub.waits_for_rest(build) {
                    turn.effects.push(Effect::FinishLogs { build });
                }
            }
            Input::Grew { build, log, lines } => self.grew(build, log, lines, turn),
            Input::Live { .. } | Input::Transfer { .. } | Input::Why { .. } => turn.questions.push(input),
            Input::Quit { reply } => turn.quit = Some(reply),
        }
    }

    fn ended(&mut self, ended: CommandEnded, now: Time, turn: &mut Turn) {
        let CommandEnded { command, end, properties, logs, findings, steps } = ended;
        let (build, step) = (BuildId(command.build), StepId(command.step));
        let worker = self.world.build(build).map(effect::place);
        let end = StepEnd { end, properties, logs, findings, steps };
        let todo = engine::build::step_ended(&self.world, build, command.epoch, step, end, now);
        self.take_all(todo, now, turn);
        if let Some(worker) = worker {
            turn.effects.push(Effect::Forget { worker, command });
        }
    }

    fn grew(&self, build: BuildId, log: LogId, lines: u64, turn: &mut Turn) {
        if self.events.receiver_count() > 0
            && let Some(facts) = self.world.build(build).and_then(|b| b.logs.iter().find(|l| l.id == log))
        {
            turn.events.extend(api::event::log_grew(facts, lines));
        }
    }

    fn settle(&mut self, now: Time, turn: &mut Turn) {
        loop {
            let todo = engine::plan(&self.world, now);
            if todo.is_empty() {
                return;
            }
            self.take_all(todo, now, turn);
        }
    }

    fn take_all(&mut self, todo: impl IntoIterator<Item = Transition>, now: Time, turn: &mut Turn) {
        for transition in todo {
            self.take(transition, now, turn);
        }
    }

    fn take(&mut self, transition: Transition, now: Time, turn: &mut Turn) {
        effect::before(&self.world, &transition, &mut turn.effects);
        if self.events.receiver_count() > 0 {
            turn.events.extend(api::event::events(&transition, &Nouns { world: &self.world, now }));
            let failed = engine::build_set::first_failure(&self.world, &transition);
            turn.events.extend(failed.and_then(|set| self.world.set(set)).into_iter().flat_map(api::event::set_failed));
        }
        let owed = outbox::owed(&self.world, &transition, now);
        self.world.take(&transition);
        effect::after(&self.world, &transition, &mut turn.effects);
        turn.transitions.push(transition);
        turn.transitions.extend(owed);
    }

    /// Writes the turn. A store that is away is waited for; one that refuses costs the turn, and the world is read anew.
    async fn record(&mut self, turn: &mut Turn) -> bool {
        if turn.transitions.is_empty() {
            return true;
        }
        fail_point!("turn-decided");
        loop {
            match self.store.commit(turn.transitions.clone()).await {
                Ok(()) => {
                    self.obstacles.store(None);
                    fail_point!(each &turn.transitions;
                        Transition::ChangeAdded(_) => "change-stored",
                        Transition::SchedulerRemembers { .. } => "scheduler-stored",
                        Transition::SetFiled { .. } => "set-stored",
                        Transition::BuildLeased { .. } => "lease-stored",
                        Transition::LeaseDated { .. } => "lease-date-stored",
                        Transition::StepStarted { .. } => "step-start-stored",
                        Transition::StepFinished { .. } => "step-end-stored",
                        Transition::LogSealed { .. } => "seal-stored",
                        Transition::BuildFinished { .. } => "build-end-stored",
                        Transition::RequestReleased { .. } => "retry-stored",
                        Transition::RequestFinished { .. } => "request-end-stored",
                        Transition::SetFinished { .. } => "set-end-stored",
                        Transition::WorkerConnected { .. } => "worker-stored",
                        Transition::Refused { .. } => "refusal-stored",
                    );
                    self.version.fetch_add(1, Ordering::Release);
                    return true;
                }
                Err(CommitError::Unavailable(why)) => {
                    tracing::warn!("nothing can be recorded, so nothing goes on: {why}; trying again in 1 s");
                    self.obstacles.store(Some(why));
                    tokio::time::sleep(STORE_PAUSE).await;
                }
                Err(refused) => {
                    self.obstacles.store(None);
                    tracing::error!("a batch was refused, reading the world anew: {refused}");
                    self.again.append(&mut turn.ends);
                    self.read_anew().await;
                    return false;
                }
            }
        }
    }

    async fn read_anew(&mut self) {
        loop {
            match self.store.snapshot().await {
                Ok(snapshot) => {
                    self.obstacles.store(None);
                    let surroundings = self.world.surroundings().clone();
                    let fresh = World::load(snapshot, self.world.config().clone());
                    let before = std::mem::replace(&mut self.world, fresh);
                    self.world.hold_as_in(&before);
                    self.world.surround(surroundings);
                    let files = self.files_of_running().await;
                    self.sessions.restore(&self.world, &self.logs, &files).await;
                    self.close_forgotten().await;
                    self.anew = true;
                    return;
                }
                Err(why) => {
                    tracing::warn!("the store cannot be read: {why}; trying again in 1 s");
                    self.obstacles.store(Some(why.to_string()));
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }

    /// Commands that name changed files get the names.
    async fn gather(&self, effects: &mut [Effect]) {
        for effect in effects {
            let Effect::Gather { command, step } = effect else { continue };
            let (command, Some(running)) = (*command, self.world.build(step.build)) else { continue };
            *effect = match self.changed_files(running.build.id).await {
                Ok(files) => effect::start(&self.world, running, step, &files),
                Err(e) => Effect::Fail { command, why: format!("its changes cannot be read: {e}") },
            };
        }
    }

    /// The files that were changed in what a build builds, in order.
    async fn changed_files(&self, build: BuildId) -> Result<Vec<String>, StoreError> {
        let changes = self.store.changes_of_build(build).await?;
        let files: BTreeSet<String> = changes.into_iter().flat_map(|change| change.facts.files).collect();
        Ok(files.into_iter().collect())
    }

    /// The same for all builds whose running step names them.
    async fn files_of_running(&self) -> ChangedFiles {
        let mut files = ChangedFiles::new();
        for running in self.world.builds() {
            let build = running.build.id;
            if !running.current().is_some_and(|step| effect::wants_files(running, step)) {
                continue;
            }
            match self.changed_files(build).await {
                Ok(names) => drop(files.insert(build, names)),
                Err(e) => tracing::error!("the changes of build {build} cannot be read: {e}"),
            }
        }
        files
    }

    fn act(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                // They are finished when they are whole.
                Effect::FinishLogs { build } if self.sessions.hub.waits_for_rest(build) => {}
                Effect::FinishLogs { build } if build < self.first => self.finish_earlier(build),
                Effect::FinishLogs { build } => {
                    let logs = self.logs.clone();
                    apart(async move {
                        if let Err(e) = logs.finish(build).await {
                            tracing::error!("the logs of build {build} cannot be closed: {e}");
                        }
                    });
                }
                Effect::SealLost { build, logs, over } => self.seal_lost(build, logs, over),
                to_session => self.sessions.carry_out(to_session),
            }
        }
    }

    /// Nobody will send more of these logs: they are whole as they are.
    fn seal_lost(&self, build: BuildId, lost: Vec<LogId>, over: bool) {
        let (logs, inbox, store) = (self.logs.clone(), self.own_inbox.clone(), self.store.clone());
        let earlier = build < self.first;
        let hub = self.sessions.hub.clone();
        tokio::spawn(async move {
            let mut sealed = Vec::new();
            for log in lost {
                // A log that never had a byte is not there yet.
                let whole = match logs.begin(build, log).await {
                    Ok(_) => logs.seal(build, log).await,
                    Err(e) => Err(e),
                };
                match whole {
                    Ok(s) => sealed.push(SealedLog { log, lines: s.lines, bytes: s.bytes, crc32: s.crc32 }),
                    Err(e) => tracing::error!("log {log} of build {build} cannot be sealed: {e}"),
                }
            }
            // Their worker was told to drop them: until they are on the disk, the store must not call them whole.
            if let Err(e) = logs.flush().await {
                tracing::error!("the logs of build {build} cannot be written: {e}");
            }
            let _ = inbox.send(Input::Sealed { logs: sealed }).await;
            if over
                && !hub.waits_for_rest(build)
                && !(earlier && anew::lacks(&store, &logs, build).await)
                && let Err(e) = logs.finish(build).await
            {
                tracing::error!("the logs of build {build} cannot be closed: {e}");
            }
        });
    }

    /// Workers that have ended their last build may go.
    fn let_go(&self) {
        let anybody = !self.leaving.borrow().is_empty();
        if anybody {
            let now = leaving(&self.world);
            self.leaving.send_if_modified(|before| std::mem::replace(before, now.clone()) != now);
        }
    }

    fn tell(&self, events: Vec<Event>) {
        for event in events {
            // Nobody listens: that is fine.
            let _ = self.events.send(Arc::new(event));
        }
    }

    fn answer_question(&self, question: Input, now: Time) {
        match question {
            Input::Live { reply } => drop(reply.send(Ok(crate::control::live(&self.world, now)))),
            Input::Transfer { command, reply } => {
                drop(reply.send(Ok(crate::transfer::order(&self.world, command))));
            }
            Input::Why { request, reply } => {
                drop(reply.send(Ok(engine::why::of_request(&self.world, request, now))));
            }
            _ => {}
        }
    }
}

/// Workers that are not configured any more and have builds that run.
fn leaving(world: &World) -> BTreeSet<String> {
    let gone = world.workers().filter(|w| w.spec.is_none() && !w.builds.is_empty());
    gone.map(|w| w.worker.name.clone()).collect()
}
