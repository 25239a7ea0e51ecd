//! Test patterns: `test` or `test/item`, several with commas between them.
//!
//! `%` and `*` stand for any text, a `~` in front turns one part round, and a backslash takes the meaning of what
//! follows. A pattern is held against the whole name, and capital letters are other letters than small ones, with and
//! without a `%` in the pattern.

use std::fmt;

/// Patterns; what one of them matches is matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestPatterns {
    written: String,
    all: Vec<Pattern>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    test: Glob,
    /// None: all items.
    item: Option<Glob>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob {
    negated: bool,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Any,
    Sign(char),
}

impl TestPatterns {
    /// Reads patterns. Blanks around one do not belong to it; an empty one matches nothing.
    pub fn read(text: &str) -> Self {
        let mut all = Vec::new();
        let mut start = 0;
        for end in signs(text).filter(|(_, s)| *s == ',').map(|(at, _)| at).chain([text.len()]) {
            let one = text[start..end].trim();
            start = end + 1;
            if !one.is_empty() {
                all.push(Pattern::read(one));
            }
        }
        TestPatterns { written: text.to_owned(), all }
    }

    /// All tests.
    pub fn everything() -> Self {
        TestPatterns::read("%")
    }

    /// Whether they match an item of a test; the path of what is not iterated is empty.
    pub fn matches(&self, test: &str, path: &str) -> bool {
        self.all.iter().any(|p| p.test.matches(test) && p.item.as_ref().is_none_or(|i| i.matches(path)))
    }

    /// Whether one of them could match an item of a test. Nothing is said of which.
    pub fn names(&self, test: &str) -> bool {
        self.all.iter().any(|p| p.test.matches(test))
    }
}

impl fmt::Display for TestPatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Pattern {
    fn read(text: &str) -> Self {
        match signs(text).find(|(_, sign)| *sign == '/') {
            Some((at, _)) => Pattern { test: Glob::read(&text[..at]), item: Some(Glob::read(&text[at + 1..])) },
            None => Pattern { test: Glob::read(text), item: None },
        }
    }
}

impl Glob {
    fn read(text: &str) -> Self {
        let (negated, text) = text.strip_prefix('~').map_or((false, text), |rest| (true, rest));
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(sign) = chars.next() {
            parts.push(match sign {
                '%' | '*' => Part::Any,
                '\\' => Part::Sign(chars.next().unwrap_or('\\')),
                sign => Part::Sign(sign),
            });
        }
        Glob { negated, parts }
    }

    fn matches(&self, text: &str) -> bool {
        self.fits(text) != self.negated
    }

    /// At a dead end it goes back to the last `%` only: an earlier one cannot do better.
    fn fits(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut part, mut at) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.parts.get(part) {
                Some(Part::Any) => {
                    part += 1;
                    back = Some((part, at));
                }
                Some(Part::Sign(sign)) if *sign == text[at] => {
                    part += 1;
                    at += 1;
                }
                _ => {
                    let Some((after, from)) = back else { return false };
                    back = Some((after, from + 1));
                    part = after;
                    at = from + 1;
                }
            }
        }
        self.parts[part..].iter().all(|p| *p == Part::Any)
    }
}

/// The signs of a text that no backslash stands before, with their places.
fn signs(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut escaped = false;
    text.char_indices().filter(move |(_, sign)| {
        let plain = !escaped && *sign != '\\';
        escaped = !escaped && *sign == '\\';
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_tabled() {
        let table = [
            ("abc", "abc", "", true),
            ("abc", "abc", "x/y", true),
            ("abc", "abcd", "", false),
            ("abc/%", "abc", "", true),
            ("ab%/c%", "abcd", "cde", true),
            ("~abc/c%", "abc", "cde", false),
            ("~abc/c%", "abd", "cde", true),
            ("abc/~c%", "abc", "cde", false),
            ("abc/~c%", "abc", "dce", true),
            ("a,b/c,%/d", "a", "", true),
            ("a,b/c,%/d", "b", "d", true),
            ("a,b/c,%/d", "b", "e", false),
            ("%/,%/a", "abc", "", true),
            ("%/,%/a", "def", "a", true),
            ("%/,%/a", "ghi", "b", false),
            ("%", "a", "", true),
            ("%", "a", "b", true),
            ("%/", "a", "", true),
            ("%/", "a", "b", false),
            ("runfirst/%2", "runfirst", "b/2", true),
            ("a/b/c", "a", "b/c", true),
            ("*est*", "testing", "", true),
            (" a , b ", "b", "", true),
            ("", "a", "", false),
            (",", "", "", false),
            ("A%", "abc", "", false),
            (r"a\,b", "a,b", "", true),
            (r"a\,b", "a", "", false),
            (r"100\%", "100%", "", true),
            (r"100\%", "1000", "", false),
            (r"\~a", "~a", "", true),
            (r"a\\", r"a\", "", true),
            (r"a\", r"a\", "", true),
            ("%a%b%c", "xxaxxbxxc", "", true),
            ("%a%b%c", "xxaxxcxxb", "", false),
            ("ü%", "über", "", true),
        ];
        for (pattern, test, path, matches) in table {
            assert_eq!(TestPatterns::read(pattern).matches(test, path), matches, "'{pattern}' and '{test}/{path}'");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time_to_speak_of() {
        let pattern = "%a".repeat(2_000);
        assert!(!TestPatterns::read(&pattern).matches(&"a".repeat(1_999), ""));
    }

    proptest::proptest! {
        #[test]
        fn what_is_escaped_matches_itself_alone(name in "[a-c%*~,/\\\\]{1,8}", other in "[a-c%*~,/\\\\]{1,8}") {
            let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
            let patterns = TestPatterns::read(&escaped);
            proptest::prop_assert!(patterns.matches(&name, ""));
            proptest::prop_assert_eq!(patterns.matches(&other, ""), other == name);
        }
    }
}
