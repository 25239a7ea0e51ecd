//! The master's program is replaced by another one and restarted while builds run: none of them is disturbed.
//!
//! The other program is the same one with bytes added behind its end: what is shown is the change from one process and
//! file to another. A gap in a log is the longest time in which nobody could see it grow; a gap in dispatch is the
//! longest time in which no queued build was begun.

use super::Usual;
use super::oracle::{self, Expected};
use super::town::{Api, BRANCH, Daemon, Place, builder, head, step, wait};
use anyhow::bail;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Upgrade {
    /// So many builds run
    #[arg(long, value_name = "NUMBER", default_value = "100")]
    builds: usize,
    /// So often the program is replaced
    #[arg(long, value_name = "NUMBER", default_value = "2")]
    times: usize,
}

/// How long each of the builds runs, and what it says.
const SECONDS: f64 = 45.0;
const BYTES: usize = 2_000_000;
/// The builds that show whether anything is begun.
const TICKS: &str = "ticks";
/// No gap shall be longer,
const TARGET: Duration = Duration::from_secs(2);
/// and none may be, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(6);

pub(crate) fn run(args: &Upgrade, usual: &Usual) -> anyhow::Result<()> {
    let seed = usual.seed();
    let mut place = Place::new("upgrade", &usual.program()?)?;
    if usual.keep {
        place.keep();
    }
    let (report, wrong) = match go(args, &place, seed) {
        Ok(outcome) => outcome,
        Err(e) => (String::new(), vec![format!("{e:#}"), place.said("master")]),
    };
    usual.conclude(&report, &wrong, &format!("upgrade --builds {} --times {} --seed {seed}", args.builds, args.times))
}

fn go(args: &Upgrade, place: &Place, seed: u64) -> anyhow::Result<(String, Vec<String>)> {
    let workers = ["w1", "w2"];
    let half = u32::try_from(args.builds.div_ceil(workers.len()))?;
    let ticks = place.dir.join(TICKS);
    let tick = format!("    steps.shell(\"date +%s.%N >> {}\", name = \"tick\"),\n", ticks.display());
    let text = head(place.port, "127.0.0.1", &workers.map(|w| (w, "")), half)
        + "worker(\"w3\", password = \"chaos\", max_builds = 1)\n"
        + &builder("b", BRANCH, &workers, &step(place, 0, BYTES, SECONDS))
        + &builder("tick", TICKS, &["w3"], &tick);
    place.configure(&text)?;
    let mut master = Daemon::master(place);
    master.start(place, "")?;
    let all = [workers[0], workers[1], "w3"];
    let mut daemons = Vec::new();
    for name in all {
        place.make_worker(name, &place.url())?;
        let mut worker = Daemon::worker(place, name);
        worker.start(place, "")?;
        daemons.push(worker);
    }
    let mut api = place.api();
    api.wait_for(&all)?;
    let changes: Vec<String> = (0..args.builds).map(|n| super::ledger::revision(seed, n)).collect();
    for change in &changes {
        api.send(change)?;
    }
    wait(Duration::from_secs(60), "all builds to run", || {
        Ok((oracle::notes(place).len() >= args.builds).then_some(()))
    })?;
    eprintln!("{} builds run", args.builds);
    let over = Arc::new(AtomicBool::new(false));
    let watcher = watch_a_log(place, over.clone());
    let feeder = feed(place, over.clone());
    let mut down = Vec::new();
    for number in 0..args.times {
        std::thread::sleep(Duration::from_secs(4));
        down.push(replace(place, &mut master, number)?);
        eprintln!("the master was away for {:.2} s", down[number].as_secs_f64());
    }
    std::thread::sleep(Duration::from_secs(4));
    over.store(true, Ordering::Release);
    let (Ok(log_gap), Ok(sent)) = (watcher.join(), feeder.join()) else { bail!("a watcher panicked") };
    let dispatch_gap = longest_gap(&fs::read_to_string(&ticks)?);
    api.wait_done(args.builds + sent, Duration::from_secs(180))?;
    judge(place, &changes, (log_gap, dispatch_gap), &down, (&mut master, daemons))
}

/// Asks the master to end, puts another program in its place, and starts that; how long no master answered.
fn replace(place: &Place, master: &mut Daemon, number: usize) -> anyhow::Result<Duration> {
    let (program, new) = (place.program(), place.dir.join("sluice.new"));
    fs::copy(&program, &new)?;
    fs::File::options().append(true).open(&new)?.write_all(format!("version {number}").as_bytes())?;
    let begun = Instant::now();
    master.stop()?;
    fs::rename(&new, &program)?;
    master.start(place, "")?;
    let mut api = place.api();
    wait(Duration::from_secs(30), "the new master", || Ok(api.answers().then_some(())))?;
    Ok(begun.elapsed())
}

/// Looks at the log of a running build all the time; the longest time in which it did not grow.
fn watch_a_log(place: &Place, over: Arc<AtomicBool>) -> std::thread::JoinHandle<Duration> {
    let mut api = place.api();
    std::thread::spawn(move || {
        let log = loop {
            match first_log(&mut api) {
                Some(log) => break log,
                None if over.load(Ordering::Acquire) => return Duration::MAX,
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let (mut lines, mut since, mut longest) = (0, Instant::now(), Duration::ZERO);
        while !over.load(Ordering::Acquire) {
            let now = api.get(&format!("logs/{log}")).ok().and_then(|l| l["logs"][0]["num_lines"].as_i64());
            if let Some(now) = now.filter(|now| *now > lines) {
                longest = longest.max(since.elapsed());
                (lines, since) = (now, Instant::now());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        longest.max(since.elapsed())
    })
}

fn first_log(api: &mut Api) -> Option<i64> {
    let build = api.list("builds?complete=false&limit=1", "builds").ok()?.first()?["buildid"].as_i64()?;
    let step = api.list(&format!("builds/{build}/steps"), "steps").ok()?.first()?["stepid"].as_i64()?;
    api.list(&format!("steps/{step}/logs"), "logs").ok()?.first()?["logid"].as_i64()
}

/// Keeps a queue of short builds; how many were asked for.
fn feed(place: &Place, over: Arc<AtomicBool>) -> std::thread::JoinHandle<usize> {
    let mut api = place.api();
    std::thread::spawn(move || {
        let mut sent = 0;
        while !over.load(Ordering::Acquire) {
            // So many wait that the queue is never empty while the master is away.
            let waiting = api.count("buildrequests?complete=false&claimed=false").unwrap_or(u64::MAX);
            for _ in 0..u64::min(40, 200_u64.saturating_sub(waiting)) {
                sent += usize::from(api.send_to(TICKS, &format!("{sent:040x}")).is_ok());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        sent
    })
}

/// The longest time between two lines, each a time.
fn longest_gap(ticks: &str) -> Duration {
    let mut times: Vec<f64> = ticks.lines().filter_map(|line| line.parse().ok()).collect();
    times.sort_by(f64::total_cmp);
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    Duration::from_secs_f64(gaps.fold(0.0, f64::max))
}

fn judge(
    place: &Place,
    changes: &[String],
    (log_gap, dispatch_gap): (Duration, Duration),
    down: &[Duration],
    (master, workers): (&mut Daemon, Vec<Daemon>),
) -> anyhow::Result<(String, Vec<String>)> {
    let expected = Expected { changes, steps: 1, bytes: BYTES, exceptions: 0, retries: false };
    let mut found = oracle::look_at(place, &expected, BRANCH)?;
    let seen: BTreeSet<u32> = place.supervisors().into_iter().collect();
    let names: Vec<String> = workers.iter().map(|w| w.name.clone()).collect();
    for mut worker in workers {
        worker.stop()?;
    }
    master.stop()?;
    found.wrong.extend(oracle::leftovers(place, &names, &seen)?);
    for (what, gap) in [("the live log", log_gap), ("dispatch", dispatch_gap)] {
        if gap > LIMIT {
            found.wrong.push(format!("the longest gap in {what} is {:.2} s", gap.as_secs_f64()));
        }
    }
    let ticks = fs::read_to_string(place.dir.join(TICKS))?.lines().count();
    let reached = if log_gap.max(dispatch_gap) <= TARGET { "reached" } else { "not reached" };
    let away: Vec<String> = down.iter().map(|d| format!("{:.2} s", d.as_secs_f64())).collect();
    let report = format!(
        "the master's program replaced {} times in the middle of {} running builds; away for {}\n\
         {} of {} passed, each ran once; {} logs whole, {:.1} MB checked byte for byte\n\
         longest gap in a live log: {:.2} s; longest gap in dispatch: {:.2} s, over {ticks} builds (target: {} s, {reached})\n",
        down.len(),
        changes.len(),
        away.join(", "),
        found.passed,
        found.builds,
        found.whole,
        found.bytes as f64 / 1e6,
        log_gap.as_secs_f64(),
        dispatch_gap.as_secs_f64(),
        TARGET.as_secs(),
    );
    Ok((report, found.wrong))
}
