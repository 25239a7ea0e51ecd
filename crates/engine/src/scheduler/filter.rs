//! Change filters: which changes a scheduler looks at.

use super::Compiled;
use model::glob::is_like;
use model::{CallError, ChangeFilter, Functions, Match, NewChange, Value};
use std::collections::BTreeMap;

/// Whether a scheduler looks at a change. Its function is asked last, and only when all else agrees.
///
/// # Errors
/// The function gave no answer.
pub(crate) fn passes(
    filter: &ChangeFilter,
    change: &NewChange,
    compiled: &Compiled,
    functions: &dyn Functions,
) -> Result<bool, CallError> {
    let fits = |wish: &Match, text: &str| fits(wish, text, compiled);
    let maybe = |text: &Option<String>| text.clone().unwrap_or_default();
    let texts_fit = fits(&filter.branch, &maybe(&change.branch))
        && fits(&filter.repository, &change.repository)
        && fits(&filter.project, &change.project)
        && fits(&filter.category, &maybe(&change.category))
        && fits(&filter.codebase, &change.codebase)
        && fits(&filter.author, &change.author)
        && (filter.files == Match::Any
            || change.files.iter().any(|file| fits(&filter.files, file))
            || change.files.is_empty() && fits(&filter.files, ""));
    match &filter.function {
        Some(function) if texts_fit => {
            functions.call(function, &[change_value(change)]).map(|answer| model::render::is_true(&answer))
        }
        _ => Ok(texts_fit),
    }
}

/// Whether a text is as wished. What is absent is empty, and an empty text is absent. A pattern that cannot be read
/// keeps nothing out: the configuration has been told of it, and no change may be lost.
fn fits(wish: &Match, text: &str, compiled: &Compiled) -> bool {
    let is = |one: &Option<String>| one.as_deref().unwrap_or_default() == text;
    match wish {
        Match::Any => true,
        Match::OneOf(list) => list.iter().any(is),
        Match::NoneOf(list) => !list.iter().any(is),
        Match::Glob(globs) => globs.iter().any(|glob| is_like(glob, text)),
        Match::Regex(regex) => compiled.finds(regex, text).unwrap_or(true),
        Match::NotRegex(regex) => compiled.finds(regex, text).is_none_or(|found| !found),
    }
}

/// A change as functions of the configuration are given it.
pub(crate) fn change_value(change: &NewChange) -> Value {
    let text = |t: &str| Value::Text(t.to_owned());
    let files = change.files.iter().map(|f| text(f)).collect();
    let properties = change.properties.iter().map(|(name, p)| (name.clone(), p.value.clone())).collect();
    let entries = [
        ("who", text(&change.author)),
        ("author", text(&change.author)),
        ("committer", change.committer.clone().into()),
        ("files", Value::List(files)),
        ("comments", text(&change.comments)),
        ("revision", change.revision.clone().into()),
        ("branch", change.branch.clone().into()),
        ("repository", text(&change.repository)),
        ("project", text(&change.project)),
        ("codebase", text(&change.codebase)),
        ("category", change.category.clone().into()),
        ("revlink", change.revlink.clone().into()),
        ("when", Value::Int(change.when.as_seconds())),
        ("properties", Value::Map(properties)),
    ];
    Value::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>())
}
