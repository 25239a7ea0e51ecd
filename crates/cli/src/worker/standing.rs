//! How a worker stands with its master, from the process that works to the one that started it: a file with the process
//! number, a word, and what the master or the system said.

use crate::daemon::Daemon;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use worker::Standing;

/// How long the first answer may take: a master asks the one that has the name already, and waits for that.
const ANSWER: Duration = Duration::from_secs(12);

/// How often to look.
const LOOK: Duration = Duration::from_millis(20);

fn file(dir: &Path) -> PathBuf {
    dir.join("sluice.standing")
}

/// Writes down how this worker stands, again and again.
pub(super) async fn write_down(dir: PathBuf, mut standing: watch::Receiver<Standing>) {
    loop {
        let now = standing.borrow_and_update().clone();
        if let Err(e) = write(&dir, std::process::id(), &now) {
            tracing::warn!("{} cannot be written: {e}", file(&dir).display());
        }
        if standing.changed().await.is_err() {
            return;
        }
    }
}

fn write(dir: &Path, pid: u32, standing: &Standing) -> io::Result<()> {
    let (word, said) = match standing {
        Standing::Trying => ("trying", ""),
        Standing::Connected => ("connected", ""),
        Standing::Refused(said) => ("refused", said.as_str()),
        Standing::Away(said) => ("away", said.as_str()),
    };
    // Whoever reads it sees the old text or the new one.
    let new = dir.join("sluice.standing.new");
    std::fs::write(&new, format!("{pid}\n{word}\n{said}\n"))?;
    std::fs::rename(&new, file(dir))
}

fn read(dir: &Path, pid: u32) -> Option<Standing> {
    let text = std::fs::read_to_string(file(dir)).ok()?;
    let mut lines = text.splitn(3, '\n');
    let its = lines.next()?.parse::<u32>().ok()? == pid;
    let (word, said) = (lines.next()?, lines.next()?.trim_end().to_owned());
    its.then_some(match word {
        "connected" => Standing::Connected,
        "refused" => Standing::Refused(said),
        "away" => Standing::Away(said),
        _ => Standing::Trying,
    })
}

/// What came of the first attempt of a worker that was just started.
pub(super) enum First {
    /// How it stands.
    Stands(Standing),
    /// It is gone already.
    Gone,
}

/// Waits for the first answer of the master, or for the news that it cannot be reached; a while at most.
pub(super) fn first(dir: &Path, daemon: &Daemon, pid: u32) -> First {
    let until = Instant::now() + ANSWER;
    loop {
        match read(dir, pid) {
            Some(standing) if standing != Standing::Trying => return First::Stands(standing),
            _ if Instant::now() > until => return First::Stands(Standing::Trying),
            _ => {}
        }
        if matches!(daemon.running(), Ok(None)) {
            return First::Gone;
        }
        std::thread::park_timeout(LOOK);
    }
}

/// What a person is told of it, after a line that says that the worker runs.
pub(super) struct Told<'a>(pub(super) &'a Standing);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Standing::Connected => f.write_str("the master has let it in"),
            Standing::Refused(said) => write!(f, "the master does not let it in: {said}"),
            Standing::Away(said) => write!(f, "its master is not there yet, and it goes on trying: {said}"),
            Standing::Trying => {
                write!(f, "the master has not answered within {} s; it goes on trying", ANSWER.as_secs())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_another_process_is_not_believed() {
        let dir = testkit::temp_dir();
        assert_eq!(read(dir.path(), 7), None);
        let all = [
            Standing::Trying,
            Standing::Connected,
            Standing::Refused("the password is wrong".into()),
            Standing::Away("two\nlines".into()),
        ];
        for standing in all {
            write(dir.path(), 7, &standing).unwrap();
            assert_eq!(read(dir.path(), 7), Some(standing));
            assert_eq!(read(dir.path(), 8), None);
        }
    }
}
