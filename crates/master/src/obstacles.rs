//! What keeps work from going on for now: a disk without room, a database that takes nothing. Each is told by whoever
//! meets it, and taken back by the same; pages ask for the list, also while the heart waits for its store.

use crate::Clock;
use crate::session::lock;
use model::{BuildId, Event, Time};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;
use web::obstacle::{Hindered, Obstacle};
use wire::Stuck;

/// The list.
pub(crate) struct Obstacles {
    all: Mutex<BTreeMap<Whose, Obstacle>>,
    clock: Clock,
    events: broadcast::Sender<Arc<Event>>,
}

/// Who met an obstacle: it takes back its own and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Store,
    Logs,
    /// A session with a worker.
    Session(u64),
}

impl Obstacles {
    pub(crate) fn new(clock: Clock, events: broadcast::Sender<Arc<Event>>) -> Self {
        Self { all: Mutex::default(), clock, events }
    }

    /// The store takes nothing, and why; `None`: it does again.
    pub(crate) fn store(&self, reason: Option<String>) {
        self.put(Whose::Store, reason.map(|reason| (Hindered::Store, reason)));
    }

    /// Logs cannot be written, and why; `None`: they can again.
    pub(crate) fn logs(&self, reason: Option<String>) {
        self.put(Whose::Logs, reason.map(|reason| (Hindered::Logs, reason)));
    }

    /// A worker names all its commands that cannot go on; none when its session ends.
    pub(crate) fn worker(&self, session: u64, name: &str, stuck: &[Stuck]) {
        let mut builds: Vec<BuildId> = stuck.iter().map(|s| BuildId(s.command.build)).collect();
        builds.sort_unstable();
        builds.dedup();
        let first = stuck.first().map(|s| s.why.clone());
        let what = first.map(|why| (Hindered::Worker { name: name.to_owned(), builds }, why));
        self.put(Whose::Session(session), what);
    }

    /// Everything that is in the way, what hinders most first.
    pub(crate) fn list(&self) -> Vec<Obstacle> {
        lock(&self.all).values().cloned().collect()
    }

    /// Why the store takes nothing, and since when.
    pub(crate) fn of_store(&self) -> Option<(Time, String)> {
        lock(&self.all).get(&Whose::Store).map(|o| (o.since, o.reason.clone()))
    }

    fn put(&self, whose: Whose, what: Option<(Hindered, String)>) {
        let changed = {
            let mut all = lock(&self.all);
            let before = all.get(&whose).cloned();
            match what {
                Some((what, reason)) => {
                    let since = before.as_ref().map_or_else(|| self.clock.now(), |o| o.since);
                    all.insert(whose, Obstacle { what, since, reason });
                }
                None => drop(all.remove(&whose)),
            }
            all.get(&whose) != before.as_ref()
        };
        if changed && self.events.receiver_count() > 0 {
            let all: Vec<_> = self.list().iter().map(Obstacle::document).collect();
            let message = serde_json::json!({ "obstacles": all }).to_string();
            let key = ["obstacles", "all", "changed"].map(str::to_owned).to_vec();
            // Nobody listens: that is fine.
            let _ = self.events.send(Arc::new(Event { key, message }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::CommandId;

    #[test]
    fn each_comes_is_heard_of_once_and_goes() {
        let (events, mut heard) = broadcast::channel(16);
        let obstacles = Obstacles::new(Clock::default(), events);
        let words = || obstacles.list().iter().map(Obstacle::sentence).collect::<Vec<_>>();
        obstacles.worker(7, "mac", &[]);
        assert!(heard.try_recv().is_err(), "nothing came and nothing went");
        let stuck = |build| Stuck { command: CommandId { build, epoch: 1, step: 1 }, why: "no space".to_owned() };
        obstacles.worker(7, "mac", &[stuck(4), stuck(4), stuck(3)]);
        obstacles.logs(Some("/logs/0/3.slog: no space".to_owned()));
        obstacles.logs(Some("/logs/0/3.slog: no space".to_owned()));
        obstacles.store(Some("the disk is full".to_owned()));
        let all = [
            "Nothing can be recorded, so nothing begins or ends: the disk is full",
            "No log can be written, so output waits on the workers: /logs/0/3.slog: no space",
            "On worker mac commands wait, since what is said cannot be written there: no space",
        ];
        assert_eq!(words(), all);
        let keeps = |build| obstacles.list().iter().filter(|o| o.keeps(BuildId(build))).count();
        assert_eq!((keeps(3), keeps(5)), (3, 2));
        let since = obstacles.of_store().map(|(since, _)| since);
        obstacles.store(Some("the disk is still full".to_owned()));
        assert_eq!(obstacles.of_store().map(|(since, _)| since), since, "it lasts since it began");
        obstacles.worker(8, "mac", &[]);
        assert_eq!(words().len(), 3, "another session takes nothing back");
        obstacles.worker(7, "mac", &[]);
        obstacles.logs(None);
        obstacles.store(None);
        assert!(words().is_empty());
        let mut count = 0;
        while let Ok(event) = heard.try_recv() {
            assert_eq!(event.key, ["obstacles", "all", "changed"]);
            count += 1;
        }
        assert_eq!(count, 7, "once for each time that the list changed");
    }
}
