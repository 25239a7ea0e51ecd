//! Items: what a test is run over, and what they are called.

use model::area::{Axis, Items, TestSpec, Var};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So many items at most in one test.
pub const MAX_ITEMS: usize = 100_000;

/// So many values at most in the table of one test.
const MAX_CELLS: usize = 50 * MAX_ITEMS;

/// So long is a name at most, in bytes: longer ones are no file names.
pub const MAX_NAME: usize = 200;

/// An item: variables in order, and the path made of their values. What is not iterated has neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its variables.
    pub vars: Vec<Var>,
    /// Their values with `/` between them.
    pub path: String,
}

/// What is wrong with items.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// Two different items with one path.
    #[error("two items of '{test}' are both called '{path}': {one} and {other}")]
    Ambiguous {
        /// The test.
        test: String,
        /// The path.
        path: String,
        /// Variables of the first.
        one: String,
        /// Variables of the second.
        other: String,
    },
    /// A value that is no name of a directory.
    #[error("'{value}', a value of '{var}' in '{test}', cannot be a part of a path: {why}")]
    Value {
        /// The test.
        test: String,
        /// The variable.
        var: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The name of a variable that the environment cannot have.
    #[error("'{var}' in '{test}' is no name of a variable")]
    Variable {
        /// The test.
        test: String,
        /// It.
        var: String,
    },
    /// More than anybody wants to run.
    #[error("'{test}' has more than {MAX_ITEMS} items")]
    TooMany {
        /// The test.
        test: String,
    },
}

/// The items of a test, in order; `None` when it is not iterated. An empty list is a list: such a test is run over
/// nothing.
pub fn expand(test: &TestSpec) -> Result<Option<Vec<Item>>, ItemError> {
    let items = &test.items;
    if !items.is_iterated() {
        return Ok(None);
    }
    check_size(test)?;
    let mut all: Vec<Item> = Vec::new();
    let mut by_path: BTreeMap<String, usize> = BTreeMap::new();
    for vars in cross(&items.cross).into_iter().chain(table(&items.table)).chain(items.given.iter().cloned()) {
        if items.without.iter().any(|w| !w.is_empty() && w.iter().all(|v| vars.contains(v))) {
            continue;
        }
        for var in &vars {
            check_var(test, var)?;
        }
        let path = vars.iter().map(|v| v.value.as_str()).collect::<Vec<_>>().join("/");
        match by_path.get(&path).map(|at| &all[*at]) {
            // The same combination written twice is one item.
            Some(known) if known.vars == vars => {}
            Some(known) => {
                let (one, other) = (words(&known.vars), words(&vars));
                return Err(ItemError::Ambiguous { test: test.name.clone(), path, one, other });
            }
            None => {
                by_path.insert(path.clone(), all.len());
                all.push(Item { vars, path });
            }
        }
    }
    Ok(Some(all))
}

/// `test` or `test(item/path)`: how an item is called everywhere.
pub fn full_name(test: &str, path: &str) -> String {
    if path.is_empty() { test.to_owned() } else { format!("{test}({path})") }
}

/// What is wrong with a name that becomes a part of a path; nothing, mostly.
pub fn wrong_name(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        "." | ".." => Some("it is another directory"),
        _ if name.chars().any(char::is_control) => Some("it has a control character"),
        _ if name.len() > MAX_NAME => Some("it is longer than 200 bytes"),
        _ => None,
    }
}

fn check_size(test: &TestSpec) -> Result<(), ItemError> {
    let Items { cross, table, given, .. } = &test.items;
    let crossed = cross.iter().try_fold(1_usize, |n, axis| n.checked_mul(axis.values.len()));
    let tabled = table.iter().map(|axis| axis.values.len()).max().unwrap_or(0);
    // Each row of a table has a value of every axis, given or not.
    let cells = tabled.checked_mul(table.len()).is_some_and(|n| n <= MAX_CELLS);
    match crossed.and_then(|n| n.checked_add(tabled)?.checked_add(given.len())) {
        Some(n) if n <= MAX_ITEMS && cells => Ok(()),
        _ => Err(ItemError::TooMany { test: test.name.clone() }),
    }
}

fn check_var(test: &TestSpec, var: &Var) -> Result<(), ItemError> {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if var.name.is_empty() || !var.name.chars().all(letter) || var.name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(ItemError::Variable { test: test.name.clone(), var: var.name.clone() });
    }
    // A value may have slashes: its parts are parts of the path.
    match var.value.split('/').find_map(wrong_name) {
        Some(why) => Err(ItemError::Value {
            test: test.name.clone(),
            var: var.name.clone(),
            value: var.value.escape_debug().to_string(),
            why,
        }),
        None => Ok(()),
    }
}

fn cross(axes: &[Axis]) -> Vec<Vec<Var>> {
    if axes.is_empty() || axes.iter().any(|axis| axis.values.is_empty()) {
        return Vec::new();
    }
    axes.iter().fold(vec![Vec::new()], |all, axis| {
        let with = |vars: &Vec<Var>| {
            let vars = vars.clone();
            axis.values.iter().map(move |value| {
                let mut vars = vars.clone();
                vars.push(Var::new(axis.name.clone(), value.clone()));
                vars
            })
        };
        all.iter().flat_map(with).collect()
    })
}

fn table(axes: &[Axis]) -> Vec<Vec<Var>> {
    let longest = axes.iter().map(|axis| axis.values.len()).max().unwrap_or(0);
    let column = |i: usize| {
        let cell = |axis: &Axis| Var::new(axis.name.clone(), axis.values.get(i).map_or("-", String::as_str));
        axes.iter().map(cell).collect()
    };
    (0..longest).map(column).collect()
}

fn words(vars: &[Var]) -> String {
    vars.iter().map(|v| format!("{}={}", v.name, v.value)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(items: Items) -> TestSpec {
        TestSpec { name: "t".to_owned(), items, ..TestSpec::default() }
    }

    fn paths(items: Items) -> Vec<String> {
        expand(&test(items)).unwrap().unwrap().into_iter().map(|i| i.path).collect()
    }

    #[test]
    fn cross_then_table_in_order() {
        let items = Items {
            cross: vec![Axis::new("A", ["1", "2"]), Axis::new("B", ["x", "y"])],
            table: vec![Axis::new("P", ["p", "q", "r"]), Axis::new("Q", ["s", "t"])],
            ..Items::default()
        };
        assert_eq!(paths(items.clone()), ["1/x", "1/y", "2/x", "2/y", "p/s", "q/t", "r/-"]);
        let all = expand(&test(items)).unwrap().unwrap();
        assert_eq!(all[1].vars, [Var::new("A", "1"), Var::new("B", "y")]);
        assert_eq!(all[6].vars, [Var::new("P", "r"), Var::new("Q", "-")]);
    }

    #[test]
    fn nothing_is_otherwise_than_not_iterated() {
        assert_eq!(expand(&test(Items::default())).unwrap(), None);
        let none: [&str; 0] = [];
        assert!(paths(Items { cross: vec![Axis::new("NADA", none)], ..Items::default() }).is_empty());
        assert!(paths(Items { table: vec![Axis::new("NADA", none)], ..Items::default() }).is_empty());
        let half = Items { cross: vec![Axis::new("A", ["1"]), Axis::new("NADA", none)], ..Items::default() };
        assert!(paths(half).is_empty(), "a combination with nothing is nothing");
    }

    #[test]
    fn combinations_can_be_left_out_and_others_given() {
        let items = Items {
            cross: vec![Axis::new("OS", ["linux", "mac"]), Axis::new("CC", ["gcc", "clang"])],
            given: vec![vec![Var::new("OS", "bsd"), Var::new("CC", "clang")]],
            without: vec![vec![Var::new("CC", "gcc"), Var::new("OS", "mac")], Vec::new()],
            ..Items::default()
        };
        assert_eq!(paths(items), ["linux/gcc", "linux/clang", "mac/clang", "bsd/clang"]);
    }

    #[test]
    fn twice_is_once_but_two_of_one_name_are_an_error() {
        assert_eq!(paths(Items { cross: vec![Axis::new("A", ["1", "1", "2"])], ..Items::default() }), ["1", "2"]);
        let items =
            Items { cross: vec![Axis::new("A", ["a", "a/b"]), Axis::new("B", ["b/c", "c"])], ..Items::default() };
        let wrong = expand(&test(items)).unwrap_err();
        insta::assert_snapshot!(wrong, @r#"two items of 't' are both called 'a/b/c': A=a B=b/c and A=a/b B=c"#);
    }

    #[test]
    fn values_that_are_no_directories_are_refused() {
        let good = ["a b", "it's", "\"q\"", "a/b", "ü", "$HOME", "a;b", "-", "100%", "..."];
        assert_eq!(paths(Items { cross: vec![Axis::new("A", good)], ..Items::default() }), good);
        for bad in ["", ".", "..", "a/../b", "/a", "a/", "a//b", "a\nb", "a\0b", "\u{1b}[0m", &"x".repeat(201)] {
            let items = Items { cross: vec![Axis::new("A", [bad])], ..Items::default() };
            assert!(matches!(expand(&test(items)), Err(ItemError::Value { .. })), "{bad:?}");
        }
        for bad in ["", "A B", "1A", "A=", "Ä"] {
            let items = Items { cross: vec![Axis::new(bad, ["1"])], ..Items::default() };
            assert!(matches!(expand(&test(items)), Err(ItemError::Variable { .. })), "{bad:?}");
        }
    }

    #[test]
    fn a_matrix_without_end_is_refused_before_it_is_made() {
        let digits = || Axis::new("A", (0..10).map(|d| d.to_string()));
        let items = Items { cross: (0..40).map(|_| digits()).collect(), ..Items::default() };
        assert!(matches!(expand(&test(items)), Err(ItemError::TooMany { .. })));
        let long = Axis::new("L", (0..MAX_ITEMS).map(|n| n.to_string()));
        let wide = (0..100).map(|n| Axis::new(format!("W{n}"), ["1"]));
        let items = Items { table: wide.chain([long]).collect(), ..Items::default() };
        assert!(matches!(expand(&test(items)), Err(ItemError::TooMany { .. })));
    }
}
