//! What a figure was measured on.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Facts about this machine, the day and the version.
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gb: f64,
    pub(crate) kernel: String,
    pub(crate) filesystem: String,
    /// Microseconds that one durable write of 4 KiB takes.
    pub(crate) sync_us: f64,
    /// How many processes wanted to run in the last minute; of a quiet machine, hardly any.
    pub(crate) load: f64,
    pub(crate) date: String,
    pub(crate) version: String,
}

impl Machine {
    /// Looks around, with `dir` as the place of the run.
    pub(crate) fn look(dir: &Path) -> anyhow::Result<Self> {
        let meminfo = fs::read_to_string("/proc/meminfo")?;
        let kib = field(&meminfo, "MemTotal:").and_then(|v| v.trim_end_matches(" kB").trim().parse::<f64>().ok());
        Ok(Self {
            cpu: field(&fs::read_to_string("/proc/cpuinfo")?, "model name").map_or("unknown".to_owned(), str::to_owned),
            cores: std::thread::available_parallelism()?.get(),
            memory_gb: kib.unwrap_or_default() * 1024.0 / 1e9,
            kernel: said("uname", &["-sr"]),
            filesystem: filesystem(dir),
            sync_us: sync(dir)?,
            load: load()?,
            date: said("date", &["-u", "+%Y-%m-%d"]),
            version: said("git", &["describe", "--always", "--dirty", "--exclude", "*"]),
        })
    }

    /// A word on other work, when there is some.
    pub(crate) fn disturbance(&self) -> Option<String> {
        let load = self.load;
        (load > 0.5)
            .then(|| format!("the machine had other work to do (load {load:.1}): figures are lower than they could be"))
    }

    /// One line.
    pub(crate) fn line(&self) -> String {
        format!(
            "{} cores of {}, {:.0} GB, {}, {}, a durable write of 4 KiB in {:.0} µs",
            self.cores, self.cpu, self.memory_gb, self.kernel, self.filesystem, self.sync_us
        )
    }
}

fn load() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let line = text.lines().find_map(|l| l.strip_prefix(name))?;
    Some(line.trim_start().trim_start_matches(':').trim())
}

fn said(program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program).args(arguments).output().map(|o| o.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&out).trim().to_owned();
    if text.is_empty() { "unknown".to_owned() } else { text }
}

/// The type of the file system that `dir` is on: of the mounts above it, the nearest.
fn filesystem(dir: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let above = mounts.lines().filter_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let [_, at, kind, ..] = words[..] else { return None };
        dir.starts_with(at).then_some((at.len(), kind))
    });
    above.max().map_or("unknown".to_owned(), |(_, kind)| kind.to_owned())
}

/// The median of some durable writes.
fn sync(dir: &Path) -> anyhow::Result<f64> {
    let path = dir.join("durable-write");
    let mut file = fs::File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..101 {
        let begun = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    fs::remove_file(&path)?;
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
