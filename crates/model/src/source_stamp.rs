//! Source stamps: exactly which source a build is of.

use crate::{ChangeId, SourceStampId, Time};
use serde::{Deserialize, Serialize};

/// One source, of one codebase: the four shapes of the manual are what is and is not `None` here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStamp {
    /// Its id.
    pub id: SourceStampId,
    /// Where the source lives; may be empty when the step knows.
    pub repository: String,
    /// The branch; `None` is the default branch.
    pub branch: Option<String>,
    /// The revision; `None` is the latest.
    pub revision: Option<String>,
    /// The project; may be empty.
    pub project: String,
    /// The codebase; empty for the only one.
    pub codebase: String,
    /// A patch to apply after the checkout.
    pub patch: Option<Patch>,
    /// When it was made.
    pub created_at: Time,
    /// The changes that led to it, oldest first.
    pub changes: Vec<ChangeId>,
}

/// The longest patch that is taken in, in bytes.
pub const PATCH_LIMIT: usize = 4 << 20;

/// A patch, applied with `patch -pLEVEL` in `subdir`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// How many leading path elements to strip.
    pub level: u32,
    /// Where to apply it, below the tree.
    pub subdir: String,
    /// Who sent it.
    pub author: String,
    /// What for.
    pub comment: String,
    /// The diff itself.
    #[serde(with = "serde_body")]
    pub body: Vec<u8>,
}

/// A diff is bytes, and JSON has none: it is kept as text where it is text, else as numbers.
mod serde_body {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Body {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(body: &[u8], s: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(body) {
            Ok(text) => s.serialize_str(text),
            Err(_) => body.serialize(s),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        Ok(match Body::deserialize(d)? {
            Body::Text(text) => text.into_bytes(),
            Body::Bytes(bytes) => bytes,
        })
    }
}
