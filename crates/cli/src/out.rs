//! Standard output and standard error, the only place that writes to them.
//!
//! A reader that has enough and goes away (`sluice log 17 | head -1`) ends the command without a word, with the code
//! that a shell gives for SIGPIPE. It is not 0: whoever asks for the result of a build must not read *passed* where it
//! was never known. Any other failure, a full disk for instance, is told and is trouble.

use serde::Serialize;
use std::io::{self, Write};

/// Why something could not be said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutError {
    /// Whoever read has gone.
    #[error("nobody reads standard output any more")]
    Closed,
    /// The system said no.
    #[error("cannot write to standard output")]
    Failed(#[source] io::Error),
    /// A document that is no JSON.
    #[error("cannot write the answer as JSON")]
    Json(#[from] serde_json::Error),
}

impl From<io::Error> for OutError {
    fn from(e: io::Error) -> Self {
        match e.kind() {
            io::ErrorKind::BrokenPipe => OutError::Closed,
            _ => OutError::Failed(e),
        }
    }
}

/// Prints a line.
pub(crate) fn line(text: impl AsRef<str>) -> Result<(), OutError> {
    lines([text])
}

/// Prints lines, all of them at once.
pub(crate) fn lines<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Result<(), OutError> {
    let mut text = String::new();
    for line in lines {
        text.push_str(line.as_ref());
        text.push('\n');
    }
    bytes(text.as_bytes())
}

/// Prints a document as one line of JSON.
pub(crate) fn json<T: Serialize + ?Sized>(document: &T) -> Result<(), OutError> {
    line(serde_json::to_string(document)?)
}

/// Writes bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), OutError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    // What a buffer holds back would be lost without a word when the program ends.
    Ok(out.flush()?)
}

/// Says a line on standard error. When nobody can hear it there is nobody left to tell.
pub(crate) fn aside(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_told_from_a_full_disk() {
        assert!(matches!(OutError::from(io::Error::from(io::ErrorKind::BrokenPipe)), OutError::Closed));
        let full = OutError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.to_string(), "cannot write to standard output");
    }
}
