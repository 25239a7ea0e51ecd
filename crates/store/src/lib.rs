//! The one truth: SQLite and PostgreSQL behind one SQL text.
