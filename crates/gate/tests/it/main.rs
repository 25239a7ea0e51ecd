//! Queues from the outside: what comes in, what is decided, in words.

mod chance;
mod desk;
mod scenario;
mod world;
