//! What can go wrong in the store, apart by who has to do something about it.

/// A question could not be answered, or the store could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The query names a field that its noun does not have: the asker's fault.
    #[error("there is no field {field}; known fields are {}", known.join(", "))]
    UnknownField {
        /// What was asked for.
        field: String,
        /// What there is, in the order of the REST interface.
        known: Vec<&'static str>,
    },
    /// The query compares a field with a value of another type, or in a way it has not: the asker's fault.
    #[error("the field {field} {problem}")]
    BadFilter {
        /// The field.
        field: String,
        /// What is wrong, as the rest of a sentence.
        problem: &'static str,
    },
    /// The database was written by a later version of Sluice.
    #[error(
        "the database has schema version {found}, this Sluice knows versions up to {known}: run the newer Sluice that wrote it"
    )]
    Newer {
        /// The version in the database.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// Another master has this database.
    #[error("another master is working on this database: stop it first, or give this one a database of its own")]
    InUse,
    /// The address of the database cannot be used as it stands.
    #[error("the database address is not usable: {0}")]
    Address(String),
    /// A row cannot be read back: the database was changed by something other than Sluice.
    #[error("the table {table} holds a row that is not readable: {problem}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// What is wrong with the row.
        problem: String,
    },
    /// The database's file is no database, or its structure is broken.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The database does not answer, or answers with an error of its own; it may work again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
}

/// A batch was not written. Nothing of it has left a trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The state that a transition moves on from is gone: the world is to be read anew.
    #[error("{what} (transition {index} of its batch)")]
    Stale {
        /// The transition's place in its batch, from 0.
        index: usize,
        /// What stands in the way, in words.
        what: String,
    },
    /// The database does not take a value of a transition, for instance because it is too large.
    #[error("the database does not take transition {index} of its batch: {problem}")]
    Rejected {
        /// The transition's place in its batch, from 0.
        index: usize,
        /// What the database says.
        problem: String,
    },
    /// The database does not answer, the disk is full, the connection is gone; the same batch may be written later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The connection was lost while the batch was being made durable, and the database cannot say how that ended:
    /// the world is to be read anew.
    #[error("the connection to the database was lost during a commit, and its outcome is not known: {0}")]
    Unknown(String),
}
