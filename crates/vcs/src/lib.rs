//! Version control systems, one file each; today git alone.
//!
//! Command lines and the parsers of what they print are pure; running them is apart and blocks the calling thread.

pub mod demo;
pub mod git;
