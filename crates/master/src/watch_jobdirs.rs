//! Watches the directories of `schedulers.try_jobdir` for jobs that `sluice tryserver` has laid there.
//!
//! A job is in `new`, whole, by a rename from `tmp`. It goes to `cur` after its set is durable; a master that dies in
//! between finds it in `new` again and, by its id, the set that it has become. What cannot be taken goes to `cur` too,
//! with `.refused` behind its name, and the master's log says why.

use crate::base::BaseDir;
use crate::control::Door;
use crate::input::Input;
use formats::try_job::{JOB_LIMIT, TryJob};
use model::{Config, SchedulerKind, TrySpec};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use web::control::ControlError;
use web::tried::Try;

/// How often a directory is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// At most so many jobs are taken at one look, so that memory is bounded.
const MOST: usize = 16;

/// The longest name that a file may have, in bytes: `NAME_MAX`.
const LONGEST_NAME: usize = 255;

/// Follows the configuration until the shutdown.
pub(crate) async fn keep(
    base: BaseDir,
    door: Arc<Door>,
    mut config: watch::Receiver<Arc<Config>>,
    shutdown: CancellationToken,
) {
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    let mut stuck: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    loop {
        let dirs = jobdirs(&config.borrow_and_update(), &base);
        said.retain(|name, _| dirs.iter().any(|(known, _)| known == name));
        stuck.retain(|dir, _| dirs.iter().any(|(_, known)| known == dir));
        for (scheduler, dir) in &dirs {
            let trouble = look(&door, scheduler, dir, stuck.entry(dir.clone()).or_default()).await.err();
            // The same trouble is told once.
            match trouble {
                None => drop(said.remove(scheduler)),
                Some(what) if said.get(scheduler) == Some(&what) => {}
                Some(what) => {
                    tracing::warn!("the try scheduler {scheduler} cannot look into {}: {what}", dir.display());
                    said.insert(scheduler.clone(), what);
                }
            }
        }
        let next = async {
            match dirs.is_empty() {
                true => std::future::pending().await,
                false => tokio::time::sleep(LOOK).await,
            }
        };
        tokio::select! {
            changed = config.changed() => if changed.is_err() { return },
            () = next => (),
            () = shutdown.cancelled() => return,
        }
    }
}

fn jobdirs(config: &Config, base: &BaseDir) -> Vec<(String, PathBuf)> {
    let dir = |kind: &SchedulerKind| match kind {
        SchedulerKind::Try(TrySpec::Jobdir { jobdir }) => Some(base.root().join(jobdir)),
        _ => None,
    };
    config.schedulers.iter().filter_map(|s| Some((s.name.clone(), dir(&s.kind)?))).collect()
}

/// Takes what lies there. `stuck` are those that could not be moved away: they come last, so that nobody waits for them.
async fn look(door: &Door, scheduler: &str, dir: &Path, stuck: &mut BTreeSet<String>) -> Result<(), String> {
    let (place, last) = (dir.to_owned(), stuck.clone());
    let found = tokio::task::spawn_blocking(move || found(&place, &last)).await.map_err(|e| e.to_string())?;
    stuck.retain(|name| dir.join("new").join(name).symlink_metadata().is_ok());
    let mut trouble = None;
    for Found { name, job } in found.map_err(|e| e.to_string())? {
        let tried = job.and_then(|job| {
            let owner = job.who.clone().unwrap_or_default();
            Try::of(job, scheduler.to_owned(), owner).map_err(|wrong| ControlError::Fields(wrong).to_string())
        });
        let taken = match tried {
            Ok(tried) => match door.ask(|reply| Input::Try { tried: Box::new(tried), reply }).await {
                Ok(forced) => Ok(forced.set),
                // It stays where it is, and is taken when the master can.
                Err(ControlError::Unavailable(what)) => return Err(what),
                Err(e) => Err(e.to_string()),
            },
            Err(what) => Err(what),
        };
        let kept = if taken.is_ok() { name.clone() } else { refused(&name) };
        if let Err(e) = fs::rename(dir.join("new").join(&name), dir.join("cur").join(&kept)) {
            let (name_shown, kept) = (name.escape_debug(), kept.escape_debug());
            trouble.get_or_insert_with(|| format!("new/{name_shown} cannot be moved to cur/{kept}: {e}"));
            stuck.insert(name);
            continue;
        }
        // A name is anything that a file may have.
        let (name, kept) = (name.escape_debug(), kept.escape_debug());
        match taken {
            Ok(set) => tracing::info!("the try scheduler {scheduler} has taken {name} as build set {set}"),
            Err(what) => {
                tracing::warn!("the try scheduler {scheduler} does not take {name}, which is now cur/{kept}: {what}");
            }
        }
    }
    trouble.map_or(Ok(()), Err)
}

/// What a job that is not taken is called from now on; no longer than a name may be.
fn refused(name: &str) -> String {
    const BEHIND: &str = ".refused";
    format!("{}{BEHIND}", &name[..name.floor_char_boundary(LONGEST_NAME - BEHIND.len())])
}

/// A file in `new`.
struct Found {
    name: String,
    job: Result<TryJob, String>,
}

/// The jobs that lie there, in the order of their names, those that are stuck last; the directories are made where they
/// are not there yet.
fn found(dir: &Path, stuck: &BTreeSet<String>) -> std::io::Result<Vec<Found>> {
    for part in ["tmp", "new", "cur"] {
        fs::create_dir_all(dir.join(part))?;
    }
    let new = dir.join("new");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(&new)? {
        // What has a name that is no text is nobody's job; dot files are somebody's own business.
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if !name.starts_with('.') {
            names.insert((stuck.contains(&name), name));
            if names.len() > MOST {
                names.pop_last();
            }
        }
    }
    let read = |name: String| {
        let job = read(&new.join(&name)).map(|mut job| {
            if job.id.is_empty() {
                job.id.clone_from(&name);
            }
            job
        });
        Found { name, job }
    };
    Ok(names.into_iter().map(|(_, name)| read(name)).collect())
}

/// Reads a job: a plain file and nothing else, which is not waited for and not followed anywhere.
fn read(path: &Path) -> Result<TryJob, String> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| match e {
        rustix::io::Errno::LOOP => "it is a symbolic link".to_owned(),
        other => std::io::Error::from(other).to_string(),
    })?;
    let file = File::from(file);
    let facts = file.metadata().map_err(|e| e.to_string())?;
    if !facts.is_file() {
        return Err("it is no plain file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(JOB_LIMIT as u64 + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    let mut job = TryJob::read(&bytes).map_err(|e| format!("it is no try job: {e}"))?;
    // Where the job does not say who it is from, the file does.
    job.who.get_or_insert_with(|| format!("uid {}", facts.uid()));
    Ok(job)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_that_are_jobs_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        let none = BTreeSet::new();
        assert!(found(at, &none).unwrap().is_empty(), "the directories are made");
        let new = at.join("new");
        let job = TryJob { patch: b"x".to_vec(), ..TryJob::default() };
        fs::write(new.join("a"), job.write()).unwrap();
        fs::write(new.join("b"), b"hello").unwrap();
        fs::create_dir(new.join("c")).unwrap();
        std::os::unix::fs::symlink(new.join("a"), new.join("d")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            new.join("e"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        fs::File::create(new.join("f")).unwrap().set_len(JOB_LIMIT as u64 * 4).unwrap();
        fs::write(new.join(".g"), b"hello").unwrap();
        let all = found(at, &none).unwrap();
        let told: Vec<(&str, Result<&str, &str>)> = all
            .iter()
            .map(|f| (f.name.as_str(), f.job.as_ref().map(|j| j.id.as_str()).map_err(String::as_str)))
            .collect();
        let no_netstring = "it is no try job: at byte 0: a length and a colon must stand here";
        let expected = [
            ("a", Ok("a")),
            ("b", Err(no_netstring)),
            ("c", Err("it is no plain file")),
            ("d", Err("it is a symbolic link")),
            ("e", Err("it is no plain file")),
            ("f", Err("it is no try job: it has more than 8388608 bytes")),
        ];
        assert_eq!(told, expected);
        for i in 0..100 {
            fs::write(new.join(format!("z{i:03}")), b"x").unwrap();
        }
        assert_eq!(found(at, &none).unwrap().len(), MOST);
        // Whatever cannot be moved away is in nobody's way.
        let stuck: BTreeSet<String> = (0..99).map(|i| format!("z{i:03}")).collect();
        let names: Vec<String> = found(at, &stuck).unwrap().into_iter().map(|f| f.name).take(8).collect();
        assert_eq!(names, ["a", "b", "c", "d", "e", "f", "z099", "z000"]);
    }

    #[test]
    fn a_refused_name_is_one_that_a_file_may_have() {
        assert_eq!(refused("a"), "a.refused");
        let long = refused(&"ä".repeat(127));
        assert!(long.len() <= LONGEST_NAME && long.ends_with("ä.refused"), "{long}");
    }
}
