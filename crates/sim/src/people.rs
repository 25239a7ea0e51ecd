//! People and machines by chance: who pushes, asks, stops, edits, and what breaks meanwhile.

use crate::config::{self, BRANCHES};
use crate::dice::Dice;
use crate::fault::{Fault, Taste};
use crate::master::Input;
use crate::record::Record;
use engine::build_set::NewStamp;
use engine::force::Wish;
use model::{Config, NewChange, SchedulerKind, Span, Time};

/// What happens next.
#[derive(Debug)]
pub(crate) enum Act {
    /// The master is told something.
    Tell(Input),
    /// Something breaks.
    Break(Fault),
}

/// Those who act.
#[derive(Debug)]
pub(crate) struct People {
    dice: Dice,
    taste: Taste,
    revisions: u64,
}

impl People {
    /// The people of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let taste = Taste::new(&mut Dice::new(seed, "taste"));
        People { dice: Dice::new(seed, "people"), taste, revisions: 0 }
    }

    /// How long until something happens again.
    pub(crate) fn pause(&mut self) -> Span {
        match self.dice.between(0, 99) {
            0..55 => self.dice.span(0, 2_000),
            55..92 => self.dice.span(1_000, 60_000),
            92..99 => self.dice.span(60_000, 900_000),
            _ => self.dice.span(600_000, 20_000_000),
        }
    }

    /// What happens. `config` is what the configuration file says.
    pub(crate) fn act(&mut self, record: &Record, config: &Config, now: Time) -> Option<Act> {
        let tell = |input| Some(Act::Tell(input));
        if self.dice.chance(self.taste.share)
            && let Some(fault) = self.taste.pick(&mut self.dice)
        {
            return Some(Act::Break(fault));
        }
        match self.dice.between(0, 81) {
            0..30 => tell(self.changes(now)),
            30..52 => tell(Input::Force(Box::new(self.wish(record, config)))),
            52..56 => self.dice.pick(&record.open_requests()).and_then(|id| tell(Input::Cancel(*id))),
            56 => self.dice.pick(&record.open_sets()).and_then(|id| tell(Input::CancelSet(*id))),
            57..63 => {
                let running: Vec<_> = record.running().collect();
                self.dice.pick(&running).and_then(|id| tell(Input::Stop(*id)))
            }
            63..68 => {
                let workers: Vec<_> = record.workers.keys().copied().collect();
                let paused = self.dice.chance(40);
                self.dice.pick(&workers).and_then(|id| tell(Input::Pause(*id, paused)))
            }
            68..71 => {
                let schedulers: Vec<_> = record.schedulers.keys().copied().collect();
                let on = self.dice.chance(70);
                self.dice.pick(&schedulers).and_then(|id| tell(Input::Enable(*id, on)))
            }
            71..78 => tell(Input::Configure(config::edit(&mut self.dice, config).into())),
            _ => {
                let ended = record.ended_builds();
                let old = self.dice.pick(&ended).map(|(build, set)| ((*build).clone(), (*set).clone()));
                old.and_then(|old| tell(Input::Rebuild(Box::new(old))))
            }
        }
    }

    fn changes(&mut self, now: Time) -> Input {
        let some = self.dice.between(1, 3);
        Input::Changes((0..some).map(|_| self.change(now)).collect())
    }

    fn change(&mut self, now: Time) -> NewChange {
        self.revisions += 1;
        let files = ["src/a.c", "src/b.c", "doc/a.txt", "Makefile"];
        NewChange {
            author: self.dice.word(&["ann", "bob"]).to_owned(),
            comments: "a change".to_owned(),
            revision: Some(format!("r{}", self.revisions)),
            branch: Some(self.dice.word(&BRANCHES).to_owned()),
            repository: "https://example.org/a".to_owned(),
            files: (0..self.dice.between(0, 2)).map(|_| self.dice.word(&files).to_owned()).collect(),
            when: now,
            ..NewChange::default()
        }
    }

    fn wish(&mut self, record: &Record, config: &Config) -> Wish {
        let forces: Vec<_> = config.schedulers.iter().filter(|s| matches!(s.kind, SchedulerKind::Force(_))).collect();
        let spec = self.dice.pick(&forces);
        let names = spec.map(|s| s.builders.as_slice()).unwrap_or_default();
        let ids = record.builders.iter().filter(|(_, b)| names.contains(&b.name));
        let builders = ids.map(|(id, _)| *id).filter(|_| self.dice.chance(60)).collect();
        Wish {
            scheduler: spec.map(|s| s.name.clone()),
            builders,
            owner: self.dice.word(&["ann", "bob"]).to_owned(),
            reason: self.dice.word(&["", "because", "again"]).to_owned(),
            stamp: NewStamp {
                branch: Some(self.dice.word(&BRANCHES).to_owned()),
                revision: self.dice.chance(30).then(|| format!("r{}", self.revisions)),
                repository: "https://example.org/a".to_owned(),
                ..NewStamp::default()
            },
            priority: *self.dice.pick(&[0, 0, 0, 1, -1, 10]).unwrap_or(&0),
            ..Wish::default()
        }
    }

    /// How long the master is down.
    pub(crate) fn downtime(&mut self) -> Span {
        if self.dice.chance(85) { self.dice.span(100, 30_000) } else { self.dice.span(1_000, 4_000_000) }
    }

    /// What somebody makes of the configuration while the master is down.
    pub(crate) fn edited(&mut self, config: &Config) -> Config {
        config::edit(&mut self.dice, config)
    }
}
