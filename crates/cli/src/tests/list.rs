//! `sluice tests list`.

use super::{Place, find};
use crate::exit::Exit;
use crate::out;
use crate::show::{Paper, WIDTH, cut, pad};
use anyhow::bail;
use model::TestItem;
use model::testrun::{TestRunLine, TestRunState};
use testruns::TestPatterns;

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests list\n         sluice tests list --runname r7 --status FAIL,ABORT 'build/%'",
    after_help = "Without a run, a test, a state or a status it lists runs, else items: those of the runs that are meant, or \
                  of the newest."
)]
pub(crate) struct Args {
    /// Items like this, such as build/% or %/gcc
    #[arg(value_name = "TEST")]
    tests: Vec<String>,
    #[command(flatten)]
    place: Place,
    /// Only items in one of these states, such as COMPLETED or RUNNING
    #[arg(long, value_name = "STATES", value_delimiter = ',')]
    state: Vec<String>,
    /// Only items with one of these statuses, such as FAIL
    #[arg(long, value_name = "STATUSES", value_delimiter = ',')]
    status: Vec<String>,
    /// List at most so many runs
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

#[derive(serde::Serialize)]
struct Listed {
    run: TestRunLine,
    items: Vec<TestItem>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let (_, book) = args.place.open()?;
    let mut runs = find::runs(&book, &args.place)?;
    if let (Some(name), true) = (&args.place.runname, runs.is_empty()) {
        bail!("there is no run '{name}'\nhelp: sluice tests list");
    }
    let about_items = !(args.tests.is_empty() && args.state.is_empty() && args.status.is_empty());
    if !about_items && args.place.runname.is_none() {
        runs.truncate(args.limit);
        match args.place.json {
            true => out::json(&runs)?,
            false => out::lines(runs.iter().map(|r| line(Paper::of_stdout(), r)))?,
        }
        return Ok(Exit::Passed);
    }
    if args.place.runname.is_none() {
        runs.truncate(1);
    }
    let patterns = TestPatterns::read(&args.tests.join(","));
    let wanted = |item: &TestItem| {
        let like =
            |words: &[String], word: &str| words.is_empty() || words.iter().any(|w| w.eq_ignore_ascii_case(word));
        (args.tests.is_empty() || patterns.matches(&item.test, &item.path))
            && like(&args.state, item.phase.word())
            && like(&args.status, &item.status)
    };
    let mut all = Vec::new();
    for run in runs {
        let items = book.items(run.id)?.into_iter().filter(wanted).collect();
        all.push(Listed { run, items });
    }
    if args.place.json {
        out::json(&all)?;
        return Ok(Exit::Passed);
    }
    for listed in &all {
        out::line(line(Paper::of_stdout(), &listed.run))?;
        out::lines(item_lines(Paper::of_stdout(), &listed.items))?;
    }
    Ok(Exit::Passed)
}

/// A line for each item, one below the other.
pub(super) fn item_lines<'a>(
    paper: Paper,
    items: impl IntoIterator<Item = &'a TestItem, IntoIter: Clone>,
) -> impl Iterator<Item = String> {
    let items = items.into_iter();
    let width = |of: fn(&TestItem) -> String| items.clone().map(|i| of(i).chars().count()).max().unwrap_or(0);
    let (name, word) = (width(find::name).min(NAME), width(word));
    items.map(move |item| item_line(paper, item, name, word))
}

/// How wide a name is at most.
const NAME: usize = 36;

fn word(item: &TestItem) -> String {
    if item.phase.is_over() { item.status.clone() } else { item.phase.word().to_owned() }
}

fn line(paper: Paper, run: &TestRunLine) -> String {
    let symbol = match run.state {
        TestRunState::Running => paper.symbol(None),
        TestRunState::Green => paper.symbol(Some(model::Results::Success)),
        TestRunState::Red => paper.symbol(Some(model::Results::Failure)),
        TestRunState::Cancelled | TestRunState::Interrupted => paper.symbol(Some(model::Results::Cancelled)),
    };
    let mut counts: Vec<String> = run.totals.by_status.iter().map(|s| format!("{} {}", s.count, s.word)).collect();
    let waits = run.totals.waiting + run.totals.running;
    if waits > 0 {
        counts.push(format!("{waits} to come"));
    }
    let name = pad(&find::called(&run.target, &run.name), 24);
    format!("  {symbol} {name} {:<11} {}", run.state.word(), counts.join(", ")).trim_end().to_owned()
}

fn item_line(paper: Paper, item: &TestItem, wide: usize, words: usize) -> String {
    let symbol = match item.phase.is_over() {
        true => super::live::symbol(paper, &item.status, item.class),
        false => paper.symbol(None),
    };
    let took = item.duration.map(|d| d.to_string()).unwrap_or_default();
    let flaky = if item.flaky { "flaky " } else { "" };
    let head = format!("{} {} {took:<8}", pad(&find::name(item), wide), pad(&word(item), words));
    let said = format!("{flaky}{}", item.comment);
    // A terminal breaks lines where it likes; elsewhere nothing is lost.
    let room = match paper {
        Paper::Terminal => WIDTH.saturating_sub(head.chars().count() + 7),
        Paper::Plain => 1000,
    };
    let said = if room < SHORTEST { String::new() } else { cut(&said, room) };
    format!("    {symbol} {head} {said}").trim_end().to_owned()
}

/// Less of a sentence says nothing.
const SHORTEST: usize = 8;
