//! Files and directories on their way to the master, as a tar stream.

use super::{Stop, Way, files, glob, say};
use bytes::Bytes;
use client::Shape;
use futures_util::stream;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use worker::act::Report;

/// Pieces that wait to be sent, and their size.
const WAITING: usize = 8;
const PIECE: usize = 256 << 10;

/// Entries of one transfer.
const MOST: usize = 1_000_000;

/// Finds what is meant, and sends it until the master has it.
pub(super) async fn run(way: &Way, workdir: &Path, dir: &Path, from: &[String], most: Option<u64>) -> Report {
    let load = match Load::find(workdir, dir, from, most) {
        Ok(load) => load,
        Err(why) => return Report::failed(why),
    };
    let (count, bytes) = (load.entries.iter().filter(|e| e.kind == Kind::File).count() as u64, load.bytes);
    say(&format!("sending {}, {bytes} bytes", files(count)));
    way.insist(async |client| {
        let (body, writer) = pipe();
        let entries = load.entries.clone();
        let packing = tokio::task::spawn_blocking(move || pack(&entries, writer));
        let sent = client.upload(&way.token, load.shape, body).await;
        // Whoever packs ends when nobody listens any more. What went wrong here is what the master could not know.
        match packing.await {
            Ok(Err(Packing::Changed(path))) => {
                Err(Stop::Asked(format!("{} changed while it was read", path.display())))
            }
            Ok(Err(Packing::Unreadable(path, e))) => {
                Err(Stop::Machine(format!("{} cannot be read: {e}", path.display())))
            }
            _ => Ok(sent?),
        }
    })
    .await
}

/// What is to be sent.
#[derive(Debug)]
struct Load {
    shape: Shape,
    entries: Vec<Entry>,
    bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// Its name in the stream.
    name: PathBuf,
    /// Where it is.
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
    Link,
}

impl Load {
    fn find(workdir: &Path, dir: &Path, from: &[String], most: Option<u64>) -> Result<Self, String> {
        let below = workdir.strip_prefix(dir).unwrap_or(workdir).to_string_lossy().into_owned();
        let mut paths = Vec::new();
        for pattern in from {
            let found = glob::expand(&below, dir, pattern)?;
            if found.is_empty() {
                return Err(format!("there is no {pattern}"));
            }
            paths.extend(found);
        }
        let single = from.len() == 1 && !glob::is_pattern(&from[0]);
        let is_dir = |path: &Path| fs::metadata(path).is_ok_and(|facts| facts.is_dir());
        let shape = match paths.as_slice() {
            [] => return Err("nothing is named to be sent".to_owned()),
            [path] if single && is_dir(path) => Shape::Directory,
            [_] if single => Shape::File,
            _ => Shape::Files,
        };
        let mut load = Load { shape, entries: Vec::new(), bytes: 0 };
        for path in paths {
            let name = match shape {
                Shape::Directory => PathBuf::new(),
                _ => path.file_name().map(PathBuf::from).unwrap_or_default(),
            };
            load.add(path, name)?;
        }
        match most {
            Some(most) if load.bytes > most => Err(format!("{} bytes are to be sent, {most} may be", load.bytes)),
            _ => Ok(load),
        }
    }

    /// A file or a tree. A link that was named is followed; one in a tree stays a link.
    fn add(&mut self, path: PathBuf, name: PathBuf) -> Result<(), String> {
        let unreadable = |path: &Path, e: &io::Error| format!("{} cannot be read: {e}", path.display());
        let real = path.canonicalize().map_err(|e| unreadable(&path, &e))?;
        let mut todo = vec![(real, name)];
        while let Some((path, name)) = todo.pop() {
            let facts = path.symlink_metadata().map_err(|e| unreadable(&path, &e))?;
            let kind = match facts.file_type() {
                kind if kind.is_dir() => Kind::Directory,
                kind if kind.is_symlink() => Kind::Link,
                kind if kind.is_file() => Kind::File,
                // A pipe or a socket is nothing to be sent.
                _ => continue,
            };
            if kind == Kind::Directory {
                for entry in fs::read_dir(&path).map_err(|e| unreadable(&path, &e))? {
                    let entry = entry.map_err(|e| unreadable(&path, &e))?;
                    todo.push((entry.path(), name.join(entry.file_name())));
                }
            }
            self.bytes += if kind == Kind::File { facts.len() } else { 0 };
            if !name.as_os_str().is_empty() {
                self.entries.push(Entry { name, path, kind });
            }
            if self.entries.len() > MOST {
                return Err(format!("more than {MOST} files are to be sent"));
            }
        }
        self.entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }
}

/// What goes wrong while packing.
#[derive(Debug)]
enum Packing {
    /// Nobody takes it.
    Closed,
    Changed(PathBuf),
    Unreadable(PathBuf, io::Error),
}

fn pack(entries: &[Entry], writer: Pieces) -> Result<(), Packing> {
    let mut tar = tar::Builder::new(writer);
    for entry in entries {
        let unreadable = |e: io::Error| Packing::Unreadable(entry.path.clone(), e);
        let facts = entry.path.symlink_metadata().map_err(unreadable)?;
        let mut header = tar::Header::new_gnu();
        header.set_mode(facts.permissions().mode() & 0o777);
        header.set_mtime(facts.modified().ok().map_or(0, seconds));
        header.set_size(0);
        let taken = match entry.kind {
            Kind::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                tar.append_data(&mut header, &entry.name, io::empty())
            }
            Kind::Link => {
                header.set_entry_type(tar::EntryType::Symlink);
                let target = fs::read_link(&entry.path).map_err(unreadable)?;
                tar.append_link(&mut header, &entry.name, target)
            }
            Kind::File => {
                let file = File::open(&entry.path).map_err(unreadable)?;
                let size = file.metadata().map_err(unreadable)?.len();
                header.set_size(size);
                let mut exact = Exact { file: file.take(size), left: size };
                let taken = tar.append_data(&mut header, &entry.name, &mut exact);
                if exact.left > 0 && taken.as_ref().err().is_none_or(|e| e.kind() == io::ErrorKind::UnexpectedEof) {
                    return Err(Packing::Changed(entry.path.clone()));
                }
                taken
            }
        };
        taken.map_err(|_| Packing::Closed)?;
    }
    let mut writer = tar.into_inner().map_err(|_| Packing::Closed)?;
    writer.flush().map_err(|_| Packing::Closed)?;
    writer.finish();
    Ok(())
}

fn seconds(time: std::time::SystemTime) -> u64 {
    time.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A file that must have as many bytes as it had when it was opened.
struct Exact {
    file: io::Take<File>,
    left: u64,
}

impl Read for Exact {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.left -= n as u64;
        if n == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(n)
    }
}

/// Writes into a stream that another task sends. A stream that was not finished ends with an error, so that nobody takes
/// half of it for the whole.
struct Pieces {
    out: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
    finished: bool,
}

fn pipe() -> (impl futures_util::Stream<Item = io::Result<Bytes>> + Send + 'static, Pieces) {
    let (out, pieces) = mpsc::channel(WAITING);
    let body = stream::unfold(pieces, |mut pieces| async { pieces.recv().await.map(|piece| (piece, pieces)) });
    (body, Pieces { out, piece: Vec::with_capacity(PIECE), finished: false })
}

impl Pieces {
    fn send(&mut self, piece: io::Result<Bytes>) -> io::Result<()> {
        self.out.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn finish(mut self) {
        self.finished = true;
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.piece) {
            piece if piece.is_empty() => Ok(()),
            piece => self.send(Ok(piece.into())),
        }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.send(Err(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}
