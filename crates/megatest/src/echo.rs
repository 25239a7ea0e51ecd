//! Values that a shell would echo: variables and quotes in them mean what they mean there.
//!
//! Where Megatest gives `echo VALUE` to a shell, `;`, `|`, `>`, `&` and file names with stars are looked at too. Here
//! they are text: a value is a value. `$(…)` and backquotes run their command and nothing else.

use crate::expand::one_line;
use crate::problem::{Problem, Spot};
use crate::reader::Reader;
use std::str::CharIndices;

/// Whether a shell would change anything.
fn is_plain(text: &str) -> bool {
    !text.contains(['$', '`', '"', '\'', '\\', '~'])
}

impl Reader<'_> {
    /// The value as a shell would echo it.
    pub(crate) fn echo(&mut self, text: &str, spot: &Spot) -> String {
        if is_plain(text) {
            return text.to_owned();
        }
        let mut out = String::new();
        let mut quote: Option<char> = None;
        let mut chars = text.char_indices();
        if text == "~" || text.starts_with("~/") {
            chars.next();
            out.push_str(&self.env("HOME").unwrap_or_else(|| "~".to_owned()));
        }
        while let Some((at, c)) = chars.next() {
            match (c, quote) {
                ('\'', None) | ('"', None) => quote = Some(c),
                (c, Some(open)) if c == open => quote = None,
                (c, Some('\'')) => out.push(c),
                ('\\', None) => out.extend(chars.next().map(|(_, c)| c)),
                ('\\', Some(_)) => match chars.clone().next() {
                    Some((_, c @ ('$' | '`' | '"' | '\\'))) => {
                        chars.next();
                        out.push(c);
                    }
                    _ => out.push('\\'),
                },
                ('$', _) => self.dollar(text, &text[at + 1..], &mut chars, &mut out, spot),
                ('`', _) => match text[at + 1..].find('`') {
                    Some(end) => {
                        self.command(&text[at + 1..at + 1 + end], &mut out, spot);
                        skip(&mut chars, text, at + end + 2);
                    }
                    None => out.push('`'),
                },
                (c, _) => out.push(c),
            }
        }
        if let Some(open) = quote {
            self.problems.push(Problem::warning(format!("the quote {open} is not closed"), spot));
        }
        out
    }

    /// What stands behind a dollar.
    fn dollar<'t>(&mut self, text: &'t str, rest: &str, chars: &mut CharIndices<'t>, out: &mut String, spot: &Spot) {
        let here = text.len() - rest.len();
        if let Some(inner) = rest.strip_prefix('(') {
            let Some(end) = closing(inner) else { return out.push('$') };
            self.command(&inner[..end], out, spot);
            return skip(chars, text, here + end + 2);
        }
        let (name, length) = match rest.strip_prefix('{') {
            Some(inner) => match inner.find('}') {
                Some(end) => (&inner[..end], end + 2),
                None => return out.push('$'),
            },
            None => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                (&rest[..end], end)
            }
        };
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name {
            return out.push('$');
        }
        match self.env(name) {
            Some(value) => out.push_str(&value),
            None => self.problems.push(Problem::warning(format!("the variable {name} is not set"), spot)),
        }
        skip(chars, text, here + length);
    }

    fn command(&mut self, command: &str, out: &mut String, spot: &Spot) {
        if let Some(ran) = self.run(command, &[], spot) {
            out.push_str(&one_line(&ran.out));
        }
    }
}

/// Where the parenthesis is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 0 => return Some(at),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn skip<'a>(chars: &mut CharIndices<'a>, text: &'a str, to: usize) {
    while chars.clone().next().is_some_and(|(at, _)| at < to.min(text.len())) {
        chars.next();
    }
}
