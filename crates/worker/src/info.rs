//! What a worker says of itself.

use model::WorkerInfo;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The most of `info/admin` and `info/host` that is sent, in bytes.
const LONGEST: u64 = 4096;

/// Reads `info/admin` and `info/host` anew, and looks at the machine.
pub(crate) fn look(basedir: &Path) -> WorkerInfo {
    let uname = rustix::system::uname();
    let system = [uname.sysname(), uname.release(), uname.machine()].map(|part| part.to_string_lossy());
    WorkerInfo {
        admin: text(&basedir.join("info/admin")),
        host: text(&basedir.join("info/host")),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        system: system.join(" "),
        cpus: std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
    }
}

/// What a file says; nothing if it is not there.
fn text(path: &Path) -> String {
    let mut bytes = Vec::new();
    let _ = File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_info_files_are_read_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(look(dir.path()).admin, "");
        std::fs::create_dir(dir.path().join("info")).unwrap();
        std::fs::write(dir.path().join("info/admin"), "Ada <ada@example.org>\n").unwrap();
        std::fs::write(dir.path().join("info/host"), b"a \xff machine\n".repeat(1000)).unwrap();
        let info = look(dir.path());
        assert_eq!(info.admin, "Ada <ada@example.org>");
        assert!(info.host.starts_with("a \u{fffd} machine\na"));
        assert!(info.host.len() < 6000 && info.cpus > 0 && !info.system.is_empty());
    }
}
