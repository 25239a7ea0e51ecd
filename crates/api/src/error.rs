//! What an answer is when there is none: `{"error": text}`.

use serde::{Deserialize, Serialize};

/// The document of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong, in words.
    pub error: String,
}

impl Problem {
    /// An error document.
    pub fn new(error: impl Into<String>) -> Self {
        Self { error: error.into() }
    }
}
