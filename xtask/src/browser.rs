//! The pages in a real browser: `xtask/browser` drives Chromium by playwright-core, and axe looks at each page.

use crate::run::Counted;
use anyhow::{Context, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const FOLDER: &str = "xtask/browser";

/// Installs what the tests import, as the lock file has it, and runs them.
pub(crate) fn test(counted: &mut Counted) -> anyhow::Result<()> {
    let status = Command::new("npm")
        .args(["ci", "--silent", "--no-progress"])
        .current_dir(FOLDER)
        .stdin(Stdio::null())
        .status()
        .context("cannot start npm")?;
    if !status.success() {
        bail!("npm ci in {FOLDER} failed");
    }
    // Pages of what a master has only after long are shown over a made-up past.
    let built = Command::new("cargo").args(["build", "--quiet", "-p", "web", "--example", "showcase"]).status();
    if !built.context("cannot start cargo")?.success() {
        bail!("cargo build of the example showcase failed");
    }
    let mut child = Command::new("node")
        .args(["--test", "--test-reporter=tap"])
        .current_dir(FOLDER)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start node")?;
    let before = counted.passed;
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines() {
            let line = line?;
            count(&line, counted);
            // Passed tests are many; what failed comes with its reason.
            if !line.trim_start().starts_with("ok ") {
                println!("{line}");
            }
        }
    }
    let status = child.wait()?;
    if counted.passed == before || (!status.success() && counted.failed == 0) {
        bail!("the tests in the browser did not run");
    }
    Ok(())
}

/// The closing lines of node's report: `# pass 53`.
fn count(line: &str, counted: &mut Counted) {
    let number = |word: &str| line.strip_prefix(word).and_then(|rest| rest.trim().parse::<u64>().ok());
    counted.passed += number("# pass ").unwrap_or(0);
    counted.failed += number("# fail ").unwrap_or(0) + number("# cancelled ").unwrap_or(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut counted = Counted { passed: 7, failed: 0 };
        for line in ["    # pass", "# tests 53", "# pass 51", "# fail 1", "# cancelled 1", "# skipped 0"] {
            count(line, &mut counted);
        }
        assert_eq!(counted, Counted { passed: 58, failed: 2 });
    }
}
