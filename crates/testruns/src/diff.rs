//! Two runs side by side, item by item.
//!
//! | before (src) | after (dest) | |
//! |---|---|---|
//! | no verdict | a verdict | NOT-IN-SRC |
//! | a verdict | no verdict | NOT-IN-DEST |
//! | bad | bad | BOTH-BAD |
//! | the same status otherwise | | CLEAN |
//! | by rank | a better one | BETTER |
//! | by rank | a worse one | WORSE |
//!
//! An item that has not ended has no verdict. Ranks are those of the roll-up; there is one order and not two.

use crate::record::Record;
use crate::status::{Status, Statuses};
use model::area::Class;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How an item stands to what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub enum Change {
    /// As it was.
    Clean,
    /// Better.
    Better,
    /// Worse.
    Worse,
    /// Bad, as it was.
    BothBad,
    /// There was no verdict before.
    NotInSrc,
    /// There is no verdict any more.
    NotInDest,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Change::Clean => "CLEAN",
            Change::Better => "BETTER",
            Change::Worse => "WORSE",
            Change::BothBad => "BOTH-BAD",
            Change::NotInSrc => "NOT-IN-SRC",
            Change::NotInDest => "NOT-IN-DEST",
        })
    }
}

/// An item in both runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The test.
    pub test: String,
    /// The item's path.
    pub path: String,
    /// What it was; none without a verdict.
    pub src: Option<Status>,
    /// What it is; none without a verdict.
    pub dest: Option<Status>,
    /// How one stands to the other.
    pub change: Change,
}

/// Compares two runs. The order is that of names; an item that neither run has a verdict of is left out.
pub fn diff<'a>(
    src: impl IntoIterator<Item = &'a Record>,
    dest: impl IntoIterator<Item = &'a Record>,
    statuses: &Statuses,
) -> Vec<Line> {
    type Both = (Option<Status>, Option<Status>);
    let mut all: BTreeMap<(&str, &str), Both> = BTreeMap::new();
    for record in src {
        all.entry((&record.test, &record.path)).or_default().0 = verdict(record);
    }
    for record in dest {
        all.entry((&record.test, &record.path)).or_default().1 = verdict(record);
    }
    let lines = all.into_iter().filter_map(|((test, path), (src, dest))| {
        let change = change(src.as_ref(), dest.as_ref(), statuses)?;
        Some(Line { test: test.to_owned(), path: path.to_owned(), src, dest, change })
    });
    lines.collect()
}

fn verdict(record: &Record) -> Option<Status> {
    (record.phase.is_over() && record.status != Status::NOT_YET).then(|| record.status.clone())
}

fn change(src: Option<&Status>, dest: Option<&Status>, statuses: &Statuses) -> Option<Change> {
    Some(match (src, dest) {
        (None, None) => return None,
        (None, Some(_)) => Change::NotInSrc,
        (Some(_), None) => Change::NotInDest,
        (Some(a), Some(b)) if [a, b].iter().all(|s| statuses.class(s) == Class::Bad) => Change::BothBad,
        (Some(a), Some(b)) => match statuses.meaning(b).rank.cmp(&statuses.meaning(a).rank) {
            std::cmp::Ordering::Equal => Change::Clean,
            std::cmp::Ordering::Less => Change::Better,
            std::cmp::Ordering::Greater => Change::Worse,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Phase;

    fn record(test: &str, phase: Phase, status: Status) -> Record {
        Record { phase, status, ..Record::new(test, "") }
    }

    #[test]
    fn changes_as_tabled() {
        use Phase::{Completed, Killed, NotStarted, Running};
        let table = [
            (Some((Completed, Status::PASS)), Some((Completed, Status::PASS)), Some(Change::Clean)),
            (Some((Completed, Status::PASS)), Some((Completed, Status::FAIL)), Some(Change::Worse)),
            (Some((Completed, Status::FAIL)), Some((Completed, Status::PASS)), Some(Change::Better)),
            (Some((Completed, Status::FAIL)), Some((Completed, Status::ABORT)), Some(Change::BothBad)),
            (Some((Completed, Status::FAIL)), Some((Completed, Status::FAIL)), Some(Change::BothBad)),
            (Some((Completed, Status::PASS)), Some((Completed, Status::WARN)), Some(Change::Worse)),
            (Some((Completed, Status::WAIVED)), Some((Completed, Status::WARN)), Some(Change::Better)),
            (Some((Completed, Status::WARN)), Some((Completed, Status::WARN)), Some(Change::Clean)),
            (Some((Completed, Status::PASS)), Some((Killed, Status::KILLED)), Some(Change::Worse)),
            (Some((Completed, Status::PASS)), Some((Running, Status::PASS)), Some(Change::NotInDest)),
            (Some((Completed, Status::PASS)), None, Some(Change::NotInDest)),
            (None, Some((Completed, Status::PASS)), Some(Change::NotInSrc)),
            (Some((NotStarted, Status::NOT_YET)), Some((Completed, Status::FAIL)), Some(Change::NotInSrc)),
            (Some((NotStarted, Status::NOT_YET)), Some((Running, Status::NOT_YET)), None),
        ];
        for (src, dest, change) in table {
            let src: Vec<Record> = src.map(|(p, s)| record("t", p, s)).into_iter().collect();
            let dest: Vec<Record> = dest.map(|(p, s)| record("t", p, s)).into_iter().collect();
            let lines = diff(&src, &dest, &Statuses::default());
            assert_eq!(lines.first().map(|l| l.change), change, "{src:?} {dest:?}");
        }
    }
}
