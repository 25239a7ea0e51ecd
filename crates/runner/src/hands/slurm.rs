//! Hands in Slurm: an attempt is one batch job, whose script is an agent ([`crate::agent`]).
//!
//! What an attempt does is told by its agent, in files that the nodes and this machine share; Slurm is asked whether it
//! still waits or runs, and how it ended when its agent could not tell. Each attempt has a directory below `BASE/away`:
//!
//! | file | holds |
//! |---|---|
//! | `order.json`, `said`, `lock`, `slot/` | the agent's |
//! | `host.json` | which hands these are; with it the directory is one that can be gone on with |
//! | `name` | the name of the job, which no other has; written before it is submitted |
//! | `submitting` | locked as long as an sbatch for it lives, also when its runner does not |
//! | `job` | its number; written after it was submitted |
//! | `job.sh`, `out` | its script, and what that says beside |
//!
//! So after a crash in the middle of all this it is known whether there is a job: where there is a name and no number,
//! Slurm is asked after the name, when no sbatch is left that could still submit.

mod call;
mod desk;

use super::Hands;
use crate::agent::{Line, Packed, Said};
use crate::base::Base;
use crate::slot::{How, News, Order};
use call::{Fault, JobNumber, Seen, Stage, Submission};
pub(crate) use desk::Desk;
use model::area;
use model::shell::quoted;
use process::JobId;
use rustix::fs::FlockOperation;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use testruns::verdict::{self, Verdict};
use testruns::{ItemId, Status, Statuses};

/// How often it is looked what an agent has said.
const LOOK: Duration = Duration::from_millis(400);
/// How long the last words of an agent that ended well may be on their way through the shared files.
const ON_THE_WAY: Duration = Duration::from_secs(60);
/// How long something that nobody wants any more may take to end.
const PATIENCE: Duration = Duration::from_secs(180);
/// Characters of a comment of a job.
const COMMENT: usize = 200;

/// Hands of one slot.
#[derive(Debug)]
pub(crate) struct Jobs {
    desk: Arc<Desk>,
    options: area::Slurm,
    exe: PathBuf,
    base: Base,
    words: Arc<Statuses>,
    /// The attempt that somebody ends.
    kill: Mutex<Option<(ItemId, u32)>>,
}

/// Why an attempt is not followed any more before it was submitted.
enum Unborn {
    /// Somebody ended it.
    Killed,
    /// It cannot be.
    No(String),
}

/// How often Slurm is asked.
pub(crate) fn desk(options: &area::Slurm) -> Arc<Desk> {
    Desk::new(options.every.map(|ms| Duration::from_millis(ms.into())))
}

impl Jobs {
    /// Hands that ask at this desk.
    pub(crate) fn new(desk: Arc<Desk>, options: area::Slurm, exe: PathBuf, base: Base, words: Arc<Statuses>) -> Self {
        Jobs { desk, options, exe, base, words, kill: Mutex::default() }
    }

    fn kill(&self) -> MutexGuard<'_, Option<(ItemId, u32)>> {
        self.kill.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_killed(&self, order: &Order) -> bool {
        *self.kill() == Some((order.item, order.attempt))
    }

    /// Lays down what is needed for a job, unless that was done.
    fn lay(&self, order: &Order, dir: &Path) -> io::Result<()> {
        if dir.join(super::HOST).exists() {
            return Ok(());
        }
        Packed::new(order.clone(), &self.words).lay(dir)?;
        let agent = format!(
            "#!/bin/sh\nexec {} __attempt {}\n",
            quoted(&self.exe.to_string_lossy()),
            quoted(&dir.to_string_lossy())
        );
        fs::write(dir.join("job.sh"), agent)?;
        super::mark(dir, &area::Host::Slurm(self.options.clone()))
    }

    /// The number of the job. It is submitted, unless it was.
    fn submitted(&self, order: &Order, dir: &Path, waits: &mut Waits<'_>) -> Result<JobNumber, Unborn> {
        let no = |what: &str, e: &io::Error| Unborn::No(format!("{what} of its job cannot be written: {e}"));
        loop {
            if let Some(number) = number(dir) {
                return Ok(number);
            }
            let fault = match held(dir).map_err(|e| no("the lock", &e))? {
                None => Fault::Later("an sbatch that an earlier runner began has not ended".to_owned()),
                // Another may have written it before it let go.
                Some(_) if number(dir).is_some() => continue,
                Some(lock) => {
                    let found = match name(dir) {
                        Some(name) => call::named(&name),
                        None => Ok(None),
                    };
                    match found {
                        Ok(Some(number)) => {
                            write(&dir.join("job"), &number.to_string()).map_err(|e| no("the number", &e))?;
                            return Ok(number);
                        }
                        Ok(None) if self.is_killed(order) => return Err(Unborn::Killed),
                        Ok(None) => match self.submit(order, dir, lock).map_err(|e| no("the name", &e))? {
                            Ok(number) => {
                                write(&dir.join("job"), &number.to_string()).map_err(|e| no("the number", &e))?;
                                return Ok(number);
                            }
                            Err(fault) => fault,
                        },
                        // There may be a job: without an answer nothing is said of it, whatever is in the way.
                        Err(fault) => Fault::Later(fault.text().to_owned()),
                    }
                }
            };
            match fault {
                Fault::Never(why) => return Err(Unborn::No(why)),
                Fault::Later(why) => waits.say(why),
            }
            if self.is_killed(order) && name(dir).is_none() {
                return Err(Unborn::Killed);
            }
            self.desk.wait(LOOK);
        }
    }

    fn submit(&self, order: &Order, dir: &Path, lock: File) -> io::Result<Result<JobNumber, Fault>> {
        let name = match name(dir) {
            Some(name) => name,
            None => {
                let name = format!("sluice-{:016x}", RandomState::new().build_hasher().finish());
                write(&dir.join("name"), &name)?;
                name
            }
        };
        let mark = &order.place.mark;
        let test = testruns::item::full_name(&mark.test, &mark.path);
        let comment = format!("{test} of {} in {}, attempt {}", mark.run, mark.area, mark.attempt);
        let comment: String = comment.chars().map(|c| if c.is_control() { ' ' } else { c }).take(COMMENT).collect();
        let submission = Submission {
            name: &name,
            comment: &comment,
            dir,
            script: &dir.join("job.sh"),
            output: &dir.join("out"),
            slurm: &self.options,
            own: &own(order),
        };
        Ok(call::submit(&submission, lock))
    }

    /// Follows a job to its end.
    fn follow(&self, order: &Order, dir: &Path, job: JobNumber, waits: &mut Waits<'_>) -> How {
        let mut said = Said::default();
        let (mut began, mut lost, mut over) = (false, None, None::<Instant>);
        // Who ended a step by a signal may have been Slurm, which then says so: until then its end is not the attempt's.
        let (mut is_signalled, mut ended) = (false, None);
        loop {
            // What was known before the look: what it said before it ended is seen.
            let known = self.desk.known(job);
            for line in said.look(dir).unwrap_or_default() {
                match line {
                    Line::Began { .. } => {
                        began = true;
                        (waits.tell)(News::Began { item: order.item, attempt: order.attempt });
                    }
                    Line::Step(step) => {
                        is_signalled = matches!(step.end.exit, verdict::Exit::Signal(_));
                        (waits.tell)(News::Step { item: order.item, attempt: order.attempt, step });
                    }
                    Line::Ended(How::Lost(why)) => lost = Some(why),
                    Line::Ended(how) if is_signalled => ended = Some(how),
                    Line::Ended(how) => return how,
                }
            }
            let is_killed = self.is_killed(order);
            match &known.seen {
                Some(seen) if seen.is_over() => {
                    let since = *over.get_or_insert_with(Instant::now);
                    if seen.stage() == Stage::Ended
                        && let Some(how) = ended
                    {
                        return how;
                    }
                    let is_due = since.elapsed() >= ON_THE_WAY || lost.is_some() || seen.state != "COMPLETED";
                    if is_due {
                        return ending(job, seen, lost, is_killed, dir);
                    }
                }
                _ if known.is_gone => {
                    if let Some(how) = ended {
                        return how;
                    }
                    return How::Lost(lost.unwrap_or_else(|| format!("Slurm knows nothing of job {job} any more")));
                }
                seen if !began => waits.say(match (&known.trouble, seen) {
                    (Some(trouble), _) => format!("job {job}: Slurm does not answer ({trouble})"),
                    (None, Some(seen)) => format!("job {job} is {} ({})", seen.state, seen.reason),
                    (None, None) => format!("job {job} is submitted"),
                }),
                _ => {}
            }
            if is_killed {
                self.desk.cancel(job);
            }
            self.desk.wait(LOOK);
        }
    }
}

/// What an attempt waits for, told when it changes.
struct Waits<'a> {
    order: &'a Order,
    tell: &'a dyn Fn(News),
    told: String,
}

impl Waits<'_> {
    fn say(&mut self, why: String) {
        if why != self.told {
            self.told.clone_from(&why);
            (self.tell)(News::Waits { item: self.order.item, attempt: self.order.attempt, why });
        }
    }
}

impl Hands for Jobs {
    fn carry_out(&self, order: &Order, say: &dyn Fn(News), spools: &mut Vec<JobId>) -> How {
        let Ok(id) = JobId::new(order.job.clone()) else {
            return How::NoPlace(format!("'{}' cannot be the name of a job", order.job));
        };
        spools.push(id);
        let dir = self.base.away(&order.job);
        if let Err(e) = self.lay(order, &dir) {
            return How::NoPlace(format!("{} cannot be written: {e}", dir.display()));
        }
        let mut waits = Waits { order, tell: say, told: String::new() };
        let job = match self.submitted(order, &dir, &mut waits) {
            Ok(job) => job,
            Err(Unborn::Killed) => return How::Came,
            Err(Unborn::No(why)) => return How::NoPlace(why),
        };
        self.desk.watch(job);
        let how = self.follow(order, &dir, job, &mut waits);
        self.desk.leave(job);
        how
    }

    fn kill(&self, item: ItemId, attempt: u32, _: &str) {
        *self.kill() = Some((item, attempt));
        self.desk.wake();
    }

    fn forget(&self, spools: &[JobId]) {
        for id in spools {
            // What is left is found and taken away by the next runner.
            let _ = fs::remove_dir_all(self.base.away(id.as_str()));
        }
    }

    fn quit(&self) {}
}

/// What a job is of which its agent has not said how it ended.
fn ending(job: JobNumber, seen: &Seen, lost: Option<String>, is_killed: bool, dir: &Path) -> How {
    let killed = |comment: String| How::Stopped(Verdict { status: Status::KILLED, step: None, comment });
    match seen.stage() {
        Stage::Cancelled if is_killed => How::Came,
        Stage::Cancelled => killed(format!("somebody cancelled its job {job} in Slurm")),
        Stage::Overtime => killed(format!("its job {job} ran longer than Slurm lets it ({})", seen.state)),
        Stage::Memory => killed(format!("its job {job} took more memory than Slurm gives it ({})", seen.state)),
        Stage::Lost => How::Lost(format!("its job {job} is {} in Slurm ({})", seen.state, seen.node)),
        Stage::Ended | Stage::Waits | Stage::Runs => How::Lost(lost.unwrap_or_else(|| {
            let out = last_line(&dir.join("out")).map(|line| format!(": {line}")).unwrap_or_default();
            format!("its job {job} is {} in Slurm ({}), and says nothing of a verdict{out}", seen.state, seen.reason)
        })),
    }
}

/// The last line of a file that has something in it.
fn last_line(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let length = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(length.saturating_sub(4096))).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.lines().rfind(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}

/// What an attempt asks for itself.
fn own(order: &Order) -> BTreeMap<&'static str, String> {
    let mut own = BTreeMap::new();
    for (name, unit) in [("cpus", ""), ("memory", "M"), ("gpus", "")] {
        if let Some(n) = order.resources.get(name) {
            own.insert(name, format!("{n}{unit}"));
        }
    }
    if let Some(limit) = order.max_time {
        // Its own limit comes first: Slurm's is for the order in which jobs begin.
        let minutes = limit.to_std().as_secs().div_ceil(60) + 2;
        own.insert("time", minutes.to_string());
    }
    own
}

/// Nobody else submits for this attempt as long as this is held. `None`: somebody does.
fn held(dir: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join("submitting"))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn name(dir: &Path) -> Option<String> {
    fs::read_to_string(dir.join("name")).ok().filter(|name| !name.is_empty())
}

fn number(dir: &Path) -> Option<JobNumber> {
    fs::read_to_string(dir.join("job")).ok()?.trim().parse().ok()
}

/// Writes a file at once and for good.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Ends what runs or waits of the attempts in these directories, and waits until it has ended.
///
/// # Errors
/// Why it is not known to have ended.
pub(crate) fn clear(dirs: &[PathBuf]) -> Result<(), String> {
    let end = Instant::now() + PATIENCE;
    let mut jobs = Vec::new();
    for dir in dirs {
        while number(dir).is_none() && name(dir).is_some() {
            let Some(_lock) = held(dir).map_err(|e| e.to_string())? else {
                if Instant::now() >= end {
                    return Err("an sbatch that an earlier runner began has not ended".to_owned());
                }
                std::thread::sleep(LOOK);
                continue;
            };
            if let (None, Some(name)) = (number(dir), name(dir)) {
                jobs.extend(call::named(&name).map_err(|fault| fault.text().to_owned())?);
                break;
            }
        }
        jobs.extend(number(dir));
    }
    let mut told = None::<Instant>;
    while !jobs.is_empty() {
        let states = call::states().map_err(|fault| fault.text().to_owned())?;
        jobs.retain(|job| states.get(job).is_some_and(|seen| !seen.is_over()));
        if !jobs.is_empty() {
            if Instant::now() >= end {
                return Err(format!("job {} does not end", jobs[0]));
            }
            if told.is_none_or(|at| at.elapsed() >= PATIENCE / 6) {
                call::cancel(&jobs).map_err(|fault| fault.text().to_owned())?;
                told = Some(Instant::now());
            }
            std::thread::sleep(LOOK);
        }
    }
    Ok(())
}
