//! What a look at a repository leads to: old heads and new heads in, what to tell of each branch out. Pure.

use crate::LONGEST_PAUSE;
use model::Span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use vcs::git::Heads;

/// The form of [`Memory`]; a later one must raise it.
const VERSION: u32 = 1;

/// So many branches that are gone are remembered.
const MOST_GONE: usize = 500;

/// However short its `every` is, a repository is not asked more often.
const SHORTEST_PAUSE: Span = Span::millis(100);

/// What a poller remembers between two looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    version: u32,
    /// The branches that it follows, where they were.
    pub(crate) heads: Heads,
    /// Branches that are gone, where they were last; one that comes back has not lost its history.
    pub(crate) gone: Heads,
    /// The repository had no branch at all.
    pub(crate) empty: bool,
}

impl Memory {
    /// Reads what [`Memory::text`] wrote.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let memory: Self = serde_json::from_str(text).map_err(|e| format!("its memory cannot be read: {e}"))?;
        match memory.version {
            VERSION => Ok(memory),
            newer => Err(format!("its memory is of version {newer}, and this Sluice knows version {VERSION}")),
        }
    }

    pub(crate) fn text(&self) -> Result<String, String> {
        serde_json::to_string(self).map_err(|e| format!("its memory cannot be written: {e}"))
    }

    /// The memory after a look that found these heads, and maybe no branch at all, followed or not.
    pub(crate) fn after(before: Option<&Memory>, heads: Heads, empty: bool) -> Self {
        let mut gone = before.map(|m| m.gone.clone()).unwrap_or_default();
        for (branch, hash) in before.iter().flat_map(|m| &m.heads) {
            gone.insert(branch.clone(), hash.clone());
        }
        gone.retain(|branch, _| !heads.contains_key(branch));
        while gone.len() > MOST_GONE {
            gone.pop_first();
        }
        Self { version: VERSION, heads, gone, empty }
    }

    /// Every commit that is known, for leaving out with all that it stands on.
    pub(crate) fn known(&self) -> Vec<String> {
        let all: BTreeSet<&String> = self.heads.values().chain(self.gone.values()).collect();
        all.into_iter().cloned().collect()
    }
}

/// A branch that is not where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) branch: String,
    pub(crate) head: String,
    pub(crate) kind: Kind,
}

/// How it came there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It was there before anybody looked.
    Existing,
    /// It was not there at the last look.
    New,
    /// It was at this commit.
    From(String),
}

/// The heads among these that are followed; no names are all of them.
pub(crate) fn followed(heads: Heads, branches: &[String]) -> Heads {
    match branches {
        [] => heads,
        names => heads.into_iter().filter(|(branch, _)| names.contains(branch)).collect(),
    }
}

/// The branches that have moved, by name.
pub(crate) fn moves(memory: Option<&Memory>, heads: &Heads) -> Vec<Move> {
    let moved = |(branch, head): (&String, &String)| {
        let kind = match memory {
            None => Kind::Existing,
            Some(memory) => match memory.heads.get(branch).or_else(|| memory.gone.get(branch)) {
                Some(old) if old == head => return None,
                Some(old) => Kind::From(old.clone()),
                None => Kind::New,
            },
        };
        Some(Move { branch: branch.clone(), head: head.clone(), kind })
    };
    heads.iter().filter_map(moved).collect()
}

/// The branches that were there at the last look and are not any more.
pub(crate) fn vanished(memory: Option<&Memory>, heads: &Heads) -> Vec<String> {
    memory.iter().flat_map(|m| m.heads.keys()).filter(|b| !heads.contains_key(*b)).cloned().collect()
}

/// How a moved branch stands to where it was, as far as the mirror can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// The old head is below the new one.
    Forward,
    /// The new head is below the old one.
    Back,
    /// Neither.
    Apart,
    /// The old head is not to be had any more.
    Unknown,
}

/// What to tell of a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    /// No commit.
    Nothing,
    /// The head alone.
    Head,
    /// Every commit but these and all that they stand on.
    Since(Vec<String>),
    /// As [`Tell::Since`]; and where that is nothing, the head alone: the branch has a tree that it did not have.
    SinceOrHead(Vec<String>),
}

/// What to tell of a branch. `known` are the known commits that the mirror has; `nothing_before` says that the repository
/// had no branch at all at the last look.
pub(crate) fn tell(
    kind: &Kind,
    relation: Relation,
    known: &[String],
    nothing_before: bool,
    build_existing: bool,
) -> Tell {
    match (kind, relation) {
        (Kind::Existing, _) if build_existing => Tell::Head,
        (Kind::Existing, _) => Tell::Nothing,
        // What was pushed into an empty repository is all new. Otherwise a history that shares nothing with what is
        // known may be as old as the project.
        (Kind::New, _) if known.is_empty() && nothing_before => Tell::Since(Vec::new()),
        (Kind::New, _) if known.is_empty() => Tell::Head,
        (Kind::New, _) => Tell::Since(known.to_vec()),
        (Kind::From(old), Relation::Forward) => Tell::Since(vec![old.clone()]),
        (Kind::From(_), Relation::Back) => Tell::Nothing,
        (Kind::From(_), Relation::Apart | Relation::Unknown) if known.is_empty() => Tell::Head,
        (Kind::From(_), Relation::Apart | Relation::Unknown) => Tell::SinceOrHead(known.to_vec()),
    }
}

/// How long to wait after so many failures in a row: twice as long each time.
pub(crate) fn pause(every: Span, failures: u32) -> Span {
    let every = every.max(SHORTEST_PAUSE);
    let longest = LONGEST_PAUSE.max(every);
    match failures {
        0 => every,
        n => Span(every.max(Span::seconds(1)).0.saturating_mul(1 << n.min(20))).min(longest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(pairs: &[(&str, &str)]) -> Heads {
        pairs.iter().map(|(b, h)| ((*b).to_owned(), (*h).to_owned())).collect()
    }

    #[test]
    fn moves_are_what_differs() {
        let memory = Memory::after(None, heads(&[("a", "1"), ("b", "2"), ("c", "3")]), false);
        let memory = Memory::after(Some(&memory), heads(&[("a", "1"), ("b", "2")]), false);
        assert_eq!(memory.gone, heads(&[("c", "3")]));
        assert_eq!(memory.known(), ["1", "2", "3"]);
        let now = heads(&[("a", "1"), ("c", "4"), ("d", "5")]);
        let moved = moves(Some(&memory), &now);
        let short: Vec<_> = moved.iter().map(|m| (m.branch.as_str(), m.head.as_str(), &m.kind)).collect();
        assert_eq!(short, [("c", "4", &Kind::From("3".to_owned())), ("d", "5", &Kind::New)]);
        assert_eq!(vanished(Some(&memory), &now), ["b"]);
        assert!(
            moves(Some(&memory), &heads(&[("c", "3")])).is_empty(),
            "a branch that is back where it was is no news"
        );
        assert!(moves(None, &now).iter().all(|m| m.kind == Kind::Existing));
        assert!(vanished(None, &now).is_empty());
    }

    #[test]
    fn only_what_is_followed_counts() {
        let all = heads(&[("a", "1"), ("b", "2")]);
        assert_eq!(followed(all.clone(), &[]), all);
        assert_eq!(followed(all, &["b".to_owned(), "z".to_owned()]), heads(&[("b", "2")]));
    }

    #[test]
    fn what_is_told_of_a_move() {
        use Relation::{Apart, Back, Forward, Unknown};
        let known = ["1".to_owned(), "2".to_owned()];
        let from = Kind::From("1".to_owned());
        let since = |k: &[&str]| Tell::Since(k.iter().map(|k| (*k).to_owned()).collect());
        for (kind, relation, known, nothing_before, build_existing, expected) in [
            (&Kind::Existing, Unknown, &known[..], false, false, Tell::Nothing),
            (&Kind::Existing, Unknown, &known[..], false, true, Tell::Head),
            (&Kind::New, Unknown, &known[..], false, true, since(&["1", "2"])),
            (&Kind::New, Unknown, &[], false, true, Tell::Head),
            (&Kind::New, Unknown, &[], true, false, since(&[])),
            (&from, Forward, &known[..], false, false, since(&["1"])),
            (&from, Back, &known[..], false, false, Tell::Nothing),
            (&from, Apart, &known[..], false, false, Tell::SinceOrHead(known.to_vec())),
            (&from, Unknown, &known[..], false, false, Tell::SinceOrHead(known.to_vec())),
            (&from, Unknown, &[], false, false, Tell::Head),
        ] {
            assert_eq!(tell(kind, relation, known, nothing_before, build_existing), expected, "{kind:?} {relation:?}");
        }
    }

    #[test]
    fn the_memory_is_versioned() {
        let memory = Memory::after(None, heads(&[("größe", "1")]), false);
        let text = memory.text().unwrap();
        assert_eq!(text, r#"{"version":1,"heads":{"größe":"1"},"gone":{},"empty":false}"#);
        assert_eq!(Memory::parse(&text).unwrap(), memory);
        let newer = Memory::parse(&text.replace(":1,", ":2,")).unwrap_err();
        assert_eq!(newer, "its memory is of version 2, and this Sluice knows version 1");
        assert!(Memory::parse("rubbish").unwrap_err().starts_with("its memory cannot be read"));
    }

    #[test]
    fn what_is_gone_is_not_remembered_without_end() {
        let many = (0..2000).map(|n| (format!("b{n}"), "1".to_owned())).collect();
        let memory = Memory::after(None, many, false);
        assert_eq!(Memory::after(Some(&memory), Heads::new(), true).gone.len(), MOST_GONE);
    }

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let seconds = |n| pause(Span::seconds(30), n).0 / 1_000_000;
        assert_eq!([0, 1, 2, 3, 4, 99].map(seconds), [30, 60, 120, 240, 300, 300]);
        assert_eq!(pause(Span::millis(300), 1), Span::seconds(2));
        assert_eq!(pause(Span::seconds(3600), 5), Span::seconds(3600));
        assert_eq!(pause(Span::ZERO, 0), Span::millis(100));
    }
}
