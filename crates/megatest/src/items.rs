//! Items: a cross product, then a table.

use crate::problem::{Problem, Problems, Severity, Spot};
use crate::reader::{Context, Kind, Reader};
use crate::settings::Settings;
use model::area::{Axis, Items, Var};
use std::collections::HashSet;

/// Whether any line of items waits for its evaluation.
pub(crate) fn are_late(settings: &Settings) -> bool {
    SECTIONS.iter().flat_map(|s| settings.values(s)).any(|v| v.late)
}

const SECTIONS: [&str; 2] = ["items", "itemstable"];

/// Looks at the items of a test now: what waited is evaluated with this context. Beside them, what is wrong with them;
/// with an error among it there are none.
pub fn read(settings: &Settings, context: &Context<'_>) -> (Items, Vec<Problem>) {
    let mut reader = Reader::new(context, Kind::Test);
    reader.settings = settings.clone();
    let mut axes: [Vec<Axis>; 2] = [Vec::new(), Vec::new()];
    let mut spot = None;
    for (section, axes) in SECTIONS.iter().zip(&mut axes) {
        for value in settings.values(section) {
            let text = if value.late { reader.late(value, section) } else { value.text.clone() };
            axes.push(Axis::new(value.key.clone(), text.split_whitespace()));
            spot = spot.or_else(|| Some(value.said()));
        }
    }
    let mut problems = std::mem::take(&mut reader.problems);
    let waits = settings.get("requirements", "waiton").is_some_and(|v| !v.text.trim().is_empty());
    for problem in problems.found.iter_mut().filter(|p| waits && p.severity == Severity::Error && p.help.is_none()) {
        problem.help =
            Some("items are looked at when a run is planned: what a prerequisite makes is not there yet".to_owned());
    }
    let [cross, table] = axes;
    let items = Items { cross, table, ..Items::default() };
    let spot = spot.unwrap_or_else(|| Spot::nowhere(""));
    if is_usable(&items, context.limits.items, &spot, &mut problems) {
        (items, problems.done())
    } else {
        (Items::default(), problems.done())
    }
}

fn is_usable(items: &Items, most: usize, spot: &Spot, problems: &mut Problems) -> bool {
    if count(items).is_none_or(|count| count > most) {
        problems.push(Problem::error(format!("the test has more than {most} items"), spot));
        return false;
    }
    let mut seen = HashSet::new();
    let mut good = true;
    for item in all(items) {
        let flaw = item.iter().find_map(flaw);
        let path = path(&item);
        if let Some(flaw) = flaw {
            problems.push(Problem::error(flaw, spot));
            good = false;
        } else if !seen.insert(path.clone()) {
            problems.push(Problem::error(format!("there are two items '{path}'"), spot));
            good = false;
        }
    }
    good
}

/// How many items there are. `None`: too many to be counted.
fn count(items: &Items) -> Option<usize> {
    let product = match items.cross.is_empty() {
        true => 0,
        false => items.cross.iter().try_fold(1_usize, |n, axis| n.checked_mul(axis.values.len()))?,
    };
    let columns = items.table.iter().map(|axis| axis.values.len()).max().unwrap_or(0);
    // Each item has a value for every axis.
    product.checked_add(columns)?.checked_mul(items.cross.len().max(items.table.len()).div_ceil(50).max(1))
}

/// The items in order, each with its variables.
fn all(items: &Items) -> Vec<Vec<Var>> {
    let mut rows: Vec<Vec<Var>> = if items.cross.is_empty() { Vec::new() } else { vec![Vec::new()] };
    for axis in &items.cross {
        let with = |row: &Vec<Var>, value: &String| {
            let mut row = row.clone();
            row.push(Var::new(&axis.name, value));
            row
        };
        rows = rows.iter().flat_map(|row| axis.values.iter().map(move |value| with(row, value))).collect();
    }
    let columns = items.table.iter().map(|axis| axis.values.len()).max().unwrap_or(0);
    let cell = |axis: &Axis, at: usize| Var::new(&axis.name, axis.values.get(at).map_or("-", String::as_str));
    rows.extend((0..columns).map(|at| items.table.iter().map(|axis| cell(axis, at)).collect()));
    rows
}

fn path(item: &[Var]) -> String {
    item.iter().map(|var| var.value.as_str()).collect::<Vec<_>>().join("/")
}

/// The item paths in order.
pub fn paths(items: &Items) -> Vec<String> {
    all(items).iter().map(|item| path(item)).collect()
}

/// Why a value cannot be part of a path.
fn flaw(var: &Var) -> Option<String> {
    let bad = var.value.split('/').any(|part| matches!(part, "" | "." | "..")) || var.value.contains(char::is_control);
    let value: String = var.value.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    bad.then(|| format!("the value '{value}' of {} cannot be part of a path", var.name))
}
