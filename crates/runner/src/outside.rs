//! What reading an area of Megatest needs of the machine: files, variables, and commands within limits.

use crate::files;
use megatest::{Outside, Ran};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a command of a configuration may run.
const LONGEST: Duration = Duration::from_secs(60);
/// Bytes of its output.
const MOST: u64 = 4 << 20;
/// Bytes of a file.
const LARGEST: u64 = 16 << 20;

/// The machine, seen from the top of an area.
#[derive(Debug)]
pub(crate) struct Disk {
    area: PathBuf,
}

impl Disk {
    /// As seen from this directory.
    pub(crate) fn new(area: &Path) -> Self {
        Disk { area: area.to_owned() }
    }
}

impl Outside for Disk {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        let open = match files::open(&self.area.join(path)) {
            Ok(open) => open,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
            // A pipe or a device would be waited for without end.
            Err(e) if e.kind() == io::ErrorKind::InvalidInput => return Err("is no file".to_owned()),
            Err(e) => return Err(said(&e)),
        };
        let mut bytes = Vec::new();
        open.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| said(&e))?;
        if bytes.len() as u64 > LARGEST { Err(format!("has more than {LARGEST} bytes")) } else { Ok(Some(bytes)) }
    }

    fn env(&self, name: &str) -> Option<String> {
        // What is no name of a variable, the system's call does not take.
        let plain = !name.is_empty() && !name.contains(['=', '\0']);
        plain.then(|| std::env::var_os(name)).flatten().map(|v| v.to_string_lossy().into_owned())
    }

    fn shell(&self, command: &str, env: &[(String, String)]) -> Result<Ran, String> {
        let own = env.iter().filter(|(name, _)| !name.is_empty() && !name.contains(['=', '\0']));
        let mut child = Command::new("/bin/sh")
            .args([OsStr::new("-c"), OsStr::new(command)])
            .current_dir(&self.area)
            .envs(own.map(|(n, v)| (n, v.replace('\0', ""))))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|e| said(&e))?;
        let Some(out) = child.stdout.take() else { return Err("has no output".to_owned()) };
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // A command that is ended in the middle has said what it has said.
            let _ = out.take(MOST).read_to_end(&mut bytes);
            bytes
        });
        let (group, end) = (rustix::process::Pid::from_child(&child), Instant::now() + LONGEST);
        let over = || {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        };
        while !reader.is_finished() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
        let late = !reader.is_finished();
        if late {
            over();
        }
        let status = child.wait().map_err(|e| said(&e))?;
        let bytes = reader.join().map_err(|_| "cannot be read".to_owned())?;
        if late {
            return Err(format!("ran longer than {} s", LONGEST.as_secs()));
        }
        let code = status.code().or_else(|| status.signal().map(|s| 128 + s)).unwrap_or(1);
        Ok(Ran { code, out: String::from_utf8_lossy(&bytes).into_owned() })
    }

    fn real_path(&self, path: &str) -> Result<String, String> {
        let real = self.area.join(path).canonicalize().map_err(|e| said(&e))?;
        Ok(real.to_string_lossy().into_owned())
    }

    fn tests(&self, path: &str) -> Result<Vec<String>, String> {
        let entries = match fs::read_dir(self.area.join(path)) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(said(&e)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| said(&e))?;
            if entry.path().join("testconfig").is_file() {
                names.extend(entry.file_name().into_string().ok());
            }
        }
        names.sort();
        Ok(names)
    }

    fn processors(&self) -> u32 {
        std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX))
    }
}

fn said(e: &io::Error) -> String {
    format!("cannot be used: {e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_their_code_and_their_output() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::new(dir.path());
        let ran = disk.shell("echo $A; pwd; exit 3", &[("A".into(), "b c".into()), ("".into(), "x".into())]).unwrap();
        let here = dir.path().canonicalize().unwrap();
        assert_eq!((ran.code, ran.out), (3, format!("b c\n{}\n", here.display())));
        assert_eq!(disk.shell("kill -9 $$", &[]).unwrap().code, 137);
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::new(dir.path());
        assert_eq!(disk.read("absent").unwrap(), None);
        assert!(disk.read("/dev/zero").unwrap_err().contains("no file"));
        assert_eq!(disk.env("A=B"), None);
    }
}
