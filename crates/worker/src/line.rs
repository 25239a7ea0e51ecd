//! The line to the master: down, being made, or up.

use crate::backoff::{Backoff, chance, spread};
use crate::link::{Link, LinkError};
use crate::setup::{Master, Patience};
use model::{Span, Time};
use tokio::task::JoinHandle;
use wire::WorkerSession;

/// A connection that lived for this long was good: the next waits are short again.
const GOOD: Span = Span::seconds(10);

/// For so long a master is looked for often that was there just now: most are only being started again.
const BRISK: Span = Span::seconds(10);

/// The line and the patience with it.
#[derive(Debug)]
pub(crate) struct Line {
    /// Until then the pauses do not grow.
    brisk_until: Time,
    master: Master,
    patience: Patience,
    backoff: Backoff,
    state: State,
}

#[derive(Debug)]
enum State {
    Down { again: Time },
    Dialing(JoinHandle<Result<Link, LinkError>>),
    Up(Box<Up>),
}

/// A line that is up.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) link: Link,
    pub(crate) session: WorkerSession,
    /// There is more to send than there is room for.
    pub(crate) blocked: bool,
    since: Time,
}

/// What happened on the line.
#[derive(Debug)]
pub(crate) enum LineEvent {
    /// There is a connection, or there is none.
    Dialed(Result<Link, LinkError>),
    /// A frame came, or none will come any more.
    Frame(Result<Vec<u8>, LinkError>),
    /// There is room for a frame again.
    Room,
}

/// How long to wait after a line went down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// As after any failure.
    Usual,
    /// The master said that it stops.
    Restart,
    /// Somebody has to do something first.
    Slowly,
    /// Another daemon has the name.
    Replaced,
}

impl Line {
    pub(crate) fn new(master: Master, patience: Patience, now: Time) -> Self {
        let backoff = Backoff::new(patience.first, patience.longest);
        Self { brisk_until: now, master, patience, backoff, state: State::Down { again: now } }
    }

    /// Waits for what happens next. May be dropped while it waits; nothing is lost then.
    pub(crate) async fn event(&mut self) -> LineEvent {
        match &mut self.state {
            State::Down { .. } => std::future::pending().await,
            State::Dialing(dial) => LineEvent::Dialed(dial.await.unwrap_or(Err(LinkError::Ended))),
            State::Up(up) => {
                let room = up.link.until_room();
                tokio::select! {
                    frame = up.link.next() => LineEvent::Frame(frame),
                    () = room, if up.blocked => LineEvent::Room,
                }
            }
        }
    }

    /// Dials if it is time to.
    pub(crate) fn due(&mut self, now: Time) {
        if let State::Down { again } = self.state
            && now >= again
        {
            self.state = State::Dialing(tokio::spawn(Link::dial(self.master.clone())));
        }
    }

    /// The line is up.
    pub(crate) fn up(&mut self, link: Link, session: WorkerSession, now: Time) {
        self.state = State::Up(Box::new(Up { link, session, blocked: false, since: now }));
    }

    /// The connection and the session on it, if the line is up.
    pub(crate) fn get(&mut self) -> Option<&mut Up> {
        match &mut self.state {
            State::Up(up) => Some(up),
            State::Down { .. } | State::Dialing(_) => None,
        }
    }

    /// The line is down. Answers with the connection, to be closed, and with how long the pause is.
    pub(crate) fn down(&mut self, pause: Pause, now: Time) -> (Option<Link>, Span) {
        let state = std::mem::replace(&mut self.state, State::Down { again: now });
        let link = match state {
            State::Up(up) => {
                if now.since(up.since) >= GOOD {
                    self.backoff.reset();
                    self.brisk_until = now + BRISK;
                }
                Some(up.link)
            }
            State::Dialing(dial) => {
                dial.abort();
                None
            }
            State::Down { .. } => None,
        };
        if pause == Pause::Restart {
            self.backoff.reset();
            self.brisk_until = now + BRISK;
        }
        let wait = match pause {
            Pause::Usual | Pause::Restart if now < self.brisk_until => spread(self.patience.first, chance()),
            Pause::Usual | Pause::Restart => self.backoff.next(chance()),
            Pause::Slowly => spread(self.patience.slowly, chance()),
            Pause::Replaced => spread(self.patience.replaced, chance()),
        };
        self.state = State::Down { again: now + wait };
        (link, wait)
    }

    /// When the clock has to be looked at.
    pub(crate) fn deadline(&self) -> Option<Time> {
        match &self.state {
            State::Down { again } => Some(*again),
            State::Dialing(_) => None,
            State::Up(up) => Some(up.session.deadline()),
        }
    }

    /// The master's address for people.
    pub(crate) fn name(&self) -> String {
        match &self.master {
            Master::Url(url) => url.clone(),
            Master::InProcess(_) => "the master in this process".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Setup;
    use model::worker::Secret;

    #[test]
    fn a_master_that_stops_is_looked_for_often_and_then_ever_more_seldom() {
        let url = Master::Url("http://127.0.0.1:1/".into());
        let setup = Setup::new("/nowhere".into(), "w", Secret::new("p"), url.clone(), "/bin/sluice".into());
        let first = setup.patience.first;
        let mut line = Line::new(url, setup.patience, Time(0));
        let (mut now, mut tries) = (Time(0), 0);
        let (_, mut wait) = line.down(Pause::Restart, now);
        while now < Time(0) + BRISK {
            assert!(wait <= first, "try {tries} waits {wait}");
            now += wait;
            tries += 1;
            wait = line.down(Pause::Usual, now).1;
        }
        assert!(tries >= 40, "{tries} tries in {BRISK}");
        let later = (0..10).map(|_| line.down(Pause::Usual, now).1).max();
        assert!(later > Some(first), "the pauses grow: {later:?}");
    }
}
