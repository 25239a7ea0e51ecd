//! `docs/parity.md` held against the code: every promise has its row, every test that a row names exists, and the
//! totals are what the rows add up to.

use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/parity.md";

/// How many promises each part of the manual makes.
const PARTS: &[(char, usize)] = &[
    ('A', 19),
    ('B', 25),
    ('C', 18),
    ('D', 10),
    ('E', 16),
    ('F', 9),
    ('G', 9),
    ('H', 12),
    ('I', 16),
    ('J', 11),
    ('K', 5),
    ('L', 5),
    ('M', 9),
    ('N', 10),
    ('O', 17),
    ('P', 23),
    ('Q', 13),
    ('R', 4),
    ('S', 11),
];

/// A row of the page.
#[derive(Debug, PartialEq, Eq)]
struct Row<'t> {
    id: &'t str,
    state: &'t str,
    place: &'t str,
    tests: Vec<&'t str>,
}

/// Checks the page and prints the count by state and by part.
pub(crate) fn run() -> anyhow::Result<()> {
    let text = std::fs::read_to_string(PAGE).with_context(|| format!("cannot read {PAGE}"))?;
    let rows: Vec<Row<'_>> = text.lines().filter_map(row).collect();
    let mut wrong = numbers(&rows);
    let functions = functions(Path::new("."))?;
    for row in &rows {
        wrong.extend(claims(row, &functions));
    }
    let told = totals(&rows);
    if !text.contains(&told) {
        wrong.push(format!("the page does not say: {told}"));
    }
    if !wrong.is_empty() {
        bail!("{} things are wrong in {PAGE}:\n  {}", wrong.len(), wrong.join("\n  "));
    }
    println!("{}", told.replace("**", ""));
    for (part, _) in PARTS {
        let of = rows.iter().filter(|r| r.id.starts_with(*part));
        let (done, all) = of.fold((0, 0), |(done, all), r| (done + usize::from(r.state != "open"), all + 1));
        println!("  1.{part}  {done:>2} of {all}");
    }
    Ok(())
}

/// `| A1 | promise | state | where | `test`, `test` |`
fn row(line: &str) -> Option<Row<'_>> {
    let cells: Vec<&str> = line.strip_prefix('|')?.trim_end().strip_suffix('|')?.split('|').map(str::trim).collect();
    let [id, _promise, state, place, tests] = cells[..] else { return None };
    let number = id.strip_prefix(|c: char| c.is_ascii_uppercase())?;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let tests = tests.split('`').skip(1).step_by(2).collect();
    Some(Row { id, state, place, tests })
}

fn numbers(rows: &[Row<'_>]) -> Vec<String> {
    let wanted = PARTS.iter().flat_map(|(part, count)| (1..=*count).map(move |n| format!("{part}{n}")));
    let found: Vec<&str> = rows.iter().map(|r| r.id).collect();
    let mut wrong: Vec<String> = Vec::new();
    for id in wanted {
        match found.iter().filter(|f| **f == id).count() {
            1 => {}
            0 => wrong.push(format!("{id} has no row")),
            n => wrong.push(format!("{id} has {n} rows")),
        }
    }
    wrong
}

fn claims(row: &Row<'_>, functions: &BTreeMap<String, Vec<PathBuf>>) -> Vec<String> {
    let id = row.id;
    let mut wrong = Vec::new();
    match row.state {
        "kept" if row.tests.is_empty() => wrong.push(format!("{id} is kept, and names no test")),
        "other" if row.place.is_empty() => wrong.push(format!("{id} is kept in another way, and does not say how")),
        "kept" | "other" | "open" | "none" => {}
        state => wrong.push(format!("{id} has the state \"{state}\"; kept, other, open and none are known")),
    }
    for test in row.tests.iter().filter(|t| !exists(t, functions)) {
        wrong.push(format!("{id} names the test {test}, which does not exist"));
    }
    wrong
}

/// `crate::…::function`: a function of this name is below this crate, in a file or folder of the module's name.
fn exists(test: &str, functions: &BTreeMap<String, Vec<PathBuf>>) -> bool {
    let parts: Vec<&str> = test.split("::").collect();
    let [room, modules @ .., function] = parts.as_slice() else { return false };
    let Some(files) = functions.get(*function) else { return false };
    files.iter().any(|file| {
        let names: Vec<String> = file.iter().map(|n| n.to_string_lossy().trim_end_matches(".rs").to_owned()).collect();
        let within = |name: &str| names.iter().any(|n| n == name);
        // `mod tests` inside a file has no file of its own.
        within(room) && modules.iter().all(|m| *m == "tests" || within(m))
    })
}

/// Every function of every Rust file, with the files that have one of its name.
fn functions(root: &Path) -> anyhow::Result<BTreeMap<String, Vec<PathBuf>>> {
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut folders = vec![root.join("crates"), root.join("xtask")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path)?;
                for name in text.lines().filter_map(function) {
                    found.entry(name.to_owned()).or_default().push(path.clone());
                }
            }
        }
    }
    Ok(found)
}

/// The name of the function that a line begins.
fn function(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let before = before.trim();
    if !before.is_empty() && !before.split(' ').all(|w| w == "async" || w.starts_with("pub")) {
        return None;
    }
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    Some(&rest[..end]).filter(|name| !name.is_empty())
}

fn totals(rows: &[Row<'_>]) -> String {
    let of = |state: &str| rows.iter().filter(|r| r.state == state).count();
    let (kept, other, open, none) = (of("kept"), of("other"), of("open"), of("none"));
    format!("{} rows: **{kept} kept**, **{other} other**, **{open} open**, {none} that are no promise.", rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_its_tests() {
        let line = "| A1 | builds | kept | engine | `engine::a::b`, `cli::c::d` |";
        let expected = Row { id: "A1", state: "kept", place: "engine", tests: vec!["engine::a::b", "cli::c::d"] };
        assert_eq!(row(line), Some(expected));
        assert_eq!(row("| ID | promise | state | where, or why | test |"), None);
        assert_eq!(row("|---|---|---|---|---|"), None);
    }

    #[test]
    fn a_claim_without_its_test_is_found() {
        let functions = BTreeMap::from([("b".to_owned(), vec![PathBuf::from("./crates/engine/tests/it/a.rs")])]);
        let with = |state, tests| Row { id: "A1", state, place: "", tests };
        assert!(claims(&with("kept", vec!["engine::a::b"]), &functions).is_empty());
        for row in [
            with("kept", vec![]),
            with("kept", vec!["engine::a::c"]),
            with("kept", vec!["wire::a::b"]),
            with("kept", vec!["engine::z::b"]),
            with("other", vec![]),
            with("done", vec![]),
        ] {
            assert_eq!(claims(&row, &functions).len(), 1, "{row:?}");
        }
    }

    #[test]
    fn functions_are_seen() {
        assert_eq!(function("    async fn it_works(engine: Engine) {"), Some("it_works"));
        assert_eq!(function("pub(crate) fn a<T>() {"), Some("a"));
        assert_eq!(function("// the fn word"), None);
    }
}
