//! Regular expressions: whether they are any, and where they go wrong.

use regex_syntax::ast::parse::Parser;

/// What is wrong with a regular expression, at a byte of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) at: usize,
    pub(crate) length: usize,
    /// What comes after `the regular expression "…"`.
    pub(crate) message: String,
}

/// The longest that is taken, in bytes, and how much room a compiled one may take.
const LONGEST: usize = 10_000;
const MOST_ROOM: usize = 1 << 20;

/// Whether this is a regular expression that can be used.
pub(crate) fn check(text: &str) -> Result<(), Flaw> {
    let whole = |message: &str| Flaw { at: 0, length: text.len(), message: message.to_owned() };
    if text.len() > LONGEST {
        return Err(whole("is too long"));
    }
    Parser::new().parse(text).map_err(|error| {
        let span = error.span();
        let length = span.end.offset.saturating_sub(span.start.offset);
        let message = format!("is none: {}", error.kind());
        Flaw { at: span.start.offset, length, message }
    })?;
    // What parses may still mean nothing (`\p{Nothing}`) or be too large (`(a{1000}){1000}`).
    regex::RegexBuilder::new(text).size_limit(MOST_ROOM).build().map(|_| ()).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => whole("takes too much room"),
        _ => whole("is none that is known here"),
    })
}

/// A pattern with `*` and `?` as a regular expression.
pub(crate) fn from_globs(globs: &[String]) -> String {
    let one = |glob: &String| {
        let parts = glob.chars().map(|c| match c {
            '*' => ".*".to_owned(),
            '?' => ".".to_owned(),
            c => regex_syntax::escape(&c.to_string()),
        });
        parts.collect::<String>()
    };
    format!("^(?s:{})$", globs.iter().map(one).collect::<Vec<_>>().join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_none_says_where() {
        for good in ["", "a|b", r"^docs/.*\.md$", "(?P<name>x)", "[a-z]{3,}", "é+"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let cases = [("a(b", 1), ("a)b", 1), ("[z-a]", 1), ("*a", 0), ("(?<a>)(?<a>)", 9), ("(?=x)", 0), (r"a\q", 1)];
        for (bad, at) in cases {
            assert_eq!(check(bad).err().map(|flaw| flaw.at), Some(at), "{bad}");
        }
        for bad in [r"\p{Nothing}", "((a{100}){100}){100}", &"a".repeat(20_000)] {
            assert!(check(bad).is_err());
        }
    }

    #[test]
    fn a_glob_is_a_regular_expression() {
        let is = |globs: &[&str], text: &str| {
            let globs: Vec<String> = globs.iter().map(|g| (*g).to_owned()).collect();
            regex::Regex::new(&from_globs(&globs)).is_ok_and(|r| r.is_match(text))
        };
        assert!(is(&["a*c"], "abc") && is(&["a*c", "x"], "x") && is(&["a?c"], "a.c") && is(&["*"], "a\nb"));
        assert!(!is(&["a*c"], "abcd") && !is(&["a.c"], "abc") && !is(&["a", "b"], "ab"));
    }
}
