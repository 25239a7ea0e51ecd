//! What Slurm's own programs are asked, and how their answers read.

use model::area::Slurm;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// A job of Slurm.
pub(super) type JobNumber = u64;
/// Jobs that one call names at most.
const MOST: usize = 500;

/// What squeue says of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// `PENDING`, `RUNNING` and so on (man squeue, JOB STATE CODES).
    pub(super) state: String,
    /// Why it waits, or how it ended.
    pub(super) reason: String,
    /// Where it is or was.
    pub(super) node: String,
}

/// What a state says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits.
    Waits,
    /// It runs, or is about to end.
    Runs,
    /// It ended by itself.
    Ended,
    /// What it ran on was taken away.
    Lost,
    /// It ran for longer than it may.
    Overtime,
    /// It took more memory than it may.
    Memory,
    /// Somebody ended it.
    Cancelled,
}

impl Seen {
    pub(super) fn stage(&self) -> Stage {
        match self.state.as_str() {
            "COMPLETED" | "FAILED" => Stage::Ended,
            "NODE_FAIL" | "BOOT_FAIL" | "PREEMPTED" | "REVOKED" | "LAUNCH_FAILED" | "RECONFIG_FAIL" => Stage::Lost,
            "TIMEOUT" | "DEADLINE" => Stage::Overtime,
            "OUT_OF_MEMORY" => Stage::Memory,
            "CANCELLED" => Stage::Cancelled,
            "RUNNING" | "COMPLETING" | "STAGE_OUT" | "SIGNALING" => Stage::Runs,
            // PENDING, CONFIGURING, SUSPENDED, REQUEUED and what later versions have: nobody may call that an end.
            _ => Stage::Waits,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        !matches!(self.stage(), Stage::Waits | Stage::Runs)
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nobody answers, or not now: asking again later may help.
    Later(String),
    /// It is not to be had.
    Never(String),
}

impl Fault {
    pub(super) fn text(&self) -> &str {
        let (Fault::Later(text) | Fault::Never(text)) = self;
        text
    }
}

/// What clients say when it is Slurm that is in the way, and not what was asked.
const PASSING: [&str; 13] = [
    "Unable to contact",
    "timed out",
    "temporarily",
    "ailed to connect",
    "onnection refused",
    "connect failure",
    "Zero Bytes",
    "Submit limit",
    "submit limit",
    "Error connecting",
    "not responding",
    "in standby mode",
    "Munge",
];

fn ask(program: &str, arguments: &[String], input: Stdio) -> Result<String, Fault> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(input).env("SLURM_TIME_FORMAT", "standard").env_remove("SQUEUE_FORMAT");
    let output = command.output().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Fault::Never(format!("there is no program {program}: is Slurm installed here")),
        _ => Fault::Later(format!("{program} cannot be started: {e}")),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing").trim();
    let text = format!("{program}: {}", last.trim_start_matches(&format!("{program}: error: ")));
    let passing = PASSING.iter().any(|p| said.contains(p)) || output.status.code().is_none();
    Err(if passing { Fault::Later(text) } else { Fault::Never(text) })
}

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|&word| word.to_owned()).collect()
}

fn me() -> String {
    rustix::process::geteuid().as_raw().to_string()
}

/// The states of all jobs of this user that Slurm knows.
pub(super) fn states() -> Result<BTreeMap<JobNumber, Seen>, Fault> {
    let said = ask("squeue", &words(&["-h", "-t", "all", "-u", &me(), "-o", "%i|%T|%N|%r"]), Stdio::null())?;
    Ok(said.lines().filter_map(seen).collect())
}

fn seen(line: &str) -> Option<(JobNumber, Seen)> {
    let mut parts = line.splitn(4, '|').map(|part| part.trim().to_owned());
    let number = parts.next()?.parse().ok()?;
    Some((number, Seen { state: parts.next()?, node: parts.next()?, reason: parts.next()? }))
}

/// The newest job of that name of this user.
pub(super) fn named(name: &str) -> Result<Option<JobNumber>, Fault> {
    let named = format!("--name={name}");
    let said = ask("squeue", &words(&["-h", "-t", "all", "-u", &me(), &named, "-o", "%i"]), Stdio::null())?;
    Ok(said.lines().filter_map(|line| line.trim().parse().ok()).max())
}

/// Ends jobs. It has not ended when this returns.
pub(super) fn cancel(jobs: &[JobNumber]) -> Result<(), Fault> {
    for some in jobs.chunks(MOST) {
        let numbers: Vec<String> = some.iter().map(JobNumber::to_string).collect();
        ask("scancel", &numbers, Stdio::null())?;
    }
    Ok(())
}

/// A job that is to be submitted.
#[derive(Debug)]
pub(super) struct Submission<'a> {
    pub(super) name: &'a str,
    pub(super) comment: &'a str,
    pub(super) dir: &'a Path,
    pub(super) script: &'a Path,
    pub(super) output: &'a Path,
    pub(super) slurm: &'a Slurm,
    /// How many minutes, processors, megabytes and so on this one takes, by our names of options.
    pub(super) own: &'a BTreeMap<&'static str, String>,
}

/// Submits. `held` is held open until sbatch has ended, whatever becomes of this process.
pub(super) fn submit(submission: &Submission<'_>, held: File) -> Result<JobNumber, Fault> {
    let mut all =
        words(&["--parsable", "--no-requeue", "--nodes=1", "--ntasks=1", "--export=ALL", "--open-mode=append"]);
    let path = |path: &Path| path.to_string_lossy().into_owned();
    all.push(format!("--job-name={}", submission.name));
    all.push(format!("--comment={}", submission.comment));
    all.push(format!("--chdir={}", path(submission.dir)));
    all.push(format!("--output={}", path(submission.output).replace('%', "%%")));
    let given: BTreeMap<&str, &str> = submission.slurm.options.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    for (name, option) in Slurm::OPTIONS {
        // What a test asks for itself stands against what all have.
        if let Some(value) = submission.own.get(name).map(String::as_str).or_else(|| given.get(name).copied()) {
            all.push(format!("{option}={value}"));
        }
    }
    all.push(path(submission.script));
    let said = ask("sbatch", &all, Stdio::from(held))?;
    // JOB, or JOB;CLUSTER.
    let number = said.lines().rev().find_map(|line| line.split(';').next()?.trim().parse().ok());
    number.ok_or_else(|| Fault::Later(format!("sbatch says no number: {}", said.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_squeue_are_read_and_unknown_states_are_no_end() {
        let read = |line: &str| seen(line).map(|(n, s)| (n, s.stage(), s.node, s.reason));
        let waits = (7, Stage::Waits, String::new(), "ReqNodeNotAvail, UnavailableNodes:n1".to_owned());
        assert_eq!(read("7|PENDING||ReqNodeNotAvail, UnavailableNodes:n1"), Some(waits));
        assert_eq!(read("8|RUNNING|n1|None").map(|s| s.1), Some(Stage::Runs));
        assert_eq!(read("8|NEW_IN_27|n1|a|b"), Some((8, Stage::Waits, "n1".to_owned(), "a|b".to_owned())));
        for (state, stage) in [
            ("NODE_FAIL", Stage::Lost),
            ("PREEMPTED", Stage::Lost),
            ("BOOT_FAIL", Stage::Lost),
            ("TIMEOUT", Stage::Overtime),
            ("OUT_OF_MEMORY", Stage::Memory),
            ("CANCELLED", Stage::Cancelled),
            ("FAILED", Stage::Ended),
            ("COMPLETING", Stage::Runs),
        ] {
            assert_eq!(read(&format!("1|{state}|n|r")).map(|s| s.1), Some(stage), "{state}");
        }
        assert_eq!(read("slurm_load_jobs error"), None);
        assert_eq!(read("7_[1-3]|PENDING||x"), None, "arrays are not ours");
    }
}
