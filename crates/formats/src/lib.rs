//! Readers of bytes from outside.
