//! What goes to a machine that shares no disk with the runner, and what comes back from there: tar files.
//!
//! | in what goes | holds |
//! |---|---|
//! | `packed.json` | the attempt, as the runner knows it ([`Packed`]) |
//! | `roots.json` | which paths in it are the runner's own ([`Roots`]) |
//! | `area/…` | the directory of the test, where it is in the area |
//!
//! | in what comes | holds |
//! |---|---|
//! | `said` | what the agent said |
//! | `came.json` | where that was, and what stayed there ([`Came`]) |
//! | `dir/…` | the directory of the attempt, as much of it as may come |

use crate::agent::{self, Line, Packed, Said};
use crate::base::Base;
use crate::place::{MARK, Place, RERUN};
use crate::said;
use crate::slot::{Order, log_name};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tar::EntryType;

/// The file in the directory of an attempt that tells what of it stayed elsewhere.
pub const LEFT: &str = "left-on-worker.txt";
/// So many files that stayed there are named.
const MOST_NAMED: usize = 1000;
/// Entries of one parcel.
const MOST: usize = 1_000_000;
/// What a tar file is made of.
const BLOCK: u64 = 512;
/// What is unpacked before it takes its place, in the directory of an attempt.
const NEW: &str = ".sluice-came.new";

/// Paths of the runner's machine, which are others where an attempt is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roots {
    /// The area.
    area: PathBuf,
    /// The tree in which tests find each other.
    links: PathBuf,
    /// Programs for tests.
    bin: PathBuf,
    /// The runner's own `PATH`, which says nothing elsewhere.
    path: String,
}

/// What came of an attempt, beside its directory and what its agent said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Came {
    /// The machine.
    pub host: String,
    /// Its directory there.
    pub dir: PathBuf,
    /// What stayed there, with its bytes; the first of it.
    pub left: Vec<(String, u64)>,
    /// How many files stayed there.
    pub count: u64,
    /// How many bytes.
    pub bytes: u64,
    /// What the test said of itself stayed there: nobody knows what it is.
    pub unheard: bool,
}

/// Why something cannot be packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ParcelError {
    /// The system does not let us.
    #[error("{} cannot be {act}: {source}", .path.display())]
    Io {
        /// What was to be done.
        act: &'static str,
        /// With which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is too much.
    #[error("the directory {} of the test has more than {most} bytes, and no more may go to a worker", .path.display())]
    Long {
        /// The directory.
        path: PathBuf,
        /// The limit.
        most: u64,
    },
    /// It is not what it should be.
    #[error("what came is no attempt of ours: {0}")]
    Strange(String),
}

fn failed<'a>(act: &'static str, path: &'a Path) -> impl Fn(io::Error) -> ParcelError + 'a {
    move |source| ParcelError::Io { act, path: path.to_owned(), source }
}

/// Packs an attempt into the file `to`. `bin` is where programs for tests are on this machine; of the directory of the
/// test not more than `most` bytes are taken.
///
/// # Errors
/// See [`ParcelError`].
pub fn pack(packed: &Packed, bin: &Path, most: u64, to: &Path) -> Result<(), ParcelError> {
    let Order { place, .. } = &packed.order;
    let area = PathBuf::from(&place.mark.area);
    let link = place.link.as_ref().unwrap_or(&place.dir);
    let links = link.ancestors().nth(inner(place).components().count()).unwrap_or(link).to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let roots = Roots { area, links, bin: bin.to_owned(), path };
    let write = failed("written", to);
    let mut tar = tar::Builder::new(io::BufWriter::new(File::create(to).map_err(&write)?));
    for (name, text) in [("packed.json", serde_json::to_vec(packed)), ("roots.json", serde_json::to_vec(&roots))] {
        text_entry(&mut tar, name, &text.map_err(|e| write(e.into()))?).map_err(&write)?;
    }
    if let Some(source) = &place.source {
        let below = Path::new("area").join(source_in(&roots, source));
        let mut left = most;
        for found in walk(source, &|path| place.passes_over(path)).map_err(failed("read", source))? {
            let whole = source.join(&found.name);
            left = left.checked_sub(found.cost()).ok_or_else(|| ParcelError::Long { path: source.clone(), most })?;
            entry(&mut tar, &below.join(&found.name), &whole, &found.facts).map_err(failed("packed", &whole))?;
        }
    }
    tar.into_inner().and_then(|mut file| file.flush()).map_err(write)
}

/// Target, run, test and item of an attempt, as directories.
fn inner(place: &Place) -> PathBuf {
    let mut path = PathBuf::from(&place.mark.run);
    path.push(&place.mark.test);
    path.extend(place.mark.path.split('/').filter(|part| !part.is_empty()));
    path
}

/// Where the directory of a test is in the area; one that is elsewhere has a place of its own.
fn source_in(roots: &Roots, source: &Path) -> PathBuf {
    source.strip_prefix(&roots.area).map_or_else(|_| PathBuf::from(".source"), Path::to_owned)
}

/// An attempt where it is carried out.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The directory of its agent.
    pub agent: PathBuf,
    /// The attempt as it is here.
    pub order: Order,
}

/// Unpacks an attempt below the directory `top`, which is empty, so that an agent can carry it out. `exe` is this program.
///
/// # Errors
/// See [`ParcelError`].
pub fn open(parcel: &Path, top: &Path, exe: &Path) -> Result<Opened, ParcelError> {
    let file = File::open(parcel).map_err(failed("read", parcel))?;
    unpack(file, top)?;
    let Packed { mut order, statuses } = read(&top.join("packed.json"))?;
    let roots: Roots = read(&top.join("roots.json"))?;
    let (area, links, bin) = (top.join("area"), top.join("links"), top.join("bin"));
    fs::create_dir_all(&area).map_err(failed("made", &area))?;
    let place = &order.place;
    let dir = links.join(inner(place));
    let mut moves = vec![
        (place.dir.clone(), dir.clone()),
        (place.run_dir.clone(), links.join(&place.mark.run)),
        (roots.links.clone(), links.clone()),
        (roots.bin.clone(), bin.clone()),
    ];
    moves.push((roots.area.clone(), area.clone()));
    // What is inside of another goes first.
    moves.sort_by_key(|(from, _)| std::cmp::Reverse(from.as_os_str().len()));
    let moved = |text: &str| moved(text, &moves);
    let (old, new) = (&roots.path, std::env::var("PATH").unwrap_or_default());
    for (_, vars) in &mut order.steps {
        for (name, value) in vars.iter_mut() {
            *value = match name == "PATH" && *value == format!("{}:{old}", roots.bin.display()) {
                true => format!("{}:{new}", bin.display()),
                false => moved(value),
            };
        }
    }
    order.place = Place {
        run_dir: links.join(&place.mark.run),
        link: None,
        min_free: place.min_free,
        source: place.source.as_ref().map(|source| area.join(source_in(&roots, source))),
        mark: crate::place::Mark { area: area.to_string_lossy().into_owned(), ..place.mark.clone() },
        rerun: moved(&place.rerun),
        dir,
    };
    Base::at(top).make_programs(exe).map_err(|e| ParcelError::Io { act: "made", path: e.path, source: e.source })?;
    let agent = top.join("agent");
    Packed { order: order.clone(), statuses }.lay(&agent).map_err(failed("written", &agent))?;
    Ok(Opened { agent, order })
}

/// A text in which paths of one machine are those of another.
fn moved(text: &str, moves: &[(PathBuf, PathBuf)]) -> String {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(first) = rest.chars().next() {
        let begins = first == '/' && before.is_none_or(|c: char| !is_part(c) && c != '/');
        let found = moves.iter().filter(|_| begins).find_map(|(from, to)| {
            let after = rest.strip_prefix(from.to_str().filter(|from| from.len() > 1)?)?;
            (!after.starts_with(is_part)).then_some((to, after))
        });
        match found {
            Some((to, after)) => {
                out.push_str(&to.to_string_lossy());
                (rest, before) = (after, Some('a'));
            }
            None => {
                out.push(first);
                (rest, before) = (&rest[first.len_utf8()..], Some(first));
            }
        }
    }
    out
}

/// Packs what came of an attempt into the file `to`: of its directory what tests say of themselves first, then the logs
/// of its steps, then the rest by name, each that fits into `most` bytes.
///
/// # Errors
/// See [`ParcelError`]. Something may still change there.
pub fn collect(opened: &Opened, host: &str, most: u64, to: &Path) -> Result<Came, ParcelError> {
    let dir = &opened.order.place.dir;
    let mut came = Came { host: host.to_owned(), dir: dir.clone(), ..Came::default() };
    let write = failed("written", to);
    let mut tar = tar::Builder::new(io::BufWriter::new(File::create(to).map_err(&write)?));
    let spoken = opened.agent.join(agent::SAID);
    if spoken.exists() {
        let facts = spoken.symlink_metadata().map_err(failed("read", &spoken))?;
        entry(&mut tar, Path::new("said"), &spoken, &facts).map_err(failed("packed", &spoken))?;
    }
    let mut found = if dir.is_dir() { walk(dir, &|_| false).map_err(failed("read", dir))? } else { Vec::new() };
    let logs: Vec<String> = opened.order.steps.iter().map(|(step, _)| log_name(&step.name)).collect();
    let rank = |f: &Found| match f.name.to_str() {
        // Whatever a directory holds comes after it.
        _ if f.facts.is_dir() => 0,
        Some(said::FILE) => 1,
        Some(name) if logs.iter().any(|log| log == name) => 2,
        _ => 3,
    };
    found.sort_by_cached_key(|f| (rank(f), f.name.clone()));
    let mut left = most;
    for found in found.iter().filter(|f| f.name != Path::new(MARK) && f.name != Path::new(RERUN)) {
        let whole = dir.join(&found.name);
        let there = left.checked_sub(found.cost()).filter(|_| !found.facts.is_file() || File::open(&whole).is_ok());
        match there {
            Some(rest) => {
                let name = Path::new("dir").join(&found.name);
                entry(&mut tar, &name, &whole, &found.facts).map_err(failed("packed", &whole))?;
                left = rest;
            }
            None if found.facts.is_dir() => {}
            None => {
                came.unheard |= found.name == Path::new(said::FILE);
                came.count += 1;
                came.bytes += found.facts.len();
                if came.left.len() < MOST_NAMED {
                    came.left.push((found.name.to_string_lossy().into_owned(), found.facts.len()));
                }
            }
        }
    }
    let text = serde_json::to_vec(&came).map_err(|e| write(e.into()))?;
    text_entry(&mut tar, "came.json", &text).map_err(&write)?;
    tar.into_inner().and_then(|mut file| file.flush()).map_err(write)?;
    Ok(came)
}

/// Takes what came of an attempt into its directory, which was made for it. Doing it again does no harm.
///
/// # Errors
/// See [`ParcelError`].
pub fn take(parcel: &Path, place: &Place) -> Result<(Came, Vec<Line>), ParcelError> {
    let new = place.dir.join(NEW);
    remove(&new).map_err(failed("removed", &new))?;
    fs::create_dir(&new).map_err(failed("made", &new))?;
    unpack(File::open(parcel).map_err(failed("read", parcel))?, &new)?;
    let came: Came = read(&new.join("came.json"))?;
    let spoken = match fs::read(new.join("said")) {
        Ok(bytes) => Said::default().feed(&bytes),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(failed("read", &new)(e)),
    };
    let inside = new.join("dir");
    if inside.is_dir() {
        for entry in fs::read_dir(&inside).map_err(failed("read", &inside))? {
            let entry = entry.map_err(failed("read", &inside))?;
            let name = entry.file_name();
            if [MARK, RERUN, NEW].iter().any(|own| name == *own) {
                continue;
            }
            let to = place.dir.join(&name);
            remove(&to).map_err(failed("removed", &to))?;
            fs::rename(entry.path(), &to).map_err(failed("written", &to))?;
        }
    }
    if came.count > 0 {
        let path = place.dir.join(LEFT);
        remove(&path).and_then(|()| fs::write(&path, told(&came))).map_err(failed("written", &path))?;
    }
    remove(&new).map_err(failed("removed", &new))?;
    Ok((came, spoken))
}

/// What stayed elsewhere, for people.
fn told(came: &Came) -> String {
    let files = if came.count == 1 { "1 file".to_owned() } else { format!("{} files", came.count) };
    let mut text = format!("{files} with {} bytes stayed on {} in {}:\n", came.bytes, came.host, came.dir.display());
    for (name, bytes) in &came.left {
        text.push_str(&format!("{bytes:>12} {name}\n"));
    }
    if came.count > came.left.len() as u64 {
        text.push_str("             and others\n");
    }
    text
}

fn read<T: for<'d> Deserialize<'d>>(path: &Path) -> Result<T, ParcelError> {
    let bytes = fs::read(path).map_err(failed("read", path))?;
    serde_json::from_slice(&bytes).map_err(|e| ParcelError::Strange(e.to_string()))
}

/// Removes whatever is there.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(facts) if facts.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Unpacks plain files, directories and links. Nothing leads out of `to`.
fn unpack(file: File, to: &Path) -> Result<(), ParcelError> {
    let wrong = failed("unpacked", to);
    let mut tar = tar::Archive::new(io::BufReader::new(file));
    tar.set_preserve_permissions(true);
    tar.set_overwrite(false);
    for (number, entry) in tar.entries().map_err(&wrong)?.enumerate() {
        let mut entry = entry.map_err(&wrong)?;
        let kind = entry.header().entry_type();
        if !matches!(kind, EntryType::Regular | EntryType::Directory | EntryType::Symlink) || number > MOST {
            return Err(ParcelError::Strange(format!("entry {number} is of the kind {kind:?}")));
        }
        if !entry.unpack_in(to).map_err(&wrong)? {
            return Err(ParcelError::Strange(format!("entry {number} leads out of it")));
        }
    }
    Ok(())
}

/// Something that is to be packed.
#[derive(Debug)]
struct Found {
    /// Its path below the directory that was looked through.
    name: PathBuf,
    facts: Metadata,
}

impl Found {
    /// How much room it takes.
    fn cost(&self) -> u64 {
        let name = if self.name.as_os_str().len() > 90 { 3 * BLOCK } else { 0 };
        let content = if self.facts.is_file() { self.facts.len().div_ceil(BLOCK) * BLOCK } else { 0 };
        BLOCK + name + content
    }
}

/// All files, directories and links below a directory, by name; what is none of these is passed over, and what it is said of.
fn walk(dir: &Path, passes_over: &dyn Fn(&Path) -> bool) -> io::Result<Vec<Found>> {
    let mut all = Vec::new();
    let mut todo = vec![PathBuf::new()];
    while let Some(below) = todo.pop() {
        let whole = dir.join(&below);
        let entries = match fs::read_dir(&whole) {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied && !below.as_os_str().is_empty() => continue,
            other => other?,
        };
        for entry in entries {
            let entry = entry?;
            if passes_over(&entry.path()) {
                continue;
            }
            let facts = match entry.path().symlink_metadata() {
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            let kind = facts.file_type();
            let name = below.join(entry.file_name());
            if kind.is_dir() {
                todo.push(name.clone());
            }
            if kind.is_dir() || kind.is_file() || kind.is_symlink() {
                all.push(Found { name, facts });
            }
            if all.len() >= MOST {
                return Err(io::Error::other(format!("more than {MOST} files are in it")));
            }
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

fn text_entry<W: Write>(tar: &mut tar::Builder<W>, name: &str, text: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o600);
    header.set_size(text.len() as u64);
    tar.append_data(&mut header, name, text)
}

fn entry<W: Write>(tar: &mut tar::Builder<W>, name: &Path, path: &Path, facts: &Metadata) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    let mode = facts.permissions().mode() & 0o777;
    header.set_mode(if facts.is_dir() { mode | 0o700 } else { mode });
    let seconds = facts.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    header.set_mtime(seconds.map_or(0, |since| since.as_secs()));
    header.set_size(0);
    if facts.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        return tar.append_link(&mut header, name, fs::read_link(path)?);
    }
    if facts.is_dir() {
        header.set_entry_type(EntryType::Directory);
        return tar.append_data(&mut header, name, io::empty());
    }
    header.set_size(facts.len());
    // As much as it had when it was looked at: one that grows is cut there.
    let mut exact = File::open(path)?.take(facts.len());
    tar.append_data(&mut header, name, &mut exact)?;
    match exact.limit() {
        0 => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read")),
    }
}

#[cfg(test)]
mod tests;
