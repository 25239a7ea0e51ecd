//! The interpreter's own errors in our words.

use crate::error::ConfigError;
use crate::loader::Limits;
use crate::names::{self, quoted};
use crate::registry::Registry;
use crate::{functions, guard, library, sites};
use starlark::codemap::FileSpan;
use starlark::{Error, ErrorKind};

/// A file that is not written in the language.
pub(crate) fn syntax(error: &Error) -> ConfigError {
    let raw = error.without_diagnostic().to_string();
    let text = raw.strip_prefix("Parse error: ").unwrap_or(&raw);
    let (message, help) = match inside(text, "cannot use reserved keyword `", "`") {
        Some(word) => (format!("{} is not part of this language", quoted(word)), names::from_elsewhere(word)),
        None => (syntax_message(text), None),
    };
    let help = help.map(str::to_owned).or_else(|| syntax_help(error, text));
    placed(error, ConfigError { help, ..ConfigError::new(message) })
}

fn syntax_message(text: &str) -> String {
    let known = match text {
        "unfinished string literal" => Some("this text is never closed with its quote"),
        "incorrect indentation" => Some("this line is indented like none before it"),
        "tabs are not allowed" => Some("there is a tab; lines are indented with spaces"),
        _ => None,
    };
    if let Some(known) = known {
        return known.to_owned();
    }
    if let Some(rest) = text.strip_prefix("unexpected ") {
        let (what, wanted) = rest.split_once(", expected ").unwrap_or((rest, ""));
        let what = token(what);
        return match wanted {
            "" => format!("{what} does not fit here"),
            _ => format!("{what} does not fit here, {} would", token(wanted)),
        };
    }
    plain(text)
}

/// A token as people call it.
fn token(text: &str) -> String {
    let text = text.trim().trim_end_matches(" here");
    match text {
        "end of file" => "the end of the file".to_owned(),
        "new line" | "newline" | "'\\n'" => "the end of the line".to_owned(),
        "new indentation block" | "indent" => "an indented line".to_owned(),
        "dedent" | "end of indentation block" => "the end of the block".to_owned(),
        "expression" => "a value".to_owned(),
        "string literal" => "a text".to_owned(),
        "identifier" => "a name".to_owned(),
        other => match inside(other, "'", "'") {
            Some(word) if other.starts_with("symbol") || other.starts_with("keyword") => quoted(word),
            Some(word) if other.starts_with("identifier") => format!("the name {word}"),
            _ => plain(other),
        },
    }
}

/// What to do about a line that makes no sense, by what stands in it.
fn syntax_help(error: &Error, text: &str) -> Option<String> {
    let span = error.span()?;
    let line = span.file.source_line(span.resolve_span().begin.line);
    let first: String = line.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if let Some(help) = names::from_elsewhere(&first).filter(|_| !first.is_empty() && !line.contains("c[")) {
        return Some(help.to_owned());
    }
    if line.contains("**") && !line.contains("(**") && !line.contains(", **") {
        return Some("there is no ** for powers; write the number out".to_owned());
    }
    if text.contains("integer cannot have leading 0") {
        return Some("octal numbers begin with 0o".to_owned());
    }
    let found = span.source_span();
    if text.starts_with("unexpected") && (found.starts_with(['"', '\'', '[', '{']) || starts_name(found)) {
        return Some("is a comma missing before it?".to_owned());
    }
    None
}

fn starts_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Whether a text was begun and never ended.
pub(crate) fn is_unfinished_text(error: &Error) -> bool {
    error.without_diagnostic().to_string().contains("unfinished string literal")
}

/// An error of a run.
pub(crate) fn evaluation(error: &Error, registry: &Registry<'_>) -> ConfigError {
    let mut own = in_words(error, &registry.limits, "the configuration");
    // What goes wrong inside a file of ours is shown where the user called it.
    if own.place.as_ref().is_some_and(|place| library::is_ours(&place.file)) {
        let frames = error.call_stack().clone().into_frames();
        let mut locations = frames.into_iter().rev().filter_map(|frame| frame.location);
        let outside = locations.find(|location| !library::is_ours(location.filename()));
        if let Some(outside) = outside.or_else(|| registry.instead.borrow().clone()) {
            sites::point(&mut own, &outside);
        }
    }
    // A limit is noticed between two statements: then the last one that began is as near as can be told.
    if let (None, Some(last)) = (&own.place, registry.last_statement.borrow().as_ref()) {
        sites::point(&mut own, last);
    }
    with_callers(own, error)
}

/// An error of a function that was called later.
pub(crate) fn in_call(error: &Error, limits: &Limits) -> ConfigError {
    in_words(error, limits, "it")
}

/// `who` takes too much, if that is what is wrong.
fn in_words(error: &Error, limits: &Limits, who: &str) -> ConfigError {
    let raw = error.without_diagnostic().to_string();
    let own = match error.kind() {
        ErrorKind::Fail(_) => ConfigError::new(one_line(raw.strip_prefix("fail: ").unwrap_or(&raw))),
        ErrorKind::StackOverflow(_) => {
            ConfigError::new(format!("functions call each other more than {} deep", limits.depth))
                .with_help("a function that calls itself must come to an end")
        }
        ErrorKind::Scope(_) => unknown_name(error, &raw),
        ErrorKind::Parser(_) => return syntax(error),
        _ => over_limit(&raw, limits, who)
            .or_else(|| unknown_attribute(error, &raw))
            .or_else(|| not_loaded(&raw))
            .unwrap_or_else(|| ConfigError::new(operation(&raw).unwrap_or_else(|| plain(&raw)))),
    };
    placed(error, own)
}

/// Which limit was hit.
fn over_limit(raw: &str, limits: &Limits, who: &str) -> Option<ConfigError> {
    if raw.contains("Evaluation cancelled") {
        return Some(ConfigError::new(format!("{who} takes too long")).with_help("is there a loop without end?"));
    }
    if raw.contains("Execution duration limit") {
        let message = format!("{who} takes more than {} turns of loops and calls", limits.ticks);
        return Some(ConfigError::new(message).with_help("is there a loop without end?"));
    }
    (raw.contains(guard::TOO_MUCH) || raw.starts_with("Heap memory limit"))
        .then(|| ConfigError::new(format!("{who} takes more than {} MB of memory", limits.heap >> 20)))
}

/// A name that is not defined: a slip, something of a later version, or something of another language.
fn unknown_name(error: &Error, raw: &str) -> ConfigError {
    let Some(name) = inside(raw, "Variable `", "`") else { return ConfigError::new(plain(raw)) };
    let written = error.span().map_or_else(|| name.to_owned(), |span| path_at(span, name));
    if names::is_later(&written) || names::is_later(name) {
        return ConfigError::new(format!("{written} is not available in this version"));
    }
    let message = format!("{name} is not defined");
    if let Some(help) = names::from_elsewhere(name) {
        return ConfigError::new(message).with_help(help);
    }
    let namespaced = |def: &&functions::Def| def.path.split_once('.').is_some_and(|(_, n)| n == name);
    if let Some(def) = functions::ALL.iter().find(namespaced) {
        return ConfigError::new(message).with_help(format!("did you mean {}?", def.path));
    }
    let own = names::nearest(name, functions::names_in(None));
    let theirs = inside(raw, "did you mean `", "`").filter(|n| starts_name(n));
    let help = own.or(theirs).map(|near| format!("did you mean {near}?"));
    ConfigError { help, ..ConfigError::new(message) }
}

/// The whole of `reporters.mail` where only `reporters` is at fault.
fn path_at(span: &FileSpan, name: &str) -> String {
    let begin = span.span.begin().get() as usize;
    let rest = span.file.source().get(begin..).unwrap_or("");
    let path: String = rest.chars().take(80).take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.')).collect();
    if path.starts_with(name) { path } else { name.to_owned() }
}

/// `steps.gti`, `schedulers.nightly`, `"x".foo`.
fn unknown_attribute(error: &Error, raw: &str) -> Option<ConfigError> {
    let (what, rest) = raw.strip_prefix("Object of type `")?.split_once("` has no attribute `")?;
    let (name, rest) = rest.split_once('`')?;
    let before = error.span().map(|span| span.source_span()).and_then(|text| text.split('.').next()).unwrap_or("");
    let space = before.trim();
    let known = functions::names_in(Some(space));
    if known.is_empty() {
        let near = inside(rest, "did you mean `", "`").map(|near| format!("did you mean {near}?"));
        let help = near.or_else(|| (what == "lock").then(|| "a lock has counting(…) and exclusive()".to_owned()));
        return Some(ConfigError { help, ..ConfigError::new(format!("{} has no {name}", one(what))) });
    }
    let path = format!("{space}.{name}");
    if names::is_later(&path) {
        return Some(ConfigError::new(format!("{path} is not available in this version")));
    }
    let help = match names::nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {space}.{near}?"),
        None => format!("{space} has {}", known.join(", ")),
    };
    Some(ConfigError::new(format!("{path} is not defined")).with_help(help))
}

/// A name that a loaded file does not have.
fn not_loaded(raw: &str) -> Option<ConfigError> {
    let name = inside(raw, "Module has no symbol `", "`").or_else(|| inside(raw, "Module symbol `", "`"))?;
    Some(ConfigError::new(format!("the file that is loaded does not define {name}")).with_help(
        if name.starts_with('_') {
            "names that begin with _ stay in their file"
        } else {
            "only its own names can be taken"
        },
    ))
}

/// Operators and calls on the wrong kind of value.
fn operation(raw: &str) -> Option<String> {
    if let Some(rest) = raw.strip_prefix("Operation `") {
        let (op, rest) = rest.split_once('`')?;
        if let Some(rest) = rest.strip_prefix(" not supported for types `") {
            let (left, rest) = rest.split_once("` and `")?;
            let right = rest.trim_end_matches('`');
            return Some(format!("{op} does not work with {} and {}", one(left), one(right)));
        }
        let of = one(inside(rest, "on type `", "`")?);
        return Some(match op {
            "call()" => format!("{of} cannot be called"),
            "[]" => format!("{of} has no elements"),
            "(iter)" => format!("{of} cannot be gone through"),
            _ => format!("{op} does not work with {of}"),
        });
    }
    if let Some(name) = inside(raw, "ariable `", "` referenced before assignment") {
        return Some(format!("{name} is used before it has a value"));
    }
    let key = inside(raw, "Key `", "` was not found")?;
    Some(format!("there is no {} in the dict", key.trim()))
}

/// One value of a kind, as people call it.
fn one(raw: &str) -> String {
    let name = type_name(raw);
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {name}")
}

/// A kind of value as people call it.
fn type_name(raw: &str) -> &str {
    match raw {
        "string" => "text",
        "int" => "number",
        "bool" => "truth value",
        "NoneType" => "None",
        other => other,
    }
}

/// Says who called, where the error is inside functions of the configuration: the nearest three.
pub(crate) fn with_callers(mut error: ConfigError, raw: &Error) -> ConfigError {
    let frames = raw.call_stack().clone().into_frames();
    let mut callers: Vec<_> = frames.iter().filter_map(|frame| frame.location.as_ref()).map(sites::place).collect();
    callers.dedup();
    callers.retain(|place| !library::is_ours(&place.file));
    callers.retain(|place| !error.notes.iter().any(|note| note.ends_with(&place.to_string())));
    // A place on the line of the error is the same call, seen from inside it.
    callers.retain(|c| error.place.as_ref().is_none_or(|p| p.file != c.file || p.line != c.line));
    error.notes.extend(callers.iter().rev().take(3).map(|place| format!("called in {place}")));
    error
}

fn placed(raw: &Error, mut error: ConfigError) -> ConfigError {
    let innermost = || {
        let frames = raw.call_stack().clone().into_frames();
        frames.into_iter().rev().find_map(|frame| frame.location)
    };
    if let Some(span) = raw.span().cloned().or_else(innermost) {
        sites::point(&mut error, &span);
    }
    error
}

/// A message of the interpreter that is not known here: in our quotes, one line, no capital.
fn plain(raw: &str) -> String {
    let text = one_line(raw).replace('`', "\"");
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text,
    }
}

fn one_line(raw: &str) -> String {
    let line: Vec<_> = raw.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    line.join(" ").chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(500).collect()
}

/// What stands between two texts.
fn inside<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}
