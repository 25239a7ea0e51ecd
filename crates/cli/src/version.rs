//! `sluice version`: which Sluice this is, and with `--verbose` which versions of its formats it writes and reads.

use crate::exit::Exit;
use crate::out;
use serde::Serialize;

#[derive(clap::Args)]
#[command(before_help = "Example: sluice version --verbose")]
pub(crate) struct Args {
    /// Tell the versions of schema, logs, spools and protocols, too
    #[arg(long)]
    verbose: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// The versions of everything that outlives a process or goes from one to another.
#[derive(Debug, Serialize)]
pub(crate) struct Formats {
    /// This program.
    program: &'static str,
    /// The schema of the store.
    schema: i64,
    /// Log files.
    logs: u16,
    /// Spools of workers.
    spool: u16,
    /// What master and worker say to each other, the oldest and the newest.
    wire: (u32, u32),
    /// What worker and supervisor say to each other.
    supervisor: u32,
    /// Backups.
    backup: u32,
}

pub(crate) fn formats() -> Formats {
    Formats {
        program: env!("CARGO_PKG_VERSION"),
        schema: store::SCHEMA,
        logs: logs::format::VERSION,
        spool: process::spool::VERSION,
        wire: (wire::OLDEST, wire::PROTOCOL),
        supervisor: process::control::VERSION,
        backup: master::backup::VERSION,
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let formats = formats();
    if args.json {
        out::json(&formats)?;
        return Ok(Exit::Passed);
    }
    out::line(format!("sluice {}", formats.program))?;
    if args.verbose {
        let (oldest, newest) = formats.wire;
        let wire = if oldest == newest { newest.to_string() } else { format!("{oldest} to {newest}") };
        out::lines([
            format!("  schema of the store      {}; earlier ones are brought up to date", formats.schema),
            format!("  log files                {}", formats.logs),
            format!("  spools of workers        {}", formats.spool),
            format!("  master and worker        {wire}"),
            format!("  worker and supervisor    {}", formats.supervisor),
            format!("  backups                  {}", formats.backup),
        ])?;
    }
    Ok(Exit::Passed)
}
