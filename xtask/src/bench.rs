//! `cargo xtask bench`.

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure a peer in the same run as well
    #[arg(long, value_name = "PEER", value_parser = ["buildbot"])]
    against: Option<String>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let _ = args.against;
    Ok(())
}
