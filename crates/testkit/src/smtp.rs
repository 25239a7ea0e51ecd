//! A small machine that takes mail: RFC 5321 as far as a sender needs it, with the faults that a test wants.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A letter that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Who it comes from, as the envelope has it.
    pub from: String,
    /// Who gets it, as the envelope has it.
    pub to: Vec<String>,
    /// All of it, with lines ended by `\n` and without dots that were doubled.
    pub text: String,
}

impl Letter {
    /// The value of a header, with its continuation lines.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut found: Option<String> = None;
        for line in self.text.lines().take_while(|line| !line.is_empty()) {
            match (&mut found, line.starts_with([' ', '\t'])) {
                (Some(value), true) => value.push_str(line),
                (Some(_), false) => break,
                (None, _) => {
                    let named = line.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case(name));
                    found = named.map(|(_, value)| value.trim().to_owned());
                }
            }
        }
        found
    }
}

#[derive(Default)]
struct State {
    letters: Mutex<Vec<Letter>>,
    /// What is answered to recipients that contain a text, in the place of yes.
    answers: Mutex<Vec<(String, String)>>,
    /// A letter is taken, and nothing is said of it.
    silent: AtomicBool,
    ended: AtomicBool,
}

/// The machine; gone when it is dropped.
pub struct Smtp {
    port: u16,
    state: Arc<State>,
    door: Option<JoinHandle<()>>,
}

impl Smtp {
    /// Opens at any free port.
    ///
    /// # Panics
    /// When there is none.
    pub fn open() -> Self {
        Self::open_at(0)
    }

    /// Opens at this port of the own machine; 0 is any.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn open_at(port: u16) -> Self {
        let bound =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|l| l.local_addr().map(|at| (l, at.port())));
        let (listener, port) = match bound {
            Ok(bound) => bound,
            Err(e) => panic!("no port {port} for a machine that takes mail: {e}"),
        };
        let state = Arc::new(State::default());
        let own = state.clone();
        let door = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if own.ended.load(Ordering::Acquire) {
                    return;
                }
                let state = own.clone();
                std::thread::spawn(move || drop(serve(stream, &state)));
            }
        });
        Self { port, state, door: Some(door) }
    }

    /// Where it listens, on the own machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The letters that it took so far.
    pub fn letters(&self) -> Vec<Letter> {
        lock(&self.state.letters).clone()
    }

    /// What it answers to recipients that contain a text, in the place of yes: `550 unknown`.
    pub fn answer(&self, recipient: &str, answer: &str) {
        let mut answers = lock(&self.state.answers);
        answers.retain(|(text, _)| text != recipient);
        answers.push((recipient.to_owned(), answer.to_owned()));
    }

    /// From now on it takes letters and does not say so.
    pub fn fall_silent(&self) {
        self.state.silent.store(true, Ordering::Release);
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Release);
        // The door is asleep until somebody knocks.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(door) = self.door.take() {
            drop(door.join());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: TcpStream, state: &State) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream).split(b'\n');
    let mut say = |text: &str| out.write_all(format!("{text}\r\n").as_bytes());
    let (mut from, mut to) = (String::new(), Vec::new());
    say("220 testkit")?;
    while let Some(line) = lines.next() {
        let line = text(line?);
        let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" | "HELO" => say("250-testkit\r\n250 8BITMIME")?,
            "MAIL" => {
                from = path(&line);
                say("250 ok")?;
            }
            "RCPT" => {
                let person = path(&line);
                let answers = lock(&state.answers).clone();
                match answers.iter().find(|(text, _)| person.contains(text)) {
                    Some((_, answer)) => say(answer)?,
                    None => {
                        to.push(person);
                        say("250 ok")?;
                    }
                }
            }
            "DATA" => {
                say("354 go on")?;
                let mut whole = String::new();
                loop {
                    let Some(line) = lines.next() else { return Ok(()) };
                    let line = text(line?);
                    if line == "." {
                        break;
                    }
                    whole.push_str(line.strip_prefix('.').unwrap_or(&line));
                    whole.push('\n');
                }
                let letter = Letter { from: std::mem::take(&mut from), to: std::mem::take(&mut to), text: whole };
                lock(&state.letters).push(letter);
                while state.silent.load(Ordering::Acquire) && !state.ended.load(Ordering::Acquire) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                say("250 taken")?;
            }
            "QUIT" => return say("221 bye"),
            "RSET" | "NOOP" => say("250 ok")?,
            _ => say("502 not here")?,
        }
    }
    Ok(())
}

fn text(line: Vec<u8>) -> String {
    let line = String::from_utf8_lossy(&line).into_owned();
    line.strip_suffix('\r').map(str::to_owned).unwrap_or(line)
}

/// What stands in the angle brackets.
fn path(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map(|(path, _)| path.to_owned()).unwrap_or_default()
}
