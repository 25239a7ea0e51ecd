//! What a task depends on, and whether a change touches it.

use anyhow::Context;
use regex::{Regex, RegexBuilder};

/// A pattern that needs more memory than this is refused.
const PATTERN_BYTES: usize = 1 << 20;

/// The paths that a task depends on.
pub(super) struct Footprint(Vec<Regex>);

impl Footprint {
    /// From globs: `*` and `?` stay within a directory, `**` goes through any number of them, a directory's name stands
    /// for all that is below it. Whatever says how things are tested is a part of every footprint.
    pub(super) fn new(globs: &[String]) -> anyhow::Result<Self> {
        let all = globs.iter().map(String::as_str).chain([crate::committed::PIPELINE]);
        let patterns = all.map(|glob| {
            let built = RegexBuilder::new(&pattern(glob)).size_limit(PATTERN_BYTES).build();
            built.with_context(|| format!("the glob {glob} cannot be used"))
        });
        Ok(Self(patterns.collect::<anyhow::Result<_>>()?))
    }

    /// Whether any of these paths is one of them.
    pub(super) fn touches(&self, paths: &[String]) -> bool {
        paths.iter().any(|path| self.0.iter().any(|pattern| pattern.is_match(path)))
    }
}

/// The regular expression that means the same as a glob.
fn pattern(glob: &str) -> String {
    let mut out = String::from(r"\A");
    let mut rest = glob.trim_end_matches('/');
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("**/") {
            out.push_str("(?:.*/)?");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("**") {
            out.push_str(".*");
            rest = after;
        } else {
            match c {
                '*' => out.push_str("[^/]*"),
                '?' => out.push_str("[^/]"),
                other => out.push_str(&regex::escape(&other.to_string())),
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    out.push_str(r"(?:/.*)?\z");
    format!("(?s){out}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_mean_what_they_mean_for_paths() {
        let cases = [
            ("docs/**", "docs/a/b.md", true),
            ("docs/**", "docs", false),
            ("docs", "docs/a", true),
            ("docs/", "docs/a", true),
            ("docs", "docs2/a", false),
            ("*.c", "a.c", true),
            ("*.c", "src/a.c", false),
            ("**/*.c", "src/deep/a.c", true),
            ("**/*.c", "a.c", true),
            ("src/*/x", "src/a/x", true),
            ("src/*/x", "src/a/b/x", false),
            ("a?.h", "ab.h", true),
            ("a?.h", "a/.h", false),
            ("a+(b", "a+(b", true),
            ("a.c", "abc", false),
        ];
        for (glob, path, touched) in cases {
            let footprint = Footprint::new(&[glob.to_owned()]).unwrap();
            assert_eq!(footprint.touches(&[path.to_owned()]), touched, "{glob} {path}");
            assert!(footprint.touches(&["sluice.star".to_owned()]));
        }
    }
}
