//! The configuration as it lies on disk.

use config::{ConfigError, Limits, Loaded, Loader};
use model::Config;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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
            // Some editors put a mark in front that says that what follows is UTF-8, which it is anyway.
            let text = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
            String::from_utf8(text).map_err(|e| format!("it is not UTF-8 text (byte {})", e.utf8_error().valid_up_to()))
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

/// As [`load`], with the functions that the configuration gives. It is tried in a process of its own first: some library
/// functions of the language cannot be stopped from inside, and a slip in a file must not cost a running master its
/// life. That process is this very program, called as `sluice __config DIR`, which calls [`try_out`].
///
/// # Errors
/// As [`load`].
pub fn load_all(root: &Path) -> Result<Loaded, Box<ConfigError>> {
    let file = crate::base::BaseDir::CONFIG;
    let tried = Command::new(own_program())
        .arg("__config")
        .arg(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match tried {
        Ok(status) if status.success() => {}
        Ok(_) => {
            let what = "takes more memory or more time than a configuration may";
            let help = "look for a text or a list that grows by itself: join, replace, * with large numbers";
            return Err(Box::new(ConfigError::whole_file(file, what).with_help(help)));
        }
        Err(e) => tracing::warn!("the configuration cannot be tried in a process of its own: {e}"),
    }
    evaluate(root)
}

/// The program that runs now, also when its file was replaced meanwhile.
fn own_program() -> PathBuf {
    let linux = PathBuf::from("/proc/self/exe");
    if linux.exists() { linux } else { std::env::current_exe().unwrap_or_else(|_| PathBuf::from("sluice")) }
}

/// Evaluates the configuration and forgets it. Whether it is right makes no difference: the caller is a process with
/// limits, and that it comes to an end is the answer.
pub fn try_out(root: &Path) {
    drop(evaluate(root));
}

fn evaluate(root: &Path) -> Result<Loaded, Box<ConfigError>> {
    config::load_all(crate::base::BaseDir::CONFIG, &DiskLoader::new(root), &Limits::default()).map_err(Box::new)
}
