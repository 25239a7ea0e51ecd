//! Runs seeds: `sim --seeds N [--from S]`, or one of them aloud: `sim --seed S --trace`.

use clap::Parser;
use sim::trace::Aloud;
use sim::{Failure, Options, Sums, shrink};
use std::collections::BTreeMap;
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
    /// Go on after a seed that breaks a rule, and tell at the end which rules were broken by which seeds
    #[arg(long, conflicts_with = "seed")]
    keep_going: bool,
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
    let (sums, failures) = all(seeds, options, &cli, begun);
    if failures.is_empty() {
        let pace = sums.seeds as f64 / begun.elapsed().as_secs_f64().max(1e-9);
        println!("{sums}\neach seed was run twice, with the same outcome; {pace:.1} seeds per second");
        return ExitCode::SUCCESS;
    }
    if cli.keep_going {
        println!("{sums}");
        survey(&failures);
        return ExitCode::FAILURE;
    }
    for failure in failures.iter().take(1) {
        eprintln!("\n{failure}");
        let small = shrink(failure.seed, failure, Options { aloud: Aloud::No, ..options });
        eprintln!("again: cargo xtask sim --seed {} --acts {} --trace", failure.seed, small.acts);
    }
    ExitCode::FAILURE
}

/// Which rules were broken, how often, and by which seeds first.
fn survey(failures: &[Failure]) {
    let mut rules: BTreeMap<&str, Vec<&Failure>> = BTreeMap::new();
    for failure in failures {
        rules.entry(failure.violation.rule).or_default().push(failure);
    }
    for (rule, mut all) in rules {
        all.sort_by_key(|failure| failure.seed);
        let seeds: Vec<String> = all.iter().take(8).map(|failure| failure.seed.to_string()).collect();
        println!("{rule}: {} times, by seeds {}", all.len(), seeds.join(", "));
        println!("    {}", all[0].violation.what.chars().take(300).collect::<String>());
    }
}

/// Runs seeds, each twice, and adds up what there was.
fn all(seeds: std::ops::Range<u64>, options: Options, cli: &Cli, begun: Instant) -> (Sums, Vec<Failure>) {
    let next = AtomicU64::new(seeds.start);
    let stop = AtomicBool::new(false);
    let outcome: Mutex<(Sums, Vec<Failure>)> = Mutex::default();
    let shown = std::io::stderr().is_terminal();
    std::thread::scope(|scope| {
        for _ in 0..cli.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let passed = sim::run_twice(seed, options);
                    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
                    match passed {
                        Ok(passed) => outcome.0 += passed.sums,
                        Err(failure) => {
                            outcome.1.push(*failure);
                            stop.fetch_or(!cli.keep_going, Ordering::Relaxed);
                        }
                    }
                    let done = outcome.0.seeds + outcome.1.len() as u64;
                    if shown && done.is_multiple_of(20) {
                        let pace = done as f64 / begun.elapsed().as_secs_f64();
                        let (all, builds) = (seeds.end - seeds.start, outcome.0.counts.builds);
                        eprint!("\r{done} of {all} seeds, {builds} builds, {pace:.0} seeds per second ");
                        let _ = std::io::stderr().flush();
                    }
                }
            });
        }
    });
    outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
}
