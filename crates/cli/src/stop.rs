//! `sluice stop`: end a running build, take a request out of the queue, or end all of a build set.

use crate::exit::Exit;
use crate::number;
use crate::out;
use crate::show;
use crate::target::Target;
use anyhow::bail;

#[derive(clap::Args)]
#[command(before_help = "Example: sluice stop linux/17 --reason 'superseded'\n         sluice stop --request 42")]
pub(crate) struct Args {
    /// The build, as BUILDER/NUMBER or by its id
    #[arg(value_name = "BUILD", required_unless_present_any = ["request", "set"])]
    build: Option<String>,
    /// A waiting request instead
    #[arg(long, value_name = "ID", conflicts_with = "build", allow_negative_numbers = true, value_parser = number::request)]
    request: Option<i64>,
    /// All requests of a build set instead
    #[arg(long, value_name = "ID", conflicts_with_all = ["build", "request"], allow_negative_numbers = true, value_parser = number::set)]
    set: Option<i64>,
    /// Why; it is kept with the build
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let client = args.target.client()?;
    let who = crate::force::owner();
    let reason = match (who.as_str(), args.reason.as_str()) {
        ("", "") => "asked for on the command line".to_owned(),
        ("", why) => why.to_owned(),
        (who, "") => format!("by {who}"),
        (who, why) => format!("by {who}: {why}"),
    };
    let said = match (args.request, args.set, args.build) {
        (_, Some(set), _) => {
            client.cancel_set(set, &reason).await?;
            format!("  ⊘ build set {set} is cancelled")
        }
        (Some(request), ..) => {
            client.cancel(request, &reason).await?;
            format!("  ⊘ request {request} is cancelled")
        }
        (None, None, Some(name)) => {
            let build = show::find_build(&client, &name).await?;
            client.stop(build.buildid, &reason).await?;
            format!("  ⊘ build {name} is being stopped: {reason}")
        }
        (None, None, None) => bail!("say which build: BUILDER/NUMBER, its id, --request ID or --set ID"),
    };
    if !args.target.json {
        out::line(said)?;
    }
    Ok(Exit::Passed)
}
