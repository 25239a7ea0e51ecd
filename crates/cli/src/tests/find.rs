//! Runs and items by the names that people give them.

use super::Place;
use anyhow::bail;
use model::testrun::TestRunLine;
use model::{TestItem, TestRun};
use runner::Book;
use testruns::item::full_name;

/// The runs that are meant, those that began last first.
pub(super) fn runs(book: &Book, place: &Place) -> anyhow::Result<Vec<TestRunLine>> {
    let mut all = book.runs()?;
    all.retain(|run| {
        place.target.as_ref().is_none_or(|t| run.target == *t) && place.runname.as_ref().is_none_or(|n| run.name == *n)
    });
    Ok(all)
}

/// The run that is meant: the one that began last.
pub(super) fn run(book: &Book, place: &Place) -> anyhow::Result<TestRun> {
    let first = runs(book, place)?.into_iter().next();
    match (first.map(|line| book.run(line.id)).transpose()?.flatten(), &place.runname) {
        (Some(run), _) => Ok(run),
        (None, Some(name)) => bail!("there is no run '{name}'\nhelp: sluice tests list"),
        (None, None) => bail!("there is no such run\nhelp: sluice tests list"),
    }
}

/// A run as people call it: target and name.
pub(super) fn called(target: &str, name: &str) -> String {
    if target.is_empty() { name.to_owned() } else { format!("{target} {name}") }
}

/// An item by `test`, `test/path` or `test(path)`.
pub(super) fn item(book: &Book, run: &TestRun, name: &str) -> anyhow::Result<TestItem> {
    let (test, path) = match name.split_once('(').and_then(|(test, rest)| Some((test, rest.strip_suffix(')')?))) {
        Some(parts) => parts,
        None => name.split_once('/').unwrap_or((name, "")),
    };
    if let Some(item) = book.item(run.id, test, path)? {
        return Ok(item);
    }
    let of_test: Vec<TestItem> = book.items(run.id)?.into_iter().filter(|i| i.test == test).collect();
    let called = called(&run.target, &run.name);
    match &of_test[..] {
        [] => bail!("there is no test '{test}' in {called}\nhelp: sluice tests list --runname {}", run.name),
        [only] if path.is_empty() => Ok(only.clone()),
        [first, ..] => {
            let example = full_name(&first.test, &first.path);
            bail!("'{name}' is no item of {called}; there are {} of '{test}', such as {example}", of_test.len())
        }
    }
}

/// The name of an item.
pub(super) fn name(item: &TestItem) -> String {
    full_name(&item.test, &item.path)
}
