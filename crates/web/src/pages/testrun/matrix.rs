//! Items of a run as matrices: tests that are run over the same items stand side by side, tests without items in a list.

use super::{history_at, mark, run_at, word};
use crate::pages::text::{count, cut, outside, segment};
use maud::{Markup, html};
use model::TestRun;
use model::testrun::TestCell;
use std::collections::{HashMap, HashSet};

/// Wider than that, the words make room for the shapes.
const WIDE: usize = 10;
/// With more cells than that, what is well has no text on hover.
const MANY: usize = 2000;

/// Tests over the same items: rows and columns, whichever of both are fewer being the columns.
#[derive(Debug)]
struct Group<'a> {
    tests: Vec<&'a str>,
    paths: Vec<&'a str>,
    cells: HashMap<(&'a str, &'a str), &'a TestCell>,
}

/// The tests of a run, in their order: those without items, then the groups.
fn groups(cells: &[TestCell]) -> (Vec<&TestCell>, Vec<Group<'_>>) {
    let mut alone = Vec::new();
    let mut tests: Vec<(&str, Vec<&TestCell>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for cell in cells {
        if cell.path.is_empty() {
            alone.push(cell);
            continue;
        }
        let place = *places.entry(&cell.test).or_insert_with(|| {
            tests.push((&cell.test, Vec::new()));
            tests.len() - 1
        });
        tests[place].1.push(cell);
    }
    let mut order: Vec<usize> = (0..tests.len()).collect();
    // The largest decides what a group is over; those that have a part of its items stand beside it.
    order.sort_by_key(|at| std::cmp::Reverse(tests[*at].1.len()));
    let mut found: Vec<(Group<'_>, HashSet<&str>, usize)> = Vec::new();
    for at in order {
        let (test, items) = &tests[at];
        let fits = |paths: &HashSet<&str>| {
            items.len() * 2 >= paths.len() && items.iter().all(|cell| paths.contains(cell.path.as_str()))
        };
        let place = found.iter().position(|(_, paths, _)| fits(paths)).unwrap_or_else(|| {
            let paths: Vec<&str> = items.iter().map(|cell| cell.path.as_str()).collect();
            let set = paths.iter().copied().collect();
            found.push((Group { tests: Vec::new(), paths, cells: HashMap::new() }, set, at));
            found.len() - 1
        });
        let (group, _, first) = &mut found[place];
        group.tests.push(test);
        group.cells.extend(items.iter().map(|cell| ((*test, cell.path.as_str()), *cell)));
        *first = (*first).min(at);
    }
    found.sort_by_key(|(_, _, first)| *first);
    let groups = found.into_iter().map(|(mut group, _, _)| {
        group.tests.sort_by_key(|test| places.get(test));
        group
    });
    (alone, groups.collect())
}

/// All items of a run.
pub(super) fn matrices(run: &TestRun, cells: &[TestCell]) -> Markup {
    let (alone, groups) = groups(cells);
    let hover = cells.len() <= MANY;
    html! {
        @if !alone.is_empty() {
            section aria-label="Tests without items" {
                h2 { (count(alone.len(), "test without items", "tests without items")) }
                ul.single { @for cell in alone {
                    li { (linked(run, cell, &html! { (mark(cell).shape_svg()) " " (outside(&cell.test, 60)) " " span.faint { (word(cell)) } })) }
                } }
            }
        }
        @for group in &groups { (table(run, group, hover)) }
    }
}

fn linked(run: &TestRun, cell: &TestCell, inner: &Markup) -> Markup {
    html! { a href={ (run_at(run.id)) "/item?test=" (segment(&cell.test)) } title=(hover_text(cell)) { (inner) } }
}

/// The status, and how long it took.
fn hover_text(cell: &TestCell) -> String {
    match cell.duration {
        Some(took) => format!("{}, {took}", word(cell)),
        None => word(cell),
    }
}

fn table(run: &TestRun, group: &Group<'_>, hover: bool) -> Markup {
    // The fewer are the columns.
    let turned = group.tests.len() > group.paths.len();
    let (rows, columns) = if turned { (&group.tests, &group.paths) } else { (&group.paths, &group.tests) };
    let tight = columns.len() > WIDE;
    let addresses: Vec<String> = columns.iter().map(|column| segment(column)).collect();
    let title = match group.tests.as_slice() {
        [test] => html! { (outside(test, 60)) span.faint { ", " (count(group.paths.len(), "item", "items")) } },
        tests => html! { (tests.len()) " tests" span.faint { " over " (count(group.paths.len(), "item", "items")) } },
    };
    html! {
        section {
            h2 { (title) }
            div.scroll tabindex="0" role="region" aria-label="Tests by items" {
                table class=(if tight { "matrix tight" } else { "matrix" }) {
                    thead { tr { td {} @for column in columns { th scope="col" { span { (headed(run, column, !turned)) } } } } }
                    tbody { @for row in rows { (matrix_row(run, group, (row, turned), (columns, &addresses), hover)) } }
                }
            }
        }
    }
}

/// The name of a row or a column: that of a test leads to its past.
fn headed(run: &TestRun, name: &str, is_test: bool) -> Markup {
    html! {
        @if is_test { a href=(history_at(&run.area, &run.target, name, None)) title="What became of it in earlier runs" { (cut(name, 60)) } }
        @else { (cut(name, 80)) }
    }
}

fn matrix_row(
    run: &TestRun,
    group: &Group<'_>,
    (row, turned): (&str, bool),
    (columns, addresses): (&[&str], &[String]),
    hover: bool,
) -> Markup {
    let at = segment(row);
    html! {
        tr {
            th scope="row" { (headed(run, row, turned)) }
            @for (column, address) in columns.iter().zip(addresses) {
                @let name = if turned { (row, *column) } else { (*column, row) };
                @let (test, path) = if turned { (&at, address) } else { (address, &at) };
                @match group.cells.get(&name) {
                    None => { td {} },
                    Some(cell) => {
                        td class=(mark(cell).class()) {
                            a href={ (run.id) "/item?test=" (test) "&path=" (path) } title=[(hover || cell.status != "PASS").then(|| hover_text(cell))] { (word(cell)) }
                        }
                    },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::testrun::{TestRunState, TestRunTotals};
    use model::{TestItem, TestRunId, Time};

    fn run() -> TestRun {
        TestRun {
            id: TestRunId(1),
            area: "a".to_owned(),
            target: "t".to_owned(),
            fields: Vec::new(),
            name: "r".to_owned(),
            owner: String::new(),
            patterns: String::new(),
            started_at: Time(0),
            ended_at: None,
            state: TestRunState::Running,
            locked: false,
            kept: false,
            tags: Vec::new(),
            comment: String::new(),
            directory: String::new(),
            totals: TestRunTotals::default(),
            tests: Vec::new(),
            statuses: Vec::new(),
        }
    }

    fn cells(names: &[(&str, &str)]) -> Vec<TestCell> {
        names.iter().map(|(test, path)| TestItem::new(TestRunId(1), *test, *path).cell()).collect()
    }

    #[test]
    fn tests_over_the_same_items_stand_side_by_side() {
        let names = [
            ("prepare", ""),
            ("build", "a"),
            ("build", "b"),
            ("build", "c"),
            ("check", "a"),
            ("check", "b"),
            ("other", "x"),
            ("size", "c"),
        ];
        let cells = cells(&names);
        let (alone, groups) = groups(&cells);
        assert_eq!(alone.iter().map(|cell| cell.test.as_str()).collect::<Vec<_>>(), ["prepare"]);
        let told: Vec<_> = groups.iter().map(|group| (group.tests.clone(), group.paths.clone())).collect();
        let expected =
            [(vec!["build", "check"], vec!["a", "b", "c"]), (vec!["other"], vec!["x"]), (vec!["size"], vec!["c"])];
        assert_eq!(told, expected, "a test with few of the items stands for itself");
    }

    #[test]
    fn the_fewer_are_the_columns() {
        let names: Vec<(String, &str)> = (0..20).map(|n| (format!("t{n}"), "only")).collect();
        let names: Vec<(&str, &str)> = names.iter().map(|(test, path)| (test.as_str(), *path)).collect();
        let drawn = matrices(&run(), &cells(&names)).into_string();
        assert_eq!(drawn.matches("<th scope=\"col\">").count(), 1);
        assert_eq!(drawn.matches("<th scope=\"row\">").count(), 20);
        assert!(drawn.contains("<td class=\"waiting\"><a href=\"1/item?test=t7&amp;path=only\""), "{drawn}");
    }
}
