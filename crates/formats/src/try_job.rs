//! Try jobs: what somebody wants built before it is committed, as `tryserver` takes it on standard input and lays it
//! into a directory, and as the call `try` has it.
//!
//! A job file is a row of netstrings `LENGTH:BYTES,`, the first of which is its version:
//!
//! | version | what follows |
//! |---|---|
//! | 1 | id, branch, base revision, patch level, patch, builders… |
//! | 2 | id, branch, base revision, patch level, patch, repository, project, builders… |
//! | 3 | as 2, with who before the builders |
//! | 4 | as 3, with the comment after who |
//! | 5 | one JSON object, with the patch as text |
//! | 6 | one JSON object, with the patch in base64 |
//!
//! Empty branches and revisions are those that are not named.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::PATCH_LIMIT;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The longest job file, in bytes: room for a patch of [`PATCH_LIMIT`] in any of its dresses.
pub const JOB_LIMIT: usize = 2 * PATCH_LIMIT;

/// The most builders that a job names.
pub const BUILDER_LIMIT: usize = 1000;

/// The longest revision, in bytes: a context of Darcs is a text of many lines.
pub const REVISION_LIMIT: usize = 64 << 10;

/// The longest of the other texts, in bytes.
const TEXT_LIMIT: usize = 4000;

/// What somebody wants built.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TryJob {
    /// What tells it from others; a job that comes twice is one. May be empty.
    pub id: String,
    /// The branch; `None` is the default branch.
    pub branch: Option<String>,
    /// The revision that the patch is for; `None` is the newest.
    pub revision: Option<String>,
    /// How many leading path elements of the patch are stripped.
    pub level: u32,
    /// The patch; empty: the base as it is.
    pub patch: Vec<u8>,
    /// Where the source lives; may be empty.
    pub repository: String,
    /// The project; may be empty.
    pub project: String,
    /// The codebase; may be empty.
    pub codebase: String,
    /// Who wants it, in their own words.
    pub who: Option<String>,
    /// What for.
    pub comment: Option<String>,
    /// Builders by name; empty is all of the scheduler's.
    pub builders: Vec<String>,
    /// Properties of the builds.
    pub properties: BTreeMap<String, Value>,
}

/// What is wrong with a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryJobError {
    /// It is not a row of netstrings.
    #[error("at byte {at}: {what}")]
    Netstring {
        /// Where, from 0.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// It has a version that nobody knows.
    #[error("the version is '{0}'; 1 to 6 are known")]
    Version(String),
    /// It ends too early.
    #[error("a job of version {version} has {needed} parts before its builders; this one has {found}")]
    Short {
        /// Its version.
        version: u8,
        /// How many parts it needs.
        needed: usize,
        /// How many it has.
        found: usize,
    },
    /// The object in it is no JSON object.
    #[error("the job is no JSON object: {0}")]
    Json(String),
    /// Parts that are not right, with what is wrong.
    #[error("{}", .0.iter().map(|(part, what)| format!("{part} {what}")).collect::<Vec<_>>().join("; "))]
    Parts(Vec<(String, String)>),
    /// It is longer than [`JOB_LIMIT`].
    #[error("it has more than {JOB_LIMIT} bytes")]
    Long,
}

/// The names that the object of a job may have.
pub const NAMES: [&str; 13] = [
    "jobid",
    "branch",
    "baserev",
    "patch_level",
    "patch_body",
    "patch_body_base64",
    "repository",
    "project",
    "codebase",
    "who",
    "comment",
    "builderNames",
    "properties",
];

impl TryJob {
    /// Reads a job file.
    ///
    /// # Errors
    /// See [`TryJobError`].
    pub fn read(bytes: &[u8]) -> Result<Self, TryJobError> {
        if bytes.len() > JOB_LIMIT {
            return Err(TryJobError::Long);
        }
        let parts = netstrings(bytes)?;
        let (version, parts) = match parts.split_first() {
            Some((first, rest)) => (version(first)?, rest),
            None => return Err(TryJobError::Netstring { at: 0, what: "nothing is there" }),
        };
        match version {
            5 | 6 => match parts {
                [object] => {
                    let value = serde_json::from_slice(object).map_err(|e| TryJobError::Json(e.to_string()))?;
                    let Value::Object(map) = value else {
                        return Err(TryJobError::Json("it is something else".into()));
                    };
                    Self::from_json(&map).map_err(TryJobError::Parts)
                }
                other => Err(TryJobError::Short { version, needed: 1, found: other.len() }),
            },
            old => Self::of_parts(old, parts),
        }
    }

    fn of_parts(version: u8, parts: &[&[u8]]) -> Result<Self, TryJobError> {
        const NEEDED: [usize; 5] = [0, 5, 7, 8, 9];
        let needed = NEEDED.get(usize::from(version)).copied().unwrap_or(9);
        if parts.len() < needed {
            return Err(TryJobError::Short { version, needed, found: parts.len() });
        }
        let (head, builders) = parts.split_at(needed);
        let text = |i: usize| head.get(i).map(|b| String::from_utf8_lossy(b).into_owned()).unwrap_or_default();
        let mut map = Map::new();
        let names = ["jobid", "branch", "baserev", "patch_level", "", "repository", "project", "who", "comment"];
        for (i, name) in names.iter().enumerate().take(needed).filter(|(_, name)| !name.is_empty()) {
            map.insert((*name).to_owned(), text(i).into());
        }
        let builders: Vec<String> = builders.iter().map(|b| String::from_utf8_lossy(b).into_owned()).collect();
        map.insert("builderNames".to_owned(), builders.into());
        let mut job = Self::from_json(&map).map_err(TryJobError::Parts)?;
        job.patch = head.get(4).map(|b| b.to_vec()).unwrap_or_default();
        long_patch(&job.patch).map_err(|what| TryJobError::Parts(vec![("patch_body".to_owned(), what)]))?;
        Ok(job)
    }

    /// Reads the object of a job; names that are none of [`NAMES`] are passed over.
    ///
    /// # Errors
    /// Each part that is not right, with what is wrong.
    pub fn from_json(map: &Map<String, Value>) -> Result<Self, Vec<(String, String)>> {
        let mut job = Self { level: 1, ..Self::default() };
        let mut wrong = Vec::new();
        for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
            if let Err(what) = job.take(name, value) {
                wrong.push((name.clone(), what));
            }
        }
        if wrong.is_empty() { Ok(job) } else { Err(wrong) }
    }

    fn take(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "jobid" => self.id = line(value)?,
            "branch" => self.branch = named(line(value)?),
            "baserev" => self.revision = named(within(value, REVISION_LIMIT)?),
            "patch_level" => self.level = level(value)?,
            "patch_body" => {
                self.patch = text(value)?.as_bytes().to_vec();
                return long_patch(&self.patch);
            }
            "patch_body_base64" => {
                let body = STANDARD.decode(text(value)?.as_bytes());
                self.patch = body.map_err(|_| "is not base64".to_owned())?;
                return long_patch(&self.patch);
            }
            "repository" => self.repository = line(value)?,
            "project" => self.project = line(value)?,
            "codebase" => self.codebase = line(value)?,
            "who" => self.who = Some(line(value)?).filter(|t| !t.is_empty()),
            "comment" => self.comment = Some(within(value, TEXT_LIMIT)?).filter(|t| !t.is_empty()),
            "builderNames" => {
                let all = value.as_array().ok_or("must be a list of names")?;
                if all.len() > BUILDER_LIMIT {
                    return Err(format!("has more than {BUILDER_LIMIT} names"));
                }
                self.builders = all.iter().map(line).collect::<Result<_, _>>()?;
            }
            "properties" => {
                let all = value.as_object().ok_or("must be an object: name to value")?;
                self.properties = all.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
            }
            _ => {}
        }
        Ok(())
    }

    /// The object of the job.
    pub fn to_json(&self) -> Value {
        let mut map = json!({
            "jobid": self.id,
            "branch": self.branch,
            "baserev": self.revision,
            "patch_level": self.level,
            "repository": self.repository,
            "project": self.project,
            "who": self.who,
            "comment": self.comment,
            "builderNames": self.builders,
            "properties": self.properties,
        });
        if !self.codebase.is_empty() {
            map["codebase"] = self.codebase.as_str().into();
        }
        match std::str::from_utf8(&self.patch) {
            Ok(text) => map["patch_body"] = text.into(),
            Err(_) => map["patch_body_base64"] = STANDARD.encode(&self.patch).into(),
        }
        map
    }

    /// The job file: version 5 where the patch is text, else 6.
    pub fn write(&self) -> Vec<u8> {
        let version = if std::str::from_utf8(&self.patch).is_ok() { "5" } else { "6" };
        let mut out = Vec::new();
        for part in [version, &self.to_json().to_string()] {
            out.extend_from_slice(format!("{}:", part.len()).as_bytes());
            out.extend_from_slice(part.as_bytes());
            out.push(b',');
        }
        out
    }
}

fn version(bytes: &[u8]) -> Result<u8, TryJobError> {
    match bytes {
        [digit @ b'1'..=b'6'] => Ok(digit - b'0'),
        other => {
            let shown: String = String::from_utf8_lossy(other).chars().filter(|c| !c.is_control()).take(20).collect();
            Err(TryJobError::Version(shown))
        }
    }
}

/// The parts of a row of netstrings.
fn netstrings(bytes: &[u8]) -> Result<Vec<&[u8]>, TryJobError> {
    let mut parts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let wrong = |what| TryJobError::Netstring { at, what };
        if parts.len() > BUILDER_LIMIT + 10 {
            return Err(wrong("there are too many parts"));
        }
        // No length that fits has more digits.
        let head = &bytes[at..bytes.len().min(at + 9)];
        let digits = head.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 || head.get(digits) != Some(&b':') || (digits > 1 && head[0] == b'0') {
            return Err(wrong("a length and a colon must stand here"));
        }
        let length = head[..digits].iter().fold(0, |n, d| n * 10 + usize::from(d - b'0'));
        let from = at + digits + 1;
        match bytes.get(from..from + length) {
            Some(part) if bytes.get(from + length) == Some(&b',') => parts.push(part),
            Some(_) => return Err(wrong("it does not end with a comma")),
            None => return Err(wrong("it is cut off")),
        }
        at = from + length + 1;
    }
    Ok(parts)
}

/// What says that nothing is named: `None` is how old clients write it.
fn named(text: String) -> Option<String> {
    (!text.is_empty() && text != "None").then_some(text)
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "must be text".to_owned())
}

fn within(value: &Value, most: usize) -> Result<String, String> {
    let text = text(value)?;
    match () {
        () if text.len() > most => Err(format!("has {} bytes; {most} are the limit", text.len())),
        () if text.contains('\0') => Err("has a zero byte in it".to_owned()),
        () => Ok(text.to_owned()),
    }
}

/// Text of one line.
fn line(value: &Value) -> Result<String, String> {
    let text = within(value, TEXT_LIMIT)?;
    if text.contains(char::is_control) { Err("must be one line".to_owned()) } else { Ok(text) }
}

fn level(value: &Value) -> Result<u32, String> {
    let number = value.as_u64().or_else(|| value.as_str().and_then(|t| t.parse().ok()));
    let level = number.filter(|n| *n <= 100).and_then(|n| u32::try_from(n).ok());
    level.ok_or_else(|| "must be a number from 0 to 100".to_owned())
}

fn long_patch(patch: &[u8]) -> Result<(), String> {
    match patch.len() > PATCH_LIMIT {
        true => Err(format!("has {} bytes; {PATCH_LIMIT} are the limit", patch.len())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(parts: &[&str]) -> Vec<u8> {
        parts.iter().map(|p| format!("{}:{p},", p.len())).collect::<String>().into_bytes()
    }

    #[test]
    fn every_version_is_read() {
        let plain = TryJob {
            id: "1-2".to_owned(),
            branch: Some("trunk".to_owned()),
            revision: Some("17".to_owned()),
            patch: b"--- a\n+++ a\n".to_vec(),
            builders: vec!["linux".to_owned(), "mac".to_owned()],
            ..TryJob::default()
        };
        let head = |version| vec![version, "1-2", "trunk", "17", "0", "--- a\n+++ a\n"];
        let with = |version, middle: &[&'static str]| {
            let mut parts = head(version);
            parts.extend(middle);
            parts.extend(["linux", "mac"]);
            TryJob::read(&file(&parts)).unwrap()
        };
        assert_eq!(with("1", &[]), plain);
        let second = TryJob { repository: "r".to_owned(), project: "p".to_owned(), ..plain.clone() };
        assert_eq!(with("2", &["r", "p"]), second);
        let third = TryJob { who: Some("ann".to_owned()), ..second };
        assert_eq!(with("3", &["r", "p", "ann"]), third);
        let fourth = TryJob { comment: Some("a\nb".to_owned()), ..third };
        assert_eq!(with("4", &["r", "p", "ann", "a\nb"]), fourth);
        // As `buildbot try --connect=ssh` of 4.3 writes it.
        let object = r#"{"jobid": "1795226447.19-90145", "branch": "master", "baserev": "e835", "patch_level": 1, "repository": "", "project": "", "who": null, "comment": null, "builderNames": ["tryb"], "properties": {"c": "d"}, "patch_body": "diff --git …"}"#;
        let job = TryJob::read(&file(&["5", object])).unwrap();
        assert_eq!((job.level, job.who, job.builders.as_slice()), (1, None, &["tryb".to_owned()][..]));
        assert_eq!((job.properties["c"].as_str(), job.patch), (Some("d"), "diff --git …".as_bytes().to_vec()));
        let job = TryJob::read(&file(&["6", r#"{"jobid": "x", "patch_body_base64": "/wA=", "baserev": "None"}"#]));
        assert_eq!(job.map(|j| (j.patch, j.revision)), Ok((vec![0xff, 0], None)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let long = "x".repeat(TEXT_LIMIT + 1);
        let cases: [(Vec<u8>, &str); 14] = [
            (b"".to_vec(), "at byte 0: nothing is there"),
            (b"hello".to_vec(), "at byte 0: a length and a colon must stand here"),
            (b"1:5,99999999999:x,".to_vec(), "at byte 4: a length and a colon must stand here"),
            (b"1:5,9:x,".to_vec(), "at byte 4: it is cut off"),
            (b"1:5;".to_vec(), "at byte 0: it does not end with a comma"),
            (file(&["7", "{}"]), "the version is '7'; 1 to 6 are known"),
            (file(&["1", "id"]), "a job of version 1 has 5 parts before its builders; this one has 1"),
            (file(&["5"]), "a job of version 5 has 1 parts before its builders; this one has 0"),
            (file(&["5", "[]"]), "the job is no JSON object: it is something else"),
            (file(&["5", r#"{"patch_level": -1}"#]), "patch_level must be a number from 0 to 100"),
            (file(&["5", r#"{"builderNames": "linux"}"#]), "builderNames must be a list of names"),
            (file(&["6", r#"{"patch_body_base64": "?"}"#]), "patch_body_base64 is not base64"),
            (file(&["1", "i", "a\nb", "", "1", ""]), "branch must be one line"),
            (file(&["1", "i", &long, "", "1", ""]), "branch has 4001 bytes; 4000 are the limit"),
        ];
        for (bytes, says) in cases {
            assert_eq!(TryJob::read(&bytes).map_err(|e| e.to_string()), Err(says.to_owned()));
        }
        let patch = "x".repeat(PATCH_LIMIT + 1);
        let error = TryJob::read(&file(&["1", "i", "", "", "1", &patch])).unwrap_err().to_string();
        assert_eq!(error, "patch_body has 4194305 bytes; 4194304 are the limit");
        assert_eq!(TryJob::read(&vec![b'1'; JOB_LIMIT + 1]), Err(TryJobError::Long));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = TryJob::read(&bytes);
        }

        #[test]
        fn what_is_written_is_read(patch in proptest::collection::vec(any::<u8>(), 0..300), who in "[a-z@ä]{1,9}") {
            let job = TryJob { id: "i".to_owned(), level: 1, patch, who: Some(who), ..TryJob::default() };
            prop_assert_eq!(TryJob::read(&job.write()), Ok(job));
        }
    }
}
