//! The program under test: built with its points, copied to where the run happens; and the points that it has.

use anyhow::{Context, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Which process a point is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Master,
    Worker,
    Supervisor,
}

impl Part {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Part::Master => "master",
            Part::Worker => "worker",
            Part::Supervisor => "supervisor",
        }
    }
}

/// Rooms with points, and whose they are.
const ROOMS: &[(&str, Part)] = &[
    ("master", Part::Master),
    ("store", Part::Master),
    ("logs", Part::Master),
    ("worker", Part::Worker),
    ("process", Part::Supervisor),
];

/// A point.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) part: Part,
    pub(crate) name: String,
}

/// Points of a gate begin so: there is none in the town, and `cargo xtask chaos gate --kills 20` comes by them.
const OF_GATES: &str = "gate-";

/// All points that the town comes by, as the sources name them.
pub(crate) fn points() -> anyhow::Result<Vec<Point>> {
    let mut points = BTreeSet::new();
    for &(room, part) in ROOMS {
        for file in sources(Path::new(&format!("crates/{room}/src")))? {
            let names = names(&fs::read_to_string(&file)?);
            for name in names.into_iter().filter(|name| !name.starts_with(OF_GATES)) {
                if !points.insert(Point { part, name: name.clone() }) {
                    bail!("{}: the point {name} is there twice", file.display());
                }
            }
        }
    }
    Ok(points.into_iter().collect())
}

fn sources(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        match path.is_dir() {
            true => found.extend(sources(&path)?),
            false if path.extension().is_some_and(|e| e == "rs") => found.push(path),
            false => {}
        }
    }
    Ok(found)
}

/// The names in the calls of `fail_point!`.
fn names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for call in text.split("fail_point!(").skip(1) {
        let call = &call[..call.find(");").unwrap_or(call.len())];
        let quoted = call.split('"').skip(1).step_by(2);
        names.extend(quoted.map(str::to_owned));
    }
    names
}

/// Builds the program with its points; where it is.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    eprintln!("building sluice with its points");
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--package", "cli", "--features", "chaos"]).stdin(Stdio::null());
    if !command.status().context("cannot start cargo")?.success() {
        bail!("sluice cannot be built");
    }
    let built = std::env::current_exe()?.with_file_name("sluice");
    // The next build of the workspace puts the one without points in its place.
    let kept = built.with_file_name("sluice-chaos");
    copy(&built, &kept)?;
    Ok(kept)
}

/// A copy that no later build replaces.
pub(crate) fn copy(program: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(program, to).with_context(|| format!("cannot copy {}", program.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_has_a_name_of_its_own() {
        std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap();
        let points = points().unwrap();
        let names: BTreeSet<&str> = points.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names.len(), points.len());
        assert!(points.len() >= 45, "{} points", points.len());
        for part in [Part::Master, Part::Worker, Part::Supervisor] {
            assert!(points.iter().filter(|p| p.part == part).count() >= 5, "{}", part.word());
        }
    }

    #[test]
    fn calls_of_several_lines_are_read() {
        let text = "fail_point!(\"a-b\");\n fail_point!(each &all;\n T::A(_) => \"c\",\n T::B { .. } => \"d\",\n);\nlet x = \"e\";";
        assert_eq!(names(text), ["a-b", "c", "d"]);
    }
}
