//! The house rules that a machine can check: the import table, module headers, lengths, forbidden words and names.

use anyhow::{Context, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which room may import which; the table of ARCHITECTURE.md.
const ROOMS: &str = include_str!("../rooms.tsv");

/// No file is longer.
const LONGEST_FILE: usize = 1000;

/// What rooms of the rings 0 and 1 do not know: no runtime, clock, file, socket, process, thread or chance.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime",
    "thread_rng",
    "getrandom",
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["common", "util", "utils", "misc", "helper", "helpers", "core"];

/// Checks everything and tells all that is wrong.
pub(crate) fn run() -> anyhow::Result<()> {
    let rooms = table()?;
    let mut wrong = imports(&rooms)?;
    for file in sources()? {
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        wrong.extend(in_file(&file, &text, &rooms));
    }
    wrong.extend(in_documents()?);
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{} things are not tidy:\n  {}", wrong.len(), wrong.join("\n  "));
}

struct Room {
    imports: BTreeSet<String>,
    pure: bool,
}

fn table() -> anyhow::Result<BTreeMap<String, Room>> {
    let mut rooms = BTreeMap::new();
    for line in ROOMS.lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [_ring, room, imports, words] = cells[..] else { bail!("rooms.tsv: four cells are wanted in '{line}'") };
        let imports = imports.split(' ').filter(|i| *i != "-").map(str::to_owned).collect();
        rooms.insert(room.to_owned(), Room { imports, pure: words == "pure" });
    }
    Ok(rooms)
}

/// What cargo knows of the rooms, against the table.
fn imports(rooms: &BTreeMap<String, Room>) -> anyhow::Result<Vec<String>> {
    let out = Command::new(env!("CARGO")).args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).context("cargo metadata is not readable")?;
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(room) = rooms.get(name) else {
            wrong.push(format!("the room {name} is not in xtask/rooms.tsv"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            let dev = dependency["kind"].as_str() == Some("dev");
            if rooms.contains_key(to) && !dev && !room.imports.contains(to) {
                wrong.push(format!("{name} imports {to}, which the table does not allow"));
            }
        }
    }
    Ok(wrong)
}

fn sources() -> anyhow::Result<Vec<PathBuf>> {
    let out = Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"]).output()?;
    let text = String::from_utf8(out.stdout)?;
    Ok(text.lines().map(PathBuf::from).filter(|p| p.exists()).collect())
}

fn in_file(file: &Path, text: &str, rooms: &BTreeMap<String, Room>) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = file.display();
    if !text.starts_with("//!") {
        wrong.push(format!("{name}: begins without a //! line that says what it is"));
    }
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        wrong.push(format!("{name}: {lines} lines; split it ({LONGEST_FILE} at most)"));
    }
    for part in file.with_extension("").iter().filter_map(|p| p.to_str()) {
        if EMPTY_NAMES.contains(&part) {
            wrong.push(format!("{name}: '{part}' says nothing about what is inside"));
        }
    }
    let room = file.iter().nth(1).and_then(|r| r.to_str()).and_then(|r| rooms.get(r));
    let in_src = file.iter().nth(2).is_some_and(|d| d == "src");
    if room.is_some_and(|r| r.pure) && in_src {
        let production = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in production.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in IMPURE.iter().filter(|w| code.contains(**w)) {
                wrong.push(format!("{name}:{}: '{word}' has no place in a pure room", number + 1));
            }
        }
    }
    wrong
}

/// The book has every chapter that its summary names, and links between documents lead somewhere.
fn in_documents() -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let out = Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]).output()?;
    for file in String::from_utf8(out.stdout)?.lines().map(PathBuf::from).filter(|p| p.exists()) {
        let text = std::fs::read_to_string(&file)?;
        for target in links(&text) {
            let path = target.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || path.is_empty() || target.starts_with("mailto:");
            if !outside && !file.parent().unwrap_or(Path::new("")).join(path).exists() {
                wrong.push(format!("{}: the link to {target} leads nowhere", file.display()));
            }
        }
    }
    Ok(wrong)
}

/// Targets of `[text](target)`, outside of code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        let mut rest = if code { "" } else { line };
        while let Some(at) = rest.find("](") {
            rest = &rest[at + 2..];
            if let Some(end) = rest.find(')') {
                found.push(rest[..end].to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(file: &str, text: &str) -> Vec<String> {
        in_file(Path::new(file), text, &table().unwrap())
    }

    #[test]
    fn a_tidy_file_passes() {
        assert_eq!(wrong("crates/engine/src/build.rs", "//! Builds.\nfn f() {}\n"), Vec::<String>::new());
    }

    #[test]
    fn each_rule_bites() {
        assert_eq!(wrong("crates/web/src/a.rs", "fn f() {}\n").len(), 1, "no header");
        assert_eq!(wrong("crates/web/src/a.rs", &("//! A.\n".to_owned() + &"\n".repeat(1000))).len(), 1, "too long");
        assert_eq!(wrong("crates/web/src/util.rs", "//! A.\n").len(), 1, "an empty name");
        assert_eq!(wrong("crates/engine/src/a.rs", "//! A.\nuse std::fs;\n").len(), 1, "impure");
        assert_eq!(wrong("crates/engine/src/a.rs", "//! A.\n// std::fs\n#[cfg(test)]\nuse std::fs;\n").len(), 0);
    }

    #[test]
    fn links_are_found_outside_of_code() {
        assert_eq!(links("see [a](b.md) and [c](d#e)\n```\n[x](y)\n```\n"), ["b.md", "d#e"]);
    }
}
