//! Bytes that the kernel takes as they are: an argument, a variable, a path. They need not be UTF-8, and a format
//! that carries them must not pretend so.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// An argument, the name or the value of a variable. MessagePack carries it as `bin`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(Vec<u8>);

impl Word {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same bytes, as the standard library likes them.
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Word(text.as_bytes().to_vec())
    }
}

impl From<String> for Word {
    fn from(text: String) -> Self {
        Word(text.into_bytes())
    }
}

impl From<&String> for Word {
    fn from(text: &String) -> Self {
        Word(text.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Word {
    fn from(bytes: Vec<u8>) -> Self {
        Word(bytes)
    }
}

impl From<OsString> for Word {
    fn from(text: OsString) -> Self {
        Word(text.into_vec())
    }
}

impl From<&OsStr> for Word {
    fn from(text: &OsStr) -> Self {
        Word(text.as_bytes().to_vec())
    }
}

impl From<&Path> for Word {
    fn from(path: &Path) -> Self {
        Word(path.as_os_str().as_bytes().to_vec())
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_bytes::ByteBuf::deserialize(deserializer).map(|bytes| Word(bytes.into_vec()))
    }
}

/// Carries a path as bytes; for `#[serde(with = …)]`.
pub(crate) mod path {
    use super::{Deserialize, Deserializer, OsStrExt, OsString, OsStringExt, Path, PathBuf, Serializer};

    pub(crate) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(path.as_os_str().as_bytes())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        let bytes = serde_bytes::ByteBuf::deserialize(deserializer)?;
        Ok(OsString::from_vec(bytes.into_vec()).into())
    }
}
