//! The line of a gate on a terminal.

use super::wait::{decided, expected};
use crate::exit::Exit;
use crate::out;
use crate::show::{self, Paper};
use client::{Client, Filter};
use model::{Results, Span};

/// How many of each are listed.
const MOST: usize = 20;

/// How many of the newest decisions are told.
const DECISIONS: u64 = 8;

/// Prints how gates stand.
pub(super) async fn print(client: &Client, gates: &[api::Gate], json: bool) -> anyhow::Result<Exit> {
    if json {
        out::json(&serde_json::json!({ "gates": gates }))?;
        return Ok(Exit::Passed);
    }
    let paper = Paper::of_stdout();
    for (n, gate) in gates.iter().enumerate() {
        let newest = Filter::all().newest("number", DECISIONS);
        let decisions = client.decisions(&gate.name, &newest).await?.rows;
        if n > 0 {
            out::line("")?;
        }
        out::lines(lines(gate, &decisions, paper))?;
    }
    Ok(Exit::Passed)
}

fn lines(gate: &api::Gate, decisions: &[api::GateDecision], paper: Paper) -> Vec<String> {
    let mut out = vec![sentence(gate)];
    for (what, trouble) in [("halted", &gate.halted), ("trouble", &gate.trouble)] {
        out.extend(trouble.iter().map(|why| format!("  ! {what}: {}", show::cut(why, show::WIDTH - 14))));
    }
    if gate.halted.is_some() {
        out.push(format!("    go on: sluice land --resume --gate {}", gate.name));
    }
    for place in gate.line.iter().take(MOST) {
        let candidate = &place.candidate;
        let who = show::pad(&candidate.owner, 8);
        let head = format!("  ○ {:<4} {} {who}  ", candidate.candidateid, short(&candidate.commit));
        let end = expected(place, gate.now);
        let room = show::WIDTH.saturating_sub(head.chars().count() + end.chars().count()).max(12);
        out.push(format!("{head}{}{end}", show::cut(&place.waits, room)));
    }
    out.extend(more(gate.line.len()));
    for trial in gate.trials.iter().take(MOST) {
        let members: Vec<String> = trial.members.iter().map(i64::to_string).collect();
        let symbol = paper.symbol(results(&trial.state));
        let lasts = show::clock(Span::seconds(trial.ended_at.unwrap_or(gate.now) - trial.started_at));
        let head = format!(
            "  {symbol} trial {:<4} {lasts:>6}  {} on {}  ",
            trial.trialid,
            members.join(" "),
            short(&trial.on)
        );
        let words = if trial.reason.is_empty() { &trial.purpose } else { &trial.reason };
        let room = (show::WIDTH + symbol.chars().count() - 1).saturating_sub(head.chars().count()).max(12);
        out.push(format!("{head}{}", show::cut(words, room)));
    }
    out.extend(more(gate.trials.len()));
    if !decisions.is_empty() {
        out.push("  decided last:".to_owned());
        for decision in decisions {
            let ago = show::ago(Span::seconds(gate.now - decision.at));
            let room = show::WIDTH.saturating_sub(ago.chars().count() + 6);
            out.push(format!("    {}  {ago}", show::cut(&decided(decision), room)));
        }
    }
    out
}

fn sentence(gate: &api::Gate) -> String {
    let running = gate.trials.iter().filter(|t| t.state == "running").count();
    let waits = match gate.line.len() {
        0 => "nothing waits".to_owned(),
        1 => "1 waits".to_owned(),
        n => format!("{n} wait"),
    };
    let tip = if gate.tip.is_empty() { String::new() } else { format!(" at {}", short(&gate.tip)) };
    format!("{}: {}{tip}, {waits}, {running} of {} trials run", gate.name, show::cut(&gate.branch, 24), gate.slots)
}

fn more(all: usize) -> Option<String> {
    (all > MOST).then(|| format!("    and {} more", all - MOST))
}

/// The result whose symbol a trial's state has; `None`: it runs.
fn results(state: &str) -> Option<Results> {
    Some(match state {
        "running" => return None,
        "green" => Results::Success,
        "red" | "conflict" => Results::Failure,
        "broken" => Results::Exception,
        _ => Results::Cancelled,
    })
}

fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: i64, owner: &str) -> api::GateCandidate {
        serde_json::from_value(serde_json::json!({
            "gate": "trunk", "candidateid": id, "commit": format!("{id}").repeat(40), "subject": "a title",
            "owner": owner, "commits": 1, "submitted_at": 1_000, "priority": 0, "needs": [], "wanted": 0,
            "approvals": [], "state": "waiting", "tests": []
        }))
        .unwrap()
    }

    #[test]
    fn a_line_is_told_with_its_trials_and_its_decisions() {
        let place = |id, owner: &str, waits: &str, expected| api::GatePlace {
            candidate: candidate(id, owner),
            waits: waits.to_owned(),
            trial: Some(7),
            chance: Some(0.9),
            expected,
        };
        let trial = |id, members: Vec<i64>, state: &str, reason: &str| api::GateTrial {
            gate: "trunk".into(),
            trialid: id,
            on: "d201f04".repeat(5),
            members,
            purpose: "next in the train".into(),
            commit: None,
            tasks: vec!["all".into()],
            buildsets: vec![1],
            attempts: 1,
            started_at: 1_000,
            state: state.into(),
            ended_at: (state != "running").then_some(1_030),
            reason: reason.into(),
            tests: Vec::new(),
        };
        let gate = api::Gate {
            name: "trunk".into(),
            repository: "/r".into(),
            branch: "main".into(),
            tip: "d201f04".repeat(5),
            slots: 4,
            approvals: 0,
            policy: "adaptive".into(),
            promise: "tip".into(),
            tasks: Vec::new(),
            halted: None,
            trouble: Some("the repository does not answer".into()),
            landing: None,
            trial_length: Some(60.0),
            line: vec![
                place(1, "ada", "is tested in trial 7", Some(1_100)),
                place(2, "eve\u{1b}[2J", "waits for an approval of somebody who may, and this sentence is long", None),
            ],
            trials: vec![trial(7, vec![1], "running", ""), trial(8, vec![1, 2], "red", "unit failed")],
            now: 1_062,
        };
        let decision = api::GateDecision {
            gate: "trunk".into(),
            number: 3,
            at: 1_060,
            kind: "started".into(),
            candidate: None,
            trial: Some(7),
            reason: "tests 1 on d201f04".into(),
        };
        insta::assert_snapshot!(lines(&gate, &[decision], Paper::Plain).join("\n"), @r#"
        trunk: main at d201f04, 2 wait, 1 of 4 trials run
          ! trouble: the repository does not answer
          ○ 1    1111111 ada       is tested in trial 7, in about 38 s
          ○ 2    2222222 eve [2J   waits for an approval of somebody who may, and this …
          ◐ trial 7      1:02  1 on d201f04  next in the train
          ✗ trial 8      0:30  1 2 on d201f04  unit failed
          decided last:
            trial 7 tests 1 on d201f04  2 s ago
        "#);
    }
}
