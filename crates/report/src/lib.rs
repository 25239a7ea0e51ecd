//! Status targets, one file each: what to say, how it reads, how it is sent.
//!
//! A [`Target`] is made from its place in the configuration. The master hands it a [`Story`] for each build that it may
//! want to hear of; [`Target::write`] is pure and answers with messages for its outbox. They are sent from there, in
//! their order, as often as it takes: what [`Unsent`] says decides whether one is tried again.

mod http;
pub mod letter;
mod mail;
mod page;
mod people;
mod story;
mod when;
mod words;

pub use story::{Earlier, History, Story, Tail};
pub use when::{may_want, wants};

use model::{BuildId, Functions, LogId, Message, NewMessage, ReporterKind, ReporterSpec};
use std::future::Future;
use std::pin::Pin;

/// Something that is told of builds.
pub trait Target: Send + Sync {
    /// What is to be said of a build, and to whom; nothing, if it wants to hear nothing of it. Each message has a
    /// person once for each thing that it is about.
    fn write(&self, story: &Story, functions: &dyn Functions) -> Vec<NewMessage>;

    /// Sends a message that [`Target::write`] made, perhaps of an earlier program. It may be asked twice.
    fn send<'a>(&'a self, message: &'a Message, shelf: &'a dyn Shelf) -> Reply<'a, Result<(), Unsent>>;
}

/// Where logs are read.
pub trait Shelf: Send + Sync {
    /// The end of a log, at most so many bytes. `None`: it is gone.
    fn end_of(&self, build: BuildId, log: LogId, most: u64) -> Reply<'_, Option<Vec<u8>>>;
}

/// The answer of a [`Target`] or a [`Shelf`].
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a message was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The target takes nothing now: this message is tried again, and those behind it wait.
    #[error("{0}")]
    Away(String),
    /// The target does not take this message now: it is tried again, and those behind it go on.
    #[error("{0}")]
    Later(String),
    /// The target does not want this message.
    #[error("{0}")]
    Refused(String),
}

/// The targets that there are: one line each.
///
/// # Errors
/// A sentence: the target cannot be made, for instance because the machine has no certificates.
pub fn target(spec: &ReporterSpec) -> Result<Box<dyn Target>, String> {
    match &spec.kind {
        ReporterKind::Mail(mail) => mail::target(spec, mail),
        ReporterKind::Http(http) => http::target(spec, http),
    }
}

/// All that an error says of itself and of what led to it, in a line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    words::line(&text, 500)
}
