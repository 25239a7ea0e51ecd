//! What a slot is told: where an attempt runs, with which variables, and what it does.

use crate::around;
use crate::facts::Facts;
use crate::home::{Defined, Home};
use crate::place::{self, Mark, Place};
use crate::slot::Order;
use model::area::{TestSpec, TestStep, Var};
use model::{TestRun, Time};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use testruns::environment::{Around, environment};
use testruns::item::Item;
use testruns::{Board, ItemId};

/// Makes orders of one run.
#[derive(Debug)]
pub(crate) struct Orders<'a> {
    home: &'a Home,
    defined: &'a Defined,
    /// `target/name`.
    run: String,
    name: String,
    /// Where programs for tests are.
    bin: PathBuf,
    /// The commit of the area.
    commit: String,
}

impl<'a> Orders<'a> {
    pub(crate) fn new(home: &'a Home, defined: &'a Defined, run: &TestRun, bin: PathBuf) -> Self {
        Orders {
            home,
            defined,
            run: run_name(&run.target, &run.name),
            name: run.name.clone(),
            bin,
            commit: around::commit(&home.dir),
        }
    }

    /// Chooses where an attempt runs. Where an earlier one was, whose own directory goes elsewhere.
    pub(crate) fn choose(&self, board: &Board, id: ItemId, attempt: u32, facts: &mut Facts) {
        let last = facts.dirs.last().map(PathBuf::from);
        let dir =
            last.unwrap_or_else(|| self.root(board.test(id)).join(inner(&self.run, board.test(id), board.item(id))));
        facts.dirs.resize(attempt.saturating_sub(1) as usize, String::new());
        if let Some(before) = facts.dirs.last_mut() {
            let number = attempt.saturating_sub(1);
            *before = self.place(board, id, attempt, &dir).earlier(number).to_string_lossy().into_owned();
        }
        facts.around.resize(attempt.saturating_sub(1) as usize, None);
        facts.around.push(Some(around::look(&dir, &self.commit)));
        facts.dirs.push(dir.to_string_lossy().into_owned());
    }

    /// The disk with the most room, or the link tree itself.
    fn root(&self, test: &TestSpec) -> PathBuf {
        let free = around::free;
        let own: Vec<PathBuf> = test.disks.iter().map(|disk| self.home.dir.join(&disk.path)).collect();
        let all = self.defined.disks.iter().map(|(_, path)| path).filter(|_| own.is_empty());
        let disks = own.iter().chain(all).filter_map(|path| Some((free(path)?, path)));
        // The first of several with as much room.
        let best = disks.reduce(|best, other| if other.0 > best.0 { other } else { best });
        best.map_or_else(|| self.defined.link_tree.clone(), |(_, path)| path.join(&self.defined.area.name))
    }

    fn place(&self, board: &Board, id: ItemId, attempt: u32, dir: &Path) -> Place {
        let (test, item) = (board.test(id), board.item(id));
        let within = inner(&self.run, test, item);
        let link = self.defined.link_tree.join(&within);
        let above = dir.ancestors().nth(within.components().count()).unwrap_or(dir);
        Place {
            dir: dir.to_owned(),
            run_dir: above.join(&self.run),
            link: (link != dir).then_some(link),
            source: (!test.dir.is_empty()).then(|| self.home.dir.join(&test.dir)),
            mark: Mark {
                area: self.home.dir.to_string_lossy().into_owned(),
                run: self.run.clone(),
                test: test.name.clone(),
                path: item.path.clone(),
                attempt,
                launched: launched(board, id),
                ready: false,
            },
            min_free: self.defined.area.min_space,
            rerun: String::new(),
        }
    }

    /// What a slot is told of an attempt for which there is a place.
    pub(crate) fn order(&self, board: &Board, id: ItemId, attempt: u32, facts: &mut Facts) -> Order {
        if facts.dirs.len() < attempt as usize {
            self.choose(board, id, attempt, facts);
        }
        let dir = facts.dirs.last().map_or_else(|| self.root(board.test(id)), PathBuf::from);
        let (test, item) = (board.test(id), board.item(id));
        let mut place = self.place(board, id, attempt, &dir);
        let vars = |step| (step, self.vars((test, item, step), &dir, attempt));
        let steps: Vec<(&TestStep, Vec<Var>)> = test.steps.iter().map(vars).collect();
        place.rerun = place::rerun(&dir, &steps);
        let by_name = |vars: Vec<Var>| vars.into_iter().map(|v| (v.name, v.value)).collect();
        let steps: Vec<(TestStep, BTreeMap<String, String>)> =
            steps.into_iter().map(|(step, vars)| (step.clone(), by_name(vars))).collect();
        let job = job_name(&self.run, &test.name, &item.path, attempt);
        Order {
            item: id,
            attempt,
            job,
            steps,
            place,
            max_time: test.max_time.or(self.defined.area.max_time),
            resources: test.resources.clone(),
            launched: launched(board, id),
        }
    }

    fn vars(&self, (test, item, step): (&TestSpec, &Item, &TestStep), dir: &Path, attempt: u32) -> Vec<Var> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (area_home, link_tree, run_dir) = (text(&self.home.dir), text(&self.defined.link_tree), text(dir));
        let around = Around {
            target: &self.defined.target,
            run: &self.name,
            area_home: &area_home,
            link_tree: &link_tree,
            run_dir: &run_dir,
        };
        let mut vars = environment(&self.defined.area, &around, test, item, step);
        vars.push(Var::new("SLUICE_TEST_ATTEMPT", attempt.to_string()));
        // Old scripts call `megatest`; it is found before any other.
        let bin = text(&self.bin);
        let own = vars.iter().find(|v| v.name == "PATH").map(|v| v.value.clone());
        let path = own.or_else(|| std::env::var("PATH").ok()).unwrap_or_default();
        vars.retain(|v| v.name != "PATH");
        vars.push(Var::new("MT_MEGATEST", format!("{bin}/megatest")));
        vars.push(Var::new("PATH", if path.is_empty() { bin } else { format!("{bin}:{path}") }));
        vars
    }
}

/// When the last attempt of an item was launched.
fn launched(board: &Board, id: ItemId) -> Time {
    board.record(id).attempts.last().map_or(Time::default(), |a| a.launched)
}

/// A run as it is called below a disk: target and name.
pub fn run_name(target: &str, name: &str) -> String {
    if target.is_empty() { name.to_owned() } else { format!("{target}/{name}") }
}

fn inner(run: &str, test: &TestSpec, item: &Item) -> PathBuf {
    let mut path = PathBuf::from(run);
    path.push(&test.name);
    path.extend(item.path.split('/').filter(|part| !part.is_empty()));
    path
}

/// What the names of the jobs of an attempt begin with: the same whoever asks.
pub(crate) fn job_name(run: &str, test: &str, path: &str, attempt: u32) -> String {
    let hash = hash([run, "\0", test, "\0", path].into_iter().flat_map(str::bytes));
    format!("t{hash:016x}-{attempt}")
}

/// FNV-1a, 64 bits: the same wherever it is asked for.
pub(crate) fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_jobs_tell_attempts_apart() {
        let all = [
            job_name("r", "a", "b", 1),
            job_name("r", "a", "b", 2),
            job_name("r", "ab", "", 1),
            job_name("r", "a", "", 1),
            job_name("s", "a", "b", 1),
        ];
        assert_eq!(all[0], "t16ad3123c2c764d4-1");
        let different: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
