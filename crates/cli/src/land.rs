//! `sluice land`: hand a commit in to a gate of a master, see how it fares, and say what is to become of it.

mod status;
mod wait;

use crate::exit::{Exit, NotTaken};
use crate::number;
use crate::out;
use crate::show;
use crate::target::Target;
use anyhow::bail;
use client::{Client, ClientError, Wish};
use std::path::PathBuf;
use vcs::git::{Standing, handed_in};

/// What a repository's server does with what is pushed to `refs/for/BRANCH`.
const HOOK: &str = include_str!("land/post-receive");

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice land --wait\n         sluice land topic --gate trunk --priority 5\n         \
                   sluice land --status",
    after_help = "Ends with 0 when it landed or, without --wait, when it is in the line; 1 when it failed; 4 when it \
                  could not land: it does not fit, what it needs failed, or it is not taken; 3 when there is no master."
)]
pub(crate) struct Args {
    /// What to land: a branch, a tag or a commit of this checkout [default: what is checked out]
    #[arg(value_name = "COMMIT|BRANCH")]
    commit: Option<String>,
    /// The gate; not needed where the master has one only
    #[arg(long, value_name = "NAME")]
    gate: Option<String>,
    /// The gate of this branch
    #[arg(long, value_name = "NAME", conflicts_with = "gate")]
    branch: Option<String>,
    /// Higher goes first
    #[arg(long, value_name = "N", default_value = "0", allow_negative_numbers = true, value_parser = number::priority)]
    priority: i64,
    /// A candidate that must land before it; what its commits stand on is known without
    #[arg(long, value_name = "ID", value_parser = number::candidate)]
    needs: Vec<i64>,
    /// Wait until it has landed or will not
    #[arg(long)]
    wait: bool,
    /// The checkout; the one around the current directory when absent
    #[arg(long, value_name = "PATH")]
    repository: Option<PathBuf>,
    /// Where to push the commit for the master to find it: a remote or an address [default: the gate's repository]
    #[arg(long, value_name = "REMOTE|URL")]
    to: Option<String>,
    /// The gate's repository has the commit under this name already; nothing is pushed, and no checkout is needed
    #[arg(long, value_name = "REF", conflicts_with = "to", requires = "commit")]
    reference: Option<String>,
    /// Who wants it; you when absent
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Say who waits, what is tested, and what was decided
    #[arg(long, group = "act", conflicts_with_all = ["commit", "wait"])]
    status: bool,
    /// Take a candidate back
    #[arg(long, value_name = "ID", group = "act", conflicts_with = "commit", value_parser = number::candidate)]
    withdraw: Option<i64>,
    /// Approve a candidate of somebody else
    #[arg(long, value_name = "ID", group = "act", conflicts_with = "commit", value_parser = number::candidate)]
    approve: Option<i64>,
    /// Give a candidate the --priority
    #[arg(long, value_name = "ID", group = "act", conflicts_with = "commit", value_parser = number::candidate)]
    prioritise: Option<i64>,
    /// Let a gate go on that was halted
    #[arg(long, group = "act", conflicts_with = "commit")]
    resume: bool,
    /// Print the post-receive hook by which a push to refs/for/BRANCH hands a commit in
    #[arg(long, group = "act", conflicts_with = "commit")]
    hook: bool,
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    if args.hook {
        out::bytes(HOOK.as_bytes())?;
        return Ok(Exit::Passed);
    }
    let client = args.target.client()?;
    let gates = client.gates().await?;
    if args.status {
        return status::print(&client, &args.chosen(gates)?, args.target.json).await;
    }
    let gate = args.only(gates)?;
    let owner = args.owner.clone().unwrap_or_else(crate::force::owner);
    let said = match (args.withdraw, args.approve, args.prioritise) {
        (Some(id), ..) => client.withdraw(&gate.name, id, &owner).await,
        (_, Some(id), _) => client.approve(&gate.name, id, &owner).await,
        (.., Some(id)) => client.prioritise(&gate.name, id, args.priority, &owner).await,
        _ if args.resume => client.resume_gate(&gate.name, &owner).await,
        _ => return hand_in(&args, &client, &gate, owner).await,
    };
    let said = said.map_err(not_taken)?;
    match args.target.json {
        true => out::json(&serde_json::json!({ "gate": gate.name, "said": said }))?,
        false => out::line(format!("  {said}"))?,
    }
    Ok(Exit::Passed)
}

impl Args {
    /// The gates that are meant.
    fn chosen(&self, gates: Vec<api::Gate>) -> anyhow::Result<Vec<api::Gate>> {
        if gates.is_empty() {
            bail!("the master has no gate\nhelp: one is made in master.star: gate(\"trunk\", repo = …, tasks = […])");
        }
        let names: Vec<String> = gates.iter().map(|g| format!("{} ({})", g.name, g.branch)).collect();
        let is_meant = |gate: &api::Gate| {
            self.gate.as_ref().is_none_or(|name| *name == gate.name)
                && self.branch.as_ref().is_none_or(|branch| *branch == gate.branch)
        };
        let meant: Vec<api::Gate> = gates.into_iter().filter(is_meant).collect();
        match (&self.gate, &self.branch) {
            (Some(name), _) if meant.is_empty() => {
                bail!("there is no gate {name}\nhelp: there are {}", names.join(", "))
            }
            (_, Some(branch)) if meant.is_empty() => {
                bail!("there is no gate of branch {branch}\nhelp: there are {}", names.join(", "))
            }
            _ => Ok(meant),
        }
    }

    /// The one gate that is meant.
    fn only(&self, gates: Vec<api::Gate>) -> anyhow::Result<api::Gate> {
        let mut meant = self.chosen(gates)?;
        match (meant.pop(), meant.is_empty()) {
            (Some(gate), true) => Ok(gate),
            (last, _) => {
                let names: Vec<String> = meant.into_iter().chain(last).map(|g| g.name).collect();
                bail!("the master has several gates\nhelp: say which: --gate {}", names.join(", --gate "))
            }
        }
    }
}

/// Brings the commit to the gate's repository and puts it into the line.
async fn hand_in(args: &Args, client: &Client, gate: &api::Gate, owner: String) -> anyhow::Result<Exit> {
    let (commit, reference, place) = match &args.reference {
        Some(reference) => (args.commit.clone().unwrap_or_default(), reference.clone(), None),
        None => {
            let dir = args.repository.clone().unwrap_or_else(|| ".".into());
            let (name, to, repository) = (args.commit.clone(), args.to.clone(), gate.repository.clone());
            let pushed = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
                let standing = Standing::look(&dir)?;
                let commit = match name {
                    Some(name) => standing.commit_of(&name)?,
                    None => standing.head.clone(),
                };
                let to = to.or_else(|| standing.remote_of(&repository)).unwrap_or(repository);
                standing.hand_in(&to, &commit)?;
                Ok((commit, standing, to))
            });
            let (commit, standing, to) = pushed.await??;
            if standing.is_dirty && args.commit.is_none() {
                out::aside("  ! what is not committed does not land");
            }
            (commit.clone(), handed_in(&commit), Some((standing, to)))
        }
    };
    let reference = Some(reference);
    let wish = Wish { commit: commit.clone(), reference, owner, priority: args.priority, needs: args.needs.clone() };
    let taken = client.land(&gate.name, &wish).await;
    // Whoever answers has looked: from here on the gate has the commit itself, or does not want it.
    if let (Ok(_) | Err(ClientError::Refused { .. }), Some((standing, to))) = (&taken, place) {
        take_back(standing, to, commit).await;
    }
    let candidate = taken.map_err(not_taken)?;
    if !args.wait {
        match args.target.json {
            true => out::json(&candidate)?,
            false => out::lines(taken_lines(&candidate, gate))?,
        }
        return Ok(Exit::Passed);
    }
    if !args.target.json {
        out::lines(taken_lines(&candidate, gate))?;
    }
    wait::until_ended(client, gate, candidate.candidateid, args.target.json).await
}

/// Takes the name away that a commit was handed in by. One that stays does no harm.
async fn take_back(standing: Standing, to: String, commit: String) {
    let taken = tokio::task::spawn_blocking(move || standing.take_back(&to, &commit)).await;
    if let Ok(Err(e)) = taken {
        tracing::debug!("{e}");
    }
}

fn taken_lines(candidate: &api::GateCandidate, gate: &api::Gate) -> Vec<String> {
    let id = candidate.candidateid;
    let subject = show::cut(&candidate.subject, 40);
    let commit: String = candidate.commit.chars().take(7).collect();
    if candidate.has_ended() {
        return wait::end_lines(candidate, gate);
    }
    let how = match (candidate.wanted as usize).saturating_sub(candidate.approvals.len()) {
        0 => format!("sluice land --status --gate {}", gate.name),
        _ => format!("it needs an approval: sluice land --approve {id} --gate {}", gate.name),
    };
    vec![
        format!("  ○ {id}  {commit} {subject}  waits to land on {}", show::cut(&gate.branch, 24)),
        format!("      {how}"),
    ]
}

/// What a master does not take cannot land.
fn not_taken(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::Refused { status: 409, what } => NotTaken(what).into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hook_is_a_script_that_a_shell_can_read() {
        assert!(HOOK.starts_with("#!/bin/sh\n"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("post-receive");
        std::fs::write(&path, HOOK).unwrap();
        let checked = std::process::Command::new("/bin/sh").arg("-n").arg(&path).status().unwrap();
        assert!(checked.success());
    }
}
