//! What a step's logs say, read once its command has ended and its logs are whole. Reading again gives the same, so a
//! master that dies in between does it anew.

use crate::order::Order;
use formats::warnings::{Counter, Rules, RulesSpec, Suppression, WarningLimits, Warnings};
use formats::{Format, Limits, Reader, Roll, Summary, Verdict};
use logs::{LogError, Logs, Visit};
use model::{
    BuildId, Findings, Functions, KindCount, LogId, PropertyReading, Results, Stream, TestCase, TestOutcome,
    TestReading, TestTotals, Value, WarningReading,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of output that a function of the configuration is given; of more, the last ones.
pub(crate) const MOST_OUTPUT: usize = 4 << 20;

/// Bytes of output that become one property.
pub(crate) const MOST_VALUE: usize = 64 << 10;

/// Properties, addresses and tests at fault that a function may answer with, each.
const MOST_ANSWERS: usize = 1000;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) findings: Findings,
    /// Every test by name, where tests were read.
    pub(crate) roll: Option<Roll>,
}

/// Reads all that the order asks for. `code` is the command's exit code, if it has one; `files` came back with its end.
pub(crate) async fn read(
    logs: &Logs,
    build: BuildId,
    order: &Order,
    code: Option<i32>,
    files: &[wire::Collected],
) -> Read {
    let mut read = Read::default();
    if order.reading.is_nothing() || order.logs.is_empty() {
        return read;
    }
    if let Err(trouble) = read_into(logs, build, order, code, files, &mut read).await {
        read.findings.trouble = Some(trouble);
        read.roll = None;
    }
    read
}

async fn read_into(
    logs: &Logs,
    build: BuildId,
    order: &Order,
    code: Option<i32>,
    files: &[wire::Collected],
    read: &mut Read,
) -> Result<(), String> {
    let Read { findings, roll } = read;
    let reading = &order.reading;
    if let Some(warnings) = &reading.warnings {
        let stdio = order.log("stdio").ok_or("it has no log")?;
        let counted = count_warnings(logs, (build, stdio), warnings, files).await?;
        findings.warnings = Some(counted.count);
        for (kind, count) in warnings.kinds.iter().zip(counted.by_kind) {
            findings.properties.push((kind.property.clone(), number(count)));
            findings.kinds.push(KindCount { name: kind.name.clone(), count, fails: kind.fails });
        }
        findings.properties.extend(warnings.total.iter().map(|total| (total.clone(), number(counted.count))));
    }
    if let Some(tests) = &reading.tests {
        let log = order.log(&tests.log).ok_or_else(|| format!("it has no log {}", tests.log))?;
        let (summary, mut named) = read_tests(logs, (build, log), tests).await?;
        if tests.part || code.is_none() {
            named.is_part();
        }
        *roll = Some(named);
        if let Some((results, doubt)) = doubt(&summary, tests.whole).filter(|_| code == Some(0)) {
            (findings.results, findings.summary) = (Some(results), Some(doubt));
        }
        findings.tests = Some(summary.totals);
    }
    if reading.property.is_none() && reading.function.is_none() {
        return Ok(());
    }
    let stdio = order.log("stdio").ok_or("it has no log")?;
    let output = logs.visit(build, stdio, Output::default()).await.map_err(|e| unreadable(&e))?;
    let exit = code.map_or(Value::Null, |code| Value::Int(code.into()));
    match &reading.property {
        Some(PropertyReading::Whole { name, strip }) if code == Some(0) => {
            let value = output.stdout.text();
            let value = if *strip { value.trim() } else { value.as_str() };
            if value.len() > MOST_VALUE {
                let most = MOST_VALUE >> 10;
                return Err(format!("the output is longer than {most} KiB, too long for the property {name}"));
            }
            findings.properties.push((name.clone(), Value::from(value)));
        }
        Some(PropertyReading::Number { name, unit }) if code == Some(0) => {
            let first = output.stdout.text().split_whitespace().next().and_then(|word| word.parse().ok());
            let found: i64 =
                first.ok_or_else(|| format!("the output begins with no number for the property {name}"))?;
            findings.properties.push((name.clone(), Value::Int(found)));
            findings.summary = Some(format!("{found} {unit}"));
        }
        Some(PropertyReading::Function(function)) => {
            let arguments = vec![exit.clone(), output.stdout.text().into(), output.stderr.text().into()];
            let answer = call(&order.functions, function, arguments).await?;
            findings.properties.extend(properties(answer)?);
        }
        _ => {}
    }
    if let Some(function) = &reading.function {
        let answer = call(&order.functions, function, vec![exit, output.both.text().into()]).await?;
        let before = findings.tests.take();
        take_answer(answer, findings)?;
        match &findings.tests {
            Some(own) => *roll = Some(Roll::of(own)),
            None => findings.tests = before,
        }
    }
    Ok(())
}

fn unreadable(error: &LogError) -> String {
    format!("the log cannot be read: {error}")
}

/// Functions may take their time, and must not hold up anybody else.
async fn call(
    functions: &Arc<dyn Functions>,
    function: &model::FunctionRef,
    arguments: Vec<Value>,
) -> Result<Value, String> {
    let (functions, function) = (functions.clone(), function.clone());
    let called = tokio::task::spawn_blocking(move || functions.call(&function, &arguments)).await;
    called.map_err(|e| format!("the function ended badly: {e}"))?.map_err(|e| e.message)
}

async fn count_warnings(
    logs: &Logs,
    (build, log): (BuildId, LogId),
    reading: &WarningReading,
    files: &[wire::Collected],
) -> Result<Warnings, String> {
    let mut suppressions = Vec::new();
    for s in &reading.suppress {
        let lines = s.lines.map(|(first, last)| first..=last);
        let made = Suppression::new(s.file.as_deref(), s.words.as_deref(), lines).map_err(|e| chain(&e))?;
        suppressions.push(made);
    }
    if let Some(name) = &reading.suppression_file {
        // A tree without one has nothing to suppress.
        if let Some(file) = files.iter().find(|file| file.path.ends_with(name.as_str())) {
            if file.data.len() > wire::COLLECT_LIMIT {
                return Err(format!("{name} is longer than {} KiB", wire::COLLECT_LIMIT >> 10));
            }
            let text = String::from_utf8_lossy(&file.data);
            suppressions.extend(formats::warnings::parse(&text).map_err(|e| format!("{name}: {}", chain(&e)))?);
        }
    }
    let rules = Rules::new(&RulesSpec {
        pattern: Some(reading.pattern.clone()),
        extract: reading.extract.then(|| reading.pattern.clone()),
        enter: reading.enter.clone(),
        leave: reading.leave.clone(),
        suppressions,
        kinds: reading.kinds.iter().map(|kind| kind.pattern.clone()).collect(),
    });
    let counter = Counter::new(rules.map_err(|e| chain(&e))?, WarningLimits::default());
    let Warned(counter) = logs.visit(build, log, Warned(counter)).await.map_err(|e| unreadable(&e))?;
    Ok(counter.finish(&mut |_| {}))
}

fn number(count: u64) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Counts warnings in what the command wrote.
struct Warned(Counter);

impl Visit for Warned {
    fn piece(&mut self, stream: Stream, bytes: &[u8]) {
        if stream != Stream::Header {
            self.0.push(bytes, &mut |_| {});
        }
    }
}

async fn read_tests(
    logs: &Logs,
    (build, log): (BuildId, LogId),
    reading: &TestReading,
) -> Result<(Summary, Roll), String> {
    let format = Format::from_name(&reading.format).ok_or_else(|| format!("no test report is {}", reading.format))?;
    let tested = Tested(Reader::new(format, Limits::default()), Roll::default());
    let Tested(reader, mut roll) = logs.visit(build, log, tested).await.map_err(|e| unreadable(&e))?;
    let summary = reader.finish(&mut |event| roll.take(&event));
    roll.close(&summary);
    Ok((summary, roll))
}

/// Reads a test report in what the command wrote.
struct Tested(Reader, Roll);

impl Visit for Tested {
    fn piece(&mut self, stream: Stream, bytes: &[u8]) {
        if stream != Stream::Header {
            self.0.push(bytes, &mut |event| self.1.take(&event));
        }
    }
}

/// What a passed command with such a report comes to, where its totals do not tell: nobody knows what is missing of a
/// report that is not whole. One that was `promised` to be there and is not is a failure.
fn doubt(summary: &Summary, promised: bool) -> Option<(Results, String)> {
    if summary.verdict() != Verdict::Incomplete {
        return None;
    }
    let flaw = summary.flaws.first()?;
    match (summary.totals.total(), promised) {
        (0, false) => None,
        (0, true) => Some((Results::Failure, flaw.to_string())),
        (_, promised) => {
            let results = if promised { Results::Failure } else { Results::Warnings };
            Some((results, format!("{}, but {flaw}", summary.totals.words())))
        }
    }
}

/// The last bytes of what a command wrote.
#[derive(Default)]
struct Output {
    stdout: Tail,
    stderr: Tail,
    both: Tail,
}

#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > 2 * MOST_OUTPUT {
            self.0.drain(..self.0.len() - MOST_OUTPUT);
        }
    }

    fn text(&self) -> String {
        let from = self.0.len().saturating_sub(MOST_OUTPUT);
        String::from_utf8_lossy(&self.0[from..]).into_owned()
    }
}

impl Visit for Output {
    fn piece(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Stdout => self.stdout.push(bytes),
            Stream::Stderr => self.stderr.push(bytes),
            Stream::Header => return,
        }
        self.both.push(bytes);
    }
}

/// Names and values.
fn properties(answer: Value) -> Result<Vec<(String, Value)>, String> {
    match answer {
        Value::Null => Ok(Vec::new()),
        Value::Map(map) if map.len() <= MOST_ANSWERS => Ok(map.into_iter().collect()),
        Value::Map(map) => Err(format!("the function sets {} properties; {MOST_ANSWERS} may be", map.len())),
        other => Err(format!("the function answers with {} where names and values are needed", kind(&other))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "None",
        Value::Bool(_) => "a truth value",
        Value::Int(_) => "a number",
        Value::Text(_) => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "a dict",
    }
}

/// What a step's own reader says.
fn take_answer(answer: Value, findings: &mut Findings) -> Result<(), String> {
    for (name, value) in properties(answer)? {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("results", value) => findings.results = Some(results(&value)?),
            ("summary", Value::Text(text)) => {
                findings.summary = Some(text.lines().next().unwrap_or_default().chars().take(200).collect());
            }
            ("properties", value) => findings.properties.extend(properties(value)?),
            ("urls", value) => {
                for (words, address) in properties(value)? {
                    let Value::Text(address) = address else {
                        return Err(format!("the address of {words} is {}", kind(&address)));
                    };
                    if !(address.starts_with("http://") || address.starts_with("https://") || address.starts_with('/'))
                    {
                        return Err(format!("the address of {words} begins with neither http:// nor https:// nor /"));
                    }
                    findings.urls.push((words, address));
                }
            }
            ("tests", Value::Map(map)) => findings.tests = Some(totals(map)?),
            (known @ ("summary" | "tests"), other) => {
                return Err(format!("the function answers with {} as {known}", kind(&other)));
            }
            (other, _) => {
                let known = "results, summary, properties, urls and tests";
                return Err(format!("the function answers with {other}; it may answer with {known}"));
            }
        }
    }
    Ok(())
}

fn results(value: &Value) -> Result<Results, String> {
    let found = match value {
        Value::Int(code) => Results::from_code(*code),
        Value::Text(name) => Results::ALL.into_iter().find(|r| r.to_string().eq_ignore_ascii_case(name)),
        _ => None,
    };
    let wrong = || format!("the function answers with {} as results; it is one of SUCCESS to CANCELLED", kind(value));
    found.ok_or_else(wrong)
}

fn totals(map: BTreeMap<String, Value>) -> Result<TestTotals, String> {
    let mut totals = TestTotals::default();
    for (name, value) in map {
        let place = match name.as_str() {
            "passed" => &mut totals.passed,
            "failed" => &mut totals.failed,
            "errors" => &mut totals.errors,
            "skipped" => &mut totals.skipped,
            "bad" => {
                let Value::List(names) = value else { return Err(format!("bad is {}", kind(&value))) };
                for name in names.into_iter().take(TestTotals::MOST_NAMED) {
                    let Value::Text(name) = name else { return Err(format!("a name in bad is {}", kind(&name))) };
                    let outcome = TestOutcome::Failed;
                    totals.bad.push(TestCase { name, outcome, duration: None, message: String::new() });
                }
                continue;
            }
            other => return Err(format!("the function answers with {other} among the tests")),
        };
        let Value::Int(count) = value else { return Err(format!("{name} is {}", kind(&value))) };
        *place = u64::try_from(count).map_err(|_| format!("{name} is less than nothing"))?;
    }
    Ok(totals)
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
