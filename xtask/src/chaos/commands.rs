//! Commands that misbehave, one after the other, on a worker that others use at the same time.
//!
//! Each is bounded, so that the machine survives a test that fails. What is promised: the worker lives, the other
//! builds on it finish, and nothing of the command is left when its step has ended.

use super::Usual;
use super::oracle::{self, Expected};
use super::town::{Api, BRANCH, Daemon, Place, builder, head, step, wait};
use anyhow::{Context, bail};
use std::fs;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Commands {
    /// Bytes of the command that says very much
    #[arg(long, value_name = "NUMBER", default_value = "1000000000")]
    output: u64,
    /// Bytes of the line that does not end
    #[arg(long, value_name = "NUMBER", default_value = "250000000")]
    line: u64,
    /// Processes of the storm
    #[arg(long, value_name = "NUMBER", default_value = "2000")]
    processes: u32,
    /// Megabytes of the one that takes memory
    #[arg(long, value_name = "NUMBER", default_value = "4000")]
    megabytes: u64,
}

/// What the builds beside say.
const BYTES: usize = 1_000_000;
/// Memory that the rest of the machine keeps.
const SPARED: u64 = 2_000;
/// The worker itself, with all that went through it.
const WORKER_MB: u64 = 200;
/// A command may take so long, then it has failed.
const PATIENCE: Duration = Duration::from_secs(300);
/// After its main process a step has so long to end.
const EMPTY: Duration = Duration::from_secs(20);

/// A command and what its build's result must be.
struct Misbehaviour {
    name: &'static str,
    script: String,
    results: i64,
    /// Bytes that its log must have at least.
    bytes: u64,
}

fn all(args: &Commands, megabytes: u64) -> Vec<Misbehaviour> {
    let of = |name, script: String, bytes| Misbehaviour { name, script, results: 0, bytes };
    vec![
        of("storm", format!("i=0; while [ $i -lt {} ]; do sleep 60 & i=$((i+1)); done; exit 0", args.processes), 0),
        of(
            "memory",
            format!(
                "python3 -c \"b = bytearray({megabytes} * 1000000); b[::4096] = bytes(len(b[::4096])); print(len(b))\""
            ),
            10,
        ),
        of(
            "daemons",
            "for i in 1 2 3; do setsid sh -c 'setsid sleep 500 & exit 0' </dev/null >/dev/null 2>&1; done".to_owned(),
            0,
        ),
        of("holder", "(trap '' TERM HUP; exec sleep 500) & exit 0".to_owned(), 0),
        of("silent", "exec >/dev/null 2>&1 </dev/null; exec 3>&- ; sleep 4".to_owned(), 0),
        of("output", format!("head -c {} /dev/zero | tr '\\\\0' '\\\\n'", args.output), args.output),
        of("line", format!("head -c {} /dev/zero | tr '\\\\0' 'x'", args.line), args.line),
    ]
}

pub(crate) fn run(args: &Commands, usual: &Usual) -> anyhow::Result<()> {
    let seed = usual.seed();
    let mut place = Place::new("commands", &usual.program()?)?;
    if usual.keep {
        place.keep();
    }
    let (report, wrong) = match go(args, &place, seed) {
        Ok(outcome) => outcome,
        Err(e) => (String::new(), vec![format!("{e:#}\n{}\n{}", place.said("master"), place.said("w1"))]),
    };
    usual.conclude(&report, &wrong, &format!("commands --output {} --line {} --seed {seed}", args.output, args.line))
}

fn go(args: &Commands, place: &Place, seed: u64) -> anyhow::Result<(String, Vec<String>)> {
    let megabytes = args.megabytes.min(available()?.saturating_sub(SPARED));
    let all = all(args, megabytes);
    let mut text = head(place.port, "127.0.0.1", &[("w1", "")], 3);
    text += &builder("b", BRANCH, &["w1"], &step(place, 0, BYTES, 2.0));
    for bad in &all {
        text += &builder(
            bad.name,
            bad.name,
            &["w1"],
            &format!("    steps.shell(\"{}\", name = \"s\"),\n", bad.script.replace('"', "\\\"")),
        );
    }
    place.configure(&text)?;
    let mut master = Daemon::master(place);
    master.start(place, "")?;
    place.make_worker("w1", &place.url())?;
    let mut worker = Daemon::worker(place, "w1");
    worker.start(place, "")?;
    let mut api = place.api();
    api.wait_for(&["w1"])?;
    let (mut report, mut wrong) = (String::new(), Vec::new());
    let mut changes = Vec::new();
    for (number, bad) in all.iter().enumerate() {
        let change = super::ledger::revision(seed, number);
        let begun = Instant::now();
        api.send_to(bad.name, &super::ledger::revision(seed, 100 + number))?;
        api.send(&change)?;
        changes.push(change);
        eprintln!("{}", bad.name);
        let ended = one(place, &mut api, bad, 2 * (number + 1), &mut wrong)?;
        if let Some((_, status)) = worker.ended()? {
            bail!("the worker ended ({status}) with {}", bad.name);
        }
        let memory = resident(worker.pid().unwrap_or_default())?;
        if memory > WORKER_MB {
            wrong.push(format!("{}: the worker takes {memory} MB", bad.name));
        }
        report += &format!(
            "{:<8} {ended:<40} {:>6.1} s, worker {memory} MB, master {} MB\n",
            bad.name,
            begun.elapsed().as_secs_f64(),
            resident(master.pid().unwrap_or_default())?
        );
    }
    let expected = Expected { changes: &changes, steps: 1, bytes: BYTES, exceptions: 0, retries: false };
    let found = oracle::look(place, &expected)?;
    wrong.extend(found.wrong);
    worker.stop()?;
    master.stop()?;
    wrong.extend(oracle::leftovers(place, &["w1".to_owned()], &Default::default())?);
    report +=
        &format!("{} of {} builds beside them passed; nothing of any command is left\n", found.passed, found.builds);
    Ok((report, wrong))
}

/// Waits for the end of a misbehaving build and of the one beside it; what it came to.
fn one(
    place: &Place,
    api: &mut Api,
    bad: &Misbehaviour,
    done: usize,
    wrong: &mut Vec<String>,
) -> anyhow::Result<String> {
    api.wait_done(done, PATIENCE).with_context(|| format!("with {}", bad.name))?;
    let builder = api.list(&format!("builders?name={}", bad.name), "builders")?[0]["builderid"].as_i64();
    let builder = builder.context("a builder has no id")?;
    let build = api.list(&format!("builders/{builder}/builds"), "builds")?.into_iter().next().context("no build")?;
    let (id, results) = (build["buildid"].as_i64().context("no id")?, build["results"].as_i64());
    if results != Some(bad.results) {
        wrong.push(format!("{} has the result {results:?}: {}", bad.name, build["state_string"]));
    }
    let step = api.list(&format!("builds/{id}/steps"), "steps")?[0]["stepid"].clone();
    let log = api.list(&format!("steps/{step}/logs"), "logs")?[0]["logid"].clone();
    let length = fs::metadata(place.master_dir().join(format!("logs/0/{id}.slog"))).map_or(0, |m| m.len());
    let lines = api.get(&format!("logs/{log}"))?["logs"][0]["num_lines"].as_u64().unwrap_or_default();
    // Newlines are counted; of a line without end the raw bytes are.
    let bytes = if bad.name == "output" { lines } else { raw_length(api, &log, bad)? };
    if bytes < bad.bytes {
        wrong.push(format!("{}: its log has {bytes} of {} bytes", bad.name, bad.bytes));
    }
    let empty = wait(EMPTY, "the tree to be empty", || Ok(rest(place).is_empty().then_some(())));
    if empty.is_err() {
        wrong.push(format!("{} left {:?}", bad.name, rest(place)));
    }
    Ok(format!(
        "{}, {lines} lines, log file {:.1} MB",
        build["state_string"].as_str().unwrap_or_default(),
        length as f64 / 1e6
    ))
}

fn raw_length(api: &mut Api, log: &serde_json::Value, bad: &Misbehaviour) -> anyhow::Result<u64> {
    if bad.bytes == 0 {
        return Ok(0);
    }
    Ok(api.bytes(&format!("logs/{log}/raw"))?.len() as u64)
}

/// Processes of the run that are no daemon's and no supervisor's.
fn rest(place: &Place) -> Vec<String> {
    let ours = |line: &String| {
        line.contains("sluice master run")
            || line.contains("sluice worker run")
            || line.contains("__supervise")
            || line.is_empty()
    };
    place.processes().into_iter().map(|(_, line)| line).filter(|line| !ours(line)).collect()
}

/// Megabytes that are free on the machine.
fn available() -> anyhow::Result<u64> {
    field("/proc/meminfo", "MemAvailable:")
}

/// Megabytes that a process takes.
fn resident(pid: u32) -> anyhow::Result<u64> {
    field(&format!("/proc/{pid}/status"), "VmRSS:")
}

fn field(file: &str, name: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string(file).with_context(|| format!("{file} cannot be read"))?;
    let value = text.lines().find_map(|l| l.strip_prefix(name)).context("it has no such line")?;
    let kib: u64 = value.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024 / 1_000_000)
}
