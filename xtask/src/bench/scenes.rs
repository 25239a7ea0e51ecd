//! The three scenes of a run: builds on a busy master, a queue that has piled up, and very many builders.

use super::Pace;
use super::board::{Board, Measure, count, percentile};
use super::ground::{Ground, memory};
use super::load;
use super::system::{Builder, Instance, Plan, Seat, System};
use super::wait;
use anyhow::{Context, bail};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What this program answers to when it is a step of a build.
pub(crate) const GENERATE: &str = "__log-generator";
pub(crate) const STAMP: &str = "__stamp";

/// How long the whole of one round may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where commands write down when they run.
const STAMPS: &str = "stamps";

/// Builds, logs, changes, reading and memory.
pub(crate) fn busy(board: &mut Board, ground: &Ground, systems: &[Box<dyn System>], pace: Pace) {
    let mut running = Vec::new();
    for system in systems {
        match start_busy(ground, system.as_ref(), pace) {
            Ok(instance) => running.push(instance),
            Err(e) => board.keep(system.name(), "the start", Err(e)),
        }
    }
    let each = |running: &mut Vec<Instance<'_>>,
                board: &mut Board,
                what: &str,
                measure: &dyn Fn(&mut Instance<'_>) -> Found| {
        for instance in running {
            let found = measure(instance);
            board.keep(instance.system.name(), what, found);
        }
    };
    // What a fresh process still does in the background is not idleness.
    std::thread::park_timeout(Duration::from_secs(2));
    each(&mut running, board, "memory", &idle_memory);
    let rounds = running.iter().map(|i| i.sizes.rounds).max().unwrap_or_default();
    for _ in 0..rounds {
        each(&mut running, board, "builds of one step", &one_step);
        each(&mut running, board, "builds of five steps", &five_steps);
    }
    for instance in &mut running {
        let name = instance.system.name();
        note(board, instance.sizes.log_bytes / 1_000_000, 100, name, "MB of log");
        for _ in 0..instance.sizes.log_rounds {
            board.keep(name, "the log", log(instance));
        }
    }
    for instance in &mut running {
        note(board, instance.sizes.changes, 200, instance.system.name(), "changes");
        board.keep(instance.system.name(), "changes", changes(instance));
    }
    for _ in 0..rounds {
        each(&mut running, board, "reading", &reads);
    }
    each(&mut running, board, "memory", &memory_after);
}

type Found = anyhow::Result<Vec<(Measure, f64)>>;

/// Says so when a system got another amount to do than the line of the table tells.
fn note(board: &mut Board, amount: usize, usual: usize, system: &str, things: &str) {
    if amount != usual {
        board.note(format!("{system}: {} {things} instead of {}", count(amount), count(usual)));
    }
}

fn exe() -> anyhow::Result<String> {
    let exe = std::env::current_exe()?;
    exe.to_str().map(str::to_owned).with_context(|| format!("{} is not UTF-8", exe.display()))
}

fn start_busy<'s>(ground: &Ground, system: &'s dyn System, pace: Pace) -> anyhow::Result<Instance<'s>> {
    let sizes = system.sizes(pace);
    let plot = ground.plot(&format!("busy-{}", system.name()))?;
    let exe = exe()?;
    let stamps = plot.dir().join(STAMPS).display().to_string();
    let builders = vec![
        Builder::new("one", &[&["true"]]),
        Builder::new("five", &[&["true"] as &[&str]; 5]),
        Builder::new("log", &[&[&exe, GENERATE, &sizes.log_bytes.to_string()]]),
        Builder::new("changed", &[&[&exe, STAMP, &stamps]]),
        Builder::new("long", &[&["sleep", "600"]]),
    ];
    let mut plan = Plan::new(plot.dir(), builders)?;
    plan.changes = Some("changed".to_owned());
    system.create(&plot, &plan)?;
    system.configure(&plan)?;
    let mut instance = Instance::start(system, plot, plan, sizes)?;
    instance.attach()?;
    Ok(instance)
}

fn idle_memory(instance: &mut Instance<'_>) -> Found {
    let worker = instance.worker.as_ref().context("there is no worker")?;
    Ok(vec![(Measure::MasterIdle, memory(instance.master.pid())?), (Measure::WorkerIdle, memory(worker.pid())?)])
}

/// Files `number` requests and waits until all are built; seconds.
fn build(instance: &mut Instance<'_>, builder: &str, number: usize) -> anyhow::Result<f64> {
    let beat = instance.sizes.beat;
    let builder = instance.api.builder(builder)?;
    let begun = Instant::now();
    let last = load::force(&instance.api, builder, number)?;
    instance.api.done(last, PATIENCE, beat)?;
    instance.api.all_done(builder, PATIENCE, beat)?;
    let took = begun.elapsed().as_secs_f64();
    instance.master.alive()?;
    instance.api.all_passed(builder)?;
    Ok(took)
}

fn one_step(instance: &mut Instance<'_>) -> Found {
    let number = instance.sizes.one_step;
    let took = build(instance, "one", number)?;
    Ok(vec![(Measure::OneStep, number as f64 / took)])
}

fn five_steps(instance: &mut Instance<'_>) -> Found {
    let number = instance.sizes.five_steps;
    let took = build(instance, "five", number)?;
    Ok(vec![(Measure::FiveSteps, 5.0 * number as f64 / took)])
}

fn log(instance: &mut Instance<'_>) -> Found {
    let (beat, bytes) = (instance.sizes.beat, instance.sizes.log_bytes);
    let api = &mut instance.api;
    let builder = api.builder("log")?;
    let begun = Instant::now();
    let request = api.force(builder)?;
    api.done(request, PATIENCE, beat)?;
    let build = api.build_of(request)?.context("the log has no build")?;
    let log = api.log_of(build)?;
    let id = log["logid"].as_i64().context("a log has no id")?;
    wait::until(PATIENCE, "the log to be sealed", beat, || {
        Ok(api.log(id)?["complete"].as_bool().unwrap_or_default().then_some(()))
    })?;
    let took = begun.elapsed().as_secs_f64();
    api.all_passed(builder)?;
    let raw = api.bytes(&format!("logs/{id}/raw"))?.len();
    if raw < bytes {
        bail!("the log has {raw} bytes where {bytes} were printed");
    }
    Ok(vec![(Measure::Log, bytes as f64 / 1e6 / took)])
}

fn changes(instance: &mut Instance<'_>) -> Found {
    let (beat, number) = (instance.sizes.beat, instance.sizes.changes);
    let stamps = instance.plot.dir().join(STAMPS);
    let builder = instance.api.builder("changed")?;
    let mut latencies = Vec::new();
    for change in 1..=number {
        let post = instance.system.change(change);
        let sent = SystemTime::now();
        instance.api.post(&post)?;
        let ran = stamp(&stamps, change)?;
        latencies.push(since(sent, ran)? * 1e3);
        instance.api.all_done(builder, PATIENCE, beat)?;
    }
    instance.api.all_passed(builder)?;
    latencies.sort_by(f64::total_cmp);
    Ok(vec![(Measure::ChangeP50, percentile(&latencies, 0.5)), (Measure::ChangeP99, percentile(&latencies, 0.99))])
}

/// Waits for the stamp with this number; its time in nanoseconds since 1970.
fn stamp(stamps: &Path, number: usize) -> anyhow::Result<u128> {
    let what = format!("command {number} to run");
    wait::until(Duration::from_secs(120), &what, Duration::from_millis(1), || {
        let text = std::fs::read_to_string(stamps).unwrap_or_default();
        let line = text.split_inclusive('\n').nth(number - 1).and_then(|l| l.strip_suffix('\n'));
        line.map(|l| l.parse().context("a stamp is no number")).transpose()
    })
}

/// Seconds from one moment to a later stamp.
fn since(from: SystemTime, stamp: u128) -> anyhow::Result<f64> {
    let from = from.duration_since(UNIX_EPOCH)?.as_nanos();
    let nanos = stamp.checked_sub(from).context("a command ran before it was asked for")?;
    Ok(nanos as f64 / 1e9)
}

fn reads(instance: &mut Instance<'_>) -> Found {
    let path = "builds?limit=100";
    let there = instance.api.list(path, "builds")?.len();
    if there != 100 && instance.sizes.rounds > 1 {
        bail!("{there} builds are listed instead of 100");
    }
    let mut latencies = load::read(&instance.api, path, instance.sizes.reading)?;
    latencies.sort_by(f64::total_cmp);
    let rate = latencies.len() as f64 / instance.sizes.reading.as_secs_f64();
    Ok(vec![
        (Measure::Reads, rate),
        (Measure::ReadsP50, percentile(&latencies, 0.5) * 1e3),
        (Measure::ReadsP99, percentile(&latencies, 0.99) * 1e3),
    ])
}

/// With one command running, so that it has a supervisor.
fn memory_after(instance: &mut Instance<'_>) -> Found {
    let mut found = vec![(Measure::MasterAfter, memory(instance.master.pid())?)];
    let Some(word) = instance.system.supervisor() else { return Ok(found) };
    let builder = instance.api.builder("long")?;
    let request = instance.api.force(builder)?;
    let plot = &instance.plot;
    let begun = |word: &str| Ok((!plot.memory_of(word).is_empty()).then_some(()));
    wait::until(Duration::from_secs(30), "a command to run", Duration::from_millis(10), || begun("sleep"))?;
    let all = plot.memory_of(word);
    let build = instance.api.build_of(request)?.context("the long build is not there")?;
    instance.api.call(&format!("builds/{build}"), "stop", &serde_json::json!({ "reason": "measured" }))?;
    instance.api.done(request, PATIENCE, instance.sizes.beat)?;
    if all.is_empty() {
        bail!("no process is a supervisor");
    }
    found.push((Measure::Supervisor, all.iter().sum::<f64>() / all.len() as f64));
    Ok(found)
}

/// Forced requests that pile up while the worker is away, then the start of a master that finds them.
pub(crate) fn pending(board: &mut Board, ground: &Ground, systems: &[Box<dyn System>], pace: Pace) {
    for system in systems {
        let sizes = system.sizes(pace);
        let name = system.name();
        note(board, sizes.forced, 5_000, name, "forced requests");
        note(board, sizes.pending, 25_000, name, "pending requests");
        if let Err(e) = pending_of(board, ground, system.as_ref(), pace) {
            board.keep(name, "a queue that has piled up", Err(e));
        }
    }
}

fn pending_of(board: &mut Board, ground: &Ground, system: &dyn System, pace: Pace) -> anyhow::Result<()> {
    let sizes = system.sizes(pace);
    let place = format!("pending-{}", system.name());
    let plot = ground.plot(&place)?;
    let (dir, starts) = (plot.dir().to_owned(), sizes.starts);
    let stamps = dir.join(STAMPS);
    let steps: &[&[&str]] = &[&[&exe()?, STAMP, &stamps.display().to_string()], &["sleep", "600"]];
    let mut plan = Plan::new(&dir, vec![Builder::new("piled", steps)])?;
    plan.max_builds = 1;
    system.create(&plot, &plan)?;
    system.configure(&plan)?;
    let mut instance = Instance::start(system, plot, plan.clone(), sizes)?;
    let builder = instance.api.builder("piled")?;
    let (forced, mut there) = (instance.sizes.forced, 0);
    for _ in 0..instance.sizes.forced_rounds {
        let begun = Instant::now();
        load::force(&instance.api, builder, forced)?;
        there += forced;
        board.keep(system.name(), "forced", Ok(vec![(Measure::Forced, forced as f64 / begun.elapsed().as_secs_f64())]));
    }
    load::force(&instance.api, builder, instance.sizes.pending.saturating_sub(there))?;
    let Instance { master, plot, .. } = instance;
    master.stop()?;
    drop(plot);
    plan.seat = Seat::Local;
    system.configure(&plan)?;
    let (master, kept) = (plan.master_dir(), dir.join("kept"));
    copy(&master, &kept)?;
    for _ in 0..starts {
        std::fs::remove_dir_all(&master)?;
        copy(&kept, &master)?;
        let _ = std::fs::remove_file(&stamps);
        let instance = Instance::start(system, ground.plot(&place)?, plan.clone(), system.sizes(pace))?;
        let opened = instance.started_in.as_secs_f64();
        let first = since(instance.started_at, stamp(&stamps, 1)?)?;
        let found = vec![(Measure::PendingStart, opened), (Measure::PendingDispatch, first)];
        board.keep(system.name(), "start with pending requests", Ok(found));
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().context("cannot start cp")?;
    if !status.success() {
        bail!("cannot copy {} to {}", from.display(), to.display());
    }
    // The copy's way to the disk must not fall into what is measured next.
    Command::new("sync").status().context("cannot start sync")?;
    Ok(())
}

/// Very many builders.
pub(crate) fn many(board: &mut Board, ground: &Ground, systems: &[Box<dyn System>], pace: Pace) {
    for system in systems {
        let name = system.name();
        let sizes = system.sizes(pace);
        note(board, sizes.builders, 1_000, name, "builders");
        let rounds = sizes.forced_rounds;
        for round in 0..rounds {
            let found = many_of(ground, system.as_ref(), pace, round);
            board.keep(name, "very many builders", found);
        }
    }
}

fn many_of(ground: &Ground, system: &dyn System, pace: Pace, round: usize) -> Found {
    let sizes = system.sizes(pace);
    let plot = ground.plot(&format!("many-{}-{round}", system.name()))?;
    let number = sizes.builders;
    let builders = (0..number).map(|n| Builder::new(&format!("b{n:04}"), &[&["true"]])).collect();
    let plan = Plan::new(plot.dir(), builders)?;
    system.create(&plot, &plan)?;
    system.configure(&plan)?;
    let mut instance = Instance::start(system, plot, plan, sizes)?;
    let attached = instance.attach()?;
    let begun = Instant::now();
    // Connected is not yet attached: a builder that the worker serves builds.
    build(&mut instance, &format!("b{:04}", number - 1), 1)?;
    let listed = instance.api.list("builders", "builders")?.len();
    let used = begun.elapsed();
    if listed != number {
        bail!("{listed} builders are listed instead of {number}");
    }
    Ok(vec![
        (Measure::ManyStart, instance.started_in.as_secs_f64()),
        (Measure::ManyListing, (attached + used).as_secs_f64()),
    ])
}
