//! What this room may ask of the outside, and how much of everything it takes.

/// Files, secrets and the wish to stop, as the caller has them. A test gives a map, the master its base directory.
pub trait Loader {
    /// The text of a file. `name` has forward slashes, no `..`, and is relative to the directory of the first file.
    /// Errors: why it cannot be read, as the end of a sentence (`there is no such file`).
    fn read(&self, name: &str) -> Result<String, String>;

    /// The text of a secret that is kept in a file, usually `secrets/NAME` in the base directory; `Ok(None)` if there
    /// is none. One line end at the end of the file is not part of the secret. `name` has letters, digits, `_`, `-`
    /// and `.` only and begins with none of the last two. Errors: why it cannot be read.
    fn secret_file(&self, name: &str) -> Result<Option<String>, String>;

    /// A variable of the environment.
    fn env(&self, name: &str) -> Option<String>;

    /// Asked again and again while a file is evaluated: is it time to give up?
    fn cancelled(&self) -> bool {
        false
    }

    /// For what run the tests of an area are read.
    fn asked(&self) -> Asked {
        Asked::default()
    }

    /// Hears what `print` says.
    fn print(&self, text: &str) {
        let _ = text;
    }
}

/// What the tests of an area are read for. Empty: nobody said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The target, as it was asked for: values may be left out at its end.
    pub target: String,
    /// The name of the run.
    pub run: String,
    /// The directory of the area, absolute.
    pub directory: String,
}

/// How much a configuration may take. [`Limits::default`] is enough for tens of thousands of builders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls and turns of loops.
    pub ticks: u64,
    /// Bytes of values, alive or dead. A text that an operator makes may have an eighth of it.
    pub heap: usize,
    /// Calls within calls.
    pub depth: usize,
    /// Bytes of one file.
    pub file_bytes: usize,
    /// Files, the first one included.
    pub files: usize,
    /// Elements of a `range` and of a list that an operator makes.
    pub elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { ticks: 20_000_000, heap: 128 << 20, depth: 200, file_bytes: 1 << 20, files: 200, elements: 1_000_000 }
    }
}
