//! A line of a file with what is meant in it, as people read it below a message.

use crate::Place;

/// The widest excerpt of a line: with the margin it fits a terminal of eighty columns.
const WIDEST: usize = 70;

/// The place, the line, and carets below `length` characters from the place's column on:
///
/// ```text
///   --> master.star:14:15
///    |
/// 14 |     workers = ["maac"],
///    |               ^^^^^^^^
/// ```
///
/// Of a long line it is the part around the column. Tabs count as one column; control characters are replaced, so that a
/// hostile file cannot drive the terminal.
pub fn excerpt(place: &Place, source_line: &str, length: u32) -> String {
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    let (line, before, length) = part(source_line, place.column, length);
    let head = plain(&place.to_string());
    let carets = " ".repeat(before) + &"^".repeat(length);
    format!("{margin}--> {head}\n{margin} |\n{number} | {line}\n{margin} | {carets}")
}

/// A text whose control characters are blanks.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The part of the line that is shown, how many columns stand before the first caret, and how many carets there are.
fn part(line: &str, column: u32, length: u32) -> (String, usize, usize) {
    let chars: Vec<char> = plain(line).chars().collect();
    let column = (column.max(1) as usize - 1).min(chars.len());
    let length = (length.max(1) as usize).min(chars.len().saturating_sub(column).max(1));
    if chars.len() <= WIDEST {
        return (chars.into_iter().collect(), column, length);
    }
    let first = column.saturating_sub(20).min(chars.len() - WIDEST);
    let last = (first + WIDEST).min(chars.len());
    let mut line: Vec<char> = chars[first..last].to_vec();
    if first > 0 {
        line[0] = '…';
    }
    if last < chars.len()
        && let Some(end) = line.last_mut()
    {
        *end = '…';
    }
    let before = column - first;
    (line.into_iter().collect(), before, length.min(WIDEST.saturating_sub(before).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_with_what_is_meant() {
        let at = |line, column| Place { file: "a.star".into(), line, column };
        assert_eq!(excerpt(&at(7, 3), "a b\tc", 3), " --> a.star:7:3\n  |\n7 | a b c\n  |   ^^^");
        assert_eq!(excerpt(&at(1, 9), "ab", 5), " --> a.star:1:9\n  |\n1 | ab\n  |   ^", "a column that is not there");
        let long = "x".repeat(50) + "WRONG" + &"y".repeat(90);
        let shown = excerpt(&at(12, 51), &long, 5);
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{shown}");
        assert!(lines[2].starts_with("12 | …xxx") && lines[2].ends_with("yyy…"), "{shown}");
        assert_eq!(lines[2].find("WRONG").map(|at| at - '…'.len_utf8() + 1), lines[3].find("^^^^^"), "{shown}");
    }
}
