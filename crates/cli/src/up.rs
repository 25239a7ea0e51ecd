//! `sluice up`: a master and a local worker for one repository, without a configuration.

mod demo;
mod free;
pub(crate) mod plan;

use crate::exit::{Exit, Trouble};
use crate::follow::Follower;
use crate::hosted::Hosted;
use crate::out;
use crate::patience::wake;
use crate::show::{self, Paper};
use crate::target::{announce, state_dir};
use anyhow::{Context, bail};
use client::Client;
use master::base::BaseDir;
use model::{BuilderId, NewChange, RequestId, Results};
use plan::Plan;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vcs::git::LocalBranch;
use web::control::Force;

#[derive(clap::Args)]
#[command(before_help = "Example: sluice up --demo\n         sluice up ~/src/zlib --once")]
pub(crate) struct Args {
    /// The repository; the one around the current directory when absent
    #[arg(value_name = "REPO", conflicts_with = "demo")]
    repo: Option<PathBuf>,
    /// Make a small project with a history, and build it commit by commit
    #[arg(long)]
    demo: bool,
    /// Where everything is kept; a directory of its own for each repository when absent
    #[arg(long, value_name = "DIR")]
    basedir: Option<PathBuf>,
    /// Where the pages are
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8010")]
    listen: String,
    /// The branch to build; the one that is checked out when absent
    #[arg(long)]
    branch: Option<String>,
    /// Build the head and end with its result
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .init();
    let interrupted = interrupted()?;
    if args.demo {
        return demo::run(args, interrupted).await;
    }
    let dir = args.repo.clone().unwrap_or_else(|| PathBuf::from("."));
    if !dir.exists() {
        bail!("there is no {}; give the path of a git repository on this machine", dir.display());
    }
    let branch = LocalBranch::look(&dir, args.branch.as_deref())?;
    let basedir = args.basedir.clone().map_or_else(|| usual_basedir(&branch.root), Ok)?;
    let mut plan = Plan::of(&branch, &listen(&args))?;
    if args.once {
        // A poller could see the head before it is told of, and it would be built twice.
        plan.config.sources.clear();
    }
    free::check(&BaseDir::at(&basedir), &listen(&args))?;
    out::lines(plan.told().iter().map(|line| format!("  {line}")))?;
    let session = Session::open(&basedir, plan).await?;
    tokio::select! {
        exit = session.go(&branch, args.once) => {
            session.close().await;
            exit
        }
        () = interrupted => session.interrupted().await,
    }
}

/// Ctrl-C, TERM, or the terminal is closed: whoever started this is gone, and nothing of it may stay behind.
pub(crate) fn interrupted() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = int.recv() => (),
            _ = term.recv() => (),
            _ = hangup.recv() => (),
        }
    })
}

/// With `--once` nobody looks at a page, and the usual port may be taken.
fn listen(args: &Args) -> String {
    match args.once && args.listen == "127.0.0.1:8010" {
        true => "127.0.0.1:0".to_owned(),
        false => args.listen.clone(),
    }
}

/// A directory for each repository, told apart by its place.
fn usual_basedir(root: &Path) -> anyhow::Result<PathBuf> {
    let name = root.file_name().map_or("repository".into(), |n| n.to_string_lossy().into_owned());
    let place = root.as_os_str().as_encoded_bytes();
    // FNV-1a (RFC draft-eastlake-fnv): short, and the same with every compiler.
    let sum = place.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    Ok(state_dir()?.join("up").join(format!("{name}-{:08x}", sum >> 32)))
}

/// A master for one repository.
struct Session {
    hosted: Hosted,
}

impl Session {
    async fn open(basedir: &Path, plan: Plan) -> anyhow::Result<Self> {
        let listen = plan.config.web.listen.clone();
        let hosted = Hosted::open(basedir, plan.config).await.map_err(|e| free::in_words(e, &listen))?;
        announce(hosted.master.url(), basedir);
        let said = out::lines([format!("  the pages are at {}", hosted.master.url()), String::new()]);
        let session = Self { hosted };
        if let Err(e) = said {
            session.close().await;
            return Err(e.into());
        }
        Ok(session)
    }

    /// Builds the head, and goes on with what comes.
    async fn go(&self, branch: &LocalBranch, once: bool) -> anyhow::Result<Exit> {
        let requests = self.build_head(branch).await?;
        let worst = self.show(requests).await?;
        if once {
            return Ok(worst.into());
        }
        out::line(format!("\n  waiting for commits on {}; Ctrl-C ends it", branch.branch))?;
        self.show_what_comes(branch).await
    }

    /// Tells the master of the head. If it was known already it is built again, but for what is being built: a poller
    /// was faster, or the last `up` was killed.
    async fn build_head(&self, branch: &LocalBranch) -> anyhow::Result<Vec<RequestId>> {
        let control = self.hosted.master.control();
        let before = self.newest_request().await?;
        if control.add_change(plan::change_of(branch)).await?.is_some() {
            return self.requests_after(before).await;
        }
        let (mut requests, idle) = self.under_way(&branch.head.revision).await?;
        if idle.is_empty() {
            return Ok(requests);
        }
        let force = Force {
            owner: crate::force::owner(),
            reason: "sluice up".to_owned(),
            branch: Some(branch.branch.clone()),
            revision: Some(branch.head.revision.clone()),
            repository: branch.root.display().to_string(),
            builders: idle,
            ..Force::default()
        };
        let forced = control.force(force).await?;
        requests.extend(forced.requests.into_iter().map(|(_, request)| request));
        Ok(requests)
    }

    /// The open requests for a revision, and the builders that have none.
    async fn under_way(&self, revision: &str) -> anyhow::Result<(Vec<RequestId>, Vec<BuilderId>)> {
        let builders = self.hosted.client.builders(&client::Filter::all()).await?.rows;
        let mut idle: Vec<BuilderId> = builders.iter().map(|b| BuilderId(b.builderid)).collect();
        let mut requests = Vec::new();
        let open = client::Filter::all().with("complete", false).with("order", "buildrequestid");
        for request in self.hosted.client.requests(&open).await?.rows {
            let stamps = self.hosted.client.set(request.buildsetid).await?.sourcestamps;
            if stamps.iter().any(|s| s.revision.as_deref() == Some(revision)) {
                requests.push(RequestId(request.buildrequestid));
                idle.retain(|builder| builder.0 != request.builderid);
            }
        }
        Ok((requests, idle))
    }

    /// Waits for requests beyond this one.
    async fn next_requests(&self, before: i64) -> anyhow::Result<Vec<RequestId>> {
        let mut listeners = [self.hosted.client.listen("buildrequests/*/*")];
        loop {
            let newer = self.requests_after(before).await?;
            if !newer.is_empty() {
                return Ok(newer);
            }
            wake(&mut listeners, Duration::from_secs(1)).await?;
        }
    }

    async fn newest_request(&self) -> anyhow::Result<i64> {
        let newest = client::Filter::all().newest("buildrequestid", 1);
        Ok(self.hosted.client.requests(&newest).await?.rows.first().map_or(0, |r| r.buildrequestid))
    }

    async fn requests_after(&self, before: i64) -> anyhow::Result<Vec<RequestId>> {
        let newer = client::Filter::all().with("buildrequestid__gt", before).with("order", "buildrequestid");
        Ok(self.hosted.client.requests(&newer).await?.rows.iter().map(|r| RequestId(r.buildrequestid)).collect())
    }

    /// Shows these builds one after the other; gives the worst result.
    async fn show(&self, requests: Vec<RequestId>) -> anyhow::Result<Results> {
        let mut worst = Results::Skipped;
        for request in requests {
            worst = worst.worst(Follower::new(self.hosted.client.clone(), request.0, false).run().await?);
        }
        Ok(worst)
    }

    async fn show_what_comes(&self, branch: &LocalBranch) -> anyhow::Result<Exit> {
        let mut shown = self.newest_request().await?;
        let mut listeners = [self.hosted.client.listen("buildrequests/*/*")];
        let mut source = Source { state: String::new(), trouble: None };
        loop {
            for request in self.requests_after(shown).await? {
                shown = request.0;
                self.announce_source(request).await?;
                self.show(vec![request]).await?;
            }
            source.look(&self.hosted.client, branch).await?;
            wake(&mut listeners, Duration::from_secs(1)).await?;
        }
    }

    /// What is about to be built, in a line.
    async fn announce_source(&self, request: RequestId) -> anyhow::Result<()> {
        let request = self.hosted.client.request(request.0).await?;
        let set = self.hosted.client.set(request.buildsetid).await?;
        let Some(stamp) = set.sourcestamps.first() else { return Ok(()) };
        let revision = stamp.revision.as_deref().unwrap_or("the newest");
        let newest = client::Filter::all().with("revision", revision).newest("changeid", 1);
        let change = self.hosted.client.changes(&newest).await?.rows.into_iter().next();
        let title = change.map(|c| c.comments.lines().next().unwrap_or_default().to_owned()).unwrap_or(set.reason);
        let short: String = revision.chars().take(7).collect();
        out::line(format!("\n  {}", show::cut(&format!("{short} {title}"), show::WIDTH - 2)))?;
        Ok(())
    }

    async fn close(self) {
        self.hosted.close().await;
    }

    async fn interrupted(self) -> anyhow::Result<Exit> {
        let said: &[&str] = if Paper::of_stdout() == Paper::Terminal { &["", "  stopping"] } else { &["  stopping"] };
        // The terminal may be what has gone; everything is ended in order all the same.
        let _ = out::lines(said);
        self.close().await;
        Ok(Exit::Interrupted)
    }
}

/// What is known of the repository beside its commits.
struct Source {
    /// What the poller said when the repository was looked at last.
    state: String,
    /// What is wrong with it, as it was told.
    trouble: Option<String>,
}

impl Source {
    /// Tells when the branch is gone or the repository cannot be read, and when that is over.
    async fn look(&mut self, client: &Client, branch: &LocalBranch) -> anyhow::Result<()> {
        let Some(source) = client.live().await?.sources.into_iter().next() else { return Ok(()) };
        // What comes back before the poller has missed it changes no state.
        if source.state == self.state && self.trouble.is_none() {
            return Ok(());
        }
        self.state = source.state;
        let trouble = match LocalBranch::look(&branch.root, Some(&branch.branch)) {
            Ok(_) => None,
            Err(e) => Some(e.to_string()),
        };
        if trouble != self.trouble {
            match &trouble {
                Some(what) => out::line(format!("\n  ! {what}\n    commits are built again when it is back"))?,
                None => out::line(format!("\n  ✓ {} is back", branch.branch))?,
            }
            self.trouble = trouble;
        }
        Ok(())
    }
}

/// An act of this very process that its own master refused is trouble, not usage.
impl From<web::control::ControlError> for Trouble {
    fn from(e: web::control::ControlError) -> Self {
        Trouble(e.to_string())
    }
}

/// The number of processors that a build may use.
pub(crate) fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX))
}

/// A change as it is told to the master.
fn named(change: &NewChange) -> String {
    let short = change.short_revision().unwrap_or("").chars().take(7).collect::<String>();
    show::cut(&format!("{short} {}", change.title()), show::WIDTH - 2)
}

/// What marks a directory as made by a demo.
const DEMO_MARK: &str = ".sluice-demo";

/// Makes a directory for a demo. Only one that an earlier demo made is cleared: nobody's files are thrown away.
fn fresh_dir(dir: &Path) -> anyhow::Result<()> {
    let full = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if full && !dir.join(DEMO_MARK).is_file() {
        let dir = dir.display();
        bail!(
            "{dir} holds files, and nothing in it says that a demo made them\n\
             help: if it is left over from a demo of an earlier version, delete it: rm -r {dir}\n      \
             otherwise give another place: sluice up --demo --basedir NEW_DIR"
        );
    }
    if full {
        std::fs::remove_dir_all(dir).with_context(|| format!("cannot clear {}", dir.display()))?;
    }
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    std::fs::write(dir.join(DEMO_MARK), "").with_context(|| format!("cannot write in {}", dir.display()))
}
