//! Hands on workers of a master: an attempt is a build there. What it needs goes along with it, and what came of it comes
//! back, so that no disk is shared.
//!
//! An attempt has a key, which is the same whoever asks: a runner that is started again finds the build that there is. A
//! build that is lost is not tried again by its master; it is a lost attempt here, and the rules of the area decide.

use super::Hands;
use crate::agent::{Line, Packed, Said};
use crate::parcel;
use crate::place::Place;
use crate::slot::{How, News, Order};
use process::JobId;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use testruns::verdict::Verdict;
use testruns::{ItemId, Status, Statuses};

/// The first pause between two looks, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// How often a reason that only changes its numbers is told anew.
const TELL: Duration = Duration::from_secs(30);
/// How long a master that is away may keep an attempt from its end that somebody ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a master does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WayError {
    /// It is away for the moment.
    #[error("{0}")]
    Away(String),
    /// It does not want to.
    #[error("{0}")]
    Refused(String),
}

/// The master's request for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request(pub i64);

/// Where an attempt stands at the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits, and why.
    Waits(String),
    /// It runs.
    Runs {
        /// On which worker.
        worker: String,
        /// What its log has that was not read before.
        log: Vec<u8>,
    },
    /// It ended.
    Ended {
        /// In a sentence.
        how: String,
        /// Somebody stopped it, or it ran for longer than it may: it is not lost.
        stopped: bool,
    },
}

/// How far a log was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadTo {
    /// The build whose log it is.
    pub build: Option<i64>,
    /// Its worker.
    pub worker: String,
    /// Its log.
    pub log: Option<i64>,
    /// Lines that were read.
    pub lines: u64,
}

/// The way to a master. Calls block.
pub trait Way: Send + Sync + Debug {
    /// The master's address.
    fn url(&self) -> &str;
    /// Bytes of a test's directory that may go there.
    fn most(&self) -> u64;
    /// The request that there is for a key.
    ///
    /// # Errors
    /// See [`WayError`]; also for the others.
    fn find(&self, key: &str) -> Result<Option<Request>, WayError>;
    /// Asks for a build: `what` it is for, and the file with all that it needs. The same key twice is one build.
    ///
    /// # Errors
    /// See [`WayError`].
    fn ask(&self, key: &str, what: &str, parcel: &Path) -> Result<Request, WayError>;
    /// Where it stands.
    ///
    /// # Errors
    /// See [`WayError`].
    fn look(&self, request: Request, read: &mut ReadTo) -> Result<Stage, WayError>;
    /// Brings what came of it into a file. `false`: nothing did.
    ///
    /// # Errors
    /// See [`WayError`].
    fn fetch(&self, key: &str, to: &Path) -> Result<bool, WayError>;
    /// Ends it.
    ///
    /// # Errors
    /// See [`WayError`].
    fn stop(&self, key: &str, reason: &str) -> Result<(), WayError>;
    /// Whatever the master has of it may go.
    ///
    /// # Errors
    /// See [`WayError`].
    fn forget(&self, key: &str) -> Result<(), WayError>;
}

/// What attempts are on record with as their host, before it is known which worker has them, and then.
pub(crate) fn host(worker: Option<&str>, url: &str) -> String {
    format!("{} of {url}", worker.unwrap_or("a worker"))
}

/// Whether an attempt that is on record with this host is with a master.
pub(crate) fn is_host(host: &str) -> bool {
    host.contains(" of http://") || host.contains(" of https://")
}

/// They.
#[derive(Debug)]
pub(crate) struct Remote {
    way: Arc<dyn Way>,
    /// What makes keys of this area unlike those of others.
    salt: String,
    /// Where programs for tests are on this machine.
    bin: PathBuf,
    /// For files on their way.
    dir: PathBuf,
    words: Arc<Statuses>,
    /// The attempt that somebody ends.
    kill: Mutex<Option<((ItemId, u32), String)>>,
    wake: Condvar,
}

/// One attempt on its way through.
struct Trip<'a> {
    hands: &'a Remote,
    order: &'a Order,
    say: &'a dyn Fn(News),
    key: String,
    /// The last reason that was told, and when.
    told: Cell<Option<(String, Instant)>>,
    pause: Cell<Duration>,
    /// Since when somebody ends it, and the master does not hear of it.
    unheard: Cell<Option<Instant>>,
}

impl Remote {
    pub(crate) fn new(way: Arc<dyn Way>, salt: String, (bin, dir): (PathBuf, PathBuf), words: Arc<Statuses>) -> Self {
        Remote { way, salt, bin, dir, words, kill: Mutex::default(), wake: Condvar::new() }
    }

    fn killed(&self) -> MutexGuard<'_, Option<((ItemId, u32), String)>> {
        self.kill.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of an attempt.
    fn key(&self, order: &Order) -> String {
        let mark = &order.place.mark;
        let attempt = [order.attempt.to_string(), order.launched.0.to_string()];
        let parts = [&self.salt, &mark.area, &mark.run, &mark.test, &mark.path, &attempt[0], &attempt[1]];
        let mut sum = Sha256::new();
        for part in parts {
            sum.update((part.len() as u64).to_le_bytes());
            sum.update(part);
        }
        sum.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

impl Hands for Remote {
    fn carry_out(&self, order: &Order, say: &dyn Fn(News), spools: &mut Vec<JobId>) -> How {
        // What the test begins with is on the worker; what it ends with comes here.
        let here = Place { source: None, ..order.place.clone() };
        if let Err(e) = here.make() {
            return How::NoPlace(e.to_string());
        }
        let trip = Trip {
            hands: self,
            order,
            say,
            key: self.key(order),
            told: Cell::default(),
            pause: Cell::new(PAUSES.0),
            unheard: Cell::default(),
        };
        spools.extend(JobId::new(trip.key.clone()));
        let how = trip.carry_out();
        how.unwrap_or_else(|how| how)
    }

    fn kill(&self, item: ItemId, attempt: u32, reason: &str) {
        *self.killed() = Some(((item, attempt), reason.to_owned()));
        self.wake.notify_all();
    }

    fn forget(&self, spools: &[JobId]) {
        for key in spools {
            // What stays there is removed by the master after some days.
            let _ = self.way.forget(key.as_str());
        }
    }

    fn quit(&self) {}
}

impl Trip<'_> {
    fn carry_out(&self) -> Result<How, How> {
        let Some(request) = self.ask()? else { return Ok(How::Came) };
        let mut read = ReadTo::default();
        let (mut said, mut heard) = (Said::default(), Vec::new());
        let mut placed = String::new();
        let mut stop = None::<Instant>;
        let (ended, stopped) = loop {
            if let Some(reason) = self.is_killed()
                && stop.is_none_or(|at| at.elapsed() > PAUSES.1)
                && self.bear(self.stop(&reason), How::Lost)?.is_some()
            {
                stop = Some(Instant::now());
            }
            match self.bear(self.hands.way.look(request, &mut read), How::Lost)? {
                None => {}
                Some(Stage::Waits(why)) => self.waits(&why),
                Some(Stage::Runs { worker, log }) => {
                    if worker != placed {
                        self.placed(&worker);
                        placed = worker;
                    }
                    let lines = said.feed(&log);
                    if !lines.is_empty() {
                        self.pause.set(PAUSES.0);
                    }
                    lines.iter().for_each(|line| self.tell(line));
                    heard.extend(lines);
                }
                Some(Stage::Ended { how, stopped }) => break (how, stopped),
            }
            self.rest();
        };
        self.after(&heard, &ended, stopped)
    }

    /// Ends the build. Where the master does not want to, it has ended just now, as the next look tells.
    fn stop(&self, reason: &str) -> Result<(), WayError> {
        match self.hands.way.stop(&self.key, reason) {
            Err(WayError::Refused(_)) => Ok(()),
            other => other,
        }
    }

    /// The request for the build; `None`: somebody ended the attempt before there was one.
    fn ask(&self) -> Result<Option<Request>, How> {
        let way = &self.hands.way;
        let parcel = self.hands.dir.join(format!("{}.order.tar", self.key));
        let asked = loop {
            match self.bear(way.find(&self.key), How::NoPlace)? {
                Some(Some(request)) => break Ok(Some(request)),
                Some(None) if self.is_killed().is_some() => break Ok(None),
                Some(None) => {
                    if !parcel.exists() {
                        self.pack(&parcel)?;
                    }
                    let mark = &self.order.place.mark;
                    let name = testruns::item::full_name(&mark.test, &mark.path);
                    let what = format!("{name} of {}, attempt {}", mark.run, self.order.attempt);
                    let asked = way.ask(&self.key, &what, &parcel);
                    match self.bear(asked, How::NoPlace) {
                        Ok(Some(request)) => break Ok(Some(request)),
                        Ok(None) => {}
                        Err(how) => break Err(how),
                    }
                }
                None => {}
            }
            self.rest();
        };
        // What is left is written anew by whoever needs it.
        let _ = std::fs::remove_file(&parcel);
        asked
    }

    fn pack(&self, parcel: &Path) -> Result<(), How> {
        let new = parcel.with_extension("new");
        let packed = Packed::new(self.order.clone(), &self.hands.words);
        let made = std::fs::create_dir_all(&self.hands.dir)
            .map_err(|e| e.to_string())
            .and_then(|()| {
                parcel::pack(&packed, &self.hands.bin, self.hands.way.most(), &new).map_err(|e| e.to_string())
            })
            .and_then(|()| std::fs::rename(&new, parcel).map_err(|e| e.to_string()));
        made.map_err(|why| {
            let _ = std::fs::remove_file(&new);
            How::NoPlace(why)
        })
    }

    /// The build has ended: what came of it is brought here.
    fn after(&self, heard: &[Line], ended: &str, stopped: bool) -> Result<How, How> {
        let parcel = self.hands.dir.join(format!("{}.came.tar", self.key));
        std::fs::create_dir_all(&self.hands.dir).map_err(|e| How::NoPlace(e.to_string()))?;
        let fetched = loop {
            match self.bear(self.hands.way.fetch(&self.key, &parcel), How::Lost) {
                Ok(Some(fetched)) => break Ok(fetched),
                Ok(None) => {}
                Err(how) => break Err(how),
            }
            self.rest();
        };
        let taken = match fetched {
            Ok(true) => Some(parcel::take(&parcel, &self.order.place)),
            Ok(false) => None,
            Err(how) => return Err(how),
        };
        let _ = std::fs::remove_file(&parcel);
        let (unheard, lines) = match taken {
            None => (false, heard.to_vec()),
            Some(Ok((came, lines))) => (came.unheard, lines),
            Some(Err(e)) => return Err(How::NoPlace(format!("what came of it cannot be taken: {e}"))),
        };
        // What was told from the log stands in the file too, and more: a log may have lost a line.
        lines.iter().filter(|line| !heard.contains(line)).for_each(|line| self.tell(line));
        let killed = self.is_killed().is_some();
        let last = lines.iter().rev().find_map(|line| match line {
            Line::Ended(how) => Some(how.clone()),
            _ => None,
        });
        Ok(match last {
            Some(How::Came) if unheard => {
                How::NoPlace("what it said of itself is longer than what the builder lets come back".to_owned())
            }
            Some(How::Lost(_)) | None if killed => How::Came,
            Some(How::Lost(_)) | None if stopped => {
                How::Stopped(Verdict { status: Status::KILLED, step: None, comment: ended.to_owned() })
            }
            Some(How::Lost(why)) => How::Lost(format!("{ended}: {why}")),
            None => How::Lost(ended.to_owned()),
            Some(how) => how,
        })
    }

    /// What the runner hears of a line.
    fn tell(&self, line: &Line) {
        let (item, attempt) = (self.order.item, self.order.attempt);
        match line {
            Line::Began { .. } => (self.say)(News::Began { item, attempt }),
            Line::Step(step) => (self.say)(News::Step { item, attempt, step: step.clone() }),
            Line::Ended(_) => {}
        }
    }

    fn placed(&self, worker: &str) {
        let host = host(Some(worker), self.hands.way.url());
        (self.say)(News::Placed { item: self.order.item, attempt: self.order.attempt, host });
    }

    /// It does not run yet. The reason is told when it becomes another.
    fn waits(&self, why: &str) {
        let kind = |text: &str| text.split([',', ';']).next().unwrap_or_default().to_owned();
        let told = self.told.take();
        if let Some((before, at)) = &told
            && (before == why || kind(before) == kind(why) && at.elapsed() < TELL)
        {
            self.told.set(told);
            return;
        }
        self.told.set(Some((why.to_owned(), Instant::now())));
        let why = why.to_owned();
        (self.say)(News::Waits { item: self.order.item, attempt: self.order.attempt, why });
    }

    /// Whether somebody ends it, and why.
    fn is_killed(&self) -> Option<String> {
        let killed = self.hands.killed();
        let key = (self.order.item, self.order.attempt);
        killed.as_ref().filter(|(of, _)| *of == key).map(|(_, reason)| reason.clone())
    }

    /// What the master answers; `None`: it is away. That is borne, but not for long by somebody who ends the attempt.
    fn bear<T>(&self, answer: Result<T, WayError>, refused: fn(String) -> How) -> Result<Option<T>, How> {
        match answer {
            Ok(answer) => {
                self.unheard.set(None);
                Ok(Some(answer))
            }
            Err(WayError::Refused(why)) => Err(refused(why)),
            Err(WayError::Away(why)) => {
                self.waits(&why);
                let since = self.unheard.get().filter(|_| self.is_killed().is_some());
                match since {
                    Some(since) if since.elapsed() > PATIENCE => {
                        Err(How::Lost(format!("{why}; what runs there was not told to end")))
                    }
                    Some(_) => Ok(None),
                    None => {
                        self.unheard.set(Some(Instant::now()));
                        Ok(None)
                    }
                }
            }
        }
    }

    /// A pause; somebody who ends the attempt ends it.
    fn rest(&self) {
        let pause = self.pause.get();
        self.pause.set((pause * 3 / 2).min(PAUSES.1));
        let was = self.is_killed().is_some();
        let end = Instant::now() + pause;
        let mut killed = self.hands.killed();
        let key = (self.order.item, self.order.attempt);
        while Instant::now() < end {
            if !was && killed.as_ref().is_some_and(|(of, _)| *of == key) {
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            killed = self.hands.wake.wait_timeout(killed, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
