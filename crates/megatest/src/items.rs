//! Items: a cross product, then a table.

use crate::problem::{Problem, Severity, Spot};
use crate::reader::{Context, Kind, Reader};
use crate::settings::Settings;
use model::area::{Axis, Items, TestSpec};

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
    let name = context.vars.get("MT_TEST_NAME").cloned().unwrap_or_default();
    let test = TestSpec { name, items, ..TestSpec::default() };
    let spot = spot.unwrap_or_else(|| Spot::nowhere(""));
    if let Err(error) = testruns::item::expand(&test) {
        problems.push(Problem::error(error.to_string(), &spot));
    }
    let items =
        if problems.found.iter().any(|p| p.severity == Severity::Error) { Items::default() } else { test.items };
    (items, problems.done())
}
