//! What a look at a repository leads to.
