//! The supervisor: a small process that serves one slot of a worker, runs one command at a time, and outlives the worker.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// How long a supervisor stays with neither a worker nor a command, unless told.
pub const LINGER: Duration = Duration::from_secs(10);

/// [`Grown`](crate::control::FromSupervisor::Grown) is said at most this often.
pub const GROWN_EVERY: Duration = Duration::from_millis(10);

/// What `sluice __supervise SLOTDIR` does. Call it before anything else is set up: it forks, so the process must have one
/// thread only. Returns when the slot's supervisor listens (in the process that was started) or ends (in the
/// supervisor itself).
pub fn main(slot_dir: &Path) -> ExitCode {
    let _ = slot_dir;
    ExitCode::FAILURE
}
