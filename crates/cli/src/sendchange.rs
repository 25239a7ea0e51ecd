//! `sluice sendchange`: tell a master of a change, from a commit hook for instance.

use crate::exit::Exit;
use crate::number;
use crate::options::Options;
use crate::out;
use crate::target::Target;
use anyhow::{Context, bail};
use api::AddChange;
use std::io::Read;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice sendchange --who ann --branch develop --revision d201f04 \\\n             --comments 'mend the window check' inflate.c"
)]
pub(crate) struct Args {
    /// Files that the change touches
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// Who made it
    #[arg(long, value_name = "NAME", visible_alias = "username", short_alias = 'W')]
    who: Option<String>,
    /// The branch; the default branch when absent
    #[arg(long)]
    branch: Option<String>,
    /// The revision
    #[arg(long)]
    revision: Option<String>,
    /// A file with the revision in it
    #[arg(long, value_name = "FILE", conflicts_with = "revision")]
    revision_file: Option<PathBuf>,
    /// What it is about
    #[arg(long, value_name = "TEXT")]
    comments: Option<String>,
    /// A file with the comments in it; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "comments")]
    logfile: Option<PathBuf>,
    /// Where the source lives
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    repository: String,
    /// The project
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    project: String,
    /// The codebase, where there are several
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    codebase: String,
    /// A word for filters
    #[arg(long, value_name = "WORD")]
    category: Option<String>,
    /// A page that shows the change
    #[arg(long, value_name = "URL")]
    revlink: Option<String>,
    /// When it was made, in seconds since 1970; now when absent
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = number::moment)]
    when: Option<i64>,
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let usual = if args.who.is_none() { Options::find()?.text(&["username"])? } else { None };
    let named = args.who.clone().or(usual).unwrap_or_else(crate::force::owner);
    let Some(author) = Some(named).filter(|name| !name.is_empty()) else {
        bail!("say who made the change: --who NAME");
    };
    let revision = match &args.revision_file {
        Some(path) => Some(read(path)?.trim_end().to_owned()),
        None => args.revision.clone(),
    };
    let comments = match &args.logfile {
        Some(path) => read(path)?,
        None => args.comments.clone().unwrap_or_default(),
    };
    let change = AddChange {
        author,
        comments,
        revision,
        files: args.files,
        branch: args.branch,
        repository: args.repository,
        project: args.project,
        codebase: args.codebase,
        category: args.category,
        revlink: args.revlink,
        when_timestamp: args.when,
        ..AddChange::default()
    };
    let id = args.target.client()?.add_change(&change).await?;
    match (args.target.json, id) {
        (true, id) => out::json(&serde_json::json!({ "changeid": id }))?,
        (false, Some(id)) => out::line(format!("  ✓ change {id} is sent"))?,
        (false, None) => out::line("  – the change was known already")?,
    }
    Ok(Exit::Passed)
}

fn read(path: &std::path::Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
    } else {
        bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
