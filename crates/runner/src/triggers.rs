//! Commands that run when items change. They run one after the other beside the runner, after the change is durable; a
//! runner that is killed takes those with it that have not begun.

use crate::home::{Defined, Home};
use model::area::Trigger;
use model::testrun::Phase;
use model::{TestItem, TestRun};
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use testruns::item::full_name;

/// How long one may run.
const LONGEST: Duration = Duration::from_secs(60);
/// So many wait; then the runner waits for them.
const WAITING: usize = 10_000;
/// How often it is looked whether one has ended.
const LOOK: Duration = Duration::from_millis(5);

/// A command that is due.
#[derive(Debug)]
pub(crate) struct Due {
    script: String,
    words: Vec<String>,
    dir: PathBuf,
    log: String,
    env: Vec<(&'static str, String)>,
}

/// The triggers of a run.
#[derive(Debug)]
pub(crate) struct Triggers {
    area: PathBuf,
    target: String,
    run: String,
    /// Those of all tests, and those of each.
    all: Vec<Trigger>,
    own: HashMap<String, Vec<Trigger>>,
    /// What items were when they were written down last.
    known: HashMap<(String, String), (Phase, String)>,
    /// What is due because of what was seen.
    due: Vec<Due>,
    queue: mpsc::SyncSender<Due>,
    thread: std::thread::JoinHandle<()>,
}

impl Triggers {
    /// Those that an area defines; `None`: it has none.
    pub(crate) fn start(home: &Home, defined: &Defined, run: &TestRun) -> Option<Self> {
        let tests = defined.area.tests.iter().filter(|t| !t.triggers.is_empty());
        let own: HashMap<String, Vec<Trigger>> = tests.map(|t| (t.name.clone(), t.triggers.clone())).collect();
        let all = defined.area.triggers.clone();
        if all.is_empty() && own.is_empty() {
            return None;
        }
        let (queue, due) = mpsc::sync_channel(WAITING);
        let area = home.dir.clone();
        let thread = std::thread::spawn(move || due.into_iter().for_each(|due| carry_out(&due)));
        let (target, run) = (run.target.clone(), run.name.clone());
        Some(Triggers { area, target, run, all, own, known: HashMap::new(), due: Vec::new(), queue, thread })
    }

    /// Looks at items as they are. What they are the first time changes nothing.
    pub(crate) fn see(&mut self, items: &[TestItem]) {
        for item in items {
            let now = (item.phase, item.status.clone());
            let Some(before) = self.known.insert((item.test.clone(), item.path.clone()), now) else { continue };
            let (phase, status) = (before.0 != item.phase, before.1 != item.status);
            let own = self.own.get(&item.test).into_iter().flatten();
            for trigger in self.all.iter().chain(own) {
                let changed = match (&trigger.state, &trigger.status) {
                    (Some(_), Some(_)) => phase || status,
                    (Some(_), None) => phase,
                    (None, _) => status,
                };
                let state = trigger.state.as_ref().is_none_or(|word| word == item.phase.word());
                let fits = state && trigger.status.as_ref().is_none_or(|word| *word == item.status);
                if changed && fits {
                    self.due.push(self.of(trigger, item));
                }
            }
        }
    }

    fn of(&self, trigger: &Trigger, item: &TestItem) -> Due {
        let when = trigger.when();
        let at = item.ended_at.unwrap_or_else(crate::runner::now).as_seconds();
        let state = item.phase.word().to_owned();
        let name = full_name(&item.test, &item.path);
        let (test, path, status) = (item.test.clone(), item.path.clone(), item.status.clone());
        let words = vec![name, item.directory.clone(), when.clone(), test, path, state, status, at.to_string()];
        let there = Path::new(&item.directory).is_dir();
        Due {
            // What is told stands behind the command, each as one word, whatever is in it.
            script: format!("{} \"$@\"", trigger.command),
            words,
            dir: if there { PathBuf::from(&item.directory) } else { self.area.clone() },
            log: if there { format!("last-trigger-{}.log", when.replace('/', "-")) } else { String::new() },
            env: vec![
                ("MT_RUN_AREA_HOME", self.area.to_string_lossy().into_owned()),
                ("MT_TARGET", self.target.clone()),
                ("MT_RUNNAME", self.run.clone()),
                ("MT_TEST_NAME", item.test.clone()),
                ("MT_ITEMPATH", item.path.clone()),
                ("MT_TEST_RUN_DIR", item.directory.clone()),
            ],
        }
    }

    /// Runs what is due, after those that wait already: what was seen is written down.
    pub(crate) fn fire(&mut self) {
        for one in self.due.drain(..) {
            // The thread ends after the queue.
            let _ = self.queue.send(one);
        }
    }

    /// Waits for all of them.
    pub(crate) fn close(self) {
        drop(self.queue);
        let _ = self.thread.join();
    }
}

/// Runs a command to its end. What becomes of it stands in its log and changes nothing.
fn carry_out(due: &Due) {
    let log = (!due.log.is_empty()).then(|| File::create(due.dir.join(&due.log)).ok()).flatten();
    let error = log.as_ref().and_then(|log| log.try_clone().ok());
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &due.script, "trigger"]).args(&due.words).current_dir(&due.dir);
    command.envs(due.env.iter().map(|(name, value)| (*name, value)));
    command.stdin(Stdio::null()).process_group(0);
    command.stdout(log.map_or_else(Stdio::null, Stdio::from)).stderr(error.map_or_else(Stdio::null, Stdio::from));
    let Ok(mut child) = command.spawn() else { return };
    let (group, end) = (rustix::process::Pid::from_child(&child), Instant::now() + LONGEST);
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() >= end {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            let _ = child.wait();
            return;
        }
        std::thread::sleep(LOOK);
    }
}
