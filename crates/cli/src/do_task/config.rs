//! `sluice __config`: evaluates a pipeline that is kept with the code, which anybody may have written, in a process of its own
//! with little memory and little time. It reads what is asked from standard input and prints what came of it.
//!
//! `sluice __config DIR` tries a master's own configuration in the same way before the master itself reads it.

use config::{Limits, Loader};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::Deserialize;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::ExitCode;

/// Bytes of address space.
const MEMORY: u64 = 1 << 30;

/// Seconds of processor time.
const TIME: u64 = 10;

/// Bytes of address space for a master's own configuration.
const MASTER_MEMORY: u64 = 4 << 30;

/// Bytes of a question.
const LONGEST: u64 = 1 << 20;

/// What is asked.
#[derive(Deserialize)]
struct Question {
    /// The file's name.
    file: String,
    /// What is in it.
    text: String,
}

/// Knows one file and nothing else: no secret, no variable.
struct OneFile(Question);

impl Loader for OneFile {
    fn read(&self, name: &str) -> Result<String, String> {
        match name == self.0.file {
            true => Ok(self.0.text.clone()),
            false => Err("a pipeline kept with the code loads no other files".to_owned()),
        }
    }

    fn secret_file(&self, _: &str) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn cancelled(&self) -> bool {
        false
    }

    fn print(&self, _: &str) {}
}

/// Ends this process when it takes more.
fn limit_to(memory: u64, seconds: u64) -> rustix::io::Result<()> {
    let limit = |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    limit(Resource::As, memory)?;
    limit(Resource::Cpu, seconds)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)
}

pub(crate) fn main(dir: Option<OsString>) -> ExitCode {
    if let Some(dir) = dir {
        if limit_to(MASTER_MEMORY, TIME).is_err() {
            return ExitCode::from(2);
        }
        master::config_file::try_out(dir.as_ref());
        return ExitCode::SUCCESS;
    }
    let limited = limit_to(MEMORY, TIME);
    let mut text = Vec::new();
    let read = std::io::stdin().take(LONGEST).read_to_end(&mut text);
    let question = serde_json::from_slice::<Question>(&text);
    let (Ok(()), Ok(_), Ok(question)) = (limited, read, question) else { return ExitCode::from(2) };
    let file = question.file.clone();
    let told = config::load_pipeline_to_json(&file, &OneFile(question), &Limits::default());
    match std::io::stdout().write_all(told.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(3),
    }
}
