//! The program `sluice`, one file per verb.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod attempt;
mod backup;
mod checkout;
mod committed;
mod daemon;
mod do_task;
mod exit;
mod follow;
mod force;
mod fsck;
mod gate;
mod hosted;
mod import;
mod land;
mod last_lines;
mod live;
mod log;
mod master;
mod number;
mod options;
mod out;
mod patience;
mod rebuild;
mod sendchange;
mod show;
mod status;
mod stop;
mod target;
mod tests;
mod r#try;
mod tryserver;
mod up;
mod upgrade;
mod version;
mod why;
mod worker;

use clap::{Parser, Subcommand};
use exit::{Exit, Voice};
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "sluice",
    version,
    about = "Sluice builds every change of a project on the project's own machines.",
    after_help = "Begin with: sluice up --demo\n\
                  sluice VERB --help tells every option of a command, with an example first.",
    max_term_width = 80,
    subcommand_value_name = "VERB",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Build a repository and every new commit, with no configuration
    Up(up::Args),
    /// Run a master: init, check, run, start, stop, restart, reload, backup, restore, upgrade
    #[command(subcommand, before_help = "Example: sluice master init ~/ci")]
    Master(master::Verb),
    /// Run a worker: init, run, start, stop, restart
    #[command(subcommand, before_help = "Example: sluice worker start ~/w")]
    Worker(worker::Verb),
    /// Ask for a build
    Force(force::Args),
    /// End a running build, or take a request out of the queue
    Stop(stop::Args),
    /// Build the source of an old build again
    Rebuild(rebuild::Args),
    /// Print the log of a step
    Log(log::Args),
    /// Say what is broken, what runs and what waits
    Status(status::Args),
    /// Say why a request waits
    Why(why::Args),
    /// Build what is not committed yet
    Try(r#try::Args),
    /// Lay a try job into a directory that a master watches
    Tryserver(tryserver::Args),
    /// Tell a master of a change
    Sendchange(sendchange::Args),
    /// Look through a base directory and say what is wrong with it
    Fsck(fsck::Args),
    /// Say which Sluice this is
    Version(version::Args),
    /// Test a tree the way it would land, then land it
    Gate(gate::Args),
    /// Hand a change in to a gate of a master, and see how it fares
    Land(land::Args),
    /// Run the tests of an area, and say what became of them
    #[command(subcommand, before_help = "Example: sluice tests run")]
    Tests(tests::Verb),
    /// Translate the easy part of a Buildbot master.cfg
    Import(import::Args),
}

fn main() -> ExitCode {
    // A supervisor is started often and must stay small: no argument parser, no runtime.
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next().as_deref().and_then(|a| a.to_str()) {
        Some("__supervise") => match arguments.next() {
            Some(dir) => return process::supervisor::main(dir.as_ref()),
            None => return ExitCode::from(2),
        },
        Some("__attempt") => return attempt::main(arguments),
        Some("__checkout") => return checkout::main(arguments.next()),
        Some("__do") => return do_task::main(arguments.nth(1)),
        Some("__megatest") => return ExitCode::from(tests::megatest(arguments)),
        Some("__config") => return do_task::config::main(arguments.next()),
        _ => {}
    }
    let voice = Voice::of_arguments();
    let exit = match Cli::try_parse() {
        Ok(cli) => run(cli.verb).unwrap_or_else(|e| exit::say(&e, voice)),
        Err(e) => exit::say_usage(&e, voice),
    };
    exit.into()
}

fn run(verb: Verb) -> anyhow::Result<Exit> {
    // A worker is one loop beside its supervisors: one thread does it with less memory and fewer wake-ups.
    let mut builder = match verb {
        Verb::Worker(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build()?;
    let exit = runtime.block_on(async {
        match verb {
            Verb::Up(args) => up::run(args).await,
            Verb::Master(verb) => master::run(verb).await,
            Verb::Worker(verb) => worker::run(verb).await,
            Verb::Force(args) => force::run(args).await,
            Verb::Stop(args) => stop::run(args).await,
            Verb::Rebuild(args) => rebuild::run(args).await,
            Verb::Log(args) => log::run(args).await,
            Verb::Status(args) => status::run(args).await,
            Verb::Why(args) => why::run(args).await,
            Verb::Try(args) => r#try::run(args).await,
            Verb::Tryserver(args) => tryserver::run(&args),
            Verb::Sendchange(args) => sendchange::run(args).await,
            Verb::Fsck(args) => fsck::run(args).await,
            Verb::Version(args) => version::run(&args),
            Verb::Tests(verb) => tests::run(verb).await,
            Verb::Import(args) => import::run(&args),
            Verb::Gate(args) => gate::run(args).await,
            Verb::Land(args) => land::run(args).await,
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    exit
}
