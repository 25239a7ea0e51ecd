//! Regular expressions of old areas, as this program's.

use regex::{Regex, RegexBuilder};

/// The longest that is taken, in bytes, and how much room a compiled one may take.
const LONGEST: usize = 10_000;
const MOST_ROOM: usize = 1 << 20;

/// Compiles one. Errors: what is wrong, after `the regular expression `.
pub(crate) fn compile(text: &str, blind: bool) -> Result<Regex, String> {
    if text.len() > LONGEST {
        return Err(format!("has more than {LONGEST} bytes"));
    }
    RegexBuilder::new(text).case_insensitive(blind).size_limit(MOST_ROOM).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "takes too much room".to_owned(),
        regex::Error::Syntax(text) => {
            let last = text.lines().last().unwrap_or_default().trim();
            format!("is none: {}", last.strip_prefix("error: ").unwrap_or(last))
        }
        _ => "is none that is known here".to_owned(),
    })
}

/// One that has to match a whole text.
pub(crate) fn whole(text: &str) -> Result<Regex, String> {
    compile(&format!("^(?:{text})$"), false)
}

/// One that looks at bytes, for logs of whichever encoding.
pub(crate) fn compile_bytes(text: &str) -> Result<regex::bytes::Regex, String> {
    compile(text, false)?;
    regex::bytes::RegexBuilder::new(text).size_limit(MOST_ROOM).build().map_err(|_| "takes too much room".to_owned())
}
