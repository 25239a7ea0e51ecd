//! Command lines and how they are shown. Pure.

pub(crate) use model::source::shown as hide_passwords;
use std::ffi::{OsStr, OsString};

/// A repository on this machine is served by a git that does not ask whose files they are.
pub(crate) const SERVED_TO_ALL: &str = "--upload-pack=git -c safe.directory=* upload-pack";

/// One command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Program and arguments.
    pub(crate) words: Vec<OsString>,
}

impl Line {
    /// `git` with these arguments.
    pub(crate) fn git<const N: usize>(words: [&str; N]) -> Self {
        Self { words: std::iter::once("git").chain(words).map(OsString::from).collect() }
    }

    /// A program with these arguments.
    pub(crate) fn new<const N: usize>(words: [&str; N]) -> Self {
        Self { words: words.into_iter().map(OsString::from).collect() }
    }

    /// One more argument.
    pub(crate) fn and(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(word.as_ref().to_os_string());
        self
    }

    /// More arguments.
    pub(crate) fn all<S: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.words.extend(words.into_iter().map(|w| w.as_ref().to_os_string()));
        self
    }

    /// The line as one would type it in a shell; passwords in addresses are starred out. What only settles whose files
    /// a repository may be is left out, as the settings are.
    pub(crate) fn typed(&self) -> String {
        let told = self.words.iter().filter(|w| *w != SERVED_TO_ALL);
        let words: Vec<String> = told.map(|w| quoted(&w.to_string_lossy())).collect();
        hide_passwords(&words.join(" "))
    }
}

/// A word as a shell would read it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-+=:,./@%^~*{}".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    if !word.chars().any(char::is_control) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let escaped: String =
        word.chars().map(|c| if c == '\'' { r"\'".to_owned() } else { c.escape_default().to_string() }).collect();
    format!("$'{escaped}'")
}
