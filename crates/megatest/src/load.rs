//! A whole area for one target, and what it is as the nouns of the program.

use crate::area::{self, Area, Var};
use crate::items;
use crate::path::join;
use crate::problem::{Problem, Severity, Spot};
use crate::reader::Context;
use crate::run_configs::{self, RunConfigs};
use crate::test_config::{self, ExitCode, Inline, Step, TestConfig};
use model::area::{
    Check, ExitCodes, Field, Limits, LogRules, Need, Retry, RulesSource, Scope, Skip, TestSpec, TestStep, Until,
};
use model::{CommandLine, Span, area as nouns};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is read of an area.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// `megatest.config`.
    pub area: Area,
    /// `runconfigs.config`.
    pub run_configs: RunConfigs,
    /// Each test, by name.
    pub tests: Vec<TestConfig>,
    /// The variables that tests are read with.
    pub vars: BTreeMap<String, String>,
    /// What concerns several files.
    pub problems: Vec<Problem>,
}

impl Loaded {
    /// All that is wrong or worth knowing, in the order of reading.
    pub fn all_problems(&self) -> impl Iterator<Item = &Problem> {
        let tests = self.tests.iter().flat_map(|t| &t.problems);
        self.area.problems.iter().chain(&self.run_configs.problems).chain(tests).chain(&self.problems)
    }
}

/// Reads an area for the context's target.
pub fn load(context: &Context<'_>) -> Loaded {
    let area = area::read(context);
    let mut context = context.clone();
    let keys: BTreeMap<String, String> = keys(&area, context.target.as_deref());
    context.vars.extend(keys.clone());
    let name = area.name.clone().unwrap_or_else(|| last_part(&context.area).to_owned());
    context.vars.insert("MT_TESTSUITENAME".to_owned(), name);
    if let Some(link_tree) = &area.link_tree {
        context.vars.insert("MT_LINKTREE".to_owned(), link_tree.clone());
    }
    let own = context.vars.clone();
    context.vars.extend(pairs(&area.env));
    context.vars.extend(own.clone());
    let run_configs = run_configs::read(&context);
    // Those of the target are the weakest, then those of the area, then the parts of the target.
    context.vars = pairs(&run_configs.vars).collect();
    context.vars.extend(pairs(&area.env));
    context.vars.extend(own);
    context.run_vars = pairs(&run_configs.vars).collect();
    let mut loaded = Loaded { vars: context.vars.clone(), run_configs, ..Loaded::default() };
    for (name, directory) in places(&context, &area, &mut loaded.problems) {
        loaded.tests.push(test_config::read(&context, &name, &directory));
    }
    loaded.area = area;
    loaded.tests.sort_by(|a, b| a.name.cmp(&b.name));
    prerequisites(&mut loaded);
    loaded
}

fn pairs(vars: &[Var]) -> impl Iterator<Item = (String, String)> {
    vars.iter().map(|v| (v.name.clone(), v.value.clone()))
}

fn keys(area: &Area, target: Option<&str>) -> BTreeMap<String, String> {
    let parts = target.into_iter().flat_map(|t| t.split('/'));
    area.fields.iter().map(|f| f.name.clone()).zip(parts.map(str::to_owned)).collect()
}

fn last_part(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The tests that there are, with their directories; of two with one name the first is taken.
fn places(context: &Context<'_>, area: &Area, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for place in &area.test_places {
        let names = match context.outside.tests(place) {
            Ok(names) => names,
            Err(why) => {
                problems.push(Problem::warning(format!("{place} {why}"), &Spot::nowhere("")));
                continue;
            }
        };
        for name in names {
            if seen.insert(name.clone()) {
                all.push((name.clone(), join(place, &name)));
            } else {
                let text = format!("the test {name} of {place} is not taken: there is one of this name before it");
                problems.push(Problem::note(text, &Spot::nowhere("")));
            }
        }
    }
    all
}

/// Tests that wait for what is not there. It is an error of a run that has such a test, and none of others.
fn prerequisites(loaded: &mut Loaded) {
    let names: BTreeSet<&str> = loaded.tests.iter().map(|t| t.name.as_str()).collect();
    for test in &loaded.tests {
        for wait in test.wait_on.iter().filter(|w| !names.contains(w.test.as_str())) {
            let text = format!("{} waits for {}, and there is no such test", test.name, wait.test);
            let problem = Problem::warning(text, &wait.spot);
            loaded.problems.push(match crate::words::nearest(&wait.test, names.iter().copied()) {
                Some(near) => problem.with_help(format!("did you mean {near}?")),
                None => problem,
            });
        }
    }
}

/// An area as the nouns of the program.
#[derive(Clone, Debug, Default)]
pub struct Nouns {
    /// It.
    pub area: nouns::Area,
    /// What is wrong with the items of a test, and what of it has no noun: the test's name, and a problem.
    pub problems: Vec<(String, Problem)>,
}

/// The area as the nouns of the program. The items of every test are looked at now.
pub fn nouns(loaded: &Loaded, context: &Context<'_>) -> Nouns {
    let mut context = context.clone();
    context.vars = loaded.vars.clone();
    context.run_vars = pairs(&loaded.run_configs.vars).collect();
    let mut problems = Vec::new();
    let area = &loaded.area;
    let mut tests = Vec::new();
    for test in &loaded.tests {
        let mut wrong = Vec::new();
        tests.push(spec(test, area, &context, &mut wrong));
        problems.extend(wrong.into_iter().map(|problem| (test.name.clone(), problem)));
    }
    let vars = |vars: &[Var]| vars.iter().map(|v| nouns::Var::new(&v.name, &v.value)).collect();
    let name = area.name.clone().unwrap_or_else(|| last_part(&context.area).to_owned());
    let nouns = nouns::Area {
        name,
        fields: area.fields.iter().map(|f| Field { name: f.name.clone(), default: f.default.clone() }).collect(),
        tests,
        limits: Limits { run: area.max_jobs, groups: area.job_groups.clone(), ..Limits::default() },
        env: vars(&loaded.run_configs.vars),
        env_override: vars(&area.env),
        max_time: area.run_time_limit.map(span),
        dead_after: area.dead_time.map(span),
        disks: disks(&area.disks),
        triggers: triggers(&area.triggers),
        link_tree: area.link_tree.clone(),
        min_space: area.min_space,
        ..nouns::Area::default()
    };
    Nouns { area: nouns, problems }
}

/// Of two for the same change the later one stands.
fn triggers(triggers: &[area::Trigger]) -> Vec<nouns::Trigger> {
    let mut all: Vec<nouns::Trigger> = Vec::new();
    for one in triggers.iter().filter(|t| !t.command.trim().is_empty()) {
        all.retain(|before| (&before.state, &before.status) != (&one.state, &one.status));
        let command = one.command.trim().to_owned();
        all.push(nouns::Trigger { state: one.state.clone(), status: one.status.clone(), command });
    }
    all
}

fn disks(disks: &[(String, String)]) -> Vec<nouns::Disk> {
    disks.iter().map(|(name, path)| nouns::Disk::new(name, path)).collect()
}

fn span(seconds: u64) -> Span {
    Span::seconds(i64::try_from(seconds).unwrap_or(i64::MAX / 1_000_000))
}

fn spec(test: &TestConfig, area: &Area, context: &Context<'_>, problems: &mut Vec<Problem>) -> TestSpec {
    let mut context = context.clone();
    context.vars.insert("MT_TEST_NAME".to_owned(), test.name.clone());
    let (items, wrong) = items::read(&test.settings, &context);
    problems.extend(wrong);
    let has = |file: &str| matches!(context.outside.read(&join(&test.directory, file)), Ok(Some(_)));
    let mut steps: Vec<TestStep> = test.run_script.iter().map(|script| run_script(script)).collect();
    steps.extend(test.steps.iter().map(|step| ez_step(step, test.exit_code, has(&format!("{}.logpro", step.name)))));
    // Of a variable that both sections have the later one stands.
    let mut env: Vec<nouns::Var> = Vec::new();
    for var in test.env.iter().chain(&test.launch_env) {
        env.retain(|before| before.name != var.name);
        env.push(nouns::Var::new(&var.name, &var.value));
    }
    let skip = &test.skip;
    TestSpec {
        name: test.name.clone(),
        dir: test.directory.clone(),
        steps,
        items,
        needs: needs(test),
        exclusive: test.modes.exclusive,
        skip: (skip.previous_running.iter().map(|_| Skip::PreviousRunning))
            .chain(skip.file_exists.iter().map(|(path, _)| Skip::FileExists(path.clone())))
            .chain(skip.run_delay.iter().map(|(seconds, _)| Skip::RanWithin(span(*seconds))))
            .collect(),
        retry: Retry { losses: area.reruns.max(Retry::default().losses), ..Retry::default() },
        max_time: test.run_time_limit.map(span),
        job_group: test.job_group.clone(),
        priority: test.priority,
        env,
        disks: disks(&test.disks),
        triggers: triggers(&test.triggers),
        waiver_checks: checks(test, &has, problems),
        tags: test.meta.tags.clone(),
        owner: test.meta.owner.clone().or_else(|| test.meta.author.clone()).unwrap_or_default(),
        description: test.meta.description.clone().unwrap_or_default(),
        defined_at: Some(Spot { line: 1, column: 1, ..Spot::nowhere(&join(&test.directory, "testconfig")) }.place()),
        ..TestSpec::default()
    }
}

fn needs(test: &TestConfig) -> Vec<Need> {
    let until = if test.modes.toplevel { Until::Ended } else { Until::Good };
    let need = |name: &str| {
        let own = test.item_maps.iter().find(|(of, _)| of == name).map(|(_, map)| map);
        let scope = match test.modes.item_wait {
            true => Scope::Item { map: own.unwrap_or(&test.item_map).clone() },
            false => Scope::Whole,
        };
        Need { test: name.to_owned(), until, scope }
    };
    test.wait_on.iter().map(|w| need(&w.test)).collect()
}

/// What stands before every command: programs of the test itself are found, after those of the system.
pub(crate) const OWN_PROGRAMS: &str = "export PATH=\"$PATH:.\"";

fn bash(script: String) -> CommandLine<String> {
    CommandLine::words(["bash".to_owned(), "-c".to_owned(), script])
}

fn ez_step(step: &Step, exit: ExitCode, has_file: bool) -> TestStep {
    let file = format!("{}.logpro", step.name);
    let source = match (&step.rules, has_file) {
        (_, true) => Some(RulesSource::File(file.clone())),
        (Some(Inline { text, .. }), false) => Some(RulesSource::Text(text.clone())),
        (None, false) => None,
    };
    TestStep {
        name: step.name.clone(),
        command: bash(format!("{OWN_PROGRAMS}\n{}", step.command)),
        exit: match exit {
            ExitCode::Counts => ExitCodes::Plain,
            ExitCode::RulesDecide => ExitCodes::Ignored,
        },
        rules: source.map(|source| LogRules { name: file, source }),
        max_time: None,
        env: step.vars.iter().map(|(name, value)| nouns::Var::new(name, value)).collect(),
    }
}

/// A script with a stroke in its name is what it says; otherwise it is in the run directory, or found by the system.
fn run_script(script: &str) -> TestStep {
    let (program, arguments) = script.split_once(char::is_whitespace).unwrap_or((script, ""));
    let (quoted, own) = (model::shell::quoted(program), model::shell::quoted(&format!("./{program}")));
    let run = match program.contains('/') {
        true => format!("exec {quoted} {arguments}"),
        false => {
            format!("if [ -f {own} ]; then chmod u+x {own} && exec {own} {arguments}; fi\nexec {quoted} {arguments}")
        }
    };
    TestStep {
        name: "run".to_owned(),
        command: bash(format!("{OWN_PROGRAMS}\n{run}")),
        exit: ExitCodes::Verdict,
        rules: None,
        max_time: None,
        env: Vec::new(),
    }
}

fn checks(test: &TestConfig, has: &dyn Fn(&str) -> bool, problems: &mut Vec<Problem>) -> Vec<Check> {
    let mut all = Vec::new();
    for waiver in &test.waivers {
        let file = format!("{}.logpro", waiver.name);
        let glob = waiver.files.clone();
        if waiver.command.is_some() {
            let spot = test.settings.get("waivers", &waiver.name).map_or_else(|| Spot::nowhere(""), |v| v.spot.clone());
            let text = format!("the waiver {} has a command of its own, which is not run", waiver.name);
            let help = "a file of rules beside it looks at the differences";
            problems.push(Problem::warning(text, &spot).with_help(help));
        } else if has(&file) {
            all.push(Check::Rules { glob, rules: LogRules { name: file.clone(), source: RulesSource::File(file) } });
        } else {
            all.push(Check::SameFiles { glob });
        }
    }
    all
}

/// Why a run of these tests cannot be: the errors of the area, of its target, and of the tests themselves. A test that
/// nobody asks for stops nothing.
pub fn obstacles<'a>(loaded: &'a Loaded, nouns: &'a Nouns, wanted: impl Fn(&str) -> bool) -> Vec<&'a Problem> {
    let own = loaded.tests.iter().filter(|t| wanted(&t.name)).flat_map(|t| &t.problems);
    let items = nouns.problems.iter().filter(|(test, _)| wanted(test)).map(|(_, problem)| problem);
    let shared = loaded.area.problems.iter().chain(&loaded.run_configs.problems).chain(&loaded.problems);
    shared.chain(own).chain(items).filter(|p| p.severity == Severity::Error).collect()
}
