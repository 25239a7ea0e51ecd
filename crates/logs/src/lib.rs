//! Log bytes: append, index, seal, read any line.
