//! `sluice tests diff`: two runs side by side.

use super::{Place, find};
use crate::exit::Exit;
use crate::out;
use crate::show::pad;
use anyhow::bail;
use model::TestRun;
use model::area::Area;
use runner::Book;
use std::collections::BTreeMap;
use testruns::diff::{Change, Line, diff};
use testruns::item::full_name;
use testruns::{Record, Statuses};

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests diff r1 r2\n         sluice tests diff linux/gcc/r7 linux/clang/r7",
    after_help = "CLEAN, BETTER, WORSE, BOTH-BAD, NOT-IN-SRC, NOT-IN-DEST for each item. It ends with 1 when something is \
                  worse, or is no more."
)]
pub(crate) struct Args {
    /// The run before, as NAME or TARGET/NAME
    #[arg(value_name = "SRC")]
    src: String,
    /// The run after; the newest of the same target when absent
    #[arg(value_name = "DEST")]
    dest: Option<String>,
    /// Tell of items that are as they were, too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(serde::Serialize)]
struct Document<'a> {
    src: String,
    dest: String,
    counts: BTreeMap<String, usize>,
    items: &'a [Line],
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let (_, book) = args.place.open()?;
    let src = named(&book, &args.place, &args.src)?;
    let dest = match &args.dest {
        Some(name) => named(&book, &args.place, name)?,
        None => {
            let newest = book.runs()?.into_iter().find(|r| r.area == src.area && r.target == src.target);
            match newest.filter(|line| line.id != src.id).map(|line| book.run(line.id)).transpose()?.flatten() {
                Some(run) => run,
                None => bail!("{} is the newest run of its target\nhelp: name another one", src.name),
            }
        }
    };
    let words = words(&dest);
    let lines = diff(&records(&book, &src, &words)?, &records(&book, &dest, &words)?, &words);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    lines.iter().for_each(|line| *counts.entry(line.change.to_string()).or_default() += 1);
    let name = |run: &TestRun| find::called(&run.target, &run.name);
    if args.place.json {
        out::json(&Document { src: name(&src), dest: name(&dest), counts: counts.clone(), items: &lines })?;
    } else {
        let word = |status: &Option<testruns::Status>| status.as_ref().map_or("-", |s| s.word()).to_owned();
        for line in lines.iter().filter(|l| args.all || l.change != Change::Clean) {
            let (was, is) = (word(&line.src), word(&line.dest));
            let item = pad(&full_name(&line.test, &line.path), 36);
            out::line(format!("  {:<12} {item} {was} -> {is}", line.change.to_string()))?;
        }
        let counts: Vec<String> = counts.iter().map(|(change, n)| format!("{n} {change}")).collect();
        let counts = if counts.is_empty() { "no item has a verdict".to_owned() } else { counts.join(", ") };
        out::line(format!("  {} -> {}: {counts}", name(&src), name(&dest)))?;
    }
    let worse = lines.iter().any(|l| matches!(l.change, Change::Worse | Change::NotInDest));
    Ok(if worse { Exit::Failed } else { Exit::Passed })
}

/// A run by `NAME` or `TARGET/NAME`.
fn named(book: &Book, place: &Place, text: &str) -> anyhow::Result<TestRun> {
    let (target, name) = match text.rsplit_once('/') {
        Some((target, name)) => (Some(target), name),
        None => (place.target.as_deref(), text),
    };
    let found = book.runs()?.into_iter().find(|r| r.name == name && target.is_none_or(|t| r.target == t));
    match found.map(|line| book.run(line.id)).transpose()?.flatten() {
        Some(run) => Ok(run),
        None => bail!("there is no run '{text}'\nhelp: sluice tests list"),
    }
}

/// The status words as they were in a run.
pub(super) fn words(run: &TestRun) -> Statuses {
    Statuses::of(&Area { statuses: run.statuses.clone(), ..Area::default() })
}

pub(super) fn records(book: &Book, run: &TestRun, words: &Statuses) -> anyhow::Result<Vec<Record>> {
    Ok(book.items(run.id)?.iter().map(|item| runner::record(item, words)).collect())
}
