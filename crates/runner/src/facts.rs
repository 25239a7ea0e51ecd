//! What is known of an item beside its record on the board, and both together as what is written down.

use crate::said::Said;
use crate::slot::StepDone;
use model::area::{Area, Class};
use model::testrun::{
    Around, Awaited, Measurement, Phase, StatusCount, TestAttempt, TestDatum, TestRunState, TestRunTotals,
    TestStepRecord,
};
use model::{TestItem, TestRun, TestRunId, Time};
use std::collections::BTreeMap;
use testruns::data::{Judgement, judge_row};
use testruns::verdict::{Evidence, OwnWord, StepEnd};
use testruns::{Attempt, Board, ItemId, Record, RunId, RunVerdict, Statuses};

/// What is known beside the record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The directory of each attempt.
    pub(crate) dirs: Vec<String>,
    /// What was around each attempt, as far as it is known.
    pub(crate) around: Vec<Option<Around>>,
    /// Where each attempt ran, as far as that is not where it was sent.
    pub(crate) hosts: Vec<String>,
    /// The steps of all attempts.
    pub(crate) steps: Vec<TestStepRecord>,
    /// The steps of the attempt that runs.
    pub(crate) ends: Vec<StepEnd>,
    /// What the attempt that runs says of itself.
    pub(crate) own: Option<OwnWord>,
    /// What the last attempt measured.
    pub(crate) data: Vec<Measurement>,
    /// What is shown first.
    pub(crate) log: Option<String>,
    /// The last attempt's log of its own choice.
    pub(crate) own_log: Option<String>,
}

impl Facts {
    /// Those of an item on record.
    pub(crate) fn of(item: &TestItem) -> Self {
        Facts {
            dirs: item.attempts.iter().map(|a| a.directory.clone()).collect(),
            around: item.attempts.iter().map(|a| a.around.clone()).collect(),
            hosts: item.attempts.iter().map(|a| a.host.clone()).collect(),
            steps: item.steps.clone(),
            data: item.data.iter().map(|datum| datum.measured.clone()).collect(),
            log: item.log.clone(),
            ..Facts::default()
        }
    }

    /// A new attempt begins.
    pub(crate) fn begin(&mut self) {
        self.ends.clear();
        (self.own, self.own_log, self.log) = (None, None, None);
        self.data.clear();
    }

    /// It is known where an attempt runs.
    pub(crate) fn placed(&mut self, attempt: u32, host: String) {
        let at = attempt.saturating_sub(1) as usize;
        self.hosts.resize(self.hosts.len().max(at + 1), String::new());
        self.hosts[at] = host;
    }

    /// A step ended. One that was told already, as after a crash, takes its own place.
    pub(crate) fn step(&mut self, attempt: u32, done: &StepDone) {
        let record = TestStepRecord {
            attempt,
            name: done.end.name.clone(),
            status: done.verdict.status.word().to_owned(),
            exit: match done.end.exit {
                testruns::verdict::Exit::Code(code) => Some(code),
                _ => None,
            },
            began: done.began,
            ended: Some(done.ended),
            log: Some(done.log.clone()),
            comment: done.verdict.comment.clone(),
        };
        match self.steps.iter_mut().find(|s| s.attempt == attempt && s.name == record.name) {
            Some(place) => *place = record,
            None => self.steps.push(record),
        }
        match self.ends.iter_mut().find(|e| e.name == done.end.name) {
            Some(place) => *place = done.end.clone(),
            None => self.ends.push(done.end.clone()),
        }
        self.log = self.own_log.clone().or_else(|| Some(done.log.clone()));
    }

    /// The attempt that runs says something of itself.
    pub(crate) fn hear(&mut self, attempt: u32, said: &Said) {
        match said {
            Said::Status { status, comment } => {
                self.own = Some(OwnWord { status: status.clone(), comment: comment.clone() });
            }
            Said::Log(file) => (self.own_log, self.log) = (Some(file.clone()), Some(file.clone())),
            Said::Data(rows) => {
                for row in rows {
                    // A later value stands in place of an earlier one.
                    let same = |r: &&mut Measurement| (&r.category, &r.variable) == (&row.category, &row.variable);
                    match self.data.iter_mut().find(same) {
                        Some(place) => *place = row.clone(),
                        None => self.data.push(row.clone()),
                    }
                }
            }
            Said::Step { name, state, status, comment, log, at } => {
                let at = Time(*at);
                let mine = |s: &&mut TestStepRecord| s.attempt == attempt && s.name == *name;
                let mut record = TestStepRecord {
                    attempt,
                    name: name.clone(),
                    status: "n/a".to_owned(),
                    exit: None,
                    began: at,
                    ended: None,
                    log: log.clone(),
                    comment: comment.clone(),
                };
                let there = self.steps.iter_mut().find(mine);
                if state != "start" {
                    record.status.clone_from(status);
                    record.began = there.as_ref().map_or(at, |t| t.began);
                    record.ended = Some(at);
                    record.log = record.log.or_else(|| there.as_ref().and_then(|t| t.log.clone()));
                }
                match there {
                    Some(place) => *place = record,
                    None => self.steps.push(record),
                }
            }
        }
    }

    /// All that was said by the attempt that has ended, also while nobody listened.
    pub(crate) fn hear_all(&mut self, attempt: u32, said: &[Said]) {
        self.data.clear();
        said.iter().for_each(|s| self.hear(attempt, s));
    }

    /// All that is known of the attempt that has ended.
    pub(crate) fn evidence(&self) -> Evidence {
        Evidence { steps: self.ends.clone(), own: self.own.clone(), data: self.data.clone() }
    }
}

fn datum(measured: &Measurement) -> TestDatum {
    let within = match judge_row(measured) {
        Judgement::Pass => Some(true),
        Judgement::Fail(_) => Some(false),
        Judgement::NotJudged => None,
    };
    TestDatum { measured: measured.clone(), within }
}

/// The record of an item that was written down.
pub fn record(item: &TestItem, words: &Statuses) -> Record {
    // A word that nobody declares any more counts as bad; it stays what it is.
    let read = |word: &str| words.read(word).unwrap_or(testruns::Status::FAIL);
    let attempt = |a: &TestAttempt| Attempt {
        number: a.number,
        host: a.host.clone(),
        launched: a.launched,
        began: a.began,
        ended: a.ended,
        status: read(&a.status),
        comment: a.comment.clone(),
    };
    Record {
        test: item.test.clone(),
        path: item.path.clone(),
        phase: item.phase,
        status: read(&item.status),
        comment: item.comment.clone(),
        flaky: item.flaky,
        quarantined: item.quarantined.clone(),
        attempts: item.attempts.iter().map(attempt).collect(),
    }
}

/// An item as it is written down.
pub(crate) fn item(board: &Board, id: ItemId, run: TestRunId, facts: &Facts) -> TestItem {
    let record = board.record(id);
    let dir = |number: u32| facts.dirs.get(number.saturating_sub(1) as usize).cloned().unwrap_or_default();
    let host = |a: &Attempt| {
        let known = facts.hosts.get(a.number.saturating_sub(1) as usize).filter(|host| !host.is_empty());
        known.unwrap_or(&a.host).clone()
    };
    let attempt = |a: &Attempt| TestAttempt {
        number: a.number,
        host: host(a),
        launched: a.launched,
        began: a.began,
        ended: a.ended,
        status: a.status.word().to_owned(),
        comment: a.comment.clone(),
        directory: dir(a.number),
        around: facts.around.get(a.number.saturating_sub(1) as usize).cloned().flatten(),
    };
    let last = record.attempts.last();
    TestItem {
        class: board.statuses().class(&record.status),
        status: record.status.word().to_owned(),
        phase: record.phase,
        comment: record.comment.clone(),
        flaky: record.flaky,
        quarantined: record.quarantined.clone(),
        host: last.map(host).unwrap_or_default(),
        directory: last.map(|a| dir(a.number)).unwrap_or_default(),
        log: facts.log.clone(),
        started_at: record.attempts.first().map(|a| a.launched),
        ended_at: last.and_then(|a| a.ended).filter(|_| record.phase.is_over()),
        duration: last.and_then(Attempt::duration),
        attempts: record.attempts.iter().map(attempt).collect(),
        steps: facts.steps.clone(),
        data: facts.data.iter().map(datum).collect(),
        waits_for: board.waits_for(id).into_iter().map(awaited).collect(),
        ..TestItem::new(run, record.test, record.path)
    }
}

fn awaited((test, path): (&str, Option<&str>)) -> Awaited {
    Awaited { test: test.to_owned(), path: path.map(str::to_owned) }
}

/// What items on record came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    totals: TestRunTotals,
    by: BTreeMap<String, u32>,
}

impl Counted {
    pub(crate) fn of(items: &[TestItem]) -> Self {
        let mut all = Counted::default();
        items.iter().for_each(|item| all.add(item));
        all
    }

    fn add(&mut self, item: &TestItem) {
        let totals = &mut self.totals;
        totals.total += 1;
        totals.flaky += u32::from(item.flaky);
        if item.phase.is_over() {
            *self.by.entry(item.status.clone()).or_default() += 1;
            let bad = item.class == Class::Bad;
            totals.bad += u32::from(bad && item.quarantined.is_none());
            totals.quarantined += u32::from(bad && item.quarantined.is_some());
        } else {
            totals.waiting += 1;
        }
    }
}

/// What a run came to, with the items that nobody asked for this time.
pub(crate) fn total(run: &mut TestRun, board: &Board, id: RunId, others: &Counted) {
    let sum = board.sum(id);
    let mut by = others.by.clone();
    for (status, n) in &sum.statuses {
        *by.entry(status.word().to_owned()).or_default() += n;
    }
    let totals = TestRunTotals {
        total: others.totals.total + sum.total,
        waiting: others.totals.waiting + sum.waiting,
        running: others.totals.running + sum.running,
        by_status: listed(by, board.statuses()),
        bad: others.totals.bad + sum.weights.bad,
        quarantined: others.totals.quarantined + sum.weights.quarantined,
        flaky: others.totals.flaky + sum.weights.flaky,
    };
    run.state = match sum.verdict {
        RunVerdict::Running => TestRunState::Running,
        RunVerdict::Cancelled => TestRunState::Cancelled,
        RunVerdict::Green | RunVerdict::Red if totals.bad > 0 => TestRunState::Red,
        RunVerdict::Green | RunVerdict::Red => TestRunState::Green,
    };
    run.totals = totals;
}

/// Counts a run anew that has no runner.
pub(crate) fn recount(run: &mut TestRun, items: &[TestItem]) {
    let words = Statuses::of(&Area { statuses: run.statuses.clone(), ..Area::default() });
    let Counted { mut totals, by } = Counted::of(items);
    totals.by_status = listed(by, &words);
    run.state = match run.state {
        TestRunState::Cancelled => TestRunState::Cancelled,
        _ if totals.waiting > 0 => TestRunState::Interrupted,
        _ if totals.bad > 0 => TestRunState::Red,
        _ => TestRunState::Green,
    };
    run.totals = totals;
}

/// Counts of statuses, the best first.
fn listed(by: BTreeMap<String, u32>, words: &Statuses) -> Vec<StatusCount> {
    let class = |word: &str| words.read(word).map_or(Class::Bad, |s| words.class(&s));
    let rank = |word: &str| words.read(word).map_or(u32::MAX, |s| words.meaning(&s).rank);
    let mut all: Vec<StatusCount> =
        by.into_iter().map(|(word, count)| StatusCount { class: class(&word), word, count }).collect();
    all.sort_by_key(|s| rank(&s.word));
    all
}

/// Whether an attempt of an item is under way, as far as is written down.
pub(crate) fn is_out(item: &TestItem) -> bool {
    matches!(item.phase, Phase::Launched | Phase::Running) && item.attempts.last().is_some_and(|a| a.ended.is_none())
}
