//! One command: its spool, its limits, its whole process tree and its end.
