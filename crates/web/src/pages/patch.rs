//! The patch of a source, as a page shows it: its head as text, and the way to all of it.

use super::text::{outside, thousands};
use maud::{Markup, html};
use model::SourceStamp;

/// Lines that are shown.
const LINES: usize = 200;

/// Characters of a line that are shown.
const WIDTH: usize = 400;

/// A patch on a page.
#[derive(Debug)]
pub(super) struct Patch {
    /// The stamp that has it.
    stamp: i64,
    /// Who sent it.
    author: String,
    /// How many leading directories are stripped.
    level: u32,
    /// How long it is.
    bytes: u64,
    /// Its first lines, harmless.
    head: String,
    /// Lines that are not shown.
    more: usize,
}

impl Patch {
    /// That of a stamp, if it has one.
    pub(super) fn of(stamp: &SourceStamp) -> Option<Self> {
        let patch = stamp.patch.as_ref()?;
        let mut lines = patch.body.split(|b| *b == b'\n');
        let head: Vec<String> = lines.by_ref().take(LINES).map(shown).collect();
        Some(Self {
            stamp: stamp.id.0,
            author: patch.author.clone(),
            level: patch.level,
            bytes: patch.body.len() as u64,
            head: head.join("\n"),
            more: lines.filter(|line| !line.is_empty()).count(),
        })
    }

    /// Who sent it, in a run of facts.
    pub(super) fn fact(&self) -> Markup {
        html! { dt { "Patch" } dd { "by " (outside(&self.author, 60)) ", " a href="#patch" { (thousands(self.bytes)) " bytes" } } }
    }

    /// The patch itself.
    pub(super) fn section(&self) -> Markup {
        html! {
            details #patch {
                summary { h2 { "The patch by " (outside(&self.author, 60)) ", applied with -p" (self.level) } }
                pre.message { (self.head) }
                p {
                    @if self.more > 0 { (thousands(self.more as u64)) " more lines. " }
                    a href={ "/api/v2/sluice/patches/" (self.stamp) } { "All of it, as a file" }
                }
            }
        }
    }
}

/// A line without anything that would move the lines around it.
fn shown(line: &[u8]) -> String {
    let line = &line[..line.len().min(4 * WIDTH)];
    let harmless = |c: char| match c {
        '\t' => c,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    String::from_utf8_lossy(line).trim_end_matches('\r').chars().take(WIDTH).map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_patch_says_is_text() {
        assert_eq!(shown(b"+<b>\x1b[31m\t\xff\r"), "+<b>\u{fffd}[31m\t\u{fffd}");
        assert_eq!(shown("+\u{202e}x".as_bytes()), "+\u{fffd}x");
        assert_eq!(shown(&[b'x'; 10_000]).len(), WIDTH);
    }
}
