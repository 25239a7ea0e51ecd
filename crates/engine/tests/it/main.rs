//! The engine in a small town: a configuration, virtual time, and workers that say what they are told to.

mod build;
mod distributor;
mod eta;
mod force;
mod jump;
mod ledger;
mod lock;
mod merge;
mod policy;
mod presence;
mod queue;
mod reload;
mod scheduler;
mod step;
mod town;
mod tried;
mod trigger;
mod verdict;
mod why;
