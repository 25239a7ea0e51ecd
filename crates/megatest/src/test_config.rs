//! `testconfig`: what a test is.

use crate::area::{Trigger, Var};
use crate::item_map::rules;
use crate::items::are_late;
use crate::known;
use crate::logpro::Rules;
use crate::problem::{Problem, Spot};
use crate::reader::{Context, Kind, Reader};
use crate::settings::{Settings, Value};
use model::area::MapRule;

/// A step of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name: the log is `NAME.log`.
    pub name: String,
    /// Variables of this step, from `{NAME=value}` before the command.
    pub vars: Vec<(String, String)>,
    /// For `bash -c`; all of it goes to the log.
    pub command: String,
    /// Log rules that are said in the `testconfig`. A file `NAME.logpro` beside it comes first.
    pub rules: Option<Inline>,
    /// Where it is said.
    pub spot: Spot,
}

/// Log rules within a `testconfig`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inline {
    /// As they stand there.
    pub text: String,
    /// Where they begin.
    pub spot: Spot,
}

/// What an exit code other than 0 of a step is, where rules look at its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExitCode {
    /// A failure, whatever the rules say.
    #[default]
    Counts,
    /// Nothing: the rules alone decide.
    RulesDecide,
}

/// How a test waits for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// Prerequisites only have to have ended.
    pub toplevel: bool,
    /// Item waits for item.
    pub item_wait: bool,
    /// Not while the same item runs in any run.
    pub exclusive: bool,
}

/// A prerequisite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitOn {
    /// The test.
    pub test: String,
    /// Where it is said.
    pub spot: Spot,
}

/// What makes a test pass over itself; any of them is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skip {
    /// The same item runs in another run of the target.
    pub previous_running: Option<Spot>,
    /// This path exists.
    pub file_exists: Option<(String, Spot)>,
    /// It began less than so many seconds ago in another run of the target.
    pub run_delay: Option<(u64, Spot)>,
}

/// What people say of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Who wrote it.
    pub author: Option<String>,
    /// Who looks after it.
    pub owner: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// When and by whom it was looked through.
    pub reviewed: Option<String>,
    /// Words to choose it by.
    pub tags: Vec<String>,
}

/// A check that a waiver must pass again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Its name: `NAME.logpro` looks at the difference, if there is such a file.
    pub name: String,
    /// The rule of `[waiver_rules]`, or `diff`.
    pub rule: String,
    /// The command of the rule, if it has one of its own.
    pub command: Option<String>,
    /// The files that are compared.
    pub files: String,
}

/// What a `testconfig` says.
#[derive(Clone, Debug, Default)]
pub struct TestConfig {
    /// The test's name.
    pub name: String,
    /// The directory that it is in, as the area names it.
    pub directory: String,
    /// A script that reports by itself.
    pub run_script: Option<String>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// Whether the exit code of a step with rules counts.
    pub exit_code: ExitCode,
    /// Prerequisites in order.
    pub wait_on: Vec<WaitOn>,
    /// How it waits for them.
    pub modes: Modes,
    /// From my item path to the prerequisite's: for all of them.
    pub item_map: Vec<MapRule>,
    /// The same for one prerequisite.
    pub item_maps: Vec<(String, Vec<MapRule>)>,
    /// Greater is earlier.
    pub priority: i64,
    /// Seconds that it may take.
    pub run_time_limit: Option<u64>,
    /// The group that has a limit of its own.
    pub job_group: Option<String>,
    /// Whether its items can only be known when it is about to start.
    pub items_are_late: bool,
    /// When it passes over itself.
    pub skip: Skip,
    /// What people say of it.
    pub meta: Meta,
    /// Variables for the test.
    pub env: Vec<Var>,
    /// Variables for what launches it.
    pub launch_env: Vec<Var>,
    /// Disks of its own.
    pub disks: Vec<(String, String)>,
    /// Commands on a change of state or status.
    pub triggers: Vec<Trigger>,
    /// Checks of waivers.
    pub waivers: Vec<Waiver>,
    /// Everything that was said.
    pub settings: Settings,
    /// What is wrong or worth knowing.
    pub problems: Vec<Problem>,
    /// The files that were read.
    pub files: Vec<String>,
}

/// Reads `DIRECTORY/testconfig`.
pub fn read(context: &Context<'_>, name: &str, directory: &str) -> TestConfig {
    let mut context = context.clone();
    context.vars.insert("MT_TEST_NAME".to_owned(), name.to_owned());
    let mut reader = Reader::new(&context, Kind::Test);
    reader.first_file(&crate::path::join(directory, "testconfig"));
    let mut test = TestConfig { name: name.to_owned(), directory: directory.to_owned(), ..TestConfig::default() };
    reader.name(&test);
    test.env = reader.shell_vars("pre-launch-env-vars");
    test.launch_env = reader.shell_vars("pre-launch-env-overrides");
    test.triggers = reader.triggers();
    let settings = reader.settings.clone();
    let text = |section: &str, key: &str| {
        settings.get(section, key).map(|v| v.text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    test.run_script = text("setup", "runscript");
    test.disks = settings.values("disks").map(|v| (v.key.clone(), v.text.trim().to_owned())).collect();
    test.steps = settings.values("ezsteps").map(|v| reader.step(v)).collect();
    reader.inline_rules(&mut test, &settings);
    reader.requirements(&mut test, &settings);
    test.skip = reader.skip(&settings);
    test.job_group = text("test_meta", "jobgroup").or_else(|| text("requirements", "jobgroup"));
    let tags = text("test_meta", "tags").unwrap_or_default();
    test.meta = Meta {
        author: text("test_meta", "author"),
        owner: text("test_meta", "owner"),
        description: text("test_meta", "description"),
        reviewed: text("test_meta", "reviewed"),
        tags: tags.split([',', '\n']).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect(),
    };
    test.waivers = settings.values("waivers").map(|v| waiver(v, &settings)).collect();
    test.items_are_late = are_late(&settings);
    reader.what_runs(&test, &settings);
    reader.tell_unused(known::TEST, &["setup", "requirements", "test_meta", "skip"]);
    let reading = reader.done();
    TestConfig { settings: reading.settings, problems: reading.problems, files: reading.files, ..test }
}

impl Reader<'_> {
    /// A name is one directory.
    fn name(&mut self, test: &TestConfig) {
        let bad = |c: char| c.is_whitespace() || matches!(c, '/' | ',' | '%' | '*' | '(' | ')');
        let wrong = testruns::item::wrong_name(&test.name).is_some();
        if wrong || test.name.contains(bad) || test.name.starts_with(['.', '~', '-']) {
            let text = format!("a test cannot be called '{}'", test.name);
            let help = "a name has no blanks, no /, comma, %, * and parentheses, and does not begin with . ~ or -";
            self.problems.push(Problem::error(text, &Spot::nowhere(&test.directory)).with_help(help));
        }
    }

    fn step(&mut self, value: &Value) -> Step {
        let Value { key, text, spot, .. } = value.clone();
        if key.contains(['/', '\\']) || key.starts_with('.') {
            let text = format!("a step cannot be called '{key}'");
            self.problems.push(Problem::error(text, &spot).with_help("its log is NAME.log in the run directory"));
        }
        let (vars, command) = step_vars(&text);
        if command.trim().is_empty() {
            self.problems.push(Problem::error(format!("the step {key} has no command"), &spot));
        }
        Step { name: key, vars, command: command.trim().to_owned(), rules: None, spot }
    }

    fn inline_rules(&mut self, test: &mut TestConfig, settings: &Settings) {
        for value in settings.values("logpro") {
            let spot = value.said();
            let (_, problems) = Rules::parse(&value.text, &spot);
            problems.into_iter().for_each(|problem| self.problems.push(problem));
            match test.steps.iter_mut().find(|step| step.name == value.key) {
                Some(step) => step.rules = Some(Inline { text: value.text.clone(), spot }),
                None => {
                    // A runscript may start steps of any name.
                    if test.run_script.is_none() {
                        let text = format!("there is no step {} that these rules could be for", value.key);
                        self.problems.push(Problem::warning(text, &value.spot));
                    }
                }
            }
        }
    }

    fn requirements(&mut self, test: &mut TestConfig, settings: &Settings) {
        let get = |key: &str| settings.get("requirements", key).filter(|v| !v.text.trim().is_empty());
        if let Some(value) = get("waiton") {
            test.wait_on = self.wait_on(value, &test.name);
        }
        if let Some(value) = get("waitor") {
            let problem = Problem::error("waitor is not read: no order follows from it", &value.spot);
            self.problems.push(problem.with_help(format!("write waiton {} in the tests that have to wait", test.name)));
        }
        if let Some(value) = get("mode") {
            test.modes = self.modes(value);
        }
        let map = |value: &Value, reader: &mut Self| match rules(&value.text) {
            Ok(map) => Some(map),
            Err(why) => {
                reader.problems.push(Problem::error(why, &value.said()));
                None
            }
        };
        test.item_map = get("itemmap").and_then(|v| map(v, self)).unwrap_or_default();
        for value in settings.values("itemmap") {
            test.item_maps.extend(map(value, self).map(|m| (value.key.clone(), m)));
            if !test.wait_on.iter().any(|w| w.test == value.key) {
                let text = format!("{} does not wait for {}", test.name, value.key);
                self.problems.push(Problem::warning(text, &value.spot));
            }
        }
        if let Some(value) = get("priority") {
            test.priority = value.text.trim().parse().unwrap_or_else(|_| {
                self.problems.push(Problem::error("priority takes a whole number", &value.said()));
                0
            });
        }
        test.run_time_limit = get("runtimelim").and_then(|v| self.seconds(v));
        match get("exit-code").map(|v| (v, v.text.trim())) {
            None | Some((_, "counts")) => {}
            Some((_, "rules")) => test.exit_code = ExitCode::RulesDecide,
            Some((value, _)) => {
                let problem = Problem::error("exit-code is counts or rules", &value.said());
                self.problems.push(problem);
            }
        }
    }

    fn wait_on(&mut self, value: &Value, own: &str) -> Vec<WaitOn> {
        let mut all: Vec<WaitOn> = Vec::new();
        let said = value.said();
        let column = said.column as usize;
        let mut from = said.source.char_indices().nth(column.saturating_sub(1)).map_or(0, |(at, _)| at);
        for word in value.text.split_whitespace() {
            // A word of a later line, or of a value that came from elsewhere, is shown where the key is.
            let at = said.source.get(from..).and_then(|rest| rest.find(word)).map(|at| from + at);
            let spot = at.map_or_else(|| value.spot.clone(), |at| said.at(at, word.len()));
            from = at.map_or(from, |at| at + word.len());
            if word == "#f" {
                self.problems.push(Problem::warning("#f is nothing; the test does not wait for it", &spot));
            } else if word == own {
                let problem = Problem::warning(format!("{own} waits for itself; the word is passed over"), &spot);
                self.problems.push(problem);
            } else if !all.iter().any(|w| w.test == word) {
                all.push(WaitOn { test: word.to_owned(), spot });
            }
        }
        all
    }

    fn modes(&mut self, value: &Value) -> Modes {
        let mut modes = Modes::default();
        for word in value.text.split_whitespace() {
            match word {
                "normal" => {}
                "toplevel" => modes.toplevel = true,
                "itemwait" | "itemmatch" => modes.item_wait = true,
                "exclusive" => modes.exclusive = true,
                _ => {
                    let known = ["normal", "toplevel", "itemwait", "itemmatch", "exclusive"];
                    let problem = Problem::error(format!("there is no mode {word}"), &value.said());
                    let help = match crate::words::nearest(word, known.into_iter()) {
                        Some(near) => format!("did you mean {near}?"),
                        None => format!("the modes are {}", known.join(", ")),
                    };
                    self.problems.push(problem.with_help(help));
                }
            }
        }
        modes
    }

    fn skip(&mut self, settings: &Settings) -> Skip {
        let get = |key: &str| settings.get("skip", key);
        Skip {
            previous_running: get("prevrunning")
                .filter(|v| !matches!(v.text.trim(), "no" | "0"))
                .map(|v| v.spot.clone()),
            file_exists: get("fileexists")
                .filter(|v| !v.text.trim().is_empty())
                .map(|v| (v.text.trim().to_owned(), v.spot.clone())),
            run_delay: get("rundelay").and_then(|v| Some((self.seconds(v)?, v.spot.clone()))),
        }
    }

    fn what_runs(&mut self, test: &TestConfig, settings: &Settings) {
        let file = Spot::nowhere(test_file(test).as_str());
        if let Some(subrun) = settings.section("subrun").and_then(|s| s.values().next()) {
            let problem = Problem::error("a test cannot run another area as its step", &subrun.spot);
            self.problems.push(problem.with_help("a step with the command sluice tests run in that area does"));
        } else if test.steps.is_empty() && test.run_script.is_none() {
            let problem = Problem::warning(format!("the test {} has nothing to run; it passes", test.name), &file);
            self.problems.push(problem.with_help("[ezsteps] lists steps, runscript of [setup] names a script"));
        } else if let (Some(script), false) = (&test.run_script, test.steps.is_empty()) {
            let text = format!("the steps of {} run after its script {script}", test.name);
            self.problems.push(Problem::note(text, &file));
        }
    }
}

fn test_file(test: &TestConfig) -> String {
    crate::path::join(&test.directory, "testconfig")
}

/// Variables before the command: `{A=1 B=2} make`. A group of a shell has a blank behind its brace.
fn step_vars(text: &str) -> (Vec<(String, String)>, &str) {
    let parsed = || {
        let (inside, command) = text.strip_prefix('{')?.split_once('}')?;
        let words = inside.split([' ', '\t', ',', ';']).filter(|w| !w.is_empty());
        let vars = words.map(|w| w.split_once('=').filter(|(n, _)| is_name(n)));
        let vars: Option<Vec<_>> = vars.map(|v| v.map(|(n, v)| (n.to_owned(), v.to_owned()))).collect();
        vars.filter(|vars| !vars.is_empty()).map(|vars| (vars, command))
    };
    parsed().unwrap_or((Vec::new(), text))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn waiver(value: &Value, settings: &Settings) -> Waiver {
    let (rule, files) = value.text.trim().split_once(char::is_whitespace).unwrap_or((value.text.trim(), ""));
    Waiver {
        name: value.key.clone(),
        rule: rule.to_owned(),
        command: settings.get("waiver_rules", rule).map(|v| v.text.clone()),
        files: files.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_a_step_stand_before_its_command() {
        let vars = |text| step_vars(text).0;
        assert_eq!(vars("{A=1,B=x} make"), [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "x".to_owned())]);
        assert_eq!(step_vars("{A=1} make all").1, " make all");
        for plain in ["{ make; }", "{}", "make {A=1}", "{1=2} x", "{A} x"] {
            assert_eq!((vars(plain).len(), step_vars(plain).1), (0, plain));
        }
    }
}
