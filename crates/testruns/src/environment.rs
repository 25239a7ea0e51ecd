//! The variables that a test is given.
//!
//! Weakest first: those of the area and the target, what overrides these, the test's own, the fields of the target, the
//! variables of the item, the step's own, and last the names that say which item this is.

use crate::item::Item;
use crate::target::Target;
use model::area::{Area, TestSpec, TestStep, Var};
use std::collections::BTreeMap;

/// What is known of a run where it is carried out. Paths are those of the machine on which it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Around<'a> {
    /// The target.
    pub target: &'a Target,
    /// The name of the run.
    pub run: &'a str,
    /// The directory of the area.
    pub area_home: &'a str,
    /// The root of the link tree.
    pub link_tree: &'a str,
    /// The directory of this attempt.
    pub run_dir: &'a str,
}

/// The variables of a step, in the order in which they came up; each name once.
pub fn environment(area: &Area, around: &Around<'_>, test: &TestSpec, item: &Item, step: &TestStep) -> Vec<Var> {
    let own = [&test.env, &around.target.vars().to_vec(), &item.vars, &step.env].map(Clone::clone).concat();
    let given = [
        ("MT_RUN_AREA_HOME", around.area_home),
        ("MT_TESTSUITENAME", &area.name),
        ("MT_TARGET", &around.target.to_string()),
        ("MT_RUNNAME", around.run),
        ("MT_TEST_NAME", &test.name),
        ("MT_ITEMPATH", &item.path),
        ("MT_LINKTREE", around.link_tree),
        ("MT_TEST_RUN_DIR", around.run_dir),
    ]
    .map(|(name, value)| Var::new(name, value));
    let all = area.env.iter().chain(&area.env_override).chain(&own).chain(&given);
    let mut at: BTreeMap<&str, usize> = BTreeMap::new();
    let mut vars: Vec<Var> = Vec::new();
    for var in all {
        match at.get(var.name.as_str()) {
            Some(&i) => vars[i].value.clone_from(&var.value),
            None => {
                at.insert(&var.name, vars.len());
                vars.push(var.clone());
            }
        }
    }
    vars
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CommandLine;
    use model::area::{ExitCodes, Field};

    #[test]
    fn the_nearest_stands() {
        let area = Area {
            name: "zlib".to_owned(),
            fields: vec![Field { name: "OS".to_owned(), default: None }],
            env: vec![Var::new("A", "area"), Var::new("B", "area"), Var::new("A", "target")],
            env_override: vec![Var::new("B", "over"), Var::new("C", "over")],
            ..Area::default()
        };
        let test = TestSpec {
            name: "t".to_owned(),
            env: vec![Var::new("C", "test"), Var::new("OS", "test"), Var::new("MT_TARGET", "forged")],
            ..TestSpec::default()
        };
        let item = Item { vars: vec![Var::new("D", "item")], path: "item".to_owned() };
        let step = TestStep {
            name: "s".to_owned(),
            command: CommandLine::Script("true".to_owned()),
            exit: ExitCodes::Plain,
            rules: None,
            max_time: None,
            env: vec![Var::new("A", "step")],
        };
        let target = Target::read(&area, "linux").unwrap();
        let around =
            Around { target: &target, run: "r 1", area_home: "/area", link_tree: "/lt", run_dir: "/lt/linux/r 1/t" };
        let vars = environment(&area, &around, &test, &item, &step);
        let lines: Vec<String> = vars.iter().map(|v| format!("{}={}", v.name, v.value)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        A=step
        B=over
        C=test
        OS=linux
        MT_TARGET=linux
        D=item
        MT_RUN_AREA_HOME=/area
        MT_TESTSUITENAME=zlib
        MT_RUNNAME=r 1
        MT_TEST_NAME=t
        MT_ITEMPATH=item
        MT_LINKTREE=/lt
        MT_TEST_RUN_DIR=/lt/linux/r 1/t
        "#);
    }
}
