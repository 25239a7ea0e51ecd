//! Verdicts: what a step's result is, from how its command ended and what was read from its logs.
//!
//! | the command | what was read | the step |
//! |---|---|---|
//! | ended with code 0, or any that `decode_rc` names | | SUCCESS, or as `decode_rc` says |
//! | ended with another code, by a signal, by a limit, could not be started | | FAILURE |
//! | was ended when its first test had failed | | FAILURE |
//! | was stopped | | CANCELLED |
//! | could not be run by the machine | | EXCEPTION |
//! | is gone with its worker, which was stopped, stayed alone for too long or lost it | | RETRY |
//! | ended by itself | a result of the step's own function | that result |
//! | passed | a test that is at fault, more warnings than `max`, or one of a kind that fails | FAILURE |
//! | passed | a promised report that is cut off, keeps not to its plan or holds no test | FAILURE |
//! | passed | warnings, or a report of a named format without a single test | WARNINGS |
//! | ended in any way but by a stop | the reading went wrong | EXCEPTION |

use model::{Findings, Reading, Results, StepAction, StepFacts, StepSpec};

/// How the command of a step ended, as the worker tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandEnd {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that was not ours; its name, as `SIGSEGV`.
    Signalled(String),
    /// It could not be started; why.
    NotStarted(String),
    /// It gave no output for too long.
    NoOutput(model::Span),
    /// It took too long in all.
    TooLong(model::Span),
    /// We ended it when its first test had failed; which one.
    FirstFailure(String),
    /// Somebody stopped it; why.
    Interrupted(String),
    /// The machine could not do it; why.
    Broken(String),
    /// Its worker does not go on with it, and another one may; why.
    Lost(String),
}

/// The result of a command that ended so, and a line that says it.
///
/// What the command does is the code's: FAILURE. What the machine does is not: EXCEPTION, or RETRY where another attempt
/// may well come to an end.
pub fn verdict(end: &CommandEnd) -> (Results, String) {
    match end {
        CommandEnd::Exited(0) => (Results::Success, "passed".to_owned()),
        CommandEnd::Exited(code) => (Results::Failure, format!("failed with exit code {code}")),
        CommandEnd::Signalled(name) => (Results::Failure, format!("ended by signal {name}")),
        CommandEnd::NotStarted(why) => (Results::Failure, format!("could not be started: {why}")),
        CommandEnd::NoOutput(after) => (Results::Failure, format!("ended after {after} without output")),
        CommandEnd::TooLong(after) => (Results::Failure, format!("ended after {after}, its limit")),
        CommandEnd::FirstFailure(test) => (Results::Failure, format!("ended when {test} failed")),
        CommandEnd::Interrupted(why) => (Results::Cancelled, format!("stopped: {why}")),
        CommandEnd::Broken(why) => (Results::Exception, why.clone()),
        CommandEnd::Lost(why) => (Results::Retry, why.clone()),
    }
}

/// What is made of a step's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The step's result.
    pub results: Results,
    /// One line for people.
    pub state: String,
    /// What came of it besides; `hidden` is not decided here.
    pub facts: StepFacts,
}

/// Judges a step by the table above. Without a plan (`spec`) only the command counts.
pub fn judge(spec: Option<&StepSpec>, end: &CommandEnd, findings: &Findings) -> Judgement {
    let (mut results, mut state) = command(spec, end);
    let reading = spec.and_then(shell_of).map(|shell| &shell.reading);
    let facts = StepFacts {
        hidden: false,
        urls: findings.urls.clone(),
        warnings: findings.warnings,
        tests: findings.tests.clone(),
    };
    let found = found(findings);
    match (end, findings.results) {
        (CommandEnd::Exited(_) | CommandEnd::Signalled(_), Some(own)) => {
            if own != results {
                state = found.clone().unwrap_or_else(|| own.word().to_owned());
            }
            results = own;
        }
        _ => {
            let passed = matches!(results, Results::Success | Results::Warnings);
            let most = reading.and_then(|r| r.warnings.as_ref()).and_then(|w| w.max);
            let too_many = most.filter(|most| findings.warnings.is_some_and(|n| n > *most));
            let bad = findings.tests.as_ref().is_some_and(|t| t.bad_count() > 0)
                || findings.kinds.iter().any(|kind| kind.fails && kind.count > 0);
            // Nobody said that there is a report when its format is only guessed at.
            let promised = |r: &Reading| r.tests.as_ref().is_some_and(|t| t.format != "auto");
            let silent = reading.is_some_and(promised)
                && findings.tests.as_ref().is_none_or(|t| t.total() == 0)
                && findings.trouble.is_none();
            if let Some(found) = &found {
                state = if passed { found.clone() } else { format!("{state}; {found}") };
            }
            if passed {
                if bad || too_many.is_some() {
                    results = Results::Failure;
                } else if findings.warnings.is_some_and(|n| n > 0) || silent {
                    results = Results::Warnings;
                }
                if let Some(most) = too_many {
                    state = format!("{state}, more than {most}");
                }
                if silent {
                    state = match findings.warnings {
                        Some(n) if n > 0 => format!("{}, and no test in its report", warnings(n)),
                        _ => "passed, with no test in its report".to_owned(),
                    };
                }
            }
        }
    }
    if let Some(summary) = &findings.summary {
        state.clone_from(summary);
    }
    if let Some(trouble) = findings.trouble.as_ref().filter(|_| results != Results::Cancelled) {
        results = results.worst(Results::Exception);
        state = format!("its logs could not be read: {trouble}");
    }
    Judgement { results, state, facts }
}

fn command(spec: Option<&StepSpec>, end: &CommandEnd) -> (Results, String) {
    let decoded = match end {
        CommandEnd::Exited(code) => {
            spec.and_then(shell_of).and_then(|s| s.decode_rc.get(code)).map(|results| (*results, *code))
        }
        _ => None,
    };
    match decoded {
        Some((Results::Success, _)) => (Results::Success, "passed".to_owned()),
        Some((results, code)) => (results, format!("{} with exit code {code}", results.word())),
        None => verdict(end),
    }
}

fn shell_of(spec: &StepSpec) -> Option<&model::ShellSpec> {
    match &spec.action {
        StepAction::Shell(shell) | StepAction::MasterShell(shell) => Some(shell),
        StepAction::Sequence(sequence) => Some(&sequence.shell),
        _ => None,
    }
}

/// What was counted, in words; `None`: nothing worth a word.
fn found(findings: &Findings) -> Option<String> {
    let tests = findings.tests.as_ref().filter(|t| t.total() > 0).map(model::TestTotals::words);
    let counted = findings.warnings.filter(|n| *n > 0).map(|n| warnings(n) + &kinds(findings));
    match (tests, counted) {
        (Some(tests), Some(counted)) => Some(format!("{tests}, {counted}")),
        (tests, counted) => tests.or(counted),
    }
}

/// ` (2 error, 3 convention)`, or nothing where no kinds are told apart.
fn kinds(findings: &Findings) -> String {
    let found = findings.kinds.iter().filter(|kind| kind.count > 0);
    let words: Vec<_> = found.map(|kind| format!("{} {}", kind.count, kind.name)).collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

fn warnings(n: u64) -> String {
    format!("{n} {}", if n == 1 { "warning" } else { "warnings" })
}
