//! Runs the grid: `cargo xtask gate-sim`, with `--book` for the manual's tables and drawings.

use anyhow::{Context, bail};
use clap::Parser;
use gate::Adaptive;
use gate_sim::formula::Check;
use gate_sim::grid::{self, Grid, Row};
use gate_sim::predict::predict;
use gate_sim::{book, formula, table};
use serde::{Deserialize, Serialize};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask gate-sim", about = "The gate's policies side by side", max_term_width = 80)]
struct Cli {
    /// The chance that a candidate is good
    #[arg(long, value_delimiter = ',', default_values_t = [0.7, 0.8, 0.9, 0.95, 0.99])]
    good: Vec<f64>,
    /// The chance that a trial of good code is red
    #[arg(long, value_delimiter = ',', default_values_t = [0.0, 0.05])]
    flaky: Vec<f64>,
    /// Trials at once
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 16, 64])]
    slots: Vec<usize>,
    /// Candidates in the length of a trial
    #[arg(long, value_delimiter = ',', default_values_t = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0])]
    load: Vec<f64>,
    /// Areas of the code that do not meet; 1: everything depends on everything
    #[arg(long, value_delimiter = ',', default_values_t = [1])]
    areas: Vec<usize>,
    /// The first seed; those below 1000 are for turning a policy's numbers, the others judge
    #[arg(long, default_value_t = grid::JUDGES)]
    seed: u64,
    /// Seeds of each gate
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Candidates of each run
    #[arg(long, default_value_t = 400)]
    candidates: usize,
    /// Threads
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Our policy's numbers, as JSON: `{"ahead": 1.2}`
    #[arg(long, default_value = "{}")]
    ours: String,
    /// Everything of each gate, not only the claims
    #[arg(long)]
    all: bool,
    /// Write everything there, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Run nothing: take what a run wrote with --json
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    from: Option<PathBuf>,
    /// Write the tables and drawings of docs/gate.md
    #[arg(long)]
    book: bool,
    /// How long these submissions take: a scene as JSON, see `gate_sim::predict`
    #[arg(long, value_name = "FILE")]
    queue: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    if let Some(path) = &cli.queue {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let scene = serde_json::from_str(&text).with_context(|| format!("{} is no scene", path.display()))?;
        let told = predict(&scene)?;
        if let Some(path) = &cli.json {
            std::fs::write(path, serde_json::to_string_pretty(&told)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        print!("{}", told.text());
        return Ok(());
    }
    let found = match &cli.from {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{} is of no run", path.display()))?
        }
        None => simulate(cli)?,
    };
    tell(cli, &found)
}

/// What a run came to.
#[derive(Serialize, Deserialize)]
struct Found {
    seeds: u64,
    candidates: usize,
    gates: Vec<Row>,
    formulas: Vec<Check>,
}

fn simulate(cli: &Cli) -> anyhow::Result<Found> {
    let grid = Grid {
        cells: grid::cells(&cli.good, &cli.flaky, &cli.slots, &cli.load, &cli.areas),
        first: cli.seed,
        seeds: cli.seeds,
        candidates: cli.candidates,
        jobs: cli.jobs,
        ours: serde_json::from_str::<Adaptive>(&cli.ours).context("--ours is not readable")?,
    };
    let shown = std::io::stderr().is_terminal();
    let gates = grid.run(|done| {
        if shown {
            eprint!("\r{done} of {} gates ", grid.cells.len());
            let _ = std::io::stderr().flush();
        }
    });
    let formulas = formula::all(cli.candidates.max(400));
    Ok(Found { seeds: cli.seeds, candidates: cli.candidates, gates, formulas })
}

fn tell(cli: &Cli, found: &Found) -> anyhow::Result<()> {
    let (rows, checks) = (&found.gates, &found.formulas);
    if let Some(path) = &cli.json {
        let text = serde_json::to_string_pretty(found)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if cli.book {
        let how = format!("{} gates, {} seeds of {} candidates each.", rows.len(), found.seeds, found.candidates);
        book::write("docs".as_ref(), rows, checks, &how)?;
    }
    let mut text = if cli.all { table::rows(rows) } else { String::new() };
    text.push_str(&table::claims(rows));
    text.push_str(&table::checks(checks));
    for row in rows.iter().filter(|r| r.wrong > 0) {
        text.push_str(&format!("{} wrong in {:?}\n", row.wrong, row.cell));
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads it has read enough.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.context("cannot print")?,
    }
    let wrong: usize = rows.iter().map(|r| r.wrong).sum();
    if wrong > 0 {
        bail!("{wrong} landings were untested or bad, or candidates were left over");
    }
    if let Some(check) = checks.iter().find(|c| !c.holds()) {
        bail!("the simulator does not find what it must: {}", check.what);
    }
    Ok(())
}
