//! Whole configurations: good ones, bad ones with the exact text that people read, and ones that would eat the machine.

mod areas;
mod bad_files;
mod bad_names;
mod bad_process;
mod bad_values;
mod compat;
mod functions;
mod gates;
mod good;
mod limits;
mod process;
mod reporters;

use crate::{ConfigError, Limits, Loader, load, load_pipeline};
use model::Config;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Files, secrets and environment in memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) asked: crate::Asked,
    files: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    printed: RefCell<Vec<String>>,
}

impl Memory {
    /// A `master.star` and nothing else.
    pub(crate) fn master(text: &str) -> Self {
        Self::default().file("master.star", text)
    }

    pub(crate) fn file(mut self, name: &str, text: &str) -> Self {
        self.files.insert(name.to_owned(), text.to_owned());
        self
    }

    pub(crate) fn secret(mut self, name: &str, text: &str) -> Self {
        self.secrets.insert(name.to_owned(), text.to_owned());
        self
    }

    pub(crate) fn variable(mut self, name: &str, text: &str) -> Self {
        self.env.insert(name.to_owned(), text.to_owned());
        self
    }

    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        load("master.star", self, &Limits::default())
    }
}

impl Loader for Memory {
    fn read(&self, name: &str) -> Result<String, String> {
        self.files.get(name).cloned().ok_or_else(|| "there is no such file".to_owned())
    }
    fn secret_file(&self, name: &str) -> Result<Option<String>, String> {
        Ok(self.secrets.get(name).cloned())
    }
    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }
    fn asked(&self) -> crate::Asked {
        self.asked.clone()
    }
    fn print(&self, text: &str) {
        self.printed.borrow_mut().push(text.to_owned());
    }
}

/// A configuration that must be good.
pub(crate) fn config(text: &str) -> Config {
    match Memory::master(text).load() {
        Ok(config) => config,
        Err(error) => panic!("{error}"),
    }
}

/// The text of the error of a configuration that must be bad.
fn bad(text: &str) -> String {
    match Memory::master(text).load() {
        Ok(config) => panic!("nothing is wrong with {config:?}"),
        Err(error) => error.to_string(),
    }
}

/// The same for a pipeline.
fn bad_pipeline(text: &str) -> String {
    let memory = Memory::default().file("sluice.star", text);
    match load_pipeline("sluice.star", &memory, &Limits::default()) {
        Ok(pipeline) => panic!("nothing is wrong with {pipeline:?}"),
        Err(error) => error.to_string(),
    }
}
