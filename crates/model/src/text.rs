//! Texts that are finished when their step begins: words with properties, source and secrets put in.
//!
//! The written form is `interpolate("build-{revision}.tar.gz")`. A text that was not written so is [`Text::Plain`] and
//! stays as it is, braces and all.

use serde::{Deserialize, Serialize};

/// A text, finished or to be finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// As it is.
    Plain(String),
    /// Put together when it is needed.
    Pieces(Vec<Piece>),
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// As it is.
    Literal(String),
    /// What is looked up.
    Lookup {
        /// Where and under which name.
        of: Lookup,
        /// What to make of it.
        form: Form,
    },
}

/// What is looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lookup {
    /// A property of the build: `{name}`.
    Property(String),
    /// A field of the source stamp of a codebase: `{src:CODEBASE:branch}`.
    Source {
        /// Empty for the only one.
        codebase: String,
        /// Which field.
        field: SourceField,
    },
    /// A secret by its name: `{secret:NAME}`. Never shown.
    Secret(String),
    /// What the worker says of itself: `{worker:admin}`.
    Worker(WorkerField),
    /// The names of the files that were changed: `{changed_files:*.py}`; see [`crate::changed_files`].
    ChangedFiles {
        /// Those that are like one of these; all, when there are none.
        globs: Vec<String>,
        /// Whether there are none: `{no_changed_files:*.py:+text}`.
        none: bool,
    },
}

/// A field of a source stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceField {
    /// The branch.
    Branch,
    /// The revision.
    Revision,
    /// The repository.
    Repository,
    /// The project.
    Project,
    /// The codebase.
    Codebase,
}

/// A field of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerField {
    /// Its name.
    Name,
    /// Who looks after it.
    Admin,
    /// What machine it is.
    Host,
    /// Operating system and architecture.
    System,
    /// How many processors it may use, in digits.
    Cpus,
}

/// What is made of a value that was looked up. The signs are those of the shell, and of Buildbot's `Interpolate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `{x}`: the value; an error when there is no such thing, and empty text for `None`.
    #[default]
    Value,
    /// `{x:-text}`: the value, or the text when there is none.
    OrElse(Text),
    /// `{x:~text}`: the value, or the text when there is none or it is empty, zero, false or `None`.
    OrElseIfFalse(Text),
    /// `{x:+text}`: the text if there is a value, else nothing.
    IfSet(Text),
    /// `{x:?text}`: the value; an error with this text when there is none.
    OrFail(String),
}

impl Text {
    /// The text as it is, if it needs nothing put in.
    pub fn plain(&self) -> Option<&str> {
        match self {
            Text::Plain(text) => Some(text),
            Text::Pieces(_) => None,
        }
    }

    /// As it was written: what is put in stands in braces. For people, before the text is finished.
    pub fn written(&self) -> String {
        match self {
            Text::Plain(text) => text.clone(),
            Text::Pieces(pieces) => pieces.iter().map(Piece::written).collect(),
        }
    }

    /// Every lookup in it, those within its forms included.
    pub fn lookups(&self) -> Vec<&Lookup> {
        let Text::Pieces(pieces) = self else { return Vec::new() };
        let mut all = Vec::new();
        for piece in pieces {
            if let Piece::Lookup { of, form } = piece {
                all.push(of);
                if let Form::OrElse(t) | Form::OrElseIfFalse(t) | Form::IfSet(t) = form {
                    all.extend(t.lookups());
                }
            }
        }
        all
    }
}

impl Piece {
    fn written(&self) -> String {
        match self {
            Piece::Literal(text) => text.clone(),
            Piece::Lookup { of, form } => {
                let tail = match form {
                    Form::Value => String::new(),
                    Form::OrElse(t) => format!(":-{}", t.written()),
                    Form::OrElseIfFalse(t) => format!(":~{}", t.written()),
                    Form::IfSet(t) => format!(":+{}", t.written()),
                    Form::OrFail(t) => format!(":?{t}"),
                };
                format!("{{{}{tail}}}", of.written())
            }
        }
    }
}

impl Lookup {
    /// As it is written between braces.
    pub fn written(&self) -> String {
        match self {
            Lookup::Property(name) => name.clone(),
            Lookup::Source { codebase, field } => format!("src:{codebase}:{}", field.word()),
            Lookup::Secret(name) => format!("secret:{name}"),
            Lookup::Worker(field) => format!("worker:{}", field.word()),
            Lookup::ChangedFiles { globs, none } => {
                let name = if *none { "no_changed_files" } else { "changed_files" };
                if globs.is_empty() { name.to_owned() } else { format!("{name}:{}", globs.join(",")) }
            }
        }
    }
}

impl SourceField {
    /// All of them.
    pub const ALL: [SourceField; 5] = [
        SourceField::Branch,
        SourceField::Revision,
        SourceField::Repository,
        SourceField::Project,
        SourceField::Codebase,
    ];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            SourceField::Branch => "branch",
            SourceField::Revision => "revision",
            SourceField::Repository => "repository",
            SourceField::Project => "project",
            SourceField::Codebase => "codebase",
        }
    }
}

impl WorkerField {
    /// All of them.
    pub const ALL: [WorkerField; 5] =
        [WorkerField::Name, WorkerField::Admin, WorkerField::Host, WorkerField::System, WorkerField::Cpus];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            WorkerField::Name => "name",
            WorkerField::Admin => "admin",
            WorkerField::Host => "host",
            WorkerField::System => "system",
            WorkerField::Cpus => "cpus",
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Text::Plain(String::new())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::Plain(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text::Plain(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_text_is_stored_as_text() {
        let plain = Text::from("a {b}");
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#""a {b}""#);
        assert_eq!(serde_json::from_str::<Text>(r#""a {b}""#).unwrap(), plain);
    }

    #[test]
    fn a_text_is_shown_as_it_was_written() {
        let lookup = |name: &str, form| Piece::Lookup { of: Lookup::Property(name.to_owned()), form };
        let text = Text::Pieces(vec![
            Piece::Literal("build-".to_owned()),
            lookup("revision", Form::OrElse("none".into())),
            lookup("tag", Form::IfSet(Text::Pieces(vec![Piece::Literal("-".to_owned()), lookup("tag", Form::Value)]))),
        ]);
        assert_eq!(text.written(), "build-{revision:-none}{tag:+-{tag}}");
        assert_eq!(text.lookups().len(), 3);
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(serde_json::from_str::<Text>(&json).unwrap(), text);
    }
}
