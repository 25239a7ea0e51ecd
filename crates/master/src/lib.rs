//! Composition: load, decide, record, act, sweep.
//!
//! The only room that sees both `engine` and `store`. Its middle is [`heart`]: one loop that turns what is heard into
//! transitions, writes them, and only then carries out what they mean. Everything else here is a door of that loop:
//! worker sessions, change sources, the web's [`web::control::Control`], the configuration on disk.

mod admission;
mod attempts;
pub mod backup;
pub mod base;
mod claim;
mod clock;
pub mod config_file;
mod control;
mod door;
mod early;
mod effect;
mod ended;
mod events;
pub mod fsck;
mod gate;
mod heart;
mod hub;
pub mod in_force;
mod input;
mod left_open;
mod local;
mod obstacles;
mod order;
mod outbox;
mod pipeline;
mod reading;
mod run;
mod server;
mod session;
mod socket;
mod test_result;
mod transfer;
mod tried;
mod watch_jobdirs;
mod watch_sources;

pub use clock::Clock;
pub use run::{Master, OnStop, Reload, Setup, StartError};
pub use server::ServerLimits;
