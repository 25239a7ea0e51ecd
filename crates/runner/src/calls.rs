//! What others ask of a runner while it runs.

use crate::orders::run_name;
use crate::runner::{Runner, now};
use crate::said::{self, Said};
use crate::socket::{Answer, Call};
use testruns::{Event, ItemId, TestPatterns};

impl Runner<'_> {
    /// Does what is asked. The answer is given when that is durable.
    pub(crate) fn answer(&mut self, call: &Call) -> Answer {
        let (Call::Said { run, .. } | Call::Kill { run, .. } | Call::SetStatus { run, .. }) = call;
        let mine = run_name(&self.run.target, &self.run.name);
        if *run != mine {
            return Answer::No(format!("what runs now is {mine}, and not {run}"));
        }
        match call {
            Call::Said { test, path, attempt, said, .. } => self.say(test, path, *attempt, said),
            Call::Kill { patterns, by, why, .. } => {
                let items: Vec<ItemId> =
                    self.like(patterns).into_iter().filter(|i| !self.board.phase(*i).is_over()).collect();
                let count = items.len();
                self.board.apply(&Event::Kill { items, by: by.clone(), why: why.clone() }, now());
                Answer::Done(count)
            }
            Call::SetStatus { patterns, status, by, comment, .. } => {
                let status = match self.board.statuses().read(status) {
                    Ok(status) => status,
                    Err(unknown) => return Answer::No(unknown.to_string()),
                };
                let items = self.like(patterns);
                let over: Vec<ItemId> = items.into_iter().filter(|i| self.board.phase(*i).is_over()).collect();
                for item in &over {
                    let (status, by, comment) = (status.clone(), by.clone(), comment.clone());
                    self.board.apply(&Event::SetStatus { item: *item, status, by, comment }, now());
                    self.dirty.insert(*item);
                }
                Answer::Done(over.len())
            }
        }
    }

    fn like(&self, patterns: &str) -> Vec<ItemId> {
        let patterns = TestPatterns::read(patterns);
        let like = |i: &ItemId| patterns.matches(&self.board.test(*i).name, &self.board.item(*i).path);
        self.board.items(self.id).filter(like).collect()
    }

    fn say(&mut self, test: &str, path: &str, attempt: u32, said: &Said) -> Answer {
        let Some(&item) = self.by_name.get(&(test.to_owned(), path.to_owned())) else {
            return Answer::No(format!("there is no {test}/{path} in this run"));
        };
        let last = self.board.record(item).attempts.last().map(|a| a.number);
        if !self.at.contains_key(&item) || last != Some(attempt) {
            // It is kept with the item that somebody spoke too late.
            self.board.apply(&Event::Alive { item, attempt }, now());
            return Answer::No(format!("attempt {attempt} is not the one that runs; what it says comes too late"));
        }
        let facts = self.facts.entry(item).or_default();
        let kept = facts.dirs.last().map(|dir| said::append(dir.as_ref(), said));
        match kept {
            Some(Ok(())) => {}
            Some(Err(e)) => return Answer::No(format!("it cannot be written down: {e}")),
            None => return Answer::No("it has no directory".to_owned()),
        }
        facts.hear(attempt, said);
        self.told.insert(item);
        Answer::Done(1)
    }
}
