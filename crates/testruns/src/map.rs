//! Item maps: from an item's path to the path of what it waits for.

use model::area::MapRule;
use regex::{Regex, RegexBuilder};

/// A map that is ready for use.
#[derive(Clone, Debug)]
pub struct ItemMap(Vec<(Regex, Vec<Piece>)>);

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Group(usize),
}

/// A rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{pattern}' is no regular expression: {why}")]
pub struct MapError {
    /// The expression.
    pub pattern: String,
    /// What is wrong with it, in one line.
    pub why: String,
}

impl ItemMap {
    /// Reads rules.
    pub fn read(rules: &[MapRule]) -> Result<Self, MapError> {
        rules.iter().map(read).collect::<Result<_, _>>().map(ItemMap)
    }

    /// The path that belongs to mine. Each rule replaces its first match; one that matches nothing changes nothing.
    pub fn apply(&self, path: &str) -> String {
        let mut path = path.to_owned();
        for (pattern, pieces) in &self.0 {
            let Some(found) = pattern.captures(&path) else { continue };
            let Some(whole) = found.get(0) else { continue };
            let mut mapped = path[..whole.start()].to_owned();
            for piece in pieces {
                match piece {
                    Piece::Text(text) => mapped.push_str(text),
                    Piece::Group(n) => mapped.push_str(found.get(*n).map_or("", |g| g.as_str())),
                }
            }
            mapped.push_str(&path[whole.end()..]);
            path = mapped;
        }
        path
    }
}

fn read(rule: &MapRule) -> Result<(Regex, Vec<Piece>), MapError> {
    let pattern = RegexBuilder::new(&rule.pattern).size_limit(1 << 20).build().map_err(|e| MapError {
        pattern: rule.pattern.clone(),
        why: e.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })?;
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut signs = rule.replacement.chars();
    while let Some(sign) = signs.next() {
        match (sign, if sign == '\\' { signs.next() } else { None }) {
            ('\\', Some(digit @ '0'..='9')) => {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Group(digit as usize - '0' as usize));
            }
            ('\\', Some(other)) => text.push(other),
            (sign, _) => text.push(sign),
        }
    }
    pieces.push(Piece::Text(text));
    Ok((pattern, pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_as_tabled() {
        type Rules = &'static [(&'static str, &'static str)];
        let table: [(Rules, &str, &str); 10] = [
            (&[], "a/b", "a/b"),
            (&[(".*/", "")], "foo/bar/baz", "baz"),
            (&[("foo/", "bar/")], "foo/x/foo/y", "bar/x/foo/y"),
            (&[(r"foo(\d+)/", r"num-\1/bar/")], "foo23/thud", "num-23/bar/thud"),
            (&[(r"(a\d+)(b\d+)", r"\2foo\1"), ("b(.*)", r"\1p")], "a123b321", "321fooa123p"),
            (&[("/.*", "")], "layout/ptran", "layout"),
            (&[("nothing", "x")], "a/b", "a/b"),
            (&[("a", r"\0\\\0\")], "a", r"a\a\"),
            (&[("(x)?a", r"<\1\9>")], "a", "<>"),
            (&[("^", "pre/")], "a", "pre/a"),
        ];
        for (rules, path, mapped) in table {
            let rules: Vec<MapRule> = rules.iter().map(|(p, r)| MapRule::new(*p, *r)).collect();
            assert_eq!(ItemMap::read(&rules).unwrap().apply(path), mapped, "{rules:?}");
        }
    }

    #[test]
    fn what_is_no_expression_is_told() {
        insta::assert_snapshot!(ItemMap::read(&[MapRule::new("a(b", "")]).unwrap_err(), @r#"'a(b' is no regular expression: unclosed group"#);
        assert!(ItemMap::read(&[MapRule::new("(x{1000}){1000}", "")]).is_err(), "one that would fill the memory");
    }
}
