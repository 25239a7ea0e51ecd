//! Git, by its command line.
//!
//! [`checkout`] is what a build's first step does on a worker; [`Follower`] is what a change source looks with.
//! `line` holds the command lines and the environment, `refs` and `log` the parsers, `fault` the reading of git's complaints;
//! `run` is the only file that starts git.

mod checkout;
mod copy;
mod fault;
mod follow;
mod line;
mod log;
mod make;
mod mirror;
mod patch;
mod place;
mod refs;
mod run;
mod tree;

pub use checkout::{CheckoutReport, CheckoutSpec, FAILED, TROUBLE, checkout};
pub use fault::{Fault, GitError};
pub use follow::{Follower, Heads, Since};
pub use log::Commit;
pub(crate) use make::{import, init_bare, point, resolve};
pub use place::LocalBranch;
pub use run::Leash;
