//! Which master a command speaks to, and with which token.

use crate::options::Options;
use anyhow::Context;
use client::Client;
use std::path::PathBuf;

/// The heading in helps.
const WHERE: &str = "Which master";

/// Where the master is.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Target {
    /// Address of the master [default: that in .sluice/options, else http://127.0.0.1:8010]
    #[arg(long, value_name = "URL", env = "SLUICE_MASTER", hide_env_values = true, help_heading = WHERE)]
    master: Option<String>,

    /// Its base directory, for the token; found by the address where the master runs
    #[arg(long, value_name = "DIR", env = "SLUICE_BASEDIR", hide_env_values = true, help_heading = WHERE)]
    pub(crate) basedir: Option<PathBuf>,

    /// Print JSON for machines
    #[arg(long)]
    pub(crate) json: bool,
}

impl Target {
    /// A client of that master, with the token that can be found: `SLUICE_TOKEN`, the token of `--basedir`, or that
    /// of a master of this machine that said where it is when it started.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let client = Client::new(&self.url()?, None)?;
        let token = self.token(client.url());
        Ok(client.with_token(token))
    }

    /// The address: as it was given, else as a file of options has it.
    fn url(&self) -> anyhow::Result<String> {
        match &self.master {
            Some(url) => Ok(url.clone()),
            None => Ok(Options::find()?.master()?.unwrap_or_else(|| "http://127.0.0.1:8010".to_owned())),
        }
    }

    fn token(&self, url: &str) -> Option<String> {
        if let Ok(token) = std::env::var("SLUICE_TOKEN") {
            return Some(token);
        }
        let basedir = self.basedir.clone().or_else(|| known_basedir(url))?;
        let text = std::fs::read_to_string(basedir.join("token")).ok()?;
        Some(text.trim().to_owned())
    }
}

/// A client of the master at this address, with the token that can be found as [`Target::client`] finds it.
pub(crate) fn client_at(url: &str, basedir: Option<&std::path::Path>) -> anyhow::Result<Client> {
    let basedir = basedir.map(std::path::Path::to_owned);
    Target { master: Some(url.to_owned()), basedir, json: false }.client()
}

/// Directory for what the program remembers between two runs (XDG Base Directory Specification).
pub(crate) fn state_dir() -> anyhow::Result<PathBuf> {
    if let Some(dir) = std::env::var_os("XDG_STATE_HOME").filter(|d| !d.is_empty()) {
        return Ok(PathBuf::from(dir).join("sluice"));
    }
    let home = std::env::var_os("HOME")
        .context("neither XDG_STATE_HOME nor HOME is set, so there is no place for files; give --basedir")?;
    Ok(PathBuf::from(home).join(".local/state/sluice"))
}

/// A running master says where its token is, so that commands on the same machine find it by its address.
pub(crate) fn announce(url: &str, basedir: &std::path::Path) {
    let write = || -> anyhow::Result<()> {
        let dir = state_dir()?.join("masters");
        std::fs::create_dir_all(&dir)?;
        let basedir = basedir.canonicalize()?;
        std::fs::write(dir.join(file_name(url)), basedir.as_os_str().as_encoded_bytes())?;
        Ok(())
    };
    if let Err(e) = write() {
        tracing::debug!("commands will need --basedir: {e:#}");
    }
}

/// The base directory of the master that said last that it is at this address.
pub(crate) fn known_basedir(url: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let bytes = std::fs::read(state_dir().ok()?.join("masters").join(file_name(url))).ok()?;
    Some(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}

/// One file per port of this machine: whatever name for the loopback address is used finds the same one.
fn file_name(url: &str) -> String {
    let rest = url.split("//").nth(1).unwrap_or(url).trim_end_matches('/');
    let (host, port) = rest.rsplit_once(':').unwrap_or((rest, "80"));
    let host = match host {
        "localhost" | "127.0.0.1" | "[::1]" | "0.0.0.0" => "localhost",
        other => other,
    };
    format!("{}-{port}", host.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-', "_"))
}
