//! Runs from the outside: an area, what is asked of it, and what comes of it, in virtual time.

mod excuses;
mod fixtures;
mod needs;
mod play;
mod props;
mod reruns;
mod scale;
mod selection;
mod trouble;
