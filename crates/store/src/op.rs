//! Transitions as statements: what is written, and what must hold for it.

use crate::CommitError;
use crate::value::V;
use model::{Properties, Transition, Value};

/// One statement that writes.
pub(crate) struct Op {
    /// Without tokens: the same text for both engines.
    pub(crate) sql: &'static str,
    pub(crate) params: Vec<V>,
    /// Exactly one row must be touched; else the transition is stale, and this says why.
    pub(crate) must: Option<Must>,
    /// The rows it adds are counted here.
    pub(crate) counted: Option<Counted>,
    /// The transition's place in its batch.
    pub(crate) index: usize,
}

/// What a transition needs to be so, and what is said when it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Must {
    thing: &'static str,
    id: i64,
    otherwise: &'static str,
}

impl Must {
    /// The sentence for a stale transition.
    pub(crate) fn what(self) -> String {
        format!("{} {} {}", self.thing, self.id, self.otherwise)
    }
}

/// Nouns whose rows are counted, so that a page's total costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Builds,
    Requests,
    Sets,
    Stamps,
    Changes,
    Steps,
}

impl Counted {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Counted; 6] =
        [Counted::Builds, Counted::Requests, Counted::Sets, Counted::Stamps, Counted::Changes, Counted::Steps];

    /// The name in the table `counts`, which is also that of its table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Counted::Builds => "builds",
            Counted::Requests => "requests",
            Counted::Sets => "sets",
            Counted::Stamps => "stamps",
            Counted::Changes => "changes",
            Counted::Steps => "steps",
        }
    }
}

/// The statement that adds to a count.
pub(crate) const COUNT: &str = "UPDATE counts SET n = n + $1 WHERE noun = $2";

/// Lists and maps in a property may stand in each other so deep. What is deeper could be written, but not read back:
/// the reader of JSON has a limit.
pub(crate) const DEPTH: usize = 64;

/// The statements of one batch, as they are put together.
pub(crate) struct Ops {
    list: Vec<Op>,
    index: usize,
    refused: Option<CommitError>,
}

impl Ops {
    /// The statements of a batch, but for the plans of its leases: see `build.rs`.
    ///
    /// # Errors
    /// [`CommitError::Rejected`] for a value that cannot be kept.
    pub(crate) fn of(batch: Vec<Transition>) -> Result<Vec<Op>, CommitError> {
        let mut ops = Ops { list: Vec::with_capacity(batch.len() * 2), index: 0, refused: None };
        for (index, transition) in batch.into_iter().enumerate() {
            ops.index = index;
            ops.take(transition);
        }
        ops.refused.map_or(Ok(ops.list), Err)
    }

    /// Properties as they are kept.
    pub(crate) fn properties(&mut self, properties: &Properties) -> V {
        for (name, property) in properties {
            self.check(name, &property.value);
        }
        V::json(properties)
    }

    /// A property's value as it is kept.
    pub(crate) fn property(&mut self, name: &str, value: &Value) -> V {
        self.check(name, value);
        V::json(value)
    }

    fn check(&mut self, name: &str, value: &Value) {
        if !is_shallow(value, DEPTH) {
            let problem = format!("the property {name} holds lists or maps in each other more than {DEPTH} deep");
            self.refused.get_or_insert(CommitError::Rejected { index: self.index, problem });
        }
    }

    /// A statement that always applies.
    pub(crate) fn push(&mut self, sql: &'static str, params: Vec<V>) {
        self.list.push(Op { sql, params, must: None, counted: None, index: self.index });
    }

    /// A statement that must touch exactly one row.
    pub(crate) fn guarded(
        &mut self,
        sql: &'static str,
        params: Vec<V>,
        (thing, id, otherwise): (&'static str, i64, &'static str),
    ) {
        let must = Some(Must { thing, id, otherwise });
        self.list.push(Op { sql, params, must, counted: None, index: self.index });
    }

    /// The rows of the last statement are counted.
    pub(crate) fn count(&mut self, noun: Counted) {
        if let Some(last) = self.list.last_mut() {
            last.counted = Some(noun);
        }
    }

    fn take(&mut self, transition: Transition) {
        match transition {
            Transition::BuilderKnown(builder) => self.know_builder(builder),
            Transition::WorkerKnown(worker) => self.know_worker(worker),
            Transition::SchedulerKnown(scheduler) => self.know_scheduler(scheduler),
            Transition::ChangeAdded(change) => self.add_change(change),
            Transition::SourceRemembers { source, memory } => self.remember_source(source, memory),
            Transition::SchedulerRemembers { scheduler, state } => self.remember_scheduler(scheduler, &state),
            Transition::SetFiled { set, requests } => self.file_set(set, requests),
            Transition::BuildLeased { build, also, plan } => self.lease_build(build, &also, &plan),
            Transition::LeaseDated { build, epoch, until } => self.date_lease(build, epoch, until),
            Transition::ClockSet { by } => self.set_clock(by),
            Transition::StopAsked { build, reason } => self.ask_stop(build, reason),
            Transition::StepStarted { step, epoch, logs } => self.start_step(step, epoch, logs),
            Transition::StepFinished { step, at, results, state, facts } => {
                self.finish_step(step, (at, results), state, &facts);
            }
            Transition::BuildPlanned { build, epoch, plan } => self.plan_build(build, epoch, &plan),
            Transition::LogSealed { log, lines, bytes, crc32 } => self.seal_log(log, lines, bytes, crc32),
            Transition::PropertySet { build, name, property } => self.set_property(build, name, property),
            Transition::BuildState { build, state } => self.tell_build(build, state),
            Transition::BuildFinished { build, epoch, at, results, state } => {
                self.finish_build(build, epoch, (at, results), state);
            }
            Transition::RequestReleased { request, retries } => self.release_request(request, retries),
            Transition::CancelAsked { request, reason } => self.ask_cancel(request, reason),
            Transition::RequestFinished { request, at, results } => self.finish_request(request, at, results),
            Transition::SetFinished { set, at, results } => self.finish_set(set, at, results),
            Transition::WorkerConnected { worker, at, info } => self.connect_worker(worker, at, &info),
            Transition::WorkerDisconnected { worker, at } => self.disconnect_worker(worker, at),
            Transition::WorkerPaused { worker, reason } => self.pause_worker(worker, reason),
            Transition::Refused { build, epoch, at, what } => self.refuse(build, epoch, at, what),
            Transition::UsualLearnt { builder, usual } => self.learn_usual(builder, &usual),
            Transition::ReportDue { target, build, at } => self.owe_report(target, build, at),
            Transition::ReportWritten { due, at, messages } => self.write_report(due, at, messages),
            Transition::MessageTried { message, next_try, trouble } => self.try_message(message, next_try, trouble),
            Transition::MessageEnded { message, at, given_up } => self.end_message(message, at, given_up),
            Transition::MessagesForgotten { before } => self.forget_messages(before),
            Transition::GateKept(turn) => self.keep_gate(*turn),
            Transition::TestRunSaved(run) => self.save_test_run(*run),
            Transition::TestItemsSaved(items) => self.save_test_items(items),
            Transition::TestRunRemoved(run) => self.remove_test_run(run),
            Transition::TestItemsRemoved { run, items } => self.remove_test_items(run, items),
        }
    }
}

fn is_shallow(value: &Value, depth: usize) -> bool {
    match value {
        Value::List(list) => depth > 0 && list.iter().all(|v| is_shallow(v, depth - 1)),
        Value::Map(map) => depth > 0 && map.values().all(|v| is_shallow(v, depth - 1)),
        _ => true,
    }
}
