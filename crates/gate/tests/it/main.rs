//! Queues from the outside: what comes in, what is decided, in words.

mod desk;
mod scenario;
