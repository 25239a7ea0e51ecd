//! Waiting until a candidate has landed or will not.

use crate::exit::Exit;
use crate::live::LiveLines;
use crate::out;
use crate::patience::{LIMIT, Patience, wake};
use crate::show::{self, Paper};
use api::{GateCandidate, GateDecision};
use client::{Client, ClientError, Filter};
use model::{Results, Span};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long nothing may be heard before the present is looked at all the same.
const SWEEP: Duration = Duration::from_secs(1);

/// How many decisions are told of at once.
const MOST: u64 = 100;

/// Tells what is decided about a candidate, until it is decided itself.
pub(super) async fn until_ended(client: &Client, gate: &api::Gate, id: i64, json: bool) -> anyhow::Result<Exit> {
    let mut listeners = [client.listen("gates/*/*"), client.listen("builds/*/*")];
    let mut live = LiveLines::new(Paper::of_stdout());
    let mut patience = Patience::new(LIMIT);
    let mut told = Told::default();
    loop {
        let look = look(client, gate, id, &mut told).await;
        let Some((candidate, lines)) = patience.bear(look, &mut live).await? else { continue };
        if !json {
            live.settle(&lines)?;
        }
        if candidate.has_ended() {
            match json {
                true => out::json(&candidate)?,
                false => out::lines(end_lines(&candidate, gate))?,
            }
            return Ok(exit(&candidate.state));
        }
        wake(&mut listeners, SWEEP).await?;
    }
}

/// What was told already.
#[derive(Default)]
struct Told {
    /// The newest decision that was read; `None`: none was yet.
    decision: Option<i64>,
    /// Trials of which decisions told, and whether the candidate is on them.
    trials: BTreeMap<i64, bool>,
    waits: String,
}

impl Told {
    /// Whether a decision is about the candidate: by itself, or by a trial that it is on.
    async fn concerns(
        &mut self,
        client: &Client,
        gate: &api::Gate,
        id: i64,
        decision: &GateDecision,
    ) -> Result<bool, ClientError> {
        let Some(trial) = decision.trial else { return Ok(decision.candidate == Some(id)) };
        if let Some(known) = self.trials.get(&trial) {
            return Ok(*known);
        }
        let is_on = client.trial(&gate.name, trial).await?.members.contains(&id);
        self.trials.insert(trial, is_on);
        Ok(is_on)
    }
}

async fn look(
    client: &Client,
    gate: &api::Gate,
    id: i64,
    told: &mut Told,
) -> anyhow::Result<(GateCandidate, Vec<String>)> {
    let candidate = client.candidate(&gate.name, id).await?;
    let news = match told.decision {
        Some(last) => Filter::all().with("number__gt", last).with("limit", MOST),
        None => Filter::all().with("candidate", id).with("limit", 1_u64),
    };
    let decisions = client.decisions(&gate.name, &news.with("order", "number")).await?.rows;
    let mut lines: Vec<String> = Vec::new();
    for decision in &decisions {
        let is_end = decision.candidate == Some(id) && decision.kind == candidate.state;
        if decision.kind != "submitted" && !is_end && told.concerns(client, gate, id, decision).await? {
            lines.push(format!("      {}", show::cut(&decided(decision), show::WIDTH - 6)));
        }
    }
    told.decision = decisions.iter().map(|d| d.number).max().or(told.decision);
    let now: Vec<api::Gate> = client.gates().await?;
    let place = now
        .iter()
        .find(|g| g.name == gate.name)
        .and_then(|g| Some((g, g.line.iter().find(|p| p.candidate.candidateid == id)?)));
    if let Some((now, place)) = place
        && place.waits != told.waits
    {
        told.waits.clone_from(&place.waits);
        let waits = show::cut(&place.waits, show::WIDTH - 28);
        lines.push(format!("  ○ {id}  {waits}{}", expected(place, now.now)));
    }
    Ok((candidate, lines))
}

/// A decision as a sentence: `trial 7 cancelled: 3 will not land, so neither will this tree`.
pub(super) fn decided(decision: &GateDecision) -> String {
    let about = match (decision.candidate, decision.trial) {
        (Some(candidate), _) => format!("{candidate} "),
        (None, Some(trial)) => format!("trial {trial} "),
        (None, None) => String::new(),
    };
    match decision.reason.starts_with(&decision.kind) || decision.kind == "started" {
        true => format!("{about}{}", decision.reason),
        false => format!("{about}{}: {}", decision.kind.replace('_', " "), decision.reason),
    }
}

/// When a place in the line may land, as `, in about 4 min`.
pub(super) fn expected(place: &api::GatePlace, now: i64) -> String {
    match place.expected {
        Some(at) if at > now => format!(", in about {}", Span::seconds(at - now)),
        Some(_) => ", any moment".to_owned(),
        None => String::new(),
    }
}

fn exit(state: &str) -> Exit {
    match state {
        "landed" => Exit::Passed,
        "rejected" => Exit::Failed,
        _ => Exit::CouldNotLand,
    }
}

/// How a candidate ended.
pub(super) fn end_lines(candidate: &GateCandidate, gate: &api::Gate) -> Vec<String> {
    let paper = Paper::of_stdout();
    let (id, branch) = (candidate.candidateid, show::cut(&gate.branch, 24));
    let took = candidate.ended_at.map(|at| Span::seconds(at - candidate.submitted_at));
    let after = took.map(|took| format!(" after {took}")).unwrap_or_default();
    let landed = candidate.landed_commit.as_deref().unwrap_or(&candidate.commit);
    let landed: String = landed.chars().take(7).collect();
    let (results, head) = match candidate.state.as_str() {
        "landed" => (Results::Success, format!("landed on {branch} as {landed}{after}")),
        "rejected" => (Results::Failure, format!("is rejected{after}")),
        "conflict" => (Results::Failure, format!("does not fit on {branch}")),
        "dependency_failed" => (Results::Cancelled, "does not land: what it needs did not".to_owned()),
        _ => (Results::Cancelled, "is withdrawn".to_owned()),
    };
    let mut lines = vec![format!("  {} {id}  {head}", paper.symbol(Some(results)))];
    let reason = candidate.reason.iter().filter(|_| candidate.state != "landed");
    lines.extend(reason.map(|reason| format!("      {}", show::cut(reason, 200))));
    lines.extend(candidate.tests.iter().take(10).map(|test| format!("      {}", show::cut(test, show::WIDTH - 6))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_code() {
        let cases = [
            ("landed", Exit::Passed),
            ("rejected", Exit::Failed),
            ("conflict", Exit::CouldNotLand),
            ("dependency_failed", Exit::CouldNotLand),
            ("withdrawn", Exit::CouldNotLand),
        ];
        for (state, code) in cases {
            assert_eq!(exit(state), code, "{state}");
        }
    }
}
