//! `sluice worker`: a worker's life.

mod standing;

use crate::daemon::{Daemon, argument};
use crate::exit::{Exit, Trouble};
use crate::number;
use crate::out;
use anyhow::{Context, bail};
use model::Span;
use model::worker::Secret;
use rustix::fs::{FlockOperation, flock};
use standing::{First, Told};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use worker::{Initialised, Password, Settings, Standing, Wish};

#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Make a worker's base directory
    #[command(
        before_help = "Example: sluice worker init ~/w --master http://ci.example.org:8010 \\\n             --name mac --password-file ~/mac.password"
    )]
    Init(InitArgs),
    /// Run in the foreground until interrupted
    #[command(before_help = "Example: sluice worker run ~/w")]
    Run(Dir),
    /// Start in the background
    #[command(before_help = "Example: sluice worker start ~/w")]
    Start(Dir),
    /// End the one that runs, and its commands
    #[command(before_help = "Example: sluice worker stop ~/w")]
    Stop(Dir),
    /// Stop and start
    #[command(before_help = "Example: sluice worker restart ~/w")]
    Restart(Dir),
}

#[derive(clap::Args)]
pub(crate) struct Dir {
    /// The base directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct InitArgs {
    /// The base directory; everything that the worker does happens below it
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Address of the master
    #[arg(long, value_name = "URL")]
    master: String,
    /// Name of this worker in the master's configuration
    #[arg(long, value_parser = name)]
    name: String,
    /// Its password there
    #[arg(long, required_unless_present = "password_file", conflicts_with = "password_file")]
    password: Option<String>,
    /// A file with its password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Give commands a terminal
    #[arg(long, value_name = "0|1", default_value = "0", value_parser = ["0", "1"])]
    usepty: String,
    /// Mask of the files that commands make, octal
    #[arg(long, value_name = "OCT", value_parser = octal)]
    umask: Option<u32>,
    /// A sign of life to the master at least this often
    #[arg(long, value_name = "SECONDS", value_parser = number::seconds)]
    keepalive: Option<i64>,
}

fn name(text: &str) -> Result<String, String> {
    config::check_name(text).map_err(|wanted| format!("the master's configuration wants {wanted}"))?;
    Ok(text.to_owned())
}

/// The address of a master, also from that of one of its pages.
fn master(text: &str) -> String {
    match client::Client::new(text, None) {
        Ok(client) if client.url() != text.trim_end_matches('/') => client.url().to_owned(),
        _ => text.to_owned(),
    }
}

fn octal(text: &str) -> Result<u32, String> {
    let mask = u32::from_str_radix(text, 8).ok().filter(|m| *m <= 0o777);
    mask.ok_or_else(|| "a mask is an octal number from 0 to 777, such as 022".to_owned())
}

pub(crate) async fn run(verb: Verb) -> anyhow::Result<Exit> {
    match verb {
        Verb::Init(args) => init(args),
        Verb::Run(Dir { dir }) => run_worker(&dir).await,
        Verb::Start(Dir { dir }) => start(&dir),
        Verb::Stop(Dir { dir }) => stop(&dir),
        Verb::Restart(Dir { dir }) => {
            stop(&dir)?;
            start(&dir)
        }
    }
}

fn init(args: InitArgs) -> anyhow::Result<Exit> {
    let password = match (args.password, args.password_file) {
        (Some(text), _) => Password::Text(Secret::new(text)),
        (None, Some(path)) => Password::File(std::path::absolute(path)?),
        (None, None) => bail!("a worker proves who it is: give --password or --password-file"),
    };
    let settings = Settings {
        master: master(&args.master),
        name: args.name,
        password,
        usepty: args.usepty == "1",
        umask: args.umask,
        keepalive: args.keepalive.map(Span::seconds),
    };
    let dir = args.dir.display();
    match worker::init(&args.dir, &settings)? {
        Initialised::New => {
            out::line(format!("  ✓ {dir} is made"))?;
            out::line(format!("    say who you are in {dir}/info/admin"))?;
            out::line(format!("    and what machine it is in {dir}/info/host, then"))?;
            out::line(format!("    sluice worker start {dir}"))?;
        }
        Initialised::AsBefore => out::line(format!("  – {dir} is there already, with the same settings"))?,
    }
    Ok(Exit::Passed)
}

fn daemon(dir: &Path) -> Daemon {
    Daemon { log: dir.join("sluice.log"), pid: dir.join("sluice.pid") }
}

fn load(dir: &Path) -> anyhow::Result<worker::Setup> {
    if !dir.join("worker.conf").exists() {
        bail!(
            "{} is no worker's base directory: there is no worker.conf\nhelp: make one with sluice worker init {}",
            dir.display(),
            dir.display()
        );
    }
    let exe = std::env::current_exe().context("cannot find this very program")?;
    // Commands run in directories of their own, where a relative path would lead elsewhere.
    Ok(worker::load(&std::path::absolute(dir)?, &exe)?)
}

/// By then a worker has connected, and does not need most of what it was started with again.
const SETTLED: std::time::Duration = std::time::Duration::from_secs(2);

async fn run_worker(dir: &Path) -> anyhow::Result<Exit> {
    let mut setup = load(dir)?;
    let _hold = hold(dir)?;
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).with_ansi(ansi).init();
    let (wish, wishes) = watch::channel(Wish::GoOn);
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => (),
            _ = int.recv() => (),
        }
        wish.send_replace(Wish::EndCommands);
        // A second signal changes nothing: the commands are being ended already.
        wish.closed().await;
    });
    tokio::spawn(async {
        tokio::time::sleep(SETTLED).await;
        process::pages::let_go_of_start();
    });
    let standing = watch::Sender::default();
    tokio::spawn(standing::write_down(dir.to_owned(), standing.subscribe()));
    setup.standing = Some(standing);
    worker::run(setup, wishes).await?;
    Ok(Exit::Passed)
}

/// Takes the directory for this process; the lock goes with it, however it ends.
fn hold(dir: &Path) -> anyhow::Result<std::fs::File> {
    let path = dir.join("sluice.pid");
    let opened = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let mut file = opened.with_context(|| format!("cannot open {}", path.display()))?;
    // Whoever asks whether a worker runs holds the file for an instant.
    let mut tries = (0..10).map(|n| {
        std::thread::park_timeout(std::time::Duration::from_millis(n * 5));
        flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
    });
    if !tries.any(|taken| taken) {
        bail!("a worker runs in {} already; stop it first (sluice worker stop {})", dir.display(), dir.display());
    }
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

fn start(dir: &Path) -> anyhow::Result<Exit> {
    // What is wrong with the settings is said here and not in a file.
    load(dir)?;
    let daemon = daemon(dir);
    let arguments = ["worker".as_ref(), "run".as_ref(), argument(dir)];
    let ready = |pid: u32| daemon.running().ok().flatten() == i32::try_from(pid).ok();
    let pid = daemon.start(&arguments, ready).map_err(|e| Trouble(format!("{e:#}")))?;
    let stands = match standing::first(dir, &daemon, pid) {
        First::Stands(stands) => stands,
        First::Gone => bail!(Trouble(format!("it has ended again; see {}", daemon.log.display()))),
    };
    let mark = match stands {
        Standing::Connected => '✓',
        Standing::Refused(_) => '✗',
        Standing::Away(_) | Standing::Trying => '–',
    };
    out::line(format!("  {mark} the worker of {} runs as process {pid}", dir.display()))?;
    out::line(format!("    {}", Told(&stands)))?;
    if let Standing::Refused(_) = stands {
        out::line("    it tries again now and then; mend its settings or the master's configuration, or end it:")?;
        out::line(format!("    sluice worker stop {}", dir.display()))?;
    }
    out::line(format!("    it says what it does in {}", daemon.log.display()))?;
    Ok(if matches!(stands, Standing::Refused(_)) { Exit::Infrastructure } else { Exit::Passed })
}

fn stop(dir: &Path) -> anyhow::Result<Exit> {
    load(dir)?;
    match daemon(dir).stop()? {
        true => out::line(format!("  ✓ the worker of {} has ended", dir.display()))?,
        false => out::line(format!("  – no worker runs in {}", dir.display()))?,
    }
    Ok(Exit::Passed)
}
