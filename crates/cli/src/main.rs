//! The program sluice, one file per verb.
fn main() {}
