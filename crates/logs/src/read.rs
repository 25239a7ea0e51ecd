//! Reading: any line, all bytes, a search, of a build that is live or not.

use crate::LogError;
use crate::build::Build;
use crate::file::{self, LogFile};
use crate::format::Entry;
use crate::frame::Frame;
use crate::logs::{Facts, Found, Hit, Line, Logs};
use crate::scan::{self, Contents, Ending};
use crate::shared::Shared;
use memchr::memmem;
use model::{BuildId, LogId};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Most lines in one answer.
const MOST_LINES: u64 = 100_000;
/// A search looks at no more bytes than this before it answers.
const SEARCH_BYTES: u64 = 64 << 20;

/// The file of a build that is not live.
#[derive(Debug)]
pub(crate) struct Opened {
    file: LogFile,
    build: BuildId,
    logs: BTreeMap<LogId, Contents>,
    damage: Option<(u64, &'static str)>,
    /// How long the file was when it was looked at.
    length: u64,
}

impl Opened {
    /// Memory that it takes, about.
    pub(crate) fn size(&self) -> usize {
        self.logs.values().map(|log| size_of_val(log) + size_of_val(&log.frames[..])).sum::<usize>() + 512
    }

    fn damaged(&self) -> Option<LogError> {
        self.damage.map(|(offset, what)| self.file.damaged(offset, what))
    }
}

/// Where a reader finds a build.
#[derive(Clone, Debug)]
pub(crate) enum View {
    Live(Arc<Build>),
    Disk(Arc<Opened>),
}

/// Whether an uncompressed frame is worth keeping for the next reader.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Yes,
    No,
}

/// One log of one build, for reading.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) view: &'a View,
    pub(crate) log: LogId,
}

impl Shared {
    /// Where to read a build; `None` if there is nothing of it. Reads from disk if it is neither live nor kept.
    pub(crate) fn view(&self, build: BuildId) -> Result<Option<View>, LogError> {
        if let Some(view) = self.quick_view(build) {
            return Ok(Some(view));
        }
        let path = file::path_of(&self.dir, build);
        let file = match File::open(&path) {
            Ok(file) => LogFile { file: Arc::new(file), path: path.into() },
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(LogError::io("open", &path, e)),
        };
        let length = file.length()?;
        let scan = scan::scan(&file, &self.zstd)?;
        if scan.build.is_some_and(|id| id != build) {
            return Err(file.damaged(0, "the file belongs to another build"));
        }
        let damage = match scan.ending {
            Ending::Damaged(what) => Some((scan.end, what)),
            Ending::Index | Ending::Whole | Ending::Torn => None,
        };
        let opened = Arc::new(Opened { file, build, logs: scan.logs, damage, length });
        self.cache.keep_file(build, opened.clone());
        Ok(Some(View::Disk(opened)))
    }

    /// Like [`Shared::view`], as far as it takes no look into files.
    pub(crate) fn quick_view(&self, build: BuildId) -> Option<View> {
        if let Some(live) = self.live(build).filter(|live| live.is_readable()) {
            return Some(View::Live(live));
        }
        let opened = self.cache.file(build)?;
        // It may have become live and longer since.
        (opened.file.length().ok()? == opened.length).then_some(View::Disk(opened))
    }
}

/// A frame, or where to read it.
enum Place {
    Memory(Arc<Frame>),
    Disk(LogFile, Entry),
}

impl Reader<'_> {
    fn build(&self) -> BuildId {
        match self.view {
            View::Live(build) => build.id,
            View::Disk(opened) => opened.build,
        }
    }

    fn unknown(&self) -> LogError {
        let unknown = LogError::Unknown { build: self.build(), log: self.log };
        match self.view {
            View::Live(_) => unknown,
            View::Disk(opened) => opened.damaged().unwrap_or(unknown),
        }
    }

    /// Its length and seal, if there is such a log.
    pub(crate) fn facts(&self) -> Option<Facts> {
        match self.view {
            View::Live(build) => build.state().logs.get(&self.log).map(|log| log.facts()),
            View::Disk(opened) => opened.logs.get(&self.log).map(|log| {
                let &Contents { lines, bytes, .. } = log;
                Facts { lines, bytes, sealed: log.sealed.then(|| log.crc.clone().finalize()) }
            }),
        }
    }

    fn facts_or_error(&self) -> Result<Facts, LogError> {
        self.facts().ok_or_else(|| self.unknown())
    }

    /// How many of the log's frames lie before the one that holds what `before` asks for: `before` tells, from the
    /// beginning of the following frame (offset, lines begun before it), whether that is still not beyond it.
    fn search(&self, before: impl Fn(u64, u64) -> bool) -> usize {
        let within = |entry: &Entry| before(entry.offset + u64::from(entry.raw), entry.line + u64::from(entry.begun));
        match self.view {
            View::Disk(opened) => opened.logs.get(&self.log).map_or(0, |log| log.frames.partition_point(within)),
            View::Live(build) => build.state().logs.get(&self.log).map_or(0, |log| {
                let on_disk = log.frames.partition_point(within);
                let pending = log.pending.iter().take_while(|f| before(f.end(), f.line + u64::from(f.begun))).count();
                if on_disk < log.frames.len() { on_disk } else { on_disk + pending }
            }),
        }
    }

    /// The frame in which this line begins.
    fn with_line(&self, line: u64) -> usize {
        self.search(|_, begun| begun <= line)
    }

    /// The frame that holds this byte.
    fn with_byte(&self, offset: u64) -> usize {
        self.search(|end, _| end <= offset)
    }

    /// The log's frame of this number; `None` behind the last.
    fn frame(&self, number: usize, keep: Keep) -> Result<Option<Arc<Frame>>, LogError> {
        let place = match self.view {
            View::Live(build) => live_place(build, self.log, number),
            View::Disk(opened) => {
                let log = opened.logs.get(&self.log);
                let entry = log.and_then(|log| log.frames.get(number));
                if entry.is_none() && !log.is_some_and(|log| log.sealed) {
                    opened.damaged().map_or(Ok(()), Err)?;
                }
                entry.map(|entry| Place::Disk(opened.file.clone(), *entry))
            }
        };
        let (file, entry) = match place {
            None => return Ok(None),
            Some(Place::Memory(frame)) => return Ok(Some(frame)),
            Some(Place::Disk(file, entry)) => (file, entry),
        };
        if let Some(frame) = self.shared.cache.frame(self.build(), &entry) {
            return Ok(Some(frame));
        }
        let frame = Arc::new(file.frame(self.log, &entry, &self.shared.zstd)?);
        if keep == Keep::Yes {
            self.shared.cache.keep_frame(self.build(), &entry, frame.clone());
        }
        Ok(Some(frame))
    }

    /// See [`Logs::lines`].
    pub(crate) fn lines(&self, first: u64, count: u64, most_bytes: usize) -> Result<Vec<Line>, LogError> {
        self.facts_or_error()?;
        let last = first.saturating_add(count.min(MOST_LINES));
        let mut taken = Taken { lines: Vec::new(), bytes: 0, most_bytes };
        let mut number = self.with_line(first);
        'frames: while let Some(frame) = self.frame(number, Keep::Yes)? {
            // Of the line that the frame goes on with, if it does; else one before its first.
            let mut line = frame.line.checked_sub(1);
            for piece in frame.pieces() {
                if piece.begins {
                    line = Some(line.map_or(0, |line| line + 1));
                }
                let Some(line) = line.filter(|&line| line >= first) else { continue };
                if line >= last || (piece.begins && !taken.begin(line, piece.stream)) {
                    break 'frames;
                }
                taken.go_on(piece.bytes);
            }
            // The rest of a line that is cut already needs no look.
            let cut = taken.lines.last().filter(|line| line.cut).map(|line| self.with_line(line.number + 1));
            number = cut.unwrap_or(0).max(number + 1);
        }
        Ok(taken.done())
    }

    /// See [`Logs::tail`].
    pub(crate) fn tail(&self, count: u64, most_bytes: usize) -> Result<Vec<Line>, LogError> {
        let Facts { lines, .. } = self.facts_or_error()?;
        self.lines(lines.saturating_sub(count), count, most_bytes)
    }

    /// How many bytes there are now.
    pub(crate) fn length(&self) -> Result<u64, LogError> {
        self.facts_or_error().map(|facts| facts.bytes)
    }

    /// Whether the log's last known byte is its last: behind it nothing is damaged.
    pub(crate) fn ends_well(&self) -> Result<(), LogError> {
        match (self.view, self.facts()) {
            (View::Disk(opened), Some(Facts { sealed: None, .. })) => opened.damaged().map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }

    /// The frame that holds byte `offset`, and where in it that byte is.
    pub(crate) fn at_byte(&self, offset: u64) -> Result<Option<(Arc<Frame>, usize)>, LogError> {
        let frame = self.frame(self.with_byte(offset), Keep::No)?;
        Ok(frame.and_then(|frame| {
            let within = usize::try_from(offset.checked_sub(frame.offset)?).ok()?;
            (within < frame.bytes.len()).then_some((frame, within))
        }))
    }

    /// See [`Logs::find`].
    pub(crate) fn find(&self, needle: &[u8], first: u64, most_hits: usize) -> Result<Found, LogError> {
        self.facts_or_error()?;
        let mut search = Search::new(needle, first, most_hits);
        if needle.is_empty() {
            return Ok(Found { hits: Vec::new(), next: None });
        }
        let mut number = self.with_line(first);
        let mut looked = 0;
        while let Some(frame) = self.frame(number, Keep::No)? {
            if let Some(next) = search.frame(&frame) {
                return Ok(Found { hits: search.hits, next: Some(next) });
            }
            looked += frame.bytes.len() as u64;
            if looked >= SEARCH_BYTES {
                // A line that alone is longer than the limit is not looked at beyond it.
                let next = search.line.map_or(first, |line| line + u64::from(search.hit)).max(first.saturating_add(1));
                let more = next < self.facts_or_error()?.lines;
                return Ok(Found { hits: search.hits, next: more.then_some(next) });
            }
            number += 1;
        }
        Ok(Found { hits: search.hits, next: None })
    }
}

fn live_place(build: &Build, log: LogId, number: usize) -> Option<Place> {
    let state = build.state();
    let log = state.logs.get(&log)?;
    if let Some(entry) = log.frames.get(number) {
        return Some(Place::Disk(state.file.clone()?, *entry));
    }
    let number = number - log.frames.len();
    let pending = log.pending.get(number).cloned();
    let open = || log.open().filter(|_| number == log.pending.len()).map(|open| Arc::new(open.clone()));
    pending.or_else(open).map(Place::Memory)
}

/// The lines of an answer, within its limits.
struct Taken {
    lines: Vec<Line>,
    /// Of all lines but the last.
    bytes: usize,
    most_bytes: usize,
}

impl Taken {
    /// Begins a line, if the one before did not go over the limit.
    fn begin(&mut self, number: u64, stream: model::Stream) -> bool {
        self.bytes += self.lines.last().map_or(0, |line| line.bytes.len());
        let more = self.lines.is_empty() || self.bytes < self.most_bytes;
        if more {
            self.lines.push(Line { number, stream, bytes: Vec::new(), cut: false });
        }
        more
    }

    fn go_on(&mut self, bytes: &[u8]) {
        if let Some(line) = self.lines.last_mut() {
            let room = Logs::MOST_LINE_BYTES - line.bytes.len();
            line.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
            line.cut |= bytes.len() > room;
        }
    }

    /// Without the line that goes over the limit, unless it is the only one.
    fn done(mut self) -> Vec<Line> {
        let total: usize = self.lines.iter().map(|line| line.bytes.len()).sum();
        if total > self.most_bytes && self.lines.len() > 1 {
            self.lines.pop();
        }
        self.lines
    }
}

/// A search on its way through the frames of a log.
struct Search<'a> {
    finder: memmem::Finder<'a>,
    first: u64,
    most_hits: usize,
    hits: Vec<Hit>,
    /// The line that was looked at last.
    line: Option<u64>,
    /// Bytes of that line so far,
    column: u64,
    /// and the last of them: fewer than the needle has.
    carried: Vec<u8>,
    hit: bool,
}

impl<'a> Search<'a> {
    fn new(needle: &'a [u8], first: u64, most_hits: usize) -> Self {
        let finder = memmem::Finder::new(needle);
        Search { finder, first, most_hits, hits: Vec::new(), line: None, column: 0, carried: Vec::new(), hit: false }
    }

    /// Looks through a frame. `Some`: the hits are full, go on at this line.
    fn frame(&mut self, frame: &Frame) -> Option<u64> {
        let mut next = frame.line;
        for piece in frame.pieces() {
            if piece.begins {
                if next >= self.first && self.hits.len() >= self.most_hits {
                    return Some(next);
                }
                self.line = Some(next);
                next += 1;
                (self.column, self.hit) = (0, false);
                self.carried.clear();
            }
            match self.line {
                Some(line) if line >= self.first && !self.hit => self.piece(line, piece.bytes),
                _ => {}
            }
        }
        None
    }

    fn piece(&mut self, line: u64, bytes: &[u8]) {
        let overlap = self.finder.needle().len() - 1;
        let carried = self.carried.len();
        let mut column = None;
        if carried > 0 {
            self.carried.extend_from_slice(&bytes[..bytes.len().min(overlap)]);
            column = self.finder.find(&self.carried).map(|at| self.column - carried as u64 + at as u64);
        }
        if column.is_none() {
            column = self.finder.find(bytes).map(|at| self.column + at as u64);
        }
        if let Some(column) = column {
            self.hits.push(Hit { line, column });
            self.hit = true;
            return;
        }
        self.column += bytes.len() as u64;
        if bytes.len() >= overlap {
            self.carried.clear();
            self.carried.extend_from_slice(&bytes[bytes.len() - overlap..]);
        } else {
            // All of `bytes` is in there already if something was carried.
            if carried == 0 {
                self.carried.extend_from_slice(bytes);
            }
            let surplus = self.carried.len().saturating_sub(overlap);
            self.carried.drain(..surplus);
        }
    }
}
