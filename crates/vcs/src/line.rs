//! Command lines and how they are shown. Pure.

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

/// Stars out what stands for a password in every address of `text`: all before the `@` for http, what follows the
/// user's name for others.
pub(crate) fn hide_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c == '/' || c == '\'' || c == '"' || c.is_whitespace()).unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) if before.ends_with("http://") || before.ends_with("https://") => {
                out.push_str("***@");
                out.push_str(host);
            }
            Some((user, host)) => {
                out.push_str(user.split(':').next().unwrap_or(""));
                out.push_str(if user.contains(':') { ":***@" } else { "@" });
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = tail;
    }
    out.push_str(rest);
    hide_in_roots(&out)
}

/// The same for the roots of CVS: `:pserver:ann:secret@host:/cvs`.
fn hide_in_roots(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(":pserver:") {
        let (before, after) = rest.split_at(at + ":pserver:".len());
        out.push_str(before);
        let end = after.find(['/', '\'', ' ', '\n']).unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@').and_then(|(who, host)| Some((who.split_once(':')?.0, host))) {
            Some((user, host)) => out.push_str(&format!("{user}:***@{host}")),
            None => out.push_str(authority),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_starred_out() {
        let cases = [
            ("https://ann:s3cret@example.org/z", "https://***@example.org/z"),
            ("fatal: 'https://t0ken@h/z' and ssh://git@h/z", "fatal: 'https://***@h/z' and ssh://git@h/z"),
            ("ssh://git:pw@h:22/z", "ssh://git:***@h:22/z"),
            ("https://h/a@b", "https://h/a@b"),
            ("git@h:z and file:///z", "git@h:z and file:///z"),
            ("http://a@b@h", "http://***@h"),
            ("cvs -d :pserver:ann:pw@h:/cvs x", "cvs -d :pserver:ann:***@h:/cvs x"),
            (":pserver:ann@h:/cvs", ":pserver:ann@h:/cvs"),
        ];
        for (given, shown) in cases {
            assert_eq!(hide_passwords(given), shown);
        }
    }
}
