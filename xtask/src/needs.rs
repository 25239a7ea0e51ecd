//! What the tests need on the machine: looked for, and installed where that is possible.

use anyhow::{Context, bail};
use std::path::Path;
use std::process::{Command, Stdio};

/// A program and the Debian package that has it.
struct Need {
    what: &'static str,
    package: &'static str,
    found: fn() -> bool,
}

const NEEDS: &[Need] = &[
    Need { what: "git", package: "git", found: || on_path("git") },
    Need { what: "cc", package: "gcc", found: || on_path("cc") },
    Need { what: "make", package: "make", found: || on_path("make") },
    Need { what: "patch", package: "patch", found: || on_path("patch") },
    Need { what: "initdb of PostgreSQL", package: "postgresql", found: has_postgresql },
    Need { what: "zstd", package: "zstd", found: || on_path("zstd") },
    Need { what: "setsid", package: "util-linux", found: || on_path("setsid") },
    Need { what: "node", package: "nodejs", found: || on_path("node") },
    Need { what: "npm", package: "npm", found: || on_path("npm") },
    Need { what: "chromium", package: "chromium", found: || on_path("chromium") },
    Need { what: "svnadmin", package: "subversion", found: || on_path("svnadmin") },
    Need { what: "hg", package: "mercurial", found: || on_path("hg") },
    Need { what: "cvs", package: "cvs", found: || on_path("cvs") },
    Need { what: "darcs", package: "darcs", found: || on_path("darcs") },
    Need { what: "brz", package: "brz", found: || on_path("brz") },
    Need { what: "munged", package: "munge", found: || in_sbin("munged") },
    Need { what: "slurmctld", package: "slurmctld", found: || in_sbin("slurmctld") },
    Need { what: "slurmd", package: "slurmd", found: || in_sbin("slurmd") },
    Need { what: "sbatch", package: "slurm-client", found: || on_path("sbatch") },
    Need { what: "prove", package: "perl", found: || on_path("prove") },
    Need { what: "python3 with venv", package: "python3-venv", found: has_venv },
];

/// What the tests of test reports let report, in `target/python`.
const PYTHON: &[&str] = &["pytest==9.2.0", "python-subunit==1.4.6", "junitparser==5.0.3"];

/// Installs what is missing, or says exactly what is missing.
pub(crate) fn install() -> anyhow::Result<()> {
    packages()?;
    crate::venv::install(Path::new("target/python"), PYTHON)?;
    // No package of Debian has it, and building it takes longer than all the tests.
    if !on_path("cargo-nextest") {
        bail!("the tests need cargo-nextest on the PATH; `cargo install --locked cargo-nextest` brings it");
    }
    Ok(())
}

fn packages() -> anyhow::Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|n| n.package).collect();
    eprintln!("installing {}", packages.join(", "));
    let command =
        format!("apt-get update -qq && apt-get install -y -qq --no-install-recommends {}", packages.join(" "));
    let status = Command::new("sh")
        .args(["-c", &command])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("cannot start sh")?;
    let still: Vec<String> = self::missing().iter().map(|n| format!("{} (package {})", n.what, n.package)).collect();
    if !status.success() || !still.is_empty() {
        bail!("the tests need {}; install it and try again", still.join(", "));
    }
    Ok(())
}

fn missing() -> Vec<&'static Need> {
    NEEDS.iter().filter(|n| !(n.found)()).collect()
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Daemons are where only root looks.
fn in_sbin(program: &str) -> bool {
    on_path(program) || ["/usr/sbin", "/sbin"].iter().any(|dir| Path::new(dir).join(program).is_file())
}

fn has_venv() -> bool {
    let asked = Command::new("python3").args(["-c", "import venv, ensurepip"]).stdin(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

fn has_postgresql() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    on_path("initdb") || versions.map(|v| v.path()).any(|v| Path::new(&v).join("bin/initdb").is_file())
}
