//! The documents of the REST interface and of its events.
