//! `test(…)` and `tests.…`: what a test run consists of.

use super::test_steps::steps;
use super::{Def, p, top};
use crate::call::{Call, Outcome, Wrong};
use crate::names::quoted;
use crate::registry::Made;
use crate::sites::Part;
use crate::{address, given};
use model::Span;
use model::area::{
    Axis, Check, Class, Disk, Expectation, Field, Fixture, Host, Items, LogRules, MapRule, Need, Retry, RulesSource,
    Scope, Skip, StatusSpec, TestSpec, Tolerance, Trigger, Until, Var,
};
use starlark::values::Value;
use std::collections::BTreeMap;

pub(super) const TEST: Def = Def {
    path: "test",
    summary: "A test, or a matrix of them: steps in order, run once for each item. Each of `steps` is a name and a \
              command (a text for the shell, or a list of words), and may have a dict behind them: `exit` (\"plain\": 0 \
              passes; \"verdict\": 0 PASS, 1 FAIL, 2 WARN, 3 CHECK, 4 WAIVED, 5 ABORT, 6 SKIP; \"ignored\"; or a list of \
              codes that pass too), `rules` (a file of log rules), `rules_text` (such rules themselves), \
              `max_time` and `env`. `items` are all combinations, \
              `items_table` goes column by column. What `waiton` names must be good as a whole, what `itemwait` names \
              in the same item, and what `toplevel` names must have ended.",
    example: "test(\"build\", dir = \"tests/build\", items = {\"CC\": [\"gcc\", \"clang\"]}, steps = [\n    (\"configure\", \
              \"./configure\"),\n    (\"make\", [\"make\", \"-j2\"], {\"max_time\": \"10m\"}),\n])\n\
              test(\"check\", items = {\"CC\": [\"gcc\", \"clang\"]}, itemwait = [\"build\"], steps = [(\"check\", \
              \"make check\")])\n\
              test(\"summary\", toplevel = [\"check\"], steps = [(\"count\", \"./summary\", {\"exit\": \"verdict\"})])",
    groups: &[&[
        p("name", "text", ""),
        p("steps", "list of (name, command) or (name, command, dict)", "[]"),
        p("items", "dict of variables and lists of their values", "not iterated"),
        p("items_table", "dict of variables and lists of their values", "not iterated"),
        p("without", "list of dicts: items with these values are left out", "[]"),
        p("waiton", "list of names of tests that must be good", "[]"),
        p("itemwait", "list of names of tests of which the same item must be good", "[]"),
        p("toplevel", "list of names of tests that must have ended", "[]"),
        p("toplevel_items", "list of names of tests of which the same item must have ended", "[]"),
        p(
            "item_map",
            "dict of names in itemwait or toplevel_items and lists of (regular expression, replacement)",
            "the same path",
        ),
        p("dir", "directory below the area, or absolute, of which each item gets a copy to run in", "an empty one"),
        p("env", "dict of variables", "{}"),
        p("fixtures", "list of names of tests.fixture(…)", "[]"),
        p("exclusive", "True or False: not beside the same item in another run", "False"),
        p("retries", "how often more after a failure", "0"),
        p("retries_lost", "how often more when its host was lost", "1"),
        p("max_time", "duration of an attempt, after which it is ended", "that of the area"),
        p("job_group", "name of a job group", "None"),
        p("resources", "dict of resources and how much of each an item takes", "{}"),
        p("priority", "whole number; higher ones come first", "0"),
        p("expect", "dict of \"category/variable\" and (value, tolerance): a number, or >, >=, <, <=", "{}"),
        p("skip_if_running", "True or False: the same item runs in another run of the target", "False"),
        p("skip_if_exists", "list of files, any of which makes it not worth running", "[]"),
        p("skip_within", "duration since it ended last in any run of the target", "None"),
        p("waiver_checks", "what a waiver of it has to show, as checks of tests.waiver", "[]"),
        p("disks", "dict of names and directories of its own, as in tests.area", "those of the area"),
        p("triggers", "dict as in tests.area, beside those of the area", "{}"),
        p("tags", "list of texts", "[]"),
        p("owner", "text", "\"\""),
        p("description", "text", "\"\""),
    ]],
    by_position: 1,
    required: &["name"],
    in_pipelines: false,
    run: test,
};

pub(super) const AREA: Def = Def {
    path: "tests.area",
    summary: "What holds for all tests: the fields of a target, how much runs at once, and what is around them.",
    example: "tests.area(\"zlib\", fields = [\"OS\", \"RELEASE\"], at_once = 8, job_groups = {\"db\": 2}, resources = \
              {\"gpus\": 1})\ntest(\"build\", dir = \"tests/build\", steps = [(\"make\", \"make\")])",
    groups: &[&[
        p("name", "text", "the name of the directory"),
        p("fields", "list of names, or dict of names and defaults (None: it must be given)", "[]"),
        p("at_once", "how many items of one run at once", "as many as there are places"),
        p("job_groups", "dict of groups and how many items of each at once", "{}"),
        p("resources", "dict of resources and how much there is of each", "{}"),
        p("env", "dict of variables", "{}"),
        p("env_override", "dict of variables that stand against those of env", "{}"),
        p("max_time", "duration of an attempt, after which it is ended", "None"),
        p("dead_after", "duration of silence after which an attempt is dead", "None"),
        p("disks", "dict of names and directories; a run directory is made on the one with the most room", "{}"),
        p("link_tree", "directory of the tree in which tests find each other", "`.sluice/tests/runs`"),
        p(
            "triggers",
            "dict of \"STATE/STATUS\", of which one may be empty, and commands that run on a change to it",
            "{}",
        ),
        p("min_space", "kilobytes that a disk must have free", "None"),
        p("host", "where tests run: \"local\", \"slurm\", or \"slurm:OPTION=VALUE,…\"", "\"local\""),
    ]],
    by_position: 1,
    required: &[],
    in_pipelines: false,
    run: area,
};

pub(super) const FIXTURE: Def = Def {
    path: "tests.fixture",
    summary: "What tests need around them: a test that makes it and one that takes it away. The second runs whenever the \
              first began, after all that need it, however they ended.",
    example: "test(\"start_db\", steps = [(\"start\", \"./db start\")])\ntest(\"stop_db\", steps = [(\"stop\", \"./db \
              stop\")])\ntests.fixture(\"db\", setup = \"start_db\", cleanup = \"stop_db\")\ntest(\"query\", fixtures = \
              [\"db\"], steps = [(\"ask\", \"./ask\")])",
    groups: &[&[p("name", "text", ""), p("setup", "name of a test", "None"), p("cleanup", "name of a test", "None")]],
    by_position: 1,
    required: &["name"],
    in_pipelines: false,
    run: fixture,
};

pub(super) const STATUS: Def = Def {
    path: "tests.status",
    summary: "A status word of your own, or another meaning of a built-in one. Of several statuses the one with the \
              highest rank stands: PASS has 10, WARN 30, CHECK 50, FAIL 90, ABORT 120.",
    example: "tests.status(\"SLOW\", rank = 35, meaning = \"good\")\ntest(\"load\", steps = [(\"run\", \"./load\")])",
    groups: &[&[
        p("word", "text", ""),
        p("rank", "whole number from 1 to 1000", ""),
        p("meaning", "\"good\", \"neutral\" or \"bad\"", ""),
        p("satisfies", "True or False: those who wait for it may run", "True unless it is bad"),
    ]],
    by_position: 1,
    required: &["word", "rank", "meaning"],
    in_pipelines: false,
    run: status,
};

fn test(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let name = required(call, "name")?;
    let texts = |argument| Ok::<_, Wrong>(call.texts(argument, "a list of texts")?.unwrap_or_default());
    let least = Span::seconds(1);
    let running = call.truth("skip_if_running", false)?.then_some(Skip::PreviousRunning);
    let files = texts("skip_if_exists")?.into_iter().map(Skip::FileExists);
    let within = call.duration("skip_within", least)?.map(Skip::RanWithin);
    let retries = |argument, usual| Ok::<_, Wrong>(u32::try_from(call.number(argument, 0, 100, usual)?).unwrap_or(0));
    let spec = TestSpec {
        steps: steps(call)?,
        items: items(call)?,
        needs: needs(call)?,
        dir: call.formed("dir", address::anywhere)?.unwrap_or_default(),
        env: vars(call, "env")?,
        fixtures: texts("fixtures")?,
        exclusive: call.truth("exclusive", false)?,
        retry: Retry { failures: retries("retries", 0)?, losses: retries("retries_lost", 1)? },
        max_time: call.duration("max_time", least)?,
        job_group: call.text("job_group")?,
        resources: amounts(call, "resources")?.into_iter().collect(),
        priority: call.number("priority", -1_000_000, 1_000_000, 0)?,
        data: expectations(call)?,
        skip: running.into_iter().chain(files).chain(within).collect(),
        tags: texts("tags")?,
        owner: call.text("owner")?.unwrap_or_default(),
        description: call.text("description")?.unwrap_or_default(),
        defined_at: call.place(),
        waiver_checks: checks(call, "waiver_checks")?,
        disks: disks(call)?,
        triggers: triggers(call)?,
        name,
    };
    let tests = &mut call.registry.draft.borrow_mut().tests;
    top::room_for_one(call, tests.len())?;
    tests.push(Made { spec, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

fn area(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let fields = fields(call)?;
    let at_once = call.some("at_once").map(|_| call.number("at_once", 1, 1_000_000, 1)).transpose()?;
    let least = Span::seconds(1);
    let (name, env) = (call.text("name")?.unwrap_or_default(), vars(call, "env")?);
    let (max_time, dead_after) = (call.duration("max_time", least)?, call.duration("dead_after", least)?);
    let host = call.formed("host", |text| match text.parse::<Host>() {
        Ok(_) => Ok(()),
        Err(_) => Err("\"local\", \"slurm\", or \"slurm:\" with options such as partition=long,cpus=2"),
    })?;
    let small = |(name, n): (String, u64)| (name, u32::try_from(n).unwrap_or(u32::MAX));
    let groups = amounts(call, "job_groups")?.into_iter().map(small).collect();
    let resources = amounts(call, "resources")?.into_iter().collect();
    let env_override = vars(call, "env_override")?;
    let (disks, link_tree) = (disks(call)?, call.text("link_tree")?.filter(|tree| !tree.is_empty()));
    let triggers = triggers(call)?;
    let min_space = call.some("min_space").map(|_| call.number("min_space", 0, i64::MAX, 0)).transpose()?;
    let mut draft = call.registry.draft.borrow_mut();
    if draft.area_site.is_some() {
        return Err(call.wrong(Part::Whole, "there is a tests.area already").boxed());
    }
    draft.area_site = Some(call.site.clone());
    let area = &mut draft.area;
    (area.name, area.fields, area.env, area.max_time, area.dead_after) = (name, fields, env, max_time, dead_after);
    (area.limits.groups, area.limits.resources) = (groups, resources);
    (area.env_override, area.disks, area.link_tree) = (env_override, disks, link_tree);
    area.triggers = triggers;
    area.min_space = min_space.and_then(|n| u64::try_from(n).ok());
    area.host = host.and_then(|text| text.parse().ok()).unwrap_or_default();
    area.limits.run = at_once.and_then(|n| u32::try_from(n).ok());
    Ok(Outcome::Nothing)
}

/// The fields of a target: names, or names with their defaults.
pub(super) fn fields<'v>(call: &Call<'v, '_>) -> Result<Vec<Field>, Wrong> {
    match call.some("fields") {
        Some(value) if given::items(value).is_some() => {
            let names = call.texts("fields", "a list of names")?.unwrap_or_default();
            Ok(names.into_iter().map(|name| Field { name, default: None }).collect())
        }
        _ => {
            let field = |(name, value): (&str, Value<'v>)| {
                let default = (!value.is_none()).then(|| word(call, "fields", value)).transpose()?;
                Ok::<_, Wrong>(Field { name: var_name(call, "fields", name)?, default })
            };
            call.entries("fields", "a dict of names and defaults")?.into_iter().map(field).collect()
        }
    }
}

fn fixture(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let spec = Fixture { name: required(call, "name")?, setup: call.text("setup")?, cleanup: call.text("cleanup")? };
    if spec.tests().next().is_none() {
        return Err(call.wrong(Part::Whole, "a fixture without setup and cleanup is none").boxed());
    }
    let fixtures = &mut call.registry.draft.borrow_mut().fixtures;
    top::room_for_one(call, fixtures.len())?;
    fixtures.push(Made { spec, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

fn status(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let class = match required(call, "meaning")?.as_str() {
        "good" => Class::Good,
        "neutral" => Class::Neutral,
        "bad" => Class::Bad,
        other => {
            let message = format!("meaning of tests.status cannot be {}", quoted(other));
            return Err(call.wrong_value("meaning", message).help("it is \"good\", \"neutral\" or \"bad\""));
        }
    };
    let satisfies = call.truth("satisfies", class != Class::Bad)?;
    let rank = u32::try_from(call.number("rank", 1, 1000, 1)?).unwrap_or(1);
    let spec = StatusSpec { word: required(call, "word")?, rank, class, satisfies };
    let all = &mut call.registry.draft.borrow_mut().area.statuses;
    top::room_for_one(call, all.len())?;
    all.push(spec);
    Ok(Outcome::Nothing)
}

/// Commands by the state and the status to which they belong.
fn triggers<'v>(call: &Call<'v, '_>) -> Result<Vec<Trigger>, Wrong> {
    const WANTED: &str = "a dict of \"STATE/STATUS\" and commands";
    let trigger = |(when, value): (&str, Value<'v>)| {
        let wrong = || call.wants("triggers", WANTED, value).boxed();
        let (state, status) = when.split_once('/').filter(|both| *both != ("", "")).ok_or_else(wrong)?;
        let word = |word: &str| (!word.is_empty()).then(|| call.keep(word)).transpose();
        let command = value.unpack_str().filter(|c| !c.is_empty() && !c.contains('\0')).ok_or_else(wrong)?;
        Ok(Trigger { state: word(state)?, status: word(status)?, command: call.keep(command)? })
    };
    call.entries("triggers", WANTED)?.into_iter().map(trigger).collect()
}

/// Disks by name.
fn disks<'v>(call: &Call<'v, '_>) -> Result<Vec<Disk>, Wrong> {
    const WANTED: &str = "a dict of names and directories";
    let disk = |(name, value): (&str, Value<'v>)| {
        let path = value.unpack_str().filter(|path| !path.is_empty() && !path.contains('\0'));
        let path = path.ok_or_else(|| call.wants("disks", WANTED, value).boxed())?;
        Ok(Disk::new(call.keep(name)?, call.keep(path)?))
    };
    call.entries("disks", WANTED)?.into_iter().map(disk).collect()
}

/// What a waiver has to show: patterns of files, each alone or with rules for the differences.
pub(super) fn checks<'v>(call: &Call<'v, '_>, name: &str) -> Result<Vec<Check>, Wrong> {
    const WANTED: &str = "a list of patterns of files, and of (pattern, file of log rules)";
    let Some(value) = call.some(name) else { return Ok(Vec::new()) };
    let all = given::items(value).ok_or_else(|| call.wants(name, WANTED, value).boxed())?;
    let text = |v: Value<'v>| v.unpack_str().filter(|t| !t.is_empty()).map(str::to_owned);
    let check = |one: Value<'v>| {
        let wrong = || call.wants(name, WANTED, one).boxed();
        if let Some(glob) = text(one) {
            return Ok(Check::SameFiles { glob: call.keep(&glob)? });
        }
        let pair = given::items(one).filter(|pair| pair.len() == 2).ok_or_else(wrong)?;
        let glob = text(pair[0]).ok_or_else(wrong)?;
        let file = text(pair[1]).filter(|file| address::file(file).is_ok()).ok_or_else(wrong)?;
        let file = call.keep(&file)?;
        let rules = LogRules { name: file.clone(), source: RulesSource::File(file) };
        Ok(Check::Rules { glob: call.keep(&glob)?, rules })
    };
    all.into_iter().map(check).collect()
}

/// A text that is there and not empty.
pub(super) fn required(call: &Call<'_, '_>, name: &str) -> Result<String, Wrong> {
    let missing = || call.wrong(Part::Whole, format!("{} needs {name}", call.def.path)).boxed();
    call.text(name)?.filter(|text| !text.is_empty()).ok_or_else(missing)
}

fn items(call: &Call<'_, '_>) -> Result<Items, Wrong> {
    let axes = |name| {
        let entries = call.entries(name, "a dict of variables and lists of their values")?;
        let axis = |(var, values)| {
            Ok::<_, Wrong>(Axis { name: var_name(call, name, var)?, values: words(call, name, values)? })
        };
        entries.into_iter().map(axis).collect::<Result<Vec<_>, _>>()
    };
    let mut without = Vec::new();
    if let Some(value) = call.some("without") {
        for one in given::items(value).ok_or_else(|| call.wants("without", "a list of dicts", value).boxed())? {
            let Some(Ok(entries)) = given::entries(one) else {
                return Err(call.wants("without", "a list of dicts", one).boxed());
            };
            without.push(entries.into_iter().map(|e| var(call, "without", e)).collect::<Result<_, _>>()?);
        }
    }
    Ok(Items { cross: axes("items")?, table: axes("items_table")?, given: Vec::new(), without })
}

fn needs(call: &Call<'_, '_>) -> Result<Vec<Need>, Wrong> {
    let names = |argument| Ok::<_, Wrong>(call.texts(argument, "a list of names of tests")?.unwrap_or_default());
    let (good, ended) = (names("itemwait")?, names("toplevel_items")?);
    let mut maps: BTreeMap<&str, Vec<MapRule>> = BTreeMap::new();
    for (test, value) in call.entries("item_map", "a dict of names and lists of rules")? {
        if !good.iter().chain(&ended).any(|name| name == test) {
            let message = format!("item_map has {}, which is not in itemwait", quoted(test));
            return Err(call.wrong_value("item_map", message).boxed());
        }
        maps.insert(test, item_map(call, value)?);
    }
    let item = |until| {
        let maps = &maps;
        move |test: String| {
            let map = maps.get(test.as_str()).cloned().unwrap_or_default();
            Need { until, scope: Scope::Item { map }, test }
        }
    };
    let mut all: Vec<Need> = names("waiton")?.into_iter().map(Need::normal).collect();
    all.extend(good.into_iter().map(item(Until::Good)));
    all.extend(names("toplevel")?.into_iter().map(Need::toplevel));
    all.extend(ended.into_iter().map(item(Until::Ended)));
    Ok(all)
}

fn item_map<'v>(call: &Call<'v, '_>, value: Value<'v>) -> Result<Vec<MapRule>, Wrong> {
    let wrong = |v: Value<'v>| call.wants("item_map", "lists of (regular expression, replacement)", v).boxed();
    let mut map = Vec::new();
    for rule in given::items(value).ok_or_else(|| wrong(value))? {
        let pair = words(call, "item_map", rule)?;
        let [pattern, replacement] = &pair[..] else { return Err(wrong(rule)) };
        if let Err(e) = regex::Regex::new(pattern) {
            let why = e.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let message = format!("{} is no regular expression: {why}", quoted(pattern));
            return Err(call.wrong_value("item_map", message).boxed());
        }
        map.push(MapRule::new(pattern.clone(), replacement.clone()));
    }
    Ok(map)
}

fn expectations(call: &Call<'_, '_>) -> Result<Vec<Expectation>, Wrong> {
    const WANTED: &str = "a dict of \"category/variable\" and (value, tolerance)";
    let number = |v: Value<'_>| given::fraction(v).or_else(|| given::integer(v).map(|n| n as f64));
    let one = |(name, value)| {
        let wrong = || call.wants("expect", WANTED, value).boxed();
        let parts = given::items(value).filter(|p| p.len() == 2).ok_or_else(wrong)?;
        let expected = number(parts[0]).ok_or_else(wrong)?;
        let tolerance = match parts[1].unpack_str() {
            Some(">") => Tolerance::Greater,
            Some(">=") => Tolerance::AtLeast,
            Some("<") => Tolerance::Less,
            Some("<=") => Tolerance::AtMost,
            Some(_) => return Err(wrong()),
            None => Tolerance::Within(number(parts[1]).ok_or_else(wrong)?),
        };
        let name: &str = name;
        let (category, variable) = name.rsplit_once('/').unwrap_or(("", name));
        let (category, variable) = (call.keep(category)?, call.keep(variable)?);
        Ok(Expectation { category, variable, expected, tolerance, units: String::new(), required: true })
    };
    call.entries("expect", WANTED)?.into_iter().map(one).collect()
}

/// A dict of names and amounts.
fn amounts(call: &Call<'_, '_>, name: &str) -> Result<Vec<(String, u64)>, Wrong> {
    const WANTED: &str = "a dict of names and whole numbers from 1 on";
    let amount = |(key, value)| {
        let n = given::integer(value).and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
        Ok((call.keep(key)?, n.ok_or_else(|| call.wants(name, WANTED, value).boxed())?))
    };
    call.entries(name, WANTED)?.into_iter().map(amount).collect()
}

pub(super) fn vars(call: &Call<'_, '_>, name: &str) -> Result<Vec<Var>, Wrong> {
    call.entries(name, "a dict of variables")?.into_iter().map(|entry| var(call, name, entry)).collect()
}

pub(super) fn var<'v>(call: &Call<'v, '_>, argument: &str, (name, value): (&str, Value<'v>)) -> Result<Var, Wrong> {
    Ok(Var::new(var_name(call, argument, name)?, word(call, argument, value)?))
}

fn var_name(call: &Call<'_, '_>, argument: &str, name: &str) -> Result<String, Wrong> {
    if name.is_empty() || name.contains(['=', '\0']) {
        let message = format!("{argument} of {} has a variable named {}", call.def.path, quoted(name));
        return Err(call.wrong_value(argument, message).boxed());
    }
    call.keep(name)
}

/// A text, or a whole number as people write it in a list of values.
fn word<'v>(call: &Call<'v, '_>, argument: &str, value: Value<'v>) -> Result<String, Wrong> {
    let text = match (value.unpack_str(), given::integer(value)) {
        (Some(text), _) if !text.contains('\0') => text.to_owned(),
        (None, Some(number)) if value.unpack_bool().is_none() => number.to_string(),
        _ => return Err(call.wants(argument, "texts or whole numbers", value).boxed()),
    };
    call.keep(&text)
}

pub(super) fn words<'v>(call: &Call<'v, '_>, argument: &str, value: Value<'v>) -> Result<Vec<String>, Wrong> {
    let all = given::items(value).ok_or_else(|| call.wants(argument, "a list of texts", value).boxed())?;
    all.into_iter().map(|one| word(call, argument, one)).collect()
}
