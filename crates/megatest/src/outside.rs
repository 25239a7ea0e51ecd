//! What this room may ask of the outside, and how much of everything it takes.

/// Files, variables and commands, as the caller has them. A test gives maps, the runner its disk and a shell.
pub trait Outside {
    /// The bytes of a file; `Ok(None)` if there is none. `path` is absolute, or relative to the top of the area.
    /// Errors: why it cannot be read, as the end of a sentence (`is a directory`).
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String>;

    /// A variable of the environment.
    fn env(&self, name: &str) -> Option<String>;

    /// Runs a command by `/bin/sh` in the top of the area with these variables added, and gives what it wrote to
    /// standard output. The caller sets the limits of time and output. Errors: why it could not run at all.
    fn shell(&self, command: &str, env: &[(String, String)]) -> Result<Ran, String>;

    /// The path without links, absolute. Errors: why there is none.
    fn real_path(&self, path: &str) -> Result<String, String>;

    /// The names of the directories below `path` that have a file `testconfig`, sorted; none if there is no such path.
    /// Errors: why it cannot be listed.
    fn tests(&self, path: &str) -> Result<Vec<String>, String>;

    /// How many processors this machine has.
    fn processors(&self) -> u32 {
        1
    }
}

/// A command that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; 128 and the signal when it was killed.
    pub code: i32,
    /// What it wrote to standard output.
    pub out: String,
}

/// How much an area may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file.
    pub file_bytes: usize,
    /// Files of one reading, the first one included, and outputs of `[scriptinc]`.
    pub files: usize,
    /// Includes within includes.
    pub depth: usize,
    /// Lines of one reading.
    pub lines: usize,
    /// Commands that one reading may run.
    pub commands: usize,
    /// Bytes of one value.
    pub value_bytes: usize,
    /// Bytes of all values of one reading.
    pub all_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 4 << 20,
            files: 500,
            depth: 20,
            lines: 500_000,
            commands: 2_000,
            value_bytes: 1 << 20,
            all_bytes: 64 << 20,
        }
    }
}

/// What an unset variable or an unknown value is, where a form asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unset {
    /// Empty, with a warning that names it.
    #[default]
    Warn,
    /// An error.
    Refuse,
}
