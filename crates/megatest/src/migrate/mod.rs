//! An area of Megatest as a native one: the text of a `tests.star` that makes the same nouns.
//!
//! What the files say is read for each target first; this puts the readings together. Where they differ, the text has a
//! table, and chooses by the target for which it is read. What commands and variables gave is written as it was, with a
//! comment that says so. What cannot be said stands in [`Migrated::left`], and as a comment in the text.

mod page;
mod star;

use crate::known::{self, Known, Use};
use crate::load::{Loaded, Nouns};
use crate::problem::{Problem, Severity};
use crate::settings::{Settings, Value};
use model::Place;
use model::area::{Area, TestSpec};
use page::Arguments;
use star::{Star, quoted};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The name of a run that stands for any: where it comes out of a reading, the text has the name of the run.
pub const ANY_RUN: &str = "zz-any-run-zz";

/// An area as it was read for a target, with [`ANY_RUN`] as the name of the run.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The target.
    pub target: String,
    /// What the files say.
    pub loaded: Loaded,
    /// The nouns.
    pub nouns: Nouns,
}

/// Whether the text holds for other targets than those that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Nothing in the area looks at its target.
    Any,
    /// For another one the text stops, and says so.
    Those,
}

/// Something that the text does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// What, a sentence without a full stop.
    pub what: String,
    /// Where it stands; `None`: it concerns no line.
    pub place: Option<Place>,
    /// Whose; `None`: it is the area's.
    pub test: Option<String>,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}:{}: ", place.file, place.line)?;
        }
        let plain: String = self.what.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        f.write_str(&plain)
    }
}

/// The text, and what it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// A `tests.star`.
    pub star: String,
    /// What is left out.
    pub left: Vec<Left>,
    /// Values that were looked up when it was written: commands and variables may give others another time.
    pub fixed: Vec<Left>,
    /// Tests that are left out as a whole.
    pub without: BTreeSet<String>,
}

/// Puts readings together; there is at least one. `directory`: that of the area, as it stands in the readings.
pub fn migrate(readings: &[Reading], directory: &str, targets: Targets) -> Migrated {
    let mut out = Migrated::default();
    let Some(first) = readings.first() else { return out };
    leave_tests_out(readings, &mut out);
    for reading in readings {
        of_keys(&reading.loaded, &mut out);
        for test in &reading.loaded.tests {
            for waiver in test.waivers.iter().filter(|w| w.command.is_some()) {
                let place = test.settings.get("waivers", &waiver.name).map(|v| v.spot.place());
                let text = format!("the waiver {} has a command of its own, which is not run", waiver.name);
                leave(&mut out, text, place, Some(&test.name));
            }
        }
    }
    let fixed_area = [&first.loaded.area.settings, &first.loaded.run_configs.settings];
    out.fixed.extend(fixed_area.into_iter().flat_map(|s| fixed(s, None)));
    for test in first.loaded.tests.iter().filter(|t| !out.without.contains(&t.name)) {
        out.fixed.extend(fixed(&test.settings, Some(&test.name)));
    }
    let calls = Calls::of(readings, &out.without);
    out.star = calls.written(readings, directory, targets, &out);
    out
}

fn leave(out: &mut Migrated, what: String, place: Option<Place>, test: Option<&str>) {
    let left = Left { what, place, test: test.map(str::to_owned) };
    if !out.left.contains(&left) {
        out.left.push(left);
    }
}

/// Tests that could not be run as they are, and those that wait for them: nothing that ran is lost with them.
fn leave_tests_out(readings: &[Reading], out: &mut Migrated) {
    let mut why: BTreeMap<String, (String, Option<Place>)> = BTreeMap::new();
    for reading in readings {
        let names: BTreeSet<&str> = reading.nouns.area.tests.iter().map(|t| t.name.as_str()).collect();
        let elsewhere = readings.iter().flat_map(|r| &r.nouns.area.tests).filter(|t| !names.contains(t.name.as_str()));
        for test in elsewhere {
            let text = format!("{} is no test of the target {}", test.name, reading.target);
            why.entry(test.name.clone()).or_insert((text, test.defined_at.clone()));
        }
        let own = reading.loaded.tests.iter().flat_map(|t| t.problems.iter().map(move |p| (&t.name, p)));
        let items = reading.nouns.problems.iter().map(|(name, p)| (name, p));
        for (name, problem) in own.chain(items).filter(|(_, p)| p.severity == Severity::Error) {
            let text = format!("{name} is left out: {}", problem.message);
            why.entry(name.clone()).or_insert((text, problem.place.clone()));
        }
        for test in &reading.loaded.tests {
            for wait in test.wait_on.iter().filter(|w| !names.contains(w.test.as_str())) {
                let text = format!("{} is left out: it waits for {}, and there is no such test", test.name, wait.test);
                why.entry(test.name.clone()).or_insert((text, Some(wait.spot.place())));
            }
        }
    }
    loop {
        let mut more = Vec::new();
        for test in readings.iter().flat_map(|r| &r.loaded.tests).filter(|t| !why.contains_key(&t.name)) {
            let gone = test.wait_on.iter().find(|w| why.contains_key(&w.test));
            let text = |on: &str| format!("{} is left out: it waits for {on}, which is left out", test.name);
            more.extend(gone.map(|w| (test.name.clone(), (text(&w.test), Some(w.spot.place())))));
        }
        if more.is_empty() {
            break;
        }
        why.extend(more);
    }
    for (test, (text, place)) in why {
        leave(out, text, place, Some(&test));
        out.without.insert(test);
    }
}

/// Keys that mean something to Megatest, and have no place in a native area.
fn of_keys(loaded: &Loaded, out: &mut Migrated) {
    let mut look = |settings: &Settings, table: &[Known], test: Option<&str>| {
        for section in settings.sections() {
            for value in section.values() {
                if let Some(Use::NotDone(instead)) = known::find(table, &section.name, &value.key) {
                    let text = format!("{} of [{}]: {instead}", value.key, section.name);
                    leave(out, text, Some(value.spot.place()), test);
                }
            }
        }
    };
    look(&loaded.area.settings, known::AREA, None);
    for test in &loaded.tests {
        look(&test.settings, known::TEST, Some(&test.name));
    }
}

/// Values that a command or a variable of the environment gave.
fn fixed<'a>(settings: &'a Settings, test: Option<&'a str>) -> impl Iterator<Item = Left> + 'a {
    let looked_up = |value: &&Value| {
        let line = &value.spot.source;
        let forms = ["#{shell ", "#{sh ", "#{system ", "#{getenv ", "#{gv ", "#{env ", "#{processors", " [system "];
        // What names the area, the run and the test is known again when the text is read.
        let known = ["MT_RUN_AREA_HOME", "MT_RUNNAME", "MT_TEST_NAME", "PWD"];
        let asked = forms.iter().any(|form| {
            line.match_indices(form).any(|(at, _)| {
                let rest = &line[at + form.len()..];
                let name = rest.split(['}', ' ']).next().unwrap_or_default();
                !(form.contains("env") || *form == "#{gv ") || !known.contains(&name)
            })
        });
        !line.trim_start().starts_with('#') && asked || value.output
    };
    settings.sections().flat_map(move |section| section.values().filter(looked_up)).map(move |value| Left {
        what: format!("{} is what it was when this was written", value.key),
        place: Some(value.spot.place()),
        test: test.map(str::to_owned),
    })
}

/// The calls of all readings.
struct Calls {
    area: Vec<(&'static str, Star)>,
    tests: Vec<(String, Vec<(&'static str, Star)>)>,
}

impl Calls {
    fn of(readings: &[Reading], without: &BTreeSet<String>) -> Self {
        let of_area = readings.iter().map(|r| (r.target.clone(), page::of_area(&r.nouns.area)));
        let mut tests = Vec::new();
        for name in readings.iter().take(1).flat_map(|r| &r.nouns.area.tests).map(|t| &t.name) {
            if without.contains(name) {
                continue;
            }
            let of = |r: &Reading| {
                let test = r.nouns.area.test(name).cloned().unwrap_or_else(TestSpec::default);
                (r.target.clone(), page::of_test(&test))
            };
            tests.push((name.clone(), merged(&readings.iter().map(of).collect::<Vec<_>>())));
        }
        Calls { area: merged(&of_area.collect::<Vec<_>>()), tests }
    }

    fn written(&self, readings: &[Reading], directory: &str, targets: Targets, out: &Migrated) -> String {
        let all = || self.area.iter().chain(self.tests.iter().flat_map(|(_, call)| call));
        let names = [(directory, "HERE"), (ANY_RUN, "RUN")];
        // A short path may stand in a text by chance.
        let names = if directory.len() < 4 { &names[1..] } else { &names[..] };
        let mut body = String::new();
        let area = readings.first().map(|r| &r.nouns.area);
        if let Some(area) = area {
            body.push_str(&call("tests.area", &area.name, &with_fields(&self.area), names));
        }
        for (name, arguments) in &self.tests {
            let own = |left: &&Left| left.test.as_ref() == Some(name);
            body.push('\n');
            out.left.iter().filter(own).for_each(|l| body.push_str(&format!("# Not said here: {l}\n")));
            out.fixed.iter().filter(own).for_each(|l| body.push_str(&format!("# {l}\n")));
            body.push_str(&call("test", name, arguments, names));
        }
        let mut text = "# The tests of an area of Megatest, written by sluice tests migrate.\n".to_owned();
        let rest = |left: &&Left| left.test.as_ref().is_none_or(|test| out.without.contains(test));
        out.left.iter().filter(rest).for_each(|l| text.push_str(&format!("# Not said here: {l}\n")));
        out.fixed.iter().filter(rest).for_each(|l| text.push_str(&format!("# {l}\n")));
        text.push('\n');
        if let Some(area) = area {
            text.push_str(&format!("FIELDS = {}\n", page::fields(area).written(names, 0)));
        }
        if has_name(&body, "HERE") {
            text.push_str("HERE = tests.directory()\n");
        }
        if has_name(&body, "RUN") {
            text.push_str("RUN = tests.runname()\n");
        }
        if targets == Targets::Those {
            text.push_str(&guard(readings));
        }
        if all().any(|(_, star)| star.has_table()) {
            text.push_str(BY_TARGET);
        }
        if body.contains("sh(") {
            text.push_str(SH);
        }
        text.push('\n');
        text.push_str(&body);
        text
    }
}

fn with_fields(arguments: &[(&'static str, Star)]) -> Arguments {
    let fields = ("fields", Star::Plain("FIELDS".to_owned()));
    [fields].into_iter().chain(arguments.iter().cloned()).collect()
}

impl Migrated {
    /// Says that something else is left out.
    pub fn leave(&mut self, left: Left) {
        if !self.left.contains(&left) {
            let end = self.star.find('\n').map_or(0, |at| at + 1);
            self.star.insert_str(end, &format!("# Not said here: {left}\n"));
            self.left.push(left);
        }
    }
}

/// Whether a name of ours stands in a text as an expression.
fn has_name(body: &str, name: &str) -> bool {
    [" ", "(", "["].iter().any(|before| body.contains(&format!("{before}{name}")))
}

const BY_TARGET: &str = "\ndef by_target(table):\n    return table[TARGET]\n";

const SH: &str = "\ndef sh(command):\n    # By bash, and programs of the test itself are found behind the others.\n    \
                  return [\"bash\", \"-c\", 'export PATH=\"$PATH:.\"\\n' + command]\n";

/// The text holds for these targets and for no others.
fn guard(readings: &[Reading]) -> String {
    let targets = Star::texts(readings.iter().map(|r| &r.target)).written(&[], 0);
    format!(
        "TARGETS = {targets}\nTARGET = tests.target(FIELDS)\n\nif TARGET not in TARGETS:\n    fail(\"this was written for \
         the targets \" + \", \".join(TARGETS) + \", and not for '\" + TARGET + \"'\")\n"
    )
}

/// The arguments of a call, each for all targets.
fn merged(all: &[(String, Arguments)]) -> Arguments {
    let mut names: Vec<&'static str> = Vec::new();
    for (_, arguments) in all {
        let mut at = 0;
        for (name, _) in arguments {
            match names.iter().position(|n| n == name) {
                Some(there) => at = there + 1,
                None => {
                    names.insert(at, name);
                    at += 1;
                }
            }
        }
    }
    let none = || Star::Plain("None".to_owned());
    let value = |arguments: &Arguments, name: &str| {
        arguments.iter().find(|(n, _)| *n == name).map_or_else(none, |(_, star)| star.clone())
    };
    let one = |name: &'static str| {
        let values: Vec<(String, Star)> = all.iter().map(|(target, a)| (target.clone(), value(a, name))).collect();
        (name, Star::merged(&values))
    };
    names.into_iter().map(one).collect()
}

fn call(function: &str, name: &str, arguments: &[(&'static str, Star)], names: &star::Names<'_>) -> String {
    let name = quoted(name);
    if arguments.is_empty() {
        return format!("{function}({name})\n");
    }
    let lines: String =
        arguments.iter().map(|(argument, star)| format!("    {argument} = {},\n", star.written(names, 4))).collect();
    format!("{function}(\n    {name},\n{lines})\n")
}

/// Whether anything in an area looks at the target for which it is read: a form or an include that names a part of it, or
/// a section of `runconfigs.config` for some targets. `text` gives the files that were read.
pub fn looks_at_target(loaded: &Loaded, text: &dyn Fn(&str) -> Option<String>) -> bool {
    let mut words: Vec<&str> = loaded.area.fields.iter().map(|f| f.name.as_str()).collect();
    words.push("MT_TARGET");
    let names = |line: &str| {
        let part = |c: char| !(c.is_alphanumeric() || c == '_');
        line.split(part).any(|word| words.contains(&word))
    };
    let lines = |files: &[String], looks: &dyn Fn(&str) -> bool| {
        // A line that begins with a form is no comment.
        let said = |line: &str| !line.trim_start().starts_with('#') || line.trim_start().starts_with("#{");
        files.iter().any(|file| text(file).is_some_and(|text| text.lines().any(|line| said(line) && looks(line))))
    };
    let forms = |line: &str| ["#{", "[system ", "[include ", "[scriptinc "].iter().any(|form| line.contains(form));
    let shell = |line: &str| line.contains('$');
    let tests = loaded.tests.iter().any(|t| {
        let own = ["pre-launch-env-vars", "pre-launch-env-overrides"];
        lines(&t.files, &|line| forms(line) && names(line))
            || own.iter().flat_map(|s| t.settings.values(s)).any(|v| shell(&v.spot.source) && names(&v.spot.source))
    });
    let sections = |line: &str| line.starts_with('[') && !line.starts_with("[default]") && !forms(line);
    tests
        || lines(&loaded.area.files, &|line| (forms(line) || shell(line)) && names(line))
        || lines(&loaded.run_configs.files, &|line| (forms(line) || shell(line)) && names(line) || sections(line))
}

/// What is the same in both but for the places where it is defined: what a text that was written must give again.
/// Answers with what differs, a sentence each.
pub fn differences(wanted: &Area, got: &Area, without: &BTreeSet<String>) -> Vec<Left> {
    let plain = |area: &Area| {
        let mut area = area.clone();
        area.tests.retain(|t| !without.contains(&t.name));
        area.tests.iter_mut().for_each(|t| t.defined_at = None);
        area
    };
    let (wanted, got) = (plain(wanted), plain(got));
    let left = |what: String, test: Option<&TestSpec>| Left {
        what,
        place: test.and_then(|t| t.defined_at.clone()),
        test: test.map(|t| t.name.clone()),
    };
    let mut all = Vec::new();
    for test in &wanted.tests {
        let there = got.test(&test.name);
        if there != Some(test) {
            all.push(left(format!("{} is not in all what it is in its testconfig", test.name), Some(test)));
        }
    }
    let rest = |area: &Area| Area { tests: Vec::new(), ..area.clone() };
    if rest(&wanted) != rest(&got) {
        all.push(left("the area is not in all what it is in megatest.config".to_owned(), None));
    }
    all
}

/// Problems of the area and of its target: with an error among them there is nothing to write.
pub fn errors(loaded: &Loaded) -> impl Iterator<Item = &Problem> {
    let all = loaded.area.problems.iter().chain(&loaded.run_configs.problems).chain(&loaded.problems);
    all.filter(|p| p.severity == Severity::Error)
}
