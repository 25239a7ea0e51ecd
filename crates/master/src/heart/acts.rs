//! What people and pollers want: changes are taken in, builds forced and stopped, a configuration put in force.

use super::{Heart, Turn, leaving};
use crate::input::{Reply, SourceMemory};
use engine::build_set::{NewSet, NewStamp};
use engine::force::Wish;
use killpoint::fail_point;
use model::{BuildId, ChangeId, Config, NewChange, Query, Time, Transition};
use std::collections::BTreeSet;
use std::sync::Arc;
use web::control::{ControlError, Force, Forced};

impl Heart {
    /// Asks for the end of a build; asked once more, it waits for nothing any longer.
    pub(super) fn stop(&mut self, build: BuildId, reason: &str, reply: Reply<()>, now: Time, turn: &mut Turn) {
        let running = self.world.build(build).is_some();
        match engine::build::stop(&self.world, build, reason) {
            Some(asked) => self.take(asked, now, turn),
            None => {
                let todo = engine::build::stop_waiting(&self.world, build, now);
                self.take_all(todo, now, turn);
            }
        }
        turn.answer(reply, if running { Ok(()) } else { Err(not_running(build)) });
    }

    /// Changes that are known already are passed over, so that telling one twice is telling it once.
    pub(super) async fn changes(
        &mut self,
        changes: Vec<NewChange>,
        memory: Option<SourceMemory>,
        reply: Reply<Vec<Option<ChangeId>>>,
        now: Time,
        turn: &mut Turn,
    ) {
        let mut fresh = Vec::new();
        let mut known = Vec::new();
        // What this very turn has taken in is not in the store yet.
        let mut seen: BTreeSet<_> = turn.transitions.iter().filter_map(added).collect();
        for change in changes {
            let again = change.revision.is_some() && !seen.insert(identity(&change));
            match self.is_known(&change).await {
                Ok(stored) => {
                    known.push(stored || again);
                    if !stored && !again {
                        fresh.push(change);
                    }
                }
                Err(e) => {
                    let _ = reply.send(Err(ControlError::Unavailable(e.to_string())));
                    return;
                }
            }
        }
        fail_point!("change-heard");
        let todo = engine::change::accept(&self.world, fresh, now);
        let mut ids = todo.iter().filter_map(|t| match t {
            Transition::ChangeAdded(change) => Some(change.id),
            _ => None,
        });
        let answer = known.iter().map(|known| if *known { None } else { ids.next() }).collect();
        self.take_all(todo, now, turn);
        if let Some(SourceMemory { source, text }) = memory {
            self.take(Transition::SourceRemembers { source, memory: text }, now, turn);
        }
        turn.answer(reply, Ok(answer));
    }

    async fn is_known(&self, change: &NewChange) -> Result<bool, store::StoreError> {
        let Some(revision) = &change.revision else { return Ok(false) };
        let query = Query::default().eq("revision", revision.as_str()).limit(100);
        let same = self.store.changes(&query).await?.rows.into_iter().any(|stored| {
            stored.facts.repository == change.repository
                && stored.facts.branch == change.branch
                && stored.facts.codebase == change.codebase
        });
        Ok(same)
    }

    pub(super) fn force(&mut self, force: Force, reply: Reply<Forced>, now: Time, turn: &mut Turn) {
        let wish = Wish {
            scheduler: force.scheduler,
            builders: force.builders,
            owner: force.owner,
            reason: force.reason,
            stamp: NewStamp {
                repository: force.repository,
                branch: force.branch,
                revision: force.revision,
                project: force.project,
                ..NewStamp::default()
            },
            priority: force.priority,
            fields: force.fields,
            properties: force.properties,
        };
        match engine::force::grant(&self.world, wish, now) {
            Ok(filed) => self.filed(filed, reply, turn),
            Err(fields) => turn.answer(reply, Err(ControlError::Fields(fields))),
        }
    }

    /// A set for builders by name, as it is.
    pub(super) fn file(&mut self, new: NewSet, builders: &[String], reply: Reply<Forced>, now: Time, turn: &mut Turn) {
        let mut new = new;
        for name in builders {
            match self.world.builder_named(name).filter(|builder| builder.spec.is_some()) {
                Some(builder) => new.builders.push(builder.builder.id),
                None => {
                    let gone = ControlError::Refused(format!("there is no builder '{name}'"));
                    return turn.answer(reply, Err(gone));
                }
            }
        }
        let mut next = self.world.next_ids();
        self.filed(engine::build_set::file(new, &mut next, now), reply, turn);
    }

    pub(crate) fn filed(&mut self, filed: Transition, reply: Reply<Forced>, turn: &mut Turn) {
        if let Transition::SetFiled { set, requests } = &filed {
            let requests = requests.iter().map(|r| (r.builder, r.id)).collect();
            turn.answer(reply, Ok(Forced { set: set.id, requests }));
        }
        let now = self.clock.now();
        self.take(filed, now, turn);
    }

    pub(super) fn configure(&mut self, config: Arc<Config>, reply: Reply<Vec<String>>, now: Time, turn: &mut Turn) {
        let mut said = config::difference(self.world.config(), &config);
        fail_point!("config-read");
        let todo = engine::config::adopt(&self.world, &config);
        self.take_all(todo, now, turn);
        self.world.configure(config);
        let consequences = engine::config::consequences(&self.world);
        consequences.iter().for_each(|line| tracing::info!("the new configuration {line}"));
        said.extend(consequences);
        turn.answer(reply, Ok(said));
        self.leaving.send_replace(leaving(&self.world));
    }
}

/// What makes two tellings of a change one change.
type Identity = (String, Option<String>, Option<String>, String);

fn identity(change: &NewChange) -> Identity {
    (change.repository.clone(), change.branch.clone(), change.revision.clone(), change.codebase.clone())
}

fn added(transition: &Transition) -> Option<Identity> {
    match transition {
        Transition::ChangeAdded(change) => Some(identity(&change.facts)),
        _ => None,
    }
}

fn not_running(build: BuildId) -> ControlError {
    ControlError::Refused(format!("build {build} does not run"))
}
