//! `sluice __attempt DIR [--stdout]`: carries out one attempt of a test where it is started.

use crate::out;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let (mut dir, mut also) = (None, None::<Box<dyn Write + Send>>);
    for argument in arguments {
        if argument == "--stdout" {
            also = Some(Box::new(std::io::stdout()));
        } else {
            dir = Some(PathBuf::from(argument));
        }
    }
    let Some(dir) = dir else { return ExitCode::from(2) };
    let done = std::env::current_exe()
        .map_err(runner::agent::AgentError::from)
        .and_then(|exe| runner::agent::carry_out(&exe, &dir, also));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let source = std::error::Error::source(&e).map(|s| format!(": {s}")).unwrap_or_default();
            out::aside(format!("sluice: {e}{source}"));
            ExitCode::from(3)
        }
    }
}
