//! `sluice force`: ask for a build.

use crate::exit::Exit;
use crate::follow;
use crate::number;
use crate::out;
use crate::show;
use crate::target::Target;
use anyhow::bail;
use api::ForceParams;
use client::{Client, ClientError, Filter};

#[derive(clap::Args)]
#[command(before_help = "Example: sluice force linux --branch develop --reason 'the new gcc' --wait")]
pub(crate) struct Args {
    /// Builders to ask
    #[arg(required = true, value_name = "BUILDER")]
    builders: Vec<String>,
    /// Branch to build; the default branch when absent
    #[arg(long)]
    branch: Option<String>,
    /// Revision to build; the newest when absent
    #[arg(long)]
    revision: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Higher goes first
    #[arg(long, value_name = "N", default_value = "0", allow_negative_numbers = true, value_parser = number::priority)]
    priority: i64,
    /// Properties of the builds, as NAME=VALUE
    #[arg(long = "property", value_name = "NAME=VALUE")]
    properties: Vec<String>,
    /// The force scheduler; the first that has the builders when absent
    #[arg(long, value_name = "NAME")]
    scheduler: Option<String>,
    /// Show the builds live and end with their result
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let client = args.target.client()?;
    let mut properties = model::Properties::new();
    for text in &args.properties {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            bail!("--property is given as NAME=VALUE, not as '{text}'");
        };
        properties.extend([model::property::property(name, value, "Force Build Form")]);
    }
    let params = ForceParams {
        builder_names: args.builders.clone(),
        reason: args.reason.clone(),
        branch: args.branch.clone(),
        revision: args.revision.clone(),
        priority: args.priority,
        owner: Some(owner()).filter(|o| !o.is_empty()),
        properties,
        ..ForceParams::default()
    };
    let forced = client.force(args.scheduler.as_deref(), &params).await.map_err(as_asked)?;
    filed(&client, &forced, &args.target, args.wait).await
}

/// The error without the name that its field has in the document; builders have no option's name here.
fn as_asked(error: ClientError) -> ClientError {
    match error {
        ClientError::Refused { status, what } => {
            let what = what.strip_prefix("builderNames: ").map(str::to_owned).unwrap_or(what);
            ClientError::Refused { status, what }
        }
        other => other,
    }
}

/// Tells what was filed, and waits for it if that is wished.
pub(crate) async fn filed(client: &Client, forced: &api::Forced, target: &Target, wait: bool) -> anyhow::Result<Exit> {
    if !wait {
        if target.json {
            out::json(forced)?;
        } else {
            let builders = client.builders(&Filter::all()).await?.rows;
            let name = |id: i64| builders.iter().find(|b| b.builderid == id).map_or("?", |b| b.name.as_str());
            let width = forced.1.keys().map(|id| name(*id).chars().count()).max().unwrap_or(0).clamp(4, 32);
            out::lines(forced.1.iter().map(|(builder, request)| {
                let name = show::pad(name(*builder), width);
                format!("  ○ {name}  request {request} waits      sluice why {request}")
            }))?;
        }
        return Ok(Exit::Passed);
    }
    follow::requests(client, forced.1.values().copied().collect(), target.json).await
}

/// Who asks, as far as the machine knows.
pub(crate) fn owner() -> String {
    std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default()
}
