//! Packages from PyPI in a virtual environment below `target`.

use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Takes the virtual environment at `venv`; makes it when it is not there, not whole, or of other packages. Where its
/// programs are.
pub(crate) fn install(venv: &Path, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let bin = venv.join("bin");
    let whole = venv.join("installed");
    let wanted = packages.join(" ");
    if fs::read_to_string(&whole).is_ok_and(|there| there == wanted) {
        return Ok(bin);
    }
    eprintln!("installing {wanted} into {}", venv.display());
    run(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    run(Command::new(bin.join("pip")).args(["install", "--quiet", "--disable-pip-version-check"]).args(packages))?;
    fs::write(&whole, wanted)?;
    Ok(bin)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed");
    }
    Ok(())
}
