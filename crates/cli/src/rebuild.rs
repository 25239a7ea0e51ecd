//! `sluice rebuild`: build the source of an old build again.

use crate::exit::Exit;
use crate::target::Target;
use crate::{force, show};

#[derive(clap::Args)]
#[command(before_help = "Example: sluice rebuild linux/17 --wait")]
pub(crate) struct Args {
    /// The build, as BUILDER/NUMBER or by its id
    #[arg(value_name = "BUILD")]
    build: String,
    /// Show the build live and end with its result
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let client = args.target.client()?;
    let build = show::find_build(&client, &args.build).await?;
    let forced = client.rebuild(build.buildid, &force::owner()).await?;
    force::filed(&client, &forced, &args.target, args.wait).await
}
