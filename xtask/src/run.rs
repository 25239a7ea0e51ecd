//! Running cargo and telling how it went.

use crate::{browser, chaos, needs, parity, tidy};
use anyhow::{Context, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Format, lints, tidy and the fast tests.
pub(crate) fn check() -> anyhow::Result<()> {
    cargo("format", &["fmt", "--all", "--check"])?;
    lints()?;
    stage("tidy", tidy::run)?;
    // Tests inside the rooms need no server, no browser and no worker process.
    cargo("fast tests", &["test", "--workspace", "--lib", "--bins", "--quiet"])
}

/// Everything that a change must pass.
pub(crate) fn test() -> anyhow::Result<()> {
    stage("needs", needs::install)?;
    cargo("format", &["fmt", "--all", "--check"])?;
    lints()?;
    stage("tidy", tidy::run)?;
    stage("parity", parity::run)?;
    // The program itself: tests of whole stories start it.
    cargo("build", &["build", "--package", "cli"])?;
    stage("chaos, a few kills", chaos::short)?;
    let mut counted = counted_tests()?;
    stage("pages in a browser", || browser::test(&mut counted))?;
    println!("{counted}");
    if counted.failed > 0 || counted.passed == 0 {
        bail!("the tests do not pass");
    }
    Ok(())
}

fn lints() -> anyhow::Result<()> {
    cargo("lints", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
}

fn cargo(name: &str, arguments: &[&str]) -> anyhow::Result<()> {
    stage(name, || {
        let status = Command::new(env!("CARGO")).args(arguments).stdin(Stdio::null()).status();
        match status.context("cannot start cargo")? {
            status if status.success() => Ok(()),
            _ => bail!("cargo {} failed", arguments.join(" ")),
        }
    })
}

fn stage(name: &str, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    eprintln!("── {name}");
    let begun = Instant::now();
    work().with_context(|| format!("{name} failed"))?;
    eprintln!("── {name}: {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// How many tests ran, over all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tests: {} passed, {} failed", self.passed, self.failed)
    }
}

impl Counted {
    /// Adds the closing line of one test program: `test result: ok. 12 passed; 0 failed; …`.
    fn add(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else { return };
        let words: Vec<&str> = rest.split_whitespace().collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed;" => self.passed += number,
                "failed;" => self.failed += number,
                _ => {}
            }
        }
    }
}

fn counted_tests() -> anyhow::Result<Counted> {
    let begun = Instant::now();
    eprintln!("── tests");
    let mut child = Command::new(env!("CARGO"))
        .args(["test", "--workspace", "--no-fail-fast"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut counted = Counted::default();
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines() {
            let line = line?;
            println!("{line}");
            counted.add(&line);
        }
    }
    let status = child.wait()?;
    eprintln!("── tests: {:.1} s", begun.elapsed().as_secs_f64());
    if !status.success() && counted.failed == 0 {
        bail!("the tests could not be built or ended badly");
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut counted = Counted::default();
        counted.add("running 3 tests");
        counted.add("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        counted.add("test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out");
        assert_eq!(counted, Counted { passed: 5, failed: 1 });
        assert_eq!(counted.to_string(), "tests: 5 passed, 1 failed");
    }
}
