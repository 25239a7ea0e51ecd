//! `sluice master`: a master's life.

use crate::daemon::{Daemon, argument};
use crate::exit::{Exit, Trouble};
use crate::out;
use crate::target::announce;
use anyhow::{Context, bail};
use client::Client;
use master::base::BaseDir;
use master::in_force::without_secrets;
use master::{Master, Setup, config_file};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Make a base directory with a configuration to begin with
    #[command(before_help = "Example: sluice master init ~/ci")]
    Init(Dir),
    /// Say what is configured and what a reload would change, or what is wrong
    #[command(before_help = "Example: sluice master check ~/ci")]
    Check(Dir),
    /// Run in the foreground until interrupted
    #[command(before_help = "Example: sluice master run ~/ci")]
    Run(Dir),
    /// Start in the background
    #[command(before_help = "Example: sluice master start ~/ci")]
    Start(Dir),
    /// End the one that runs; builds on workers go on
    #[command(before_help = "Example: sluice master stop ~/ci")]
    Stop(Dir),
    /// Stop and start
    #[command(before_help = "Example: sluice master restart ~/ci")]
    Restart(Dir),
    /// Read the configuration again: all of it comes into force, or nothing
    #[command(before_help = "Example: sluice master reload ~/ci")]
    Reload(Dir),
    /// Copy the base directory while the master works: store, logs, configuration, secrets
    #[command(before_help = "Example: sluice master backup ~/ci /mnt/backup/ci-friday")]
    Backup(crate::backup::BackupArgs),
    /// Make a base directory of a backup, with every file checked
    #[command(before_help = "Example: sluice master restore /mnt/backup/ci-friday ~/ci")]
    Restore(crate::backup::RestoreArgs),
    /// Bring the store of an earlier Sluice up to date, with a copy of it first
    #[command(before_help = "Example: sluice master upgrade ~/ci")]
    Upgrade(crate::upgrade::Args),
}

#[derive(clap::Args)]
pub(crate) struct Dir {
    /// The base directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(crate) async fn run(verb: Verb) -> anyhow::Result<Exit> {
    match verb {
        Verb::Init(Dir { dir }) => init(&dir),
        Verb::Check(Dir { dir }) => check(&dir).await,
        Verb::Run(Dir { dir }) => run_master(&dir).await,
        Verb::Start(Dir { dir }) => start(&dir),
        Verb::Stop(Dir { dir }) => stop(&dir),
        Verb::Restart(Dir { dir }) => {
            stop(&dir)?;
            start(&dir)
        }
        Verb::Reload(Dir { dir }) => reload(&dir).await,
        Verb::Backup(args) => crate::backup::backup(args).await,
        Verb::Restore(args) => crate::backup::restore(args).await,
        Verb::Upgrade(args) => crate::upgrade::run(args).await,
    }
}

/// What a new master's configuration says; every line of it works as it stands.
const EXAMPLE: &str = include_str!("master.star");

fn init(dir: &Path) -> anyhow::Result<Exit> {
    let base = BaseDir::at(dir);
    if base.config().exists() {
        bail!("{} is there already and is left as it is", base.config().display());
    }
    base.create()?;
    std::fs::write(base.config(), EXAMPLE).with_context(|| format!("cannot write {}", base.config().display()))?;
    let (dir, config) = (dir.display(), base.config());
    out::line(format!("  ✓ {dir} is made, with its token in {}", base.token_file().display()))?;
    out::line(format!("    edit {}, then", config.display()))?;
    out::line(format!("    sluice master check {dir}"))?;
    out::line(format!("    sluice master start {dir}"))?;
    Ok(Exit::Passed)
}

fn existing(dir: &Path) -> anyhow::Result<BaseDir> {
    let base = BaseDir::at(dir);
    if !base.config().exists() {
        return Err(master::base::BaseError::NotABase { dir: dir.to_owned() }.into());
    }
    Ok(base)
}

fn load(base: &BaseDir) -> anyhow::Result<model::Config> {
    Ok(config_file::load(base.root())?)
}

async fn check(dir: &Path) -> anyhow::Result<Exit> {
    let base = existing(dir)?;
    let config = load(&base)?;
    out::bytes(config::describe(&config).as_bytes())?;
    if let Some(running) = in_force(&base).await {
        let changes = config::difference(&running, &without_secrets(&config));
        if changes.is_empty() {
            out::line("\nA reload changes nothing.")?;
        } else {
            out::line("\nA reload would change:")?;
            out::lines(changes.iter().map(|line| format!("  {line}")))?;
        }
    }
    Ok(Exit::Passed)
}

/// What the running master has in force, as it wrote it down when it took it.
async fn in_force(base: &BaseDir) -> Option<model::Config> {
    daemon(base).running().ok().flatten()?;
    master::in_force::read(base)
}

async fn run_master(dir: &Path) -> anyhow::Result<Exit> {
    let base = existing(dir)?;
    let config::Loaded { config, functions } = config_file::load_all(base.root())?;
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).with_ansi(ansi).init();
    let timezone = jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_owned();
    let surroundings = engine::Surroundings { functions, timezone };
    let setup = Setup { surroundings, ..Setup::of(base.clone(), config) };
    let master = Master::start(setup).await?;
    announce(master.url(), base.root());
    tracing::info!("the pages are at {}", master.url());
    let mut ends = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let [term, int] = &mut ends;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = int.recv() => break,
            _ = hangup.recv() => match master.reload().await {
                Ok(said) => said.iter().for_each(|line| tracing::info!("reload: {line}")),
                Err(e) => tracing::error!("the old configuration stays in force: {e}"),
            },
        }
    }
    tracing::info!("stopping");
    master.stop().await;
    Ok(Exit::Passed)
}

fn daemon(base: &BaseDir) -> Daemon {
    Daemon::of_master(base.root())
}

fn start(dir: &Path) -> anyhow::Result<Exit> {
    let base = existing(dir)?;
    // What is wrong with the configuration is said here and not in a file.
    load(&base)?;
    let arguments = ["master".as_ref(), "run".as_ref(), argument(dir)];
    let ready = |pid: u32| address(&base).is_some_and(|(of, _)| of == pid);
    let pid = daemon(&base).start(&arguments, ready).map_err(|e| Trouble(format!("{e:#}")))?;
    // The master says itself where its token is, a moment after its address: the next command may be faster than that.
    let (_, url) = address(&base).context("the master is gone again")?;
    announce(&url, base.root());
    out::line(format!("  ✓ the master of {} runs as process {pid}: {url}", dir.display()))?;
    Ok(Exit::Passed)
}

fn stop(dir: &Path) -> anyhow::Result<Exit> {
    let base = existing(dir)?;
    match daemon(&base).stop()? {
        true => out::line(format!("  ✓ the master of {} has ended", dir.display()))?,
        false => out::line(format!("  – no master runs in {}", dir.display()))?,
    }
    Ok(Exit::Passed)
}

/// Which process serves the directory, and where.
pub(crate) fn address(base: &BaseDir) -> Option<(u32, String)> {
    let text = std::fs::read_to_string(base.address()).ok()?;
    let (pid, url) = text.trim().split_once(' ')?;
    Some((pid.parse().ok()?, url.to_owned()))
}

async fn reload(dir: &Path) -> anyhow::Result<Exit> {
    let base = existing(dir)?;
    if daemon(&base).running()?.is_none() {
        return Err(Trouble(format!("no master runs in {}", dir.display())).into());
    }
    let (_, url) = address(&base).context("the running master has not said where it is")?;
    let client = Client::new(&url, Some(base.token()?))?;
    match client.reload().await {
        Ok(said) if said.is_empty() => out::line("  ✓ nothing has changed")?,
        Ok(said) => {
            out::line("  ✓ the new configuration is in force")?;
            out::lines(said.iter().map(|line| format!("    {line}")))?;
        }
        Err(client::ClientError::Refused { what, .. }) => {
            bail!("{what}\n\nthe old configuration stays in force");
        }
        Err(e) => return Err(e.into()),
    }
    Ok(Exit::Passed)
}
