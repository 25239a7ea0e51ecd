//! The roll of a report: every test by name, at fault or not, and what is otherwise than in the roll before.
//!
//! A roll is held against the one before by these rules. What a report that is not whole does not name stands as it was.
//!
//! | before | now | told as |
//! |---|---|---|
//! | not at fault, or not there | at fault | newly failing |
//! | at fault | at fault | still failing |
//! | at fault | passed, or not named by a whole report that never names what passed | fixed |
//! | at fault | skipped, or failed as expected | nothing: it is neither fixed nor forgotten |
//! | not there, and all were named | named | new |
//! | there | not named by a whole report that names all | gone |

use crate::{Event, Summary};
use model::{TestChange, TestNames, TestOutcome, TestTotals};
use std::collections::BTreeMap;

/// Every test of a report by name. The same name twice is one test, with the worse end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roll {
    tests: BTreeMap<Box<str>, Mark>,
    /// Length of all names.
    bytes: usize,
    /// No test was only counted.
    all_named: bool,
    /// No test is missing.
    whole: bool,
}

/// How a test ended, as far as it matters to the next report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    /// It says nothing: skipped, or known to fail.
    Aside,
    Good,
    Bad,
}

/// The first byte of a roll that is written down.
const VERSION: u8 = 1;

impl Default for Roll {
    fn default() -> Self {
        Self { tests: BTreeMap::new(), bytes: 0, all_named: true, whole: true }
    }
}

impl Roll {
    /// Names that a roll has at most; a report with more of them is not whole.
    pub const MOST: usize = 250_000;

    /// Bytes of names that a roll has at most.
    pub const MOST_BYTES: usize = 24 << 20;

    /// Takes in what a reader tells.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Test(case) => self.mark(&case.name, Mark::of(case.outcome)),
            Event::Counted(outcome, n) if *n > 0 => {
                self.all_named = false;
                // Nobody knows which of them are at fault.
                self.whole &= !outcome.is_bad();
            }
            _ => {}
        }
    }

    /// The report is over.
    pub fn close(&mut self, summary: &Summary) {
        self.whole &= summary.flaws.is_empty();
    }

    /// Only some of the tests were run.
    pub fn is_part(&mut self) {
        self.whole = false;
    }

    /// That of a report of which only totals are known, and the tests that are at fault.
    pub fn of(totals: &TestTotals) -> Roll {
        let mut roll = Roll { all_named: totals.bad_count() == totals.total(), ..Roll::default() };
        roll.whole = totals.bad.len() as u64 == totals.bad_count();
        totals.bad.iter().for_each(|test| roll.mark(&test.name, Mark::of(test.outcome)));
        roll
    }

    /// It has no test in it.
    pub fn is_empty(&self) -> bool {
        self.tests.is_empty() && self.all_named
    }

    fn mark(&mut self, name: &str, mark: Mark) {
        if let Some(known) = self.tests.get_mut(name) {
            *known = mark.max(*known);
        } else if self.tests.len() < Self::MOST && self.bytes + name.len() <= Self::MOST_BYTES {
            self.bytes += name.len();
            self.tests.insert(name.into(), mark);
        } else {
            (self.whole, self.all_named) = (false, false);
        }
    }

    /// What is otherwise than in the roll of the build of this number.
    pub fn change(&self, before: &Roll, number: i64) -> TestChange {
        let (mut newly, mut still, mut fixed, mut new, mut gone) = <[TestNames; 5]>::default().into();
        for (name, mark) in &self.tests {
            let was = before.tests.get(name);
            match (was, mark) {
                (Some(Mark::Bad), Mark::Bad) => still.add(name),
                (_, Mark::Bad) => newly.add(name),
                (Some(Mark::Bad), Mark::Good) => fixed.add(name),
                _ => {}
            }
            if was.is_none() {
                new.add(name);
            }
        }
        for (name, was) in before.tests.iter().filter(|(name, _)| self.whole && !self.tests.contains_key(*name)) {
            match self.all_named {
                true => gone.add(name),
                false if *was == Mark::Bad => fixed.add(name),
                false => {}
            }
        }
        TestChange {
            against: number,
            newly_failing: newly,
            fixed,
            still_failing: still,
            new: (self.all_named && before.all_named).then_some(new),
            gone: (self.all_named && self.whole && before.all_named).then_some(gone),
        }
    }

    /// What stands after it: what the next one is held against.
    pub fn upon(mut self, before: &Roll) -> Roll {
        for (name, was) in &before.tests {
            match self.tests.get_mut(name) {
                Some(now) if *now == Mark::Aside => *now = *was,
                Some(_) => {}
                None if self.whole => {}
                None => self.mark(name, *was),
            }
        }
        if !self.whole {
            self.all_named &= before.all_named;
        }
        self
    }

    /// As it is kept: names in order, each with what it shares with the one before it left out.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, u8::from(self.all_named) | u8::from(self.whole) << 1];
        let mut before: &str = "";
        for (name, mark) in &self.tests {
            let shared = before.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
            let shared = (0..=shared).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
            number(&mut bytes, shared);
            number(&mut bytes, (name.len() - shared) * 3 + *mark as usize);
            bytes.extend_from_slice(&name.as_bytes()[shared..]);
            before = name;
        }
        bytes
    }

    /// What [`Roll::to_bytes`] made. `None`: the bytes are not that.
    pub fn from_bytes(bytes: &[u8]) -> Option<Roll> {
        let [VERSION, flags, rest @ ..] = bytes else { return None };
        let mut roll = Roll { all_named: flags & 1 != 0, whole: flags & 2 != 0, ..Roll::default() };
        let (mut rest, mut name) = (rest, String::new());
        while !rest.is_empty() {
            let shared = take_number(&mut rest)?;
            let length = take_number(&mut rest)?;
            let mark = [Mark::Aside, Mark::Good, Mark::Bad][length % 3];
            let own = rest.split_off(..length / 3)?;
            name.get(..shared)?;
            name.truncate(shared);
            name.push_str(std::str::from_utf8(own).ok()?);
            roll.mark(&name, mark);
        }
        Some(roll)
    }
}

impl Mark {
    fn of(outcome: TestOutcome) -> Self {
        match outcome {
            TestOutcome::Passed => Mark::Good,
            TestOutcome::Skipped | TestOutcome::ExpectedFailure => Mark::Aside,
            _ => Mark::Bad,
        }
    }
}

/// Seven bits a byte, the last ones first.
fn number(to: &mut Vec<u8>, mut n: usize) {
    while n > 127 {
        to.push((n & 127) as u8 | 128);
        n >>= 7;
    }
    to.push(n as u8);
}

fn take_number(from: &mut &[u8]) -> Option<usize> {
    let mut n = 0;
    for shift in [0, 7, 14, 21] {
        let byte = *from.split_off_first()?;
        n |= usize::from(byte & 127) << shift;
        if byte < 128 {
            return Some(n);
        }
    }
    None
}
