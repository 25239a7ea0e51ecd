//! Fields of documents: what a query string may name, and how its values are read.

/// A field of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in the document.
    pub name: &'static str,
    /// How its values look in a query string.
    pub kind: Kind,
}

/// How a field's values look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number. Moments are whole seconds since 1970-01-01T00:00:00Z.
    Int,
    /// `true`, `on`, `1`, `false`, `off`, `0`.
    Bool,
    /// Text.
    Text,
    /// A list of text or numbers: may be asked with `contains` only.
    List,
    /// A nested document: it can be chosen with `field=`, and nothing is asked of it.
    Nested,
}

impl Kind {
    /// The word for `application.spec`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Int => "integer",
            Kind::Bool => "boolean",
            Kind::Text => "string",
            Kind::List => "list",
            Kind::Nested => "object",
        }
    }
}

/// A field, for the tables beside the documents.
pub(crate) const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}
