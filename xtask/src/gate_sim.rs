//! The simulator of the gate, built fast and with every check in it.

use anyhow::{Context, bail};
use std::process::Command;

/// What it is told.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Its own options, such as `--good 0.9 --slots 4 --all`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

/// Builds and runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--profile", "sim", "--package", "gate-sim", "--"]).args(&args.options);
    match cargo.status().context("cannot start cargo")? {
        status if status.success() => Ok(()),
        _ => bail!("the gate's simulator found something"),
    }
}
