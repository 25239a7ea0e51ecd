//! What earlier gates of this checkout left behind when they were killed: commands that still run, trees, and a push of
//! which nobody knows what became of it.

use super::blocking;
use super::mail::{self, About};
use super::place::{self, Alive, Entry, Journal, Phase};
use super::words::short;
use crate::hosted::Hosted;
use crate::out;
use model::Config;
use std::path::Path;
use vcs::git::{Landing, Leash, Pushed, Standing, Target};

/// Ends what dead runs left, says of each what had become of it, and forgets it.
pub(super) async fn clean_up_after_others(journal: &Journal, standing: &Standing) -> anyhow::Result<()> {
    for (entry, alive) in journal.entries()? {
        if alive == Alive::Yes {
            continue;
        }
        let Some(_lock) = journal.take_up(&entry.run) else { continue };
        end_commands(&entry.work).await;
        end_git(&entry.work).await?;
        let (known, from) = (entry.clone(), standing.clone());
        let words = blocking(move || Ok(became(&known, &from))).await?;
        out::aside(format!("  an earlier gate ({}) was killed while {}: {words}", entry.run, entry.phase.words()));
        if matches!(words, Became::Unknown(_)) {
            // What it tested may be wanted to find out by hand; nothing runs there any more.
            continue;
        }
        let about = About { entry: &entry, root: &standing.root };
        mail::write_of_killed(journal, &about, matches!(words, Became::Landed(_)), &words.to_string())?;
        journal.note_told(&entry)?;
        let work = entry.work.clone();
        tokio::task::spawn_blocking(move || place::clear(&work)).await?;
        standing.release(&entry.run)?;
        journal.forget(&entry.run);
    }
    Ok(())
}

/// Ends what git still does for a run: a push about which a hook takes its time would land after it was said that
/// nothing did.
async fn end_git(work: &Path) -> anyhow::Result<()> {
    let mark = work.to_owned();
    let ended = blocking(move || Ok(process::stray::end_carriers(vcs::git::MARK, &mark)?)).await?;
    if !ended.is_empty() {
        tracing::info!("ended: {}", ended.join(", "));
    }
    Ok(())
}

/// What became of a run that was killed.
#[derive(Debug, PartialEq, Eq)]
enum Became {
    Nothing,
    Landed(String),
    NotLanded(String),
    Unknown(String),
}

impl std::fmt::Display for Became {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Became::Nothing => f.write_str("nothing landed"),
            Became::Landed(commit) => write!(f, "{} landed", short(commit)),
            Became::NotLanded(why) => write!(f, "nothing landed, {why}"),
            Became::Unknown(why) => {
                write!(f, "whether it landed is not known, since {why}; it is asked again next time")
            }
        }
    }
}

fn became(entry: &Entry, standing: &Standing) -> Became {
    let (Some((repository, branch)), Some(tested)) = (entry.target.clone(), entry.tested.clone()) else {
        return Became::Nothing;
    };
    match entry.phase {
        Phase::Preparing | Phase::Testing => return Became::Nothing,
        Phase::Landed => return Became::Landed(tested),
        Phase::Pushing => {}
    }
    let landing = match clone_of(entry, standing) {
        Ok(landing) => landing,
        Err(e) => return Became::Unknown(e.to_string()),
    };
    let target = Target { repository, branch };
    match landing.became(&target, &tested, entry.base.as_deref(), None) {
        Ok(Pushed::Landed) => Became::Landed(tested),
        Ok(Pushed::Refused(_)) => Became::NotLanded(format!("{} is where it was", target.branch)),
        Ok(Pushed::Moved(Some(tip))) => Became::NotLanded(format!("{} is at {}", target.branch, short(&tip))),
        Ok(Pushed::Moved(None)) => Became::NotLanded(format!("{} is gone", target.branch)),
        Err(e) => Became::Unknown(e.reason),
    }
}

/// The clone that a run had; a new one where it is gone, as a RAM disk is after a start of the machine.
fn clone_of(entry: &Entry, standing: &Standing) -> anyhow::Result<Landing> {
    let (tree, leash) = (entry.work.join("tree"), Leash::marked(&entry.work));
    if tree.join(".git").exists() {
        return Ok(Landing::at(&tree, &leash));
    }
    place::make(&entry.work)?;
    Ok(Landing::clone(standing, &tree, &leash)?)
}

/// Ends the commands of a run that was killed: a master of its base directory takes them up, and ends them as it stops.
async fn end_commands(work: &Path) {
    let bases = std::fs::read_dir(work).into_iter().flatten().flatten().map(|e| e.path());
    for base in bases.filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("base-"))) {
        let config = Config {
            web: crate::up::plan::web("127.0.0.1:0"),
            workers: vec![crate::up::plan::here(1)],
            ..Config::default()
        };
        match Hosted::open(&base, config).await {
            Ok(hosted) => hosted.close().await,
            Err(e) => tracing::warn!("what ran in {} is not ended: {e}", base.display()),
        }
    }
}
