//! The text of rules as nested forms.

/// A form with the bytes that it has in the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) datum: Datum,
    pub(crate) at: usize,
    pub(crate) length: usize,
}

/// What a form is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum {
    List(Vec<Node>),
    Text(String),
    Symbol(String),
    /// `expires:`, without the colon.
    Keyword(String),
    Number(f64),
    Bool(bool),
    /// `#/text/flags`.
    Regex(String, String),
}

/// What is wrong with the text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) at: usize,
    pub(crate) length: usize,
    pub(crate) message: String,
}

impl Flaw {
    pub(crate) fn new(at: usize, length: usize, message: impl Into<String>) -> Self {
        Self { at, length, message: message.into() }
    }
}

/// Forms within forms.
const DEEPEST: usize = 60;

/// Reads all forms of a text.
pub(crate) fn read(text: &str) -> Result<Vec<Node>, Flaw> {
    let mut reader = Reader { text, at: 0 };
    let mut all = Vec::new();
    while let Some(node) = reader.form(0)? {
        all.push(node);
    }
    match reader.peek() {
        None => Ok(all),
        Some(_) => Err(Flaw::new(reader.at, 1, "this parenthesis closes nothing")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Blanks and comments.
    fn blanks(&mut self) -> Result<(), Flaw> {
        loop {
            let rest = self.rest();
            let from = self.at;
            if rest.starts_with(';') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("#|") {
                let end = rest.find("|#").ok_or_else(|| Flaw::new(from, 2, "this comment is never closed"))?;
                self.at += end + 2;
            } else {
                self.at += rest.len() - rest.trim_start().len();
            }
            if self.at == from {
                return Ok(());
            }
        }
    }

    /// The next form; `None` at the end and before what closes a list.
    fn form(&mut self, depth: usize) -> Result<Option<Node>, Flaw> {
        self.blanks()?;
        let at = self.at;
        let Some(c) = self.peek() else { return Ok(None) };
        if depth > DEEPEST {
            return Err(Flaw::new(at, 1, format!("more than {DEEPEST} forms within forms")));
        }
        let datum = match c {
            ')' | ']' => return Ok(None),
            '(' | '[' => self.list(depth)?,
            '\'' => {
                self.at += 1;
                let inner = self.form(depth + 1)?.ok_or_else(|| Flaw::new(at, 1, "nothing is quoted here"))?;
                Datum::List(vec![Node { datum: Datum::Symbol("quote".to_owned()), at, length: 1 }, inner])
            }
            '"' => Datum::Text(self.string()?),
            '#' if self.rest().starts_with("#;") => {
                self.at += 2;
                self.form(depth + 1)?;
                return self.form(depth + 1);
            }
            '#' if self.rest().starts_with("#/") => self.regex()?,
            _ => self.atom(),
        };
        Ok(Some(Node { datum, at, length: self.at - at }))
    }

    fn list(&mut self, depth: usize) -> Result<Datum, Flaw> {
        let at = self.at;
        self.at += 1;
        let mut all = Vec::new();
        while let Some(node) = self.form(depth + 1)? {
            all.push(node);
        }
        match self.peek() {
            Some(_) => self.at += 1,
            None => return Err(Flaw::new(at, 1, "this parenthesis is never closed")),
        }
        Ok(Datum::List(all))
    }

    fn string(&mut self) -> Result<String, Flaw> {
        let begin = self.at;
        let mut out = String::new();
        let mut chars = self.text[begin + 1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = begin + 1 + at + 1;
                    return Ok(out);
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some('r') => out.push('\r'),
                    Some(c) => out.push(c),
                    None => {}
                },
                c => out.push(c),
            }
        }
        Err(Flaw::new(begin, 1, "this text is never closed"))
    }

    fn regex(&mut self) -> Result<Datum, Flaw> {
        let begin = self.at;
        let mut out = String::new();
        let mut chars = self.text[begin + 2..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '/' => {
                    let rest = &self.text[begin + 2 + at + 1..];
                    let flags = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
                    self.at = self.text.len() - rest.len() + flags;
                    return Ok(Datum::Regex(out, rest[..flags].to_owned()));
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('/') => out.push('/'),
                    Some(c) => out.extend(['\\', c]),
                    None => out.push('\\'),
                },
                c => out.push(c),
            }
        }
        Err(Flaw::new(begin, 2, "this regular expression is never closed"))
    }

    fn atom(&mut self) -> Datum {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"' | ';' | '\'');
        let length = rest.find(ends).unwrap_or(rest.len()).max(rest.chars().next().map_or(0, char::len_utf8));
        let word = rest[..length].to_owned();
        self.at += length;
        match word.as_str() {
            "#t" => Datum::Bool(true),
            "#f" => Datum::Bool(false),
            _ => match (number(&word), word.strip_suffix(':')) {
                (Some(number), _) => Datum::Number(number),
                (None, Some(key)) if !key.is_empty() => Datum::Keyword(key.to_owned()),
                _ => Datum::Symbol(word),
            },
        }
    }
}

/// A number as Scheme writes it; names such as `inf` are none.
pub(crate) fn number(word: &str) -> Option<f64> {
    let digits = word.trim_start_matches(['+', '-']);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && word.len() - digits.len() <= 1;
    plain.then(|| word.parse().ok()).flatten().filter(|n: &f64| n.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read() {
        let text = "; c\n(a \"b\\\"c\" #/x\\/y\\s/i 1.5 -2 k: #t 'q [z]) #|no|# #;(no) end";
        let nodes = read(text).unwrap();
        assert_eq!(nodes.len(), 2);
        let Datum::List(list) = &nodes[0].datum else { panic!() };
        assert_eq!(list.len(), 9);
        assert_eq!(list[1].datum, Datum::Text("b\"c".to_owned()));
        assert_eq!(list[2].datum, Datum::Regex("x/y\\s".to_owned(), "i".to_owned()));
        assert_eq!((&list[3].datum, &list[4].datum), (&Datum::Number(1.5), &Datum::Number(-2.0)));
        assert_eq!(list[5].datum, Datum::Keyword("k".to_owned()));
        assert_eq!(nodes[1].datum, Datum::Symbol("end".to_owned()));
    }

    #[test]
    fn what_is_not_closed_says_where() {
        let flaw = |text: &str| read(text).err().map(|f| f.at);
        assert_eq!(flaw("(a (b)"), Some(0));
        assert_eq!(flaw("(a))"), Some(3));
        assert_eq!(flaw("(a \"b)"), Some(3));
        assert_eq!(flaw("(a #/b)"), Some(3));
        assert_eq!(flaw("#| x"), Some(0));
        assert_eq!(flaw("'"), Some(0));
        assert!(flaw(&"(".repeat(100_000)).is_some());
        assert!(flaw(&"'".repeat(100_000)).is_some());
        assert!(flaw(&"#;".repeat(100_000)).is_some());
    }
}
