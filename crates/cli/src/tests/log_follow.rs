//! `sluice tests log -f`: the logs of an item's steps while they run, one after the other, until it has ended.

use super::find;
use crate::exit::{Exit, Trouble};
use crate::out;
use model::area::Class;
use model::testrun::TestAttempt;
use model::{TestItem, TestRun};
use runner::{Base, Book, Home, files};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether something came.
const LOOK: Duration = Duration::from_millis(100);
/// Bytes that are printed at once.
const PIECE: usize = 64 << 10;

/// What is followed.
pub(super) struct Follow<'a> {
    home: &'a Home,
    book: &'a Book,
    run: &'a TestRun,
    /// The steps of the test, in order.
    steps: Vec<String>,
    /// The attempt that is shown.
    attempt: u32,
    /// Which of the steps comes next, or is being shown.
    at: usize,
    file: Option<File>,
    /// Only this attempt.
    alone: bool,
    told: bool,
}

/// Whether more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    More,
    Done,
}

impl<'a> Follow<'a> {
    /// Follows this item, or one step of it.
    pub(super) fn new(
        (home, book, run): (&'a Home, &'a Book, &'a TestRun),
        item: &TestItem,
        step: Option<&str>,
        attempt: Option<u32>,
    ) -> Self {
        let steps = match step {
            Some(step) => vec![step.to_owned()],
            None => steps(home, run, item),
        };
        let alone = attempt.is_some();
        let attempt = attempt.or(item.attempts.last().map(|a| a.number)).unwrap_or(1);
        Follow { home, book, run, steps, attempt, at: 0, file: None, alone, told: false }
    }

    /// Until it has ended, or somebody has enough.
    pub(super) fn go(mut self, item: &TestItem, stop: &watch::Receiver<bool>) -> anyhow::Result<Exit> {
        let name = find::name(item);
        loop {
            // Asked before: whoever ends between the two has written down all that there was.
            let runs = Base::existing(self.home).map(|base| base.is_held()).transpose()? == Some(true);
            let Some(item) = self.book.item(self.run.id, &item.test, &item.path)? else {
                return Err(Trouble(format!("{name} was removed")).into());
            };
            if self.look(&item)? == Look::Done {
                let own = item.attempts.iter().find(|a| self.alone && a.number == self.attempt);
                let (status, comment) =
                    own.map_or((&item.status, &item.comment), |attempt| (&attempt.status, &attempt.comment));
                let comment = if comment.is_empty() { String::new() } else { format!(": {comment}") };
                out::aside(format!("  {name} {status}{comment}"));
                let bad = !self.alone && item.class == Class::Bad;
                return Ok(if bad { Exit::Failed } else { Exit::Passed });
            }
            if *stop.borrow() {
                return Ok(Exit::Interrupted);
            }
            if !runs {
                let help = format!("help: sluice tests run {}", super::run::of_run(self.run));
                return Err(Trouble(format!("{name} has not ended, and nobody runs it now\n{help}")).into());
            }
            if item.attempts.is_empty() && !self.told {
                out::aside(format!("  {name} has not begun"));
                self.told = true;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Prints what is new. What is on record was looked up before, so the log of a step that ended is whole.
    fn look(&mut self, item: &TestItem) -> anyhow::Result<Look> {
        loop {
            let over = if item.phase.is_over() { Look::Done } else { Look::More };
            let Some(attempt) = item.attempts.iter().find(|a| a.number == self.attempt) else { return Ok(over) };
            while let Some(step) = self.steps.get(self.at).cloned() {
                let ended =
                    item.steps.iter().find(|s| s.attempt == self.attempt && s.name == step && s.ended.is_some());
                if self.file.is_none() {
                    let log = ended.and_then(|s| s.log.clone()).unwrap_or_else(|| runner::slot::log_name(&step));
                    self.file = opened(item, attempt, &log)?;
                    if self.file.is_some() {
                        out::aside(format!("  step {step}"));
                    }
                }
                self.print()?;
                if ended.is_none() {
                    break;
                }
                self.at += 1;
                self.file = None;
            }
            if attempt.ended.is_none() && over == Look::More {
                return Ok(Look::More);
            }
            if self.alone {
                return Ok(Look::Done);
            }
            let next = item.attempts.iter().map(|a| a.number).find(|n| *n > self.attempt);
            let Some(next) = next else { return Ok(over) };
            (self.attempt, self.at, self.file) = (next, 0, None);
            out::aside(format!("  attempt {next}"));
        }
    }

    fn print(&mut self) -> anyhow::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(n) => out::bytes(&piece[..n])?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// Opens a log, if it is there. The directory of an attempt is put aside when the next one begins: it may still be
/// where it was, and it has come to its place when it is found there.
fn opened(item: &TestItem, attempt: &TestAttempt, log: &str) -> anyhow::Result<Option<File>> {
    let open = |dir: &str| {
        let path = Path::new(dir).join(log);
        match files::within(Path::new(dir), log).and_then(|path| files::open(&path)) {
            Ok(file) => Ok(Some(file)),
            // It has not begun, or somebody took it away.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(anyhow::Error::new(e).context(format!("{} cannot be read", path.display()))),
        }
    };
    if let Some(file) = open(&attempt.directory)? {
        return Ok(Some(file));
    }
    let before = open(&item.directory)?;
    Ok(open(&attempt.directory)?.or(before))
}

/// The names of the steps of a test: as they are defined; of one that is not defined any more, those that ran.
fn steps(home: &Home, run: &TestRun, item: &TestItem) -> Vec<String> {
    let defined = home.read(&run.target, Some(&run.name)).ok();
    let test = defined.as_ref().and_then(|d| d.area.test(&item.test));
    match test {
        Some(test) => test.steps.iter().map(|s| s.name.clone()).collect(),
        None => item.steps.iter().filter(|s| s.log.is_some()).map(|s| s.name.clone()).collect(),
    }
}
