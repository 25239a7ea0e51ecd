//! `cargo xtask bench`: what Sluice reaches on this machine, against its targets and against a peer.

mod api;
mod board;
mod buildbot;
mod generator;
mod ground;
pub(crate) mod http;
mod load;
mod machine;
mod scenes;
mod sluice;
mod system;
mod table;
mod testruns;
pub(crate) mod wait;

use anyhow::{Context, bail};
use board::Board;
use ground::Ground;
use machine::Machine;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use system::System;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What is measured: a master and its worker when absent, or runs of tests
    #[arg(value_name = "WHAT", value_parser = ["testruns"], conflicts_with_all = ["against", "only", "scene"])]
    what: Option<String>,
    /// Measure a peer in the same run as well
    #[arg(long, value_name = "PEER", value_parser = ["buildbot"])]
    against: Option<String>,
    /// Fewer rounds and smaller amounts; the page of the book stays as it is
    #[arg(long)]
    quick: bool,
    /// Measure one of them alone; docs/benchmarks.md stays as it is
    #[arg(long, value_name = "SYSTEM", value_parser = ["sluice", "buildbot"], conflicts_with = "against")]
    only: Option<String>,
    /// Measure one scene alone; docs/benchmarks.md stays as it is
    #[arg(long, value_name = "SCENE", value_parser = ["busy", "pending", "many"])]
    scene: Option<String>,
    /// Measure this program instead of building it
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Where the page of the book is.
const PAGE: &str = "docs/benchmarks.md";

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let own = std::env::current_exe()?;
    let wants_sluice = args.only.as_deref() != Some("buildbot");
    // Clients that are themselves slow would be measured along.
    if cfg!(debug_assertions) {
        build(&["--package", "xtask"])?;
        let target = own.ancestors().nth(2).context("this program is in no target directory")?;
        let error = Command::new(target.join("release/xtask")).args(std::env::args_os().skip(1)).exec();
        return Err(error).context("cannot start the optimised xtask");
    }
    let place = std::env::current_dir()?.join("target/bench");
    std::fs::create_dir_all(&place)?;
    let pace = if args.quick { Pace::Quick } else { Pace::Full };
    let program = match &args.program {
        Some(program) => program.clone(),
        None => own.with_file_name("sluice"),
    };
    if wants_sluice && args.program.is_none() {
        build(&["--package", "cli"])?;
    }
    if args.what.is_some() {
        return testruns::run(&program, &place, pace);
    }
    let mut systems: Vec<Box<dyn System>> = Vec::new();
    if wants_sluice {
        systems.push(Box::new(sluice::Sluice { program }));
    }
    if args.against.is_some() || !wants_sluice {
        systems.push(Box::new(buildbot::Buildbot::install(&place.join("venv"))?));
    }
    let machine = Machine::look(&place)?;
    eprintln!("{}", machine.line());
    let mut board = measure(&args, &place, &systems, pace)?;
    if let Some(note) = machine.disturbance() {
        board.note(note);
    }
    println!("\n{}\n\n{}", machine.line(), table::text(&board));
    if !args.quick && args.only.is_none() && args.scene.is_none() && board.has("Sluice") {
        std::fs::write(PAGE, table::page(&board, &machine)).with_context(|| format!("cannot write {PAGE}"))?;
        println!("written to {PAGE}");
    }
    match board.failures().len() {
        0 => Ok(()),
        failed => bail!("{failed} measures failed"),
    }
}

fn build(what: &[&str]) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let status = Command::new(cargo).args(["build", "--release"]).args(what).stdin(Stdio::null()).status();
    if !status.context("cannot start cargo")?.success() {
        bail!("cargo build --release {} failed", what.join(" "));
    }
    Ok(())
}

fn measure(args: &Args, place: &Path, systems: &[Box<dyn System>], pace: Pace) -> anyhow::Result<Board> {
    let ground = Ground::new(place)?;
    let mut board = Board::default();
    type Scene = fn(&mut Board, &Ground, &[Box<dyn System>], Pace);
    let scenes: [(&str, Scene); 3] = [("busy", scenes::busy), ("pending", scenes::pending), ("many", scenes::many)];
    for (name, scene) in scenes.into_iter().filter(|(name, _)| args.scene.as_deref().is_none_or(|s| s == *name)) {
        let begun = Instant::now();
        eprintln!("── {name}");
        scene(&mut board, &ground, systems, pace);
        eprintln!("── {name}: {:.0} s", begun.elapsed().as_secs_f64());
    }
    Ok(board)
}

/// How thoroughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Several rounds, full amounts.
    Full,
    /// One round of less.
    Quick,
}

/// The verbs that a run gives to itself: the steps of measured builds, and the sweeper. `None`: it is none of them.
pub(crate) fn hidden(arguments: &[String]) -> Option<anyhow::Result<()>> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [scenes::GENERATE, bytes] => Some(generate(bytes)),
        [scenes::STAMP, file] => Some(stamp(Path::new(file))),
        [testruns::SPEAK, seconds] => Some(testruns::speak(seconds)),
        [ground::SWEEP, mark, dir] => Some(ground::sweeper(mark, Path::new(dir))),
        _ => None,
    }
}

fn generate(bytes: &str) -> anyhow::Result<()> {
    let bytes = bytes.parse().context("the number of bytes is no number")?;
    // Without the lines of `Stdout`: blocks go out as they are.
    let mut out = std::fs::File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    Ok(generator::write(&mut out, bytes)?)
}

/// Appends the time of day, in nanoseconds since 1970.
fn stamp(file: &Path) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let mut file = std::fs::File::options().create(true).append(true).open(file)?;
    Ok(file.write_all(format!("{now}\n").as_bytes())?)
}
