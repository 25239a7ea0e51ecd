//! Which tasks of a gate a change can touch.

use gate::Footprint;
use model::GateTask;
use model::glob::covers;

/// The tasks that depend on any of these paths. A task without paths depends on everything.
pub(super) fn of(tasks: &[GateTask], touched: &[String]) -> Footprint {
    if touched.is_empty() {
        // What changes no file, as far as one can tell, is not known well enough.
        return Footprint::ALL;
    }
    let meets = |task: &GateTask| {
        task.paths.is_empty() || task.paths.iter().any(|glob| touched.iter().any(|path| covers(glob, path)))
    };
    Footprint::of(tasks.iter().enumerate().filter(|(_, task)| meets(task)).map(|(number, _)| number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_without_paths_is_always_touched() {
        let task = |name: &str, paths: &[&str]| GateTask {
            name: name.to_owned(),
            builder: name.to_owned(),
            after: Vec::new(),
            paths: paths.iter().map(ToString::to_string).collect(),
            does: String::new(),
        };
        let tasks = [task("all", &[]), task("docs", &["docs/**"]), task("lib", &["lib"])];
        let touched = |paths: &[&str]| of(&tasks, &paths.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(touched(&["docs/a"]), Footprint::of([0, 1]));
        assert_eq!(touched(&["lib/x", "docs/y"]), Footprint::of([0, 1, 2]));
        assert_eq!(touched(&[]), Footprint::ALL);
    }
}
