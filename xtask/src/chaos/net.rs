//! A worker in a network namespace of its own, behind a bridge that can be taken apart.
//!
//! Both ends of the line stay up while the bridge has lost a port: what is sent vanishes, and nobody is told. That is
//! how a cable between two switches breaks, and unlike a closed connection it can only be noticed by silence.
//!
//! The bridge can also lose a part of what it is given, in both directions: by a rule of nftables, which is in kernels
//! that have no netem.

use anyhow::{Context, bail};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The line between the master's machine and the worker's.
pub(crate) struct Net {
    /// The namespace of the worker, and that of the bridge.
    inner: String,
    wire: String,
    /// Our end.
    host: String,
}

/// Our address and the worker's.
pub(crate) const HOST: &str = "10.213.77.1";
const WORKER: &str = "10.213.77.2";

impl Net {
    /// Makes it.
    ///
    /// # Errors
    /// What is missing: the right, the program or the kernel's part.
    pub(crate) fn make() -> anyhow::Result<Self> {
        let number = std::process::id() % 100_000;
        let net = Self { inner: format!("slw{number}"), wire: format!("slb{number}"), host: format!("slh{number}") };
        let (inner, wire, host) = (&net.inner, &net.wire, &net.host);
        ip(&["netns", "add", inner]).context("no network namespace can be made")?;
        ip(&["netns", "add", wire])?;
        ip(&["link", "add", host, "type", "veth", "peer", "name", "a", "netns", wire]).context("there is no veth")?;
        ip(&["-n", inner, "link", "add", "e", "type", "veth", "peer", "name", "b", "netns", wire])?;
        ip(&["-n", wire, "link", "add", "bridge", "type", "bridge"]).context("there is no bridge")?;
        for port in ["a", "b"] {
            ip(&["-n", wire, "link", "set", "dev", port, "master", "bridge"])?;
            ip(&["-n", wire, "link", "set", "dev", port, "up"])?;
        }
        ip(&["-n", wire, "link", "set", "dev", "bridge", "up"])?;
        ip(&["addr", "add", &format!("{HOST}/30"), "dev", host])?;
        ip(&["link", "set", "dev", host, "up"])?;
        ip(&["-n", inner, "addr", "add", &format!("{WORKER}/30"), "dev", "e"])?;
        ip(&["-n", inner, "link", "set", "dev", "e", "up"])?;
        ip(&["-n", inner, "link", "set", "dev", "lo", "up"])?;
        Ok(net)
    }

    /// What goes before a program that is to run behind it.
    pub(crate) fn way_in(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.inner].map(str::to_owned).to_vec()
    }

    /// Nothing goes through any more.
    pub(crate) fn cut(&self) -> anyhow::Result<()> {
        ip(&["-n", &self.wire, "link", "set", "dev", "b", "nomaster"])
    }

    /// All goes through again.
    pub(crate) fn heal(&self) -> anyhow::Result<()> {
        ip(&["-n", &self.wire, "link", "set", "dev", "b", "master", "bridge"])
    }

    /// From now on so many of a hundred packets are lost on the bridge, whichever way they go.
    ///
    /// # Errors
    /// nftables is missing, or the kernel's part of it.
    pub(crate) fn lose(&self, percent: u32) -> anyhow::Result<()> {
        let rules = format!(
            "table bridge loss {{ chain c {{ type filter hook forward priority 0; \
             counter; numgen random mod 100 < {percent} counter drop; }}; }}\n"
        );
        let mut nft = Command::new("ip");
        nft.args(["netns", "exec", &self.wire, "nft", "-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut nft = nft.spawn().context("ip is missing (package iproute2)")?;
        nft.stdin.take().context("nft takes no rules")?.write_all(rules.as_bytes())?;
        let out = nft.wait_with_output()?;
        if !out.status.success() {
            bail!("nft (package nftables): {}", String::from_utf8_lossy(&out.stderr).trim());
        }
        Ok(())
    }

    /// How many packets came to the bridge since it began to lose some, and how many of them it lost.
    pub(crate) fn lost(&self) -> anyhow::Result<(u64, u64)> {
        let words = ["netns", "exec", &self.wire, "nft", "list", "table", "bridge", "loss"];
        let out = Command::new("ip").args(words).stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let mut counts = text.split("packets ").skip(1).filter_map(|rest| rest.split(' ').next()?.parse().ok());
        counts.next().zip(counts.next()).context("nft tells no counts")
    }

    /// The bridge passes on what it is given again.
    pub(crate) fn lose_nothing(&self) -> anyhow::Result<()> {
        ip(&["netns", "exec", &self.wire, "nft", "delete", "table", "bridge", "loss"])
    }

    /// What either side sends goes through a queue of this kind; the words of `tc`.
    pub(crate) fn shape(&self, words: &[&str]) -> anyhow::Result<()> {
        self.queues(&[&["replace"][..], words].concat())
    }

    /// Both send without a queue again.
    pub(crate) fn unshape(&self) -> anyhow::Result<()> {
        self.queues(&["del"])
    }

    /// A verb of `tc qdisc` and its words, for both ends of the line.
    fn queues(&self, words: &[&str]) -> anyhow::Result<()> {
        let (verb, rest) = words.split_first().context("tc wants a verb")?;
        let at = |end: &str, before: &[&str]| run("tc", &[before, &["qdisc", verb, "dev", end, "root"], rest].concat());
        at("e", &["-n", &self.inner])?;
        at(&self.host, &[])
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for namespace in [&self.inner, &self.wire] {
            let _ = ip(&["netns", "del", namespace]);
        }
        let _ = ip(&["link", "del", &self.host]);
    }
}

fn ip(words: &[&str]) -> anyhow::Result<()> {
    run("ip", words)
}

fn run(program: &str, words: &[&str]) -> anyhow::Result<()> {
    let out = Command::new(program).args(words).stdin(Stdio::null()).output();
    let out = out.with_context(|| format!("{program} is missing (package iproute2)"))?;
    if !out.status.success() {
        bail!("{program} {}: {}", words.join(" "), String::from_utf8_lossy(&out.stderr).trim());
    }
    Ok(())
}
