//! Change sources, one file each.
