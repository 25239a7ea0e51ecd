//! One gate at work: hear, decide, write down, act.

use super::kept::{Kept, Since, candidate_of};
use super::words;
use super::{Ask, Tools};
use gate::{Action, Commit, End, Event, Outcome, Push, Remote, TrialId, settle};
use killpoint::fail_point;
use model::{BuildId, CandidateStatus, GateSpec, GateTrialStatus, GateView, Query, Time, Transition};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use store::CommitError;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use vcs::git::{Conflict, GitError, Landing, Leash, Renames, Target, Workshop};
use web::control::{ControlError, GateAct};

/// How long to wait before the store, or a repository, is asked again.
const PAUSE: Duration = Duration::from_secs(2);

/// The longest wait, when it failed often.
const LONGEST: Duration = Duration::from_secs(60);

/// How long what has ended is known without asking the store.
const KNOWN: model::Span = model::Span::seconds(600);

/// Why a runner cannot go on, and begins anew from what was written down.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Git, or the way to a repository.
    #[error("{0}")]
    Git(#[from] GitError),
    /// The branch to land on is not there.
    #[error("the repository has no branch {0}")]
    NoBranch(String),
    /// The store.
    #[error("{0}")]
    Store(String),
    /// The master stops.
    #[error("the master stops")]
    Stopped,
}

impl From<store::StoreError> for Trouble {
    fn from(e: store::StoreError) -> Self {
        Trouble::Store(e.to_string())
    }
}

/// The commits of candidates on other commits, as they were made.
pub(super) type Made = HashMap<(String, u64), Result<String, Conflict>>;

/// A gate at work.
pub(super) struct Runner {
    pub(super) tools: Tools,
    pub(super) spec: GateSpec,
    asks: mpsc::Receiver<Ask>,
    events: broadcast::Receiver<Arc<model::Event>>,
    pub(super) view: watch::Sender<GateView>,
    stop: CancellationToken,
    leash: Leash,
    pub(super) made: Made,
    pub(super) trouble: Option<String>,
    /// What failed so often in a row, and until when nothing is begun because of it.
    failures: u32,
    pub(super) not_before: Option<Instant>,
    turn: i64,
    /// Where the branch was when a change was handed in.
    pub(super) seen: Option<String>,
}

/// What a runner has open.
pub(super) struct Open {
    pub(super) kept: Kept,
    pub(super) shop: Workshop,
}

impl Runner {
    pub(super) fn new(
        tools: Tools,
        spec: GateSpec,
        asks: mpsc::Receiver<Ask>,
        view: watch::Sender<GateView>,
        stop: CancellationToken,
    ) -> Self {
        let events = tools.events.subscribe();
        let (made, leash) = (Made::new(), Leash::default());
        let (trouble, failures, not_before, turn, seen) = (None, 0, None, 0, None);
        Self { tools, spec, asks, events, view, stop, leash, made, trouble, failures, not_before, turn, seen }
    }

    /// Runs until it is told to stop.
    pub(super) async fn run(mut self) {
        let (stop, leash) = (self.stop.clone(), self.leash.clone());
        let cut = tokio::spawn(async move {
            stop.cancelled().await;
            leash.cut();
        });
        loop {
            let ended = self.live().await;
            if self.stop.is_cancelled() {
                break;
            }
            if let Err(why) = ended {
                tracing::warn!("the gate {} begins anew: {why}", self.spec.name);
                self.trouble = Some(why.to_string());
                let trouble = self.trouble.clone();
                self.view.send_modify(|view| view.trouble = trouble);
            }
            if !self.refuse_for(PAUSE).await {
                break;
            }
        }
        cut.abort();
    }

    /// Answers that nothing can be done now, for a while. False: it is to stop.
    async fn refuse_for(&mut self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let why = self.trouble.clone().unwrap_or_else(|| "it is being opened".to_owned());
        let unavailable = || ControlError::Unavailable(format!("the gate '{}' cannot work now: {why}", self.spec.name));
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = sleep_until(until) => return true,
                ask = self.asks.recv() => match ask {
                    None => return false,
                    Some(Ask::Land(_, reply)) => drop(reply.send(Err(unavailable()))),
                    Some(Ask::Act(_, _, reply)) => drop(reply.send(Err(unavailable()))),
                }
            }
        }
    }

    async fn live(&mut self) -> Result<(), Trouble> {
        let (mut open, begin) = self.open().await?;
        self.trouble = None;
        self.advance(&mut open, begin).await?;
        self.take_up(&mut open).await?;
        let mut look = Instant::now() + self.spec.poll.to_std();
        loop {
            let not_before = self.not_before;
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                ask = self.asks.recv() => match ask {
                    None => return Ok(()),
                    Some(ask) => {
                        self.answer(&mut open, ask).await?;
                        let news = self.news(&open).await?;
                        self.advance(&mut open, news).await?;
                    }
                },
                event = self.events.recv() => match event {
                    Ok(event) => self.heard(&mut open, &event).await?,
                    Err(broadcast::error::RecvError::Lagged(_)) => self.look_at_all(&mut open).await?,
                    Err(broadcast::error::RecvError::Closed) => return Ok(()),
                },
                () = sleep_until(look) => {
                    self.watch(&mut open).await?;
                    self.look_at_all(&mut open).await?;
                    look = Instant::now() + self.spec.poll.to_std();
                }
                () = sleep_until(not_before.unwrap_or(look)), if not_before.is_some() => {
                    self.not_before = None;
                    self.advance(&mut open, Vec::new()).await?;
                }
            }
        }
    }

    /// Takes in what somebody asks for, and answers when that is written down.
    async fn answer(&mut self, open: &mut Open, ask: Ask) -> Result<(), Trouble> {
        match ask {
            Ask::Land(land, reply) => self.hand_in(open, land, reply).await,
            Ask::Act(act, who, reply) => {
                let answer = self.act(open, act, who).await?;
                // Whoever asked may have gone.
                let _ = reply.send(answer);
                Ok(())
            }
        }
    }

    /// Waits for a repository, and answers meanwhile whoever asks for something: a hook of it may take long.
    pub(super) async fn meanwhile<T: Send + 'static>(
        &mut self,
        open: &mut Open,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Trouble> {
        let mut work = tokio::task::spawn_blocking(work);
        let mut asked = Ok(());
        loop {
            tokio::select! {
                done = &mut work => {
                    asked?;
                    return done.map_err(|_| Trouble::Stopped);
                }
                // What could not be written down is told when the work is done; until then nobody else is answered.
                Some(ask) = self.asks.recv(), if asked.is_ok() => {
                    asked = self.answer(open, ask).await;
                    // The end of the work tells better where the branch is.
                    self.seen = None;
                    self.show(open);
                }
            }
        }
    }

    /// Takes up what was written down, or begins on the branch as it is; with what has happened meanwhile.
    async fn open(&mut self) -> Result<(Open, Vec<Event>), Trouble> {
        let dir = self.tools.base.gates().join(&self.spec.name);
        let leash = self.leash.clone();
        // Which tasks a change can touch is told by the paths that it touches: it must not come to touch others.
        let has_paths = self.spec.tasks.iter().any(|task| !task.paths.is_empty());
        let renames = if has_paths { Renames::Refuse } else { Renames::Follow };
        let shop = blocking(move || Workshop::open(&dir, renames, &leash)).await??;
        let read = self.tools.door.store.gate(&self.spec.name).await?;
        let Some((turn, text)) = read else {
            let target = self.target();
            let landing = shop.landing();
            let tip = blocking(move || landing.fetch(&target)).await??;
            let none = || Trouble::NoBranch(self.spec.branch.clone());
            self.turn = 0;
            return Ok((Open { kept: Kept::new(&self.spec, tip.ok_or_else(none)?), shop }, Vec::new()));
        };
        let corrupt =
            |e: serde_json::Error| Trouble::Store(format!("what gate {} knew cannot be read: {e}", self.spec.name));
        let (kept, since) = Kept::read(&text, &self.spec).map_err(corrupt)?;
        self.turn = turn;
        let mut begin = vec![Event::Slots(self.spec.slots as usize)];
        if since == Since::OtherBranch {
            begin.extend(self.elsewhere(&kept, shop.landing()).await?);
            return Ok((Open { kept, shop }, begin));
        }
        if kept.queue.landing().is_some() {
            begin.push(Event::Pushed(Push::Doubtful("the master was started anew".to_owned())));
        }
        if since == Since::OtherTasks {
            let to = kept.queue.trunk().tip.clone();
            begin.push(Event::Moved { to, footprint: gate::Footprint::ALL });
        }
        Ok((Open { kept, shop }, begin))
    }

    /// The gate keeps another branch now: nobody wanted to land there.
    async fn elsewhere(&self, kept: &Kept, landing: Landing) -> Result<Vec<Event>, Trouble> {
        let target = self.target();
        let tip = blocking(move || landing.fetch(&target)).await??;
        let to = commit(tip.ok_or_else(|| Trouble::NoBranch(self.spec.branch.clone()))?);
        let footprint = gate::Footprint::ALL;
        let by = format!("the gate, which keeps {} now", self.spec.branch);
        // What became of a push to the other branch is nothing to this one.
        let pushed = kept.queue.landing().map(|_| Event::Pushed(Push::Moved { to: to.clone(), footprint }));
        let withdrawn = kept.queue.line().map(|c| Event::Withdrawn { candidate: c.id, by: by.clone() });
        Ok(pushed.into_iter().chain(withdrawn).chain([Event::Moved { to: to.clone(), footprint }]).collect())
    }

    /// Hears, decides, writes down and acts until there is nothing left to do.
    pub(super) async fn advance(&mut self, open: &mut Open, events: Vec<Event>) -> Result<(), Trouble> {
        let mut events: VecDeque<Event> = events.into();
        loop {
            let now = self.tools.door.clock.now();
            for event in events.drain(..) {
                self.hear(open, &event, now);
                // What landed did so as the branch is now, and not as somebody has made it since.
                self.conclude(open, now);
            }
            let todo = if self.not_before.is_some() { Vec::new() } else { settle(&mut open.kept.queue, now) };
            for action in &todo {
                self.note(open, action, now);
            }
            self.conclude(open, now);
            self.keep(open).await?;
            // What follows may take long: a repository may be slow.
            self.show(open);
            fail_point!("gate-turn-kept");
            for action in todo {
                events.extend(self.carry_out(open, action).await?);
            }
            if events.is_empty() {
                break;
            }
        }
        self.tidy(open).await;
        self.show(open);
        Ok(())
    }

    /// Takes what happened, and puts it into words.
    pub(super) fn hear(&mut self, open: &mut Open, event: &Event, now: Time) {
        let kept = &mut open.kept;
        let name = &self.spec.name;
        match event {
            Event::Moved { to, .. } => {
                kept.say(name, now, "moved", (None, None), format!("{} is at {to} by somebody else", self.spec.branch));
            }
            Event::Withdrawn { candidate, .. } => {
                let text = format!("the gate keeps {} now, where it was not to land", self.spec.branch);
                kept.say(name, now, "withdrawn", (Some(*candidate), None), text);
            }
            Event::Ended { trial, outcome } => self.trial_ended(open, *trial, outcome, now),
            Event::Pushed(push) => {
                let trial = kept.queue.landing().map(|landing| landing.trial);
                let (kind, text) = match push {
                    Push::Done { commit, .. } => ("pushed", format!("{} is at {commit}", self.spec.branch)),
                    Push::Moved { to, .. } => ("refused", format!("{} is at {to} by somebody else", self.spec.branch)),
                    Push::NotReplayed => ("refused", "it does not fit on what landed meanwhile".to_owned()),
                    Push::Refused(why) => ("refused", format!("the repository refuses it: {why}")),
                    Push::Doubtful(why) => ("doubtful", format!("nobody knows whether the push arrived: {why}")),
                };
                kept.say(name, now, kind, (None, trial), text);
            }
            Event::Found(remote) => {
                let trial = kept.queue.landing().map(|landing| landing.trial);
                let text = match remote {
                    Remote::Ours { .. } => "it has arrived".to_owned(),
                    Remote::Before => "it has not arrived, and is pushed again".to_owned(),
                    Remote::Elsewhere { to, .. } => format!("it has not arrived: {} is at {to}", self.spec.branch),
                    Remote::Silent => "the repository does not answer".to_owned(),
                };
                kept.say(name, now, "found", (None, trial), text);
            }
            _ => {}
        }
        open.kept.queue.apply(event, now);
    }

    fn trial_ended(&mut self, open: &mut Open, trial: TrialId, outcome: &Outcome, now: Time) {
        let Some(run) = open.kept.trials.get_mut(&trial) else { return };
        let (status, kind, reason, tests) = match outcome {
            Outcome::Green(_) => (GateTrialStatus::Green, "green", "all tasks passed".to_owned(), Vec::new()),
            Outcome::Red(red) => (GateTrialStatus::Red, "red", words::red(red), red.tests.clone()),
            Outcome::Conflict { member, red } => {
                let text = format!("{member}: {}", words::conflict(red));
                (GateTrialStatus::Conflict, "conflict", text, red.tests.clone())
            }
            Outcome::Broken(why) => (GateTrialStatus::Broken, "broken", why.clone(), Vec::new()),
        };
        (run.facts.status, run.facts.tests, run.facts.ended_at) = (status, tests, Some(now));
        run.facts.reason.clone_from(&reason);
        run.current = None;
        open.kept.touch_trial(trial);
        open.kept.say(&self.spec.name, now, kind, (None, Some(trial)), reason);
        match outcome {
            Outcome::Broken(why) => self.fails(why.clone()),
            _ => self.works(),
        }
    }

    /// Something failed that is nobody's fault: nothing is begun for a while, and for longer the more often that is.
    pub(super) fn fails(&mut self, why: String) {
        self.failures = self.failures.saturating_add(1);
        let pause = PAUSE.saturating_mul(1 << self.failures.min(5)).min(LONGEST);
        tracing::warn!("the gate {} waits {} s: {why}", self.spec.name, pause.as_secs());
        self.trouble = Some(why);
        self.not_before = Some(Instant::now() + pause);
    }

    pub(super) fn works(&mut self) {
        self.failures = 0;
        self.trouble = None;
    }

    /// Candidates that were decided are told of, and what nobody needs is forgotten.
    fn conclude(&mut self, open: &mut Open, now: Time) {
        let kept = &mut open.kept;
        let ended: Vec<_> = kept
            .candidates
            .iter()
            .filter(|(_, own)| own.facts.status == CandidateStatus::Waiting)
            .filter_map(|(id, _)| Some((*id, kept.queue.ended(*id)?.clone())))
            .collect();
        for (id, ended) in ended {
            let (end, reason, trial, tests) = words::end(&ended.end);
            let landed = matches!(ended.end, End::Landed { .. }).then(|| kept.queue.trunk().tip.0.clone());
            let trial = trial.map(TrialId);
            if let Some(own) = kept.candidates.get_mut(&id) {
                kept.done.push(own.facts.commit.clone());
                own.facts.status = CandidateStatus::Ended {
                    at: ended.at,
                    end,
                    reason: reason.clone(),
                    trial: trial.map(|t| i64::try_from(t.0).unwrap_or(i64::MAX)),
                    tests,
                    landed,
                };
            }
            kept.touch_candidate(id);
            kept.say(&self.spec.name, now, end.word(), (Some(id), trial), reason);
        }
        kept.queue.forget(now - KNOWN);
        let (queue, trials) = (&kept.queue, &kept.trials);
        let on_trial = |id| trials.values().any(|run| run.facts.members.iter().any(|m| candidate_of(*m) == id));
        kept.candidates.retain(|id, _| queue.waiting(*id).is_some() || on_trial(*id));
    }

    /// Writes the turn down, however long the store is away.
    pub(super) async fn keep(&mut self, open: &mut Open) -> Result<(), Trouble> {
        let worded = open.kept.turn(&self.spec.name, self.turn + 1).map_err(|e| Trouble::Store(e.to_string()))?;
        let Some(turn) = worded else { return Ok(()) };
        loop {
            match self.tools.door.store.commit(vec![Transition::GateKept(Box::new(turn.clone()))]).await {
                Ok(()) => {
                    self.turn += 1;
                    return Ok(());
                }
                Err(CommitError::Unavailable(why)) if !self.stop.is_cancelled() => {
                    tracing::warn!("a turn of the gate {} cannot be recorded: {why}", self.spec.name);
                    sleep(PAUSE).await;
                }
                Err(CommitError::Unavailable(_)) => return Err(Trouble::Stopped),
                Err(e) => return Err(Trouble::Store(e.to_string())),
            }
        }
    }

    async fn carry_out(&mut self, open: &mut Open, action: Action) -> Result<Vec<Event>, Trouble> {
        match action {
            Action::Start { trial, .. } | Action::Retry { trial, .. } => self.begin(open, trial).await,
            Action::Cancel { trial, .. } => {
                self.call_off(open, trial).await;
                Ok(Vec::new())
            }
            Action::Land { commit, expected, members, replay, .. } => {
                let replayed = replay.then_some(members);
                self.land(open, commit, expected, replayed).await
            }
            Action::Ask { .. } => self.ask_remote(open).await,
            Action::Stand { .. } | Action::End { .. } | Action::Halt(_) => Ok(Vec::new()),
        }
    }

    /// A build or a set of the master has ended.
    async fn heard(&mut self, open: &mut Open, event: &model::Event) -> Result<(), Trouble> {
        let key: Vec<&str> = event.key.iter().map(String::as_str).collect();
        let set = match key.as_slice() {
            ["buildsets", id, "complete"] => id.parse().ok(),
            ["builds", id, "finished"] => {
                let Ok(build) = id.parse() else { return Ok(()) };
                if !open.kept.trials.values().any(|run| run.current.is_some()) {
                    return Ok(());
                }
                self.set_of(BuildId(build)).await?
            }
            _ => None,
        };
        let Some(set) = set else { return Ok(()) };
        let mine = open.kept.trials.iter().find(|(_, run)| run.current.is_some_and(|current| current.0 == set));
        match mine.map(|(id, _)| *id) {
            Some(trial) => self.look_at(open, trial).await,
            None => Ok(()),
        }
    }

    async fn set_of(&self, build: BuildId) -> Result<Option<i64>, Trouble> {
        let store = &self.tools.door.store;
        let Some(build) = store.build(build).await? else { return Ok(None) };
        Ok(store.request(build.request).await?.map(|request| request.set.0))
    }

    async fn look_at_all(&mut self, open: &mut Open) -> Result<(), Trouble> {
        let running: Vec<TrialId> =
            open.kept.trials.iter().filter(|(_, run)| run.current.is_some()).map(|(id, _)| *id).collect();
        for trial in running {
            self.look_at(open, trial).await?;
        }
        Ok(())
    }

    async fn look_at(&mut self, open: &mut Open, trial: TrialId) -> Result<(), Trouble> {
        let events = self.builds_of(open, trial).await?;
        if events.is_empty() { Ok(()) } else { self.advance(open, events).await }
    }

    /// What somebody does with a candidate or the gate.
    async fn act(
        &mut self,
        open: &mut Open,
        act: GateAct,
        who: String,
    ) -> Result<Result<String, ControlError>, Trouble> {
        let now = self.tools.door.clock.now();
        let worded = match self.acted(open, act, who).await? {
            Ok((event, kind, candidate, text)) => {
                open.kept.queue.apply(&event, now);
                if let Some(own) = candidate.and_then(|id| open.kept.candidates.get_mut(&id))
                    && let Some(waiting) = candidate.and_then(|id| open.kept.queue.waiting(id))
                {
                    own.facts.approvals.clone_from(&waiting.approvals);
                    own.facts.priority = waiting.priority;
                }
                candidate.into_iter().for_each(|id| open.kept.touch_candidate(id));
                open.kept.say(&self.spec.name, now, kind, (candidate, None), text.clone());
                self.conclude(open, now);
                self.keep(open).await?;
                Ok(text)
            }
            Err(why) => Err(why),
        };
        Ok(worded)
    }

    /// Where the branch is read from.
    pub(super) fn target(&self) -> Target {
        Target { repository: self.spec.repository.clone(), branch: self.spec.branch.clone() }
    }

    /// A candidate's row, of one that has ended long ago too.
    pub(super) async fn stored(&self, id: i64) -> Result<Option<model::GateCandidate>, Trouble> {
        let query = Query::default().eq("gate", self.spec.name.as_str()).eq("candidateid", id);
        Ok(self.tools.door.store.gate_candidates(&query).await?.rows.pop())
    }

    /// What the branch is changed by from one commit to another.
    pub(super) fn footprint(&self, changed: &[String]) -> gate::Footprint {
        super::footprint::of(&self.spec.tasks, changed)
    }
}

/// A commit, as the queue has it.
pub(super) fn commit(hash: impl Into<String>) -> Commit {
    Commit(hash.into())
}

/// Runs something that waits for other programs.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Trouble::Stopped)
}
