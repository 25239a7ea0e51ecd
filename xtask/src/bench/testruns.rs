//! `cargo xtask bench testruns`: a run of ten thousand items beside the machine's own rate of starting processes, what it
//! costs to look at such a run, and tests that report while somebody lists.

use super::board::number;
use super::ground::{Ground, Plot};
use super::http::Http;
use super::machine::Machine;
use super::{Pace, wait};
use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The page of the book.
const PAGE: &str = "docs/benchmarks-tests.md";
const TEXT: &str = include_str!("testruns.md");

/// Each of this many tests reports
const SPEAKERS: u32 = 50;
/// so often in a second.
const EACH: u32 = 40;

/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(1800);
/// Of the kernel's clock, in a second: Linux has it so for all who ask.
const TICKS: f64 = 100.0;

/// The hidden verb of a test that reports: for so many seconds.
pub(crate) const SPEAK: &str = "__speak";

/// One measured figure, with what is asked of it: at most or at least.
struct Figure {
    what: &'static str,
    unit: &'static str,
    value: f64,
    target: Option<Target>,
}

#[derive(Clone, Copy)]
enum Target {
    AtLeast(f64),
    Below(f64),
}

/// Measures, and writes the page of the book when all of it was measured.
pub(crate) fn run(program: &Path, place: &Path, pace: Pace) -> anyhow::Result<()> {
    let machine = Machine::look(place)?;
    eprintln!("{}", machine.line());
    let ground = Ground::new(place)?;
    let mut figures = Vec::new();
    let (items, rounds) = if pace == Pace::Quick { (1_000, 1) } else { (10_000, 3) };
    eprintln!("── {items} items");
    many(&ground, program, (items, rounds), &mut figures)?;
    eprintln!("── reports");
    reports(&ground, program, if pace == Pace::Quick { 2 } else { 10 }, &mut figures)?;
    let table = table(&figures);
    println!("\n{}\n\n{table}", machine.line());
    if pace == Pace::Full {
        let note = machine.disturbance().map(|n| format!("\n\n- {n}")).unwrap_or_default();
        let head = format!("Measured on {} at version {}: {}.", machine.date, machine.version, machine.line());
        let page = TEXT.replace("{machine}", &head).replace("{table}", &(table + &note));
        fs::write(PAGE, page).with_context(|| format!("cannot write {PAGE}"))?;
        println!("written to {PAGE}");
    }
    Ok(())
}

fn table(figures: &[Figure]) -> String {
    let mut text = "| measure | target | figure |  |\n|---|---:|---:|---|".to_owned();
    for figure in figures {
        let (target, met) = match figure.target {
            Some(Target::AtLeast(bound)) => (format!("≥ {}", number(bound)), Some(figure.value >= bound)),
            Some(Target::Below(bound)) => (format!("< {}", number(bound)), Some(figure.value < bound)),
            None => (String::new(), None),
        };
        let met = met.map_or("", |met| if met { "met" } else { "missed" });
        let unit = if figure.unit.is_empty() { String::new() } else { format!(", {}", figure.unit) };
        // A table in a text cannot fail to be written.
        let _ = write!(text, "\n| {}{unit} | {target} | {} | {met} |", figure.what, number(figure.value));
    }
    text
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// Items that do nothing, as many in parallel as there are places; and as many processes that do nothing without any
/// runner, as many in parallel. The two take turns.
fn many(ground: &Ground, program: &Path, (items, rounds): (u32, u32), figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let jobs = 4 * u32::try_from(std::thread::available_parallelism()?.get())?;
    let (mut raw, mut ran, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for round in 0..rounds {
        let spawned = spawn_rate(items, jobs)?;
        drop(last.take());
        let plot = ground.plot(&format!("items-{round}"))?;
        let numbers: Vec<u32> = (0..items).collect();
        let star = format!("test(\"t\", items = {{\"N\": {numbers:?}}}, steps = [(\"run\", [\"true\"])])\n");
        fs::write(plot.dir().join("tests.star"), star)?;
        let once = one_run(&plot, program, jobs, items)?;
        eprintln!(
            "  {spawned:.0} processes/s, {:.0} items/s, {:.2} ms CPU an item, {:.0} MB",
            once.rate, once.cpu, once.mb
        );
        ratio.push(once.rate / spawned);
        raw.push(spawned);
        ran.push(once);
        last = Some(plot);
    }
    let of = |get: fn(&Once) -> f64| median(ran.iter().map(get).collect());
    figures.extend([
        Figure { what: "items", unit: "", value: f64::from(items), target: None },
        Figure { what: "at once", unit: "", value: f64::from(jobs), target: None },
        Figure { what: "a run of them", unit: "s", value: of(|o| o.seconds), target: None },
        Figure { what: "items", unit: "/s", value: of(|o| o.rate), target: None },
        Figure { what: "bare processes", unit: "/s", value: median(raw), target: None },
        Figure {
            what: "items for each bare process",
            unit: "",
            value: median(ratio),
            target: Some(Target::AtLeast(0.5)),
        },
        Figure {
            what: "the runner's own processor time",
            unit: "ms an item",
            value: of(|o| o.cpu),
            target: Some(Target::Below(1.0)),
        },
        Figure { what: "the runner's memory at most", unit: "MB", value: of(|o| o.mb), target: None },
    ]);
    match last {
        Some(plot) => looks(&plot, program, figures),
        None => Ok(()),
    }
}

/// As many processes of `true` as fast as the machine starts them and sees them end, by so many threads.
fn spawn_rate(count: u32, jobs: u32) -> anyhow::Result<f64> {
    let left = AtomicUsize::new(count as usize);
    let began = Instant::now();
    let worker = || -> anyhow::Result<()> {
        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
            let mut command = Command::new("true");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            ensure!(command.status().context("cannot start true")?.success(), "true is not true");
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        all.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow::anyhow!("a thread ended"))?)
    })?;
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}

/// What a run took.
struct Once {
    seconds: f64,
    rate: f64,
    /// The runner's own, without its children's.
    cpu: f64,
    mb: f64,
}

fn one_run(plot: &Plot, program: &Path, jobs: u32, items: u32) -> anyhow::Result<Once> {
    let out = plot.dir().join("run.out");
    let mut command = plot.command(program);
    command.args(["tests", "run", "-j", &jobs.to_string(), "--area"]).arg(plot.dir());
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(fs::File::create(&out)?).spawn().context("cannot start it")?;
    let pid = Pid::from_child(&child);
    let mut mb = 0.0;
    // It stays to be asked about until it is waited for.
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    wait::until(PATIENCE, "the end of the run", Duration::from_millis(10), || {
        mb = peak(child.id()).unwrap_or(mb);
        Ok(rustix::process::waitid(WaitId::Pid(pid), options)?)
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
    let after: Vec<&str> = stat.rsplit_once(')').map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
    let ticks: f64 = after.get(11..13).unwrap_or_default().iter().filter_map(|t| t.parse::<f64>().ok()).sum();
    let status = child.wait()?;
    ensure!(status.success(), "the run ended with {status}: {}", fs::read_to_string(&out)?);
    let run = &json(plot, program, &["list"])?[0];
    let passed = &run["totals"]["by_status"][0];
    ensure!(passed["word"] == "PASS" && passed["count"] == items, "not all items passed: {run}");
    let cpu = ticks / TICKS * 1e3 / f64::from(items);
    Ok(Once { seconds, rate: f64::from(items) / seconds, cpu, mb })
}

/// The most memory that a process had at once, in MB (10^6 bytes).
fn peak(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// What a command of `sluice tests` says, as a document.
fn json(plot: &Plot, program: &Path, words: &[&str]) -> anyhow::Result<serde_json::Value> {
    let said = plot.command(program).arg("tests").args(words).args(["--json", "--area"]).arg(plot.dir()).output()?;
    serde_json::from_slice(&said.stdout).with_context(|| String::from_utf8_lossy(&said.stderr).into_owned())
}

/// What it costs to look at a run.
fn looks(plot: &Plot, program: &Path, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let mut pages = plot.command(program);
    pages.args(["tests", "pages", "--listen", "127.0.0.1:0", "--json", "--area"]).arg(plot.dir());
    let mut pages = Pages(pages.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?);
    let mut line = String::new();
    BufReader::new(pages.0.stdout.take().context("it has an output")?).read_line(&mut line)?;
    let said: serde_json::Value = serde_json::from_str(&line).with_context(|| format!("the pages say '{line}'"))?;
    let port = said["url"].as_str().and_then(|url| url.trim_end_matches('/').rsplit(':').next()?.parse().ok());
    let mut http = Http::new(port.with_context(|| format!("no address in {line}"))?);
    for (what, path, target) in [
        ("its page", "/tests/1", Some(Target::Below(100.0))),
        ("the page of what failed in it", "/tests/1?only=bad", None),
        ("the page of an item", "/tests/1/item?test=t&path=77", None),
        ("100 of its items by REST", "/api/v2/testruns/1/items?limit=100", None),
    ] {
        let mut times = Vec::new();
        for _ in 0..21 {
            let began = Instant::now();
            let answer = http.get(path)?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            ensure!(answer.status == 200, "{path} answers {}", answer.status);
        }
        figures.push(Figure { what, unit: "ms", value: median(times), target });
    }
    drop(pages);
    for (what, words) in [("`sluice tests list`", &["list"][..]), ("`sluice tests list %`, all items", &["list", "%"])]
    {
        let mut times = Vec::new();
        for _ in 0..7 {
            let mut command = plot.command(program);
            command.arg("tests").args(words).arg("--area").arg(plot.dir()).stdout(Stdio::null());
            let began = Instant::now();
            ensure!(command.status()?.success(), "{what} fails");
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        figures.push(Figure { what, unit: "ms", value: median(times), target: None });
    }
    Ok(())
}

/// The pages of an area; they end with this.
struct Pages(std::process::Child);

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Tests that report through the socket of their runner while somebody lists again and again. Nothing may be lost.
fn reports(ground: &Ground, program: &Path, seconds: u32, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let plot = ground.plot("reports")?;
    let me = std::env::current_exe()?;
    let me = me.to_str().context("the path of this program is no text")?;
    let numbers: Vec<u32> = (0..SPEAKERS).collect();
    let star = format!(
        "test(\"t\", items = {{\"N\": {numbers:?}}}, steps = [(\"speak\", [{me:?}, \"{SPEAK}\", \"{seconds}\"])])\n"
    );
    fs::write(plot.dir().join("tests.star"), star)?;
    let mut run = plot.command(program);
    run.args(["tests", "run", "-j", &SPEAKERS.to_string(), "--area"]).arg(plot.dir());
    let began = Instant::now();
    let mut run = run.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let mut lists = Vec::new();
    let status = loop {
        if let Some(status) = run.try_wait()? {
            break status;
        }
        let asked = Instant::now();
        let listed = plot.command(program).args(["tests", "list", "%", "--area"]).arg(plot.dir()).output()?;
        lists.push(asked.elapsed().as_secs_f64() * 1e3);
        ensure!(listed.status.success() || lists.len() < 20, "{}", String::from_utf8_lossy(&listed.stderr));
    };
    let took = began.elapsed().as_secs_f64();
    ensure!(status.success(), "a test that reports failed: {status}");
    let shown = json(&plot, program, &["show"])?;
    let items = shown["items"].as_array().context("items")?;
    let wanted = (EACH * seconds) as usize;
    for item in items {
        let kept = item["data"].as_array().map_or(0, Vec::len);
        ensure!(kept == wanted, "{} of {wanted} reports of {} were kept", kept, item["path"]);
    }
    let all = f64::from(SPEAKERS * EACH * seconds);
    figures.extend([
        Figure { what: "tests that report 40 times a second", unit: "", value: items.len() as f64, target: None },
        Figure { what: "reports, all of them kept", unit: "", value: all, target: None },
        Figure { what: "reports taken", unit: "/s", value: all / took, target: None },
        Figure { what: "`sluice tests list %` meanwhile", unit: "ms", value: median(lists), target: None },
    ]);
    Ok(())
}

/// A test that reports a value of its own in each of its turns, in the rhythm that it was given.
pub(crate) fn speak(seconds: &str) -> anyhow::Result<()> {
    let seconds: u32 = seconds.parse().context("the number of seconds is no number")?;
    let word = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
    let area = word("MT_RUN_AREA_HOME")?;
    let dir = fs::File::open(Path::new(&area).join(".sluice/tests"))?;
    // The path of a socket may be no longer than 107 bytes.
    let socket = format!("/proc/self/fd/{}/socket", dir.as_raw_fd());
    let (run, path) = (word("MT_RUNNAME")?, word("MT_ITEMPATH")?);
    let began = Instant::now();
    for turn in 0..EACH * seconds {
        let at = began + Duration::from_secs(1) / EACH * turn;
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        let row = serde_json::json!({"category": "turn", "variable": turn.to_string(), "value": path, "units": "x"});
        let said = serde_json::json!({"run": run, "test": "t", "path": path, "attempt": 1, "said": {"data": [row]}});
        let mut stream = UnixStream::connect(&socket)?;
        writeln!(stream, "{}", serde_json::json!({"said": said}))?;
        let mut answer = String::new();
        BufReader::new(&stream).read_line(&mut answer)?;
        if !answer.contains("done") {
            bail!("report {turn} is answered with '{answer}'");
        }
    }
    Ok(())
}
