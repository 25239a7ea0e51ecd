//! How much of a report is kept.

/// How much is kept while a report is read. Whatever is beyond is counted and not kept, so that a report of any size
/// takes the same memory. Of tests that are at fault [`crate::TestTotals::MOST_NAMED`] are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one line, or of one tag of XML; the rest of it is passed over.
    pub line: usize,
    /// Bytes of one test's message; of a longer one the middle is left out.
    pub message: usize,
    /// Bytes of one test's name.
    pub name: usize,
    /// Tests that were begun and not ended, and suites within suites.
    pub open: usize,
    /// Flaws in the summary.
    pub flaws: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 64 << 10, message: 4 << 10, name: 1 << 10, open: 4096, flaws: 20 }
    }
}
