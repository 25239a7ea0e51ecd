//! An area for one target as the calls of Starlark that make it.

use super::star::Star;
use crate::load::OWN_PROGRAMS;
use model::area::{
    Area, Axis, Check, Disk, ExitCodes, MapRule, Need, RulesSource, Scope, Skip, TestSpec, TestStep, Trigger, Until,
    Var,
};
use model::{CommandLine, Span};

/// Arguments of a call, in order.
pub(super) type Arguments = Vec<(&'static str, Star)>;

/// The arguments of `tests.area` behind its name and its fields.
pub(super) fn of_area(area: &Area) -> Arguments {
    let mut all = Arguments::new();
    let limits = &area.limits;
    let number = |n: u64| Star::Plain(n.to_string());
    // Nothing could run with 0.
    all.extend(limits.run.filter(|n| *n > 0).map(|n| ("at_once", number(n.into()))));
    if !limits.groups.is_empty() {
        let groups = limits.groups.iter().filter(|(_, n)| **n > 0);
        let groups = groups.map(|(name, n)| (name.clone(), number((*n).into())));
        all.push(("job_groups", Star::Dict(groups.collect())));
    }
    vars(&mut all, "env", &area.env);
    vars(&mut all, "env_override", &area.env_override);
    all.extend(area.max_time.map(|s| ("max_time", seconds(s))));
    all.extend(area.dead_after.map(|s| ("dead_after", seconds(s))));
    disks(&mut all, &area.disks);
    triggers(&mut all, &area.triggers);
    all.extend(area.link_tree.as_ref().map(|tree| ("link_tree", Star::Text(tree.clone()))));
    all.extend(area.min_space.map(|n| ("min_space", number(n))));
    all
}

/// The fields of a target: a list, or a dict where some have defaults.
pub(super) fn fields(area: &Area) -> Star {
    if area.fields.iter().all(|f| f.default.is_none()) {
        return Star::texts(area.fields.iter().map(|f| &f.name));
    }
    let default = |d: &Option<String>| d.clone().map_or_else(|| Star::Plain("None".to_owned()), Star::Text);
    Star::Dict(area.fields.iter().map(|f| (f.name.clone(), default(&f.default))).collect())
}

/// The arguments of `test` behind its name.
pub(super) fn of_test(test: &TestSpec) -> Arguments {
    let mut all = Arguments::new();
    let texts = |all: &mut Arguments, name, texts: Vec<&str>| {
        if !texts.is_empty() {
            all.push((name, Star::texts(texts)));
        }
    };
    let truth = |all: &mut Arguments, name, is: bool| {
        if is {
            all.push((name, Star::Plain("True".to_owned())));
        }
    };
    text(&mut all, "description", &test.description);
    text(&mut all, "owner", &test.owner);
    texts(&mut all, "tags", test.tags.iter().map(String::as_str).collect());
    text(&mut all, "dir", &test.dir);
    axes(&mut all, "items", &test.items.cross);
    axes(&mut all, "items_table", &test.items.table);
    for (name, until, by_item) in [
        ("waiton", Until::Good, false),
        ("itemwait", Until::Good, true),
        ("toplevel", Until::Ended, false),
        ("toplevel_items", Until::Ended, true),
    ] {
        let fits = |n: &&Need| n.until == until && matches!(n.scope, Scope::Item { .. }) == by_item;
        texts(&mut all, name, test.needs.iter().filter(fits).map(|n| n.test.as_str()).collect());
    }
    let maps: Vec<(String, Star)> = test.needs.iter().filter_map(|n| Some((n.test.clone(), item_map(n)?))).collect();
    if !maps.is_empty() {
        all.push(("item_map", Star::Dict(maps)));
    }
    vars(&mut all, "env", &test.env);
    truth(&mut all, "exclusive", test.exclusive);
    if test.retry.losses != model::area::Retry::default().losses {
        all.push(("retries_lost", Star::Plain(test.retry.losses.to_string())));
    }
    all.extend(test.max_time.map(|s| ("max_time", seconds(s))));
    all.extend(test.job_group.as_ref().map(|group| ("job_group", Star::Text(group.clone()))));
    if test.priority != 0 {
        all.push(("priority", Star::Plain(test.priority.to_string())));
    }
    truth(&mut all, "skip_if_running", test.skip.contains(&Skip::PreviousRunning));
    let exists = test.skip.iter().filter_map(|skip| match skip {
        Skip::FileExists(path) => Some(path.as_str()),
        Skip::PreviousRunning | Skip::RanWithin(_) => None,
    });
    texts(&mut all, "skip_if_exists", exists.collect());
    let within = test.skip.iter().find_map(|skip| match skip {
        Skip::RanWithin(span) => Some(*span),
        Skip::PreviousRunning | Skip::FileExists(_) => None,
    });
    all.extend(within.map(|span| ("skip_within", seconds(span))));
    if !test.waiver_checks.is_empty() {
        all.push(("waiver_checks", Star::List(test.waiver_checks.iter().filter_map(check).collect())));
    }
    disks(&mut all, &test.disks);
    triggers(&mut all, &test.triggers);
    if !test.steps.is_empty() {
        all.push(("steps", Star::List(test.steps.iter().map(step).collect())));
    }
    all
}

fn text(all: &mut Arguments, name: &'static str, text: &str) {
    if !text.is_empty() {
        all.push((name, Star::Text(text.to_owned())));
    }
}

fn vars(all: &mut Arguments, name: &'static str, vars: &[Var]) {
    if !vars.is_empty() {
        let entries = vars.iter().map(|v| (v.name.clone(), Star::Text(v.value.clone())));
        all.push((name, Star::Dict(entries.collect())));
    }
}

fn axes(all: &mut Arguments, name: &'static str, axes: &[Axis]) {
    if !axes.is_empty() {
        let entries = axes.iter().map(|axis| (axis.name.clone(), Star::texts(&axis.values)));
        all.push((name, Star::Dict(entries.collect())));
    }
}

fn triggers(all: &mut Arguments, triggers: &[Trigger]) {
    if !triggers.is_empty() {
        let entries = triggers.iter().map(|t| (t.when(), Star::Text(t.command.clone())));
        all.push(("triggers", Star::Dict(entries.collect())));
    }
}

fn disks(all: &mut Arguments, disks: &[Disk]) {
    if !disks.is_empty() {
        let entries = disks.iter().map(|disk| (disk.name.clone(), Star::Text(disk.path.clone())));
        all.push(("disks", Star::Dict(entries.collect())));
    }
}

fn item_map(need: &Need) -> Option<Star> {
    let Scope::Item { map } = &need.scope else { return None };
    let rule = |r: &MapRule| Star::Tuple([&r.pattern, &r.replacement].map(|t| Star::Text(t.clone())).to_vec());
    (!map.is_empty()).then(|| Star::List(map.iter().map(rule).collect()))
}

fn check(check: &Check) -> Option<Star> {
    match check {
        Check::SameFiles { glob } => Some(Star::Text(glob.clone())),
        Check::Rules { glob, rules } => Some(Star::Tuple([glob, &rules.name].map(|t| Star::Text(t.clone())).to_vec())),
        Check::Failure { .. } => None,
    }
}

fn step(step: &TestStep) -> Star {
    let command = match &step.command {
        CommandLine::Script(script) => Star::Text(script.clone()),
        CommandLine::Words(words) => bash(words).unwrap_or_else(|| Star::texts(words)),
    };
    let mut parts = vec![Star::Text(step.name.clone()), command];
    let mut options = Vec::new();
    let word = |word: &str| Star::Text(word.to_owned());
    match &step.exit {
        ExitCodes::Plain => {}
        ExitCodes::Verdict => options.push(("exit".to_owned(), word("verdict"))),
        ExitCodes::Ignored => options.push(("exit".to_owned(), word("ignored"))),
        ExitCodes::Allowed(codes) => {
            let codes = codes.iter().map(|code| Star::Plain(code.to_string()));
            options.push(("exit".to_owned(), Star::List(codes.collect())));
        }
    }
    options.extend(step.rules.as_ref().map(|rules| match &rules.source {
        RulesSource::File(file) => ("rules".to_owned(), Star::Text(file.clone())),
        RulesSource::Text(text) => ("rules_text".to_owned(), Star::Text(text.clone())),
    }));
    options.extend(step.max_time.map(|span| ("max_time".to_owned(), seconds(span))));
    if !step.env.is_empty() {
        let entries = step.env.iter().map(|v| (v.name.clone(), Star::Text(v.value.clone())));
        options.push(("env".to_owned(), Star::Dict(entries.collect())));
    }
    if !options.is_empty() {
        parts.push(Star::Dict(options));
    }
    Star::Tuple(parts)
}

/// `sh(…)`, for a command as Megatest runs it.
fn bash(words: &[String]) -> Option<Star> {
    let [shell, option, script] = words else { return None };
    let command = script.strip_prefix(OWN_PROGRAMS)?.strip_prefix('\n')?;
    ((shell.as_str(), option.as_str()) == ("bash", "-c"))
        .then(|| Star::Call("sh", Box::new(Star::Text(command.to_owned()))))
}

fn seconds(span: Span) -> Star {
    Star::Plain((span.0 / 1_000_000).to_string())
}
