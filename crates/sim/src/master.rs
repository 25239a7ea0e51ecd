//! The master: it hears, decides, records, and only then acts, as `master/src/heart.rs` does.

use crate::record::{Entry, Record};
use crate::sabotage::Sabotage;
use crate::violation::{Checked, Violation, must};
use crate::worker::{Command, End};
use engine::build::{CommandEnd, StepEnd};
use engine::force::Wish;
use engine::{Surroundings, World};
use model::worker::WorkerInfo;
use model::{Build, BuildId, BuildSet, Config, NewChange, Query, RequestId, SchedulerId, Time, Transition, WorkerId};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use store::{Location, Store};

/// A turn that is not settled after so many rounds never will be.
pub(crate) const MOST_ROUNDS: usize = 200;

/// What the master hears.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// Changes of a source, which tells them again until it is answered.
    Changes(Vec<NewChange>),
    /// Somebody asks for builds.
    Force(Box<Wish>),
    /// Somebody wants a build once more.
    Rebuild(Box<(Build, BuildSet)>),
    /// Somebody wants a build to end.
    Stop(BuildId),
    /// Somebody does not want a request any more.
    Cancel(RequestId),
    /// A worker is to take no builds, or to take them again.
    Pause(WorkerId, bool),
    /// A scheduler is turned on or off.
    Enable(SchedulerId, bool),
    /// Another configuration.
    Configure(Arc<Config>),
    /// A worker came, with the commands that it has.
    Hello { worker: String, connection: u64, held: Vec<Command> },
    /// A worker's connection is gone.
    Gone { worker: String, connection: u64 },
    /// A command has begun, and output of it is on the disk.
    Started(Command),
    /// A command has ended.
    Ended { worker: String, command: Command, end: End },
}

/// What is done after the commit.
#[derive(Debug)]
pub(crate) enum Effect {
    /// A worker was let in.
    Welcome { worker: WorkerId, held: Vec<Command> },
    /// A worker is not let in.
    Refuse { worker: String, connection: u64 },
    /// The end of a command is durable.
    Forget { worker: String, command: Command },
    /// A source need not tell these again.
    Heard(Vec<NewChange>),
    /// The configuration file is the one in force.
    InForce(Arc<Config>),
}

/// One turn.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// What it did, in order.
    pub(crate) entries: Vec<Entry>,
    /// What follows from it.
    pub(crate) effects: Vec<Effect>,
    /// How many rounds it took to settle.
    pub(crate) rounds: usize,
}

/// A running master.
pub(crate) struct Master {
    /// What it knows.
    pub(crate) world: World,
    /// Its workers' connections.
    pub(crate) sessions: BTreeMap<WorkerId, u64>,
    store: Store,
    sabotage: Sabotage,
}

impl Master {
    /// Starts on a store: its world is read, the configuration put in force, and nobody is connected yet.
    ///
    /// # Errors
    /// The store refuses what the start writes.
    pub(crate) fn start(
        store: Store,
        config: &Arc<Config>,
        record: &mut Record,
        now: Time,
        sabotage: Sabotage,
    ) -> Result<Master, Violation> {
        let known = if sabotage == Sabotage::NothingHeld { Arc::default() } else { Arc::new(sabotage.config(config)) };
        let world = load(&store, &known)?;
        let mut master = Master { world, sessions: BTreeMap::new(), store, sabotage };
        let mut turn = Turn::default();
        master.configure(config, &mut turn);
        record.restarted(config);
        let connected: Vec<WorkerId> =
            master.world.workers().filter(|w| w.worker.connected).map(|w| w.worker.id).collect();
        for worker in connected {
            let todo = engine::worker::disconnected(&master.world, worker, now);
            master.take_all(todo, &mut turn);
        }
        master.commit(&turn)?;
        record.take(&turn.entries, now)?;
        Ok(master)
    }

    /// Ends: what is in memory is gone.
    pub(crate) fn die(self) {
        on(self.store.close());
    }

    /// Hears one input.
    ///
    /// # Errors
    /// An answer was taken that should have been refused, or refused though it was awaited.
    pub(crate) fn hear(&mut self, input: Input, record: &Record, now: Time, turn: &mut Turn) -> Checked {
        let by = "somebody of the simulation";
        match input {
            Input::Changes(changes) => {
                let mut fresh: Vec<NewChange> = Vec::new();
                for change in &changes {
                    let same = |other: &NewChange| other.revision == change.revision && other.branch == change.branch;
                    let in_turn = turn.entries.iter().any(|e| match e {
                        Entry::Took(Transition::ChangeAdded(other)) => same(&other.facts),
                        _ => false,
                    });
                    if !in_turn && !fresh.iter().any(same) && !self.is_known(change)? {
                        fresh.push(change.clone());
                    }
                }
                let todo = engine::change::accept(&self.world, fresh, now);
                self.take_all(todo, turn);
                turn.effects.push(Effect::Heard(changes));
            }
            Input::Force(wish) => {
                // A wish that is not granted changes nothing.
                let granted = engine::force::grant(&self.world, *wish, now);
                self.take_all(granted.ok(), turn);
            }
            Input::Rebuild(old) => {
                let filed = engine::force::rebuild(&self.world, &old.0, &old.1, by, now);
                self.take_all([filed], turn);
            }
            Input::Stop(build) => {
                let todo = engine::build::stop(&self.world, build, by);
                self.take_all(todo, turn);
            }
            Input::Cancel(request) => {
                let todo = engine::request::cancel(&self.world, request, by, now);
                self.take_all(todo, turn);
            }
            Input::Pause(worker, paused) => {
                let reason = paused.then(|| by.to_owned());
                self.take_all([Transition::WorkerPaused { worker, reason }], turn);
            }
            Input::Enable(scheduler, on) => {
                let switch = if on { engine::scheduler::Switch::On } else { engine::scheduler::Switch::Off };
                let todo = engine::scheduler::enable(&self.world, scheduler, switch);
                self.take_all(todo, turn);
            }
            Input::Configure(config) => {
                self.configure(&config, turn);
                turn.effects.push(Effect::InForce(config));
            }
            Input::Hello { worker, connection, held } => self.hello(&worker, connection, held, now, turn),
            Input::Gone { worker, connection } => {
                let id = self.world.worker_named(&worker).map(|w| w.worker.id);
                if let Some(id) = id.filter(|id| self.sessions.get(id) == Some(&connection)) {
                    self.sessions.remove(&id);
                    let todo = engine::worker::disconnected(&self.world, id, now);
                    self.take_all(todo, turn);
                }
            }
            Input::Started(_) => {}
            Input::Ended { worker, command, end } => self.ended((worker, command, end), record, now, turn)?,
        }
        Ok(())
    }

    fn configure(&mut self, config: &Arc<Config>, turn: &mut Turn) {
        let seen = Arc::new(self.sabotage.config(config));
        let todo = engine::config::adopt(&self.world, &seen);
        self.take_all(todo, turn);
        self.world.configure(seen);
        turn.entries.push(Entry::Configured(Arc::clone(config)));
    }

    fn hello(&mut self, name: &str, connection: u64, held: Vec<Command>, now: Time, turn: &mut Turn) {
        let known = self.world.worker_named(name).filter(|w| w.spec.is_some()).map(|w| w.worker.id);
        let Some(worker) = known else {
            turn.effects.push(Effect::Refuse { worker: name.to_owned(), connection });
            return;
        };
        self.sessions.insert(worker, connection);
        let todo = engine::worker::connected(&self.world, worker, WorkerInfo::default(), now);
        self.take_all(todo, turn);
        turn.effects.push(Effect::Welcome { worker, held });
    }

    fn ended(
        &mut self,
        (worker, command, end): (String, Command, End),
        record: &Record,
        now: Time,
        turn: &mut Turn,
    ) -> Checked {
        let Command { build, mut epoch, step } = command;
        if self.sabotage == Sabotage::OldAnswers {
            epoch = self.world.build(build).map_or(epoch, |b| b.build.lease.epoch);
        }
        let end = StepEnd::of(match end {
            End::Exited(code) => CommandEnd::Exited(code),
            End::Signalled => CommandEnd::Signalled("SIGSEGV".to_owned()),
            End::Interrupted(why) => CommandEnd::Interrupted(why),
            End::Broken(why) => CommandEnd::Broken(why),
        });
        let todo = engine::build::step_ended(&self.world, build, epoch, step, end, now);
        let refused = matches!(todo.as_slice(), [Transition::Refused { .. }]);
        // An answer that the same turn has heard already is stale, too: the record learns of it with the commit.
        let heard = turn
            .entries
            .iter()
            .any(|e| matches!(e, Entry::Took(Transition::StepFinished { step: s, .. }) if *s == step));
        let awaited = record.is_awaited(build, command.epoch, step) && !heard;
        must("old-answers-are-refused", refused || awaited, || format!("{command:?} is over and was heard: {todo:?}"))?;
        must("answers-are-heard", awaited != refused, || format!("{command:?} was refused: {todo:?}"))?;
        self.take_all(todo, turn);
        turn.effects.push(Effect::Forget { worker, command });
        Ok(())
    }

    fn is_known(&self, change: &NewChange) -> Result<bool, Violation> {
        let Some(revision) = &change.revision else { return Ok(false) };
        let query = Query::default().eq("revision", revision.as_str()).limit(100);
        let found = on(self.store.changes(&query)).map_err(|e| Violation::new("store-answers", e.to_string()))?;
        Ok(found.rows.iter().any(|c| c.facts.branch == change.branch))
    }

    /// Decides until nothing is left to decide.
    ///
    /// # Errors
    /// It never ends.
    pub(crate) fn settle(&mut self, now: Time, turn: &mut Turn) -> Checked {
        loop {
            let mut todo = engine::plan(&self.world, now);
            if self.sabotage == Sabotage::Lazy && now.0 % 3 == 0 {
                todo.retain(|t| !matches!(t, Transition::BuildLeased { .. }));
            }
            if todo.is_empty() {
                return Ok(());
            }
            turn.rounds += 1;
            must("turns-settle", turn.rounds <= MOST_ROUNDS, || format!("and still there is {:?}", todo.first()))?;
            self.take_all(todo, turn);
        }
    }

    fn take_all(&mut self, todo: impl IntoIterator<Item = Transition>, turn: &mut Turn) {
        for mut transition in todo {
            let fate = self.sabotage.twist(&mut transition);
            if fate.taken {
                self.world.take(&transition);
            }
            turn.entries.extend((0..fate.written).map(|_| Entry::Took(transition.clone())));
        }
    }

    /// Writes a turn.
    ///
    /// # Errors
    /// The store does not take it, though nobody else writes.
    pub(crate) fn commit(&self, turn: &Turn) -> Checked {
        let transitions = turn.entries.iter().filter_map(|e| match e {
            Entry::Took(transition) => Some(transition.clone()),
            Entry::Configured(_) => None,
        });
        on(self.store.commit(transitions.collect())).map_err(|e| Violation::new("store-agrees", e.to_string()))
    }

    /// A world that is read from the store is the living one.
    ///
    /// # Errors
    /// Where they differ.
    pub(crate) fn compare(&self, record: &Record) -> Checked {
        // After a start running builds hold what their builders say then, and a reload may have changed that.
        if !record.locks_are_as_configured() {
            return Ok(());
        }
        let loaded = load(&self.store, self.world.config())?;
        let (living, read) = (without_old_logs(&format!("{:?}", self.world)), without_old_logs(&format!("{loaded:?}")));
        if living == read {
            return Ok(());
        }
        let at = living.bytes().zip(read.bytes()).take_while(|(a, b)| a == b).count();
        let around = |text: &str| {
            let bytes = &text.as_bytes()[at.saturating_sub(160)..(at + 160).min(text.len())];
            String::from_utf8_lossy(bytes).into_owned()
        };
        let what = format!("living …{}…\n  loaded …{}…", around(&living), around(&read));
        Err(Violation::new("loaded-is-living", what))
    }

    /// The commands that a worker should have.
    pub(crate) fn commands_of(&self, worker: WorkerId) -> Vec<(Command, Option<String>)> {
        let builds = self.world.builds().filter(|b| b.build.worker == worker);
        let commands = builds.filter_map(|b| {
            let command = Command { build: b.build.id, epoch: b.build.lease.epoch, step: b.commanded()?.id };
            Some((command, b.stopping.clone()))
        });
        commands.collect()
    }
}

fn load(store: &Store, config: &Arc<Config>) -> Result<World, Violation> {
    let snapshot = on(store.snapshot()).map_err(|e| Violation::new("store-answers", e.to_string()))?;
    let mut world = World::load(snapshot, Arc::clone(config));
    world.surround(Surroundings { functions: Arc::new(crate::functions::Natives), timezone: "UTC".to_owned() });
    Ok(world)
}

/// The living world remembers the logs of steps that have ended until the build goes on; the store gives only those of
/// steps that run.
fn without_old_logs(world: &str) -> String {
    const LOGS: &str = "}], logs: [";
    let mut kept = String::with_capacity(world.len());
    let mut rest = world;
    while let Some(at) = rest.find(LOGS) {
        let (before, after) = rest.split_at(at + LOGS.len());
        kept.push_str(before);
        rest = after;
        let runs = before.trim_end_matches(LOGS).trim_end().ends_with("status: Running");
        if let Some(end) = rest.find("], stopping: ").filter(|_| !runs) {
            rest = &rest[end..];
        }
    }
    kept + rest
}

/// Opens a store in memory; a name that was opened before and is still open is the same store.
///
/// # Errors
/// It cannot be opened.
pub(crate) fn open(name: &str) -> Result<Store, Violation> {
    let at = Location::Sqlite(PathBuf::from(format!("file:/{name}?vfs=memdb")));
    on(Store::open(&at)).map_err(|e| Violation::new("store-opens", e.to_string()))
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for an answer of the store. Its threads answer one question at a time, so nothing depends on their pace.
pub(crate) fn on<T>(work: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut work = pin!(work);
    loop {
        match work.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}
