//! What a gate heard and decided, in sentences for people.

use gate::event::Doubt;
use gate::{CandidateId, End, Guilt, Halt, Needless, Proof, Purpose, Red};
use model::CandidateEnd;

/// Some numbers of a list: `3, 4 and 7 more`.
pub(super) fn names(all: &[CandidateId]) -> String {
    const MOST: usize = 5;
    let shown: Vec<String> = all.iter().take(MOST).map(ToString::to_string).collect();
    match all.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What failed.
pub(super) fn red(red: &Red) -> String {
    const MOST: usize = 3;
    let mut text = format!("{} failed", red.stage);
    if !red.tests.is_empty() {
        let shown: Vec<&str> = red.tests.iter().take(MOST).map(String::as_str).collect();
        text.push_str(&format!(": {}", shown.join(", ")));
        if let Some(more @ 1..) = red.tests.len().checked_sub(MOST) {
            text.push_str(&format!(" and {more} more"));
        }
    }
    if !red.log.is_empty() {
        text.push_str(&format!(" ({})", red.log));
    }
    text
}

/// Which files do not fit, and to what.
pub(super) fn conflict(red: &Red) -> String {
    format!("{} does not fit on what is before it: both changed {}", red.stage, red.tests.join(", "))
}

/// Why a trial is run.
pub(super) fn purpose(purpose: &Purpose) -> String {
    match purpose {
        Purpose::Head => "first in the line".to_owned(),
        Purpose::Behind { chance } => format!("behind others as if they landed, which has a chance of {chance}"),
        Purpose::Hedge { without, chance } => {
            format!("in case that {} does not land, which has a chance of {chance}", names(without))
        }
        Purpose::Screen => "by itself, so that it does not depend on others".to_owned(),
        Purpose::Merge => "what was green by itself, together".to_owned(),
        Purpose::Search { among } => format!("part of what was red together; {among} are suspect"),
        Purpose::Control => "the branch by itself, since something on it was red".to_owned(),
    }
}

/// Why a trial need not go on.
pub(super) fn needless(why: &Needless) -> String {
    match why {
        Needless::Without(candidate) => format!("{candidate} will not land, so neither will this tree"),
        Needless::Stale => "the branch went another way".to_owned(),
        Needless::Landed => "all of it has landed".to_owned(),
        Needless::Unneeded => "nothing that may still come needs it".to_owned(),
        Needless::Displaced => "something more useful needs its slot".to_owned(),
    }
}

/// What was thought of a red trial.
pub(super) fn doubt(why: &Doubt) -> String {
    match why {
        Doubt::Flaky { chance } => format!("it may be a flake, with a chance of {chance}: what failed is run again"),
        Doubt::Unlikely { chance } => format!("it counts: the chance that it is a flake is only {chance}"),
        Doubt::Again => "it counts: it was red as often as it may".to_owned(),
        Doubt::NoBudget => "it counts: the day's retries are used up".to_owned(),
        _ => "it counts".to_owned(),
    }
}

/// Why a gate does nothing.
pub(super) fn halt(halt: &Halt) -> String {
    match halt {
        Halt::TreeDiffers { trial } => format!("what landed by trial {trial} is not the tree that was tested"),
        Halt::Refused { trial, why } => format!("the repository refuses what passed in trial {trial}: {why}"),
        Halt::Broken { trial } => format!("the branch is red by itself, as trial {trial} found"),
    }
}

/// How a candidate ended, and why, with the trial and what failed.
pub(super) fn end(end: &End) -> (CandidateEnd, String, Option<u64>, Vec<String>) {
    match end {
        End::Landed { by, flaky } => {
            let flaky = if *flaky { "; what failed at first passed when it was run again" } else { "" };
            (CandidateEnd::Landed, format!("landed by trial {by}{flaky}"), Some(by.0), Vec::new())
        }
        End::Evicted(guilt) => evicted(guilt),
        End::DependencyFailed { on } => {
            (CandidateEnd::DependencyFailed, format!("it needs {on}, which did not land"), None, Vec::new())
        }
        End::Withdrawn { by } => (CandidateEnd::Withdrawn, format!("taken back by {by}"), None, Vec::new()),
    }
}

fn evicted(guilt: &Guilt) -> (CandidateEnd, String, Option<u64>, Vec<String>) {
    let Guilt { trial, red: what, with, proof } = guilt;
    let tests = what.tests.clone();
    if *proof == Proof::Conflict {
        return (CandidateEnd::Conflict, conflict(what), Some(trial.0), tests);
    }
    let beside = match (proof, with.is_empty()) {
        (Proof::GreenWithout(other), _) => format!("without it trial {other} is green"),
        (_, true) => "nothing else was on the branch, which is green without it".to_owned(),
        (_, false) => format!("it passes without this change, as {} landed from the same trees", names(with)),
    };
    (CandidateEnd::Rejected, format!("{}; {beside}", red(what)), Some(trial.0), tests)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gate::TrialId;

    #[test]
    fn a_rejection_says_what_failed_and_what_proves_it() {
        let what = Red {
            stage: "unit/test".to_owned(),
            tests: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
            log: "build 7".to_owned(),
        };
        let guilt = |with: Vec<CandidateId>, proof| Guilt { trial: TrialId(3), red: what.clone(), with, proof };
        let (how, why, trial, tests) = end(&End::Evicted(guilt(Vec::new(), Proof::Branch)));
        assert_eq!((how, trial, tests.len()), (CandidateEnd::Rejected, Some(3), 4));
        assert_eq!(
            why,
            "unit/test failed: a, b, c and 1 more (build 7); nothing else was on the branch, which is green without it"
        );
        let (_, why, ..) = end(&End::Evicted(guilt(vec![CandidateId(1)], Proof::LandedSince)));
        assert!(why.ends_with("it passes without this change, as 1 landed from the same trees"), "{why}");
        let (how, why, ..) = end(&End::Evicted(guilt(Vec::new(), Proof::Conflict)));
        assert_eq!(how, CandidateEnd::Conflict);
        assert!(why.starts_with("unit/test does not fit on what is before it: both changed a, b"), "{why}");
    }
}
