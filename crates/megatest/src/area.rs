//! `megatest.config`: what an area is.

use crate::known;
use crate::problem::{Problem, Spot};
use crate::reader::{Context, Kind, Reader};
use crate::settings::{Settings, Value};
use std::collections::BTreeMap;

/// A variable that tests get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Var {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where it is said.
    pub spot: Spot,
}

/// A part of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its value where a target leaves it out.
    pub default: Option<String>,
}

/// A command that runs when a test comes into a state or gets a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The state; `None`: whichever.
    pub state: Option<String>,
    /// The status; `None`: whichever.
    pub status: Option<String>,
    /// For a shell.
    pub command: String,
    /// Where it is said.
    pub spot: Spot,
}

/// A word that may be reset before a run: `STATE/STATUS`, either part may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// The state; `None`: whichever.
    pub state: Option<String>,
    /// The status; `None`: whichever.
    pub status: Option<String>,
}

/// What `megatest.config` says.
#[derive(Clone, Debug, Default)]
pub struct Area {
    /// What makes a target, in order.
    pub fields: Vec<Field>,
    /// The area's name, when it has one.
    pub name: Option<String>,
    /// The root of the link tree.
    pub link_tree: Option<String>,
    /// How many tests may run at once.
    pub max_jobs: Option<u32>,
    /// How many of a job group may run at once.
    pub job_groups: BTreeMap<String, u32>,
    /// Seconds that a test may take.
    pub run_time_limit: Option<u64>,
    /// Seconds without a sign of life after which a test is dead.
    pub dead_time: Option<u64>,
    /// Further passes over what was stuck or never judged.
    pub reruns: u32,
    /// What is reset when a run begins.
    pub resets: Vec<Reset>,
    /// Kilobytes that a disk must have free.
    pub min_space: Option<u64>,
    /// A command in place of the usual copy of a test's directory; `TEST_SRC_PATH` and `TEST_TARG_PATH` stand in it.
    pub copy_command: Option<String>,
    /// What the comment of a waiver must look like.
    pub waiver_comment: Option<String>,
    /// A command that stands before every launch.
    pub launcher: Option<String>,
    /// Where run directories are made: name and absolute path.
    pub disks: Vec<(String, String)>,
    /// Where tests are looked for, in order; `tests` of the area is the last.
    pub test_places: Vec<String>,
    /// Variables for every test.
    pub env: Vec<Var>,
    /// The words that steps may have as state, and as status; empty: any.
    pub valid: BTreeMap<String, Vec<String>>,
    /// Commands on a change of state or status.
    pub triggers: Vec<Trigger>,
    /// A command before the first test of a run, and one after the last.
    pub hooks: (Option<String>, Option<String>),
    /// Everything that was said.
    pub settings: Settings,
    /// What is wrong or worth knowing.
    pub problems: Vec<Problem>,
    /// The files that were read.
    pub files: Vec<String>,
}

/// Reads `megatest.config` of the area.
pub fn read(context: &Context<'_>) -> Area {
    let mut reader = Reader::new(context, Kind::Area);
    reader.first_file("megatest.config");
    let fields = reader.settings.values("fields").map(|v| Field { name: v.key.clone(), default: default(&v.text) });
    let mut area = Area { fields: fields.collect(), ..Area::default() };
    reader.target(&area.fields);
    reader.setup(&mut area);
    area.env = reader.shell_vars("env-override");
    area.triggers = reader.triggers();
    let settings = reader.settings.clone();
    for value in settings.values("disks") {
        match value.text.trim() {
            path if path.starts_with('/') => area.disks.push((value.key.clone(), path.to_owned())),
            _ => {
                let problem = Problem::error(format!("the disk {} has no absolute path", value.key), &value.said());
                reader.problems.push(problem.with_help("#{getenv PWD}/runs or #{mtrah runs} is one"));
            }
        }
    }
    let further = settings.values("tests-paths").map(|v| v.text.trim().to_owned());
    area.test_places = further.chain(["tests".to_owned()]).collect();
    for value in settings.values("jobgroups") {
        if let Some(limit) = reader.number(value) {
            area.job_groups.insert(value.key.clone(), limit);
        }
    }
    for value in settings.values("validvalues") {
        area.valid.insert(value.key.clone(), value.text.split_whitespace().map(str::to_owned).collect());
    }
    let text = |section: &str, key: &str| settings.get(section, key).map(|v| v.text.clone());
    area.launcher = text("jobtools", "launcher").filter(|l| !l.is_empty());
    area.hooks = (text("runs", "pre-hook"), text("runs", "post-hook"));
    reader.tell_unused(known::AREA, &["setup", "jobtools", "runs"]);
    let reading = reader.done();
    Area { settings: reading.settings, problems: reading.problems, files: reading.files, ..area }
}

impl Reader<'_> {
    /// A target has as many parts as there are fields.
    fn target(&mut self, fields: &[Field]) {
        let file = Spot::nowhere("megatest.config");
        if fields.is_empty() {
            let problem = Problem::error("the area has no [fields]", &file);
            self.problems.push(problem.with_help("each line names one part of the target: RELEASE TEXT"));
        }
        let Some(target) = self.context.target.as_deref() else { return };
        let parts: Vec<&str> = target.split('/').collect();
        let left_out = fields.iter().skip(parts.len()).any(|f| f.default.is_none());
        if parts.len() > fields.len() || left_out || parts.iter().any(|p| matches!(*p, "" | "." | "..")) {
            let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
            let text = format!("the target {target} does not have the parts {}", names.join("/"));
            self.problems.push(Problem::error(text, &Spot::nowhere("")));
        }
    }

    fn setup(&mut self, area: &mut Area) {
        let settings = self.settings.clone();
        let get = |key: &str| settings.get("setup", key).filter(|v| !v.text.trim().is_empty());
        let text = |key: &str| get(key).map(|v| v.text.trim().to_owned());
        area.name = text("area-name").or_else(|| text("testsuite"));
        area.link_tree = self.env("MT_LINKTREE").or_else(|| text("linktree")).or_else(|| text("runsdir"));
        area.copy_command = text("testcopycmd");
        area.max_jobs = get("max_concurrent_jobs").and_then(|v| self.number(v));
        area.reruns = get("reruns").and_then(|v| self.number(v)).unwrap_or(0);
        area.run_time_limit = get("runtimelim").and_then(|v| self.seconds(v));
        area.dead_time = get("deadtime").and_then(|v| self.seconds(v));
        area.min_space = get("minspace").and_then(|v| self.number(v)).map(u64::from);
        area.waiver_comment = get("waivercommentpatt").and_then(|v| self.regex(v));
        let words = get("allow-auto-rerun").map(|v| v.text.clone()).unwrap_or_default();
        area.resets = words.split_whitespace().map(|w| Reset { state: state(w), status: status(w) }).collect();
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&mut self, value: &Value) -> Option<u32> {
        let number = value.text.trim().parse().ok();
        if number.is_none() {
            self.problems.push(Problem::error(format!("{} takes a whole number", value.key), &value.said()));
        }
        number
    }

    /// A time.
    pub(crate) fn seconds(&mut self, value: &Value) -> Option<u64> {
        let seconds = crate::span::seconds(&value.text);
        if seconds.is_none() {
            let problem = Problem::error(format!("{} takes a time", value.key), &value.said());
            self.problems.push(problem.with_help("1d 2h 3m 4s, or a number of seconds"));
        }
        seconds
    }

    fn regex(&mut self, value: &Value) -> Option<String> {
        let text = value.text.trim();
        match crate::pattern::compile(text, false) {
            Ok(_) => Some(text.to_owned()),
            Err(why) => {
                let problem = Problem::error(format!("the regular expression of {} {why}", value.key), &value.said());
                self.problems.push(problem);
                None
            }
        }
    }

    /// The variables of a section, as a shell would echo them; each sees those before it.
    pub(crate) fn shell_vars(&mut self, section: &str) -> Vec<Var> {
        let values: Vec<Value> = self.settings.values(section).cloned().collect();
        values.into_iter().filter_map(|value| self.shell_var(value)).collect()
    }

    pub(crate) fn shell_var(&mut self, value: Value) -> Option<Var> {
        if value.key.contains('=') {
            self.problems.push(Problem::error("a variable's name has no '='", &value.spot));
            return None;
        }
        let said = value.said();
        let text = if value.output { value.text } else { self.echo(&value.text, &said) };
        self.vars.insert(value.key.clone(), text.clone());
        Some(Var { name: value.key, value: text, spot: value.spot })
    }

    /// Commands on a change: `STATE/STATUS command`.
    pub(crate) fn triggers(&mut self) -> Vec<Trigger> {
        let values: Vec<Value> = self.settings.values("triggers").cloned().collect();
        let mut triggers = Vec::new();
        for Value { key, text, spot, .. } in values {
            if !key.contains('/') {
                let problem = Problem::warning(format!("{key} is taken as a state"), &spot);
                self.problems.push(problem.with_help(format!("/{key} is the status, {key}/ the state")));
            }
            triggers.push(Trigger { state: state(&key), status: status(&key), command: text, spot });
        }
        triggers
    }
}

/// `TEXT DEFAULT 'x'`.
fn default(text: &str) -> Option<String> {
    let rest = text.split_once("DEFAULT").map(|(_, rest)| rest.trim())?;
    Some(rest.trim_matches('\'').to_owned()).filter(|value| !value.is_empty())
}

fn state(word: &str) -> Option<String> {
    word.split('/').next().filter(|w| !w.is_empty()).map(str::to_owned)
}

/// What is behind the first stroke: `STUCK/DEAD` is one status.
fn status(word: &str) -> Option<String> {
    word.split_once('/').map(|(_, status)| status).filter(|w| !w.is_empty()).map(str::to_owned)
}
