//! A master that a command hosts in its own process: the same engine, the same store and a worker of its own.

use client::Client;
use master::base::BaseDir;
use master::{Master, OnStop, Reload, Setup, StartError};
use model::Config;
use std::path::Path;

/// A hosted master.
pub(crate) struct Hosted {
    pub(crate) master: Master,
    pub(crate) client: Client,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostedError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Client(#[from] client::ClientError),
}

impl Hosted {
    /// Starts a master in `basedir`. Nothing of it is left when it is closed: its commands end with it.
    pub(crate) async fn open(basedir: &Path, config: Config) -> Result<Self, HostedError> {
        let base = BaseDir::at(basedir);
        base.create().map_err(StartError::from)?;
        let token = base.token().map_err(StartError::from)?;
        let setup = Setup { reload: Reload::Never, on_stop: OnStop::EndCommands, ..Setup::of(base, config) };
        let master = Master::start(setup).await?;
        let client = Client::new(master.url(), Some(token))?;
        Ok(Self { master, client })
    }

    /// Ends what runs, and the master.
    pub(crate) async fn close(self) {
        self.master.stop().await;
    }
}
