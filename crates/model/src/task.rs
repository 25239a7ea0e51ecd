//! Tasks of the gate: what must pass before a change lands.

use crate::{Place, Span, StepSpec};
use serde::{Deserialize, Serialize};

/// A task as `sluice.star` or a master's configuration has it: stages in order, beside which other tasks run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// Its unique name.
    pub name: String,
    /// Where its stages work, below the tree; empty is the root of the tree.
    pub dir: String,
    /// What it does, in order. The first that fails ends it.
    pub stages: Vec<StepSpec>,
    /// Tasks that must have passed before it begins.
    pub after: Vec<String>,
    /// What it depends on: globs of paths in the tree. A change to none of them leaves its verdict as it is. Empty:
    /// everything.
    pub paths: Vec<String>,
    /// How long all its stages may take together; `None`: as long as they do.
    pub max_time: Option<Span>,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

/// Where changes of a repository land, as its own `sluice.star` says: what stands behind `--rebase-master` and
/// `--push-master`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterSpec {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The repository that it is read from.
    pub master: String,
    /// The repository that is pushed to; the one that it is read from where nothing is said.
    pub push: String,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

impl TaskSpec {
    /// The name as a part of a path, as autobuild tags its files: `/` and whatever else is no plain letter becomes `_`.
    pub fn tag(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' };
        let tag: String = self.name.chars().map(plain).collect();
        if tag.trim_matches('.').is_empty() { format!("task{tag}") } else { tag }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_part_of_a_path() {
        let names = [("source4/lib/ldb", "source4_lib_ldb"), ("a b", "a_b"), ("..", "task.."), ("x-1.2_y", "x-1.2_y")];
        for (name, tag) in names {
            let task = TaskSpec {
                name: name.to_owned(),
                dir: String::new(),
                stages: Vec::new(),
                after: Vec::new(),
                paths: Vec::new(),
                max_time: None,
                defined_at: None,
            };
            assert_eq!(task.tag(), tag);
        }
    }
}
