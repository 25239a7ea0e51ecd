//! Whether the directory and the address that `sluice up` is given are free, asked before anything is made or said.

use crate::daemon::Daemon;
use crate::exit::Trouble;
use crate::hosted::HostedError;
use crate::master::address;
use crate::target::known_basedir;
use anyhow::bail;
use master::StartError;
use master::base::{BaseDir, BaseError};
use std::io::ErrorKind;
use std::net::{TcpListener, ToSocketAddrs};
use std::path::Path;

/// Refuses a directory that another process works in and an address that cannot be listened on.
pub(super) fn check(base: &BaseDir, listen: &str) -> anyhow::Result<()> {
    if let Some(pid) = Daemon::of_master(base.root()).running()? {
        return Err(taken_dir(base.root(), pid).into());
    }
    let addresses = match listen.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    {
        Some(_) => listen.to_socket_addrs().map(Iterator::collect::<Vec<_>>),
        None => bail!("--listen is given as HOST:PORT, such as 127.0.0.1:8010, not as '{listen}'"),
    };
    match addresses.and_then(|all| TcpListener::bind(&all[..])) {
        // It is free again at once: the system lets the next one listen where nobody has connected.
        Ok(_) => Ok(()),
        Err(e) => Err(refused(listen, &e)),
    }
}

/// The same in words, where somebody else was faster between the check and the start.
pub(super) fn in_words(error: HostedError, listen: &str) -> anyhow::Error {
    let HostedError::Start(error) = error else { return error.into() };
    match error {
        StartError::Listen { source, .. } => refused(listen, &source),
        StartError::Base(BaseError::InUse { dir, pid }) => match pid.parse() {
            Ok(pid) => taken_dir(&dir, pid).into(),
            Err(_) => Trouble(format!("another process works in {}", dir.display())).into(),
        },
        other => other.into(),
    }
}

fn taken_dir(dir: &Path, pid: i32) -> Trouble {
    let base = BaseDir::at(dir);
    let pages = address(&base).map(|(_, url)| format!("; its pages are at {url}")).unwrap_or_default();
    Trouble(format!(
        "another sluice, process {pid}, works in {}{pages}\n\
         help: end that one (Ctrl-C, or kill {pid}), or run a second one beside it:\n      \
         sluice up --basedir ANOTHER_DIR --listen 127.0.0.1:0",
        dir.display()
    ))
}

fn refused(listen: &str, error: &std::io::Error) -> anyhow::Error {
    let because = |why: &str, help: &str| format!("--listen {listen}: {why}\nhelp: {help}");
    match error.kind() {
        ErrorKind::AddrInUse => {
            let (_, port) = listen.rsplit_once(':').unwrap_or((listen, ""));
            let who = known_basedir(&format!("http://{listen}"))
                .and_then(|dir| Some((Daemon::of_master(&dir).running().ok()??, dir)))
                .map_or_else(String::new, |(pid, dir)| format!(" by the sluice of {}, process {pid}", dir.display()));
            let help = format!("choose another port: --listen 127.0.0.1:0 takes a free one in place of {port}");
            Trouble(because(&format!("this address is in use{who}"), &help)).into()
        }
        ErrorKind::PermissionDenied => anyhow::anyhow!(because(
            "this user may not listen there",
            "ports below 1024 are for administrators; choose a higher one, such as 127.0.0.1:8010"
        )),
        ErrorKind::AddrNotAvailable => {
            anyhow::anyhow!(because("this machine has no such address", "127.0.0.1 is this machine, 0.0.0.0 all of it"))
        }
        _ => anyhow::anyhow!(because(
            &error.to_string(),
            "it is given as HOST:PORT with a host that has an address, such as 127.0.0.1:8010"
        )),
    }
}
