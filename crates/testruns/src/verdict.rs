//! What a test is, from everything that is known when it has ended: exit codes, log rules, its own word, and data.
//!
//! There is one rule: each source gives a status, and the worst by rank stands. So nothing can turn a failure into a
//! pass, and the order in which the sources speak does not matter.
//!
//! | source | says |
//! |---|---|
//! | a step's exit code | PASS or FAIL, or 0..6 where the step says so ([`ExitCodes`]) |
//! | a signal that ended a step | FAIL |
//! | a step that passed its limit of time | KILLED |
//! | a step's log rules | what they found |
//! | a step that was not run though all before it went well | ABORT |
//! | the test's own word | that word; AUTO leaves it to the data, and is CHECK where there is none |
//! | data out of tolerance, or missing | FAIL |
//! | none of these | PASS |

use crate::data;
use crate::status::{Status, Statuses};
use model::Span;
use model::area::{ExitCodes, TestSpec, TestStep};
use model::testrun::Measurement;
use serde::{Deserialize, Serialize};

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It ran longer than it may.
    Overtime(Span),
    /// It could not be started.
    NotStarted,
}

/// What log rules found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesFound {
    /// The status.
    pub status: Status,
    /// What stands behind it, in a sentence.
    pub message: String,
}

/// A step that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepEnd {
    /// Its name.
    pub name: String,
    /// How.
    pub exit: Exit,
    /// What its log rules found, where it has some.
    pub rules: Option<RulesFound>,
}

/// What a test said of itself last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnWord {
    /// A status word, or `AUTO`.
    pub status: String,
    /// What it said to it.
    pub comment: String,
}

/// Everything that is known of an attempt that came to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// The steps that ended, in order.
    pub steps: Vec<StepEnd>,
    /// Its own word.
    pub own: Option<OwnWord>,
    /// What it measured.
    pub data: Vec<Measurement>,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The status.
    pub status: Status,
    /// The step that made it so.
    pub step: Option<String>,
    /// Why, in a sentence; empty when there is nothing to say.
    pub comment: String,
}

impl Verdict {
    fn new(status: Status, step: Option<&str>, comment: impl Into<String>) -> Self {
        Verdict { status, step: step.map(str::to_owned), comment: comment.into() }
    }
}

/// What a step is.
pub fn of_step(step: &TestStep, end: &StepEnd, statuses: &Statuses) -> Verdict {
    let (exit, mut comment) = of_exit(&step.exit, end);
    let name = Some(step.name.as_str());
    let Some(rules) = &end.rules else { return Verdict::new(exit, name, comment) };
    let silent = step.exit == ExitCodes::Ignored && matches!(end.exit, Exit::Code(_));
    if silent || statuses.order(&rules.status) > statuses.order(&exit) {
        comment.clone_from(&rules.message);
        return Verdict::new(rules.status.clone(), name, comment);
    }
    Verdict::new(exit, name, comment)
}

/// Whether the next step may run.
pub fn goes_on(verdict: &Verdict) -> bool {
    verdict.status == Status::PASS || verdict.status == Status::WARN
}

/// What a test is.
pub fn of_test(test: &TestSpec, evidence: &Evidence, statuses: &Statuses) -> Verdict {
    let sources =
        of_steps(test, evidence, statuses).into_iter().chain(of_own(evidence, statuses)).chain(of_data(test, evidence));
    let worst =
        sources.reduce(
            |worst, other| {
                if statuses.order(&other.status) > statuses.order(&worst.status) { other } else { worst }
            },
        );
    worst.filter(|v| v.status != Status::NOT_YET).unwrap_or_else(|| Verdict::new(Status::PASS, None, ""))
}

fn of_exit(codes: &ExitCodes, end: &StepEnd) -> (Status, String) {
    let name = &end.name;
    let code = match end.exit {
        Exit::Signal(signal) => return (Status::FAIL, format!("signal {signal} ended step '{name}'")),
        Exit::Overtime(limit) => return (Status::KILLED, format!("step '{name}' ran longer than {limit}")),
        Exit::NotStarted => return (Status::ABORT, format!("step '{name}' could not be started")),
        Exit::Code(0) => return (Status::PASS, String::new()),
        Exit::Code(code) => code,
    };
    let status = match (codes, code) {
        (ExitCodes::Verdict, 2) => Status::WARN,
        (ExitCodes::Verdict, 3) => Status::CHECK,
        (ExitCodes::Verdict, 4) => Status::WAIVED,
        (ExitCodes::Verdict, 5) => Status::ABORT,
        (ExitCodes::Verdict, 6) => Status::SKIP,
        (ExitCodes::Allowed(allowed), code) if allowed.contains(&code) => return (Status::PASS, String::new()),
        _ => Status::FAIL,
    };
    (status, format!("step '{name}' ended with {code}"))
}

fn of_steps(test: &TestSpec, evidence: &Evidence, statuses: &Statuses) -> Vec<Verdict> {
    let mut all = Vec::new();
    for step in &test.steps {
        let Some(end) = evidence.steps.iter().find(|e| e.name == step.name) else {
            all.push(Verdict::new(Status::ABORT, Some(&step.name), format!("step '{}' was not run", step.name)));
            return all;
        };
        let verdict = of_step(step, end, statuses);
        let on = goes_on(&verdict);
        if verdict.status != Status::PASS {
            all.push(verdict);
        }
        if !on {
            return all;
        }
    }
    all
}

fn of_own(evidence: &Evidence, statuses: &Statuses) -> Option<Verdict> {
    let own = evidence.own.as_ref()?;
    if own.status == "AUTO" {
        let judged = data::judge(&evidence.data, &[]).status().is_some();
        return (!judged).then(|| {
            Verdict::new(Status::CHECK, None, "it leaves its verdict to its data, and none of that can be judged")
        });
    }
    Some(match statuses.read(&own.status) {
        Ok(status) => Verdict::new(status, None, own.comment.clone()),
        Err(unknown) => Verdict::new(Status::FAIL, None, unknown.to_string()),
    })
}

fn of_data(test: &TestSpec, evidence: &Evidence) -> Option<Verdict> {
    let judged = data::judge(&evidence.data, &test.data);
    let status = judged.status().filter(|s| *s != Status::PASS)?;
    Some(Verdict::new(status, None, judged.wrong.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CommandLine;

    fn step(name: &str, exit: ExitCodes) -> TestStep {
        let command = CommandLine::Script("true".to_owned());
        TestStep { name: name.to_owned(), command, exit, rules: None, max_time: None, env: Vec::new() }
    }

    fn end(name: &str, exit: Exit, rules: Option<Status>) -> StepEnd {
        let rules = rules.map(|status| RulesFound { message: format!("rules say {status}"), status });
        StepEnd { name: name.to_owned(), exit, rules }
    }

    fn verdict(steps: Vec<TestStep>, evidence: &Evidence) -> Verdict {
        of_test(&TestSpec { steps, ..TestSpec::default() }, evidence, &Statuses::default())
    }

    fn word(steps: Vec<TestStep>, evidence: &Evidence) -> String {
        verdict(steps, evidence).status.word().to_owned()
    }

    #[test]
    fn exit_codes_as_tabled() {
        let allowed = || ExitCodes::Allowed(vec![9]);
        let table = [
            (ExitCodes::Plain, 0, "PASS"),
            (ExitCodes::Plain, 1, "FAIL"),
            (ExitCodes::Plain, 2, "FAIL"),
            (ExitCodes::Plain, 123, "FAIL"),
            (ExitCodes::Verdict, 0, "PASS"),
            (ExitCodes::Verdict, 1, "FAIL"),
            (ExitCodes::Verdict, 2, "WARN"),
            (ExitCodes::Verdict, 3, "CHECK"),
            (ExitCodes::Verdict, 4, "WAIVED"),
            (ExitCodes::Verdict, 5, "ABORT"),
            (ExitCodes::Verdict, 6, "SKIP"),
            (ExitCodes::Verdict, 7, "FAIL"),
            (ExitCodes::Verdict, -1, "FAIL"),
            (allowed(), 9, "PASS"),
            (allowed(), 0, "PASS"),
            (allowed(), 8, "FAIL"),
            (ExitCodes::Ignored, 1, "FAIL"),
        ];
        for (codes, code, status) in table {
            let evidence = Evidence { steps: vec![end("a", Exit::Code(code), None)], ..Evidence::default() };
            assert_eq!(word(vec![step("a", codes.clone())], &evidence), status, "{codes:?} {code}");
        }
    }

    #[test]
    fn rules_do_not_excuse_a_crash() {
        use ExitCodes::{Ignored, Plain};
        let table = [
            (Plain, Exit::Code(0), Status::PASS, "PASS"),
            (Plain, Exit::Code(0), Status::FAIL, "FAIL"),
            (Plain, Exit::Code(0), Status::CHECK, "CHECK"),
            (Plain, Exit::Code(0), Status::SKIP, "SKIP"),
            (Plain, Exit::Code(9), Status::PASS, "FAIL"),
            (Plain, Exit::Code(9), Status::SKIP, "FAIL"),
            (Plain, Exit::Code(9), Status::ABORT, "ABORT"),
            (Ignored, Exit::Code(9), Status::PASS, "PASS"),
            (Ignored, Exit::Code(9), Status::WARN, "WARN"),
            (Ignored, Exit::Signal(11), Status::PASS, "FAIL"),
            (Ignored, Exit::NotStarted, Status::PASS, "ABORT"),
            (Plain, Exit::Overtime(Span::seconds(2)), Status::PASS, "KILLED"),
        ];
        for (codes, exit, rules, status) in table {
            let evidence = Evidence { steps: vec![end("a", exit, Some(rules.clone()))], ..Evidence::default() };
            assert_eq!(word(vec![step("a", codes.clone())], &evidence), status, "{codes:?} {exit:?} {rules}");
        }
    }

    #[test]
    fn steps_stop_at_the_first_that_does_not_go_well() {
        let steps =
            || vec![step("a", ExitCodes::Verdict), step("b", ExitCodes::Verdict), step("c", ExitCodes::Verdict)];
        let table: [(&[i32], &str, Option<&str>); 6] = [
            (&[0, 0, 0], "PASS", None),
            (&[0, 2, 0], "WARN", Some("b")),
            (&[2, 1], "FAIL", Some("b")),
            (&[0, 6], "SKIP", Some("b")),
            (&[0, 3], "CHECK", Some("b")),
            (&[0, 0], "ABORT", Some("c")),
        ];
        for (codes, status, at) in table {
            let ends = steps().iter().zip(codes).map(|(s, c)| end(&s.name, Exit::Code(*c), None)).collect();
            let came = verdict(steps(), &Evidence { steps: ends, ..Evidence::default() });
            assert_eq!((came.status.word(), came.step.as_deref()), (status, at), "{codes:?}");
        }
        assert_eq!(word(Vec::new(), &Evidence::default()), "PASS", "nothing to do is done");
    }

    #[test]
    fn the_worst_word_stands() {
        let bad =
            Measurement { value: "2".into(), expected: "1".into(), tolerance: "<".into(), ..Measurement::default() };
        let good = Measurement { value: "0".into(), ..bad.clone() };
        let table = [
            (0, Some("FAIL"), None, "FAIL"),
            (0, Some("WARN"), None, "WARN"),
            (1, Some("PASS"), None, "FAIL"),
            (1, Some("WAIVED"), None, "FAIL"),
            (0, Some("0"), None, "PASS"),
            (0, Some("3"), None, "FAIL"),
            (0, Some("HAPPY"), None, "FAIL"),
            (0, Some("n/a"), None, "PASS"),
            (0, Some("AUTO"), None, "CHECK"),
            (0, Some("AUTO"), Some(&good), "PASS"),
            (0, Some("AUTO"), Some(&bad), "FAIL"),
            (0, None, Some(&bad), "FAIL"),
            (0, Some("PASS"), Some(&bad), "FAIL"),
            (1, None, Some(&good), "FAIL"),
            (0, Some("SKIP"), Some(&good), "SKIP"),
        ];
        for (code, own, data, status) in table {
            let evidence = Evidence {
                steps: vec![end("a", Exit::Code(code), None)],
                own: own.map(|o| OwnWord { status: o.to_owned(), comment: String::new() }),
                data: data.into_iter().cloned().collect(),
            };
            assert_eq!(word(vec![step("a", ExitCodes::Plain)], &evidence), status, "{code} {own:?}");
        }
    }

    #[test]
    fn it_says_why() {
        let evidence = Evidence { steps: vec![end("make", Exit::Signal(11), None)], ..Evidence::default() };
        insta::assert_snapshot!(verdict(vec![step("make", ExitCodes::Plain)], &evidence).comment, @r#"signal 11 ended step 'make'"#);
    }
}
