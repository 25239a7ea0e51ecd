//! Lines at the end of the output that may still change: rewritten in place on a terminal, left out elsewhere.

use crate::out::{self, OutError};
use crate::show::Paper;

/// The lines that float, and what is known of the terminal.
pub(crate) struct LiveLines {
    paper: Paper,
    shown: Vec<String>,
}

impl LiveLines {
    pub(crate) fn new(paper: Paper) -> Self {
        Self { paper, shown: Vec::new() }
    }

    /// Prints lines for good.
    pub(crate) fn settle(&mut self, lines: &[String]) -> Result<(), OutError> {
        self.print(lines)
    }

    /// Shows lines that will be replaced by the next call; where there is no terminal, nothing.
    pub(crate) fn float(&mut self, lines: &[String]) -> Result<(), OutError> {
        if self.paper == Paper::Plain {
            return Ok(());
        }
        let lines = fit(lines, Size::of_stdout());
        if lines == self.shown {
            return Ok(());
        }
        self.print(&lines)?;
        self.shown = lines;
        Ok(())
    }

    /// Writes lines in the place of those that float, in one go so that nothing flickers.
    fn print(&mut self, lines: &[String]) -> Result<(), OutError> {
        let mut text = String::new();
        if !self.shown.is_empty() {
            // Up over the floating lines, and clear to the end of the screen.
            text = format!("\x1b[{}A\x1b[J", self.shown.len());
            self.shown.clear();
        }
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        out::bytes(text.as_bytes())
    }
}

/// How much a terminal shows.
#[derive(Clone, Copy, Debug)]
struct Size {
    columns: usize,
    rows: usize,
}

impl Size {
    fn of_stdout() -> Self {
        let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok();
        let size = size.filter(|s| s.ws_col > 0 && s.ws_row > 0);
        size.map_or(Size { columns: 80, rows: 24 }, |s| Size { columns: s.ws_col.into(), rows: s.ws_row.into() })
    }
}

/// What of the lines can be drawn over later: a line that is wrapped or has left the screen cannot.
fn fit(lines: &[String], size: Size) -> Vec<String> {
    let most = size.rows.saturating_sub(1).max(1);
    let mut out: Vec<String> = lines.iter().take(most).map(|line| narrow(line, size.columns)).collect();
    if lines.len() > most {
        let more = lines.len() - most + 1;
        out.pop();
        out.push(narrow(&format!("  … and {more} more lines"), size.columns));
    }
    out
}

/// At most `columns` characters of a line; sequences that set a colour take no room and are kept.
fn narrow(line: &str, columns: usize) -> String {
    let mut out = String::new();
    let (mut seen, mut sequence) = (0, false);
    for c in line.chars() {
        sequence = sequence || c == '\x1b';
        if sequence {
            sequence = c != 'm';
            out.push(c);
            continue;
        }
        seen += 1;
        if seen <= columns {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_floats_stays_within_the_terminal() {
        let lines: Vec<String> =
            ["  \x1b[32m✓\x1b[0m git", "  \x1b[36m◐\x1b[0m test  0:03", "  three", "  four"].map(String::from).into();
        assert_eq!(fit(&lines, Size { columns: 80, rows: 24 }), lines);
        let narrow = fit(&lines, Size { columns: 8, rows: 4 });
        assert_eq!(narrow, ["  \x1b[32m✓\x1b[0m git", "  \x1b[36m◐\x1b[0m test", "  … and "]);
        assert_eq!(fit(&lines, Size { columns: 80, rows: 3 })[1], "  … and 3 more lines");
    }
}
