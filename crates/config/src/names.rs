//! Names: which one was meant, and which belong to a later version.

/// What the language has that this version does not. A name that ends with a dot stands for all that begin with it.
const LATER: &[&str] = &[
    "buildbot_port",
    "reporters.irc",
    "schedulers.nightly_triggerable",
    "changes.pb",
    "changes.mail",
    "changes.maildir",
    "changes.p4_poller",
    "steps.arch",
    "steps.p4",
    "steps.monotone",
];

/// Whether a name, as it is written (`schedulers.nightly`), is one of a later version.
pub(crate) fn is_later(name: &str) -> bool {
    LATER.iter().any(|later| match later.strip_suffix('.') {
        Some(space) => name.split('.').next() == Some(space),
        None => *later == name,
    })
}

/// What is said of words that other languages, and other systems, have.
const ELSEWHERE: &[(&str, &str)] = &[
    ("while", "there are no while loops, so that every file comes to an end; use for with range(…)"),
    ("import", "nothing can be imported; load(\"other.star\", \"name\") takes names from a file beside this one"),
    ("from", "nothing can be imported; load(\"other.star\", \"name\") takes names from a file beside this one"),
    ("class", "there are no classes; struct(…) holds named values"),
    ("try", "there are no exceptions; fail(\"…\") ends the evaluation"),
    ("raise", "there are no exceptions; fail(\"…\") ends the evaluation"),
    ("except", "there are no exceptions; fail(\"…\") ends the evaluation"),
    ("assert", "use if … and fail(\"…\"); a step that fails unless something holds is steps.assert_that(…)"),
    ("is", "compare with =="),
    ("global", "a function cannot assign to outer names; it returns values"),
    ("nonlocal", "a function cannot assign to outer names; it returns values"),
    ("yield", "there are no generators; return a list"),
    ("open", "a configuration opens no files; load(…) takes names, secret(…) a secret"),
    ("os", "a configuration sees nothing of the machine; secret(…) reads one variable of the environment"),
    ("slave", "use worker(…)"),
    ("BuildmasterConfig", "call builder(…), worker(…) and the others; there is no dictionary to fill"),
    ("c", "call builder(…), worker(…) and the others; there is no dictionary to fill"),
    ("sum", "add up in a for loop"),
    ("true", "it is spelled True"),
    ("false", "it is spelled False"),
    ("null", "it is spelled None"),
    ("none", "it is spelled None"),
    ("nil", "it is spelled None"),
];

/// What to say of a word that is known from elsewhere.
pub(crate) fn from_elsewhere(word: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(w, _)| *w == word).map(|(_, help)| *help)
}

/// The known name that was probably meant. Case, camel case and a few slips of the finger are forgiven.
pub(crate) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let wanted = plain(name);
    let worst = (wanted.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|candidate| {
            let other = plain(candidate);
            let begins =
                wanted.len() >= 4 && other.len() >= 4 && (other.starts_with(&wanted) || wanted.starts_with(&other));
            let distance = strsim::damerau_levenshtein(&wanted, &other);
            let distance = if begins { distance.min(1) } else { distance };
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= worst && *candidate != name)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `treeStableTimer`, `Tree-Stable-Timer` and `tree_stable_timer` are one. Names of any length come in: a name longer
/// than any real one is cut, since the comparison takes time by the product of the lengths.
fn plain(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().take(60) {
        if c.is_uppercase() && out.chars().last().is_some_and(|l| l.is_lowercase()) {
            out.push('_');
        }
        match c {
            '-' | ' ' => out.push('_'),
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// `did you mean "mac"?`, or all there are if they are few, or nothing.
pub(crate) fn suggestion(name: &str, kind: &str, known: &[&str]) -> Option<String> {
    if let Some(near) = nearest(name, known.iter().copied()) {
        return Some(format!("did you mean {}?", quoted(near)));
    }
    match known.len() {
        0 => Some(format!("no {kind} is defined")),
        1..=8 => {
            let list: Vec<_> = known.iter().map(|n| quoted(n)).collect();
            Some(format!(
                "defined {}: {}",
                if known.len() == 1 { kind.to_owned() } else { plural(kind) },
                list.join(", ")
            ))
        }
        _ => None,
    }
}

/// The plural of a noun of ours.
pub(crate) fn plural(noun: &str) -> String {
    format!("{noun}s")
}

/// A text in double quotes, short enough for a line, without control characters.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for (i, c) in text.chars().enumerate() {
        if i == 60 {
            out.push('…');
            break;
        }
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let known = ["tree_stable_timer", "branch", "builders", "name", "mac", "linux", "linux-arm64"];
        let cases = [
            ("treeStableTimer", Some("tree_stable_timer")),
            ("tree_stable", Some("tree_stable_timer")),
            ("Branch", Some("branch")),
            ("bulders", Some("builders")),
            ("maac", Some("mac")),
            ("linux_arm64", Some("linux-arm64")),
            ("nmae", Some("name")),
            ("windows", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }

    #[test]
    fn later_names_are_known() {
        let cases = [
            ("schedulers.try_jobdir", false),
            ("reporters.irc", true),
            ("reporters.mail", false),
            ("schedulers.periodic", false),
        ];
        for (name, later) in cases {
            assert_eq!(is_later(name), later, "{name}");
        }
    }
}
