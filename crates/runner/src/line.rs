//! The line to a slot's supervisor: one job after the other, its output into a file.

use crate::files;
use process::control::{self, Decoder, FromSupervisor, ToSupervisor};
use process::spool::{self, Reader, Trim};
use process::{Job, JobId, Outcome, Supervisor, stray};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use testruns::ItemId;

/// Bytes of output that are copied at once; after so many a spool is trimmed.
const PIECE: usize = 1 << 20;
/// How often a supervisor that was about to end is replaced by another.
const TRIES: u32 = 3;

/// An attempt.
type Key = (ItemId, u32);

/// The line.
#[derive(Debug)]
pub(crate) struct Line {
    exe: PathBuf,
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// To write to the supervisor while somebody else reads.
    writer: Option<UnixStream>,
    runs: Option<JobId>,
    /// The attempt that somebody ends.
    kill: Option<(Key, String)>,
}

/// A step, and where its output goes.
#[derive(Debug)]
pub(crate) struct StepRun {
    pub(crate) job: Job,
    pub(crate) log: PathBuf,
}

/// Why there is no outcome.
#[derive(Debug)]
pub(crate) enum LineError {
    /// The supervisor is gone, and what was left behind was ended.
    Lost(String),
    /// It cannot be run at all.
    Refused(String),
}

/// What to do after a message.
enum Then {
    Wait,
    Done,
    Again(String),
}

impl Line {
    pub(crate) fn new(exe: PathBuf, dir: PathBuf) -> Self {
        Line { exe, dir, state: Mutex::default() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what runs of an attempt; steps that would come are not begun.
    pub(crate) fn kill(&self, key: Key, reason: &str) {
        let mut state = self.state();
        state.kill = Some((key, reason.to_owned()));
        let State { writer: Some(writer), runs: Some(job), .. } = &mut *state else { return };
        let interrupt = ToSupervisor::Interrupt { job: job.clone(), reason: reason.to_owned() };
        if let Ok(bytes) = control::encode(&interrupt) {
            // A line that is broken is noticed by whoever reads it.
            let _ = writer.write_all(&bytes);
        }
    }

    /// Lets the supervisor go.
    pub(crate) fn quit(&self) {
        if let (Some(mut writer), Ok(bytes)) = (self.state().writer.take(), control::encode(&ToSupervisor::Quit)) {
            let _ = writer.write_all(&bytes);
        }
    }

    /// Runs a step, or waits for one that runs, or reads one that has ended. `None`: somebody ended the attempt before.
    pub(crate) fn run(&self, key: Key, step: &StepRun) -> Result<Option<Outcome>, LineError> {
        let dir = step.job.id.dir(&self.dir);
        if matches!(spool::outcome(&dir), Ok(Some(_))) {
            return self.finish(step, &mut Copying::default()).map(Some);
        }
        let mut why = String::new();
        for _ in 0..TRIES {
            let Some(ended) = self.once(key, step, &mut why)? else { return Ok(None) };
            if let Some(outcome) = ended {
                return Ok(Some(outcome));
            }
        }
        Err(LineError::Refused(why))
    }

    /// `Ok(Some(None))`: once more.
    #[expect(clippy::option_option, reason = "ended before, ended now, once more")]
    fn once(&self, key: Key, step: &StepRun, why: &mut String) -> Result<Option<Option<Outcome>>, LineError> {
        let mut reader = self.connected()?;
        let is_new = !step.job.id.dir(&self.dir).exists();
        if is_new {
            // A file of that name may have come with the test.
            let _ = files::write(&step.log, OpenOptions::new().write(true).truncate(true));
        }
        {
            let mut state = self.state();
            if is_new && state.kill.as_ref().is_some_and(|(killed, _)| *killed == key) {
                return Ok(None);
            }
            let bytes = control::encode(&ToSupervisor::Run(Box::new(step.job.clone())))
                .map_err(|e| LineError::Refused(e.to_string()))?;
            state.runs = Some(step.job.id.clone());
            let writer = state.writer.as_mut();
            if writer.is_none_or(|w| w.write_all(&bytes).is_err()) {
                state.writer = None;
                "the supervisor was about to end".clone_into(why);
                return Ok(Some(None));
            }
            // It was killed while nobody had this line: an attempt that an earlier runner began.
            if let Some((_, reason)) = state.kill.clone().filter(|(killed, _)| *killed == key) {
                drop(state);
                self.kill(key, &reason);
            }
        }
        let then = self.wait(&mut reader, step);
        self.state().runs = None;
        match then {
            Ok(Then::Again(error)) => {
                self.state().writer = None;
                *why = error;
                Ok(Some(None))
            }
            Ok(_) => self.finish(step, &mut Copying::default()).map(|outcome| Some(Some(outcome))),
            Err(_) => {
                self.state().writer = None;
                self.after_a_death(step).map(|outcome| Some(Some(outcome)))
            }
        }
    }

    /// The supervisor died. Perhaps it told everything before; else nothing of the step may go on running.
    fn after_a_death(&self, step: &StepRun) -> Result<Outcome, LineError> {
        let ended = stray::clean_slot(&self.dir).unwrap_or_default();
        let dir = step.job.id.dir(&self.dir);
        if matches!(spool::outcome(&dir), Ok(Some(_))) {
            return self.finish(step, &mut Copying::default());
        }
        let _ = Copying::default().copy(&dir, &step.log);
        let what = if ended.is_empty() { String::new() } else { format!(", and {} was ended", ended.join(", ")) };
        Err(LineError::Lost(format!("its supervisor died{what}")))
    }

    /// A reader of the line; the line is made when there is none.
    fn connected(&self) -> Result<UnixStream, LineError> {
        let mut state = self.state();
        let refused = |e: &dyn std::fmt::Display| LineError::Refused(format!("no supervisor can be had: {e}"));
        if let Some(writer) = &state.writer {
            return writer.try_clone().map_err(|e| refused(&e));
        }
        // A dead one may have left something behind.
        if !matches!(Supervisor::attach(&self.dir), Ok(Some(_))) {
            let _ = stray::clean_slot(&self.dir);
        }
        let (stream, _, _) = Supervisor::start(&self.exe, &self.dir).map_err(|e| refused(&e))?.into_parts();
        state.writer = Some(stream.try_clone().map_err(|e| refused(&e))?);
        Ok(stream)
    }

    fn wait(&self, reader: &mut UnixStream, step: &StepRun) -> io::Result<Then> {
        let mut decoder = Decoder::<FromSupervisor>::default();
        let mut copying = Copying::default();
        let mut buffer = [0; 4096];
        loop {
            while let Some(message) = decoder.next().map_err(io::Error::other)? {
                match self.hear(message, step, &mut copying) {
                    Then::Wait => {}
                    then => return Ok(then),
                }
            }
            match reader.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => decoder.feed(&buffer[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn hear(&self, message: FromSupervisor, step: &StepRun, copying: &mut Copying) -> Then {
        let mine = |job: &JobId| *job == step.job.id;
        match message {
            FromSupervisor::Ended { job } if mine(&job) => Then::Done,
            FromSupervisor::Refused { job, error } if mine(&job) => {
                if step.job.id.dir(&self.dir).exists() {
                    Then::Done
                } else {
                    Then::Again(error)
                }
            }
            // What it says at once comes with the news that it runs, and with no other.
            FromSupervisor::Started { job, .. }
            | FromSupervisor::Grown { job }
            | FromSupervisor::Waiting { job, .. }
                if mine(&job) =>
            {
                // What cannot be copied now is copied later, or said at the end.
                if matches!(copying.copy(&step.job.id.dir(&self.dir), &step.log), Ok(Trim::Segments(_)))
                    && let (Some(writer), Ok(bytes)) =
                        (self.state().writer.as_mut(), control::encode(&ToSupervisor::Trimmed { job }))
                {
                    let _ = writer.write_all(&bytes);
                }
                Then::Wait
            }
            _ => Then::Wait,
        }
    }

    /// Copies the rest, and answers with the outcome.
    fn finish(&self, step: &StepRun, copying: &mut Copying) -> Result<Outcome, LineError> {
        let dir = step.job.id.dir(&self.dir);
        loop {
            match copying.copy(&dir, &step.log) {
                Ok(_) => {}
                // The directory may be gone, as when the test removed it. How it ended is known all the same.
                Err(_) => match spool::outcome(&dir) {
                    Ok(Some(outcome)) => return Ok(outcome),
                    _ => return Err(LineError::Lost("its spool cannot be read".to_owned())),
                },
            }
            if let Some(outcome) = copying.reader.as_ref().and_then(Reader::outcome) {
                return Ok(outcome.clone());
            }
            if copying.idle {
                let _ = stray::clean_slot(&self.dir);
                return Err(LineError::Lost("it ran under a supervisor that died".to_owned()));
            }
        }
    }
}

/// Output on its way from a spool to a file. What stands in the file already was copied by an earlier runner, or before.
#[derive(Default)]
struct Copying {
    reader: Option<Reader>,
    file: Option<File>,
    /// Nothing new was there.
    idle: bool,
}

impl Copying {
    fn copy(&mut self, dir: &Path, log: &Path) -> io::Result<Trim> {
        if self.file.is_none() {
            let mut file = files::write(log, OpenOptions::new().write(true).truncate(false))?;
            let mut reader = Reader::open(dir).map_err(io::Error::other)?;
            let mut length = file.seek(SeekFrom::End(0))?;
            if length > 0 && reader.seek(&[(0, length)]).is_err() {
                file.set_len(0)?;
                length = file.seek(SeekFrom::Start(0))?;
                reader.seek(&[(0, length)]).map_err(io::Error::other)?;
            }
            (self.file, self.reader) = (Some(file), Some(reader));
        }
        let (Some(file), Some(reader)) = (&mut self.file, &mut self.reader) else { return Ok(Trim::Nothing) };
        self.idle = true;
        let mut trim = Trim::Nothing;
        loop {
            let chunks = reader.read(PIECE).map_err(io::Error::other)?;
            let Some(last) = chunks.last() else { return Ok(trim) };
            let end = last.offset + last.data.len() as u64;
            self.idle = false;
            for chunk in &chunks {
                file.write_all(&chunk.data)?;
            }
            if end >= PIECE as u64
                && let Trim::Segments(n) = reader.trim(0, end).map_err(io::Error::other)?
            {
                trim = Trim::Segments(n);
            }
        }
    }
}
