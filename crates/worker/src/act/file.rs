//! Directories made, copied and removed, files looked for, all below one directory.

use super::place::within;
use model::FileSpec;
use std::fs::{self, File, FileTimes, Metadata};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Why something was not done with files.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileError {
    /// What is asked for cannot be.
    Asked(String),
    /// The machine keeps it from being done.
    Machine(String),
}

impl FileError {
    fn at(path: &Path, what: &str, error: &io::Error) -> Self {
        let text = format!("{} cannot be {what}: {error}", path.display());
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                FileError::Asked(text)
            }
            _ => FileError::Machine(text),
        }
    }
}

impl From<String> for FileError {
    fn from(why: String) -> Self {
        FileError::Asked(why)
    }
}

/// Does it, and says what was done.
pub(super) fn run(dir: &Path, spec: &FileSpec<String>) -> Result<String, FileError> {
    fs::create_dir_all(dir).map_err(|e| FileError::at(dir, "made", &e))?;
    match spec {
        FileSpec::MakeDirectory { path } => {
            let place = within(dir, path)?;
            inside(dir, &place, path)?;
            fs::create_dir_all(&place).map_err(|e| FileError::at(&place, "made", &e))?;
            Ok(format!("made {path}"))
        }
        FileSpec::CopyDirectory { from, to } => copy(dir, from, to),
        FileSpec::Remove { paths } => {
            for path in paths {
                let place = not_all(dir, path)?;
                remove(&place).map_err(|e| FileError::at(&place, "removed", &e))?;
            }
            Ok(format!("removed {}", paths.join(", ")))
        }
        FileSpec::Exists { path } => {
            let place = within(dir, path)?;
            inside(dir, &place, path)?;
            match fs::metadata(&place) {
                Ok(facts) if facts.is_file() => Ok(format!("{path} is there, {} bytes", facts.len())),
                Ok(_) => Err(FileError::Asked(format!("{path} is no file"))),
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    Err(FileError::Asked(format!("there is no file {path}")))
                }
                Err(e) => Err(FileError::at(&place, "looked at", &e)),
            }
        }
    }
}

/// Refuses a last part that is a link to the outside.
fn inside(dir: &Path, place: &Path, path: &str) -> Result<(), FileError> {
    let led_out =
        || FileError::Asked(format!("the path `{}` leads out of {} by a link", path.escape_debug(), dir.display()));
    match (place.canonicalize(), dir.canonicalize()) {
        (Ok(real), Ok(dir)) if !real.starts_with(&dir) => Err(led_out()),
        _ => Ok(()),
    }
}

/// A path that is not the directory itself.
fn not_all(dir: &Path, path: &str) -> Result<PathBuf, FileError> {
    let place = within(dir, path)?;
    if dir.canonicalize().is_ok_and(|dir| dir == place) {
        return Err(FileError::Asked(format!("`{path}` is the builder's whole directory")));
    }
    Ok(place)
}

fn copy(dir: &Path, from: &str, to: &str) -> Result<String, FileError> {
    let (source, target) = (not_all(dir, from)?, not_all(dir, to)?);
    inside(dir, &source, from)?;
    if source.starts_with(&target) || target.starts_with(&source) {
        return Err(FileError::Asked(format!("{from} and {to} are the same directory, or one is in the other")));
    }
    if !fs::metadata(&source).map_err(|e| FileError::at(&source, "copied", &e))?.is_dir() {
        return Err(FileError::Asked(format!("{from} is no directory")));
    }
    let made = |path: &Path, e: &io::Error| FileError::at(path, "made", e);
    let parent = target.parent().unwrap_or(dir);
    fs::create_dir_all(parent).map_err(|e| made(parent, &e))?;
    // Whoever is interrupted leaves nothing that looks whole.
    let new = beside(&target, ".new");
    remove(&new).map_err(|e| FileError::at(&new, "removed", &e))?;
    let files = copy_tree(&source, &new)?;
    remove(&target).map_err(|e| FileError::at(&target, "removed", &e))?;
    fs::rename(&new, &target).map_err(|e| made(&target, &e))?;
    Ok(format!("copied {from} to {to}, {files} {}", if files == 1 { "file" } else { "files" }))
}

fn beside(path: &Path, tail: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(tail);
    path.with_file_name(name)
}

/// Copies a tree with times, modes and links as they are. Says how many files there are in it.
fn copy_tree(from: &Path, to: &Path) -> Result<u64, FileError> {
    let mut files = 0;
    let mut todo = vec![(from.to_path_buf(), to.to_path_buf())];
    let mut made = Vec::new();
    while let Some((from, to)) = todo.pop() {
        fs::create_dir(&to).map_err(|e| FileError::at(&to, "made", &e))?;
        let unreadable = |e: io::Error| FileError::at(&from, "read", &e);
        for entry in fs::read_dir(&from).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                todo.push((source, target));
                continue;
            }
            let done = match (kind.is_symlink(), kind.is_file()) {
                (true, _) => fs::read_link(&source).and_then(|to| symlink(to, &target)),
                (_, true) => copy_file(&source, &target),
                // A pipe or a socket is somebody's, and not part of a tree.
                _ => continue,
            };
            done.map_err(|e| FileError::at(&source, "copied", &e))?;
            files += 1;
        }
        made.push((from, to));
    }
    // Writing into a directory changes its time and may need its mode, so these come last.
    for (from, to) in made.into_iter().rev() {
        let like = fs::metadata(&from).and_then(|facts| {
            File::open(&to)?.set_times(times(&facts)?)?;
            fs::set_permissions(&to, facts.permissions())
        });
        like.map_err(|e| FileError::at(&to, "finished", &e))?;
    }
    Ok(files)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    let times = times(&fs::metadata(from)?)?;
    match File::options().read(true).open(to).and_then(|file| file.set_times(times)) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}

fn times(facts: &Metadata) -> io::Result<FileTimes> {
    Ok(FileTimes::new().set_accessed(facts.accessed()?).set_modified(facts.modified()?))
}

/// Removes a file, a link or a tree. What is not there is no error; directories that forbid it are made to allow it.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        Err(e) => return Err(e),
        Ok(facts) if facts.is_dir() => fs::remove_dir_all(path),
        Ok(_) => return fs::remove_file(path),
    };
    match removed {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            fs::remove_dir_all(path)
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Gives the owner all rights on every directory of a tree.
fn open_up(path: &Path) -> io::Result<()> {
    let mut todo = vec![path.to_path_buf()];
    while let Some(dir) = todo.pop() {
        let mode = fs::metadata(&dir)?.permissions().mode();
        fs::set_permissions(&dir, fs::Permissions::from_mode(mode | 0o700))?;
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                todo.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(dir: &Path, spec: FileSpec<String>) -> String {
        match run(dir, &spec) {
            Err(FileError::Asked(why)) => why.replace(&dir.display().to_string(), "DIR"),
            other => panic!("{other:?}"),
        }
    }

    fn exists(path: &str) -> FileSpec<String> {
        FileSpec::Exists { path: path.into() }
    }

    fn copied(from: &str, to: &str) -> FileSpec<String> {
        FileSpec::CopyDirectory { from: from.into(), to: to.into() }
    }

    #[test]
    fn directories_are_made_copied_and_removed() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().canonicalize().unwrap();
        let made = |path: &str| run(&dir, &FileSpec::MakeDirectory { path: path.into() });
        assert_eq!(made("a/b"), Ok("made a/b".into()));
        assert_eq!(made("a/b"), Ok("made a/b".into()));
        fs::write(dir.join("a/b/f"), "x").unwrap();
        fs::set_permissions(dir.join("a/b/f"), fs::Permissions::from_mode(0o751)).unwrap();
        symlink("/etc/passwd", dir.join("a/link")).unwrap();
        fs::create_dir_all(dir.join("c/stale")).unwrap();
        assert_eq!(run(&dir, &copied("a", "c")), Ok("copied a to c, 2 files".into()));
        assert!(!dir.join("c/stale").exists() && dir.join("c/link").is_symlink());
        assert_eq!(fs::metadata(dir.join("c/b/f")).unwrap().permissions().mode() & 0o777, 0o751);
        assert_eq!(run(&dir, &exists("c/b/f")), Ok("c/b/f is there, 1 bytes".into()));
        fs::set_permissions(dir.join("c/b"), fs::Permissions::from_mode(0o500)).unwrap();
        let gone = FileSpec::Remove { paths: vec!["c".into(), "a/link".into(), "never".into()] };
        assert_eq!(run(&dir, &gone), Ok("removed c, a/link, never".into()));
        assert!(!dir.join("c").exists() && !dir.join("a/link").exists() && Path::new("/etc/passwd").exists());
    }

    #[test]
    fn what_leads_out_or_is_not_there_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().canonicalize().unwrap();
        fs::create_dir_all(dir.join("a/b")).unwrap();
        symlink("/etc", dir.join("out")).unwrap();
        let remove = |path: &str| FileSpec::Remove { paths: vec![path.into()] };
        let by_link = |path: &str| format!("the path `{path}` leads out of DIR by a link");
        for (spec, expected) in [
            (exists("nothing"), "there is no file nothing".to_owned()),
            (exists("a"), "a is no file".into()),
            (exists("a/x/y"), "there is no file a/x/y".into()),
            (exists("out/passwd"), by_link("out/passwd")),
            (exists("../x"), "the path `../x` leads out of DIR".into()),
            (exists("/etc/passwd"), "the path `/etc/passwd` leads out of DIR".into()),
            (remove("out/passwd"), by_link("out/passwd")),
            (remove("."), "`.` is the builder's whole directory".into()),
            (remove(""), "`` is the builder's whole directory".into()),
            (FileSpec::MakeDirectory { path: "out".into() }, by_link("out")),
            (FileSpec::MakeDirectory { path: "out/x".into() }, by_link("out/x")),
            (copied("out", "c"), by_link("out")),
            (copied("a", "a/b"), "a and a/b are the same directory, or one is in the other".into()),
            (copied("none", "c"), "DIR/none cannot be copied: No such file or directory (os error 2)".into()),
        ] {
            assert_eq!(asked(&dir, spec), expected);
        }
        assert!(Path::new("/etc/passwd").exists());
    }
}
