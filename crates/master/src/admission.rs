//! Who is let in: the name, the password, and the one connection that a name has.
//!
//! A name belongs to whoever has it, as long as they live. When a second daemon comes under the same name, the first is
//! asked for a sign of life: one that gives it keeps its name and its running builds, one that does not has lost its
//! machine or its line, and the newer connection takes over.

use crate::hub::{Hub, Link};
use crate::input::Input;
use engine::World;
use engine::worker::Presence;
use model::worker::WorkerAccess;
use model::{Time, WorkerId};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::sync::{mpsc, oneshot, watch};
use wire::{Again, Hello};

/// How long a worker may take to give a sign of life when another one wants its name.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// How many questions for a sign of life may wait on one connection.
const ASKS: usize = 8;

/// The way back of a sign of life.
pub(crate) type Asked = oneshot::Sender<()>;

/// How a worker came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// Over the network, from this address: it must prove who it is.
    Network(SocketAddr),
    /// Started by this very process under this name.
    Local(String),
    /// Started by this very process for its own steps.
    Own,
}

/// The worker that does the master's own steps. It is in no configuration and in no store, whose ids begin at 1.
pub(crate) const OWN: WorkerId = WorkerId(0);

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Via::Network(address) => address.fmt(f),
            Via::Local(_) | Via::Own => f.write_str("the master's own process"),
        }
    }
}

/// A worker that wants to be let in.
pub(crate) struct Admission {
    pub(crate) hello: Box<Hello>,
    pub(crate) via: Via,
    pub(crate) reply: oneshot::Sender<Verdict>,
    /// When its first frame came, by the clock that goes evenly.
    pub(crate) came: Time,
    /// The session under the same name that was asked for a sign of life and gave none.
    pub(crate) silent: Option<u64>,
}

/// What the heart says to it.
pub(crate) enum Verdict {
    /// It is this worker.
    Welcome { worker: WorkerId, link: Arc<Link>, seat: Seat },
    /// It is not let in.
    Refused(Refusal),
}

/// Why a worker is not let in.
pub(crate) struct Refusal {
    pub(crate) reason: String,
    pub(crate) again: Again,
}

/// The place of a connection that was let in.
pub(crate) struct Seat {
    /// The session's number.
    pub(crate) number: u64,
    /// Others want to know whether the worker lives.
    pub(crate) asks: mpsc::Receiver<Asked>,
    /// Set when a newer connection of the same worker takes over: what is known of it.
    pub(crate) replaced: watch::Receiver<Option<String>>,
}

/// A connection that was let in, as the heart remembers it.
struct Live {
    number: u64,
    instance: u64,
    came: Time,
    via: Via,
    asks: mpsc::Sender<Asked>,
    replaced: watch::Sender<Option<String>>,
    /// It has said that it is about to stop.
    leaving: bool,
}

/// Who is connected, as the heart sees it.
pub(crate) struct Sessions {
    pub(crate) hub: Arc<Hub>,
    live: BTreeMap<WorkerId, Live>,
    next: u64,
}

/// A connection that has the name already. It has to be asked before it can be replaced.
pub(crate) struct Older {
    number: u64,
    refusal: Refusal,
    asks: mpsc::Sender<Asked>,
}

impl Sessions {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, live: BTreeMap::new(), next: 1 }
    }

    /// Whether this is who it says, in this configuration.
    pub(crate) fn check(&self, world: &World, admission: &Admission) -> Result<WorkerId, Refusal> {
        let hello = &admission.hello;
        if admission.via == Via::Own {
            return Ok(OWN);
        }
        let refuse = |reason: String| Err(Refusal { reason, again: Again::Slowly });
        let Some((state, spec)) = world.worker_named(&hello.name).and_then(|w| w.spec.as_ref().map(|s| (w, s))) else {
            return refuse(format!("there is no worker \"{}\" in the master's configuration", hello.name));
        };
        match (&spec.access, &admission.via) {
            (WorkerAccess::Local, Via::Local(name)) if *name == hello.name => Ok(state.worker.id),
            (WorkerAccess::Local, _) => {
                refuse(format!("the worker \"{}\" is a local one: the master starts it itself", hello.name))
            }
            (WorkerAccess::Remote { password }, _) => {
                let (said, right) = (hello.password.reveal().as_bytes(), password.reveal().as_bytes());
                match bool::from(said.ct_eq(right)) {
                    true => Ok(state.worker.id),
                    false => refuse(format!("the password of worker \"{}\" is wrong", hello.name)),
                }
            }
        }
    }

    /// The connection that must be asked first: another daemon has the name, and may well live.
    pub(crate) fn older(&self, worker: WorkerId, admission: &Admission) -> Option<Older> {
        let live = self.live.get(&worker)?;
        // A daemon that comes back has given its own older connection up.
        if live.instance == admission.hello.instance || admission.silent == Some(live.number) {
            return None;
        }
        let reason = format!(
            "a worker named \"{}\" is already connected from {}; stop that one, or give this one a name of its own",
            admission.hello.name, live.via
        );
        let refusal = Refusal { reason, again: Again::Soon };
        Some(Older { number: live.number, refusal, asks: live.asks.clone() })
    }

    /// Why this is none any more: the same daemon was let in by a newer connection while this one waited for a sign of
    /// life of the one before.
    pub(crate) fn overtaken(&self, worker: WorkerId, admission: &Admission) -> Option<Refusal> {
        let live = self.live.get(&worker)?;
        let same = live.instance == admission.hello.instance && live.came > admission.came;
        let reason = || format!("the worker \"{}\" has come by a newer connection meanwhile", admission.hello.name);
        same.then(|| Refusal { reason: reason(), again: Again::Soon })
    }

    /// Lets a worker in. An older connection of the same worker is told that it was replaced.
    pub(crate) fn admit(&mut self, worker: WorkerId, admission: Admission) {
        let number = self.next;
        self.next += 1;
        let (asks, asked) = mpsc::channel(ASKS);
        let (replaced, is_replaced) = watch::channel(None);
        let Admission { hello, via, reply, came, silent } = admission;
        let by = format!("a newer connection from {via} took over");
        let live = Live { number, instance: hello.instance, came, via, asks, replaced, leaving: false };
        if let Some(older) = self.live.insert(worker, live) {
            let by = match silent {
                Some(_) => format!("{by}, since this one gave no sign of life for {} s", SIGN_OF_LIFE.as_secs()),
                None => by,
            };
            older.replaced.send_replace(Some(by));
        }
        let link = self.hub.link(worker);
        let seat = Seat { number, asks: asked, replaced: is_replaced };
        let _ = reply.send(Verdict::Welcome { worker, link, seat });
    }

    /// A worker says on this connection that it is about to stop. True: it is the one that the worker has now, and says so
    /// for the first time.
    pub(crate) fn leaves(&mut self, worker: WorkerId, session: u64) -> bool {
        let live = self.live.get_mut(&worker).filter(|live| live.number == session && !live.leaving);
        live.map(|live| live.leaving = true).is_some()
    }

    /// How a worker stands.
    pub(crate) fn presence(&self, worker: WorkerId) -> Presence {
        match self.live.get(&worker) {
            Some(live) if live.leaving => Presence::Leaving,
            Some(_) => Presence::Here,
            None => Presence::Away,
        }
    }

    /// A connection is gone. True: the worker is away now; false: a newer connection has taken over.
    pub(crate) fn remove(&mut self, worker: WorkerId, session: u64) -> bool {
        match self.live.get(&worker) {
            Some(live) if live.number == session => self.live.remove(&worker).is_some(),
            _ => false,
        }
    }
}

impl Older {
    /// Asks for a sign of life. With one, the newcomer is refused; without, the heart hears of the newcomer again.
    pub(crate) fn ask(self, mut admission: Admission, heart: mpsc::Sender<Input>) {
        tokio::spawn(async move {
            let (asked, sign) = oneshot::channel();
            let lives = async { self.asks.send(asked).await.is_ok() && sign.await.is_ok() };
            match tokio::time::timeout(SIGN_OF_LIFE, lives).await {
                Ok(true) => {
                    let _ = admission.reply.send(Verdict::Refused(self.refusal));
                }
                Ok(false) | Err(_) => {
                    admission.silent = Some(self.number);
                    let _ = heart.send(Input::Hello { admission: Box::new(admission) }).await;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::Keys;
    use model::WorkerInfo;

    fn admission(instance: u64, came: i64) -> (Admission, oneshot::Receiver<Verdict>) {
        let (reply, verdict) = oneshot::channel();
        let hello = Hello {
            protocol: wire::PROTOCOL,
            oldest: None,
            name: "linux".to_owned(),
            password: model::worker::Secret::new("secret"),
            instance,
            info: WorkerInfo::default(),
            held: Vec::new(),
        };
        let via = Via::Network(([127, 0, 0, 1], 9).into());
        (Admission { hello: Box::new(hello), via, reply, came: Time(came), silent: None }, verdict)
    }

    #[test]
    fn whoever_says_twice_that_it_leaves_has_left_once() {
        let mut sessions = Sessions::new(Arc::new(Hub::new(mpsc::channel(1).0, Keys::new("key"))));
        let worker = WorkerId(1);
        let (hello, mut verdict) = admission(1, 10);
        sessions.admit(worker, hello);
        let Ok(Verdict::Welcome { seat, .. }) = verdict.try_recv() else { panic!("it was let in") };
        assert!(!sessions.leaves(worker, seat.number + 1), "that is another connection");
        assert!(sessions.leaves(worker, seat.number) && !sessions.leaves(worker, seat.number));
        assert_eq!(sessions.presence(worker), Presence::Leaving);
    }

    #[test]
    fn a_connection_that_was_overtaken_takes_nothing_from_the_newer_one() {
        let mut sessions = Sessions::new(Arc::new(Hub::new(mpsc::channel(1).0, Keys::new("key"))));
        let worker = WorkerId(1);
        let (first, _heard) = admission(1, 10);
        sessions.admit(worker, first);
        // Another daemon comes, has to wait for a sign of life, and comes again by a new connection meanwhile.
        let (mut waiting, _verdict) = admission(2, 20);
        let older = sessions.older(worker, &waiting).unwrap();
        assert!(sessions.overtaken(worker, &waiting).is_none(), "another daemon has the name");
        assert!(sessions.remove(worker, older.number));
        let (newer, mut newest) = admission(2, 30);
        assert!(sessions.older(worker, &newer).is_none() && sessions.overtaken(worker, &newer).is_none());
        sessions.admit(worker, newer);
        waiting.silent = Some(older.number);
        assert!(sessions.older(worker, &waiting).is_none());
        let refusal = sessions.overtaken(worker, &waiting).unwrap();
        assert_eq!(refusal.reason, "the worker \"linux\" has come by a newer connection meanwhile");
        assert_eq!(refusal.again, Again::Soon);
        let Ok(Verdict::Welcome { seat, .. }) = newest.try_recv() else { panic!("it was let in") };
        assert!(seat.replaced.borrow().is_none() && sessions.presence(worker) == Presence::Here);
        // The next one takes over at once.
        let (next, _verdict) = admission(2, 40);
        assert!(sessions.older(worker, &next).is_none() && sessions.overtaken(worker, &next).is_none());
        sessions.admit(worker, next);
        assert!(seat.replaced.borrow().is_some());
    }
}
