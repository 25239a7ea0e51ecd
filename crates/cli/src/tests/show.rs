//! `sluice tests show`: a run, or an item of it.

use super::run::sentence;
use super::{Place, find, list};
use crate::exit::Exit;
use crate::out;
use crate::show::{Paper, pad};
use model::area::Class;
use model::testrun::TestDatum;
use model::{TestItem, TestRun};

#[derive(clap::Args)]
#[command(before_help = "Example: sluice tests show\n         sluice tests show build/gcc -n r7")]
pub(crate) struct Args {
    /// The item, as TEST or TEST/ITEM; the whole run when absent
    #[arg(value_name = "ITEM")]
    item: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let (_, book) = args.place.open()?;
    let run = find::run(&book, &args.place)?;
    let Some(name) = &args.item else {
        let items = book.items(run.id)?;
        match args.place.json {
            true => out::json(&serde_json::json!({ "run": run, "items": items }))?,
            false => out::lines(of_run(&run, &items))?,
        }
        return Ok(Exit::Passed);
    };
    let item = find::item(&book, &run, name)?;
    match args.place.json {
        true => out::json(&item)?,
        false => out::lines(of_item(&item))?,
    }
    Ok(Exit::Passed)
}

fn of_run(run: &TestRun, items: &[TestItem]) -> Vec<String> {
    let mut lines = vec![format!("  {}", sentence(run)), format!("    {}", run.directory)];
    if !run.comment.is_empty() {
        lines.push(format!("    {}", run.comment));
    }
    for test in &run.tests {
        let mine: Vec<&TestItem> = items.iter().filter(|i| i.test == test.name).collect();
        let bad = mine.iter().filter(|i| i.phase.is_over() && i.class == Class::Bad).count();
        let open = mine.iter().filter(|i| !i.phase.is_over()).count();
        let good = mine.len() - bad - open;
        let mut parts = vec![format!("{good} of {} good", mine.len())];
        parts.extend((bad > 0).then(|| format!("{bad} bad")));
        parts.extend((open > 0).then(|| format!("{open} to come")));
        lines.push(format!("    {} {}", pad(&test.name, 30), parts.join(", ")));
    }
    let bad = items.iter().filter(|i| i.phase.is_over() && i.class == Class::Bad);
    lines.extend(list::item_lines(Paper::of_stdout(), bad));
    lines
}

fn of_item(item: &TestItem) -> Vec<String> {
    let mut lines: Vec<String> = list::item_lines(Paper::of_stdout(), [item]).collect();
    lines.extend(item.quarantined.as_ref().map(|owner| format!("      in quarantine: {owner} answers for it")));
    for attempt in &item.attempts {
        let took = attempt.began.zip(attempt.ended).map(|(began, ended)| format!(" after {}", ended.since(began)));
        lines.push(format!(
            "      attempt {} on {}: {}{}",
            attempt.number,
            attempt.host,
            attempt.status,
            took.unwrap_or_default()
        ));
        lines.push(format!("        {}", attempt.directory));
        lines.extend(attempt.around.as_ref().map(|around| format!("        {}", around.sentence())));
        for step in item.steps.iter().filter(|s| s.attempt == attempt.number) {
            let comment = if step.comment.is_empty() { String::new() } else { format!(": {}", step.comment) };
            lines.push(format!("        step {} {}{comment}", step.name, step.status));
        }
    }
    lines.extend(data(&item.data));
    if !item.directory.is_empty() {
        let path = std::path::Path::new(&item.directory).join(runner::place::RERUN);
        lines.push(format!("      by hand: {}", path.display()));
    }
    lines
}

/// What was measured, one below the other, each with what was wanted.
pub(super) fn data(all: &[TestDatum]) -> Vec<String> {
    let name = |d: &TestDatum| {
        [&d.measured.category, &d.measured.variable].map(String::as_str).join("/").trim_start_matches('/').to_owned()
    };
    let value = |d: &TestDatum| format!("{} {}", d.measured.value, d.measured.units).trim_end().to_owned();
    let width =
        |of: &dyn Fn(&TestDatum) -> String| all.iter().map(|d| of(d).chars().count()).max().unwrap_or(0).min(40);
    let (names, values) = (width(&name), width(&value));
    let line = |d: &TestDatum| {
        let wanted = match (d.measured.expected.as_str(), d.measured.tolerance.as_str()) {
            ("", _) => String::new(),
            (expected, sign @ ("<" | "<=" | ">" | ">=")) => format!("wanted {sign} {expected}"),
            (expected, "" | "0") => format!("wanted {expected}"),
            (expected, around) => format!("wanted {expected} ± {around}"),
        };
        let judged = match d.within {
            Some(true) => "✓",
            Some(false) => "✗",
            None => " ",
        };
        let comment = if d.measured.comment.is_empty() { String::new() } else { format!("  {}", d.measured.comment) };
        let text = format!("    {judged} {} {} {wanted}{comment}", pad(&name(d), names), pad(&value(d), values));
        text.trim_end().to_owned()
    };
    all.iter().map(line).collect()
}
