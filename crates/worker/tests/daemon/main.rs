//! A whole worker, with real supervisors and real commands, against a master that the tests drive.

mod line;
mod stub;
mod work;
