//! The grammar of the configuration files, one for all of them.

use crate::expand::{Ground, has_forms, one_line};
use crate::known::{self, Known, Use};
use crate::line::{Line, lines};
use crate::outside::{Limits, Outside, Ran, Unset};
use crate::path::{directory, join};
use crate::problem::{Problem, Problems, Spot};
use crate::settings::{Settings, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which file it is: what a section means depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `megatest.config`: the target's parts become variables as `[fields]` names them.
    Area,
    /// `runconfigs.config`: sections may be patterns.
    RunConfigs,
    /// `testconfig`: items are looked at when they are needed.
    Test,
}

/// What a reading goes by.
#[derive(Clone)]
pub struct Context<'a> {
    /// Files, variables and commands.
    pub outside: &'a dyn Outside,
    /// The top of the area, absolute.
    pub area: String,
    /// The target, `v1/v2/…`.
    pub target: Option<String>,
    /// Variables over those of the environment: `MT_TARGET`, `MT_RUNNAME`, the run's own.
    pub vars: BTreeMap<String, String>,
    /// What `#{rget …}` finds when the file itself has no such value: the run's variables.
    pub run_vars: BTreeMap<String, String>,
    /// What an unset variable is.
    pub unset: Unset,
    /// How much of everything.
    pub limits: Limits,
}

impl<'a> Context<'a> {
    /// A reading of the area at `area` with the default limits, without a target.
    pub fn new(outside: &'a dyn Outside, area: &str) -> Self {
        // Commands run in the top of the area, wherever the program was started.
        let vars = ["MT_RUN_AREA_HOME", "PWD"].map(|name| (name.to_owned(), area.to_owned()));
        let vars = BTreeMap::from(vars);
        Self {
            outside,
            area: area.to_owned(),
            target: None,
            vars,
            run_vars: BTreeMap::new(),
            unset: Unset::default(),
            limits: Limits::default(),
        }
    }

    /// The same for a target.
    #[must_use]
    pub fn with_target(mut self, target: &str) -> Self {
        self.target = Some(target.to_owned());
        self.vars.insert("MT_TARGET".to_owned(), target.to_owned());
        self
    }
}

/// What a reading gave.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What the file says, effective.
    pub settings: Settings,
    /// What is wrong with it or worth knowing, in the order in which it was found.
    pub problems: Vec<Problem>,
    /// The files that were read, the first one first; an output of `[scriptinc]` under its command.
    pub files: Vec<String>,
}

/// A key whose value may go on in the next lines.
struct Open {
    /// The blanks that stood before the first line of more.
    indent: Option<usize>,
}

pub(crate) struct Reader<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) limits: Limits,
    pub(crate) settings: Settings,
    pub(crate) problems: Problems,
    pub(crate) vars: BTreeMap<String, String>,
    kind: Kind,
    section: String,
    open: Option<Open>,
    trim: bool,
    files: Vec<String>,
    stack: Vec<String>,
    lines: usize,
    commands: usize,
    bytes: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(context: &'a Context<'a>, kind: Kind) -> Self {
        let mut reader = Self {
            context,
            limits: context.limits,
            settings: Settings::default(),
            problems: Problems::default(),
            vars: context.vars.clone(),
            kind,
            section: "default".to_owned(),
            open: None,
            trim: true,
            files: Vec::new(),
            stack: Vec::new(),
            lines: 0,
            commands: 0,
            bytes: 0,
        };
        // Patterns apply to what is known already; the target is.
        if kind == Kind::RunConfigs {
            reader.settings.section_mut("default");
            if let Some(target) = &context.target {
                reader.settings.section_mut(target);
            }
        }
        reader
    }

    pub(crate) fn done(mut self) -> Reading {
        self.end_of_section();
        Reading { settings: self.settings, problems: self.problems.done(), files: self.files }
    }

    /// Reads a file. `said` is where it is included. Whether there is such a file.
    pub(crate) fn file(&mut self, path: &str, said: &Spot) -> bool {
        let bytes = match self.context.outside.read(path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return false,
            Err(why) => {
                self.problems.push(Problem::error(format!("{path} {why}"), said));
                return true;
            }
        };
        if bytes.len() > self.limits.file_bytes {
            let text = format!("{path} has more than {} bytes", self.limits.file_bytes);
            self.problems.push(Problem::error(text, said));
            return true;
        }
        let file: Arc<str> = path.into();
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = before.iter().filter(|b| **b == b'\n').count() + 1;
                let spot = Spot { line: crate::problem::narrow(line), column: 1, length: 1, ..Spot::nowhere(path) };
                self.problems.push(Problem::warning("what is no UTF-8 is replaced from here on", &spot));
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            }
        };
        if self.stack.iter().any(|open| open == path) {
            self.problems.push(Problem::error(format!("{path} includes itself"), said));
            return true;
        }
        self.text(&file, &text, said);
        true
    }

    /// Reads a text that stands for a file.
    fn text(&mut self, file: &Arc<str>, text: &str, said: &Spot) {
        if self.stack.len() >= self.limits.depth {
            let text = format!("more than {} files within files", self.limits.depth);
            self.problems.push(Problem::error(text, said));
            return;
        }
        if self.files.len() >= self.limits.files {
            let text = format!("more than {} files are included", self.limits.files);
            self.problems.push(Problem::error(text, said));
            return;
        }
        self.files.push(file.to_string());
        self.stack.push(file.to_string());
        for line in lines(file, text) {
            self.lines += 1;
            if self.lines > self.limits.lines {
                let text = format!("more than {} lines", self.limits.lines);
                self.problems.push(Problem::error(text, &line.whole()));
                break;
            }
            self.line(&line);
        }
        self.open = None;
        self.stack.pop();
    }

    fn line(&mut self, line: &Line) {
        let text = if self.trim { line.text.trim_end() } else { line.text.as_str() };
        if text.contains('\0') {
            self.problems.push(Problem::error("the line has a NUL character", &line.whole()));
            return;
        }
        if text.trim().is_empty() || is_comment(text) {
            self.open = None;
        } else if text.starts_with(is_blank) {
            self.more(text, line);
        } else if has_forms(&text[..key_end(text).unwrap_or(text.len())]) {
            // The whole line may come from a variable.
            let whole = self.expand(text, Ground::Line(line, 0));
            let spot = line.whole();
            if whole.trim().is_empty() || whole.starts_with('#') {
                self.open = None;
            } else if !self.bracket(&whole, Ground::Spot(&spot), Forms::Done) {
                self.value(whole.trim_start(), Ground::Spot(&spot), Forms::Done);
            }
        } else if !self.bracket(text, Ground::Line(line, 0), Forms::Open) {
            self.value(text, Ground::Line(line, 0), Forms::Open);
        }
    }

    /// A line of more for the key that is open.
    fn more(&mut self, text: &str, line: &Line) {
        let blanks = text.len() - text.trim_start_matches(is_blank).len();
        let Some(open) = &mut self.open else {
            let problem =
                Problem::warning("the line begins with blanks and belongs to no key; it is ignored", &line.whole());
            self.problems.push(problem.with_help("keys and sections begin in the first column"));
            return;
        };
        let indent = *open.indent.get_or_insert(blanks);
        let from = indent.min(blanks);
        let late = self.is_late();
        let more = match late {
            true => text[from..].to_owned(),
            false => self.expand(&text[from..], Ground::Line(line, from)),
        };
        if !self.take(more.len(), line) {
            return;
        }
        let most = self.limits.value_bytes;
        if let Some(value) = self.settings.section_mut(&self.section).last_mut() {
            if value.text.len() + more.len() > most {
                let problem = Problem::error(format!("the value has more than {most} bytes"), &line.whole());
                self.problems.push(problem);
                return;
            }
            value.late |= late && has_forms(&more);
            value.text.push('\n');
            value.text.push_str(&more);
        }
    }

    /// Counts what is kept.
    fn take(&mut self, bytes: usize, line: &Line) -> bool {
        self.bytes += bytes;
        if self.bytes > self.limits.all_bytes {
            let text = format!("the values have more than {} bytes together", self.limits.all_bytes);
            self.problems.push(Problem::error(text, &line.whole()));
            return false;
        }
        true
    }

    /// A line in brackets: a section, an include, a setting of the reader. Whether it is one.
    fn bracket(&mut self, text: &str, ground: Ground<'_>, forms: Forms) -> bool {
        let Some(inner) = text.trim_end().strip_prefix('[').and_then(|t| t.strip_suffix(']')) else { return false };
        let spot = ground.at(0, text.len());
        self.open = None;
        let word_end = inner.find(char::is_whitespace).unwrap_or(inner.len());
        let (word, rest) = (&inner[..word_end], inner[word_end..].trim());
        let rest_at = 1 + word_end + (inner[word_end..].len() - inner[word_end..].trim_start().len());
        match word {
            "include" | "scriptinc" if !rest.is_empty() => {
                let rest = match forms {
                    Forms::Open => self.expand(rest, ground.shifted(rest_at)),
                    Forms::Done => rest.to_owned(),
                };
                let (section, trim) = (self.section.clone(), self.trim);
                match word {
                    "include" => self.include(&rest, &spot),
                    _ => self.script(&rest, &spot),
                }
                self.enter_section(&section);
                self.trim = trim;
            }
            "configf:settings" => self.setting(rest, &spot),
            _ => {
                let name = match forms {
                    Forms::Open => self.expand(inner, ground.shifted(1)),
                    Forms::Done => inner.to_owned(),
                };
                self.enter_section(name.trim());
                if self.kind == Kind::RunConfigs
                    && let Some(regex) = self.section.strip_prefix('/').and_then(|n| n.strip_suffix('/'))
                    && let Err(why) = crate::pattern::whole(regex)
                {
                    let text = format!("the regular expression {why}; no target is meant by it");
                    self.problems.push(Problem::warning(text, &spot));
                }
            }
        }
        true
    }

    fn include(&mut self, path: &str, spot: &Spot) {
        let here = self.stack.last().map_or("", |file| directory(file)).to_owned();
        let path = join(&here, path);
        if !self.file(&path, spot) {
            self.problems.push(Problem::note(format!("there is no {path}; the include is passed over"), spot));
        }
    }

    fn script(&mut self, command: &str, spot: &Spot) {
        let env: Vec<_> = self.settings.values(&self.section).map(|v| (v.key.clone(), v.text.clone())).collect();
        let here = self.stack.last().map_or("", |file| directory(file)).to_owned();
        let (script, arguments) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let script = if script.contains('/') { join(&here, script) } else { script.to_owned() };
        let script = if script.contains('/') && !script.starts_with('/') { format!("./{script}") } else { script };
        let Some(ran) = self.run(&format!("{script} {arguments}"), &env, spot) else { return };
        if ran.code != 0 {
            let text = format!("{script} ends with exit code {}; what it wrote before is read", ran.code);
            self.problems.push(Problem::error(text, spot));
        }
        if ran.out.len() > self.limits.file_bytes {
            let text = format!("{script} wrote more than {} bytes", self.limits.file_bytes);
            self.problems.push(Problem::error(text, spot));
            return;
        }
        // Includes in what it wrote are seen from the file that asked for it.
        let name: Arc<str> = join(&here, &format!("[{command}]")).into();
        self.text(&name, &ran.out, spot);
    }

    fn setting(&mut self, rest: &str, spot: &Spot) {
        match rest.split_once(char::is_whitespace).map(|(name, value)| (name, value.trim())) {
            Some(("trim-trailing-spaces", value)) => self.trim = value != "no",
            _ => self.problems.push(Problem::warning("only trim-trailing-spaces can be set here", spot)),
        }
    }

    fn value(&mut self, text: &str, ground: Ground<'_>, forms: Forms) {
        let end = key_end(text).unwrap_or(text.len());
        let (key, rest) = (&text[..end], text[end..].trim_start());
        let rest_at = text.len() - rest.len();
        let spot = ground.at(0, key.len());
        if key.starts_with('[') {
            let text = format!("{key} is read as a key");
            let help = "a section stands alone in its line, between brackets";
            self.problems.push(Problem::warning(text, &spot).with_help(help));
        }
        let late = self.is_late() && forms == Forms::Open && (system(rest).is_some() || has_forms(rest));
        let output = forms == Forms::Open && system(rest).is_some();
        let value = match (forms, late) {
            (_, true) | (Forms::Done, _) => rest.to_owned(),
            (Forms::Open, false) => self.evaluate(rest, ground.shifted(rest_at)),
        };
        self.bytes += key.len() + value.len();
        if self.bytes > self.limits.all_bytes {
            let text = format!("the values have more than {} bytes together", self.limits.all_bytes);
            self.problems.push(Problem::error(text, &spot));
            return;
        }
        if self.kind == Kind::Area && self.section == "fields" {
            self.field(key);
        }
        self.settings.section_mut(&self.section).set(Value { key: key.to_owned(), text: value, spot, late, output });
        self.open = Some(Open { indent: None });
    }

    /// The parts of the target are variables under the names of the fields.
    fn field(&mut self, key: &str) {
        let at = self.settings.section("fields").map_or(0, crate::settings::Section::len);
        let part = self.context.target.as_deref().and_then(|t| t.split('/').nth(at));
        if let Some(part) = part {
            self.vars.insert(key.to_owned(), part.to_owned());
        }
    }

    /// A value: the output of `[system …]`, or the text with its forms replaced.
    fn evaluate(&mut self, text: &str, ground: Ground<'_>) -> String {
        let Some(command) = system(text) else { return self.expand(text, ground) };
        let at = text.find(command).unwrap_or(0);
        let spot = ground.at(0, text.len());
        let command = self.expand(command, ground.shifted(at));
        let Some(ran) = self.run(&command, &[], &spot) else { return String::new() };
        if ran.code != 0 {
            let text = format!("the command ends with exit code {}; what it wrote is used", ran.code);
            self.problems.push(match self.is_late() {
                // A list of items that is cut would look like fewer tests.
                true => Problem::error(format!("the command ends with exit code {}", ran.code), &spot),
                false => Problem::warning(text, &spot),
            });
        }
        one_line(&ran.out)
    }

    /// What a late value is now.
    pub(crate) fn late(&mut self, value: &Value, section: &str) -> String {
        self.section = section.to_owned();
        let spot = value.said();
        self.evaluate(&value.text, Ground::Spot(&spot))
    }

    pub(crate) fn run(&mut self, command: &str, env: &[(String, String)], spot: &Spot) -> Option<Ran> {
        self.commands += 1;
        if self.commands > self.limits.commands {
            let text = format!("more than {} commands are run", self.limits.commands);
            self.problems.push(Problem::error(text, spot));
            return None;
        }
        let mut all: Vec<(String, String)> = self.vars.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
        all.extend(env.iter().cloned());
        match self.context.outside.shell(command, &all) {
            Ok(ran) => Some(ran),
            Err(why) => {
                self.problems.push(Problem::error(format!("the command {why}"), spot));
                None
            }
        }
    }

    pub(crate) fn env(&self, name: &str) -> Option<String> {
        self.vars.get(name).cloned().or_else(|| self.context.outside.env(name))
    }

    pub(crate) fn run_value(&self, name: &str) -> Option<String> {
        let target = self.context.target.as_deref().unwrap_or("default");
        let own = self.settings.get(target, name).or_else(|| self.settings.get("default", name));
        own.map(|v| v.text.clone()).or_else(|| self.context.run_vars.get(name).cloned())
    }

    /// Values of items wait until the test is about to be expanded: a prerequisite may make what they look at.
    fn is_late(&self) -> bool {
        self.kind == Kind::Test && matches!(self.section.as_str(), "items" | "itemstable")
    }

    fn enter_section(&mut self, name: &str) {
        self.open = None;
        if name != self.section {
            self.end_of_section();
        }
        self.section = name.to_owned();
        if self.pattern(name).is_none() {
            self.settings.section_mut(name);
        }
    }

    /// Reads a file that has to be there.
    pub(crate) fn first_file(&mut self, path: &str) {
        if !self.file(path, &Spot::nowhere(path)) {
            self.problems.push(Problem::error(format!("there is no {path}"), &Spot::nowhere("")));
        }
        self.end_of_section();
    }

    /// Warns of what is not needed or not known in these sections.
    pub(crate) fn tell_unused(&mut self, table: &[Known], own: &[&str]) {
        let mut problems = Vec::new();
        for section in self.settings.sections() {
            let known = table.iter().any(|(name, ..)| *name == section.name);
            for value in section.values().filter(|_| known) {
                let (key, name) = (&value.key, &section.name);
                match known::find(table, name, key) {
                    Some(Use::Read) => {}
                    Some(Use::Unneeded(why)) => {
                        problems.push(Problem::note(format!("{key} of [{name}] is not used: {why}"), &value.spot));
                    }
                    Some(Use::NotDone(instead)) => {
                        let problem = Problem::warning(format!("{key} of [{name}] is not done"), &value.spot);
                        problems.push(problem.with_help(instead));
                    }
                    // Values of the area's own, which forms ask for, may stand there too.
                    None if own.contains(&name.as_str()) => {
                        let keys = table.iter().filter(|(s, ..)| s == name).map(|(_, key, _)| *key);
                        let problem = Problem::warning(format!("{key} of [{name}] means nothing here"), &value.spot);
                        problems.push(match crate::words::nearest(key, keys) {
                            Some(near) => problem.with_help(format!("did you mean {near}?")),
                            None => problem,
                        });
                    }
                    None => {}
                }
            }
        }
        problems.into_iter().for_each(|problem| self.problems.push(problem));
    }

    /// A section that is a pattern is laid over all that it matches.
    pub(crate) fn end_of_section(&mut self) {
        let Some(pattern) = self.pattern(&self.section) else { return };
        let Some(section) = self.settings.remove(&self.section) else { return };
        let names: Vec<String> =
            self.settings.sections().map(|s| s.name.clone()).filter(|n| pattern.is_match(n)).collect();
        for name in names {
            for value in section.values() {
                self.bytes += value.key.len() + value.text.len() + 1;
                if self.bytes <= self.limits.all_bytes {
                    self.settings.section_mut(&name).set(value.clone());
                }
            }
        }
    }

    /// What a section's name matches, if it is a pattern: `%` is any text, `/…/` a regular expression.
    fn pattern(&self, name: &str) -> Option<regex::Regex> {
        if self.kind != Kind::RunConfigs {
            return None;
        }
        if let Some(regex) = name.strip_prefix('/').and_then(|n| n.strip_suffix('/')) {
            return crate::pattern::whole(regex).ok();
        }
        let parts = || name.split('%').map(regex::escape).collect::<Vec<_>>().join(".*");
        name.contains('%').then(|| crate::pattern::whole(&parts()).ok()).flatten()
    }
}

/// Whether the forms of a text were replaced already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Forms {
    Open,
    Done,
}

/// A comment begins with `#`, but a form may begin a line too.
fn is_comment(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('#') && !crate::expand::begins_with_form(text)
}

/// Where the key ends: at the first blank that is not within a form.
fn key_end(text: &str) -> Option<usize> {
    crate::expand::outside_of_forms(text, is_blank)
}

/// Blanks are those of ASCII: what a line begins with and what ends a key.
fn is_blank(c: char) -> bool {
    c.is_ascii_whitespace()
}

/// The command of `[system COMMAND]`.
fn system(text: &str) -> Option<&str> {
    let inner = text.trim_end().strip_prefix("[system")?.strip_suffix(']')?;
    inner.starts_with(char::is_whitespace).then(|| inner.trim()).filter(|command| !command.is_empty())
}
