//! What tests share: a manual clock, bounded waits, temporary directories, small repositories.
//!
//! A development dependency only. Everything here panics with a plain sentence when it cannot do what a test asks.

pub mod clock;
pub mod repo;
pub mod smtp;
pub mod tree_repo;
pub mod wait;

pub use clock::Clock;
pub use repo::Repo;
pub use smtp::Smtp;
pub use tree_repo::TreeRepo;
pub use wait::{seek, wait_for, wait_until};

/// A directory that is gone when the value is dropped.
///
/// # Panics
/// When the system's directory for temporary files cannot be written.
pub fn temp_dir() -> tempfile::TempDir {
    match tempfile::Builder::new().prefix("sluice-test-").tempdir() {
        Ok(dir) => dir,
        Err(e) => panic!("no temporary directory for the test: {e}"),
    }
}
