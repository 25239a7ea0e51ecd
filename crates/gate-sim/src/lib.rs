//! The gate's policies side by side, in virtual time, beside oracles that know how everything ends.
//!
//! A trace is thrown from a seed, and is the same for each policy; so are flakes, which belong to the tree and the
//! attempt. The decisions are those of the room `gate`, not a model of them.

pub mod book;
pub mod bound;
pub mod dice;
pub mod formula;
pub mod grid;
pub mod measure;
pub mod oracle;
pub mod plot;
pub mod predict;
pub mod run;
pub mod table;
pub mod workload;
