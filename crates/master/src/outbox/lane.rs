//! The way of the messages of one target: written, sent, tried again, given up.

use super::{Outbox, story};
use killpoint::fail_point;
use model::{BuildId, LogId, Message, MessageStatus, NewMessage, ReporterSpec, Span, Stream, Time, Transition};
use report::{Reply, Shelf, Target, Unsent};
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;
use tokio_util::sync::CancellationToken;

/// While so many messages wait, no more are written.
const WAITING: u64 = 100;

/// So many reports are written before the lane looks at what is to be sent.
const WRITTEN: u64 = 20;

/// The pauses before a message is tried again: the first, and the longest. Each is twice the one before.
const FIRST_PAUSE: Span = Span::seconds(1);
const LONGEST_PAUSE: Span = Span::seconds(300);

/// The longest time without a look, so that a lost wake-up does no harm.
const SWEEP: Span = Span::seconds(30);

/// How long a message that is being sent may take once the lane is to end.
const LAST_WORDS: Duration = Duration::from_secs(5);

pub(super) struct Lane {
    outbox: Outbox,
    spec: ReporterSpec,
    stop: CancellationToken,
    /// The target takes nothing before then.
    quiet_until: Option<Time>,
    /// It has not looked yet: whatever was to wait when the last program ended goes first, so that the order is kept.
    fresh: bool,
}

impl Lane {
    pub(super) fn new(outbox: Outbox, spec: ReporterSpec, stop: CancellationToken) -> Self {
        Self { outbox, spec, stop, quiet_until: None, fresh: true }
    }

    pub(super) async fn run(mut self) {
        let mut bell = self.outbox.bell.subscribe();
        let mut target: Option<Arc<dyn Target>> = None;
        while !self.stop.is_cancelled() {
            bell.borrow_and_update();
            if target.is_none() {
                target = report::target(&self.spec).map(Arc::from).map_err(|why| self.complain(&why)).ok();
            }
            let looked = match &target {
                Some(target) => self.round(target).await,
                None => Ok(self.now() + LONGEST_PAUSE),
            };
            let next = looked.unwrap_or_else(|e| {
                self.complain(&e.to_string());
                self.now() + FIRST_PAUSE
            });
            let pause = next.since(self.now()).max(Span::ZERO).min(SWEEP);
            tokio::select! {
                () = tokio::time::sleep(pause.to_std()) => {}
                changed = bell.changed() => if changed.is_err() { return },
                () = self.stop.cancelled() => return,
            }
        }
    }

    fn now(&self) -> Time {
        self.outbox.clock.now()
    }

    fn complain(&self, why: &str) {
        tracing::warn!("the reporter {} can tell nobody anything: {why}", self.spec.name);
    }

    /// Writes what is due and sends what waits. Answers when there is something to do again.
    async fn round(&mut self, target: &Arc<dyn Target>) -> Result<Time, StoreError> {
        loop {
            let waiting = self.first(MessageStatus::Waiting, WAITING).await?;
            let room = (waiting.len() as u64) < WAITING;
            let due = if room { self.first(MessageStatus::Due, WRITTEN).await? } else { Vec::new() };
            for one in &due {
                if !self.write(target, one).await? {
                    return Ok(self.now() + FIRST_PAUSE);
                }
            }
            if !due.is_empty() {
                continue;
            }
            let now = self.now();
            if let Some(until) = self.quiet_until.filter(|until| is_to_come(*until, now)) {
                return Ok(until);
            }
            let fresh = std::mem::take(&mut self.fresh);
            let is_ready = |m: &&Message| fresh || m.next_try.is_none_or(|t| !is_to_come(t, now));
            let ready: Vec<&Message> = waiting.iter().filter(is_ready).collect();
            if ready.is_empty() {
                return Ok(waiting.iter().filter_map(|m| m.next_try).min().unwrap_or(now + SWEEP));
            }
            for message in ready {
                if self.stop.is_cancelled() || !self.send(target, message, &waiting).await {
                    return Ok(self.quiet_until.unwrap_or(now + FIRST_PAUSE));
                }
            }
        }
    }

    async fn first(&self, status: MessageStatus, limit: u64) -> Result<Vec<Message>, StoreError> {
        self.outbox.store.outbox_first(&self.spec.name, status, limit).await
    }

    /// Writes the messages of a report that is due. False: that could not be recorded.
    async fn write(&self, target: &Arc<dyn Target>, due: &Message) -> Result<bool, StoreError> {
        let Outbox { store, logs, door, .. } = &self.outbox;
        let project =
            model::ProjectSpec { public_url: self.outbox.public_url(), ..door.config.borrow().project.clone() };
        let Some(story) = story::tell(store, logs, project, due.build).await? else {
            let given_up = Some(format!("build {} is gone", due.build));
            let ended = Transition::MessageEnded { message: due.id, at: self.now(), given_up };
            return Ok(self.outbox.commit(vec![ended], &self.stop).await);
        };
        let functions = door.functions.borrow().clone();
        let target = target.clone();
        // Functions of the configuration may take a while.
        let written = tokio::task::spawn_blocking(move || target.write(&story, functions.as_ref())).await;
        let messages: Vec<NewMessage> = written.unwrap_or_else(|e| {
            self.complain(&format!("the messages about build {} cannot be written: {e}", due.build));
            Vec::new()
        });
        let written = Transition::ReportWritten { due: due.id, at: self.now(), messages };
        Ok(self.outbox.commit(vec![written], &self.stop).await)
    }

    /// Sends a message and records what came of it. False: nothing more is sent now.
    async fn send(&mut self, target: &Arc<dyn Target>, message: &Message, waiting: &[Message]) -> bool {
        let sent = tokio::select! {
            sent = target.send(message, &self.outbox) => sent,
            () = self.last_words() => return false,
        };
        fail_point!("message-sent");
        let at = self.now();
        let ended = |message: &Message, given_up| Transition::MessageEnded { message: message.id, at, given_up };
        let is_late = |message: &Message| message.created_at + self.spec.give_up_after <= at;
        let next_try = at + pause(message.attempts);
        let mut batch = Vec::new();
        match &sent {
            Ok(()) => batch.push(ended(message, None)),
            Err(Unsent::Refused(why)) => batch.push(ended(message, Some(why.clone()))),
            Err(Unsent::Later(why) | Unsent::Away(why)) if is_late(message) => {
                batch.push(ended(message, Some(too_late(self.spec.give_up_after, why))));
            }
            Err(Unsent::Later(why) | Unsent::Away(why)) => {
                batch.push(Transition::MessageTried { message: message.id, next_try, trouble: why.clone() });
            }
        }
        let away = match &sent {
            Err(Unsent::Away(why)) => Some(why),
            _ => None,
        };
        if let Some(why) = away {
            let others = waiting.iter().filter(|m| m.id > message.id && is_late(m));
            batch.extend(others.map(|m| ended(m, Some(too_late(self.spec.give_up_after, why)))));
        }
        if let Err(why) = &sent {
            let to = if message.person.is_empty() { "its target" } else { &message.person };
            tracing::warn!("the reporter {} cannot tell {to} of {}: {why}", self.spec.name, message.about);
        }
        self.quiet_until = away.map(|_| next_try);
        self.outbox.commit(batch, &self.stop).await && away.is_none()
    }

    /// Ends a while after the lane is told to.
    async fn last_words(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    }
}

/// Nobody waits for longer than the longest pause: such a moment is of a clock that was set back since.
fn is_to_come(at: Time, now: Time) -> bool {
    at > now && at <= now + LONGEST_PAUSE
}

fn too_late(limit: Span, why: &str) -> String {
    format!("given up after {limit}: {why}")
}

/// How long to wait after so many vain attempts and one more.
fn pause(attempts: u32) -> Span {
    let factor = 1_i64 << attempts.min(20);
    Span(FIRST_PAUSE.0.saturating_mul(factor)).min(LONGEST_PAUSE)
}

impl Shelf for Outbox {
    fn end_of(&self, build: BuildId, log: LogId, most: u64) -> Reply<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            let lines = self.logs.tail(build, log, u64::MAX, most).await.ok()?;
            let mut bytes = Vec::new();
            // What Sluice says of the command around its output names the whole environment.
            for line in lines.iter().filter(|line| line.stream != Stream::Header) {
                bytes.extend_from_slice(&line.bytes);
                bytes.push(b'\n');
            }
            Some(bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let pauses: Vec<i64> = [0, 1, 2, 3, 8, 9, 30, u32::MAX].map(|n| pause(n).0 / 1_000_000).into();
        assert_eq!(pauses, [1, 2, 4, 8, 256, 300, 300, 300]);
    }
}
