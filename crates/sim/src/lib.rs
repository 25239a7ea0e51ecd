//! The seeded simulator: the engine, a real store in memory, the sessions and ledgers of the wire, daemons with their
//! supervisors, and the net between them, in one thread and in virtual time.
//!
//! A seed decides a configuration, what people do, what commands do and what breaks. Everything durable goes through
//! the [`record`], which knows the rules of the manual a second time and tells the first that is broken. The same seed
//! gives the same trace, so that what was found once is found again.

mod admission;
#[path = "../../master/src/clock/anchor.rs"]
mod anchor;
mod calendar;
pub mod config;
pub mod dice;
#[expect(dead_code, reason = "commands of the simulator name no files")]
#[path = "../../master/src/effect.rs"]
mod effect;
pub mod fault;
mod functions;
mod logs;
mod machine;
mod master;
mod net;
#[expect(dead_code, reason = "the simulator does not read what commands print")]
#[path = "../../master/src/order.rs"]
mod order;
mod people;
mod prf;
pub mod record;
mod sabotage;
mod simulation;
pub mod sums;
pub mod trace;
pub mod violation;

pub use sabotage::Sabotage;
pub use simulation::{Failure, Options, Passed, run};
pub use sums::Sums;

/// Fewer acts that break the same rule: halves as long as it still breaks, then one by one.
pub fn shrink(seed: u64, failure: &Failure, options: Options) -> Options {
    let fails = |acts: usize| {
        let outcome = run(seed, Options { acts, ..options });
        outcome.is_err_and(|f| f.violation.rule == failure.violation.rule)
    };
    let mut acts = options.acts.min(failure.acts);
    if !fails(acts) {
        return options;
    }
    while acts > 1 && fails(acts / 2) {
        acts /= 2;
    }
    while acts > 0 && fails(acts - 1) {
        acts -= 1;
    }
    Options { acts, ..options }
}

/// Runs a seed twice and compares.
///
/// # Errors
/// A rule is broken, or the two runs differ.
pub fn run_twice(seed: u64, options: Options) -> Result<Passed, Box<Failure>> {
    let first = run(seed, options)?;
    let second = run(seed, Options { aloud: trace::Aloud::No, ..options })?;
    if first == second {
        return Ok(first);
    }
    let what = format!("{first:?} and then {second:?}");
    let violation = violation::Violation::new("the-same-twice", what);
    Err(Box::new(Failure { seed, violation, after: model::Span::ZERO, acts: options.acts, last: Vec::new() }))
}
