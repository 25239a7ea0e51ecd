//! What is asked of a gate. The names are autobuild's; where one of them meant something unsound there, it does not here.

use super::mail::Post;
use super::place::Journal;
use crate::committed::{self, PIPELINE};
use crate::exit::Exit;
use crate::out;
use anyhow::{Context, bail};
use gate::run::AtFailure;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use vcs::git::{LocalBranch, Standing};

/// How often the target branch is looked at while tasks run.
const INTERVAL: std::time::Duration = std::time::Duration::from_secs(10);

/// The same for a branch of a repository on this machine.
const INTERVAL_HERE: std::time::Duration = std::time::Duration::from_millis(500);

/// Attempts with `--retry` where nothing else is said. A branch that moves more often than this will move again.
const MOST_ATTEMPTS: u32 = 20;

fn branch_name(text: &str) -> Result<String, &'static str> {
    match model::source::is_git_branch(text) {
        true if text.starts_with("refs/") => Err("a branch is named without refs/heads/"),
        true => Ok(text.to_owned()),
        false => Err("git takes no such name for a branch"),
    }
}

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice gate --rebase https://example.org/z.git --pushto git@example.org:z.git --retry\n         \
                         sluice gate lint docs --dry-run"
)]
pub(crate) struct Args {
    /// The tasks; all when absent. `pass` and `fail` try the gate itself
    #[arg(value_name = "TASK")]
    tasks: Vec<String>,
    /// The checkout; the one around the current directory when absent
    #[arg(long, value_name = "PATH")]
    pub(super) repository: Option<PathBuf>,
    /// Put the change on top of this repository's branch before it is tested
    #[arg(long, value_name = "URL")]
    rebase: Option<String>,
    /// The same with the repository in SLUICE_GATE_MASTER, else that of gate(…) in sluice.star
    #[arg(long, conflicts_with = "rebase")]
    rebase_master: bool,
    /// Push what was tested to this repository's branch
    #[arg(long, value_name = "URL")]
    pushto: Option<String>,
    /// The same with the repository in SLUICE_GATE_PUSH, else that of gate(…), else SLUICE_GATE_MASTER
    #[arg(long, conflicts_with = "pushto")]
    push_master: bool,
    /// The branch to rebase on and to push to; the remote's own default branch when absent
    #[arg(long, value_name = "NAME", value_parser = branch_name)]
    branch: Option<String>,
    /// Write who tested it, and when, into the top commit, before it is tested
    #[arg(long)]
    mark: bool,
    /// Mend spaces at the ends of lines while rebasing
    #[arg(long)]
    fix_whitespace: bool,
    /// Begin again when the target branch moves
    #[arg(long)]
    retry: bool,
    /// How often to begin at most, with --retry
    #[arg(long, value_name = "N", default_value_t = MOST_ATTEMPTS, value_parser = clap::value_parser!(u32).range(1..))]
    max_attempts: u32,
    /// How many tasks run at once; as many as there are processors when absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    jobs: Option<u32>,
    /// Go on after the first failure, to see all of them; nothing is pushed then
    #[arg(long, visible_alias = "keep-going")]
    fail_slowly: bool,
    /// Do everything but the push
    #[arg(long)]
    dry_run: bool,
    /// A command that must pass in the tested tree before the push
    #[arg(long, value_name = "CMD")]
    passcmd: Option<String>,
    /// Write a letter to this address when it does not pass or does not land
    #[arg(long, value_name = "ADDR")]
    email: Option<String>,
    /// Write it too when all went well
    #[arg(long, requires = "email")]
    always_email: bool,
    /// Who the letter comes from; you, as git knows you, when absent
    #[arg(long, value_name = "ADDR", requires = "email")]
    email_from: Option<String>,
    /// The machine that takes the letter
    #[arg(long, value_name = "HOST[:PORT]", default_value = "localhost:25", requires = "email")]
    email_server: String,
    /// Print the output of the tasks while they run
    #[arg(long)]
    tail: bool,
    /// Keep the logs of a run that passed, too
    #[arg(long)]
    keeplogs: bool,
    /// Leave the trees where they are
    #[arg(long)]
    nocleanup: bool,
    /// Where trees are made; a RAM disk is a good place
    #[arg(long, value_name = "DIR", env = "AUTOBUILD_TESTBASE", hide_env_values = true)]
    testbase: Option<PathBuf>,
    /// Go on in the background
    #[arg(long)]
    daemon: bool,
    /// Say more
    #[arg(long)]
    pub(super) verbose: bool,
    /// Say what the gates of this checkout are at
    #[arg(long, conflicts_with_all = ["tasks", "daemon"])]
    pub(super) status: bool,
    /// Print JSON for machines
    #[arg(long)]
    pub(super) json: bool,
}

/// The same, made up.
pub(super) struct Wish {
    pub(super) tasks: Vec<String>,
    /// What to put the change on top of.
    pub(super) rebase: Option<String>,
    /// Where to push.
    pub(super) push: Option<String>,
    pub(super) branch: Option<String>,
    pub(super) mark: bool,
    pub(super) whitespace: vcs::git::Whitespace,
    most_attempts: u32,
    pub(super) jobs: u32,
    pub(super) at_failure: AtFailure,
    pub(super) dry_run: bool,
    pub(super) passcmd: Option<String>,
    pub(super) mail: Option<Post>,
    pub(super) tail: bool,
    pub(super) keeplogs: bool,
    pub(super) nocleanup: bool,
    pub(super) testbase: PathBuf,
    pub(super) daemon: bool,
    pub(super) json: bool,
}

impl Wish {
    /// What the arguments, the environment and the `gate(…)` of the commit that is checked out come to.
    pub(super) fn of(args: Args, standing: &Standing) -> anyhow::Result<Self> {
        let configured = match args.rebase_master || args.push_master {
            true => gate_of(standing)?,
            false => None,
        };
        let named = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
        let rebase = match args.rebase_master {
            true => {
                let found = named("SLUICE_GATE_MASTER").or_else(|| configured.as_ref().map(|gate| gate.master.clone()));
                Some(found.with_context(|| no_master("--rebase-master", "SLUICE_GATE_MASTER", "master"))?)
            }
            false => args.rebase,
        };
        let push = match args.push_master {
            true => {
                let own = named("SLUICE_GATE_PUSH").or_else(|| configured.as_ref().map(|gate| gate.push.clone()));
                let found = own.or_else(|| named("SLUICE_GATE_MASTER"));
                Some(found.with_context(|| no_master("--push-master", "SLUICE_GATE_PUSH", "push"))?)
            }
            false => args.pushto,
        };
        let from = args.email_from.as_deref().unwrap_or(&standing.person);
        let post = |to: &String| Post::of(from, to, &args.email_server, args.always_email);
        let mail = args.email.as_ref().map(post).transpose()?;
        if args.fix_whitespace && rebase.is_none() {
            bail!("--fix-whitespace mends what is rebased; give --rebase URL too");
        }
        if args.retry && rebase.is_none() {
            bail!("--retry puts the change on top of the branch once more; give --rebase URL too");
        }
        let processors = crate::up::processors();
        Ok(Self {
            tasks: args.tasks,
            rebase: rebase.map(|url| absolute(&url)).transpose()?,
            push: push.map(|url| absolute(&url)).transpose()?,
            branch: args.branch.or(configured.map(|gate| gate.branch)),
            mark: args.mark,
            whitespace: match args.fix_whitespace {
                true => vcs::git::Whitespace::Fix,
                false => vcs::git::Whitespace::Keep,
            },
            most_attempts: if args.retry { args.max_attempts } else { 1 },
            jobs: args.jobs.unwrap_or(processors),
            at_failure: match args.fail_slowly {
                true => AtFailure::GoOn,
                false => AtFailure::Stop,
            },
            dry_run: args.dry_run,
            passcmd: args.passcmd,
            mail,
            tail: args.tail,
            keeplogs: args.keeplogs,
            nocleanup: args.nocleanup,
            testbase: match args.testbase {
                Some(dir) => std::path::absolute(&dir).with_context(|| format!("there is no {}", dir.display()))?,
                None => std::env::temp_dir().join(format!("sluice-gate-{}", rustix::process::getuid().as_raw())),
            },
            daemon: args.daemon,
            json: args.json,
        })
    }

    /// Whether there may be an attempt after this one.
    pub(super) fn may_retry(&self, attempt: u32) -> bool {
        attempt < self.most_attempts
    }
}

/// What a checkout's own `sluice.star` says of where its changes land.
fn gate_of(standing: &Standing) -> anyhow::Result<Option<model::MasterSpec>> {
    let commit = LocalBranch::at(standing.root.clone(), "HEAD".to_owned(), &standing.head)?;
    match commit.files.contains(PIPELINE) {
        true => Ok(committed::pipeline(&commit)?.gate),
        false => Ok(None),
    }
}

fn no_master(option: &str, variable: &str, argument: &str) -> String {
    format!(
        "{option} needs the address of the repository\n\
         help: put it into {variable}, or into {PIPELINE}: gate(\"main\", {argument} = \"https://…\")"
    )
}

/// Another machine is asked less often than this one.
pub(super) fn interval(repository: &str) -> std::time::Duration {
    if is_url(repository) { INTERVAL } else { INTERVAL_HERE }
}

fn is_url(repository: &str) -> bool {
    repository.contains("://") || repository.split('/').next().is_some_and(|first| first.contains(':'))
}

/// A path as seen from anywhere; a URL as it is.
fn absolute(repository: &str) -> anyhow::Result<String> {
    match is_url(repository) {
        true => Ok(repository.to_owned()),
        false => Ok(std::path::absolute(repository)?.display().to_string()),
    }
}

/// Starts this very command again, detached, and says where its words go.
pub(super) fn in_the_background(journal: &Journal) -> anyhow::Result<Exit> {
    let path = journal.dir().join(format!("gate-{}.log", std::process::id()));
    let log = OpenOptions::new().create(true).append(true).open(&path);
    let log = log.with_context(|| format!("cannot write {}", path.display()))?;
    let exe = std::env::current_exe().context("cannot find this very program")?;
    let mut command = Command::new(exe);
    command.args(std::env::args_os().skip(1).filter(|a| a != "--daemon"));
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    // SAFETY: setsid is async-signal-safe, and nothing else happens between fork and exec.
    unsafe {
        command.pre_exec(|| rustix::process::setsid().map(drop).map_err(Into::into));
    }
    let child = command.spawn().context("cannot start this program again")?;
    out::line(format!("  ◐ the gate runs as process {}; its words go to {}", child.id(), path.display()))?;
    Ok(Exit::Passed)
}
