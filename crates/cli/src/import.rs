//! `sluice import`: the easy part of a Buildbot `master.cfg` as a `master.star`, and a list of what is left to do.

use crate::exit::Exit;
use crate::out;
use anyhow::Context;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(before_help = "Example: sluice import master.cfg --output ~/ci/master.star")]
pub(crate) struct Args {
    /// The Python file
    #[arg(value_name = "MASTER.CFG")]
    file: PathBuf,
    /// Where the translation goes; standard output when absent. A file that is there is not replaced
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let name = args.file.display();
    let bytes = std::fs::read(&args.file).with_context(|| format!("cannot read {name}"))?;
    let text = String::from_utf8(bytes).with_context(|| format!("{name} is no text in UTF-8"))?;
    let config::Imported { star, left } = config::import(&text);
    match &args.output {
        None => out::bytes(star.as_bytes())?,
        Some(path) => {
            let file = OpenOptions::new().write(true).create_new(true).open(path);
            let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
            file.write_all(star.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    match left.len() {
        0 => out::aside(format!("  ✓ all of {name} is translated")),
        n => out::aside(format!("  ! {n} {} of {name} to be done by hand:", if n == 1 { "place" } else { "places" })),
    }
    for note in &left {
        out::aside(format!("    {name}:{}: {}", note.line, note.what));
    }
    Ok(Exit::Passed)
}
