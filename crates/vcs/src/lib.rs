//! Version control systems, one file each.
