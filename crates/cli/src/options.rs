//! Files of options: `.sluice/options`, or `.buildbot/options` for those who have one, searched from the current
//! directory upwards and then at home.
//!
//! A file is lines of `name = 'value'`. It is read as data and never run. One that belongs to somebody else is passed
//! over: whoever may write where one works must not say where patches and passwords go.

use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Directories that may hold the file; the first goes before the second.
const DIRS: [&str; 2] = [".sluice", ".buildbot"];

/// So many directories upwards are looked into.
const LEVELS: usize = 20;

/// The longest file, in bytes.
const MOST_BYTES: u64 = 64 << 10;

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    path: PathBuf,
    values: BTreeMap<String, Word>,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Text(String),
    Truth(bool),
    List(Vec<String>),
}

impl Options {
    /// The nearest file, or nothing.
    ///
    /// # Errors
    /// When a file is there and cannot be read or understood.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let here = std::env::current_dir().context("cannot tell where this is")?;
        let home = std::env::var_os("HOME").map(PathBuf::from);
        Self::find_from(&here, home.as_deref(), rustix::process::geteuid().as_raw())
    }

    /// The nearest file that belongs to `me`.
    fn find_from(here: &Path, home: Option<&Path>, me: u32) -> anyhow::Result<Self> {
        for dir in here.ancestors().take(LEVELS).chain(home) {
            for name in DIRS {
                let dir = dir.join(name);
                let path = dir.join("options");
                let mine = |path: &Path| path.metadata().is_ok_and(|facts| facts.uid() == me);
                if path.is_file() && mine(&dir) && mine(&path) {
                    return Self::read(&path);
                }
            }
        }
        Ok(Self::default())
    }

    fn read(path: &Path) -> anyhow::Result<Self> {
        let mut text = String::new();
        let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let read = file.take(MOST_BYTES + 1).read_to_string(&mut text);
        if read.with_context(|| format!("cannot read {}", path.display()))? as u64 > MOST_BYTES {
            bail!("{} has more than {MOST_BYTES} bytes", path.display());
        }
        let values = parse(&text).map_err(|(line, what)| {
            anyhow::anyhow!(
                "{}, line {line}: {what}\nhelp: a line is name = 'value'; the file is read and never run",
                path.display()
            )
        })?;
        Ok(Self { path: path.to_owned(), values })
    }

    /// A text, by the first of these names that is there.
    pub(crate) fn text(&self, names: &[&str]) -> anyhow::Result<Option<String>> {
        match self.value(names) {
            None => Ok(None),
            Some((_, Word::Text(text))) => Ok(Some(text.clone())),
            Some((name, _)) => bail!("{}: {name} must be a text, such as 'value'", self.path.display()),
        }
    }

    /// A list of texts; one text is a list of one.
    pub(crate) fn list(&self, name: &str) -> anyhow::Result<Vec<String>> {
        match self.value(&[name]) {
            None => Ok(Vec::new()),
            Some((_, Word::Text(text))) => Ok(vec![text.clone()]),
            Some((_, Word::List(all))) => Ok(all.clone()),
            Some((name, _)) => bail!("{}: {name} must be a list, such as ['a', 'b']", self.path.display()),
        }
    }

    /// Yes or no; no when nothing is said.
    pub(crate) fn truth(&self, name: &str) -> anyhow::Result<bool> {
        match self.value(&[name]) {
            None => Ok(false),
            Some((_, Word::Truth(truth))) => Ok(*truth),
            Some((name, _)) => bail!("{}: {name} must be True or False", self.path.display()),
        }
    }

    /// The master's address: `HOST:PORT` is one too.
    pub(crate) fn master(&self) -> anyhow::Result<Option<String>> {
        let text = self.text(&["master", "masterstatus"])?;
        Ok(text.map(|text| if text.contains("://") { text } else { format!("http://{text}") }))
    }

    fn value<'n>(&self, names: &[&'n str]) -> Option<(&'n str, &Word)> {
        names.iter().find_map(|name| Some((*name, self.values.get(*name)?)))
    }
}

/// Reads the lines; the number of the first that is wrong, and what is wrong with it.
fn parse(text: &str) -> Result<BTreeMap<String, Word>, (usize, &'static str)> {
    let mut values = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or((number, "there is no '='"))?;
        let name = name.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err((number, "what stands before the '=' is no name"));
        }
        let (word, rest) = word(value.trim_start()).map_err(|what| (number, what))?;
        let rest = rest.trim_start();
        if !rest.is_empty() && !rest.starts_with('#') {
            return Err((number, "something stands after the value"));
        }
        values.insert(name.to_owned(), word);
    }
    Ok(values)
}

/// A value at the beginning of a text, and what follows it.
fn word(text: &str) -> Result<(Word, &str), &'static str> {
    let list_end = match text.as_bytes().first() {
        Some(b'[') => ']',
        Some(b'(') => ')',
        Some(b'\'' | b'"') => return quoted(text).map(|(text, rest)| (Word::Text(text), rest)),
        _ => return bare(text),
    };
    let mut all = Vec::new();
    let mut rest = text[1..].trim_start();
    loop {
        if let Some(after) = rest.strip_prefix(list_end) {
            return Ok((Word::List(all), after));
        }
        let (item, after) = quoted(rest)?;
        all.push(item);
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.starts_with(list_end) => after,
            None => return Err("the list does not end on this line"),
        };
    }
}

/// `True`, `False`, `None` or a number.
fn bare(text: &str) -> Result<(Word, &str), &'static str> {
    let end = text.find(|c: char| c.is_whitespace() || c == '#').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let value = match word {
        "True" | "1" => Word::Truth(true),
        "False" | "0" => Word::Truth(false),
        "None" => Word::Text(String::new()),
        number if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => Word::Text(number.to_owned()),
        _ => return Err("the value is no 'text', list, True or False"),
    };
    Ok((value, rest))
}

/// A text in quotes; a backslash takes the next character as it is.
fn quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut chars = text.char_indices();
    let quote = match chars.next() {
        Some((_, quote @ ('\'' | '"'))) => quote,
        _ => return Err("a text stands in quotes"),
    };
    let mut out = String::new();
    let mut escaped = false;
    for (at, c) in chars {
        match c {
            _ if escaped => {
                out.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            c if c == quote => return Ok((out, &text[at + c.len_utf8()..])),
            c => out.push(c),
        }
    }
    Err("the text does not end on this line")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_data() {
        let text = "# mine\nmaster = 'h:1'  # here\n\ntry_builders=[\"a\", 'b',]\ntry_wait = True\ntry_port = 22\n\
                    username = \"a\\\"b\"\n";
        let values = parse(text).unwrap();
        let options = Options { path: "o".into(), values };
        assert_eq!(options.master().unwrap().as_deref(), Some("http://h:1"));
        assert_eq!(options.list("try_builders").unwrap(), ["a", "b"]);
        assert_eq!((options.truth("try_wait").unwrap(), options.truth("try_quiet").unwrap()), (true, false));
        assert_eq!(options.text(&["try_username", "username"]).unwrap().as_deref(), Some("a\"b"));
        assert_eq!(options.text(&["try_port"]).unwrap().as_deref(), Some("22"));
        assert!(options.text(&["try_wait"]).is_err() && options.truth("username").is_err());
        assert!(options.list("try_wait").is_err());
    }

    #[test]
    fn what_is_no_data_is_told_by_line() {
        let cases = [
            ("import os", (1, "there is no '='")),
            ("a = 'b'\nc = os.environ['x']", (2, "the value is no 'text', list, True or False")),
            ("a.b = 'c'", (1, "what stands before the '=' is no name")),
            ("a = 'b", (1, "the text does not end on this line")),
            ("a = 'b' + 'c'", (1, "something stands after the value")),
            ("a = ['b', c]", (1, "a text stands in quotes")),
            ("a = ['b'", (1, "the list does not end on this line")),
        ];
        for (text, wrong) in cases {
            assert_eq!(parse(text), Err(wrong), "{text}");
        }
    }

    #[test]
    fn the_nearest_file_counts_and_home_is_last() {
        let dir = tempfile::tempdir().unwrap();
        let write = |at: &str, text: &str| {
            let path = dir.path().join(at);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("home/.buildbot/options", "master = 'home'");
        let home = dir.path().join("home");
        let me = rustix::process::geteuid().as_raw();
        let deep = dir.path().join("w/a/b");
        std::fs::create_dir_all(&deep).unwrap();
        let master = || Options::find_from(&deep, Some(&home), me).unwrap().master().unwrap().unwrap();
        assert_eq!(master(), "http://home");
        write("w/.buildbot/options", "master = 'up'");
        assert_eq!(master(), "http://up");
        write("w/.sluice/options", "master = 'https://up'");
        assert_eq!(master(), "https://up");
        write("w/a/.buildbot/options", "x = 'y'");
        assert_eq!(
            Options::find_from(&deep, Some(&home), me).unwrap().master().unwrap(),
            None,
            "the nearest alone counts"
        );
        write("w/a/b/.sluice/options", "x");
        assert!(Options::find_from(&deep, Some(&home), me).unwrap_err().to_string().contains("options, line 1"));
        let far = (0..LEVELS).fold(dir.path().join("v"), |path, _| path.join("d"));
        std::fs::create_dir_all(&far).unwrap();
        write("v/.sluice/options", "master = 'far'");
        let found = Options::find_from(&far, Some(&home), me).unwrap();
        assert_eq!(found.master().unwrap().as_deref(), Some("http://home"));
        // What is somebody else's is passed over, and not even read.
        assert_eq!(Options::find_from(&deep, Some(&home), me + 1).unwrap(), Options::default());
    }
}
