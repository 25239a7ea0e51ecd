//! What a gate has learned of its people, its tests and its machines.

use crate::trial::{Red, Trial};
use model::{Span, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A share that is learned, and forgets: `yes` of `yes + no`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Share {
    yes: f64,
    no: f64,
}

impl Share {
    fn learn(&mut self, yes: bool, memory: f64) {
        let keep = 1.0 - 1.0 / memory;
        let more = |old: f64, seen: bool| exact(old * keep + f64::from(u8::from(seen)));
        *self = Share { yes: more(self.yes, yes), no: more(self.no, !yes) };
    }

    fn share(self) -> f64 {
        self.yes / (self.yes + self.no)
    }
}

/// Few enough digits that the number is the same after it was written as text and read again.
fn exact(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

/// What was learned. Everything fades, so that old days do not outvote new ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Experience {
    /// Candidates that landed, of those that were decided.
    good: Share,
    authors: BTreeMap<String, Share>,
    /// Red attempts that were green when repeated, of all attempts on what turned out good.
    flaky: Share,
    tests: BTreeMap<String, f64>,
    /// How long a green trial takes, in microseconds.
    length: f64,
    /// Time between submissions, in microseconds.
    gap: Option<f64>,
    last: Option<Time>,
    /// Retries of the present day.
    retries: (i64, u32),
}

impl Default for Experience {
    fn default() -> Self {
        Experience {
            good: Share { yes: 9.0, no: 1.0 },
            authors: BTreeMap::new(),
            flaky: Share { yes: 0.2, no: 9.8 },
            tests: BTreeMap::new(),
            length: 0.0,
            gap: None,
            last: None,
            retries: (0, 0),
        }
    }
}

/// So many tests have a record of their own; the least flaky is forgotten for a new one.
const MOST_TESTS: usize = 1000;
/// So many authors have a record of their own.
const MOST_AUTHORS: usize = 1000;

impl Experience {
    /// The chance that a candidate is good, of nobody in particular.
    pub fn good(&self) -> f64 {
        self.good.share().clamp(0.02, 0.998)
    }

    /// The chance that a candidate of this author is good: theirs, and the common one as far as there are few.
    pub fn good_of(&self, author: &str) -> f64 {
        const COMMON: f64 = 20.0;
        let own = self.authors.get(author).copied().unwrap_or(Share { yes: 0.0, no: 0.0 });
        let common = self.good();
        ((own.yes + COMMON * common) / (own.yes + own.no + COMMON)).clamp(0.02, 0.998)
    }

    /// The chance that a trial of good code is red.
    pub fn flaky(&self) -> f64 {
        // Never quite nought: who repeats nothing learns nothing of flakes.
        self.flaky.share().clamp(0.005, 0.5)
    }

    /// How long a trial takes.
    pub fn length(&self) -> Span {
        Span(self.length as i64)
    }

    /// How many are submitted while a trial runs, lately.
    pub fn load(&self) -> f64 {
        self.gap.map_or(0.0, |gap| self.length / gap.max(1.0))
    }

    /// Retries since this day began.
    pub fn retries(&self, now: Time) -> u32 {
        if self.retries.0 == day(now) { self.retries.1 } else { 0 }
    }

    /// The chance that such a red is a flake, given the chance that all code in it is good. A test with a record speaks
    /// for itself; a red by several tests is as real as the steadiest of them. `before` attempts were red as well.
    pub fn doubt(&self, red: &Red, before: usize, all_good: f64) -> f64 {
        let usual = self.flaky();
        let of = |test: &String| self.tests.get(test).map_or(usual, |times| usual * (1.0 + 4.0 * times));
        let rate = red.tests.iter().map(of).fold(f64::INFINITY, f64::min);
        let rate = if rate.is_finite() { rate.min(0.9) } else { usual }.powi(before as i32 + 1);
        rate * all_good / (rate * all_good + 1.0 - all_good).max(1e-9)
    }

    pub(crate) fn submitted(&mut self, now: Time) {
        if let Some(last) = self.last.replace(now) {
            let gap = now.since(last).0 as f64;
            self.gap = Some(self.gap.map_or(gap, |old| (old + (gap - old) / 80.0).round()));
        }
    }

    pub(crate) fn decided(&mut self, author: &str, good: bool) {
        self.good.learn(good, 150.0);
        if self.authors.len() < MOST_AUTHORS || self.authors.contains_key(author) {
            let own = self.authors.entry(author.to_owned()).or_insert(Share { yes: 0.0, no: 0.0 });
            own.learn(good, 60.0);
        }
    }

    /// An attempt of a trial was green.
    pub(crate) fn green(&mut self, trial: &Trial, now: Time) {
        self.flaky.learn(false, 300.0);
        for red in &trial.flakes {
            self.flaky.learn(true, 300.0);
            for test in &red.tests {
                if self.tests.len() >= MOST_TESTS && !self.tests.contains_key(test) {
                    let least = self.tests.iter().min_by(|a, b| a.1.total_cmp(b.1)).map(|(test, _)| test.clone());
                    least.map(|least| self.tests.remove(&least));
                }
                *self.tests.entry(test.clone()).or_default() += 1.0;
            }
        }
        if trial.flakes.is_empty() {
            let took = now.since(trial.started).0 as f64;
            self.length = if self.length == 0.0 { took } else { (self.length + (took - self.length) / 10.0).round() };
        }
    }

    pub(crate) fn retried(&mut self, now: Time) {
        self.retries = (day(now), self.retries(now) + 1);
    }
}

fn day(now: Time) -> i64 {
    now.as_seconds().div_euclid(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_learned_and_forgotten() {
        let mut experience = Experience::default();
        for _ in 0..400 {
            experience.decided("kim", true);
            experience.decided("lee", false);
        }
        assert!((0.48..0.52).contains(&experience.good()), "{}", experience.good());
        assert!(experience.good_of("kim") > 0.8 && experience.good_of("lee") < 0.2);
        assert!((experience.good_of("new") - experience.good()).abs() < 1e-9);
        for _ in 0..600 {
            experience.decided("lee", true);
        }
        assert!(experience.good_of("lee") > 0.9);
    }

    #[test]
    fn a_test_that_was_flaky_is_doubted_more_and_a_steady_one_settles_it() {
        let mut experience = Experience::default();
        let red = |tests: &[&str]| Red { tests: tests.iter().map(ToString::to_string).collect(), ..Red::default() };
        for _ in 0..20 {
            experience.tests.entry("net".into()).and_modify(|t| *t += 1.0).or_insert(1.0);
        }
        let flaky = experience.doubt(&red(&["net"]), 0, 0.9);
        let steady = experience.doubt(&red(&["math"]), 0, 0.9);
        assert!(flaky > 0.85 && steady < 0.2, "{flaky} {steady}");
        assert!((experience.doubt(&red(&["net", "math"]), 0, 0.9) - steady).abs() < 1e-9);
        assert!(experience.doubt(&red(&[]), 0, 0.9999) > 0.9);
    }
}
