//! Composition: load, decide, record, act, sweep.
