//! The written form of texts that are finished later: `build-{revision:-unknown}.tar.gz`.
//!
//! `{changed_files:GLOB}` are the names of the files that were changed; see `model::changed_files`.
//!
//! `{x}` is a property, `{src:CODEBASE:field}` a field of a source, `{worker:field}` one of the worker, `{secret:NAME}`
//! a secret. After the name may come `:-text`, `:~text`, `:+text` or `:?message`, whose texts may look up more.
//! `{{` and `}}` are braces.

use crate::names::{nearest, quoted};
use model::{Form, Lookup, Piece, SourceField, Text, WorkerField};

/// How deep texts within texts may go.
const DEEPEST: usize = 10;

/// What is wrong with a text, at a byte of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) at: usize,
    pub(crate) length: usize,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// A text that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) text: Text,
    /// The secrets that it names, and where in it.
    pub(crate) secrets: Vec<(String, usize)>,
}

/// Reads a text.
pub(crate) fn parse(text: &str) -> Result<Parsed, Flaw> {
    let mut parser = Parser { text, at: 0, secrets: Vec::new() };
    let pieces = parser.pieces(0)?;
    Ok(Parsed { text: Text::Pieces(pieces), secrets: parser.secrets })
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    secrets: Vec<(String, usize)>,
}

impl<'t> Parser<'t> {
    fn flaw(&self, at: usize, length: usize, message: impl Into<String>) -> Flaw {
        Flaw { at, length, message: message.into(), help: None }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Up to the end of the text, or to the brace that closes the form around it.
    fn pieces(&mut self, depth: usize) -> Result<Vec<Piece>, Flaw> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        while let Some(c) = self.rest().chars().next() {
            let rest = self.rest();
            match c {
                '{' if rest.starts_with("{{") => {
                    literal.push('{');
                    self.at += 2;
                }
                '{' => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(self.lookup(depth)?);
                }
                '}' if depth > 0 => break,
                '}' if rest.starts_with("}}") => {
                    literal.push('}');
                    self.at += 2;
                }
                '}' => {
                    let flaw = self.flaw(self.at, 1, "\"}\" closes nothing");
                    return Err(Flaw { help: Some("a brace is written }}".to_owned()), ..flaw });
                }
                c => {
                    literal.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(pieces)
    }

    /// From an opening brace to its partner.
    fn lookup(&mut self, depth: usize) -> Result<Piece, Flaw> {
        let open = self.at;
        if depth >= DEEPEST {
            return Err(self.flaw(open, 1, format!("texts within texts go more than {DEEPEST} deep")));
        }
        self.at += 1;
        let of = self.name(open)?;
        let form = match self.rest().as_bytes() {
            [b'}', ..] => Form::Value,
            [b':', sign @ (b'-' | b'~' | b'+'), ..] => {
                self.at += 2;
                let inner = Text::Pieces(self.pieces(depth + 1)?);
                match sign {
                    b'-' => Form::OrElse(inner),
                    b'~' => Form::OrElseIfFalse(inner),
                    _ => Form::IfSet(inner),
                }
            }
            [b':', b'?', ..] => {
                self.at += 2;
                let end = self.rest().find('}').ok_or_else(|| self.unclosed(open))?;
                let message = self.rest()[..end].to_owned();
                self.at += end;
                Form::OrFail(if message.is_empty() { format!("there is no {}", of.written()) } else { message })
            }
            [] => return Err(self.unclosed(open)),
            _ => {
                let flaw = self.flaw(self.at, 1, "after the name comes }, :-, :~, :+ or :?");
                return Err(Flaw { help: help_for(&of), ..flaw });
            }
        };
        match self.rest().starts_with('}') {
            true => self.at += 1,
            false => return Err(self.unclosed(open)),
        }
        Ok(Piece::Lookup { of, form })
    }

    fn unclosed(&self, open: usize) -> Flaw {
        Flaw { help: Some("a brace is written {{".to_owned()), ..self.flaw(open, 1, "\"{\" is never closed") }
    }

    /// What is looked up.
    fn name(&mut self, open: usize) -> Result<Lookup, Flaw> {
        let at = self.at;
        let name = self.word();
        if name.is_empty() {
            let end = self.rest().chars().next();
            if end.is_none() {
                return Err(self.unclosed(open));
            }
            let flaw = self.flaw(open, 1, "a name comes after \"{\"");
            return Err(Flaw { help: Some("a brace is written {{".to_owned()), ..flaw });
        }
        let more = matches!(self.rest().as_bytes(), [b':', next, ..] if !matches!(next, b'-' | b'~' | b'+' | b'?'));
        match name {
            "src" if more => {
                self.at += 1;
                let codebase = self.word().to_owned();
                if !self.rest().starts_with(':') {
                    let flaw = self.flaw(at, self.at - at, "a field is missing after {src:CODEBASE");
                    return Err(Flaw { help: Some("for the only codebase: {src::branch}".to_owned()), ..flaw });
                }
                self.at += 1;
                let field = self.field("src", &SourceField::ALL, SourceField::word)?;
                Ok(Lookup::Source { codebase, field })
            }
            "worker" if more => {
                self.at += 1;
                self.field("worker", &WorkerField::ALL, WorkerField::word).map(Lookup::Worker)
            }
            "changed_files" | "no_changed_files" => {
                let none = name == "no_changed_files";
                let globs = if more { self.globs() } else { Vec::new() };
                if none && !self.rest().starts_with(":+") {
                    let flaw = self.flaw(at, self.at - at, "no_changed_files needs a text after :+");
                    let help = "for example {no_changed_files:*.py:+--all}".to_owned();
                    return Err(Flaw { help: Some(help), ..flaw });
                }
                Ok(Lookup::ChangedFiles { globs, none })
            }
            "secret" if more => {
                self.at += 1;
                let at = self.at;
                let secret = self.word().to_owned();
                self.secrets.push((secret.clone(), at));
                Ok(Lookup::Secret(secret))
            }
            _ => Ok(Lookup::Property(name.to_owned())),
        }
    }

    /// `:*.py,*.pyi`, up to the form or the end.
    fn globs(&mut self) -> Vec<String> {
        self.at += 1;
        let rest = self.rest();
        let end = rest.find(['}', '{', ':']).unwrap_or(rest.len());
        self.at += end;
        rest[..end].split(',').map(str::trim).filter(|glob| !glob.is_empty()).map(str::to_owned).collect()
    }

    fn field<F: Copy>(&mut self, space: &str, all: &[F], word: impl Fn(F) -> &'static str) -> Result<F, Flaw> {
        let at = self.at;
        let name = self.word();
        all.iter().copied().find(|f| word(*f) == name).ok_or_else(|| {
            let words: Vec<_> = all.iter().map(|f| word(*f)).collect();
            let help = match nearest(name, words.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("it has {}", words.join(", ")),
            };
            let flaw = self.flaw(at, name.len(), format!("{space} has no field {}", quoted(name)));
            Flaw { help: Some(help), ..flaw }
        })
    }

    /// Letters, digits, `_`, `-`, `.` and `/`; may be empty.
    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
}

/// What may have been meant by a name with something wrong behind it.
fn help_for(of: &Lookup) -> Option<String> {
    match of {
        Lookup::Property(name) if name == "prop" || name == "property" => {
            Some("a property needs no more than its name: {revision}".to_owned())
        }
        Lookup::Property(name) => nearest(name, ["src", "worker", "secret"])
            .map(|near| format!("did you mean {near}?"))
            .or_else(|| Some("a brace is written {{".to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_shown_again() {
        let same = [
            "",
            "plain",
            "build-{revision}.tar.gz",
            "{a:-b}{c:~d}{e:+f}{g:?say so}",
            "{src::branch}",
            "{src:lib/core:got}",
            "{worker:name} {secret:mac-mini.1}",
            "{tag:+-{tag}}",
            "{a:-{b:-{c}}}x",
            "{changed_files}",
            "{changed_files:*.py,doc/?*:-.}",
            "{no_changed_files:*.py:+--all}{no_changed_files:+{revision}}",
            "{src:-x}",
        ];
        for text in same {
            match parse(text) {
                Ok(parsed) => assert_eq!(parsed.text.written(), text),
                Err(flaw) => assert!(text.contains("got"), "{text}: {flaw:?}"),
            }
        }
        assert_eq!(parse("{{x}} {{").map(|p| p.text.written()), Ok("{x} {".to_owned()));
        assert_eq!(parse("a{secret:s}").map(|p| p.secrets), Ok(vec![("s".to_owned(), 9)]));
    }

    #[test]
    fn what_is_wrong_is_found_where_it_is() {
        let cases = [
            ("x{", 1, "\"{\" is never closed", Some("a brace is written {{")),
            ("x{a", 1, "\"{\" is never closed", Some("a brace is written {{")),
            ("x{a:-b", 1, "\"{\" is never closed", Some("a brace is written {{")),
            ("x{a:?b", 1, "\"{\" is never closed", Some("a brace is written {{")),
            ("x}", 1, "\"}\" closes nothing", Some("a brace is written }}")),
            ("{ print $1 }", 0, "a name comes after \"{\"", Some("a brace is written {{")),
            ("{}", 0, "a name comes after \"{\"", Some("a brace is written {{")),
            ("{a b}", 2, "after the name comes }, :-, :~, :+ or :?", Some("a brace is written {{")),
            (
                "{prop:x}",
                5,
                "after the name comes }, :-, :~, :+ or :?",
                Some("a property needs no more than its name: {revision}"),
            ),
            ("{secrt:x}", 6, "after the name comes }, :-, :~, :+ or :?", Some("did you mean secret?")),
            ("{src:branch}", 1, "a field is missing after {src:CODEBASE", Some("for the only codebase: {src::branch}")),
            ("{src::brnch}", 6, "src has no field \"brnch\"", Some("did you mean branch?")),
            (
                "{no_changed_files:*.py}",
                1,
                "no_changed_files needs a text after :+",
                Some("for example {no_changed_files:*.py:+--all}"),
            ),
            ("{worker:x}", 8, "worker has no field \"x\"", Some("it has name, admin, host, system, cpus")),
        ];
        for (text, at, message, help) in cases {
            let flaw = parse(text).expect_err(text);
            assert_eq!((flaw.at, flaw.message.as_str(), flaw.help.as_deref()), (at, message, help), "{text}");
        }
        let deep = "{a:-".repeat(1000);
        assert!(parse(&deep).is_err());
    }

    #[test]
    fn no_text_is_too_odd() {
        for text in ["{é}", "é{a:-é}", "{a:-{", "{:", "{:-}", "{src:", "{src::", "{secret:}", "}}{{", "{a:?", "{a:"]
        {
            let _ = parse(text);
        }
    }
}
