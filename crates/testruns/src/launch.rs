//! Whether an item is run, from its record and from what is asked for. This is the table:
//!
//! | record | plain | `rerun LIST` | clean | all |
//! |---|---|---|---|---|
//! | none, or NOT_STARTED | run | run | run | run |
//! | INCOMPLETE | run | run | run | run |
//! | LAUNCHED, RUNNING: somebody runs it | as it is | as it is | as it is | as it is |
//! | LAUNCHED, RUNNING: nobody does | run | run | run | run |
//! | COMPLETED, never run (PREQ_FAIL, PREQ_DISCARDED, ZERO_ITEMS) | run | run | run | run |
//! | COMPLETED, the status is in LIST, or is bad or the item flaky and LIST has `failed` | keep | run | | run |
//! | COMPLETED, worse than WAIVED | keep | keep | run | run |
//! | COMPLETED, otherwise | keep | keep | keep | run |
//! | KILLED | keep | run if LIST has `KILLED` or `failed` | run | run |
//!
//! What runs is never started a second time beside itself, whatever is asked.

use crate::record::{Phase, Record};
use crate::status::{Status, Statuses, UnknownStatus};
use model::area::Class;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// What is asked for, beside what has not been run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rerun {
    /// Nothing.
    #[default]
    Plain,
    /// What ended so.
    Listed {
        /// These statuses.
        statuses: BTreeSet<Status>,
        /// Whatever is bad, or flaky.
        failed: bool,
    },
    /// Whatever is not PASS, SKIP, WARN or WAIVED, by rank.
    Clean,
    /// Everything.
    All,
}

impl Rerun {
    /// Reads a list: status words with commas between them, and `failed`.
    pub fn listed(text: &str, words: &Statuses) -> Result<Self, UnknownStatus> {
        let mut statuses = BTreeSet::new();
        let mut failed = false;
        for word in text.split(',').map(str::trim).filter(|w| !w.is_empty()) {
            if word.eq_ignore_ascii_case("failed") {
                failed = true;
            } else {
                statuses.insert(words.read(word)?);
            }
        }
        Ok(Rerun::Listed { statuses, failed })
    }
}

/// Whether somebody runs what is on record as running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// Somebody does.
    Alive,
    /// Nobody does any more.
    Gone,
}

/// What becomes of an item when a run is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Launch {
    /// It is run, when it may.
    Run(Because),
    /// What is on record stands.
    Keep,
    /// It runs already, and is waited for.
    RunsAlready,
}

/// Why an item is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// It has not been run.
    New,
    /// What ran it ended before it did.
    Unfinished,
    /// It was not run when it was asked for, and that may be otherwise now.
    WasBlocked,
    /// Its status is one of those that were asked for.
    Listed,
    /// It is not clean.
    Unclean,
    /// Everything is.
    All,
    /// What needs this fixture is run.
    Fixture,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Because::New => "it has not been run",
            Because::Unfinished => "its runner ended before it did",
            Because::WasBlocked => "it could not be run before",
            Because::Listed => "its status was asked for",
            Because::Unclean => "it is not clean",
            Because::All => "everything is run again",
            Because::Fixture => "what needs it is run",
        })
    }
}

/// The table.
pub fn launch(record: Option<&Record>, holder: Holder, rerun: &Rerun, statuses: &Statuses) -> Launch {
    let Some(record) = record else { return Launch::Run(Because::New) };
    let status = &record.status;
    match record.phase {
        Phase::NotStarted | Phase::Started => return Launch::Run(Because::New),
        Phase::Launched | Phase::Running if holder == Holder::Alive => return Launch::RunsAlready,
        Phase::Launched | Phase::Running | Phase::Incomplete => return Launch::Run(Because::Unfinished),
        Phase::Completed if was_blocked(status) => return Launch::Run(Because::WasBlocked),
        Phase::Completed | Phase::Killed => {}
    }
    let bad = record.phase == Phase::Killed || statuses.class(status) == Class::Bad;
    let asked = match rerun {
        Rerun::Plain => None,
        Rerun::Listed { statuses, failed } => {
            (statuses.contains(status) || *failed && (bad || record.flaky)).then_some(Because::Listed)
        }
        Rerun::Clean => {
            let worst = statuses.meaning(&Status::WAIVED).rank;
            (bad || statuses.meaning(status).rank > worst || *status == Status::NOT_YET).then_some(Because::Unclean)
        }
        Rerun::All => Some(Because::All),
    };
    asked.map_or(Launch::Keep, Launch::Run)
}

/// Whether a status says that the item was not run.
fn was_blocked(status: &Status) -> bool {
    [Status::PREQ_FAIL, Status::PREQ_DISCARDED, Status::ZERO_ITEMS].contains(status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn cell(phase: Phase, status: Status, flaky: bool, holder: Holder, rerun: &Rerun) -> &'static str {
        let record = Record { phase, status, flaky, ..Record::new("t", "") };
        match launch(Some(&record), holder, rerun, &Statuses::default()) {
            Launch::Run(_) => "run",
            Launch::Keep => "keep",
            Launch::RunsAlready => "runs",
        }
    }

    /// Every pair, cell by cell.
    #[test]
    fn the_table() {
        let words = Statuses::default();
        let columns = [
            Rerun::Plain,
            Rerun::listed("FAIL", &words).unwrap(),
            Rerun::listed("PASS", &words).unwrap(),
            Rerun::listed("failed", &words).unwrap(),
            Rerun::Clean,
            Rerun::All,
        ];
        use Phase::{Completed, Incomplete, Killed, Launched, NotStarted, Running};
        let ended = [
            Status::PASS,
            Status::SKIP,
            Status::WARN,
            Status::WAIVED,
            Status::CHECK,
            Status::ZERO_ITEMS,
            Status::DEAD,
            Status::FAIL,
            Status::PREQ_FAIL,
            Status::PREQ_DISCARDED,
            Status::ABORT,
            Status::NOT_YET,
        ];
        let rows = [
            (NotStarted, Status::NOT_YET),
            (NotStarted, Status::FAIL),
            (Launched, Status::NOT_YET),
            (Running, Status::NOT_YET),
        ]
        .into_iter()
        .chain(ended.map(|status| (Completed, status)))
        .chain([(Killed, Status::KILLED), (Incomplete, Status::INCOMPLETE)]);
        let mut table = format!("{:<26}plain FAIL  PASS  failed clean all\n", "");
        for (phase, status) in rows {
            let cells = columns.each_ref().map(|c| cell(phase, status.clone(), false, Holder::Alive, c));
            let [plain, fail, pass, failed, clean, all] = cells;
            let name = format!("{phase}/{status}");
            writeln!(table, "{name:<26}{plain:<6}{fail:<6}{pass:<6}{failed:<7}{clean:<6}{all}").unwrap();
        }
        insta::assert_snapshot!(table, @r#"
                                  plain FAIL  PASS  failed clean all
        NOT_STARTED/n/a           run   run   run   run    run   run
        NOT_STARTED/FAIL          run   run   run   run    run   run
        LAUNCHED/n/a              runs  runs  runs  runs   runs  runs
        RUNNING/n/a               runs  runs  runs  runs   runs  runs
        COMPLETED/PASS            keep  keep  run   keep   keep  run
        COMPLETED/SKIP            keep  keep  keep  keep   keep  run
        COMPLETED/WARN            keep  keep  keep  keep   keep  run
        COMPLETED/WAIVED          keep  keep  keep  keep   keep  run
        COMPLETED/CHECK           keep  keep  keep  keep   run   run
        COMPLETED/ZERO_ITEMS      run   run   run   run    run   run
        COMPLETED/DEAD            keep  keep  keep  run    run   run
        COMPLETED/FAIL            keep  run   keep  run    run   run
        COMPLETED/PREQ_FAIL       run   run   run   run    run   run
        COMPLETED/PREQ_DISCARDED  run   run   run   run    run   run
        COMPLETED/ABORT           keep  keep  keep  run    run   run
        COMPLETED/n/a             keep  keep  keep  keep   run   run
        KILLED/KILLED             keep  keep  keep  run    run   run
        INCOMPLETE/INCOMPLETE     run   run   run   run    run   run
        "#);
    }

    #[test]
    fn what_nobody_runs_any_more_is_run() {
        for rerun in [Rerun::Plain, Rerun::Clean, Rerun::All] {
            for phase in [Phase::Launched, Phase::Running] {
                assert_eq!(cell(phase, Status::NOT_YET, false, Holder::Gone, &rerun), "run");
            }
        }
    }

    #[test]
    fn flaky_is_not_simply_passed() {
        let failed = Rerun::listed("failed", &Statuses::default()).unwrap();
        assert_eq!(cell(Phase::Completed, Status::PASS, true, Holder::Gone, &failed), "run");
        assert_eq!(cell(Phase::Completed, Status::PASS, true, Holder::Gone, &Rerun::Plain), "keep");
        assert!(Rerun::listed("FAIL,nonsense", &Statuses::default()).is_err());
    }
}
