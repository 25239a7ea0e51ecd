//! `sluice tests migrate`: an area of Megatest as a `tests.star`.

use crate::exit::Exit;
use crate::out;
use anyhow::{Context, bail};
use runner::{Home, Kind};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests migrate -o tests.star\n         sluice tests migrate ~/area --target linux/9 \
                   --target linux/10",
    after_help = "The files are read as sluice tests run reads them, for each target, and what is written is read back and \
                  held against them. Where targets differ it has a table.\n\n\
                  It ends with 0 when everything was written, with 1 when something is left out (which is told, and \
                  stands in the file as a comment), and with 2 when nothing can be written."
)]
pub(crate) struct Args {
    /// The area, or a directory in it; the current one when absent
    #[arg(value_name = "DIR")]
    area: Option<PathBuf>,
    /// A target, again for each; those that runconfigs.config names when absent
    #[arg(long, value_name = "TARGET")]
    target: Vec<String>,
    /// Where it goes; standard output when absent. A file that is there is not replaced
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let dir = args.area.clone().unwrap_or_else(|| ".".into());
    let home = Home::find_kind(&dir, Kind::Megatest)?;
    let migrated = match runner::migrate::migrate(&home, &args.target) {
        Err(e @ runner::migrate::MigrateError::NoTarget(_)) => bail!("{e}\nhelp: name them with --target"),
        other => other?,
    };
    match &args.output {
        None => out::bytes(migrated.star.as_bytes())?,
        Some(path) => {
            let file = OpenOptions::new().write(true).create_new(true).open(path);
            let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
            file.write_all(migrated.star.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    for fixed in &migrated.fixed {
        out::aside(format!("  · {fixed}"));
    }
    for left in &migrated.left {
        out::aside(format!("  ! not written: {left}"));
    }
    if migrated.left.is_empty() {
        out::aside(format!("  ✓ all of {} is written", home.dir.display()));
        return Ok(Exit::Passed);
    }
    Ok(Exit::Failed)
}
