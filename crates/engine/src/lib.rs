//! Decisions: what to do next, given a world and a time.
