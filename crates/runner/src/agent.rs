//! One attempt elsewhere: `sluice __attempt DIR` carries it out where it is started, with a supervisor of its own below
//! DIR, and says in `DIR/said` what a slot would have told its runner, one JSON document on a line. [`Said`] reads that.
//!
//! | file in DIR | holds |
//! |---|---|
//! | `order.json` | what is to be carried out ([`Packed`]); written before the agent is started |
//! | `said` | what became of it ([`Line`]); only ever longer. A last line without its end is none |
//! | `lock` | held by the agent as long as it lives |
//! | `slot/` | the supervisor's |
//!
//! An attempt is carried out once: an agent that finds something said in its directory says only how that ended.

use crate::hands::Hands;
use crate::hands::local::Local;
use crate::leftovers;
use crate::runner::now;
use crate::slot::{How, News, Order, StepDone};
use model::Time;
use model::area::{Area, StatusSpec};
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use testruns::Statuses;
use tokio::signal::unix::{SignalKind, signal};

/// What is to be carried out, in the directory of an agent.
pub const ORDER: &str = "order.json";
/// What the agent says, in its directory.
pub const SAID: &str = "said";
/// Bytes of one line.
const LONGEST: usize = 4 << 20;
/// Bytes of what was said that are read at once.
const PIECE: u64 = 8 << 20;

/// All that an agent needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Packed {
    /// The attempt.
    pub order: Order,
    /// The words of its area.
    pub statuses: Vec<StatusSpec>,
}

impl Packed {
    /// An attempt, with the words that verdicts of it are told in.
    pub fn new(order: Order, words: &Statuses) -> Self {
        let all = words.all().into_iter().map(|(status, meaning)| StatusSpec {
            word: status.word().to_owned(),
            rank: meaning.rank,
            class: meaning.class,
            satisfies: meaning.satisfies,
        });
        Packed { order, statuses: all.collect() }
    }

    /// Makes the directory of an agent, and lays this into it. Durable when it returns.
    ///
    /// # Errors
    /// It cannot be written, or a path in it is no UTF-8.
    pub fn lay(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        let new = dir.join("order.new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(new, dir.join(ORDER))?;
        File::open(dir)?.sync_all()
    }
}

/// One thing that an agent says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// It begins.
    Began {
        /// On which machine.
        host: String,
        /// When.
        at: Time,
    },
    /// A step ended.
    Step(Box<StepDone>),
    /// It ended, and nothing of it runs any more. The last line.
    Ended(How),
}

/// Reads what an agent says, as it comes.
#[derive(Debug, Default)]
pub struct Said {
    /// So much of the file was read.
    offset: u64,
    rest: Vec<u8>,
    /// The line that begins in `rest` is longer than any can be.
    spoilt: bool,
}

impl Said {
    /// What stands in a directory beyond what was read before. Nothing said yet is nothing.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn look(&mut self, dir: &Path) -> io::Result<Vec<Line>> {
        // Opened anew each time: of a file on another machine that shows what was written there.
        let mut file = match File::open(dir.join(SAID)) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let mut all = Vec::new();
        loop {
            let mut bytes = Vec::new();
            let read = (&mut file).take(PIECE).read_to_end(&mut bytes)? as u64;
            self.offset += read;
            all.extend(self.feed(&bytes));
            if read < PIECE {
                return Ok(all);
            }
        }
    }

    /// What is said by these bytes, which follow those of before. A line that cannot be read says nothing.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut all = Vec::new();
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.spoilt |= self.rest.len() + piece.len() > LONGEST;
            if self.spoilt {
                self.rest.clear();
            } else {
                self.rest.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                all.extend(serde_json::from_slice::<Line>(&self.rest).ok());
                self.rest.clear();
                self.spoilt = false;
            }
        }
        all
    }
}

/// Why an agent does nothing.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// There is nothing that it could do.
    #[error("{} cannot be read as an order", .path.display())]
    Order {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// Another is at it.
    #[error("another agent is at work in {}", .0.display())]
    Taken(std::path::PathBuf),
    /// Another has been there.
    #[error("the attempt in {} was carried out already", .0.display())]
    Over(std::path::PathBuf),
    /// The system does not let it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Carries out what lies in a directory. `exe` is this program. What is said goes to `also` too.
///
/// A TERM to this process ends everything that runs, and says so. Nothing here returns before.
///
/// # Errors
/// See [`AgentError`]; then nothing was begun.
pub fn carry_out(exe: &Path, dir: &Path, also: Option<Box<dyn Write + Send>>) -> Result<(), AgentError> {
    let path = dir.join(ORDER);
    let read = fs::read(&path).and_then(|bytes| Ok(serde_json::from_slice::<Packed>(&bytes)?));
    let Packed { order, statuses } = read.map_err(|source| AgentError::Order { path, source })?;
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(dir.join("lock"))?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(AgentError::Taken(dir.to_owned())),
        Err(e) => return Err(io::Error::from(e).into()),
    }
    let slot = dir.join("slot");
    let before = Said::default().look(dir)?;
    let voice = Voice::new(dir, also)?;
    if !before.is_empty() {
        if before.iter().any(|line| matches!(line, Line::Ended(_))) {
            return Err(AgentError::Over(dir.to_owned()));
        }
        // Its supervisor may live, and go on with what it was told last.
        let left = process::spool::jobs(&slot).unwrap_or_default();
        left.iter().for_each(|job| leftovers::clear(&slot, job));
        voice.say(&Line::Ended(How::Lost("what carried it out is gone".to_owned())))?;
        return Ok(());
    }
    // Whoever ends this process by its descendants finds the supervisor among them.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let words = Statuses::of(&Area { statuses, ..Area::default() });
    let hands = Arc::new(Local::new(exe.to_owned(), slot, Arc::new(words)));
    let told = end_on_term(hands.clone(), &order)?;
    let mut spools = Vec::new();
    let how = hands.carry_out(&order, &|news| voice.news(news), &mut spools);
    let how = match told.load(Ordering::SeqCst) {
        true => How::Lost("what ran it was told to end".to_owned()),
        false => how,
    };
    voice.say(&Line::Ended(how))?;
    hands.forget(&spools);
    hands.quit();
    voice.faults()
}

/// From now on a TERM ends the attempt.
fn end_on_term(hands: Arc<Local>, order: &Order) -> io::Result<Arc<AtomicBool>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let entered = runtime.enter();
    let mut term = signal(SignalKind::terminate())?;
    drop(entered);
    let told = Arc::new(AtomicBool::new(false));
    let (tell, item, attempt) = (told.clone(), order.item, order.attempt);
    std::thread::spawn(move || {
        runtime.block_on(async {
            while term.recv().await.is_some() {
                tell.store(true, Ordering::SeqCst);
                hands.kill(item, attempt, "what runs it was told to end");
            }
        });
    });
    Ok(told)
}

/// How an agent says what it says.
struct Voice(Mutex<Mouth>);

struct Mouth {
    file: File,
    also: Option<Box<dyn Write + Send>>,
    fault: Option<io::Error>,
}

impl Voice {
    fn new(dir: &Path, also: Option<Box<dyn Write + Send>>) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(dir.join(SAID))?;
        // A line that an earlier one could not finish stays alone.
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(-1)).is_ok() {
            file.read_exact(&mut last)?;
        }
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
        Ok(Voice(Mutex::new(Mouth { file, also, fault: None })))
    }

    fn say(&self, line: &Line) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let mut mouth = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(also) = &mut mouth.also {
            // Whoever listens there may have gone; the file is what counts.
            let _ = also.write_all(&bytes).and_then(|()| also.flush());
        }
        mouth.file.write_all(&bytes)?;
        mouth.file.sync_data()
    }

    fn news(&self, news: News) {
        let line = match news {
            News::Began { .. } => {
                let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
                Line::Began { host, at: now() }
            }
            News::Step { step, .. } => Line::Step(step),
            _ => return,
        };
        if let Err(e) = self.say(&line) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).fault.get_or_insert(e);
        }
    }

    /// What could not be said on the way.
    fn faults(self) -> Result<(), AgentError> {
        let mouth = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        mouth.fault.map_or(Ok(()), |e| Err(e.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_come_and_a_torn_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let mut said = Said::default();
        assert!(said.look(dir.path()).unwrap().is_empty());
        let lines = [
            Line::Began { host: "n1".to_owned(), at: Time(5) },
            Line::Ended(How::Lost("it \n went".to_owned())),
            Line::Ended(How::Came),
        ];
        let text: Vec<String> = lines.iter().map(|l| serde_json::to_string(l).unwrap()).collect();
        assert_eq!(text[0], r#"{"began":{"host":"n1","at":5}}"#);
        assert_eq!(text[2], r#"{"ended":"came"}"#);
        let write = |text: &str| {
            let mut file = OpenOptions::new().append(true).create(true).open(dir.path().join(SAID)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        write(&format!("{}\n{}", text[0], &text[1][..7]));
        assert_eq!(said.look(dir.path()).unwrap(), lines[..1]);
        write(&format!("{}\nno line\n\n{}\n", &text[1][7..], text[2]));
        assert_eq!(said.look(dir.path()).unwrap(), lines[1..]);
        assert!(said.look(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_none_and_takes_no_memory() {
        let mut said = Said::default();
        for _ in 0..9 {
            assert!(said.feed(&vec![b'x'; 1 << 20]).is_empty());
            assert!(said.rest.len() <= LONGEST);
        }
        let end = serde_json::to_string(&Line::Ended(How::Came)).unwrap();
        assert_eq!(said.feed(format!("x\n{end}\n").as_bytes()), [Line::Ended(How::Came)]);
    }

    #[test]
    fn an_agent_that_finds_another_ones_words_carries_nothing_out() {
        let dir = tempfile::tempdir().unwrap();
        let ran = |d: &Path| carry_out(Path::new("/nonexistent"), d, None);
        assert!(matches!(ran(dir.path()), Err(AgentError::Order { .. })));
        let order: Order = serde_json::from_value(serde_json::json!({
            "item": 0, "attempt": 1, "job": "t1-1", "steps": [], "max_time": null, "resources": {}, "launched": 0,
            "place": {
                "dir": dir.path().join("run"), "run_dir": dir.path(), "link": null, "source": null, "rerun": "",
                "mark": {"area": "a", "run": "r", "test": "t", "path": "", "attempt": 1, "ready": false},
            },
        }))
        .unwrap();
        Packed::new(order, &Statuses::default()).lay(dir.path()).unwrap();
        let began = Line::Began { host: "gone".to_owned(), at: Time(1) };
        fs::write(dir.path().join(SAID), format!("{}\n{{\"ended\":\"ca", serde_json::to_string(&began).unwrap()))
            .unwrap();
        ran(dir.path()).unwrap();
        let all = Said::default().look(dir.path()).unwrap();
        assert!(matches!(&all[..], [Line::Began { .. }, Line::Ended(How::Lost(_))]), "{all:?}");
        assert!(!dir.path().join("run").exists(), "nothing was begun");
        assert!(matches!(ran(dir.path()), Err(AgentError::Over(_))));
    }
}
