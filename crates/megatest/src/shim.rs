//! What old scripts say to `megatest` from inside a test.

use model::testrun::Measurement;
use std::fmt;

/// One thing that a script wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `-step NAME :state S :status T`: a step begins or ends.
    Step {
        /// The step.
        name: String,
        /// `start` or `end`, by convention.
        state: String,
        /// An exit code or a word; `n/a` at the start.
        status: String,
        /// `-m`.
        comment: Option<String>,
        /// `-setlog` beside it: the step's log.
        log: Option<String>,
    },
    /// `-test-status :state S :status T`: the test judges itself.
    TestStatus {
        /// The state.
        state: String,
        /// The status: a number became `PASS` or `FAIL`. `AUTO`: the measured data decides.
        status: String,
        /// `-m`.
        comment: Option<String>,
    },
    /// `-runstep NAME [-logpro RULES] COMMAND…`: begin, run, judge, end.
    RunStep {
        /// The step.
        name: String,
        /// A file of rules.
        rules: Option<String>,
        /// For a shell.
        command: String,
    },
    /// `-load-test-data`: rows on standard input.
    LoadData,
    /// `-set-values :category … :variable … :value …`: one row.
    SetValues(Measurement),
    /// `-setlog FILE`: the test's own log.
    SetLog(String),
    /// `-set-toplog FILE`: the log of the test above its items.
    SetTopLog(String),
    /// `-summarize-items`: the page of the test above its items, which is made by itself here.
    SummarizeItems,
}

/// Why a command line is none that is known from inside a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCall {
    /// What is wrong, a sentence.
    pub message: String,
    /// The exit code that scripts expect: 6 for a missing state or status, 1 otherwise.
    pub code: u8,
}

impl fmt::Display for BadCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BadCall {}

fn bad(message: impl Into<String>) -> BadCall {
    BadCall { message: message.into(), code: 1 }
}

/// The exit code outside of a test.
pub const NOT_IN_A_TEST: u8 = 5;

#[derive(Default)]
struct Words {
    step: Option<String>,
    run_step: Option<String>,
    test_status: bool,
    load: bool,
    set_values: bool,
    summarize: bool,
    state: Option<String>,
    status: Option<String>,
    comment: Option<String>,
    log: Option<String>,
    top_log: Option<String>,
    rules: Option<String>,
    row: Measurement,
    command: Vec<String>,
}

/// Reads the arguments of `megatest` as they are used inside of tests. `:word` and `-word` are the same for what takes a
/// value. Errors: an argument that is not known, one that misses its value, a call without state or status.
pub fn read(arguments: &[String]) -> Result<Vec<Call>, BadCall> {
    let mut words = Words::default();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        let name = word.strip_prefix(['-', ':']).map(|n| n.strip_prefix('-').unwrap_or(n));
        let Some(name) = name.filter(|n| !n.is_empty() && words.command.is_empty()) else {
            words.command.push(word.clone());
            continue;
        };
        let mut value = || rest.next().cloned().ok_or_else(|| bad(format!("{word} takes a value")));
        match name {
            "test-status" => words.test_status = true,
            "load-test-data" => words.load = true,
            "set-values" => words.set_values = true,
            "summarize-items" => words.summarize = true,
            "step" => words.step = Some(value()?),
            "runstep" => words.run_step = Some(value()?),
            "state" => words.state = Some(value()?),
            "status" => words.status = Some(value()?),
            "m" => words.comment = Some(value()?),
            "setlog" => words.log = Some(value()?),
            "set-toplog" => words.top_log = Some(value()?),
            "logpro" => words.rules = Some(value()?),
            "category" => words.row.category = value()?,
            "variable" => words.row.variable = value()?,
            "value" => words.row.value = value()?,
            "expected" => words.row.expected = value()?,
            "tol" => words.row.tolerance = value()?,
            "units" | "unit" => words.row.units = value()?,
            // What only says how much is told.
            "v" | "q" => {}
            "debug" => drop(value()?),
            _ if words.run_step.is_some() => words.command.push(word.clone()),
            _ => {
                let help = "a test may use -step, -test-status, -runstep, -load-test-data, -set-values, -setlog, \
                            -set-toplog and -summarize-items";
                return Err(bad(format!("{word} is not known inside of a test; {help}")));
            }
        }
    }
    calls(words)
}

fn calls(mut words: Words) -> Result<Vec<Call>, BadCall> {
    let mut calls = Vec::new();
    let both = |words: &Words, of: &str| match (&words.state, &words.status) {
        (Some(state), Some(status)) => Ok((state.clone(), status.clone())),
        _ => Err(BadCall { message: format!("{of} takes :state and :status"), code: 6 }),
    };
    if let Some(name) = words.step.take() {
        let (state, status) = both(&words, "-step")?;
        calls.push(Call::Step { name, state, status, comment: words.comment.clone(), log: words.log.take() });
    }
    if let Some(name) = words.run_step.take() {
        let command = std::mem::take(&mut words.command).join(" ");
        if command.trim().is_empty() {
            return Err(bad(format!("-runstep {name} has no command")));
        }
        calls.push(Call::RunStep { name, rules: words.rules.take(), command });
    }
    if words.load {
        calls.push(Call::LoadData);
    }
    if words.set_values || (!words.row.variable.is_empty() && words.test_status) {
        let mut row = std::mem::take(&mut words.row);
        if row.variable.is_empty() {
            return Err(bad("-set-values takes :variable and :value"));
        }
        row.comment = words.comment.clone().unwrap_or_default();
        if !words.test_status {
            row.status = words.status.clone().unwrap_or_default();
        }
        calls.push(Call::SetValues(row));
    }
    calls.extend(words.log.take().map(Call::SetLog));
    calls.extend(words.top_log.take().map(Call::SetTopLog));
    if words.test_status {
        let (state, status) = both(&words, "-test-status")?;
        calls.push(Call::TestStatus { state, status: verdict(&status), comment: words.comment.clone() });
    }
    if words.summarize {
        calls.push(Call::SummarizeItems);
    }
    match (words.command.first(), calls.is_empty()) {
        (Some(word), _) => Err(bad(format!("{word} belongs to nothing"))),
        (None, true) => Err(bad("nothing is asked for")),
        (None, false) => Ok(calls),
    }
}

/// 0 is a pass, another number a failure.
fn verdict(status: &str) -> String {
    match status.parse::<i64>() {
        Ok(0) => "PASS".to_owned(),
        Ok(_) => "FAIL".to_owned(),
        Err(_) => status.to_owned(),
    }
}
