//! What a task depends on, and whether a change touches it.

use model::glob::covers;

/// The paths that a task depends on.
pub(super) struct Footprint(Vec<String>);

impl Footprint {
    /// From globs. Whatever says how things are tested is a part of every footprint.
    pub(super) fn new(globs: &[String]) -> Self {
        Self(globs.iter().cloned().chain([crate::committed::PIPELINE.to_owned()]).collect())
    }

    /// Whether any of these paths is one of them.
    pub(super) fn touches(&self, paths: &[String]) -> bool {
        paths.iter().any(|path| self.0.iter().any(|glob| covers(glob, path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_things_are_tested_is_a_part_of_every_footprint() {
        let touches = |globs: &[&str], path: &str| {
            let globs: Vec<String> = globs.iter().map(ToString::to_string).collect();
            Footprint::new(&globs).touches(&[path.to_owned()])
        };
        assert!(touches(&[], "sluice.star") && touches(&["docs/**"], "sluice.star"));
        assert!(touches(&["docs/**"], "docs/a") && !touches(&["docs/**"], "src/a"));
    }
}
