//! What a reading stands on: files, variables and commands in memory, or a directory with a shell.

use megatest::{Context, Outside, Problem, Ran, Settings};
use model::area::{Items, TestSpec};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Everything in memory. A command answers what is said of it; others say what they are.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) answers: BTreeMap<String, Ran>,
    pub(crate) asked: RefCell<Vec<String>>,
    pub(crate) given: RefCell<Vec<(String, String)>>,
}

impl Memory {
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        Self { files, ..Self::default() }
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn answer(mut self, command: &str, code: i32, out: &str) -> Self {
        self.answers.insert(command.to_owned(), Ran { code, out: out.to_owned() });
        self
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context::new(self, "/area")
    }
}

impl Outside for Memory {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.files.get(path).cloned())
    }
    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }
    fn shell(&self, command: &str, env: &[(String, String)]) -> Result<Ran, String> {
        self.asked.borrow_mut().push(command.to_owned());
        *self.given.borrow_mut() = env.to_vec();
        let echoed = || Ran { code: 0, out: format!("<{command}>\n") };
        Ok(self.answers.get(command).cloned().unwrap_or_else(echoed))
    }
    fn real_path(&self, path: &str) -> Result<String, String> {
        if path.contains("gone") { Err("is not there".to_owned()) } else { Ok(format!("/real/{path}")) }
    }
    fn tests(&self, path: &str) -> Result<Vec<String>, String> {
        let prefix = format!("{path}/");
        let names = self.files.keys().filter_map(|f| f.strip_prefix(&prefix)?.strip_suffix("/testconfig"));
        let names: BTreeSet<String> = names.filter(|n| !n.contains('/')).map(str::to_owned).collect();
        Ok(names.into_iter().collect())
    }
    fn processors(&self) -> u32 {
        8
    }
}

/// A directory of `tests/areas`, with a real shell.
pub(crate) struct Disk {
    pub(crate) top: PathBuf,
}

impl Disk {
    pub(crate) fn area(name: &str) -> Self {
        Self { top: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/areas").join(name) }
    }

    pub(crate) fn context(&self, target: &str) -> Context<'_> {
        Context::new(self, self.top.to_str().expect("a path that is a text")).with_target(target)
    }
}

impl Outside for Disk {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        match std::fs::read(self.top.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
    fn env(&self, name: &str) -> Option<String> {
        // Whoever runs this test, the outcome is the same.
        BTreeMap::from([("USER", "tester"), ("HOME", "/home/tester")]).get(name).map(|v| (*v).to_owned())
    }
    fn shell(&self, command: &str, env: &[(String, String)]) -> Result<Ran, String> {
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(command).current_dir(&self.top).stdin(Stdio::null()).stderr(Stdio::null());
        let out = shell.envs(env.iter().cloned()).output().map_err(|e| e.to_string())?;
        Ok(Ran { code: out.status.code().unwrap_or(128), out: String::from_utf8_lossy(&out.stdout).into_owned() })
    }
    fn real_path(&self, path: &str) -> Result<String, String> {
        let path = std::fs::canonicalize(self.top.join(path)).map_err(|e| e.to_string())?;
        Ok(path.display().to_string())
    }
    fn tests(&self, path: &str) -> Result<Vec<String>, String> {
        let Ok(entries) = std::fs::read_dir(self.top.join(path)) else { return Ok(Vec::new()) };
        let with = entries.flatten().filter(|e| e.path().join("testconfig").exists());
        let mut names: Vec<String> = with.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        Ok(names)
    }
}

/// The values of a section, `key=value`.
pub(crate) fn section(settings: &Settings, name: &str) -> Vec<String> {
    settings.values(name).map(|v| format!("{}={}", v.key, v.text)).collect()
}

/// The paths of the items, in order.
pub(crate) fn paths(items: &Items) -> Vec<String> {
    let test = TestSpec { items: items.clone(), ..TestSpec::default() };
    let all = testruns::item::expand(&test).expect("items").unwrap_or_default();
    all.into_iter().map(|item| item.path).collect()
}

/// Problems as people read them, without notes.
pub(crate) fn told(problems: &[Problem]) -> String {
    let heard = problems.iter().filter(|p| p.severity > megatest::Severity::Note);
    heard.map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
}
