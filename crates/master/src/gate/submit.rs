//! Handing a change in, and what people may do with it.

use super::kept::{Own, candidate_of, number_of};
use super::runner::{Open, Runner, Trouble, blocking, commit};
use gate::{Candidate, CandidateId, Event};
use model::{CandidateEnd, CandidateStatus, GateCandidate, Query};
use tokio::sync::oneshot;
use vcs::git::Target;
use web::control::{ControlError, GateAct, Land};

/// So many candidates that landed are known when one is handed in that may stand on them.
const LANDED: u64 = 1000;

/// What is done, as the queue hears it; a word and a sentence for it.
type Act = (Event, &'static str, Option<CandidateId>, String);

/// Those of the line that a change stands on, its commits, and the paths that they change.
type Change = (Vec<CandidateId>, Vec<String>, Vec<String>);

impl Runner {
    /// Takes a change in, and answers when that is written down.
    pub(super) async fn hand_in(
        &mut self,
        open: &mut Open,
        land: Land,
        reply: oneshot::Sender<Result<GateCandidate, ControlError>>,
    ) -> Result<(), Trouble> {
        let answer = match self.submit(open, land).await {
            Ok(candidate) => Ok(candidate),
            Err(Refusal::Control(e)) => Err(e),
            Err(Refusal::Trouble(trouble @ Trouble::Git(_))) => {
                Err(ControlError::Refused(format!("the commit cannot be fetched: {trouble}")))
            }
            Err(Refusal::Trouble(trouble)) => return Err(trouble),
        };
        // Whoever asked may have gone.
        let _ = reply.send(answer);
        Ok(())
    }

    async fn submit(&mut self, open: &mut Open, land: Land) -> Result<GateCandidate, Refusal> {
        if !self.spec.submitters.is_empty() && !self.spec.submitters.contains(&land.owner) {
            return Err(refused(format!("{} may hand nothing in at the gate '{}'", land.owner, self.spec.name)));
        }
        let shop = open.shop.clone();
        let (repository, reference, hash) = (self.spec.repository.clone(), land.reference.clone(), land.commit.clone());
        let found = blocking(move || shop.take(&repository, reference.as_deref(), hash.as_deref())).await??;
        let line: Vec<(CandidateId, String)> =
            open.kept.queue.line().map(|candidate| (candidate.id, candidate.commit.0.clone())).collect();
        if let Some((id, _)) = line.iter().find(|(_, there)| *there == found) {
            let there = open.kept.candidates.get(id).map(|own| own.facts.clone());
            return there.ok_or_else(|| refused(format!("candidate {id} is in the line already")));
        }
        let landed = self.landed().await?;
        if let Some((_, id)) = landed.iter().find(|(there, _)| *there == found) {
            return Err(refused(format!("it has landed already, as candidate {id}")));
        }
        let landed = landed.into_iter().map(|(hash, _)| hash).collect();
        let (tip, (mut needs, own, touched)) = self.change(open, &found, &line, landed).await?;
        self.seen = tip;
        for asked in &land.needs {
            if self.is_needed(open, *asked).await? && !needs.contains(&candidate_of(*asked)) {
                needs.push(candidate_of(*asked));
            }
        }
        let now = self.tools.door.clock.now();
        let id = CandidateId(open.kept.next_candidate);
        open.kept.next_candidate += 1;
        let landing = open.shop.landing();
        let told = found.clone();
        let told = blocking(move || landing.commit(&told)).await??;
        let subject = told.message.lines().next().unwrap_or_default().chars().take(200).collect();
        let facts = GateCandidate {
            gate: self.spec.name.clone(),
            id: number_of(id),
            commit: found.clone(),
            subject,
            owner: land.owner.clone(),
            commits: u32::try_from(own.len()).unwrap_or(u32::MAX),
            submitted_at: now,
            priority: land.priority,
            needs: needs.iter().copied().map(number_of).collect(),
            wanted: self.spec.approvals,
            approvals: Vec::new(),
            status: CandidateStatus::Waiting,
        };
        let candidate = Candidate {
            id,
            commit: commit(found.clone()),
            author: land.owner.clone(),
            submitted: now,
            priority: land.priority,
            needs,
            footprint: self.footprint(&touched),
            wanted: self.spec.approvals,
            approvals: Vec::new(),
        };
        open.kept.queue.apply(&Event::Submitted(candidate), now);
        open.kept.candidates.insert(id, Own { facts: facts.clone(), commits: own });
        open.kept.touch_candidate(id);
        let text = format!("{} hands in {}: {}", land.owner, commit(found), facts.subject);
        open.kept.say(&self.spec.name, now, "submitted", (Some(id), None), text);
        self.keep(open).await?;
        Ok(facts)
    }

    /// Commits that were handed in and have landed, perhaps under another name, with the numbers of their candidates.
    async fn landed(&self) -> Result<Vec<(String, i64)>, Trouble> {
        let query = Query::default().eq("gate", self.spec.name.as_str()).eq("state", CandidateEnd::Landed.word());
        let query = query.newest_first("candidateid").limit(LANDED);
        let all = self.tools.door.store.gate_candidates(&query).await?.rows;
        Ok(all.into_iter().map(|candidate| (candidate.commit, candidate.id)).collect())
    }

    /// Where the branch is, and what a commit has of its own, beside the branch, those of the line that it stands on, and
    /// what has landed: those of the line, its commits, and the paths that they change.
    async fn change(
        &self,
        open: &Open,
        found: &str,
        line: &[(CandidateId, String)],
        landed: Vec<String>,
    ) -> Result<(Option<String>, Change), Refusal> {
        let (shop, target) = (open.shop.clone(), self.target());
        let (found, line) = (found.to_owned(), line.to_vec());
        let told = blocking(move || {
            let landing = shop.landing();
            let tip = landing.fetch(&Target { ..target })?;
            let history = shop.history(&found, tip.as_deref())?;
            let below: Vec<(CandidateId, String)> =
                line.into_iter().filter(|(_, other)| history.contains(other)).collect();
            let (below, commits): (Vec<CandidateId>, Vec<String>) = below.into_iter().unzip();
            let mut without: Vec<String> = tip.iter().cloned().chain(commits).collect();
            let mut own = shop.own(&found, &without)?;
            // What lies below it may have landed on another commit than its own.
            let done: Vec<String> = landed.into_iter().filter(|hash| own.iter().any(|c| c.hash == *hash)).collect();
            if !done.is_empty() {
                without.extend(done);
                own = shop.own(&found, &without)?;
            }
            let touched = shop.touched(&own)?;
            Ok::<_, vcs::git::GitError>((tip, below, own, touched))
        });
        let (tip, below, own, touched) = told.await??;
        if own.is_empty() {
            return Err(refused(format!("it has nothing that {} does not have", self.spec.branch)));
        }
        if let Some(merge) = own.iter().find(|commit| commit.parents > 1) {
            let hash = commit(merge.hash.clone());
            return Err(refused(format!("its commit {hash} is a merge; put the change on top of the branch first")));
        }
        if own.iter().any(|commit| commit.parents == 0) {
            return Err(refused(format!("it has no history in common with {}", self.spec.branch)));
        }
        Ok((tip, (below, own.into_iter().map(|commit| commit.hash).collect(), touched)))
    }

    /// Whether a candidate that is named as needed still has to land.
    async fn is_needed(&self, open: &Open, id: i64) -> Result<bool, Refusal> {
        if open.kept.queue.waiting(candidate_of(id)).is_some() {
            return Ok(true);
        }
        match self.stored(id).await?.map(|candidate| candidate.status) {
            Some(CandidateStatus::Ended { end: CandidateEnd::Landed, .. }) => Ok(false),
            Some(_) => Err(refused(format!("candidate {id}, which it needs, did not land"))),
            None => Err(refused(format!("there is no candidate {id}"))),
        }
    }

    /// What somebody wants to do, if they may.
    pub(super) async fn acted(
        &self,
        open: &Open,
        act: GateAct,
        who: String,
    ) -> Result<Result<Act, ControlError>, Trouble> {
        let (GateAct::Approve(id) | GateAct::Withdraw(id) | GateAct::Prioritise(id, _)) = act else {
            if open.kept.queue.halted().is_none() {
                return Ok(Err(ControlError::Refused("the gate is not halted".to_owned())));
            }
            let text = format!("{who} lets it go on");
            return Ok(Ok((Event::Resumed { by: who }, "resumed", None, text)));
        };
        let candidate = candidate_of(id);
        let Some(waiting) = open.kept.queue.waiting(candidate) else {
            let gone = match self.stored(id).await? {
                Some(_) => ControlError::Refused(format!("candidate {id} is decided already")),
                None => ControlError::Unknown(format!("there is no candidate {id}")),
            };
            return Ok(Err(gone));
        };
        let pushed = open.kept.queue.landing().is_some_and(|landing| landing.members.contains(&candidate));
        let approvers = &self.spec.approvers;
        Ok(match act {
            GateAct::Approve(_) if !approvers.is_empty() && !approvers.contains(&who) => {
                Err(ControlError::Refused(format!("{who} may approve nothing at the gate '{}'", self.spec.name)))
            }
            GateAct::Approve(_) if waiting.author == who => {
                Err(ControlError::Refused("nobody approves their own change".to_owned()))
            }
            GateAct::Withdraw(_) if pushed => {
                Err(ControlError::Refused(format!("candidate {id} is being pushed, and cannot be taken back")))
            }
            GateAct::Approve(_) => {
                let text = format!("{who} approves it");
                Ok((Event::Approved { candidate, by: who }, "approved", Some(candidate), text))
            }
            GateAct::Withdraw(_) => {
                let text = format!("{who} takes it back");
                Ok((Event::Withdrawn { candidate, by: who }, "withdrawn", Some(candidate), text))
            }
            GateAct::Prioritise(_, priority) => {
                let text = format!("{who} gives it priority {priority}");
                Ok((Event::Prioritised { candidate, priority }, "prioritised", Some(candidate), text))
            }
            GateAct::Resume => Err(ControlError::Refused(String::new())),
        })
    }
}

/// Why a change is not taken in.
enum Refusal {
    /// Whoever hands it in is told.
    Control(ControlError),
    /// The gate itself is in trouble.
    Trouble(Trouble),
}

fn refused(why: String) -> Refusal {
    Refusal::Control(ControlError::Refused(why))
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Refusal::Trouble(trouble)
    }
}

impl From<vcs::git::GitError> for Refusal {
    fn from(e: vcs::git::GitError) -> Self {
        Refusal::Trouble(Trouble::Git(e))
    }
}
