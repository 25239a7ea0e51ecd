//! Which tasks of a gate a change can touch.

use gate::Footprint;
use model::GateTask;

/// The tasks that depend on any of these paths. A task without paths depends on everything.
pub(super) fn of(tasks: &[GateTask], touched: &[String]) -> Footprint {
    if touched.is_empty() {
        // What changes no file, as far as one can tell, is not known well enough.
        return Footprint::ALL;
    }
    let meets = |task: &GateTask| {
        task.paths.is_empty() || task.paths.iter().any(|glob| touched.iter().any(|path| is_below(glob, path)))
    };
    Footprint::of(tasks.iter().enumerate().filter(|(_, task)| meets(task)).map(|(number, _)| number))
}

/// Whether a path is what a glob names, or lies below it: `*` and `?` stay within a directory, `**` goes through any
/// number of them.
fn is_below(glob: &str, path: &str) -> bool {
    let glob: Vec<&str> = glob.trim_end_matches('/').split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    parts(&glob, &path)
}

fn parts(glob: &[&str], path: &[&str]) -> bool {
    match (glob.split_first(), path.split_first()) {
        // Whatever is left of the path is below.
        (None, _) => true,
        (Some((&"**", rest)), _) => {
            if rest.is_empty() {
                return !path.is_empty();
            }
            (0..=path.len()).any(|skipped| parts(rest, &path[skipped..]))
        }
        (Some(_), None) => false,
        (Some((first, glob)), Some((name, path))) => model::glob::is_like(first, name) && parts(glob, path),
    }
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
        ];
        for (glob, path, below) in cases {
            assert_eq!(is_below(glob, path), below, "{glob} {path}");
        }
    }

    #[test]
    fn a_task_without_paths_is_always_touched() {
        let task = |name: &str, paths: &[&str]| GateTask {
            name: name.to_owned(),
            builder: name.to_owned(),
            after: Vec::new(),
            paths: paths.iter().map(ToString::to_string).collect(),
        };
        let tasks = [task("all", &[]), task("docs", &["docs/**"]), task("lib", &["lib"])];
        let touched = |paths: &[&str]| of(&tasks, &paths.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(touched(&["docs/a"]), Footprint::of([0, 1]));
        assert_eq!(touched(&["lib/x", "docs/y"]), Footprint::of([0, 1, 2]));
        assert_eq!(touched(&[]), Footprint::ALL);
    }
}
