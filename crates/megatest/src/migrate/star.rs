//! Expressions of Starlark: what they are for one target, put together for several, and written down.

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Star {
    /// A text; words in it may stand for what is known when the file is read.
    Text(String),
    /// As it stands.
    Plain(String),
    List(Vec<Star>),
    Tuple(Vec<Star>),
    Dict(Vec<(String, Star)>),
    /// A function with one argument.
    Call(&'static str, Box<Star>),
    /// A value for each target.
    ByTarget(Vec<(String, Star)>),
}

/// A text in which something stands for what is known when the file is read: what stands there, and its name.
pub(super) type Names<'a> = [(&'a str, &'static str)];

/// Lines are broken where they would be longer.
const WIDTH: usize = 110;

impl Star {
    pub(super) fn texts<T: AsRef<str>>(all: impl IntoIterator<Item = T>) -> Self {
        Star::List(all.into_iter().map(|t| Star::Text(t.as_ref().to_owned())).collect())
    }

    /// One expression for all targets: where they differ, a table, as far inside as one can read it.
    pub(super) fn merged(all: &[(String, Star)]) -> Self {
        let Some((_, first)) = all.first() else { return Star::Plain("None".to_owned()) };
        if all.iter().all(|(_, star)| star == first) {
            return first.clone();
        }
        let parts = |of: &dyn Fn(&Star) -> Option<Vec<Star>>| {
            let parts: Option<Vec<(&String, Vec<Star>)>> =
                all.iter().map(|(target, star)| Some((target, of(star)?))).collect();
            let parts = parts?;
            let count = parts.first()?.1.len();
            parts.iter().all(|(_, p)| p.len() == count).then(|| {
                let at = |i: usize| parts.iter().map(|(t, p)| ((*t).clone(), p[i].clone())).collect::<Vec<_>>();
                (0..count).map(|i| Star::merged(&at(i))).collect::<Vec<_>>()
            })
        };
        let keys = |star: &Star| match star {
            Star::Dict(entries) => Some(entries.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>()),
            _ => None,
        };
        if let Some(names) = keys(first)
            && all.iter().all(|(_, star)| keys(star).as_ref() == Some(&names))
            && let Some(values) = parts(&|star| match star {
                Star::Dict(entries) => Some(entries.iter().map(|(_, value)| value.clone()).collect()),
                _ => None,
            })
        {
            return Star::Dict(names.into_iter().zip(values).collect());
        }
        // Steps: pairs of a name and a command, in the same order.
        let steps = |star: &Star| match star {
            Star::List(all) if all.iter().all(|one| matches!(one, Star::Tuple(_))) => Some(all.clone()),
            _ => None,
        };
        if let Some(all) = parts(&steps) {
            return Star::List(all);
        }
        let tuple = |star: &Star| match star {
            Star::Tuple(parts) => Some(parts.clone()),
            _ => None,
        };
        if let Some(all) = parts(&tuple) {
            return Star::Tuple(all);
        }
        Star::ByTarget(all.to_vec())
    }

    /// Whether a value of it depends on the target.
    pub(super) fn has_table(&self) -> bool {
        match self {
            Star::Text(_) | Star::Plain(_) => false,
            Star::List(all) | Star::Tuple(all) => all.iter().any(Star::has_table),
            Star::Dict(entries) => entries.iter().any(|(_, value)| value.has_table()),
            Star::Call(_, inner) => inner.has_table(),
            Star::ByTarget(_) => true,
        }
    }

    /// As it is written, with lines that are not too long where that can be; `indent`: blanks before further lines.
    pub(super) fn written(&self, names: &Names<'_>, indent: usize) -> String {
        let short = self.line(names);
        if indent + short.len() <= WIDTH && !short.contains('\n') {
            return short;
        }
        let inner = indent + 4;
        let (open, close, parts): (&str, &str, Vec<String>) = match self {
            Star::Text(_) | Star::Plain(_) => return short,
            Star::Call(function, inner) => return format!("{function}({})", inner.written(names, indent)),
            Star::List(all) => ("[", "]", all.iter().map(|s| s.written(names, inner)).collect()),
            Star::Tuple(all) => ("(", ")", all.iter().map(|s| s.written(names, inner)).collect()),
            Star::Dict(entries) => ("{", "}", pairs(entries, names, inner)),
            Star::ByTarget(entries) => ("by_target({", "})", pairs(entries, names, inner)),
        };
        let blanks = " ".repeat(inner);
        let lines: String = parts.iter().map(|part| format!("{blanks}{part},\n")).collect();
        format!("{open}\n{lines}{}{close}", " ".repeat(indent))
    }

    /// In one line, unless a text has several.
    fn line(&self, names: &Names<'_>) -> String {
        let listed = |all: &[Star]| all.iter().map(|s| s.line(names)).collect::<Vec<_>>().join(", ");
        let pairs = |entries: &[(String, Star)]| {
            let pair = |(key, value): &(String, Star)| format!("{}: {}", quoted(key), value.line(names));
            entries.iter().map(pair).collect::<Vec<_>>().join(", ")
        };
        match self {
            Star::Text(text) => named(text, names),
            Star::Plain(text) => text.clone(),
            Star::List(all) => format!("[{}]", listed(all)),
            Star::Tuple(all) if all.len() == 1 => format!("({},)", listed(all)),
            Star::Tuple(all) => format!("({})", listed(all)),
            Star::Dict(entries) => format!("{{{}}}", pairs(entries)),
            Star::Call(function, inner) => format!("{function}({})", inner.line(names)),
            Star::ByTarget(entries) => format!("by_target({{{}}})", pairs(entries)),
        }
    }
}

fn pairs(entries: &[(String, Star)], names: &Names<'_>, indent: usize) -> Vec<String> {
    entries.iter().map(|(key, value)| format!("{}: {}", quoted(key), value.written(names, indent))).collect()
}

/// A text with the names of what stands in it: `"runs/" + RUN`.
fn named(text: &str, names: &Names<'_>) -> String {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let found = names.iter().filter_map(|(word, name)| Some((find(rest, word)?, *word, *name)));
        // Of two at the same place the longer one.
        match found.min_by_key(|(at, word, _)| (*at, usize::MAX - word.len())) {
            Some((at, word, name)) => {
                if at > 0 {
                    parts.push(quoted(&rest[..at]));
                }
                parts.push(name.to_owned());
                rest = &rest[at + word.len()..];
            }
            None => {
                parts.push(quoted(rest));
                rest = "";
            }
        }
    }
    if parts.is_empty() { quoted("") } else { parts.join(" + ") }
}

/// Where a word stands, as a whole: a path that only begins like another is another.
fn find(text: &str, word: &str) -> Option<usize> {
    let whole = |at: usize| {
        let next = text[at + word.len()..].chars().next();
        !word.starts_with('/') || next.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')))
    };
    text.match_indices(word).map(|(at, _)| at).find(|at| whole(*at))
}

/// A text between quotes; one of several lines as it stands there, where that can be.
pub(super) fn quoted(text: &str) -> String {
    let plain = text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    if text.contains('\n') && plain && !text.contains("\"\"\"") && !text.ends_with(['"', '\\']) {
        let raw = if text.contains('\\') { "r" } else { "" };
        return format!("{raw}\"\"\"{text}\"\"\"");
    }
    let mark = if text.contains('"') && !text.contains('\'') { '\'' } else { '"' };
    let mut all = String::with_capacity(text.len() + 2);
    all.push(mark);
    for c in text.chars() {
        match c {
            '"' if mark == '"' => all.push_str("\\\""),
            '\\' => all.push_str("\\\\"),
            '\n' => all.push_str("\\n"),
            '\r' => all.push_str("\\r"),
            '\t' => all.push_str("\\t"),
            c if c.is_control() => all.push_str(&format!("\\u{:04x}", c as u32)),
            c => all.push(c),
        }
    }
    all.push(mark);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_names_stand_in_them() {
        let names = [("/the/area", "HERE"), ("RUN-WORD", "RUN")];
        let table = [
            ("", r#""""#),
            ("a \"b\"\\", r#"'a "b"\\'"#),
            ("a \"b\" 'c'", r#""a \"b\" 'c'""#),
            ("a\nb", "\"\"\"a\nb\"\"\""),
            ("a\\d\nb", "r\"\"\"a\\d\nb\"\"\""),
            ("a\nb\"", r#"'a\nb"'"#),
            ("a\r\n\u{7}", r#""a\r\n\u0007""#),
            ("/the/area/links/RUN-WORD.x", r#"HERE + "/links/" + RUN + ".x""#),
            ("/the/area2/x", r#""/the/area2/x""#),
            ("/the/area", "HERE"),
        ];
        for (text, wanted) in table {
            assert_eq!(named(text, &names), wanted);
        }
    }

    #[test]
    fn what_differs_stands_in_a_table_as_far_inside_as_one_can_read_it() {
        let env = |v: &str| Star::Dict(vec![("A".into(), Star::Text("1".into())), ("B".into(), Star::Text(v.into()))]);
        let both = |a: Star, b: Star| Star::merged(&[("x".to_owned(), a), ("y".to_owned(), b)]).written(&[], 0);
        assert_eq!(both(env("2"), env("2")), r#"{"A": "1", "B": "2"}"#);
        assert_eq!(both(env("2"), env("3")), r#"{"A": "1", "B": by_target({"x": "2", "y": "3"})}"#);
        let lists = both(Star::texts(["a"]), Star::texts(["b"]));
        assert_eq!(lists, r#"by_target({"x": ["a"], "y": ["b"]})"#);
        let step = |c: &str| Star::List(vec![Star::Tuple(vec![Star::Text("s".into()), Star::Text(c.into())])]);
        assert_eq!(both(step("one"), step("two")), r#"[("s", by_target({"x": "one", "y": "two"}))]"#);
    }
}
