//! The formats, by name. A new one is a file beside this one, a variant and a line in [`Format::ALL`].

mod auto;
mod cargo_test;
mod cargo_test_json;
mod ctest;
mod go_test;
mod go_test_json;
mod junit;
mod nextest;
mod prove;
mod pytest;
mod subunit;
mod subunit_v1;
mod subunit_v2;
mod tap;
mod trial;
mod unittest;

use crate::Limits;
use crate::lines::{ByLine, Lines};
use crate::reader::Parse;
use std::fmt;

/// What a test program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Whichever of the others the first telling lines belong to.
    Auto,
    /// The text of `cargo test` (libtest).
    CargoTest,
    /// `cargo test -- -Z unstable-options --format json`.
    CargoTestJson,
    /// The text of `ctest`.
    Ctest,
    /// The text of `go test`, with or without `-v`.
    GoTest,
    /// `go test -json`.
    GoTestJson,
    /// JUnit XML, in whichever dialect: surefire, nextest, pytest, gtest, ctest, jest…
    Junit,
    /// The text of `cargo nextest run`.
    Nextest,
    /// The text of `prove` and of `make test` of Perl modules (`Test::Harness`, old and new).
    Prove,
    /// The text of `pytest`.
    Pytest,
    /// Subunit of either version.
    Subunit,
    /// Subunit version 1: lines.
    SubunitV1,
    /// Subunit version 2: packets.
    SubunitV2,
    /// TAP 12, 13 and 14.
    Tap,
    /// The text of Twisted's `trial`.
    Trial,
    /// The text of Python's `unittest`.
    Unittest,
}

impl Format {
    /// All of them with the names that a configuration uses, ordered by name.
    pub const ALL: &'static [(&'static str, Format)] = &[
        ("auto", Format::Auto),
        ("cargo_test", Format::CargoTest),
        ("cargo_test_json", Format::CargoTestJson),
        ("ctest", Format::Ctest),
        ("go_test", Format::GoTest),
        ("go_test_json", Format::GoTestJson),
        ("junit", Format::Junit),
        ("nextest", Format::Nextest),
        ("prove", Format::Prove),
        ("pytest", Format::Pytest),
        ("subunit", Format::Subunit),
        ("subunit_v1", Format::SubunitV1),
        ("subunit_v2", Format::SubunitV2),
        ("tap", Format::Tap),
        ("trial", Format::Trial),
        ("unittest", Format::Unittest),
    ];

    /// A parser at the beginning of a report.
    pub(crate) fn parser(self, limits: &Limits) -> Box<dyn Parse> {
        fn lines(parser: impl ByLine + 'static, limits: &Limits) -> Box<dyn Parse> {
            Box::new(Lines::new(parser, limits.line))
        }
        match self {
            Format::Auto => Box::new(auto::Auto::new(limits)),
            Format::CargoTest => lines(cargo_test::CargoTest::new(limits), limits),
            Format::CargoTestJson => lines(cargo_test_json::CargoTestJson::new(limits), limits),
            Format::Ctest => lines(ctest::Ctest::new(limits), limits),
            Format::GoTest => lines(go_test::GoTest::new(limits), limits),
            Format::GoTestJson => lines(go_test_json::GoTestJson::new(limits), limits),
            Format::Junit => Box::new(junit::Junit::new(limits)),
            Format::Nextest => lines(nextest::Nextest::new(limits), limits),
            Format::Prove => lines(prove::Prove::new(limits), limits),
            Format::Pytest => lines(pytest::Pytest::new(limits), limits),
            Format::Subunit => Box::new(subunit::Subunit::new(limits)),
            Format::SubunitV1 => Box::new(subunit_v1::SubunitV1::new(limits)),
            Format::SubunitV2 => Box::new(subunit_v2::SubunitV2::new(limits)),
            Format::Tap => lines(tap::Tap::new(limits), limits),
            Format::Trial => lines(trial::Trial::new(limits), limits),
            Format::Unittest => lines(unittest::Unittest::new(limits), limits),
        }
    }

    /// The format of that name. A caller that finds none tells the names of [`Format::ALL`].
    pub fn from_name(name: &str) -> Option<Format> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("auto", |(name, _)| name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_lead_there_and_back() {
        assert!(Format::ALL.is_sorted_by(|a, b| a.0 < b.0));
        for (name, format) in Format::ALL {
            assert_eq!((Format::from_name(name), format.name()), (Some(*format), *name));
        }
        assert_eq!(Format::from_name("TAP"), None);
    }
}
