//! What is read from a step's logs: warnings, reports of tests, whatever a function finds.

use crate::address;
use crate::call::{Call, Wrong};
use crate::functions::{Param, p};
use crate::given;
use crate::names::{self, quoted};
use crate::sites::Part;
use model::{FollowedLog, Reading, Suppression, TestReading, WarningKind, WarningReading};
use starlark::values::Value;

/// How warnings are counted.
pub(super) const WARNINGS: &[Param] = &[
    p("warning_pattern", "regular expression for a line that is a warning; None: nothing is counted", "by the step"),
    p("warning_extract", "True or False: its three groups are file, line and words", "False"),
    p("directory_enter_pattern", "regular expression whose group is a directory", "None"),
    p("directory_leave_pattern", "regular expression", "None"),
    p("suppress", "list of (file, words, first line, last line): patterns and numbers, or None", "[]"),
    p("suppression_file", "file below the work directory with more of them", "None"),
    p("warning_kinds", "dict of regular expressions by property: how many warnings are of each kind", "by the step"),
    p("max_warn_count", "number: more are a failure", "None"),
];

/// Where a report of tests is found.
pub(super) const TESTS: &[Param] = &[
    p("report", "format of a report of tests; None: nothing is read", "by the step"),
    p("report_file", "file below the work directory that it is in", "the output"),
    p("report_is_part", "True or False: each build runs only some of the tests, so none counts as gone", "False"),
];

/// The formats of the room `formats`.
pub(in crate::functions) const FORMATS: [&str; 16] = [
    "auto",
    "cargo_test",
    "cargo_test_json",
    "ctest",
    "go_test",
    "go_test_json",
    "junit",
    "nextest",
    "prove",
    "pytest",
    "subunit",
    "subunit_v1",
    "subunit_v2",
    "tap",
    "trial",
    "unittest",
];

/// What is read of a compiler.
pub(in crate::functions) fn compile_reading() -> Reading {
    Reading { warnings: Some(WarningReading::default()), ..Reading::default() }
}

/// What is read of tests.
pub(in crate::functions) fn test_reading(format: &str) -> Reading {
    Reading { tests: Some(TestReading::new(format)), ..Reading::default() }
}

/// What a call says of it. A report in a file becomes a log of the step.
pub(super) fn read(call: &Call<'_, '_>, default: Reading, logs: &mut Vec<FollowedLog>) -> Result<Reading, Wrong> {
    Ok(Reading {
        warnings: warnings(call, default.warnings)?,
        tests: tests(call, default.tests, logs)?,
        function: call.function("reader")?,
        ..default
    })
}

fn warnings(call: &Call<'_, '_>, default: Option<WarningReading>) -> Result<Option<WarningReading>, Wrong> {
    let asked = WARNINGS.iter().find(|param| call.some(param.name).is_some());
    let base = match (call.value("warning_pattern"), default) {
        (Some(none), _) if none.is_none() => None,
        (Some(_), base) => Some(WarningReading {
            pattern: call.regex("warning_pattern")?.unwrap_or_default(),
            ..base.unwrap_or_default()
        }),
        (None, base) => base,
    };
    let Some(base) = base else {
        return match asked {
            None => Ok(None),
            Some(param) => {
                let message = format!("{} of {} counts only with warning_pattern", param.name, call.def.path);
                Err(call.wrong(Part::Name(param.name), message).help("write warning_pattern = \".*warning[: ].*\""))
            }
        };
    };
    let extract = call.truth("warning_extract", false)?;
    let groups = regex::Regex::new(&base.pattern).map_or(0, |r| r.captures_len() - 1);
    if extract && groups < 3 {
        let message =
            format!("warning_pattern of {} has {groups} of the three groups file, line and words", call.def.path);
        return Err(call
            .wrong_value("warning_pattern", message)
            .help("for example r\"^(.*?):(\\d+):.*warning: (.*)$\""));
    }
    let max = call.number("max_warn_count", 0, i64::MAX, -1)?;
    Ok(Some(WarningReading {
        extract,
        enter: call.regex("directory_enter_pattern")?,
        leave: call.regex("directory_leave_pattern")?,
        suppress: suppressions(call)?,
        suppression_file: call.formed("suppression_file", address::file)?,
        max: u64::try_from(max).ok(),
        kinds: kinds(call)?.unwrap_or(base.kinds),
        ..base
    }))
}

/// Kinds of warnings that are told apart at most: each line that counts is held against every one.
const MOST_KINDS: usize = 50;

fn kinds(call: &Call<'_, '_>) -> Result<Option<Vec<WarningKind>>, Wrong> {
    const NAME: &str = "warning_kinds";
    if call.some(NAME).is_none() {
        return Ok(None);
    }
    let entries = call.entries(NAME, "a dict of regular expressions by property")?;
    if entries.len() > MOST_KINDS {
        let message = format!("{NAME} of {} has {} kinds; {MOST_KINDS} may be", call.def.path, entries.len());
        return Err(call.wrong_value(NAME, message).boxed());
    }
    let mut kinds = Vec::with_capacity(entries.len());
    for (property, value) in entries {
        let wrong = |what: String| call.wrong_value(NAME, format!("{NAME} of {} has {what}", call.def.path)).boxed();
        if let Err(wanted) = address::property(property) {
            return Err(wrong(format!("a property named {}; it must be {wanted}", quoted(property))));
        }
        let Some(pattern) = value.unpack_str() else {
            let what = given::describe(value);
            return Err(wrong(format!("{what} for {}; it must be a regular expression", quoted(property))));
        };
        if let Err(flaw) = crate::pattern::check(pattern) {
            return Err(wrong(format!("the regular expression {}, which {}", quoted(pattern), flaw.message)));
        }
        kinds.push(WarningKind {
            name: call.keep(property)?,
            property: call.keep(property)?,
            pattern: call.keep(pattern)?,
            fails: false,
        });
    }
    Ok(Some(kinds))
}

fn suppressions(call: &Call<'_, '_>) -> Result<Vec<Suppression>, Wrong> {
    const WANTED: &str = "a list of (file, words, first line, last line)";
    let Some(value) = call.some("suppress") else { return Ok(Vec::new()) };
    let wrong = |value: Value<'_>| {
        let what = given::describe(value);
        let message = format!("suppress of {} has {what} in it; it must be {WANTED}", call.def.path);
        call.wrong_value("suppress", message)
            .help("what does not matter is None: (r\"^third_party/\", None, None, None)")
    };
    let items = given::items(value).ok_or_else(|| call.wants("suppress", WANTED, value).boxed())?;
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        let parts = given::items(item).ok_or_else(|| wrong(item))?;
        let [file, words, first, last] = parts.as_slice() else { return Err(wrong(item)) };
        let pattern = |value: Value<'_>| match value.unpack_str() {
            None if value.is_none() => Ok(None),
            None => Err(wrong(value)),
            Some(text) => match crate::pattern::check(text) {
                Ok(()) => call.keep(text).map(Some),
                Err(flaw) => {
                    let message = format!("the regular expression {} {}", quoted(text), flaw.message);
                    Err(call.wrong_value("suppress", message).boxed())
                }
            },
        };
        let line = |value: Value<'_>| match given::integer(value).and_then(|n| u64::try_from(n).ok()) {
            None if value.is_none() => Ok(None),
            None => Err(wrong(value)),
            some => Ok(some),
        };
        let lines = match (line(*first)?, line(*last)?) {
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => Some((one, one)),
            (Some(first), Some(last)) => Some((first.min(last), last.max(first))),
        };
        all.push(Suppression { file: pattern(*file)?, words: pattern(*words)?, lines });
    }
    Ok(all)
}

fn tests(
    call: &Call<'_, '_>,
    default: Option<TestReading>,
    logs: &mut Vec<FollowedLog>,
) -> Result<Option<TestReading>, Wrong> {
    let mut reading = match call.value("report") {
        Some(none) if none.is_none() => None,
        Some(value) => {
            let Some(format) = value.unpack_str() else {
                return Err(call.wants("report", "a format or None", value).boxed());
            };
            if !FORMATS.contains(&format) {
                let message = format!("report of {} cannot be {}", call.def.path, quoted(format));
                let help = match names::nearest(format, FORMATS) {
                    Some(near) => format!("did you mean {}?", quoted(near)),
                    None => format!("it takes {}", FORMATS.join(", ")),
                };
                return Err(call.wrong_value("report", message).help(help));
            }
            Some(TestReading::new(format))
        }
        None => default,
    };
    if let Some(reading) = &mut reading {
        reading.part = call.truth("report_is_part", reading.part)?;
    }
    let Some(path) = call.rich_formed("report_file", address::file)? else { return Ok(reading) };
    let Some(reading) = &mut reading else {
        let message = format!("report_file of {} counts only with report", call.def.path);
        return Err(call.wrong(Part::Name("report_file"), message).help("write report = \"auto\""));
    };
    let mut name = "report".to_owned();
    while logs.iter().any(|log| log.name == name) {
        name.push('_');
    }
    reading.log.clone_from(&name);
    // All of a file that the command has touched: one that an earlier build left is written over, not added to.
    logs.push(FollowedLog { name, path, follow: false });
    Ok(Some(reading.clone()))
}
