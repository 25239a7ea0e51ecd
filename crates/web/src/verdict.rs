//! Runs of tests as `testruns` compares them, read from the store.

use api::TestDiff;
use model::area::{Area, Class};
use model::testrun::TestCell;
use model::{TestRun, TestRunId};
use std::collections::HashMap;
use store::{Store, StoreError};
use testruns::diff::Change;
use testruns::{Record, Status, Statuses};

/// So many items of a run are looked at.
pub(crate) const ITEMS: u64 = 200_000;

/// An item in two runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The test.
    pub(crate) test: String,
    /// The item's path.
    pub(crate) path: String,
    /// How one stands to the other.
    pub(crate) change: Change,
    /// What it was, if it was there.
    pub(crate) src: Option<TestCell>,
    /// What it is, if it is there.
    pub(crate) dest: Option<TestCell>,
}

impl Line {
    /// As REST has it: only what ended has a verdict.
    pub(crate) fn document(&self) -> TestDiff {
        let verdict = |cell: &Option<TestCell>| {
            cell.as_ref().filter(|c| c.phase.is_over() && c.status != "n/a").map(|c| c.status.clone())
        };
        TestDiff {
            test: self.test.clone(),
            path: self.path.clone(),
            change: self.change.to_string(),
            src: verdict(&self.src),
            dest: verdict(&self.dest),
        }
    }
}

/// Compares a run with a later one, by the later one's words.
pub(crate) async fn diff(store: &Store, src: TestRunId, dest: &TestRun) -> Result<Vec<Line>, StoreError> {
    let (before, after) = tokio::try_join!(store.test_cells(src, ITEMS), store.test_cells(dest.id, ITEMS))?;
    let area = Area { statuses: dest.statuses.clone(), ..Area::default() };
    let records = |cells: &[TestCell]| cells.iter().map(record).collect::<Vec<_>>();
    let lines = testruns::diff::diff(&records(&before), &records(&after), &Statuses::of(&area));
    let by_name = |cells: Vec<TestCell>| -> HashMap<(String, String), TestCell> {
        cells.into_iter().map(|cell| ((cell.test.clone(), cell.path.clone()), cell)).collect()
    };
    let (mut before, mut after) = (by_name(before), by_name(after));
    let lines = lines.into_iter().map(|line| {
        let name = (line.test, line.path);
        let (src, dest) = (before.remove(&name), after.remove(&name));
        let (test, path) = name;
        Line { test, path, change: line.change, src, dest }
    });
    Ok(lines.collect())
}

fn record(cell: &TestCell) -> Record {
    Record { phase: cell.phase, status: Status::kept(&cell.status), ..Record::new(&cell.test, &cell.path) }
}

/// What an item's past says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Score {
    /// Verdicts that say something: good or bad ones.
    pub(crate) verdicts: usize,
    /// How many of them are bad.
    pub(crate) bad: usize,
    /// How often it was flaky: it passed when it was tried again, or is not what it was in the run before.
    pub(crate) flaky: usize,
}

impl Score {
    /// Of an item's past, in the order of time or against it.
    pub(crate) fn of<'a>(past: impl IntoIterator<Item = &'a TestCell>) -> Self {
        let mut score = Score::default();
        let mut last = None;
        for cell in past.into_iter().filter(|cell| cell.phase.is_over()) {
            let is_bad = match cell.class {
                Class::Neutral => continue,
                class => class == Class::Bad,
            };
            score.verdicts += 1;
            score.bad += usize::from(is_bad);
            if cell.flaky || last.is_some_and(|last| last != is_bad) {
                score.flaky += 1;
            }
            last = Some(is_bad);
        }
        score
    }

    /// How flaky it is, in parts of a hundred.
    pub(crate) fn percent(self) -> usize {
        (self.flaky * 100).checked_div(self.verdicts).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::TestItem;
    use model::testrun::Phase;

    #[test]
    fn a_score_counts_turns_and_second_tries() {
        let of = |words: &str| {
            let cells = words.chars().map(|c| TestCell {
                phase: if c == '.' { Phase::Running } else { Phase::Completed },
                class: match c {
                    'f' => Class::Bad,
                    's' => Class::Neutral,
                    _ => Class::Good,
                },
                flaky: c == 'y',
                ..TestItem::new(TestRunId(1), "t", "").cell()
            });
            let score = Score::of(&cells.collect::<Vec<_>>());
            (score.verdicts, score.bad, score.flaky, score.percent())
        };
        let table = [
            ("", (0, 0, 0, 0)),
            ("pppp", (4, 0, 0, 0)),
            ("ffff", (4, 4, 0, 0)),
            ("ppff", (4, 2, 1, 25)),
            ("pfpf", (4, 2, 3, 75)),
            ("pypp", (4, 0, 1, 25)),
            ("psf.", (2, 1, 1, 50)),
        ];
        for (words, expected) in table {
            assert_eq!(of(words), expected, "{words}");
        }
    }
}
