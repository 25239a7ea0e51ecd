//! The few words in which the two engines differ, as tokens in braces that stand in the one SQL text.

use std::borrow::Cow;

/// Whose SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// Token, SQLite's words, PostgreSQL's words.
const TOKENS: [(&str, &str, &str); 6] = [
    // Only exactly these two words make a column SQLite's own row number.
    ("{id}", "INTEGER PRIMARY KEY", "BIGINT PRIMARY KEY"),
    ("{auto}", "INTEGER PRIMARY KEY", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    ("{bytes}", "BLOB", "BYTEA"),
    ("{rowless}", " WITHOUT ROWID", ""),
    // SQLite sorts nulls first and cannot be told so in an index; PostgreSQL has to be told.
    ("{nulls_first}", "", "NULLS FIRST"),
    // SQLite compares text byte by byte; PostgreSQL has to be told.
    ("{bytewise}", "", "COLLATE \"C\""),
];

impl Dialect {
    /// The text with every token replaced. `{each:X}` is a table with one column `value`, a row for each element of
    /// the JSON list `X`; `{hex:X}` is a literal of bytes.
    pub(crate) fn render(self, sql: &str) -> Cow<'_, str> {
        if !sql.contains('{') {
            return Cow::Borrowed(sql);
        }
        let mut text = sql.to_owned();
        for (token, sqlite, postgres) in TOKENS {
            text = text.replace(token, if self == Dialect::Sqlite { sqlite } else { postgres });
        }
        let each = match self {
            Dialect::Sqlite => ("json_each(", ")"),
            Dialect::Postgres => ("json_array_elements_text(CAST(", " AS JSON)) AS each(value)"),
        };
        let hex = match self {
            Dialect::Sqlite => ("x'", "'"),
            Dialect::Postgres => ("CAST('\\x", "' AS BYTEA)"),
        };
        for (token, (before, after)) in [("{each:", each), ("{hex:", hex)] {
            while let Some(start) = text.find(token) {
                let Some(length) = text[start..].find('}') else { break };
                let inner = text[start + token.len()..start + length].to_owned();
                text.replace_range(start..=start + length, &format!("{before}{inner}{after}"));
            }
        }
        Cow::Owned(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced() {
        let cases = [
            ("SELECT 1", "SELECT 1", "SELECT 1"),
            ("id {id}, b {bytes}", "id INTEGER PRIMARY KEY, b BLOB", "id BIGINT PRIMARY KEY, b BYTEA"),
            ("x {bytewise}", "x ", "x COLLATE \"C\""),
            (
                "IN (SELECT value FROM {each:$1})",
                "IN (SELECT value FROM json_each($1))",
                "IN (SELECT value FROM json_array_elements_text(CAST($1 AS JSON)) AS each(value))",
            ),
            ("({hex:00ff})", "(x'00ff')", "(CAST('\\x00ff' AS BYTEA))"),
        ];
        for (text, sqlite, postgres) in cases {
            assert_eq!(Dialect::Sqlite.render(text), sqlite);
            assert_eq!(Dialect::Postgres.render(text), postgres);
        }
    }
}
