//! `sluice tests`: run the tests of an area, and say what became of them.

mod acts;
mod config;
mod diff;
mod find;
mod inside;
mod list;
mod live;
mod log;
mod log_follow;
mod migrate;
mod pages;
mod remote;
mod report;
mod run;
mod show;
mod why;

use crate::exit::Exit;
use anyhow::{Context, bail};
use clap::Subcommand;
pub(crate) use inside::megatest;
use runner::{Base, Book, Home};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Run tests; what has a verdict in this run already stays as it is
    Run(run::Args),
    /// Run again what ended badly, or in some other way
    Rerun(run::RerunArgs),
    /// List runs, or the items of a run
    List(list::Args),
    /// Show a run, or everything that is known of an item
    Show(show::Args),
    /// Say why an item is where it is
    Why(why::Args),
    /// Print the log of a step
    Log(log::Args),
    /// End items of a run
    Kill(acts::Kill),
    /// Say what items are; inside of a test, what it is itself
    SetStatus(acts::SetStatus),
    /// Hold two runs against each other
    Diff(diff::Args),
    /// Write a run as JUnit's XML, as JSON and as pages
    Report(report::Args),
    /// Remove the directories and records of a run, after telling which
    Remove(acts::Remove),
    /// Let nobody change a run
    #[command(before_help = "Example: sluice tests lock -n r7\n         sluice tests lock -n r7 --undo")]
    Lock(acts::Flag),
    /// Let nobody remove a run
    #[command(before_help = "Example: sluice tests keep -n r7\n         sluice tests keep -n r7 --undo")]
    Keep(acts::Flag),
    /// Inside of a test: a step of its own begins or ends
    Step(inside::Step),
    /// Inside of a test: take in what it measured
    LoadData(inside::LoadData),
    /// Inside of a test: say what is shown first
    SetLog(inside::SetLog),
    /// Show the runs of the area in a browser
    Pages(pages::Args),
    /// Print the values that are in force, each with its file and line
    Config(config::Args),
    /// Write an area of Megatest as a tests.star
    Migrate(migrate::Args),
}

/// Which area, and which run of it.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// The area, or a directory in it; the current one when absent
    #[arg(long, value_name = "DIR")]
    area: Option<PathBuf>,
    /// The target: a value for each field of the area, with / between them
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// The run, by its name
    #[arg(long, short = 'n', value_name = "NAME")]
    runname: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Place {
    fn home(&self) -> anyhow::Result<Home> {
        let dir = self.area.clone().unwrap_or_else(|| ".".into());
        Ok(Home::find(&dir)?)
    }

    /// The area, and what is on record of it.
    fn open(&self) -> anyhow::Result<(Home, Book)> {
        let home = self.home()?;
        let Some(base) = Base::existing(&home) else {
            bail!("nothing was run in {} yet\nhelp: sluice tests run", home.dir.display());
        };
        let book = Book::look(&base, tokio::runtime::Handle::current())?;
        Ok((home, book))
    }
}

pub(crate) async fn run(verb: Verb) -> anyhow::Result<Exit> {
    let verb = match verb {
        Verb::Pages(args) => return pages::run(args).await,
        other => other,
    };
    let stopped = match &verb {
        Verb::Log(args) if !args.follows() => None,
        Verb::Run(_) | Verb::Rerun(_) | Verb::Log(_) => Some(crate::up::interrupted()?),
        _ => None,
    };
    let (stop, stopping) = tokio::sync::watch::channel(false);
    if let Some(stopped) = stopped {
        tokio::spawn(async move {
            stopped.await;
            stop.send_replace(true);
        });
    }
    // All of this blocks: files, locks, processes, the store.
    let work = tokio::task::spawn_blocking(move || match verb {
        Verb::Run(args) => run::run(args, stopping),
        Verb::Rerun(args) => run::rerun(args, stopping),
        Verb::List(args) => list::run(&args),
        Verb::Show(args) => show::run(&args),
        Verb::Why(args) => why::run(&args),
        Verb::Log(args) => log::run(&args, &stopping),
        Verb::Config(args) => config::run(&args),
        Verb::Migrate(args) => migrate::run(&args),
        Verb::Kill(args) => acts::kill(&args),
        Verb::SetStatus(args) => acts::set_status(&args),
        Verb::Diff(args) => diff::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Remove(args) => acts::remove(&args),
        Verb::Lock(args) => acts::lock(&args),
        Verb::Keep(args) => acts::keep(&args),
        Verb::Step(args) => inside::step(&args),
        Verb::LoadData(args) => inside::load_data(&args),
        Verb::SetLog(args) => inside::set_log(&args),
        // It waits on the network, and was answered above.
        Verb::Pages(_) => Ok(Exit::Passed),
    });
    work.await.context("the command ended in the middle")?
}
