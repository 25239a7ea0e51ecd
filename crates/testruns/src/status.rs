//! Status words: how bad each is, and what it says. A word that nobody declared is refused, so none can hide behind
//! another by being unknown.

use model::area::{Area, Class, StatusSpec};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// A status word, such as `PASS`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Status(Cow<'static, str>);

macro_rules! words {
    ($($name:ident $word:literal $rank:literal $class:ident $satisfies:literal $doc:literal;)*) => {
        impl Status {
            $(#[doc = $doc] pub const $name: Status = Status(Cow::Borrowed($word));)*
        }
        /// The words that every area has: word, rank, class, whether it satisfies those who wait for it.
        const BUILT_IN: &[(&str, u32, Class, bool)] = &[$(($word, $rank, Class::$class, $satisfies),)*];
    };
}

words! {
    NOT_YET "n/a" 0 Neutral false "There is no verdict yet.";
    PASS "PASS" 10 Good true "As it should be.";
    SKIP "SKIP" 20 Neutral true "Not worth running, by a rule or by its own word.";
    WARN "WARN" 30 Good true "As it should be, with something to look at.";
    WAIVED "WAIVED" 40 Good true "A failure that somebody answers for, proven to be the same one.";
    CHECK "CHECK" 50 Neutral true "Somebody has to look.";
    ZERO_ITEMS "ZERO_ITEMS" 60 Bad false "It is run over nothing.";
    KILLED "KILLED" 70 Bad false "Somebody, or a limit, ended it.";
    INCOMPLETE "INCOMPLETE" 75 Bad false "Its runner ended before it did.";
    DEAD "DEAD" 80 Bad false "Nothing was heard of it any more.";
    FAIL "FAIL" 90 Bad false "Not as it should be.";
    PREQ_FAIL "PREQ_FAIL" 100 Bad false "Something that it waited for failed.";
    PREQ_DISCARDED "PREQ_DISCARDED" 110 Bad false "Something that it waited for was itself not run.";
    ABORT "ABORT" 120 Bad false "The test could not be made.";
}

impl Status {
    /// The status of a record, whatever its word: of a configuration that has changed since, it may be none of these.
    pub fn kept(word: &str) -> Self {
        let known = BUILT_IN.iter().find(|(built_in, ..)| *built_in == word);
        Status(known.map_or_else(|| Cow::Owned(word.to_owned()), |(built_in, ..)| Cow::Borrowed(*built_in)))
    }

    /// The word.
    pub fn word(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// How bad it is beside others.
    pub rank: u32,
    /// What it says.
    pub class: Class,
    /// Whether those who wait for it may run.
    pub satisfies: bool,
}

/// A word that nobody declared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{word}' is no status of this area; there are {known}")]
pub struct UnknownStatus {
    /// It.
    pub word: String,
    /// Those that there are.
    pub known: String,
}

/// The words of an area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(BTreeMap<Status, Meaning>);

impl Default for Statuses {
    fn default() -> Self {
        let all = BUILT_IN
            .iter()
            .map(|&(word, rank, class, satisfies)| (Status(Cow::Borrowed(word)), Meaning { rank, class, satisfies }));
        Statuses(all.collect())
    }
}

impl Statuses {
    /// The built-in ones, and those of an area, which stand against them.
    pub fn of(area: &Area) -> Self {
        let mut all = Statuses::default();
        for StatusSpec { word, rank, class, satisfies } in &area.statuses {
            let meaning = Meaning { rank: *rank, class: *class, satisfies: *satisfies };
            all.0.insert(Status(Cow::Owned(word.clone())), meaning);
        }
        all
    }

    /// Reads a word. `STUCK/DEAD` is another spelling of `DEAD`, and a number is what an exit code says: 0 is a pass,
    /// everything else a failure.
    pub fn read(&self, word: &str) -> Result<Status, UnknownStatus> {
        let status = match word {
            "STUCK/DEAD" => Status::DEAD,
            _ => Status(Cow::Owned(word.to_owned())),
        };
        match word.parse::<i64>() {
            _ if self.0.contains_key(&status) => Ok(status),
            Ok(0) => Ok(Status::PASS),
            Ok(_) => Ok(Status::FAIL),
            Err(_) => {
                let known: Vec<&str> = self.0.keys().map(Status::word).collect();
                Err(UnknownStatus { word: word.to_owned(), known: known.join(", ") })
            }
        }
    }

    /// What a word means. One that is not among these (a record of a configuration that has changed since) is as bad as
    /// a failure: nothing goes on because of it.
    pub fn meaning(&self, status: &Status) -> Meaning {
        let unknown = Meaning { rank: 90, class: Class::Bad, satisfies: false };
        self.0.get(status).copied().unwrap_or(unknown)
    }

    /// What a word says of a test.
    pub fn class(&self, status: &Status) -> Class {
        self.meaning(status).class
    }

    /// The order of badness: by rank, then by the word, so that two different words are never equal.
    pub fn order<'a>(&self, status: &'a Status) -> (u32, &'a Status) {
        (self.meaning(status).rank, status)
    }

    /// The worse of two.
    pub fn worse(&self, a: Status, b: Status) -> Status {
        if self.order(&a) >= self.order(&b) { a } else { b }
    }

    /// All words with what they mean, the best first.
    pub fn all(&self) -> Vec<(&Status, Meaning)> {
        let mut all: Vec<_> = self.0.iter().map(|(s, m)| (s, *m)).collect();
        all.sort_by_key(|(s, m)| (m.rank, *s));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area() -> Area {
        let slow = StatusSpec { word: "SLOW".to_owned(), rank: 35, class: Class::Good, satisfies: true };
        let check = StatusSpec { word: "CHECK".to_owned(), rank: 50, class: Class::Bad, satisfies: false };
        Area { statuses: vec![slow, check], ..Area::default() }
    }

    #[test]
    fn an_area_has_its_own_words_and_may_change_what_others_mean() {
        let all = Statuses::of(&area());
        assert_eq!(all.class(&all.read("SLOW").unwrap()), Class::Good);
        assert!(!all.meaning(&Status::CHECK).satisfies, "the area says so");
        assert!(Statuses::default().meaning(&Status::CHECK).satisfies, "otherwise it satisfies");
    }

    #[test]
    fn what_nobody_declared_is_refused() {
        let wrong = Statuses::of(&area()).read("SOLW").unwrap_err();
        insta::assert_snapshot!(wrong, @r#"'SOLW' is no status of this area; there are ABORT, CHECK, DEAD, FAIL, INCOMPLETE, KILLED, PASS, PREQ_DISCARDED, PREQ_FAIL, SKIP, SLOW, WAIVED, WARN, ZERO_ITEMS, n/a"#);
    }

    #[test]
    fn numbers_are_exit_codes_and_old_spellings_are_read() {
        let all = Statuses::default();
        for (word, status) in [("0", Status::PASS), ("7", Status::FAIL), ("STUCK/DEAD", Status::DEAD)] {
            assert_eq!(all.read(word).unwrap(), status);
        }
    }

    #[test]
    fn killed_and_dead_are_worse_than_a_pass() {
        let all = Statuses::default();
        for bad in [Status::KILLED, Status::INCOMPLETE, Status::DEAD] {
            assert_eq!(all.worse(Status::PASS, bad.clone()), bad);
        }
    }
}
