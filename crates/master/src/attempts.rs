//! Attempts of test runs whose runner never came back for them: their files are removed after a time.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// So long an attempt is kept from the last time that something was put there for it.
const KEPT: Duration = Duration::from_secs(14 * 24 * 3600);

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(3600);

/// Looks now and then, until the master closes.
pub(crate) async fn keep(dir: PathBuf, closing: CancellationToken) {
    loop {
        let dir = dir.clone();
        let swept = tokio::task::spawn_blocking(move || sweep(&dir, SystemTime::now())).await;
        match swept {
            Ok(Ok(0)) => {}
            Ok(Ok(n)) => tracing::info!("{n} attempts of test runs are removed that nobody fetched"),
            Ok(Err(e)) => tracing::warn!("old attempts of test runs cannot be removed: {e}"),
            Err(e) => tracing::warn!("old attempts of test runs were not looked for: {e}"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = closing.cancelled() => return,
        }
    }
}

/// Removes what is too old. Answers with how many those were.
fn sweep(dir: &Path, now: SystemTime) -> io::Result<usize> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(e),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let is_key = entry.file_name().to_str().is_some_and(model::is_attempt_key);
        // A directory is as old as what was last made in it.
        let age = entry.metadata().and_then(|facts| facts.modified()).map(|at| now.duration_since(at));
        if is_key && matches!(age, Ok(Ok(age)) if age > KEPT) {
            std::fs::remove_dir_all(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_fetched_is_removed_after_its_time_and_nothing_else() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("attempts");
        let now = SystemTime::now();
        assert_eq!(sweep(&dir, now).unwrap(), 0, "there may be none");
        let key = "0123456789abcdef0123456789abcdef";
        std::fs::create_dir_all(dir.join(key)).unwrap();
        std::fs::create_dir_all(dir.join("somebody's")).unwrap();
        std::fs::write(dir.join(key).join("came.tar"), "x").unwrap();
        assert_eq!(sweep(&dir, now + Duration::from_secs(13 * 24 * 3600)).unwrap(), 0);
        assert_eq!(sweep(&dir, now + Duration::from_secs(15 * 24 * 3600)).unwrap(), 1);
        assert!(!dir.join(key).exists() && dir.join("somebody's").exists());
    }
}
