//! Slots: each has a supervisor, and a task here that carries orders to it and news from it.

use process::control::{self, FromSupervisor, Hello, ToSupervisor};
use process::{Supervisor, stray};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// Orders that wait for a supervisor, at most.
const ORDERS: usize = 64;

/// A supervisor that cannot be started for lack of files, processes or memory is tried again after this long,
const AGAIN: Duration = Duration::from_secs(1);
/// so often.
const TRIES: u32 = 60;

/// Whether this is over when somebody else lets something go: open files, processes, memory.
pub(crate) fn is_passing(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let passing = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| passing.iter().any(|errno| errno.raw_os_error() == code))
}

/// Whether that is the cause of an error.
fn short_of(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause.downcast_ref::<std::io::Error>().is_some_and(is_passing) {
            return true;
        }
        next = cause.source();
    }
    false
}

/// News from a slot.
#[derive(Debug)]
pub(crate) struct SlotNews {
    /// Which.
    pub(crate) slot: u32,
    /// What.
    pub(crate) what: What,
}

/// What happened in a slot.
#[derive(Debug)]
pub(crate) enum What {
    /// Its supervisor is there.
    Ready(Hello),
    /// Its supervisor says something.
    Said(FromSupervisor),
    /// Its supervisor is gone, and what it left behind was ended. These were.
    Gone(Vec<String>),
    /// No supervisor can be had, with the reason.
    Failed(String),
}

/// The daemon's handle on a slot.
#[derive(Debug)]
pub(crate) struct Slot {
    orders: mpsc::Sender<ToSupervisor>,
}

impl Slot {
    /// Starts a supervisor for a slot, or takes the one that lives there.
    pub(crate) fn start(slot: u32, exe: PathBuf, dir: PathBuf, news: mpsc::Sender<SlotNews>) -> Self {
        let (orders, inbox) = mpsc::channel(ORDERS);
        tokio::spawn(async move {
            let mut tries = 0;
            let started = loop {
                let (exe, there) = (exe.clone(), dir.clone());
                let started = tokio::task::spawn_blocking(move || Supervisor::start(&exe, &there)).await;
                match started {
                    Ok(Err(e)) if tries < TRIES && short_of(&e) => {
                        tracing::warn!("slot {slot}: no supervisor yet: {}; trying again", chain(&e));
                        tries += 1;
                        tokio::time::sleep(AGAIN).await;
                    }
                    other => break other,
                }
            };
            match started {
                Ok(Ok(supervisor)) => serve(slot, supervisor, dir, inbox, news).await,
                Ok(Err(e)) => failed(slot, chain(&e), &news).await,
                Err(e) => failed(slot, e.to_string(), &news).await,
            }
        });
        Self { orders }
    }

    /// Goes on with a supervisor that lives.
    pub(crate) fn adopt(slot: u32, supervisor: Supervisor, dir: PathBuf, news: mpsc::Sender<SlotNews>) -> Self {
        let (orders, inbox) = mpsc::channel(ORDERS);
        tokio::spawn(serve(slot, supervisor, dir, inbox, news));
        Self { orders }
    }

    /// Gives an order. Answers whether it is on its way; a supervisor that does not listen is as good as gone.
    pub(crate) fn order(&self, order: ToSupervisor) -> bool {
        self.orders.try_send(order).is_ok()
    }

    /// Gives an order that may be left out when there are many.
    pub(crate) fn hint(&self, order: ToSupervisor) {
        if self.orders.capacity() > ORDERS / 2 {
            let _ = self.orders.try_send(order);
        }
    }
}

async fn failed(slot: u32, why: String, news: &mpsc::Sender<SlotNews>) {
    let _ = news.send(SlotNews { slot, what: What::Failed(why) }).await;
}

async fn serve(
    slot: u32,
    supervisor: Supervisor,
    dir: PathBuf,
    orders: mpsc::Receiver<ToSupervisor>,
    news: mpsc::Sender<SlotNews>,
) {
    match carry(slot, supervisor, orders, &news).await {
        End::LetGo => {}
        End::Lost => {
            let cleaned = tokio::task::spawn_blocking(move || clean(&dir)).await.unwrap_or_default();
            let _ = news.send(SlotNews { slot, what: What::Gone(cleaned) }).await;
        }
    }
}

/// How a conversation ends.
enum End {
    /// The daemon let go of the slot.
    LetGo,
    /// The supervisor is gone.
    Lost,
}

async fn carry(
    slot: u32,
    supervisor: Supervisor,
    mut orders: mpsc::Receiver<ToSupervisor>,
    news: &mpsc::Sender<SlotNews>,
) -> End {
    let (stream, mut decoder, hello) = supervisor.into_parts();
    let Ok(mut stream) = stream.set_nonblocking(true).and_then(|()| UnixStream::from_std(stream)) else {
        return End::Lost;
    };
    if news.send(SlotNews { slot, what: What::Ready(hello) }).await.is_err() {
        return End::LetGo;
    }
    let mut buffer = [0; 1024];
    loop {
        loop {
            match decoder.next() {
                Ok(None) => break,
                Ok(Some(said)) => {
                    if news.send(SlotNews { slot, what: What::Said(said) }).await.is_err() {
                        return End::LetGo;
                    }
                }
                Err(e) => {
                    tracing::warn!("slot {slot}: the supervisor is not understood: {e}");
                    return End::Lost;
                }
            }
        }
        tokio::select! {
            read = stream.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return End::Lost,
                Ok(n) => decoder.feed(&buffer[..n]),
            },
            order = orders.recv() => {
                let Some(order) = order else { return End::LetGo };
                let Ok(bytes) = control::encode(&order) else {
                    tracing::error!("slot {slot}: an order cannot be written");
                    continue;
                };
                if stream.write_all(&bytes).await.is_err() {
                    return End::Lost;
                }
            }
        }
    }
}

/// Ends what a dead supervisor left in a slot.
pub(crate) fn clean(dir: &Path) -> Vec<String> {
    stray::clean_slot(dir).unwrap_or_else(|e| {
        tracing::warn!("{}: stray processes cannot be looked for: {e}", dir.display());
        Vec::new()
    })
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Error;

    #[test]
    fn what_passes_by_itself_is_told_apart() {
        for (code, passing) in [(24, true), (23, true), (11, true), (12, true), (28, false), (2, false), (13, false)] {
            assert_eq!(is_passing(&Error::from_raw_os_error(code)), passing, "{code}");
        }
        assert!(short_of(&Error::from_raw_os_error(24)));
        let spool = process::spool::SpoolError::Io { file: "f".into(), source: Error::from_raw_os_error(24) };
        assert!(short_of(&spool), "the cause counts");
        assert!(!short_of(&Error::other("no")));
    }
}
