//! Targets: one value for each field of an area.

use crate::item::wrong_name;
use crate::problem::Problem;
use model::area::{Area, Var};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A target. With the name of a run it says which run is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target(Vec<Var>);

/// In the name of a run or a value of a target there is no `/`; everything else as in names of items.
fn wrong(part: &str) -> Option<&'static str> {
    if part.contains('/') { Some("it has a slash") } else { wrong_name(part) }
}

/// What is wrong with the name of a run.
pub fn wrong_run_name(name: &str) -> Option<&'static str> {
    wrong(name)
}

impl Target {
    /// Reads `value/value/…`, in the order of the fields. Values at the end that have a default may be left out.
    pub fn read(area: &Area, text: &str) -> Result<Self, Problem> {
        let no = |why: String| Err(Problem::Target { target: text.to_owned(), why });
        let values: Vec<&str> = if text.is_empty() { Vec::new() } else { text.split('/').collect() };
        let names: Vec<&str> = area.fields.iter().map(|f| f.name.as_str()).collect();
        if values.len() > names.len() {
            return no(format!("it has {} values, and the fields are {}", values.len(), listed(&names)));
        }
        let mut all = Vec::new();
        for (i, field) in area.fields.iter().enumerate() {
            let Some(value) = values.get(i).copied().or(field.default.as_deref()) else {
                return no(format!("a value for '{}' is missing; the fields are {}", field.name, listed(&names)));
            };
            if let Some(why) = wrong(value) {
                return no(format!("the value of '{}' cannot be a part of a path: {why}", field.name));
            }
            all.push(Var::new(field.name.clone(), value));
        }
        Ok(Target(all))
    }

    /// The fields with their values, in order.
    pub fn vars(&self) -> &[Var] {
        &self.0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<&str> = self.0.iter().map(|v| v.value.as_str()).collect();
        f.write_str(&values.join("/"))
    }
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::area::Field;

    fn area() -> Area {
        let field =
            |name: &str, default: Option<&str>| Field { name: name.to_owned(), default: default.map(str::to_owned) };
        Area { fields: vec![field("OS", None), field("REL", Some("new"))], ..Area::default() }
    }

    #[test]
    fn a_target_has_a_value_for_each_field() {
        assert_eq!(Target::read(&area(), "linux/1").unwrap().to_string(), "linux/1");
        assert_eq!(Target::read(&area(), "linux").unwrap().vars()[1], Var::new("REL", "new"));
        assert_eq!(Target::read(&Area::default(), "").unwrap().to_string(), "");
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let wrong: Vec<String> = ["", "a/b/c", "a/", "../b", "a\n/b"]
            .iter()
            .map(|text| Target::read(&area(), text).unwrap_err().to_string().escape_debug().to_string())
            .collect();
        insta::assert_snapshot!(wrong.join("\n"), @r#"
        \'\' is no target: a value for \'OS\' is missing; the fields are OS/REL
        \'a/b/c\' is no target: it has 3 values, and the fields are OS/REL
        \'a/\' is no target: the value of \'REL\' cannot be a part of a path: it is empty
        \'../b\' is no target: the value of \'OS\' cannot be a part of a path: it is another directory
        \'a\n/b\' is no target: the value of \'OS\' cannot be a part of a path: it has a control character
        "#);
    }
}
