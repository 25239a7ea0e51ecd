//! Commands become processes: the daemon that does a master's work.
//!
//! [`run`] keeps one connection to the master, outbound, and comes back by itself. What it is told to do goes to
//! supervisors, one for each slot below `BASEDIR/.slots`; they and their spools outlive this daemon, and the next one finds
//! them. Build work happens in `BASEDIR/BUILDDIR`, git's mirrors lie in `BASEDIR/.mirrors`, and nothing else is touched.

pub mod act;
mod backoff;
mod command;
mod daemon;
mod error;
mod home;
mod info;
mod job;
mod line;
mod link;
mod settings;
mod setup;
mod slot;

pub use daemon::run;
pub use error::WorkerError;
pub use link::Pipe;
pub use settings::{Initialised, Password, Settings, init, load};
pub use setup::{Master, Patience, Reach, Setup, Standing, Wish};
