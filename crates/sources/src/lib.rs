//! Change sources, one file each.
//!
//! A source is a task that looks somewhere and hands over what it found through a [`Door`]; it has no store of its own.

mod git;
mod plan;
mod poller;
#[cfg(test)]
mod test_door;
mod tree;

use model::{ChangeSourceSpec, NewChange, Span, Time};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// What a source may ask of its master.
pub trait Door: Send + Sync + 'static {
    /// The text that the source last left behind; `None` at its very first look.
    fn memory<'a>(&'a self, source: &'a str) -> Reply<'a, Option<String>>;

    /// Takes changes in, oldest first, together with the source's new memory: all of it durable, or nothing.
    /// Changes that are known already (same repository, branch, revision and codebase) are passed over.
    fn accept<'a>(&'a self, source: &'a str, changes: Vec<NewChange>, memory: String) -> Reply<'a, ()>;

    /// How the source is doing; for pages and logs. It must not block.
    fn said(&self, source: &str, state: SourceState);

    /// The master's clock.
    fn now(&self) -> Time;
}

/// The answer of a [`Door`].
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, DoorError>> + Send + 'a>>;

/// The master could not do what a source asked; the source tries again later.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct DoorError(pub String);

/// How a source is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    /// One line: what it last found, or what is wrong.
    pub text: String,
    /// Why it cannot look at the moment; `None` when it can.
    pub failing: Option<String>,
    /// When it last looked, with or without success.
    pub looked_at: Option<Time>,
    /// When it looks next.
    pub next_at: Option<Time>,
}

/// How a running source is reached.
#[derive(Clone, Debug)]
pub struct Bell {
    /// Rung to make the source look at once.
    pub wake: Arc<Notify>,
    /// Becomes true, or loses its sender, when the source shall end.
    pub stop: watch::Receiver<bool>,
}

/// The longest time between two looks at something that is away.
pub const LONGEST_PAUSE: Span = Span::seconds(300);

/// Follows one source until its bell says stop; `dir` is its own directory for what it keeps (mirrors). A look that is
/// under way at that moment is cut short, and its processes are ended.
pub async fn watch(spec: ChangeSourceSpec, dir: PathBuf, door: Arc<dyn Door>, bell: Bell) {
    match spec {
        ChangeSourceSpec::GitPoller(spec) => git::watch(spec, dir, door, bell).await,
        ChangeSourceSpec::VcsPoller(spec) => tree::watch(spec, dir, door, bell).await,
    }
}
