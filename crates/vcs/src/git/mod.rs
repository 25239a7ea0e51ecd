//! Git, by its command line.
//!
//! [`checkout`] is what a build's first step does on a worker; [`Follower`] is what a change source looks with.
//! `line` holds the command lines and the environment, `refs` and `log` the parsers, `fault` the reading of git's complaints;
//! `run` says how git is started.

mod checkout;
mod fault;
mod follow;
mod hand_in;
mod landing;
mod line;
mod log;
mod make;
mod mirror;
mod patch;
mod place;
mod refs;
mod run;
mod scour;
mod standing;
mod tree;
mod workshop;

pub use crate::fault::{Fault, VcsError as GitError};
pub use crate::report::{CheckoutReport, FAILED, TROUBLE};
pub(crate) use checkout::asked_again;
pub use checkout::{CheckoutSpec, checkout};
pub use follow::{Follower, Heads, Since};
pub use hand_in::handed_in;
pub use landing::{Conflict, Landing, Pushed, RebaseError, Target, Whitespace};
pub(crate) use line::{address_fault, is_ssh};
pub use log::Commit;
pub(crate) use make::{import, init_bare, point, resolve};
pub use place::LocalBranch;
#[cfg(test)]
pub(crate) use run::GIT;
pub use run::{Leash, MARK};
pub use standing::Standing;
pub use workshop::{Own, Renames, Workshop};
