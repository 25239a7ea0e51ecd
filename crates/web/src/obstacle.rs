//! What keeps work from going on until somebody makes room, told in words. It passes by itself when there is room again.

use model::{BuildId, Time};

/// Something without which work does not go on. Nothing is lost meanwhile, and nobody has to start anything afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What does not go on.
    pub what: Hindered,
    /// Since when.
    pub since: Time,
    /// What the system says.
    pub reason: String,
}

/// What does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindered {
    /// The master's database takes nothing: nothing begins or ends.
    Store,
    /// No log can be written: output waits on the workers.
    Logs,
    /// A worker cannot write down what its commands say: they wait.
    Worker {
        /// Its name.
        name: String,
        /// The builds whose commands wait.
        builds: Vec<BuildId>,
    },
}

impl Obstacle {
    /// What does not go on and why, in a sentence without a full stop.
    pub fn sentence(&self) -> String {
        let reason = &self.reason;
        match &self.what {
            Hindered::Store => format!("Nothing can be recorded, so nothing begins or ends: {reason}"),
            Hindered::Logs => format!("No log can be written, so output waits on the workers: {reason}"),
            Hindered::Worker { name, builds } => {
                let waits = if builds.len() == 1 { "a command waits" } else { "commands wait" };
                format!("On worker {name} {waits}, since what is said cannot be written there: {reason}")
            }
        }
    }

    /// What to do, in a sentence.
    pub fn advice(&self) -> &'static str {
        match self.what {
            Hindered::Store => "Make room for the database, or see that it answers; all goes on by itself then.",
            Hindered::Logs => "Make room on that disk of the master; all goes on by itself then.",
            Hindered::Worker { .. } => "Make room on the worker's disk; all goes on by itself then.",
        }
    }

    /// Whether this build waits for it.
    pub fn keeps(&self, build: BuildId) -> bool {
        match &self.what {
            Hindered::Store | Hindered::Logs => true,
            Hindered::Worker { builds, .. } => builds.contains(&build),
        }
    }

    /// As the REST interface and events tell it.
    pub fn document(&self) -> api::LiveObstacle {
        let (what, worker, builds) = match &self.what {
            Hindered::Store => ("store", None, Vec::new()),
            Hindered::Logs => ("logs", None, Vec::new()),
            Hindered::Worker { name, builds } => ("worker", Some(name.clone()), builds.iter().map(|b| b.0).collect()),
        };
        api::LiveObstacle {
            what: what.to_owned(),
            worker,
            builds,
            since: self.since.as_seconds(),
            reason: self.reason.clone(),
            sentence: self.sentence(),
            advice: self.advice().to_owned(),
        }
    }
}
