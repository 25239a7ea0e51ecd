//! Which changes a scheduler looks at.

use super::{Param, p};
use crate::call::{Call, Wrong};
use crate::names::quoted;
use crate::sites::Part;
use crate::value::Pattern;
use crate::{address, given, pattern};
use model::{ChangeFilter, Follow, Match, Span};
use starlark::values::Value;

/// What can be said of every field but the branch.
pub(super) const FIELDS: &[Param] = &[
    p("repository", MATCH, "any"),
    p("project", MATCH, "any"),
    p("category", MATCH, "any"),
    p("codebase", MATCH, "any"),
    p("author", MATCH, "any"),
    p("files", "the same, for any of its files", "any"),
    p("not_repository", MATCH, "none"),
    p("not_project", MATCH, "none"),
    p("not_category", MATCH, "none"),
    p("not_codebase", MATCH, "none"),
    p("not_author", MATCH, "none"),
    p("not_files", "the same, for each of its files", "none"),
    p("change_filter", "function, given the change", "every change"),
    p("file_is_important", "function, given the change", "every change is important"),
    p("is_important", "the same as `file_is_important`", ""),
    p("only_important", "True or False: unimportant changes do not ride along", "False"),
];

/// What a text of a change may be held against.
const MATCH: &str = "text, list, glob(…) or regex(…)";

/// The filter, the timer and what is important, of a scheduler that follows changes.
pub(super) fn follow(call: &Call<'_, '_>, branch: Match) -> Result<Follow, Wrong> {
    let tree_stable_timer = match call.def.params().any(|p| p == "tree_stable_timer") {
        true => call.duration("tree_stable_timer", Span::ZERO)?.filter(|t| *t > Span::ZERO),
        false => None,
    };
    let filter = ChangeFilter {
        branch,
        repository: field(call, "repository", "not_repository")?,
        project: field(call, "project", "not_project")?,
        category: field(call, "category", "not_category")?,
        codebase: field(call, "codebase", "not_codebase")?,
        author: field(call, "author", "not_author")?,
        files: field(call, "files", "not_files")?,
        function: call.function("change_filter")?,
    };
    let is_important = match (call.function("file_is_important")?, call.function("is_important")?) {
        (Some(_), Some(_)) => {
            let message = format!("{} has both file_is_important and is_important", call.def.path);
            return Err(call.wrong(Part::Name("is_important"), message).help("they mean the same; give one of them"));
        }
        (one, other) => one.or(other),
    };
    let only_important = call.truth("only_important", false)?;
    if only_important && is_important.is_none() {
        let message = format!("only_important of {} has no function that says what is important", call.def.path);
        return Err(call.wrong_value("only_important", message).help("give file_is_important = lambda change: …"));
    }
    Ok(Follow { filter, tree_stable_timer, is_important, only_important })
}

/// What one field must be like: `name` is given, or `not_name`, or neither.
pub(super) fn field(call: &Call<'_, '_>, name: &str, not: &str) -> Result<Match, Wrong> {
    // A change without a branch is on the default branch; one without a category has none.
    let nothing_counts = matches!(name, "branch" | "category");
    let given = |name: &str| call.value(name).filter(|v| nothing_counts || !v.is_none());
    match (given(name), given(not)) {
        (None, None) => Ok(Match::Any),
        (Some(value), None) => matching(call, name, value),
        (None, Some(value)) => Ok(match matching(call, not, value)? {
            Match::OneOf(texts) => Match::NoneOf(texts),
            Match::Glob(globs) => Match::NotRegex(pattern::from_globs(&globs)),
            Match::Regex(regex) => Match::NotRegex(regex),
            other => other,
        }),
        (Some(_), Some(_)) => {
            let message = format!("{} has both {name} and {not}", call.def.path);
            let help = format!("give one of them; change_filter = lambda change: … can say anything of {name}");
            Err(call.wrong(Part::Name(not), message).help(help))
        }
    }
}

/// What a value says that a text must be like.
pub(super) fn matching<'v>(call: &Call<'v, '_>, name: &str, value: Value<'v>) -> Result<Match, Wrong> {
    if let Some(found) = as_pattern(call, value) {
        return Ok(found);
    }
    if value.is_none() || value.unpack_str().is_some() {
        return Ok(Match::OneOf(vec![exact(call, name, value)?]));
    }
    let Some(items) = given::flat_items(value) else {
        let help = given::is_function(value).then(|| "a function is given as change_filter = lambda change: …".into());
        return Err(call.wants(name, "a text, a list of texts, glob(…) or regex(…)", value).maybe_help(help));
    };
    if items.is_empty() {
        let message = format!("{name} of {} is empty: no change would fit", call.def.path);
        return Err(call.wrong_value(name, message).help(format!("leave {name} out to let everything through")));
    }
    let patterns: Vec<Match> = items.iter().filter_map(|item| as_pattern(call, *item)).collect();
    if patterns.is_empty() {
        return items.into_iter().map(|item| exact(call, name, item)).collect::<Result<_, _>>().map(Match::OneOf);
    }
    let mut globs = Vec::new();
    for pattern in &patterns {
        let Match::Glob(some) = pattern else { return Err(mixed(call, name)) };
        globs.extend(some.iter().cloned());
    }
    for item in items.iter().filter(|item| as_pattern(call, **item).is_none()) {
        match exact(call, name, *item)?.filter(|text| !text.contains(['*', '?'])) {
            Some(text) => globs.push(text),
            None => return Err(mixed(call, name)),
        }
    }
    Ok(Match::Glob(globs))
}

fn mixed(call: &Call<'_, '_>, name: &str) -> Wrong {
    let message = format!("{name} of {} has a pattern beside something that cannot stand beside it", call.def.path);
    call.wrong_value(name, message).help("a list has texts and glob(…) only; regex(…) stands alone")
}

fn as_pattern<'v>(call: &Call<'v, '_>, value: Value<'v>) -> Option<Match> {
    let pattern = Pattern::from_value(value)?;
    call.registry.patterns.borrow().get(pattern.index as usize).cloned()
}

/// A text as it is, or the absence of one.
fn exact<'v>(call: &Call<'v, '_>, name: &str, value: Value<'v>) -> Result<Option<String>, Wrong> {
    if value.is_none() {
        return Ok(None);
    }
    let Some(text) = value.unpack_str() else {
        let what = given::describe(value);
        let message = format!("{name} of {} has {what} in it; it must be a list of texts", call.def.path);
        return Err(call.wrong_value(name, message).boxed());
    };
    if name.contains("branch") && address::branch(text).is_err() {
        let message = match call.value(name).is_some_and(|v| v.unpack_str().is_some()) {
            true => format!("{name} of {} must be the name of a branch, not the text {}", call.def.path, quoted(text)),
            false => format!("{name} of {} has {} in it", call.def.path, quoted(text)),
        };
        let help = match text.contains(['*', '?']) {
            true => format!("write glob({})", quoted(text)),
            false => "that is not the name of a branch".to_owned(),
        };
        return Err(call.wrong_value(name, message).help(help));
    }
    call.keep(text).map(Some)
}
