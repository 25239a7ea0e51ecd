//! The supervisor: a small process that serves one slot of a worker, runs one command at a time, and outlives the worker.

use server::Server;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

mod command;
mod followed;
mod intake;
mod peer;
mod server;
mod slot;
mod tree;
mod typing;

pub(crate) use slot::{Lock, State, connect};

/// How long a supervisor stays with neither a worker nor a command, unless told.
pub const LINGER: Duration = Duration::from_secs(10);

/// A command that ends within this time is told of at once: that it was started, and that it has ended. Whoever waits for
/// it wakes up once and not twice.
const SHORT: Duration = Duration::from_millis(3);

/// [`Grown`](crate::control::FromSupervisor::Grown) is said at most this often.
pub const GROWN_EVERY: Duration = Duration::from_millis(10);

/// What `sluice __supervise SLOTDIR` does. Call it before anything else is set up: it forks, so the process must have one
/// thread only. Returns when the slot's supervisor listens (in the process that was started) or ends (in the
/// supervisor itself).
pub fn main(slot_dir: &Path) -> ExitCode {
    match detach(slot_dir) {
        Ok(code) => code,
        Err(e) => {
            say(&format!("the supervisor of {} ends: {e}", slot_dir.display()));
            ExitCode::FAILURE
        }
    }
}

/// Says something in the supervisor's log. That log may lie on a full disk, which is no reason to die: `eprintln!` would.
fn say(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// Goes on in a process of its own that nobody waits for. The one that was started stays until the other one listens.
fn detach(slot_dir: &Path) -> io::Result<ExitCode> {
    let slot_dir = slot_dir.canonicalize()?;
    let (ready_in, ready_out) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    if crate::sys::fork()? > 0 {
        drop(ready_out);
        let mut byte = [0];
        let ready = matches!(rustix::io::retry_on_intr(|| rustix::io::read(&ready_in, &mut byte)), Ok(1));
        return Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    drop(ready_in);
    rustix::process::setsid()?;
    std::env::set_current_dir("/")?;
    let Some(lock) = Lock::take(&slot_dir)? else {
        // Another one serves the slot already; whoever started us finds it.
        tell_ready(ready_out)?;
        return Ok(ExitCode::SUCCESS);
    };
    let server = Server::open(slot_dir, lock)?;
    crate::pages::let_go_of_start();
    tell_ready(ready_out)?;
    server.run()?;
    Ok(ExitCode::SUCCESS)
}

fn tell_ready(out: OwnedFd) -> io::Result<()> {
    std::fs::File::from(out).write_all(b"!")
}
