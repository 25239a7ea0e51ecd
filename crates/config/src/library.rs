//! The files that come with the language and are loaded by names that begin with `@sluice//`.

/// The names of Buildbot 0.7.3.
pub(crate) const COMPAT: &str = "@sluice//compat.star";

/// All of them.
const FILES: [(&str, &str); 2] =
    [(COMPAT, include_str!("library/compat.star")), ("@sluice//native.star", include_str!("library/native.star"))];

/// The text of one.
pub(crate) fn read(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(file, _)| *file == name).map(|(_, text)| *text)
}

/// Whether a file is one of them.
pub(crate) fn is_ours(file: &str) -> bool {
    FILES.iter().any(|(name, _)| *name == file)
}
