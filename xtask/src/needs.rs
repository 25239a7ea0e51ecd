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
];

/// Installs what is missing with apt-get, or says exactly what is missing.
pub(crate) fn install() -> anyhow::Result<()> {
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

fn has_postgresql() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    on_path("initdb") || versions.map(|v| v.path()).any(|v| Path::new(&v).join("bin/initdb").is_file())
}
