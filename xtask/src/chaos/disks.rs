//! Disks that fill and are freed again, and a database that somebody else holds.
//!
//! The master's disk is full: builds go on, their output waits in the spools of the workers, the log of the master says
//! why nothing is written, and all goes on by itself when there is room. The worker's disk is full: a command that runs
//! waits with its output, one that cannot begin is an EXCEPTION with the reason. Another process holds the database for
//! half a minute: people wait, and nobody sees an error. A disk that cannot be written: nothing begins on it, and it is said.

use super::oracle::{self, EXCEPTION, Expected};
use super::town::{Api, BRANCH, Daemon, Place, builder, head, step, wait};
use super::{Missing, Usual};
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Disks {
    /// So long the database is held
    #[arg(long, value_name = "NUMBER", default_value = "30")]
    seconds: u64,
}

const BYTES: usize = 4_000_000;
const BUILDS: usize = 8;
/// By then all goes on after there is room again.
const RESUMED: Duration = Duration::from_secs(10);
/// What a full disk is left with.
const ROOM: u64 = 3 << 20;

pub(crate) fn run(args: &Disks, usual: &Usual) -> anyhow::Result<()> {
    let seed = usual.seed();
    let program = usual.program()?;
    let (mut report, mut wrong) = (String::new(), Vec::new());
    type Scene = fn(&Place, &Disks, u64) -> anyhow::Result<(String, Vec<String>)>;
    let scenes: [(&str, Scene); 4] =
        [("master", master_disk), ("worker", worker_disk), ("held", database_held), ("read-only", read_only)];
    for (name, scene) in scenes {
        let mut place = Place::new(&format!("disks-{name}"), &program)?;
        if usual.keep {
            place.keep();
        }
        match scene(&place, args, seed) {
            Ok((text, more)) => {
                report += &text;
                wrong.extend(more);
            }
            Err(e) if e.is::<Missing>() => return Err(e),
            Err(e) => wrong.push(format!("{name}: {e:#}\n{}\n{}", place.said("master"), place.said("w1"))),
        }
    }
    usual.conclude(&report, &wrong, &format!("disks --seconds {} --seed {seed}", args.seconds))
}

/// A small disk of its own, with something on it that can be thrown away.
struct Disk {
    dir: PathBuf,
}

impl Disk {
    fn mount(dir: &Path, megabytes: u32) -> anyhow::Result<Self> {
        fs::create_dir_all(dir)?;
        let size = format!("size={megabytes}m");
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir).stderr(Stdio::null()).status();
        match status {
            Ok(status) if status.success() => Ok(Self { dir: dir.to_owned() }),
            _ => Err(Missing("no small disk can be mounted here: that takes root".to_owned()).into()),
        }
    }

    /// Takes all of the room but a little.
    fn fill(&self, but: u64) -> anyhow::Result<()> {
        let stat = rustix::fs::statvfs(&self.dir)?;
        let free = (stat.f_bavail * stat.f_frsize).saturating_sub(but);
        match fs::write(self.dir.join("ballast"), vec![b'x'; usize::try_from(free)?]) {
            // Somebody else took the last of it.
            Err(e) if e.kind() != std::io::ErrorKind::StorageFull => Err(e).context("the ballast is not written"),
            _ => Ok(()),
        }
    }

    fn free(&self) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.dir.join("ballast"))?)
    }

    /// Whether it can be written from now on: `ro` or `rw`.
    fn remount(&self, how: &str) -> anyhow::Result<()> {
        let status = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.dir).status()?;
        if !status.success() {
            bail!("the disk cannot be mounted anew");
        }
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.dir).status();
    }
}

fn start(place: &Place, workers: &[&str]) -> anyhow::Result<(Vec<Daemon>, Api)> {
    let mut daemons = vec![Daemon::master(place)];
    daemons[0].start(place, "")?;
    for name in workers {
        place.make_worker(name, &place.url())?;
        let mut worker = Daemon::worker(place, name);
        worker.start(place, "")?;
        daemons.push(worker);
    }
    let mut api = place.api();
    api.wait_for(workers)?;
    Ok((daemons, api))
}

fn stop(place: &Place, daemons: Vec<Daemon>, workers: &[&str]) -> anyhow::Result<Vec<String>> {
    for mut daemon in daemons.into_iter().rev() {
        daemon.stop()?;
    }
    let names: Vec<String> = workers.iter().map(|w| (*w).to_owned()).collect();
    oracle::leftovers(place, &names, &Default::default())
}

fn master_disk(place: &Place, _: &Disks, seed: u64) -> anyhow::Result<(String, Vec<String>)> {
    let disk = Disk::mount(&place.master_dir(), 64)?;
    let text = head(place.port, "127.0.0.1", &[("w1", "")], 4);
    place.configure(&(text + &builder("b", BRANCH, &["w1"], &step(place, 0, BYTES, 6.0))))?;
    let (daemons, mut api) = start(place, &["w1"])?;
    let changes: Vec<String> = (0..BUILDS).map(|n| super::ledger::revision(seed, n)).collect();
    for change in &changes {
        api.send(change)?;
    }
    disk.fill(ROOM)?;
    let told = |word: &str| place.said("master").contains(word);
    wait(Duration::from_secs(60), "the disk to be full", || {
        Ok((told("all logs wait") || told("nothing can be recorded")).then_some(()))
    })?;
    // Commands that run go on to their ends meanwhile.
    std::thread::sleep(Duration::from_secs(15));
    let reason = place.said("master");
    let reason =
        reason.lines().rev().find(|l| l.contains("wait") || l.contains("recorded")).unwrap_or_default().to_owned();
    let reads = api.get("builds").is_ok();
    let mut wrong = told_of(place, &mut api, &["store", "logs"])?;
    let ended = oracle::notes(place).values().filter(|(_, ended)| *ended > 0).count();
    disk.free()?;
    let freed = Instant::now();
    let before = oracle::notes(place).len();
    wait(Duration::from_secs(60), "builds to go on", || {
        let done = api.count("buildrequests?complete=true").unwrap_or(0);
        Ok((oracle::notes(place).len() > before || done > 0).then_some(()))
    })?;
    let resumed = freed.elapsed();
    api.wait_done(BUILDS, Duration::from_secs(90))?;
    let expected = Expected { changes: &changes, steps: 1, bytes: BYTES, exceptions: 0, retries: false };
    let found = oracle::look(place, &expected)?;
    wrong.extend(found.wrong);
    wrong.extend(told_no_more(&mut api)?);
    if resumed > RESUMED {
        wrong.push(format!("builds went on {:.1} s after there was room", resumed.as_secs_f64()));
    }
    if !reads {
        wrong.push("nothing can be read while the disk is full".to_owned());
    }
    wrong.extend(stop(place, daemons, &["w1"])?);
    Ok((
        format!(
            "the master's disk was full for 15 s: {ended} commands ended meanwhile; builds go on {:.1} s after there is room;\n  \
             {} of {} passed, {} logs whole. It said: {}\n",
            resumed.as_secs_f64(),
            found.passed,
            found.builds,
            found.whole,
            reason.trim()
        ),
        wrong,
    ))
}

/// While a disk is full, the interface, the first page and `sluice status` say so, with the reason and what to do.
fn told_of(place: &Place, api: &mut Api, kinds: &[&str]) -> anyhow::Result<Vec<String>> {
    let live = api.get("sluice/live")?;
    let all = live["obstacles"].as_array().cloned().unwrap_or_default();
    let ours = all.iter().find(|o| kinds.iter().any(|kind| o["what"] == *kind));
    let Some(ours) = ours else { return Ok(vec![format!("nothing is said of the full disk: {}", live["obstacles"])]) };
    let said = |key: &str| ours[key].as_str().unwrap_or_default().to_owned();
    let (sentence, advice) = (said("sentence"), said("advice"));
    let (_, status) = place.ask(&["status", "--master", &place.url()])?;
    let mut wrong = Vec::new();
    for (place, text) in [("sluice status", &status), ("the first page", &api.page("/")?)] {
        if !text.contains(&sentence) || !text.contains(&advice) {
            wrong.push(format!("{place} does not say of the full disk: {sentence}. {advice}\n{text}"));
        }
    }
    Ok(wrong)
}

/// When there is room again, nothing is said any more.
fn told_no_more(api: &mut Api) -> anyhow::Result<Vec<String>> {
    let live = api.get("sluice/live")?;
    let quiet = live["obstacles"].as_array().is_some_and(Vec::is_empty);
    Ok(if quiet { Vec::new() } else { vec![format!("what has passed is still told: {}", live["obstacles"])] })
}

fn worker_disk(place: &Place, _: &Disks, seed: u64) -> anyhow::Result<(String, Vec<String>)> {
    let disk = Disk::mount(&place.worker_dir("w1"), 32)?;
    let text = head(place.port, "127.0.0.1", &[("w1", "")], 2);
    let second = builder("new", "new", &["w1"], &step(place, 0, 1000, 0.1));
    place.configure(&(text + &builder("b", BRANCH, &["w1"], &step(place, 0, BYTES, 8.0)) + &second))?;
    let (daemons, mut api) = start(place, &["w1"])?;
    let change = super::ledger::revision(seed, 0);
    api.send(&change)?;
    wait(Duration::from_secs(20), "the build to run", || Ok((!oracle::notes(place).is_empty()).then_some(())))?;
    std::thread::sleep(Duration::from_secs(1));
    disk.fill(0)?;
    std::thread::sleep(Duration::from_secs(3));
    let late = super::ledger::revision(seed, 1);
    api.send_to("new", &late)?;
    wait(Duration::from_secs(60), "the end of the build that cannot begin", || {
        Ok((api.count("buildrequests?complete=true")? > 0).then_some(()))
    })?;
    let builds = api.list("builds?complete=true", "builds")?;
    let (results, state) = (builds[0]["results"].as_i64(), builds[0]["state_string"].as_str().unwrap_or_default());
    let id = builds[0]["buildid"].as_i64().context("no build")?;
    let steps = api.list(&format!("builds/{id}/steps"), "steps")?;
    let said = steps[0]["state_string"].as_str().unwrap_or_default().to_owned();
    let mut wrong = told_of(place, &mut api, &["worker"])?;
    if results != Some(EXCEPTION) || !said.contains("space") {
        wrong.push(format!("a build on a full disk has the result {results:?}: {state}: {said}"));
    }
    disk.free()?;
    let freed = Instant::now();
    api.wait_done(2, Duration::from_secs(60))?;
    let took = freed.elapsed();
    let changes = [change];
    let expected = Expected { changes: &changes, steps: 1, bytes: BYTES, exceptions: 0, retries: false };
    let found = oracle::look(place, &expected)?;
    wrong.extend(found.wrong.into_iter().filter(|w| !w.contains("no request is for it")));
    wrong.extend(told_no_more(&mut api)?);
    wrong.extend(stop(place, daemons, &["w1"])?);
    Ok((
        format!(
            "the worker's disk was full: the build that ran waited, and passed {:.1} s after there was room;\n  a new one: \"{said}\"\n",
            took.as_secs_f64()
        ),
        wrong,
    ))
}

fn database_held(place: &Place, args: &Disks, seed: u64) -> anyhow::Result<(String, Vec<String>)> {
    let text = head(place.port, "127.0.0.1", &[("w1", "")], 4);
    place.configure(&(text + &builder("b", BRANCH, &["w1"], &step(place, 0, BYTES, 3.0))))?;
    let (daemons, mut api) = start(place, &["w1"])?;
    let changes: Vec<String> = (0..BUILDS).map(|n| super::ledger::revision(seed, n)).collect();
    for change in &changes[..BUILDS / 2] {
        api.send(change)?;
    }
    let script = format!(
        "import sqlite3, time\nc = sqlite3.connect({:?}, isolation_level=None)\nc.execute('PRAGMA busy_timeout=20000')\n\
         c.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\ntime.sleep({})\nc.execute('ROLLBACK')\n",
        place.master_dir().join("sluice.db"),
        args.seconds
    );
    let mut holder =
        Command::new("python3").args(["-c", &script]).stdin(Stdio::null()).spawn().context("python3 is missing")?;
    let held = Instant::now();
    std::thread::sleep(Duration::from_secs(1));
    let mut slowest = Duration::ZERO;
    let (mut reads, mut read_failed) = (0, 0);
    let mut wrong = Vec::new();
    for change in &changes[BUILDS / 2..] {
        let asked = Instant::now();
        if let Err(e) = api.send(change) {
            wrong.push(format!("a change was refused while the database was held: {e:#}"));
        }
        slowest = slowest.max(asked.elapsed());
        reads += 1;
        read_failed += u32::from(api.get("builds?limit=5").is_err());
    }
    if read_failed > 0 {
        wrong.push(format!("{read_failed} of {reads} reads failed while the database was held"));
    }
    if !holder.wait()?.success() {
        bail!("the database could not be held");
    }
    let over = held.elapsed();
    api.wait_done(BUILDS, Duration::from_secs(90))?;
    let expected = Expected { changes: &changes, steps: 1, bytes: BYTES, exceptions: 0, retries: false };
    let found = oracle::look(place, &expected)?;
    wrong.extend(found.wrong);
    wrong.extend(stop(place, daemons, &["w1"])?);
    Ok((
        format!(
            "another process held the database for {:.0} s: a change waited {:.1} s for its answer and got it; {} of {} passed\n",
            over.as_secs_f64(),
            slowest.as_secs_f64(),
            found.passed,
            found.builds
        ),
        wrong,
    ))
}

fn read_only(place: &Place, _: &Disks, seed: u64) -> anyhow::Result<(String, Vec<String>)> {
    let disk = Disk::mount(&place.master_dir(), 64)?;
    let far = Disk::mount(&place.worker_dir("w1"), 32)?;
    let text = head(place.port, "127.0.0.1", &[("w1", "")], 2);
    place.configure(&(text + &builder("b", BRANCH, &["w1"], &step(place, 0, 1000, 0.1))))?;
    let (daemons, mut api) = start(place, &["w1"])?;
    let mut changes = vec![super::ledger::revision(seed, 0)];
    api.send(&changes[0])?;
    api.wait_done(1, Duration::from_secs(30))?;
    let mut wrong = stop(place, daemons, &["w1"])?;
    disk.remount("ro")?;
    far.remount("ro")?;
    let (master, worker) = (place.master_dir().display().to_string(), place.worker_dir("w1").display().to_string());
    for words in [["master", "start", &master], ["master", "run", &master], ["worker", "start", &worker]] {
        let (status, said) = place.ask(&words)?;
        if status.code() != Some(3) || !said.contains("Read-only file system") {
            wrong
                .push(format!("{} {} on a disk that cannot be written ends with {status}: {said}", words[0], words[1]));
        }
    }
    let (status, said) = place.ask(&["fsck", &master])?;
    if !status.success() {
        wrong.push(format!("fsck on a disk that cannot be written ends with {status}: {said}"));
    }
    disk.remount("rw")?;
    far.remount("rw")?;
    let mut daemons = vec![Daemon::master(place), Daemon::worker(place, "w1")];
    daemons.iter_mut().try_for_each(|daemon| daemon.start(place, ""))?;
    let mut api = place.api();
    api.wait_for(&["w1"])?;
    changes.push(super::ledger::revision(seed, 1));
    api.send(&changes[1])?;
    api.wait_done(2, Duration::from_secs(30))?;
    let expected = Expected { changes: &changes, steps: 1, bytes: 1000, exceptions: 0, retries: false };
    let found = oracle::look(place, &expected)?;
    wrong.extend(found.wrong);
    wrong.extend(stop(place, daemons, &["w1"])?);
    Ok((
        format!(
            "directories on disks that cannot be written: neither master nor worker begins, with 3 and the reason;\n  \
             fsck reads; when they can be written again, {} of {} builds passed\n",
            found.passed, found.builds
        ),
        wrong,
    ))
}
