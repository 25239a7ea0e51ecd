//! Runs seeds: `sim --seeds N [--from S]`, or one of them aloud: `sim --seed S --trace`.

use clap::Parser;
use sim::trace::Aloud;
use sim::{Failure, Options, Sums, shrink};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

#[derive(Parser)]
#[command(name = "cargo xtask sim", about = "Runs the simulator", max_term_width = 80)]
struct Cli {
    /// How many seeds
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first one
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Only this one
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Print every event
    #[arg(long, requires = "seed")]
    trace: bool,
    /// How much happens in a seed before everything calms down
    #[arg(long, default_value_t = Options::default().acts)]
    acts: usize,
    /// How many seeds run at once, each in a thread of its own
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let aloud = if cli.trace { Aloud::Yes } else { Aloud::No };
    let options = Options { acts: cli.acts, aloud, ..Options::default() };
    let seeds = match cli.seed {
        Some(seed) => seed..seed + 1,
        None => cli.from..cli.from + cli.seeds,
    };
    let begun = Instant::now();
    match all(seeds, options, cli.jobs.max(1), begun) {
        Ok(sums) => {
            let pace = sums.seeds as f64 / begun.elapsed().as_secs_f64().max(1e-9);
            println!("{sums}\neach seed was run twice, with the same outcome; {pace:.1} seeds per second");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("\n{failure}");
            let small = shrink(failure.seed, &failure, Options { aloud: Aloud::No, ..options });
            eprintln!("again: cargo xtask sim --seed {} --acts {} --trace", failure.seed, small.acts);
            ExitCode::FAILURE
        }
    }
}

/// Runs seeds, each twice, and adds up what there was.
fn all(seeds: std::ops::Range<u64>, options: Options, jobs: usize, begun: Instant) -> Result<Sums, Box<Failure>> {
    let next = AtomicU64::new(seeds.start);
    let stop = AtomicBool::new(false);
    let outcome: Mutex<Result<Sums, Box<Failure>>> = Mutex::new(Ok(Sums::default()));
    let shown = std::io::stderr().is_terminal();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let passed = sim::run_twice(seed, options);
                    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
                    match (&mut *outcome, passed) {
                        (Ok(sums), Ok(passed)) => {
                            *sums += passed.sums;
                            if shown && sums.seeds % 20 == 0 {
                                let pace = sums.seeds as f64 / begun.elapsed().as_secs_f64();
                                eprint!(
                                    "\r{} of {} seeds, {} builds, {pace:.0} seeds per second ",
                                    sums.seeds,
                                    seeds.end - seeds.start,
                                    sums.counts.builds
                                );
                                let _ = std::io::stderr().flush();
                            }
                        }
                        (Ok(_), Err(failure)) => {
                            *outcome = Err(failure);
                            stop.store(true, Ordering::Relaxed);
                        }
                        (Err(_), _) => {}
                    }
                }
            });
        }
    });
    outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
}
