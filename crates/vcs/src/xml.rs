//! XML as version control systems print it: elements, attributes, text. No entities but the five, no declarations.

/// What stands in a document, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// `<name a="b">`; `<name/>` is followed by its end.
    Begin(&'a str, Vec<(&'a str, String)>),
    /// `</name>`.
    End(&'a str),
    /// What stands between, with entities put in.
    Text(String),
}

impl Piece<'_> {
    /// An attribute of a beginning.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        match self {
            Piece::Begin(_, attributes) => attributes.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str()),
            _ => None,
        }
    }
}

/// Reads a document. What is no XML is an error that says where; nothing is nested here, so nothing can be too deep.
pub(crate) fn pieces(document: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut out = Vec::new();
    let mut rest = document;
    let wrong = |rest: &str| format!("it is no XML at byte {}", document.len() - rest.len());
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        if !text.trim().is_empty() {
            out.push(Piece::Text(put_in(text)));
        }
        let end = end_of(tag).ok_or_else(|| wrong(tag))?;
        let (inside, after) = (&tag[1..end], &tag[end + 1..]);
        rest = after;
        if inside.starts_with(['?', '!']) {
            continue;
        }
        if let Some(name) = inside.strip_prefix('/') {
            out.push(Piece::End(name.trim()));
            continue;
        }
        let (inside, closed) = match inside.strip_suffix('/') {
            Some(inside) => (inside, true),
            None => (inside, false),
        };
        let (name, attributes) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
        out.push(Piece::Begin(name, read_attributes(attributes).ok_or_else(|| wrong(tag))?));
        if closed {
            out.push(Piece::End(name));
        }
    }
    Ok(out)
}

/// Where the tag ends that begins here: at the first `>` outside quotes.
fn end_of(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn read_attributes(text: &str) -> Option<Vec<(&str, String)>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, after) = value[1..].split_once(quote)?;
        out.push((name.trim(), put_in(value)));
        rest = after.trim_start();
    }
    Some(out)
}

/// Puts in what entities stand for; what is none stays as it is.
fn put_in(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = rest.find(';').filter(|end| *end <= 10).and_then(|end| Some((end, character(&rest[1..end])?)));
        let (character, length) = known.map_or(('&', 1), |(end, c)| (c, end + 1));
        out.push(character);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let number = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(number)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_attributes_and_text_are_read() {
        let read =
            pieces("<?xml version=\"1.0\"?>\n<log a='1>' b=\"&lt;&#228;\">\n<m>x &amp; y &z</m><n/></log>").unwrap();
        let begin = |name, attributes: &[(&'static str, &str)]| {
            Piece::Begin(name, attributes.iter().map(|(n, v)| (*n, (*v).to_owned())).collect())
        };
        assert_eq!(
            read,
            [
                begin("log", &[("a", "1>"), ("b", "<ä")]),
                begin("m", &[]),
                Piece::Text("x & y &z".to_owned()),
                Piece::End("m"),
                begin("n", &[]),
                Piece::End("n"),
                Piece::End("log"),
            ]
        );
        assert_eq!(read[0].attribute("b"), Some("<ä"));
        assert_eq!(pieces("<a><b").unwrap_err(), "it is no XML at byte 3");
        assert_eq!(pieces("<a b=c>").unwrap_err(), "it is no XML at byte 0");
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(text in "[<>&;/='\"a-c#ä ]{0,60}") {
            let _ = pieces(&text);
        }
    }
}
