//! Readers of bytes from outside: each takes hostile input and gives plain values, never a panic.

pub mod ansi;
