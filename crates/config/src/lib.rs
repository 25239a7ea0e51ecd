//! Starlark files in, one checked and immutable configuration out.
