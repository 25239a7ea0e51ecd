//! The master: its heart as `master/heart.rs` has it, on the real engine and the real store, and with the real sessions.

mod clock;
pub(crate) mod hub;
mod lines;
mod store;
mod turn;

pub(crate) use lines::{Line, Seat};
pub(crate) use store::open;
pub(crate) use turn::{Answer, End, Hello, Input, Out, Taken, Turn};

use crate::anchor::Anchor;
use crate::effect::{self, Effect};
use crate::logs::LogStore;
use crate::order::Order;
use crate::record::{Entry, Record};
use crate::sabotage::Sabotage;
use crate::violation::{Checked, Violation, must};
use ::store::{CommitError, Store};
use engine::World;
use engine::build::{CommandEnd, SealedLog, StepEnd};
use engine::worker::Presence;
use hub::Hub;
use model::{
    BuildId, Config, Findings, LogFacts, LogId, LogStatus, NewChange, Query, Span, StepId, Time, Transition, WorkerId,
    WorkerInfo,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{load, on, without_old_logs};

/// A turn that is not settled after so many rounds never will be.
pub(crate) const MOST_ROUNDS: usize = 200;

/// A running master.
pub(crate) struct Master {
    /// What it knows.
    pub(crate) world: World,
    /// What it does outside.
    pub(crate) out: Vec<Out>,
    /// Its connections.
    pub(crate) lines: BTreeMap<u64, Line>,
    /// The connection of each worker.
    pub(crate) seats: BTreeMap<WorkerId, Seat>,
    /// Ledgers, and which log belongs to which command.
    pub(crate) hub: Hub,
    /// A turn that the store could not take yet.
    pub(crate) stuck: Option<Turn>,
    /// Ends of commands whose turn was refused by the store.
    pub(crate) again: Vec<Input>,
    /// The world was read anew.
    pub(crate) anew: bool,
    /// Builds before this one were begun by earlier masters.
    first: BuildId,
    /// What workers said that is against the protocol.
    pub(crate) protocol_errors: Vec<(u64, String)>,
    /// The configuration in force, as its file has it.
    file: Arc<Config>,
    waiting: BTreeMap<u64, (Hello, u64)>,
    next_session: u64,
    /// What its clock shows.
    pub(crate) now: Time,
    /// The time by a clock that nobody sets, for what is never written down.
    pub(crate) even: Time,
    anchor: Anchor,
    store: Store,
    sabotage: Sabotage,
}

impl Master {
    /// Starts on a store: its world is read, the configuration put in force, nobody is connected yet, and the commands
    /// that run are expected.
    ///
    /// # Errors
    /// The store refuses what the start writes.
    pub(crate) fn start(
        store: Store,
        config: &Arc<Config>,
        record: &mut Record,
        logs: &mut LogStore,
        (even, now): (Time, Time),
        sabotage: Sabotage,
    ) -> Result<Master, Violation> {
        let known = if sabotage == Sabotage::NothingHeld { Arc::default() } else { Arc::new(sabotage.config(config)) };
        let world = load(&store, &known)?;
        let mut master = Master {
            world,
            out: Vec::new(),
            lines: BTreeMap::new(),
            seats: BTreeMap::new(),
            hub: Hub::default(),
            stuck: None,
            again: Vec::new(),
            anew: false,
            first: BuildId(0),
            protocol_errors: Vec::new(),
            file: Arc::clone(config),
            waiting: BTreeMap::new(),
            next_session: 1,
            now,
            even,
            anchor: Anchor::new(Span(even.0), now),
            store,
            sabotage,
        };
        let mut turn = Turn { at: now, even, ..Turn::default() };
        let todo = engine::jump::begin(&master.world, now);
        let moved = matches!(todo.first(), Some(Transition::ClockSet { .. }));
        master.take_all(todo, &mut turn);
        master.configure(config, &mut turn);
        record.restarted(config, (now, even), moved);
        master.first = master.world.next_build();
        master.agree(&mut turn);
        let todo = engine::worker::wait_anew(&master.world, now);
        master.take_all(todo, &mut turn);
        master.restore(logs);
        let taken = master.write(&turn)?;
        must("store-agrees", taken == Taken::Yes, || format!("at the start: {taken:?}"))?;
        record.take(&turn.entries, now, even)?;
        master.act(std::mem::take(&mut turn.effects), logs);
        master.close_forgotten()?;
        Ok(master)
    }

    /// Ends: what is in memory is gone.
    pub(crate) fn die(self) {
        on(self.store.close());
    }

    /// Makes the ledgers agree with the world: what runs is expected, what does not is dropped.
    fn restore(&mut self, logs: &mut LogStore) {
        let mut expected = Vec::new();
        for running in self.world.builds() {
            let Some(step) = running.current().filter(|step| effect::is_command(running, step)) else { continue };
            let command = effect::command_id(running.build.id, running.build.lease.epoch, step.id);
            let worker = effect::place(running);
            if self.hub.ledger(worker).standing(command).is_some() {
                if let Some(reason) = &running.stopping {
                    self.hub.ledger(worker).interrupt(command, reason.clone());
                }
                continue;
            }
            self.hub.route(worker, command, Order::of(&self.world, running, step).ids());
            let lengths: Vec<(u16, u64)> =
                running.logs.iter().map(|log| (log.number, logs.begin(running.build.id, log.id))).collect();
            for log in running.logs.iter().filter(|log| logs.facts(log.id).1) {
                self.hub.is_whole(command, log.id);
            }
            let begun = lengths.iter().any(|(_, bytes)| *bytes > 0);
            let assignment = if begun { None } else { effect::assignment(&self.world, running, step, &[]).ok() };
            let interrupt = running.stopping.clone();
            expected.push((worker, wire::Expectation { command, logs: lengths, assignment, interrupt }));
        }
        for (worker, expectation) in expected {
            // What is put together here was put together before.
            let _ = self.hub.ledger(worker).expect(expectation);
        }
        self.hub.drop_unwanted(&self.world);
    }

    /// The store did not take a turn, or does not say: the world is read anew.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read_anew(&mut self, turn: &mut Turn, logs: &mut LogStore) -> Checked {
        self.again.append(&mut turn.ends);
        let fresh = load(&self.store, self.world.config())?;
        let before = std::mem::replace(&mut self.world, fresh);
        self.world.hold_as_in(&before);
        self.restore(logs);
        self.close_forgotten()?;
        self.anew = true;
        Ok(())
    }

    /// The world has every worker as it stands, and the store knows all that is configured.
    pub(crate) fn agree(&mut self, turn: &mut Turn) {
        let config = Arc::clone(self.world.config());
        let todo = engine::config::adopt(&self.world, &config);
        self.take_all(todo, turn);
        self.world.configure(config);
        turn.entries.push(Entry::Configured(Arc::clone(&self.file)));
        turn.answers.push(Answer::InForce(Arc::clone(&self.file)));
        let workers: Vec<WorkerId> = self.world.workers().map(|w| w.worker.id).collect();
        for worker in workers {
            let presence = match self.seats.get(&worker) {
                Some(seat) if seat.leaving => Presence::Leaving,
                Some(_) => Presence::Here,
                None => Presence::Away,
            };
            let todo = engine::worker::stands(&self.world, worker, presence, self.now);
            self.take_all(todo, turn);
        }
    }

    /// Logs that somebody was about to close are closed as they are.
    fn close_forgotten(&mut self) -> Checked {
        let forgotten = on(self.store.forgotten_logs()).map_err(|e| Violation::new("store-answers", e.to_string()))?;
        let mut by_build: BTreeMap<BuildId, Vec<LogId>> = BTreeMap::new();
        for (build, log) in forgotten {
            by_build.entry(build).or_default().push(log);
        }
        for (build, logs) in by_build {
            let over = self.world.build(build).is_none();
            self.out.push(Out::SealLost { build, logs, over });
        }
        Ok(())
    }

    /// A worker may hold commands whose ends the store has, but not all of their logs.
    fn expect_rests(&mut self, worker: WorkerId, hello: &wire::Hello, logs: &mut LogStore) -> Checked {
        let wrong = |e: ::store::StoreError| Violation::new("store-answers", e.to_string());
        for command in hello.held.iter().map(|held| held.command) {
            if self.hub.ledger(worker).standing(command).is_some() {
                continue;
            }
            let (id, step) = (BuildId(command.build), StepId(command.step));
            let Some(step) = on(self.store.step(step)).map_err(wrong)?.filter(|s| s.build == id) else { continue };
            let build = on(self.store.build(id)).map_err(wrong)?;
            let (Some(build), Some(ended)) = (build, step.status.complete_at()) else { continue };
            let over = build.status.complete_at();
            if build.lease.epoch != command.epoch && over.is_none_or(|at| at <= ended) {
                continue;
            }
            let facts = on(self.store.logs_of_step(step.id)).map_err(wrong)?;
            let (mut whole, mut lengths, mut told) = (BTreeSet::new(), Vec::new(), BTreeMap::new());
            for log in &facts {
                let (bytes, sealed) = logs.facts(log.id);
                let open = log.status == LogStatus::Open;
                if let LogStatus::Sealed { bytes, .. } = log.status {
                    told.insert(log.id, bytes);
                }
                if sealed || open {
                    whole.insert(log.id);
                }
                let durable = if sealed {
                    bytes
                } else if open {
                    0
                } else {
                    logs.begin(id, log.id)
                };
                lengths.push((log.number, durable));
            }
            self.hub.route(worker, command, facts.iter().map(|log| log.id).collect());
            self.hub.only_the_rest(command, whole, told);
            let expectation = wire::Expectation { command, logs: lengths, assignment: None, interrupt: None };
            // Nothing is sent with it that could be too long.
            let _ = self.hub.ledger(worker).expect(expectation);
        }
        Ok(())
    }

    /// Hears one input.
    ///
    /// # Errors
    /// An answer was taken that should have been refused, or refused though it was awaited.
    pub(crate) fn hear(&mut self, input: Input, record: &Record, logs: &mut LogStore, turn: &mut Turn) -> Checked {
        let by = "somebody of the simulation";
        let now = self.now;
        match input {
            Input::Changes(changes) => self.changes(changes, turn)?,
            Input::Force(wish) => {
                // A wish that is not granted changes nothing.
                let granted = engine::force::grant(&self.world, *wish, now);
                self.take_all(granted.ok(), turn);
            }
            Input::Rebuild(old) => {
                let filed = engine::force::rebuild(&self.world, &old.0, &old.1, by, now);
                self.take_all([filed], turn);
            }
            Input::Stop(build) => match engine::build::stop(&self.world, build, by) {
                Some(asked) => self.take_all([asked], turn),
                None => {
                    let todo = engine::build::stop_waiting(&self.world, build, now);
                    self.take_all(todo, turn);
                }
            },
            Input::Cancel(request) => {
                let todo = engine::request::cancel(&self.world, request, by, now);
                self.take_all(todo, turn);
            }
            Input::CancelSet(set) => {
                let todo = engine::build_set::cancel(&self.world, set, by, now);
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
                turn.answers.push(Answer::InForce(config));
            }
            Input::Hello(hello) => match self.seat(&hello) {
                Err((why, again)) => self.refuse(hello.connection, why, again, self.even),
                Ok(None) => {}
                Ok(Some(worker)) => {
                    self.expect_rests(worker, &hello.hello, logs)?;
                    let todo = engine::worker::connected(&self.world, worker, WorkerInfo::default(), now);
                    self.take_all(todo, turn);
                    self.admit(worker, &hello, logs)?;
                }
            },
            Input::Leaving { worker, number } => {
                // Whoever says it twice has left once.
                let seat = self.seats.get_mut(&worker).filter(|seat| seat.number == number && !seat.leaving);
                if seat.map(|seat| seat.leaving = true).is_some() {
                    self.take_all([Transition::WorkerDisconnected { worker, at: now }], turn);
                }
            }
            Input::Gone { worker, number } => {
                if self.seats.get(&worker).is_some_and(|seat| seat.number == number) {
                    self.seats.remove(&worker);
                    let todo = engine::worker::disconnected(&self.world, worker, now);
                    self.take_all(todo, turn);
                }
            }
            Input::Stale { build, epoch, what } => {
                self.take_all([Transition::Refused { build, epoch, at: now, what }], turn);
            }
            Input::Ended(end) => {
                turn.ends.push(Input::Ended(end.clone()));
                self.ended(end, record, turn)?;
            }
            Input::Sealed(logs) => self.sealed(&logs, turn)?,
            Input::Rested(build) => {
                if self.world.build(build).is_none() {
                    turn.effects.push(Effect::FinishLogs { build });
                }
            }
        }
        Ok(())
    }

    /// Logs are whole as they are. Somebody else may have closed them meanwhile.
    fn sealed(&mut self, logs: &[SealedLog], turn: &mut Turn) -> Checked {
        for log in logs {
            let said =
                |e: &Entry| matches!(e, Entry::Took(Transition::LogSealed { log: other, .. }) if *other == log.log);
            let facts = on(self.store.log(log.log)).map_err(|e| Violation::new("store-answers", e.to_string()))?;
            let open = facts.is_some_and(|facts| facts.status == LogStatus::Open);
            if open && !turn.entries.iter().any(said) {
                self.take_all([engine::build::sealed(log)], turn);
            }
        }
        Ok(())
    }

    fn changes(&mut self, changes: Vec<NewChange>, turn: &mut Turn) -> Checked {
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
        let todo = engine::change::accept(&self.world, fresh, self.now);
        self.take_all(todo, turn);
        turn.answers.push(Answer::Heard(changes));
        Ok(())
    }

    fn configure(&mut self, config: &Arc<Config>, turn: &mut Turn) {
        self.file = Arc::clone(config);
        let seen = Arc::new(self.sabotage.config(config));
        let todo = engine::config::adopt(&self.world, &seen);
        self.take_all(todo, turn);
        self.world.configure(seen);
        turn.entries.push(Entry::Configured(Arc::clone(config)));
    }

    fn ended(&mut self, ended: End, record: &Record, turn: &mut Turn) -> Checked {
        let End { command, end, logs } = ended;
        let (build, step, now) = (BuildId(command.build), StepId(command.step), self.now);
        let worker = self.world.build(build).map(effect::place);
        let epoch = match self.sabotage {
            Sabotage::OldAnswers => self.world.build(build).map_or(command.epoch, |b| b.build.lease.epoch),
            _ => command.epoch,
        };
        let end = StepEnd { end, properties: Vec::new(), logs, findings: Findings::default(), steps: None };
        let todo = engine::build::step_ended(&self.world, build, epoch, step, end, now);
        let refused = matches!(todo.as_slice(), [Transition::Refused { .. }]);
        // An answer that the same turn has heard already is stale, too: the record learns of it with the commit.
        let heard = turn
            .entries
            .iter()
            .any(|e| matches!(e, Entry::Took(Transition::StepFinished { step: s, .. }) if *s == step));
        let awaited = record.is_awaited(build, command.epoch, step) && !heard;
        must("old-answers-are-refused", refused || awaited, || format!("{command} is over and was heard: {todo:?}"))?;
        must("answers-are-heard", awaited != refused, || format!("{command} was refused: {todo:?}"))?;
        self.take_all(todo, turn);
        if let Some(worker) = worker {
            turn.effects.push(Effect::Forget { worker, command });
        }
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
    pub(crate) fn settle(&mut self, turn: &mut Turn) -> Checked {
        let now = self.now;
        loop {
            let mut todo = engine::plan(&self.world, now);
            if self.sabotage == Sabotage::Lazy && now.0 % 3 == 0 {
                todo.retain(|t| !matches!(t, Transition::BuildLeased { .. }));
            }
            if todo.is_empty() {
                turn.effects.retain(|effect| effect::is_meant(&self.world, effect));
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
            effect::before(&self.world, &transition, &mut turn.effects);
            if fate.taken {
                self.world.take(&transition);
            }
            effect::after(&self.world, &transition, &mut turn.effects);
            turn.entries.extend((0..fate.written).map(|_| Entry::Took(transition.clone())));
        }
    }

    /// Writes a turn.
    ///
    /// # Errors
    /// The store refuses it, though nobody else writes.
    pub(crate) fn write(&self, turn: &Turn) -> Result<Taken, Violation> {
        let transitions: Vec<Transition> = turn
            .entries
            .iter()
            .filter_map(|e| match e {
                Entry::Took(transition) => Some(transition.clone()),
                Entry::Configured(_) => None,
            })
            .collect();
        match on(self.store.commit(transitions)) {
            Ok(()) => Ok(Taken::Yes),
            Err(CommitError::Unavailable(_)) => Ok(Taken::NotNow),
            Err(e) => Err(Violation::new("store-agrees", e.to_string())),
        }
    }

    /// Carries out what follows from a durable turn.
    pub(crate) fn act(&mut self, effects: Vec<Effect>, logs: &mut LogStore) {
        for effect in effects {
            self.act_once(effect, logs);
        }
    }

    /// Carries out one thing.
    pub(crate) fn act_once(&mut self, effect: Effect, logs: &mut LogStore) {
        match effect {
            Effect::Start { worker, command, order, assignment } => {
                self.hub.route(worker, command, order.ids());
                if let Err(e) = self.hub.ledger(worker).start(command, &assignment) {
                    let end = CommandEnd::Broken(format!("it cannot be sent to its worker: {e}"));
                    self.out.push(Out::Tell(Input::Ended(End { command, end, logs: Vec::new() })));
                }
            }
            Effect::Gather { command, step } => {
                if let Some(running) = self.world.build(step.build) {
                    let start = effect::start(&self.world, running, &step, &[]);
                    self.act_once(start, logs);
                } else {
                    self.hub.unroute(command);
                }
            }
            Effect::Fail { command, why } => {
                let end = CommandEnd::Broken(why);
                self.out.push(Out::Tell(Input::Ended(End { command, end, logs: Vec::new() })));
            }
            Effect::Interrupt { worker, command, reason } => self.hub.ledger(worker).interrupt(command, reason),
            Effect::Forget { worker, command } => self.hub.end_is_durable(worker, command),
            Effect::Drop { worker, command, reason } => {
                wire::MasterLedger::drop(self.hub.ledger(worker), command, reason);
                self.hub.unroute(command);
            }
            // What is missing comes first.
            Effect::FinishLogs { build } if self.hub.has_rest(build) => {}
            Effect::FinishLogs { build } => self.finish(build, logs),
            Effect::SealLost { build, logs, over } => self.out.push(Out::SealLost { build, logs, over }),
        }
    }

    /// Closes logs that nobody speaks for any more.
    pub(crate) fn seal_lost(&mut self, build: BuildId, lost: Vec<LogId>, over: bool, logs: &mut LogStore) {
        let mut sealed = Vec::new();
        for log in lost {
            logs.begin(build, log);
            sealed.extend(logs.seal(log));
        }
        self.out.push(Out::Tell(Input::Sealed(sealed)));
        if over {
            self.finish(build, logs);
        }
    }

    /// The logs of a build are closed, unless an earlier master began it and its worker may still have some of them.
    fn finish(&self, build: BuildId, logs: &mut LogStore) {
        let all = if build < self.first { on(self.store.logs_of_build(build)).unwrap_or_default() } else { Vec::new() };
        let lacks = |log: &LogFacts| match log.status {
            LogStatus::Sealed { bytes, .. } => {
                let (there, sealed) = logs.facts(log.id);
                !sealed && there < bytes
            }
            LogStatus::Open => false,
        };
        if !all.iter().any(lacks) {
            logs.finish(build);
        }
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
}
