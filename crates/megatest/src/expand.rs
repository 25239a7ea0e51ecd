//! The forms `#{…}` inside of lines.
//!
//! Forms nest: `#{get #{getenv DEPS} test1}`. What a form gives is text and nothing else; it is not looked through for
//! forms again, so that no variable and no output of a command can bring in a command. Braces within a form are part of
//! it when they are balanced.

use crate::line::Line;
use crate::outside::Unset;
use crate::problem::{Problem, Spot};
use crate::reader::Reader;
use std::collections::HashMap;
use testruns::pattern::TestPatterns;

/// Forms within forms.
const DEEPEST: usize = 16;

/// A text with forms in it.
#[derive(Debug)]
enum Piece<'a> {
    Plain(&'a str),
    /// The word behind `#{`, its argument, and where all of it is.
    Form {
        word: &'a str,
        argument: &'a str,
        argument_at: usize,
        at: usize,
        length: usize,
    },
}

/// Where a text stands: in a line of a file, or behind a place that is known already.
#[derive(Clone, Copy)]
pub(crate) enum Ground<'a> {
    /// The text is the line's, from this byte on.
    Line(&'a Line, usize),
    /// The text came from there.
    Spot(&'a Spot),
}

impl Ground<'_> {
    pub(crate) fn at(self, at: usize, length: usize) -> Spot {
        match self {
            Ground::Line(line, from) => line.spot(from + at, length),
            Ground::Spot(spot) => spot.clone(),
        }
    }

    pub(crate) fn shifted(self, by: usize) -> Self {
        match self {
            Ground::Line(line, from) => Ground::Line(line, from + by),
            Ground::Spot(spot) => Ground::Spot(spot),
        }
    }
}

/// Whether a text has any form that would be looked at.
pub(crate) fn has_forms(text: &str) -> bool {
    pieces(text).iter().any(|piece| matches!(piece, Piece::Form { .. }))
}

/// Cuts a text into what is plain and what is a form. `#{` that is never closed, and `#{ ` with a blank, are plain.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let ends = ends(text);
    let mut all = Vec::new();
    let mut from = 0;
    let mut look = 0;
    while let Some(found) = text[look..].find("#{") {
        let at = look + found;
        // What is never closed is plain, but what is nested in it may be closed.
        look = at + 2;
        let Some(end) = ends.get(&(at + 1)) else { continue };
        let inner = &text[at + 2..*end];
        if inner.is_empty() || inner.starts_with(char::is_whitespace) {
            look = end + 1;
            continue;
        }
        if from < at {
            all.push(Piece::Plain(&text[from..at]));
        }
        let word_end = inner.find(char::is_whitespace).unwrap_or(inner.len());
        let argument = inner[word_end..].trim();
        let argument_at = at + 2 + word_end + (inner[word_end..].len() - inner[word_end..].trim_start().len());
        let length = inner.len() + 3;
        all.push(Piece::Form { word: &inner[..word_end], argument, argument_at, at, length });
        from = at + length;
        look = from;
    }
    if from < text.len() {
        all.push(Piece::Plain(&text[from..]));
    }
    all
}

/// Whether a text begins with a form.
pub(crate) fn begins_with_form(text: &str) -> bool {
    matches!(pieces(text).first(), Some(Piece::Form { at: 0, .. }))
}

/// The first byte at which such a character stands outside of every form.
pub(crate) fn outside_of_forms(text: &str, wanted: impl Fn(char) -> bool) -> Option<usize> {
    let mut at = 0;
    for piece in pieces(text) {
        match piece {
            Piece::Plain(plain) => match plain.find(&wanted) {
                Some(found) => return Some(at + found),
                None => at += plain.len(),
            },
            Piece::Form { length, .. } => at += length,
        }
    }
    None
}

/// Where each opening brace is closed.
fn ends(text: &str) -> HashMap<usize, usize> {
    let mut open = Vec::new();
    let mut ends = HashMap::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open.push(at),
            b'}' => {
                if let Some(begin) = open.pop() {
                    ends.insert(begin, at);
                }
            }
            _ => {}
        }
    }
    ends
}

impl Reader<'_> {
    /// The text with every form replaced by what it gives.
    pub(crate) fn expand(&mut self, text: &str, ground: Ground<'_>) -> String {
        if !text.contains("#{") {
            return text.to_owned();
        }
        self.expand_within(text, ground, 0)
    }

    fn expand_within(&mut self, text: &str, ground: Ground<'_>, depth: usize) -> String {
        let mut out = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Plain(plain) => out.push_str(plain),
                Piece::Form { word, argument, argument_at, at, length } => {
                    let spot = ground.at(at, length);
                    if depth >= DEEPEST {
                        self.problems.push(Problem::error(format!("more than {DEEPEST} forms within forms"), &spot));
                        continue;
                    }
                    if refused(word) {
                        self.refuse(word, argument, &spot);
                        continue;
                    }
                    let argument = self.expand_within(argument, ground.shifted(argument_at), depth + 1);
                    match self.form(word, &argument, &spot) {
                        Some(value) => out.push_str(&value),
                        None => out.push_str(&text[at..at + length]),
                    }
                }
            }
            if out.len() > self.limits.value_bytes {
                let most = self.limits.value_bytes;
                self.problems
                    .push(Problem::error(format!("the value has more than {most} bytes"), &ground.at(0, text.len())));
                return String::new();
            }
        }
        out
    }

    /// What a form gives. `None`: it is none, the text stays.
    fn form(&mut self, word: &str, argument: &str, spot: &Spot) -> Option<String> {
        Some(match word {
            "getenv" | "gv" | "env" => match self.env(argument) {
                Some(value) => value,
                None => self.unset(&format!("the variable {argument} is not set"), spot),
            },
            "get" | "g" => self.form_get(argument, spot),
            "rget" | "runconfigs-get" => match self.run_value(argument) {
                Some(value) => value,
                None => self.unset(&format!("neither the target nor [default] has {argument}"), spot),
            },
            "shell" | "sh" => match self.run(argument, &[], spot) {
                Some(ran) if ran.code == 0 => one_line(&ran.out),
                Some(ran) => {
                    let text = format!("the command ends with exit code {}; the value is empty", ran.code);
                    self.problems.push(Problem::warning(text, spot));
                    String::new()
                }
                None => String::new(),
            },
            "system" => self.run(argument, &[], spot).map_or_else(String::new, |ran| ran.code.to_string()),
            "rp" | "realpath" => match self.context.outside.real_path(argument) {
                Ok(path) => path,
                Err(why) => {
                    self.problems.push(Problem::warning(format!("the path {argument} {why}"), spot));
                    argument.to_owned()
                }
            },
            "mtrah" if argument.is_empty() => self.context.area.clone(),
            "mtrah" => format!("{}/{}", self.context.area.trim_end_matches('/'), argument.trim_start_matches('/')),
            "case" => self.form_case(argument, spot),
            "range" => self.form_range(argument, spot),
            "filter" => form_filter(argument),
            "processors" => self.form_processors(argument, spot),
            _ => {
                let near = crate::words::nearest(word, FORMS.iter().copied());
                let mut problem = Problem::warning(format!("#{{{word} …}} is no form; it stays as it is"), spot);
                if let Some(near) = near {
                    problem = problem.with_help(format!("did you mean #{{{near} …}}?"));
                }
                self.problems.push(problem);
                return None;
            }
        })
    }

    fn unset(&mut self, text: &str, spot: &Spot) -> String {
        let problem = match self.context.unset {
            Unset::Warn => Problem::warning(format!("{text}; the value is empty"), spot),
            Unset::Refuse => Problem::error(text, spot),
        };
        self.problems.push(problem);
        String::new()
    }

    fn form_get(&mut self, argument: &str, spot: &Spot) -> String {
        let mut words = argument.split_whitespace();
        let (Some(section), Some(key), None) = (words.next(), words.next(), words.next()) else {
            let text = "#{get SECTION KEY} takes a section and a key".to_owned();
            return self.unset(&text, spot);
        };
        match self.settings.get(section, key) {
            Some(value) if value.late => {
                self.problems
                    .push(Problem::error(format!("{key} of [{section}] is not known before its items are"), spot));
                String::new()
            }
            Some(value) => value.text.clone(),
            None => self.unset(&format!("[{section}] has no {key} at this point"), spot),
        }
    }

    /// `#{case SUBJECT a=x b=y *=z}`: the text behind the first word that is the subject.
    fn form_case(&mut self, argument: &str, spot: &Spot) -> String {
        let mut words = argument.split_whitespace();
        let first = words.next().unwrap_or_default();
        // An empty subject leaves the first choice in its place.
        let (subject, head) = if first.contains('=') { ("", Some(first)) } else { (first, None) };
        let mut choices = head.into_iter().chain(words);
        let chosen = choices.find_map(|c| c.split_once('=').filter(|(name, _)| *name == subject || *name == "*"));
        match chosen {
            Some((_, value)) => value.to_owned(),
            None => self.unset(&format!("no choice of #{{case …}} is '{subject}'"), spot),
        }
    }

    /// `#{range FROM TO [STEP]}`: whole numbers with blanks between them, both ends included.
    fn form_range(&mut self, argument: &str, spot: &Spot) -> String {
        let numbers: Vec<Option<i64>> = argument.split_whitespace().map(|w| w.parse().ok()).collect();
        let (from, to, step) = match numbers[..] {
            [Some(from), Some(to)] => (from, to, 1),
            [Some(from), Some(to), Some(step)] if step != 0 => (from, to, step),
            _ => {
                let text = "#{range FROM TO} takes two whole numbers, and a step other than 0";
                self.problems.push(Problem::error(text, spot));
                return String::new();
            }
        };
        let count = (i128::from(to) - i128::from(from)) / i128::from(step);
        if count >= testruns::item::MAX_ITEMS as i128 {
            let text = format!("#{{range …}} gives more than {} numbers", testruns::item::MAX_ITEMS);
            self.problems.push(Problem::error(text, spot));
            return String::new();
        }
        let numbers = (0..=count.max(-1)).map(|i| (i128::from(from) + i * i128::from(step)).to_string());
        numbers.collect::<Vec<_>>().join(" ")
    }

    /// `#{processors -2}`: the number of processors, more or fewer by that, at least 1.
    fn form_processors(&mut self, argument: &str, spot: &Spot) -> String {
        let by: i64 = match argument.trim() {
            "" => 0,
            text => text.parse().unwrap_or_else(|_| {
                self.problems.push(Problem::error("#{processors N} takes a whole number", spot));
                0
            }),
        };
        i64::from(self.context.outside.processors()).saturating_add(by).max(1).to_string()
    }

    fn refuse(&mut self, word: &str, argument: &str, spot: &Spot) {
        let help = if argument.contains("get-arg \"-target\"") {
            "#{getenv MT_TARGET} is the target".to_owned()
        } else if argument.contains("get-arg \"-runname\"") || argument.contains("get-arg \":runname\"") {
            "#{getenv MT_RUNNAME} is the name of the run".to_owned()
        } else {
            "#{case SUBJECT a=x *=y} chooses, #{range 1 10} counts, #{filter PATTERN words…} selects, #{processors -2} \
             asks the machine, #{shell …} runs a command, and [scriptinc SCRIPT] reads what a script writes"
                .to_owned()
        };
        self.problems.push(Problem::error(format!("#{{{word} …}} is not evaluated"), spot).with_help(help));
    }
}

/// Every form, for hints.
const FORMS: &[&str] = &[
    "getenv",
    "gv",
    "env",
    "get",
    "g",
    "rget",
    "runconfigs-get",
    "shell",
    "sh",
    "system",
    "rp",
    "realpath",
    "mtrah",
    "case",
    "range",
    "filter",
    "processors",
];

fn refused(word: &str) -> bool {
    matches!(word, "scheme" | "scm")
}

/// Lines with blanks between them.
pub(crate) fn one_line(out: &str) -> String {
    out.trim_end_matches('\n').replace("\r\n", " ").replace('\n', " ")
}

/// `#{filter PATTERN word word …}`: the words that the test pattern matches.
fn form_filter(argument: &str) -> String {
    let mut words = argument.split_whitespace();
    let patterns = TestPatterns::read(words.next().unwrap_or_default());
    words.filter(|word| patterns.names(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_ends_where_its_braces_do() {
        let forms = |text: &'static str| -> Vec<(&str, &str)> {
            let all = pieces(text).into_iter();
            all.filter_map(|p| if let Piece::Form { word, argument, .. } = p { Some((word, argument)) } else { None })
                .collect()
        };
        assert_eq!(forms("a #{getenv X} b"), [("getenv", "X")]);
        assert_eq!(forms("#{get #{getenv D} t}"), [("get", "#{getenv D} t")]);
        assert_eq!(forms("#{shell awk '{print $1}'}#{mtrah}"), [("shell", "awk '{print $1}'"), ("mtrah", "")]);
        assert_eq!(forms("#{ shell touch x}"), []);
        assert_eq!(forms("#{} #{shell"), []);
        assert_eq!(forms("#{shell #{getenv X}"), [("getenv", "X")], "the inner one is closed");
    }
}
