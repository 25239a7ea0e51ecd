//! What to show of a log that lies here in a file.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// So many bytes are looked at.
const LOOKED_AT: u64 = 32 << 10;

/// The last lines of a file that say anything, at most `most`, without colours; each is at most `width` wide.
/// None where it cannot be read.
pub(crate) fn last_lines(path: &Path, most: usize, width: usize) -> Vec<String> {
    let lines = lines(path, width);
    lines[lines.len().saturating_sub(most)..].to_vec()
}

/// The lines of something that failed which a reader wants to see first: from the first that names an error on, else the
/// last ones.
pub(crate) fn telling_lines(path: &Path, most: usize, width: usize) -> Vec<String> {
    let lines = lines(path, width);
    let at = formats::first_error(lines.iter().map(String::as_str)).unwrap_or(0);
    let from = at.min(lines.len().saturating_sub(most));
    lines[from..].iter().take(most).cloned().collect()
}

fn lines(path: &Path, width: usize) -> Vec<String> {
    let Ok(bytes) = end_of(path) else { return Vec::new() };
    bytes
        .split(|b| *b == b'\n')
        .map(|line| crate::show::cut(formats::ansi::text(line).trim_end(), width))
        .filter(|line| !line.is_empty())
        .collect()
}

fn end_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = runner::files::open(path)?;
    let from = file.metadata()?.len().saturating_sub(LOOKED_AT);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(LOOKED_AT).read_to_end(&mut bytes)?;
    if from > 0 {
        // What is left of a line whose beginning is not there says something else than the line.
        let whole = bytes.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
        bytes.drain(..whole);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_told_in_whole_lines_without_colours() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let of = |text: &str, most: usize| {
            std::fs::write(file.path(), text).unwrap();
            last_lines(file.path(), most, 20)
        };
        assert_eq!(of("one\n\x1b[31mtwo\x1b[0m\r\n\n  \nthree", 2), ["two", "three"]);
        assert_eq!(of("", 2), [""; 0]);
        assert_eq!(of(&format!("{}\nend\n", "x".repeat(40_000)), 5), ["end"], "half a line is none");
        assert_eq!(of(&"y".repeat(40_000), 5).len(), 1, "one long line is better than nothing");
        assert_eq!(last_lines(Path::new("/nowhere/at/all"), 2, 20), [""; 0]);
    }

    #[test]
    fn of_something_that_failed_the_error_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let of = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            telling_lines(file.path(), 2, 30)
        };
        assert_eq!(
            of("cc\na.c:3: error: no b\n    b;\nmake: *** Error 1\nmake: Leaving\n"),
            ["a.c:3: error: no b", "    b;"]
        );
        assert_eq!(of("cc\none\ntwo\n"), ["one", "two"], "where nothing is named, the end of it");
        assert_eq!(of("error: only this\n"), ["error: only this"]);
        assert_eq!(of(""), [""; 0]);
    }
}
