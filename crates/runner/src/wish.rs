//! What is asked for when tests are run.

use crate::base::BaseError;
use crate::book::BookError;
use crate::hands::master::Way;
use crate::home::AreaError;
use model::area::Host;
use std::path::PathBuf;
use std::sync::Arc;
use testruns::status::UnknownStatus;
use testruns::{Rerun, Statuses};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The run; `None`: a new one, numbered.
    pub name: Option<String>,
    /// Tests and items.
    pub patterns: String,
    /// Of these only tests with such a tag.
    pub tags: Option<String>,
    /// What of a run that there is already is run again.
    pub again: Again,
    /// So many items at once.
    pub jobs: u32,
    /// Who asks.
    pub owner: String,
    /// What is said of the run.
    pub comment: Option<String>,
    /// This program.
    pub exe: PathBuf,
    /// Where it is carried out.
    pub host: Host,
    /// A master whose workers carry out what is begun now, in place of that.
    pub master: Option<Arc<dyn Way>>,
}

/// What is run again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Again {
    /// Nothing that has a verdict.
    #[default]
    Plain,
    /// What ended so: status words with commas between them, and `failed`.
    Listed(String),
    /// Whatever is not clean.
    Clean,
    /// Everything.
    All,
}

impl Again {
    pub(crate) fn read(&self, words: &Statuses) -> Result<Rerun, UnknownStatus> {
        Ok(match self {
            Again::Plain => Rerun::Plain,
            Again::Listed(list) => Rerun::listed(list, words)?,
            Again::Clean => Rerun::Clean,
            Again::All => Rerun::All,
        })
    }
}

/// Why nothing is run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The area, or what was asked of it.
    #[error(transparent)]
    Area(#[from] AreaError),
    /// A status that there is not.
    #[error(transparent)]
    Status(#[from] UnknownStatus),
    /// A name that no run can have.
    #[error("'{name}' cannot be the name of a run: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is no such run to be run again.
    #[error("there is no run '{name}' of the target '{target}'")]
    NoRun {
        /// The target.
        target: String,
        /// The name.
        name: String,
    },
    /// Nobody may change it.
    #[error("the run '{0}' is locked")]
    Locked(String),
    /// An earlier runner had it carried out somewhere else.
    #[error("{item} is still with {host}: go on with it by --master, or end it there")]
    Elsewhere {
        /// What.
        item: String,
        /// Where.
        host: String,
    },
    /// One item's directory would be inside of another's.
    #[error("the directory of {inner} would be inside of that of {outer}")]
    Nested {
        /// The outer one.
        outer: String,
        /// The inner one.
        inner: String,
    },
    /// What an earlier runner left elsewhere cannot be ended.
    #[error("what an earlier runner left in {host} cannot be ended: {why}")]
    Left {
        /// Where.
        host: String,
        /// Why.
        why: String,
    },
    /// The base directory.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// The store.
    #[error(transparent)]
    Book(#[from] BookError),
}
