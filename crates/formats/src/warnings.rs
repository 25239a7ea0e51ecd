//! Warnings in the output of compilers: counted, told by file and line, and held against a list of those that do not
//! matter.
//!
//! Works line by line on output of any size; of the warnings themselves a bounded number is kept.

mod suppression;

pub use suppression::{BadSuppression, MOST, Suppression, parse};

use crate::lines::{Splitter, clean};
use crate::text::short;
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;
use thiserror::Error;

/// What counts as a warning unless a pattern is given: `warning:` or `warning ` anywhere in a line, in any case.
pub const PATTERN: &str = "(?i)warning[: ]";

/// What says that a directory is entered, unless a pattern is given: as make does, in any quotes.
pub const ENTER: &str = "make(?:\\[[0-9]+\\])?: Entering directory [`'\"\u{2018}](.*)['\"\u{2019}]";

/// What says that it is left again.
pub const LEAVE: &str = "make(?:\\[[0-9]+\\])?: Leaving directory";

/// File, line and text of a warning as gcc, clang, go vet, javac, MSVC and others write it.
const EXTRACT: &str =
    r"^\s*(?P<file>[^\s:(][^:(]*?|[A-Za-z]:[^:(]+)(?::|\()(?P<line>[0-9]+)(?:[:,][0-9]+)?(?:\))?\s*:\s*(?P<text>.*)$";

/// A pattern compiled takes at most so many bytes.
const PATTERN_BYTES: usize = 1 << 20;

/// Directories within directories; deeper ones are counted and not known.
const DEPTH: usize = 256;

/// How warnings are found. Patterns are regular expressions, searched for anywhere in a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulesSpec {
    /// Which lines are warnings; [`PATTERN`] unless given.
    pub pattern: Option<String>,
    /// Takes a warning apart by the groups `file`, `line` and `text`, or else the first three groups. Unless given, the
    /// common `FILE:LINE: TEXT` and `FILE(LINE): TEXT`.
    pub extract: Option<String>,
    /// Says that a directory is entered, which is its first group; [`ENTER`] unless given.
    pub enter: Option<String>,
    /// Says that it is left; [`LEAVE`] unless given.
    pub leave: Option<String>,
    /// Warnings that do not matter.
    pub suppressions: Vec<Suppression>,
    /// What kinds there are: patterns. A warning is of the first that its line has, and may be of none.
    pub kinds: Vec<String>,
}

/// Why rules cannot be used.
#[derive(Debug, Error)]
pub enum RulesError {
    /// Not a regular expression, or a huge one.
    #[error("the {which} pattern '{pattern}' cannot be used")]
    Pattern {
        /// `warning`, `extract`, `enter`, `leave`, `kind`.
        which: &'static str,
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        source: Box<regex::Error>,
    },
    /// A group is missing.
    #[error("the {which} pattern '{pattern}' has {has} groups in parentheses and needs {needs}")]
    Groups {
        /// `extract`, `enter`.
        which: &'static str,
        /// As it was given.
        pattern: String,
        /// Groups it has.
        has: usize,
        /// Groups it needs.
        needs: usize,
    },
}

/// How warnings are found, ready for use.
#[derive(Clone, Debug)]
pub struct Rules {
    pattern: Regex,
    extract: Regex,
    groups: [usize; 3],
    enter: Regex,
    leave: Regex,
    suppressions: Vec<Suppression>,
    kinds: Vec<Regex>,
}

/// How much of the warnings is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarningLimits {
    /// Bytes of a line that are looked at, and of a warning's text.
    pub line: usize,
    /// Warnings kept.
    pub kept: usize,
    /// Files told apart.
    pub files: usize,
}

impl Default for WarningLimits {
    fn default() -> Self {
        Self { line: 4 << 10, kept: 1000, files: 1000 }
    }
}

/// One warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Which line of the output it is, from 1.
    pub at: u64,
    /// The file it is about, with the directory that was entered before; `None`: the line does not say.
    pub file: Option<String>,
    /// The line in that file.
    pub line: Option<u64>,
    /// What it says; the whole line where it could not be taken apart.
    pub text: String,
}

/// All warnings of an output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    /// How many matter.
    pub count: u64,
    /// How many were suppressed.
    pub suppressed: u64,
    /// Those that matter, in order, at most [`WarningLimits::kept`].
    pub kept: Vec<Warning>,
    /// How many each file has; of the files beyond [`WarningLimits::files`] and of warnings without a file nothing is
    /// told here.
    pub by_file: BTreeMap<String, u64>,
    /// How many there are of each kind, in the order of the rules.
    pub by_kind: Vec<u64>,
}

impl Warnings {
    /// The files with the most warnings first, then by name.
    pub fn worst_files(&self) -> Vec<(&str, u64)> {
        let mut files: Vec<_> = self.by_file.iter().map(|(file, n)| (file.as_str(), *n)).collect();
        files.sort_by_key(|(file, n)| (std::cmp::Reverse(*n), *file));
        files
    }
}

/// Reads output and counts.
pub struct Counter {
    rules: Rules,
    limits: WarningLimits,
    splitter: Splitter,
    found: Found,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    at: u64,
    directories: Vec<String>,
    /// Directories entered beyond [`DEPTH`].
    deeper: u64,
    warnings: Warnings,
}

impl Rules {
    /// Checks and compiles.
    pub fn new(spec: &RulesSpec) -> Result<Self, RulesError> {
        let pattern = compile("warning", spec.pattern.as_deref().unwrap_or(PATTERN), 0)?;
        let extract = compile("extract", spec.extract.as_deref().unwrap_or(EXTRACT), 3)?;
        let place = |name, number| extract.capture_names().position(|n| n == Some(name)).unwrap_or(number);
        let groups = [place("file", 1), place("line", 2), place("text", 3)];
        let enter = compile("enter", spec.enter.as_deref().unwrap_or(ENTER), 1)?;
        let leave = compile("leave", spec.leave.as_deref().unwrap_or(LEAVE), 0)?;
        let kinds = spec.kinds.iter().map(|kind| compile("kind", kind, 0)).collect::<Result<_, _>>()?;
        Ok(Self { pattern, extract, groups, enter, leave, suppressions: spec.suppressions.clone(), kinds })
    }

    fn warning(&self, at: u64, line: &str, directory: Option<&String>, limit: usize) -> Warning {
        let Some(found) = self.extract.captures(line) else {
            return Warning { at, file: None, line: None, text: short(line, limit) };
        };
        let group = |n: usize| found.get(self.groups[n]).map(|m| m.as_str());
        let file = group(0).filter(|file| !file.is_empty()).map(|file| short(&within(directory, file), limit));
        let number = group(1).and_then(|n| n.parse().ok());
        Warning { at, file, line: number, text: short(group(2).unwrap_or(line), limit) }
    }
}

fn compile(which: &'static str, pattern: &str, needs: usize) -> Result<Regex, RulesError> {
    let built = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build();
    let regex =
        built.map_err(|source| RulesError::Pattern { which, pattern: pattern.to_owned(), source: Box::new(source) })?;
    let has = regex.captures_len() - 1;
    if has < needs {
        return Err(RulesError::Groups { which, pattern: pattern.to_owned(), has, needs });
    }
    Ok(regex)
}

/// A file's name as seen from where the build began.
fn within(directory: Option<&String>, file: &str) -> String {
    let file = file.strip_prefix("./").unwrap_or(file);
    match directory {
        Some(directory) if !file.starts_with('/') => format!("{}/{file}", directory.trim_end_matches('/')),
        _ => file.to_owned(),
    }
}

impl Counter {
    /// A counter that has seen nothing.
    pub fn new(rules: Rules, limits: WarningLimits) -> Self {
        let by_kind = vec![0; rules.kinds.len()];
        let found = Found { warnings: Warnings { by_kind, ..Warnings::default() }, ..Found::default() };
        Self { splitter: Splitter::new(limits.line), rules, limits, found }
    }

    /// The next bytes of the output. Warnings that matter go to `to` as they come, those beyond the limit too.
    pub fn push(&mut self, bytes: &[u8], to: &mut dyn FnMut(&Warning)) {
        let Self { rules, limits, splitter, found } = self;
        splitter.push(bytes, &mut |line| found.line(&clean(line), rules, *limits, to));
    }

    /// The output is over.
    pub fn finish(mut self, to: &mut dyn FnMut(&Warning)) -> Warnings {
        let Self { rules, limits, splitter, found } = &mut self;
        splitter.finish(&mut |line| found.line(&clean(line), rules, *limits, to));
        self.found.warnings
    }

    /// How many matter so far.
    pub fn count(&self) -> u64 {
        self.found.warnings.count
    }
}

impl Found {
    fn line(&mut self, line: &str, rules: &Rules, limits: WarningLimits, to: &mut dyn FnMut(&Warning)) {
        self.at += 1;
        if let Some(entered) = rules.enter.captures(line) {
            if self.directories.len() < DEPTH {
                self.directories.push(entered.get(1).map_or("", |m| m.as_str()).to_owned());
            } else {
                self.deeper += 1;
            }
        } else if rules.leave.is_match(line) {
            if self.deeper > 0 {
                self.deeper -= 1;
            } else {
                self.directories.pop();
            }
        }
        if !rules.pattern.is_match(line) {
            return;
        }
        let warning = rules.warning(self.at, line, self.directories.last(), limits.line);
        if rules.suppressions.iter().any(|s| s.covers(&warning)) {
            self.warnings.suppressed += 1;
            return;
        }
        self.warnings.count += 1;
        let kind = rules.kinds.iter().position(|kind| kind.is_match(line));
        if let Some(count) = kind.and_then(|kind| self.warnings.by_kind.get_mut(kind)) {
            *count += 1;
        }
        if let Some(file) = &warning.file {
            let by_file = &mut self.warnings.by_file;
            if by_file.len() < limits.files || by_file.contains_key(file) {
                *by_file.entry(file.clone()).or_default() += 1;
            }
        }
        to(&warning);
        if self.warnings.kept.len() < limits.kept {
            self.warnings.kept.push(warning);
        }
    }
}
