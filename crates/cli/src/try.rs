//! `sluice try`: build what is not committed yet, before anybody else has to live with it.

mod git;
mod other;
mod source;
mod ssh;
mod wait;

use crate::exit::Exit;
use crate::options::Options;
use crate::target::Target;
use crate::{force, out};
use anyhow::{Context, bail};
use client::{Client, ClientError};
use formats::try_job::TryJob;
use source::{Source, Vcs};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The heading in helps.
const SOURCE: &str = "What is tried";

/// The heading in helps.
const WAY: &str = "How it is handed in";

#[derive(clap::Args)]
#[command(before_help = "Example: sluice try --builder linux --wait")]
pub(crate) struct Args {
    /// Builder to ask, again for more; all of the scheduler's when absent
    #[arg(long = "builder", short = 'b', value_name = "NAME")]
    builders: Vec<String>,
    /// Show the builds live; end with the first failure or the last success
    #[arg(long)]
    wait: bool,
    /// With --wait: only the results
    #[arg(long)]
    quiet: bool,
    /// What for
    #[arg(long, short = 'c', value_name = "TEXT")]
    comment: Option<String>,
    /// Who wants it
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// Properties of the builds, as NAME=VALUE
    #[arg(long = "property", value_name = "NAME=VALUE")]
    properties: Vec<String>,
    /// Print what would be handed in, and hand nothing in
    #[arg(long, short = 'N')]
    dry_run: bool,
    /// Print the builders that may be asked
    #[arg(long)]
    get_builder_names: bool,

    /// The version control system; found when absent
    #[arg(long, value_enum, help_heading = SOURCE)]
    vc: Option<Vcs>,
    /// The branch that the patch is for; found when absent
    #[arg(long, help_heading = SOURCE)]
    branch: Option<String>,
    /// The revision that the patch is for; found when absent
    #[arg(long, value_name = "REVISION", help_heading = SOURCE)]
    baserev: Option<String>,
    /// A patch instead of what the tree has; - is standard input
    #[arg(long, value_name = "FILE", help_heading = SOURCE)]
    diff: Option<PathBuf>,
    /// With --diff: how many leading directories to strip
    #[arg(long, short = 'p', value_name = "N", default_value = "0", requires = "diff", help_heading = SOURCE)]
    patchlevel: u32,
    /// The top of the tree
    #[arg(long, visible_alias = "try-topdir", value_name = "DIR", help_heading = SOURCE)]
    topdir: Option<PathBuf>,
    /// A file that marks the top of the tree
    #[arg(long, visible_alias = "try-topfile", value_name = "NAME", help_heading = SOURCE)]
    topfile: Option<String>,
    /// Where the source lives
    #[arg(long, value_name = "URL", help_heading = SOURCE)]
    repository: Option<String>,
    /// The project
    #[arg(long, value_name = "NAME", help_heading = SOURCE)]
    project: Option<String>,
    /// The codebase, where there are several
    #[arg(long, value_name = "NAME", help_heading = SOURCE)]
    codebase: Option<String>,

    /// Over HTTP, or into a directory of the master's machine
    #[arg(long, value_enum, help_heading = WAY)]
    connect: Option<Connect>,
    /// The try scheduler; the first that has the builders when absent
    #[arg(long, value_name = "NAME", help_heading = WAY)]
    scheduler: Option<String>,
    /// http: a user of the try scheduler; the master's token when absent. ssh: the login there
    #[arg(long, value_name = "NAME", help_heading = WAY)]
    username: Option<String>,
    /// http: the user's password
    #[arg(
        long,
        visible_alias = "password",
        value_name = "TEXT",
        env = "SLUICE_TRY_PASSWORD",
        hide_env_values = true,
        help_heading = WAY
    )]
    passwd: Option<String>,
    /// ssh: the master's machine
    #[arg(long, visible_alias = "host", value_name = "HOST", help_heading = WAY)]
    tryhost: Option<String>,
    /// ssh: the jobdir there
    #[arg(long, visible_alias = "jobdir", value_name = "DIR", help_heading = WAY)]
    trydir: Option<String>,
    /// ssh: the port there
    #[arg(long, value_name = "PORT", help_heading = WAY)]
    tryport: Option<String>,
    /// ssh: the program there
    #[arg(long, value_name = "PROGRAM", help_heading = WAY)]
    trybin: Option<String>,
    /// ssh: the program here
    #[arg(long, value_name = "PROGRAM", default_value = "ssh", help_heading = WAY)]
    ssh: PathBuf,
    #[command(flatten)]
    target: Target,
}

/// How a job is handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Connect {
    /// Over the master's port.
    #[value(alias = "pb")]
    Http,
    /// Through a directory of its machine.
    Ssh,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let args = args.with(&Options::find()?)?;
    if args.get_builder_names {
        return builder_names(&args).await;
    }
    let connect = args.connect.unwrap_or(Connect::Http);
    let login = login(&args, connect)?;
    let job = job(&args)?;
    if args.dry_run {
        return shown(&args, &job);
    }
    let client = args.target.client()?;
    let forced = match connect {
        Connect::Http => handed_in(&client, &args, &job, login.as_ref()).await?,
        Connect::Ssh => {
            ssh::deliver(&args, &job)?;
            if !args.wait {
                out::line(format!("  the job {} is handed in", job.id))?;
                return Ok(Exit::Passed);
            }
            wait::set_of_job(&client, &job.id).await?
        }
    };
    match args.wait {
        true => wait::result(&client, &forced, args.target.json, args.quiet).await,
        false => force::filed(&client, &forced, &args.target, false).await,
    }
}

impl Args {
    /// What the command line leaves open is as the file of options has it.
    fn with(mut self, options: &Options) -> anyhow::Result<Self> {
        if self.builders.is_empty() {
            self.builders = options.list("try_builders")?;
        }
        self.wait |= options.truth("try_wait")?;
        self.quiet |= options.truth("try_quiet")?;
        let word = |given: &mut Option<String>, names: &[&str]| -> anyhow::Result<()> {
            if given.is_none() {
                *given = options.text(names)?.filter(|text| !text.is_empty());
            }
            Ok(())
        };
        word(&mut self.who, &["try_who"])?;
        word(&mut self.branch, &["try_branch"])?;
        word(&mut self.topfile, &["try_topfile"])?;
        word(&mut self.repository, &["try_repository"])?;
        word(&mut self.project, &["try_project"])?;
        word(&mut self.scheduler, &["try_scheduler"])?;
        word(&mut self.username, &["try_username", "username"])?;
        word(&mut self.passwd, &["try_password"])?;
        word(&mut self.tryhost, &["try_host"])?;
        word(&mut self.tryport, &["try_port"])?;
        word(&mut self.trydir, &["try_dir", "try_jobdir"])?;
        word(&mut self.trybin, &["try_buildbotbin"])?;
        if self.topdir.is_none() {
            self.topdir = options.text(&["try_topdir"])?.map(PathBuf::from);
        }
        self.vc = choice(self.vc, options, "try_vc")?;
        self.connect = choice(self.connect, options, "try_connect")?;
        Ok(self)
    }
}

/// One of the words of an option, unless the command line has one.
fn choice<T: clap::ValueEnum>(given: Option<T>, options: &Options, name: &str) -> anyhow::Result<Option<T>> {
    if given.is_some() {
        return Ok(given);
    }
    let Some(text) = options.text(&[name])? else { return Ok(None) };
    T::from_str(&text, true).map(Some).map_err(|_| {
        let known: Vec<_> = T::value_variants().iter().filter_map(T::to_possible_value).collect();
        let known: Vec<_> = known.iter().map(|v| v.get_name().to_owned()).collect();
        anyhow::anyhow!("{name} of the options is '{text}'; it is one of {}", known.join(", "))
    })
}

fn login(args: &Args, connect: Connect) -> anyhow::Result<Option<(String, String)>> {
    match (connect, &args.username, &args.passwd) {
        (Connect::Ssh, ..) | (Connect::Http, None, _) => Ok(None),
        (Connect::Http, Some(name), Some(password)) => Ok(Some((name.clone(), password.clone()))),
        (Connect::Http, Some(name), None) => bail!(
            "{name} has a password on the master\n\
             help: give it in SLUICE_TRY_PASSWORD, or as try_password = '…' in ~/.sluice/options"
        ),
    }
}

/// What is to be handed in.
fn job(args: &Args) -> anyhow::Result<TryJob> {
    let source = Source::find(args)?;
    for note in &source.notes {
        out::aside(format!("note: {note}"));
    }
    if source.patch.len() > model::PATCH_LIMIT {
        let (has, most) = (source.patch.len(), model::PATCH_LIMIT);
        bail!(
            "the patch has {has} bytes, and a master takes {most}\nhelp: what is that large is better pushed to a branch"
        );
    }
    let mut properties = std::collections::BTreeMap::new();
    for text in &args.properties {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            bail!("--property is given as NAME=VALUE, not as '{text}'");
        };
        properties.insert(name.to_owned(), value.into());
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(TryJob {
        id: format!("{}.{:09}-{}", since.as_secs(), since.subsec_nanos(), std::process::id()),
        branch: source.branch,
        revision: source.revision,
        level: source.level,
        patch: source.patch,
        repository: args.repository.clone().unwrap_or_default(),
        project: args.project.clone().unwrap_or_default(),
        codebase: args.codebase.clone().unwrap_or_default(),
        who: args.who.clone().or_else(|| Some(force::owner()).filter(|who| !who.is_empty())),
        comment: args.comment.clone(),
        builders: args.builders.clone(),
        properties,
    })
}

/// With `--dry-run`.
fn shown(args: &Args, job: &TryJob) -> anyhow::Result<Exit> {
    if args.target.json {
        out::json(&job.to_json())?;
        return Ok(Exit::Passed);
    }
    let or = |text: &Option<String>, other: &str| text.clone().unwrap_or_else(|| other.to_owned());
    let builders = if job.builders.is_empty() { "all".to_owned() } else { job.builders.join(", ") };
    out::lines([
        format!("  builders  {builders}"),
        format!("  branch    {}", or(&job.branch, "the default branch")),
        format!("  revision  {}", or(&job.revision, "the newest")),
        format!("  patch     {} bytes, -p{}", job.patch.len(), job.level),
    ])?;
    out::bytes(&job.patch)?;
    Ok(Exit::Passed)
}

/// Hands the job in over HTTP. An answer that is lost on the way is asked for again: the job's name makes it one job.
async fn handed_in(
    client: &Client,
    args: &Args,
    job: &TryJob,
    login: Option<&(String, String)>,
) -> anyhow::Result<api::Forced> {
    let mut document = job.to_json();
    if let Some(scheduler) = &args.scheduler {
        document["scheduler"] = scheduler.as_str().into();
    }
    let login = login.map(|(name, password)| (name.as_str(), password.as_str()));
    let mut again = 0;
    loop {
        match client.try_patch(&document, login).await {
            Err(ClientError::Broken { .. }) if again < 3 => {
                again += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(ClientError::Refused { status, what }) => {
                // The name of the part is not what the command line calls it.
                let what = what.strip_prefix("builderNames: ").map(str::to_owned).unwrap_or(what);
                return Err(ClientError::Refused { status, what }.into());
            }
            other => return Ok(other?),
        }
    }
}

async fn builder_names(args: &Args) -> anyhow::Result<Exit> {
    let client = args.target.client()?;
    let all = client.try_schedulers().await.context("the try schedulers cannot be told")?;
    let meant = |name: &str| args.scheduler.as_deref().is_none_or(|wanted| wanted == name);
    let names: std::collections::BTreeSet<&str> =
        all.iter().filter(|s| meant(&s.name)).flat_map(|s| s.builder_names.iter().map(String::as_str)).collect();
    match args.target.json {
        true => out::json(&names)?,
        false => out::lines(&names)?,
    }
    Ok(Exit::Passed)
}
