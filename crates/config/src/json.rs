//! A configuration, or what is wrong with it, as one JSON text for a pipe between two processes.

use crate::error::ConfigError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of the text. The two processes are one program, so there is only one.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    version: u32,
    outcome: Result<T, ConfigError>,
}

pub(crate) fn write<T: Serialize>(file: &str, outcome: Result<T, ConfigError>) -> String {
    let text = serde_json::to_string(&Envelope { version: VERSION, outcome });
    // Nothing in a configuration fails to be written: all its maps have texts as keys. Were it otherwise,
    // the reader would refuse this text.
    text.unwrap_or_else(|_| format!("{file} cannot be written as JSON"))
}

pub(crate) fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, ConfigError> {
    match serde_json::from_str::<Envelope<T>>(text) {
        Ok(envelope) if envelope.version == VERSION => envelope.outcome,
        _ => Err(ConfigError::whole_file(file, "could not be evaluated: it was ended before it was done")
            .with_help("it takes too much memory or too long; is there a loop without end, or something huge?")),
    }
}
