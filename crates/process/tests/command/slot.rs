//! A slot in a temporary directory, with what a worker does around it. When it goes, no process of its jobs may be left.

use process::control::{FromSupervisor, ToSupervisor};
use process::spool::{Chunk, Reader, Stream};
use process::{Job, JobId, Outcome, Program, Supervisor, stray};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Slot {
    _temp: TempDir,
    pub(crate) dir: PathBuf,
    pub(crate) work: PathBuf,
    pub(crate) supervisor: Supervisor,
    jobs: Vec<JobId>,
}

/// What a command said and how it ended.
pub(crate) struct Ran {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
}

impl Ran {
    pub(crate) fn bytes(&self, stream: Stream) -> Vec<u8> {
        self.chunks.iter().filter(|chunk| chunk.stream == stream).flat_map(|chunk| chunk.data.clone()).collect()
    }

    pub(crate) fn text(&self, stream: Stream) -> String {
        String::from_utf8(self.bytes(stream)).unwrap()
    }
}

pub(crate) fn exe() -> PathBuf {
    std::env::current_exe().unwrap()
}

impl Slot {
    pub(crate) fn new() -> Self {
        Self::below("slot")
    }

    /// With this path below the temporary directory.
    pub(crate) fn below(path: &str) -> Self {
        let temp = TempDir::new().unwrap();
        let dir = temp.path().join(path);
        let supervisor = Supervisor::start(&exe(), &dir).unwrap();
        Slot { work: temp.path().join("work"), dir, supervisor, jobs: Vec::new(), _temp: temp }
    }

    /// A job with the limits that suit a test.
    pub(crate) fn job(&mut self, program: Program) -> Job {
        let id = JobId::new(format!("1-1-{}", self.jobs.len())).unwrap();
        self.jobs.push(id.clone());
        let mut job = Job::new(id, program, &self.work);
        job.max_time = Some(PATIENCE);
        job.leftover_grace = Duration::from_millis(200);
        job
    }

    pub(crate) fn script(&mut self, text: &str) -> Job {
        self.job(Program::script(text))
    }

    pub(crate) fn start(&mut self, job: &Job) {
        self.supervisor.send(&ToSupervisor::Run(Box::new(job.clone()))).unwrap();
    }

    /// The next message that is no mere hint of growth.
    pub(crate) fn hear(&mut self) -> FromSupervisor {
        loop {
            match self.supervisor.receive(PATIENCE).unwrap().expect("a message within a minute") {
                FromSupervisor::Grown { .. } => {}
                message => return message,
            }
        }
    }

    pub(crate) fn run(&mut self, job: &Job) -> Ran {
        self.start(job);
        self.finish(job)
    }

    /// Waits for the end and reads everything.
    pub(crate) fn finish(&mut self, job: &Job) -> Ran {
        let began = Instant::now();
        loop {
            match self.hear() {
                FromSupervisor::Ended { job: id } if id == job.id => break,
                FromSupervisor::Refused { error, .. } => panic!("refused: {error}"),
                _ => {}
            }
        }
        let took = began.elapsed();
        let (chunks, outcome) = read_all(&job.id.dir(&self.dir));
        Ran { chunks, outcome, took }
    }

    /// Runs a script.
    pub(crate) fn sh(&mut self, text: &str) -> Ran {
        let job = self.script(text);
        self.run(&job)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for job in &self.jobs {
                let _ = stray::kill_marked(&self.dir, job);
            }
            return;
        }
        for job in &self.jobs {
            assert_eq!(stray::list_marked(&self.dir, job), Vec::<String>::new(), "nothing is left of {job}");
        }
        // It may be gone already.
        let _ = self.supervisor.send(&ToSupervisor::Quit);
    }
}

/// All that a spool has, which must end with an outcome.
pub(crate) fn read_all(dir: &Path) -> (Vec<Chunk>, Outcome) {
    let mut reader = Reader::open(dir).unwrap();
    let mut chunks = Vec::new();
    loop {
        let more = reader.read(1 << 20).unwrap();
        if more.is_empty() {
            break;
        }
        chunks.extend(more);
    }
    let mut next = std::collections::BTreeMap::new();
    for chunk in &chunks {
        let expected = next.entry(chunk.log).or_insert(chunk.offset);
        assert_eq!(chunk.offset, *expected, "offsets have no holes");
        *expected += chunk.data.len() as u64;
    }
    let outcome = reader.outcome().expect("the spool ends with an outcome").clone();
    for (log, end) in next {
        assert_eq!(outcome.ends.get(&log), Some(&end), "the outcome tells where the log ends");
    }
    (chunks, outcome)
}

/// Asks until the answer is yes.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A process with this id lives and is no zombie.
pub(crate) fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit_once(')').map(|(_, tail)| !tail.trim_start().starts_with(['Z', 'X'])))
        .unwrap_or(false)
}
