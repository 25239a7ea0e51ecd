//! What a source tree is, and so how it is built, when nobody has said.

use model::StepSpec;

/// A tree to look at: a directory, or a commit that is not checked out.
pub trait Tree {
    /// Whether there is a file (not a directory) at this path below the root; forward slashes.
    fn has_file(&self, path: &str) -> bool;
    /// Whether there is a directory at this path.
    fn has_dir(&self, path: &str) -> bool;
    /// The text of a file; `None` if there is none. Long files may be cut; invalid UTF-8 is replaced.
    fn read(&self, path: &str) -> Option<String>;
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// In words: `configure and make`.
    pub kind: &'static str,
    /// The files that say so: `configure, Makefile.in`.
    pub evidence: String,
    /// What to do after the checkout; never empty.
    pub steps: Vec<StepSpec>,
}

/// What a tree is. `jobs` is how many processors a build may use. `None`: nothing is known that would build it.
pub fn detect(tree: &dyn Tree, jobs: u32) -> Option<Detected> {
    let _ = (tree, jobs);
    None
}
