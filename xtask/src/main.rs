//! The project's own chores: `cargo xtask check | test | bench | tidy | parity | sim | gate-sim | chaos`.

mod bench;
mod browser;
mod chaos;
mod gate_sim;
mod needs;
mod parity;
mod run;
mod sim;
mod tidy;
mod venv;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores", max_term_width = 80)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Format, lints, import table and tidy, fast tests: the inner loop
    Check,
    /// Everything: installs what the tests need, then all of them
    Test,
    /// Measure, and write docs/benchmarks.md
    Bench(bench::Args),
    /// The import table, module headers, lengths, forbidden words
    Tidy,
    /// docs/parity.md against the tests that it names
    Parity,
    /// The simulator over many seeds, or one of them again; `sim --help` tells its options
    #[command(disable_help_flag = true)]
    Sim(sim::Args),
    /// The gate's policies side by side; `gate-sim --help` tells its options
    #[command(disable_help_flag = true)]
    GateSim(gate_sim::Args),
    /// Real processes, killed and cut off, and what must hold nevertheless
    Chaos(chaos::Args),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match bench::hidden(&arguments).or_else(|| chaos::hidden(&arguments)).unwrap_or_else(chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            match e.downcast_ref::<chaos::Missing>() {
                Some(_) => ExitCode::from(3),
                None => ExitCode::FAILURE,
            }
        }
    }
}

fn chore() -> anyhow::Result<()> {
    // Wherever it is called from, chores are done at the root of the project.
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    match Cli::parse().chore {
        Chore::Check => run::check(),
        Chore::Test => run::test(),
        Chore::Bench(args) => bench::run(args),
        Chore::Tidy => tidy::run(),
        Chore::Parity => parity::run(),
        Chore::Sim(args) => sim::run(&args),
        Chore::GateSim(args) => gate_sim::run(&args),
        Chore::Chaos(args) => chaos::run(args),
    }
}
