//! The effective values, each with its file and line.

use crate::load::Loaded;
use crate::problem::Spot;
use crate::settings::Settings;
use model::Place;
use serde::Serialize;
use std::fmt::Write;

/// A value that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// What it belongs to: `area`, `target`, or a test.
    pub of: String,
    /// The section; of the target: `default` and its own are one.
    pub section: String,
    /// The key.
    pub key: String,
    /// The value. Of items that wait: as it is written.
    pub value: String,
    /// Whether it is looked at when the test is about to start.
    pub late: bool,
    /// Where it is said.
    pub place: Place,
}

/// Every value in force: of the area, of the target, of each test.
pub fn effective(loaded: &Loaded) -> Vec<Effective> {
    let mut all = Vec::new();
    settings("area", &loaded.area.settings, &mut all);
    // What a shell made of them is what tests see.
    for value in all.iter_mut().filter(|v| v.section == "env-override") {
        if let Some(var) = loaded.area.env.iter().find(|var| var.name == value.key) {
            value.value.clone_from(&var.value);
        }
    }
    for var in &loaded.run_configs.vars {
        all.push(one("target", "default", &var.name, &var.value, false, &var.spot));
    }
    for test in &loaded.tests {
        settings(&test.name, &test.settings, &mut all);
    }
    all
}

fn settings(of: &str, settings: &Settings, all: &mut Vec<Effective>) {
    for section in settings.sections() {
        all.extend(section.values().map(|v| one(of, &section.name, &v.key, &v.text, v.late, &v.spot)));
    }
}

fn one(of: &str, section: &str, key: &str, value: &str, late: bool, spot: &Spot) -> Effective {
    let text = |text: &str| text.to_owned();
    Effective { of: text(of), section: text(section), key: text(key), value: text(value), late, place: spot.place() }
}

/// The values as text: in the shape of the files, with `# file:line` behind each.
pub fn text(values: &[Effective]) -> String {
    let mut out = String::new();
    let mut before = (String::new(), String::new());
    for value in values {
        if before.0 != value.of {
            let blank = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{blank}# {}", shown(&value.of));
        }
        let head = (value.of.clone(), value.section.clone());
        if before != head {
            let _ = writeln!(out, "\n[{}]", shown(&value.section));
            before = head;
        }
        let mut lines = value.value.lines();
        let first = lines.next().unwrap_or_default();
        let late = if value.late { ", when the test starts" } else { "" };
        let line = format!("{} {}", shown(&value.key), shown(first));
        let _ = writeln!(out, "{line:<48} # {}:{}{late}", shown(&value.place.file), value.place.line);
        for line in lines {
            let _ = writeln!(out, "  {}", shown(line));
        }
    }
    out
}

fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
