//! A first look at a file's text: is it too deep for a recursive parser, and which bracket was never closed?
//!
//! The parser proper gives up on an unclosed bracket at the wrong place, and runs out of stack on ten thousand opening
//! ones. This look is iterative, knows only strings, comments and brackets, and is right about those.

/// How deep a text may go: blocks, `elif`s, brackets, and the operators, dots and calls of the expressions around a
/// place, all together. The parser and the interpreter's compiler recurse so deep, on a stack of two megabytes.
/// Without optimisation a part can take forty kilobytes.
const DEEPEST: usize = 50;

/// What is wrong with a text, at a byte offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// An opening bracket without its partner; with what came instead, if anything did.
    Unclosed { at: usize, bracket: char, instead: Option<(usize, char)> },
    /// A closing bracket that nothing opened.
    Unopened { at: usize, bracket: char },
    /// Brackets within brackets, blocks within blocks, or an expression that goes on and on.
    TooDeep { at: usize },
}

/// Looks for the first trouble. A text without any may still be wrong in other ways.
pub(crate) fn scan(text: &str) -> Option<Trouble> {
    Scan { bytes: text.as_bytes(), at: 0, open: Vec::new(), chain: 0, outer: 0, blocks: vec![Block::default()] }.run()
}

struct Open {
    at: usize,
    bracket: u8,
    /// The operators so far of the expression around the bracket.
    chain: usize,
}

/// A block of statements.
#[derive(Default)]
struct Block {
    width: usize,
    /// How many `elif`s in a row came before: each is nested in the one before it.
    elifs: usize,
}

struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
    open: Vec<Open>,
    /// The operators so far of the innermost expression, and of all expressions around it.
    chain: usize,
    outer: usize,
    blocks: Vec<Block>,
}

impl Scan<'_> {
    fn run(mut self) -> Option<Trouble> {
        self.indent();
        while let Some(&byte) = self.bytes.get(self.at) {
            let start = self.at;
            self.at += 1;
            match byte {
                b'#' => self.skip_comment(),
                b'"' | b'\'' => self.skip_string(byte),
                b'\\' => self.at += 1,
                b'(' | b'[' | b'{' => {
                    self.chain += 1;
                    self.outer += self.chain;
                    self.open.push(Open { at: start, bracket: byte, chain: self.chain });
                    self.chain = 0;
                }
                b')' | b']' | b'}' => {
                    if let Some(trouble) = self.close(start, byte) {
                        return Some(trouble);
                    }
                }
                b'\n' if self.open.is_empty() => {
                    self.chain = 0;
                    self.indent();
                }
                b',' | b';' => self.chain = 0,
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(start),
                // `=` alone is no operator of an expression; `==` and `!=` are one.
                b'=' if start > 0 && matches!(self.bytes[start - 1], b'=' | b'!') => self.chain += 1,
                b'+' | b'-' | b'*' | b'/' | b'%' | b'~' | b'<' | b'>' | b'|' | b'&' | b'^' | b'.' => self.chain += 1,
                _ => {}
            }
            let blocks = self.blocks.iter().map(|block| 1 + block.elifs).sum::<usize>();
            if blocks + self.outer + self.chain > DEEPEST {
                return Some(Trouble::TooDeep { at: start });
            }
        }
        let last = self.open.pop()?;
        Some(Trouble::Unclosed { at: last.at, bracket: char::from(last.bracket), instead: None })
    }

    fn close(&mut self, at: usize, bracket: u8) -> Option<Trouble> {
        let Some(open) = self.open.pop() else {
            return Some(Trouble::Unopened { at, bracket: char::from(bracket) });
        };
        let partner = match open.bracket {
            b'(' => b')',
            b'[' => b']',
            _ => b'}',
        };
        self.chain = open.chain;
        self.outer -= open.chain;
        (partner != bracket).then(|| Trouble::Unclosed {
            at: open.at,
            bracket: char::from(open.bracket),
            instead: Some((at, char::from(bracket))),
        })
    }

    /// At the start of a line outside brackets: follows the blocks.
    fn indent(&mut self) {
        let rest = &self.bytes[self.at..];
        let width = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let rest = &rest[width..];
        if matches!(rest.first(), None | Some(b'\n' | b'\r' | b'#')) {
            return;
        }
        while self.blocks.len() > 1 && self.blocks.last().is_some_and(|block| block.width > width) {
            self.blocks.pop();
        }
        if self.blocks.last().is_none_or(|block| block.width < width) {
            self.blocks.push(Block { width, elifs: 0 });
        }
        if let Some(block) = self.blocks.last_mut() {
            match rest {
                [b'e', b'l', b'i', b'f', ..] => block.elifs += 1,
                [b'e', b'l', b's', b'e', ..] => {}
                _ => block.elifs = 0,
            }
        }
    }

    fn word(&mut self, start: usize) {
        while self.bytes.get(self.at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
            self.at += 1;
        }
        let word = &self.bytes[start..self.at];
        match word {
            b"not" | b"and" | b"or" | b"in" | b"if" | b"else" | b"for" => self.chain += 1,
            b"lambda" => self.chain += 2,
            _ => {}
        }
    }

    fn skip_comment(&mut self) {
        while self.bytes.get(self.at).is_some_and(|b| *b != b'\n') {
            self.at += 1;
        }
    }

    /// After an opening quote. A raw string's backslash still keeps a quote from ending it, so prefixes do not matter.
    fn skip_string(&mut self, quote: u8) {
        let triple = self.bytes.get(self.at) == Some(&quote) && self.bytes.get(self.at + 1) == Some(&quote);
        if triple {
            self.at += 2;
        }
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'\n' if !triple => {
                    self.at -= 1;
                    return;
                }
                b if b == quote => {
                    if !triple {
                        return;
                    }
                    if self.bytes.get(self.at) == Some(&quote) && self.bytes.get(self.at + 1) == Some(&quote) {
                        self.at += 2;
                        return;
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unclosed(at: usize, bracket: char, instead: Option<(usize, char)>) -> Option<Trouble> {
        Some(Trouble::Unclosed { at, bracket, instead })
    }

    #[test]
    fn brackets_are_told_from_strings_and_comments() {
        let cases = [
            ("", None),
            ("f(1, [2], {3: 4})", None),
            ("x = \"(\" + '[' # {", None),
            ("x = '''(\n'[''' + \"\"\"{\"\"\"", None),
            (r#"x = "\"(" + r"\""#, None),
            ("x = 'it\\'s ('", None),
            ("x = \"unfinished (\ny = 1", None),
            ("f(", unclosed(1, '(', None)),
            ("f(\n  [1,\n)", unclosed(5, '[', Some((9, ')')))),
            ("f())", Some(Trouble::Unopened { at: 3, bracket: ')' })),
            ("a = [\nbuilder()\n", unclosed(4, '[', None)),
        ];
        for (text, expected) in cases {
            assert_eq!(scan(text), expected, "{text}");
        }
    }

    #[test]
    fn nothing_deep_gets_through() {
        let blocks: String = (0..150).map(|i| format!("{}if x:\n", " ".repeat(i))).collect();
        let elifs = format!("if a:\n  pass\n{}", "elif b:\n  pass\n".repeat(500));
        let nested = format!("x = {}", "1 + 1 + 1 + (".repeat(50));
        let deep =
            [nested, "(".repeat(150), "x = [".repeat(150), "1+".repeat(500), "not ".repeat(500), "-".repeat(500)];
        let chains = [format!("a{}", ".b".repeat(500)), format!("a{}", "()".repeat(500)), "lambda: ".repeat(500)];
        for text in deep.iter().chain(&chains).chain([&blocks, &elifs]) {
            assert!(matches!(scan(text), Some(Trouble::TooDeep { .. })), "{}", &text[..40]);
        }
    }

    #[test]
    fn long_flat_files_get_through() {
        let list = format!("x = [{}]", "f(a.b, -1 + 2),\n".repeat(20_000));
        let lines = "x = f(1 + 2)\nif x:\n    y = 1\nelif z:\n    y = 2\n".repeat(20_000);
        assert_eq!(scan(&list), None);
        assert_eq!(scan(&lines), None);
    }
}
