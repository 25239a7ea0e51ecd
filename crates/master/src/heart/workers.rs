//! Workers that come and go, and what they bring back.

use super::{Heart, Turn};
use crate::admission::{Admission, OWN, Refusal, Verdict};
use crate::claim::{self, Claim};
use model::{Time, Transition, WorkerId};
use store::StoreError;
use wire::Again;

impl Heart {
    pub(super) async fn admit(&mut self, admission: Admission, now: Time, turn: &mut Turn) {
        let worker = match self.sessions.check(&self.world, &admission) {
            Ok(worker) => worker,
            Err(refusal) => {
                let _ = admission.reply.send(Verdict::Refused(refusal));
                return;
            }
        };
        if let Some(older) = self.sessions.older(worker, &admission) {
            older.ask(admission, self.own_inbox.clone());
            return;
        }
        if let Some(refusal) = self.sessions.overtaken(worker, &admission) {
            let _ = admission.reply.send(Verdict::Refused(refusal));
            return;
        }
        if let Err(e) = self.claim(worker, &admission).await {
            let reason = format!("what it brings back cannot be looked up now: {e}");
            let _ = admission.reply.send(Verdict::Refused(Refusal { reason, again: Again::Soon }));
            return;
        }
        let todo = engine::worker::connected(&self.world, worker, admission.hello.info.clone(), now);
        self.record_of(worker, todo, now, turn);
        self.sessions.admit(worker, admission);
    }

    /// Of what the worker brings back, that which no running step waits for.
    async fn claim(&self, worker: WorkerId, admission: &Admission) -> Result<(), StoreError> {
        let link = self.sessions.hub.link(worker);
        for command in admission.hello.held.iter().map(|held| held.command) {
            if link.ledger().standing(command).is_some() {
                continue;
            }
            match claim::of(&self.store, &self.logs, command).await? {
                Claim::Nobodys => {}
                Claim::Known => self.sessions.hub.known(command),
                Claim::Rest(parts) => {
                    tracing::info!("the rest of the logs of command {command} comes from its worker");
                    self.sessions.hub.claim(&link, command, &parts);
                }
            }
        }
        Ok(())
    }

    pub(super) fn gone(&mut self, worker: WorkerId, session: u64, now: Time, turn: &mut Turn) {
        if self.sessions.remove(worker, session) {
            let todo = engine::worker::disconnected(&self.world, worker, now);
            self.record_of(worker, todo, now, turn);
        }
    }

    /// Takes what a worker's coming or going means. The master's own worker is no worker of the store.
    pub(super) fn record_of(
        &mut self,
        worker: WorkerId,
        todo: impl IntoIterator<Item = Transition>,
        now: Time,
        turn: &mut Turn,
    ) {
        if worker != OWN {
            self.take_all(todo, now, turn);
        }
    }
}
