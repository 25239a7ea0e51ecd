//! Lines as the grammar sees them: physical lines joined where a backslash ends one, each with its place.

use crate::problem::{Spot, narrow};
use std::sync::Arc;

/// One line after joining.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// Where each physical line begins in `text`, its number and itself.
    parts: Vec<(usize, u32, Arc<str>)>,
    file: Arc<str>,
}

impl Line {
    /// Where `length` bytes from `offset` of the text are in the file. What goes over several physical lines is shown
    /// as far as the first one goes.
    pub(crate) fn spot(&self, offset: usize, length: usize) -> Spot {
        let part = self.parts.iter().rev().find(|(begin, ..)| *begin <= offset).or(self.parts.first());
        let Some((begin, number, source)) = part else { return Spot::nowhere(&self.file) };
        let base = Spot { file: self.file.clone(), line: *number, column: 1, length: 1, source: source.clone() };
        let within = offset.saturating_sub(*begin);
        base.at(within, length.min(source.len().saturating_sub(within)))
    }

    /// The whole line.
    pub(crate) fn whole(&self) -> Spot {
        self.spot(0, self.text.len())
    }
}

/// Splits a text into lines and joins those that go on. A line goes on when its very last character is a backslash,
/// comments included; nothing comes in between. A carriage return before the end of a line is no part of it.
pub(crate) fn lines(file: &Arc<str>, text: &str) -> Vec<Line> {
    let mut all = Vec::new();
    let mut open: Option<Line> = None;
    for (index, physical) in text.split('\n').enumerate() {
        let physical = physical.strip_suffix('\r').unwrap_or(physical);
        let mut line =
            open.take().unwrap_or_else(|| Line { text: String::new(), parts: Vec::new(), file: file.clone() });
        line.parts.push((line.text.len(), narrow(index + 1), Arc::from(physical)));
        match physical.strip_suffix('\\') {
            Some(rest) => {
                line.text.push_str(rest);
                open = Some(line);
            }
            None => {
                line.text.push_str(physical);
                all.push(line);
            }
        }
    }
    // A text that ends with a backslash ends there.
    all.extend(open);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        lines(&"f".into(), text).into_iter().map(|l| l.text).collect()
    }

    #[test]
    fn a_backslash_at_the_very_end_joins() {
        assert_eq!(texts("a \\\n  b\nc"), ["a   b", "c"]);
        assert_eq!(texts("a \\ \nb"), ["a \\ ", "b"], "a blank behind it disables it");
        assert_eq!(texts("# c\\\nd"), ["# cd"], "comments too");
        assert_eq!(texts("a\\\r\nb\r\n"), ["ab", ""]);
        assert_eq!(texts("a\\"), ["a"]);
        assert_eq!(texts(""), [""]);
    }

    #[test]
    fn a_place_is_in_the_physical_line() {
        let all = lines(&"f".into(), "x\nkey one\\\n two é three");
        let line = &all[1];
        assert_eq!(line.text, "key one two é three");
        let three = line.text.find("three").unwrap();
        let spot = line.spot(three, 5);
        assert_eq!((spot.line, spot.column, spot.length, &*spot.source), (3, 8, 5, " two é three"));
        assert_eq!(line.spot(4, 100).length, 4, "as far as the physical line goes, its backslash included");
        assert_eq!(line.spot(1000, 1).line, 3);
    }
}
