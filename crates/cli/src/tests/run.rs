//! `sluice tests run` and `rerun`.

use super::Place;
use super::find::{self, called};
use super::live::Live;
use super::remote;
use crate::exit::{Exit, Trouble};
use crate::out;
use crate::show::Paper;
use anyhow::{Context, bail};
use model::TestRun;
use model::testrun::TestRunState;
use runner::slot::News;
use runner::{Again, Base, Book, Defined, Held, Home, Host, Runner, Taken, Wish};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether an area is free again.
const LOOK: Duration = Duration::from_millis(200);
/// Files that a runner has open by itself, and with each item that is out.
const FILES: (u64, u64) = (64, 4);
/// So many items are out at once where another program has the queue.
const ELSEWHERE: u32 = 100;

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests run\n         sluice tests run --target linux/gcc 'build/%,check' -j 8\n         \
                   sluice tests run --host slurm:partition=long",
    after_help = "Without --runname it goes on with the newest run of the target that has not ended, and begins a new \
                  one where there is none. What it waits for comes along with a test.\n\n\
                  It returns when everything has ended: with 0 when nothing bad counts, else with 1; with 2 for a wrong \
                  command or configuration, 3 when the machine is in the way, and 130 after Ctrl-C, which ends what runs."
)]
pub(crate) struct Args {
    /// Test patterns, such as build, build/gcc, %/gcc; all tests when absent
    #[arg(value_name = "TEST")]
    tests: Vec<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    how: How,
    /// Begin a new run, though another has not ended
    #[arg(long, conflicts_with = "runname")]
    new: bool,
}

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests rerun failed\n         sluice tests rerun FAIL,ABORT build -n r7",
    after_help = "What passed stands, and what is run again is run again with what it was waited for by. It returns as \
                  sluice tests run does."
)]
pub(crate) struct RerunArgs {
    /// What: failed, clean (whatever is not clean), all, or statuses with commas between them
    #[arg(value_name = "WHAT")]
    what: String,
    /// Of these tests only
    #[arg(value_name = "TEST")]
    tests: Vec<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    how: How,
}

#[derive(clap::Args)]
struct How {
    /// Where: local, slurm, or slurm:partition=long,cpus=2 and so on; what the area says when absent
    #[arg(long, value_name = "HOST", conflicts_with = "master")]
    host: Option<Host>,
    /// Items at once; one for each processor when absent, 100 in Slurm, 32 with --master
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    jobs: Option<u32>,
    #[command(flatten)]
    remote: remote::OnMaster,
    /// Only tests with a tag like this
    #[arg(long, value_name = "TAGS")]
    tags: Option<String>,
    /// What to say of the run
    #[arg(long, short = 'm', value_name = "TEXT")]
    comment: Option<String>,
    /// Do not wait for another runner in this area
    #[arg(long)]
    no_wait: bool,
    /// Without a terminal: tell of every item, and not only of what went wrong
    #[arg(long, short)]
    verbose: bool,
}

pub(super) fn run(args: Args, stop: watch::Receiver<bool>) -> anyhow::Result<Exit> {
    let patterns = if args.tests.is_empty() { "%".to_owned() } else { args.tests.join(",") };
    let mut job = Job::begin(args.place, args.how, stop)?;
    let target = job.place.target.clone().unwrap_or_default();
    let defined = job.home.read(&target, job.place.runname.as_deref())?;
    let name = match (&job.place.runname, args.new) {
        (Some(name), _) => name.clone(),
        (None, true) => runner::next_name(&job.book, &defined.area.name, &defined.target.to_string())?,
        (None, false) => job.unfinished(&defined, &patterns)?,
    };
    job.go(defined, &name, patterns, Again::Plain)
}

pub(super) fn rerun(args: RerunArgs, stop: watch::Receiver<bool>) -> anyhow::Result<Exit> {
    let mut job = Job::begin(args.place, args.how, stop)?;
    let known = find::run(&job.book, &job.place)?;
    let again = match args.what.as_str() {
        "clean" => Again::Clean,
        "all" => Again::All,
        list => Again::Listed(list.to_owned()),
    };
    let patterns = if args.tests.is_empty() { known.patterns.clone() } else { args.tests.join(",") };
    let defined = job.home.read(&known.target, Some(&known.name))?;
    job.go(defined, &known.name, patterns, again)
}

/// A run that is about to be.
struct Job {
    home: Home,
    base: Base,
    book: Book,
    _held: Held,
    place: Place,
    how: How,
    stop: watch::Receiver<bool>,
}

impl Job {
    fn begin(place: Place, how: How, stop: watch::Receiver<bool>) -> anyhow::Result<Self> {
        let home = place.home()?;
        // It would wait for itself.
        let around = std::env::var_os("MT_RUN_AREA_HOME").filter(|_| std::env::var_os("SLUICE_TEST_ATTEMPT").is_some());
        if around.is_some_and(|around| around == home.dir) {
            bail!("a test cannot run tests of its own area");
        }
        let base = Base::open(&home)?;
        let held = take(&base, if how.no_wait { Wait::No } else { Wait::Yes }, &stop)?;
        base.make_programs(&std::env::current_exe()?)?;
        let book = Book::open(&base, tokio::runtime::Handle::current())?;
        Ok(Job { home, base, book, _held: held, place, how, stop })
    }

    /// The newest run of the target, if it has not ended and was asked for in the same way; else a new name.
    fn unfinished(&self, defined: &Defined, patterns: &str) -> anyhow::Result<String> {
        let (area, target) = (&defined.area.name, defined.target.to_string());
        let newest = self.book.runs()?.into_iter().find(|r| r.area == *area && r.target == target);
        let open = newest.filter(|r| matches!(r.state, TestRunState::Running | TestRunState::Interrupted));
        let open = open.map(|line| self.book.run(line.id)).transpose()?.flatten();
        match open.filter(|run| run.patterns == patterns) {
            Some(run) => Ok(run.name),
            None => Ok(runner::next_name(&self.book, area, &target)?),
        }
    }

    fn go(&mut self, mut defined: Defined, name: &str, patterns: String, again: Again) -> anyhow::Result<Exit> {
        if self.place.runname.is_none() {
            // Its files may look at the name of the run.
            defined = self.home.read(&defined.target.to_string(), Some(name))?;
        }
        let processors = std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1));
        let master = self.how.remote.way()?;
        let host = self.how.host.clone().unwrap_or_else(|| defined.area.host.clone());
        let wish = Wish {
            name: Some(name.to_owned()),
            patterns,
            tags: self.how.tags.clone(),
            again,
            jobs: self.how.jobs.unwrap_or(match (&master, &host) {
                (Some(_), _) => remote::JOBS,
                (None, Host::Local) => processors,
                (None, _) => ELSEWHERE,
            }),
            owner: me(),
            comment: self.how.comment.clone(),
            exe: std::env::current_exe()?,
            host,
            master,
        };
        let prepared = runner::prepare(&self.base, &self.book, &defined, &wish, name)?;
        let out = u64::try_from(prepared.items()).unwrap_or(u64::MAX).min(wish.jobs.into());
        may_open(FILES.0 + FILES.1 * out)?;
        let adopted = prepared.adopted();
        let store = inode(&self.base);
        let paper = if self.place.json { Paper::Plain } else { Paper::of_stdout() };
        let mut live = Live::new(paper, self.place.json, self.how.verbose);
        live.head(prepared.run(), adopted)?;
        let runner = Runner::begin((&self.home, &self.base, &self.book, &defined), prepared)?;
        let (door, by) = (runner.door(), wish.owner.clone());
        let mut stop = self.stop.clone();
        let watch = tokio::runtime::Handle::current().spawn(async move {
            if stop.wait_for(|stop| *stop).await.is_ok() {
                // A runner that is done needs no end.
                let _ = door.send(News::Stop { by });
            }
        });
        let ended = runner.go(&mut live);
        watch.abort();
        let run = ended?;
        live.tail(&self.book, &run)?;
        if inode(&self.base) != store {
            let what =
                format!("{} was removed while tests ran: nothing of this is on record", self.base.store().display());
            return Err(Trouble(what).into());
        }
        Ok(if *self.stop.borrow() { Exit::Interrupted } else { exit(&run) })
    }
}

/// Which file is the store.
fn inode(base: &Base) -> Option<u64> {
    base.store().metadata().ok().map(|there| there.ino())
}

/// Sees to it that so many files may be open at once. The limit is not raised further than that: tests inherit it.
fn may_open(files: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|most| files <= most) {
        return Ok(());
    }
    if let Some(most) = limit.maximum.filter(|most| *most < files) {
        let jobs = most.saturating_sub(FILES.0) / FILES.1;
        let help = if jobs > 0 { format!("\nhelp: -j {jobs}") } else { String::new() };
        let what = format!("so many items at once take {files} open files, and {most} are allowed (ulimit -Hn){help}");
        return Err(Trouble(what).into());
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(files), ..limit });
    raised.with_context(|| format!("{files} files cannot be open at once"))
}

fn exit(run: &TestRun) -> Exit {
    match run.state {
        TestRunState::Green => Exit::Passed,
        _ => Exit::Failed,
    }
}

/// Whether somebody else is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Yes,
    No,
}

/// Who asks.
pub(super) fn me() -> String {
    std::env::var("USER").unwrap_or_else(|_| rustix::process::getuid().as_raw().to_string())
}

/// Becomes the runner of an area; waits for the one that there is.
pub(super) fn take(base: &Base, wait: Wait, stop: &watch::Receiver<bool>) -> anyhow::Result<Held> {
    let me = format!("process {}", std::process::id());
    let mut told = false;
    loop {
        match base.take(&me)? {
            Taken::Ours(held) => return Ok(held),
            Taken::Others(who) => {
                if wait == Wait::No {
                    return Err(Trouble(format!("tests of this area are being run by {who}")).into());
                }
                if !told {
                    out::aside(format!("  waits for {who}, which runs tests of this area"));
                    told = true;
                }
                if *stop.borrow() {
                    return Err(Trouble("interrupted while waiting".to_owned()).into());
                }
                std::thread::sleep(LOOK);
            }
        }
    }
}

/// What to call to see more of a run.
pub(super) fn of_run(run: &TestRun) -> String {
    let quoted = model::shell::quoted;
    let target = if run.target.is_empty() { String::new() } else { format!("--target {} ", quoted(&run.target)) };
    format!("{target}-n {}", quoted(&run.name))
}

/// The sentence that says what a run is.
pub(super) fn sentence(run: &TestRun) -> String {
    let totals = &run.totals;
    let counts: Vec<String> = totals.by_status.iter().map(|s| format!("{} {}", s.count, s.word)).collect();
    let counts = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
    let more = [(totals.flaky, "flaky"), (totals.quarantined, "in quarantine")];
    let more: String = more.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!(", {n} {word}")).collect();
    format!("{} is {}: {counts}{more}", called(&run.target, &run.name), run.state.word())
}
