//! Version control systems, one file each, and one line each in the list in `system.rs`; git has a folder.
//!
//! Command lines and the parsers of what they print are pure; running them is apart and blocks the calling thread.

mod bazaar;
mod checkout;
mod commit;
mod copy;
mod cvs;
mod darcs;
mod date;
pub mod demo;
mod dirs;
mod fault;
mod follow;
pub mod git;
mod line;
mod mercurial;
mod patch;
mod report;
mod run;
mod subversion;
mod system;
mod xml;

pub use checkout::{Checkout, TreeSpec, checkout};
pub use commit::Commit;
pub use fault::{Fault, VcsError};
pub use follow::Watched;
pub use report::{CheckoutReport, FAILED, TROUBLE};
pub use run::Leash;
pub use system::{Heads, News};
