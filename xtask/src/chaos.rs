//! `cargo xtask chaos`: real processes, killed, stopped and cut off at random, and oracles outside that know what must
//! hold nevertheless.

mod commands;
mod disks;
mod gate;
mod kills;
mod ledger;
mod net;
mod oracle;
mod partition;
mod postgres;
mod prf;
mod program;
mod slow;
mod town;
mod upgrade;

use anyhow::Context;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    scene: Option<Scene>,
    #[command(flatten)]
    kills: kills::Kills,
    #[command(flatten)]
    usual: Usual,
}

/// What every scene takes.
#[derive(clap::Args, Clone)]
pub(crate) struct Usual {
    /// Decides what happens when; the clock otherwise
    #[arg(long, value_name = "NUMBER", global = true)]
    seed: Option<u64>,
    /// Write the report here as well
    #[arg(long, value_name = "FILE", global = true)]
    report: Option<PathBuf>,
    /// Leave the directory of the run
    #[arg(long, global = true)]
    keep: bool,
    /// Use this program, built with `--features chaos`, instead of building one
    #[arg(long, value_name = "FILE", global = true)]
    program: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Scene {
    /// Kill master, workers and supervisors while builds run (as without a word)
    Kills(kills::Kills),
    /// Replace the master's program and restart it while builds run
    Upgrade(upgrade::Upgrade),
    /// Cut a worker off in the middle of a build
    Partition(partition::Partition),
    /// Put a worker behind a line of 64 kbit/s, and behind one that loses much
    Slow(slow::Slow),
    /// Restart PostgreSQL while builds run
    Postgres(postgres::Postgres),
    /// Fill the disks of master and worker, and hold the database
    Disks(disks::Disks),
    /// Run commands that misbehave on a worker that others use
    Commands(commands::Commands),
    /// Hand twenty changes in at a gate, and hold the time against its simulator; or kill the master meanwhile
    Gate(gate::Gate),
}

/// This machine cannot show it; what is missing.
#[derive(Debug)]
pub(crate) struct Missing(pub(crate) String);

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

impl Usual {
    pub(crate) fn seed(&self) -> u64 {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| d.as_millis() as u64 % 1_000_000);
        self.seed.unwrap_or_else(now)
    }

    /// The program under test, with its points.
    pub(crate) fn program(&self) -> anyhow::Result<PathBuf> {
        self.program.clone().map_or_else(program::build, Ok)
    }

    /// Ends a scene: its report, and what is wrong with the command that shows it again.
    pub(crate) fn conclude(&self, report: &str, wrong: &[String], again: &str) -> anyhow::Result<()> {
        let mut text = report.to_owned();
        if wrong.is_empty() {
            text += "\nall as it must be\n";
        } else {
            text += &format!("\n{} things are wrong:\n", wrong.len());
            wrong.iter().take(40).for_each(|w| text += &format!("  {w}\n"));
            text += &format!("again: cargo xtask chaos {again}\n");
        }
        println!("{text}");
        if let Some(file) = &self.report {
            std::fs::write(file, &text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        match wrong.is_empty() {
            true => Ok(()),
            false => anyhow::bail!("what must hold does not hold"),
        }
    }
}

/// The verbs that no person uses.
pub(crate) fn hidden(arguments: &[String]) -> Option<anyhow::Result<()>> {
    match arguments.split_first() {
        Some((verb, rest)) if verb == prf::STEP => Some(prf::step(rest)),
        _ => None,
    }
}

/// A few kills from outside, with the program that was built already: what `cargo xtask test` has time for.
pub(crate) fn short() -> anyhow::Result<()> {
    let program = std::env::current_exe()?.with_file_name("sluice");
    let usual = Usual { seed: Some(1), report: None, keep: false, program: Some(program) };
    kills::run(&kills::Kills::few(), &usual)
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    match args.scene {
        None => kills::run(&args.kills, &args.usual),
        Some(Scene::Kills(kills)) => self::kills::run(&kills, &args.usual),
        Some(Scene::Upgrade(upgrade)) => self::upgrade::run(&upgrade, &args.usual),
        Some(Scene::Partition(partition)) => self::partition::run(&partition, &args.usual),
        Some(Scene::Slow(slow)) => self::slow::run(&slow, &args.usual),
        Some(Scene::Postgres(postgres)) => self::postgres::run(&postgres, &args.usual),
        Some(Scene::Disks(disks)) => self::disks::run(&disks, &args.usual),
        Some(Scene::Commands(commands)) => self::commands::run(&commands, &args.usual),
        Some(Scene::Gate(gate)) => self::gate::run(&gate, &args.usual),
    }
}
