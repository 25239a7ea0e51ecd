//! The end of a log that lies here in a file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// So many bytes are looked at.
const LOOKED_AT: u64 = 32 << 10;

/// The last lines of a file that say anything, at most `most`, without colours; each is at most `width` wide.
/// None where it cannot be read.
pub(crate) fn last_lines(path: &Path, most: usize, width: usize) -> Vec<String> {
    let Ok(bytes) = end_of(path) else { return Vec::new() };
    let lines: Vec<String> = bytes
        .split(|b| *b == b'\n')
        .map(|line| crate::show::cut(formats::ansi::text(line).trim_end(), width))
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(most)..].to_vec()
}

fn end_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
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
}
