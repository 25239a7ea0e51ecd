//! The configuration as it lies on disk.

use config::{ConfigError, Limits, Loaded, Loader};
use model::Config;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a configuration may take to evaluate.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Reads files below one directory, secrets from its `secrets/` and from the environment, until a deadline.
#[derive(Debug)]
pub struct DiskLoader {
    root: PathBuf,
    deadline: Instant,
}

impl DiskLoader {
    /// A loader for the files below `root`; its time begins to run now.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), deadline: Instant::now() + TIME_LIMIT }
    }
}

impl Loader for DiskLoader {
    fn read(&self, name: &str) -> Result<String, String> {
        std::fs::read(self.root.join(name)).map_err(|e| in_words(&e)).and_then(|bytes| {
            String::from_utf8(bytes)
                .map_err(|e| format!("it is not UTF-8 text (byte {})", e.utf8_error().valid_up_to()))
        })
    }

    fn secret_file(&self, name: &str) -> Result<Option<String>, String> {
        match std::fs::read_to_string(self.root.join("secrets").join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(in_words(&e)),
        }
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn cancelled(&self) -> bool {
        Instant::now() >= self.deadline
    }

    fn print(&self, text: &str) {
        tracing::info!("{text}");
    }
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be read by this user".to_owned(),
        _ => error.to_string(),
    }
}

/// Evaluates and checks `DIR/master.star`.
///
/// # Errors
/// What is wrong with it first, with the place and what would be right.
pub fn load(root: &Path) -> Result<Config, Box<ConfigError>> {
    load_all(root).map(|loaded| loaded.config)
}

/// As [`load`], with the functions that the configuration gives.
///
/// # Errors
/// As [`load`].
pub fn load_all(root: &Path) -> Result<Loaded, Box<ConfigError>> {
    config::load_all(crate::base::BaseDir::CONFIG, &DiskLoader::new(root), &Limits::default()).map_err(Box::new)
}
