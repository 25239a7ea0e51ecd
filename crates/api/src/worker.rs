//! The document of a worker.

use crate::answer::Document;
use crate::field::{Field, Kind, field};
use crate::master::MASTER;
use model::BuilderId;
use serde::{Deserialize, Serialize};

/// A worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Its id.
    pub workerid: i64,
    /// Its name.
    pub name: String,
    /// Masters it is connected to; empty when it is away.
    pub connected_to: Vec<ConnectedTo>,
    /// Builders it may run builds of.
    pub configured_on: Vec<ConfiguredOn>,
    /// What it says of itself.
    pub workerinfo: WorkerInfo,
    /// It takes no new builds.
    pub paused: bool,
    /// Why it takes none.
    pub pause_reason: Option<String>,
    /// It is about to stop.
    pub graceful: bool,
}

/// A master that a worker is connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectedTo {
    /// The master.
    pub masterid: i64,
}

/// A builder that a worker may run builds of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfiguredOn {
    /// The master.
    pub masterid: i64,
    /// The builder.
    pub builderid: i64,
}

/// What a worker says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Who looks after it.
    pub admin: Option<String>,
    /// What machine it is.
    pub host: Option<String>,
    /// How to reach it.
    pub access_uri: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Operating system and architecture. Ours.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub system: Option<String>,
    /// Processors it may use. Ours.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cpus: Option<u32>,
}

impl Worker {
    /// The document of a worker that may run builds of `builders`.
    pub fn of(worker: &model::Worker, builders: &[BuilderId]) -> Self {
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            workerid: worker.id.0,
            name: worker.name.clone(),
            connected_to: if worker.connected { vec![ConnectedTo { masterid: MASTER }] } else { Vec::new() },
            configured_on: builders.iter().map(|b| ConfiguredOn { masterid: MASTER, builderid: b.0 }).collect(),
            workerinfo: WorkerInfo {
                admin: said(&worker.info.admin),
                host: said(&worker.info.host),
                access_uri: None,
                version: said(&worker.info.version),
                system: said(&worker.info.system),
                cpus: (worker.info.cpus > 0).then_some(worker.info.cpus),
            },
            paused: worker.paused.is_some(),
            pause_reason: worker.paused.clone(),
            graceful: false,
        }
    }

    /// It is connected to a master.
    pub fn is_connected(&self) -> bool {
        !self.connected_to.is_empty()
    }
}

impl Document for Worker {
    const PLURAL: &'static str = "workers";
    const FIELDS: &'static [Field] = &[
        field("workerid", Kind::Int),
        field("name", Kind::Text),
        field("connected_to", Kind::Nested),
        field("configured_on", Kind::Nested),
        field("workerinfo", Kind::Nested),
        field("paused", Kind::Bool),
        field("pause_reason", Kind::Text),
        field("graceful", Kind::Bool),
    ];
}
