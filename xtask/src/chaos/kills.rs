//! Master, workers and supervisors are killed at random, at named points and from outside, while builds run.
//!
//! What is promised: every change that was acknowledged is there once and is built once. A build ends with one result.
//! Nothing but the death of a supervisor costs a build: its step is an EXCEPTION then, whose log is whole up to the last
//! byte that was spooled. A step that passed ran once, and its log is what it said, byte for byte.

use super::Usual;
use super::ledger::Ledger;
use super::oracle::{self, Expected, Found};
use super::prf::mix;
use super::program::{self, Part, Point};
use super::town::{BRANCH, Daemon, Place, builder, head, signal, step, wait};
use anyhow::bail;
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

#[derive(clap::Args, Clone)]
pub(crate) struct Kills {
    /// So many kills
    #[arg(long, value_name = "NUMBER", default_value = "300")]
    kills: usize,
    /// So many builds of three steps; more, when the kills take longer
    #[arg(long, value_name = "NUMBER", default_value = "100")]
    builds: usize,
    /// Bytes that each step says
    #[arg(long, value_name = "NUMBER", default_value = "5000000")]
    bytes: usize,
}

impl Kills {
    /// As few as show that it works.
    pub(crate) fn few() -> Self {
        Self { kills: 12, builds: 6, bytes: 500_000 }
    }
}

/// Steps of a build.
const STEPS: usize = 3;
/// The workers, and how many builds each has at once.
const WORKERS: [&str; 2] = ["w1", "w2"];
const AT_ONCE: u32 = 4;
/// About so much time passes between two kills.
const BETWEEN: f64 = 0.8;
/// Of so many kills one is a supervisor's.
const SUPERVISORS: usize = 10;
/// Without an answer to the last build for so long, the run has failed.
const PATIENCE: Duration = Duration::from_secs(240);

pub(crate) fn run(args: &Kills, usual: &Usual) -> anyhow::Result<()> {
    let seed = usual.seed();
    let mut place = Place::new("kills", &usual.program()?)?;
    if usual.keep {
        place.keep();
    }
    let begun = Instant::now();
    let mut run = Run::new(&place, args, seed)?;
    eprintln!("seed {seed}, {} kills, {} builds, in {}", args.kills, args.builds, place.dir.display());
    let again = format!("--kills {} --builds {} --bytes {} --seed {seed}", args.kills, args.builds, args.bytes);
    let outcome = run.go().and_then(|()| run.judge());
    let (found, mut wrong) = match outcome {
        Ok(found) => found,
        Err(e) => (Found::default(), vec![format!("{e:#}")]),
    };
    wrong.extend(found.wrong.iter().cloned());
    if !wrong.is_empty() {
        wrong.extend(["master", "w1", "w2"].map(|name| format!("the last words of {name}:\n{}", place.said(name))));
    }
    usual.conclude(&run.report(&found, begun.elapsed()), &wrong, &again)
}

/// What was killed, by what.
#[derive(Default)]
struct Tally {
    /// At points, by name.
    points: BTreeMap<String, usize>,
    /// From outside.
    outside: BTreeMap<&'static str, usize>,
    /// Stopped for a while.
    stopped: usize,
}

impl Tally {
    fn kills(&self) -> usize {
        self.points.values().sum::<usize>() + self.outside.values().sum::<usize>()
    }
}

struct Run<'a> {
    place: &'a Place,
    args: &'a Kills,
    dice: Dice,
    points: Vec<Point>,
    daemons: Vec<Daemon>,
    /// When each is killed from outside, or started again.
    due: Vec<Instant>,
    ledger: Option<Ledger>,
    tally: Tally,
    /// Kills from outside whose end was not seen yet.
    expected: BTreeSet<u32>,
    seen: BTreeSet<u32>,
    fsck: &'static str,
}

/// Chance, from the seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(1);
        (mix(self.0) % limit.max(1) as u64) as usize
    }

    fn span(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below((to - from) as usize) as u64)
    }
}

impl<'a> Run<'a> {
    fn new(place: &'a Place, args: &'a Kills, seed: u64) -> anyhow::Result<Self> {
        let seconds = Self::step_seconds(args);
        let steps: String = (0..STEPS).map(|number| step(place, number, args.bytes, seconds)).collect();
        let head = head(place.port, "127.0.0.1", &WORKERS.map(|w| (w, "")), AT_ONCE);
        place.configure(&(head + &builder("b", BRANCH, &WORKERS, &steps)))?;
        let mut daemons = vec![Daemon::master(place)];
        for worker in WORKERS {
            place.make_worker(worker, &place.url())?;
            daemons.push(Daemon::worker(place, worker));
        }
        Ok(Self {
            place,
            args,
            dice: Dice(mix(seed)),
            points: program::points()?,
            due: vec![Instant::now(); daemons.len()],
            daemons,
            ledger: Some(Ledger::open(
                place,
                seed,
                args.builds,
                Duration::from_secs_f64(Self::seconds(args) / args.builds.max(1) as f64),
            )),
            tally: Tally::default(),
            expected: BTreeSet::new(),
            seen: BTreeSet::new(),
            fsck: "not asked",
        })
    }

    /// How long the kills take.
    fn seconds(args: &Kills) -> f64 {
        args.kills as f64 * BETWEEN
    }

    /// Steps last as long as the kills need.
    fn step_seconds(args: &Kills) -> f64 {
        let at_once = f64::from(AT_ONCE) * WORKERS.len() as f64;
        (Self::seconds(args) * at_once / (args.builds.max(1) * STEPS) as f64 * 0.7).clamp(0.3, 20.0)
    }

    /// Kills until there were enough, then waits for all builds.
    fn go(&mut self) -> anyhow::Result<()> {
        let mut told = Instant::now();
        let mut supervisor_at = Instant::now() + Duration::from_secs(3);
        let mut last_look = Instant::now();
        while self.tally.kills() < self.args.kills {
            for index in 0..self.daemons.len() {
                self.attend(index)?;
            }
            if last_look.elapsed() > Duration::from_millis(300) {
                last_look = Instant::now();
                self.read_kills();
                self.seen.extend(self.place.supervisors());
                self.want_more();
            }
            if Instant::now() >= supervisor_at {
                supervisor_at = Instant::now() + self.dice.span(4000, 12_000);
                self.kill_a_supervisor();
            }
            if told.elapsed() > Duration::from_secs(5) {
                told = Instant::now();
                self.tell();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.place.hold_kills()?;
        let (builds, sent) = (self.args.builds, self.ledger.as_ref().map_or(0, Ledger::wanted));
        eprintln!("no more kills; {sent} changes for {builds} builds");
        self.finish()
    }

    /// One daemon: what became of it, and what is to be done to it now.
    fn attend(&mut self, index: usize) -> anyhow::Result<()> {
        let now = Instant::now();
        if let Some((pid, status)) = self.daemons[index].ended()? {
            self.read_kills();
            let name = self.daemons[index].name.clone();
            if !self.expected.remove(&pid) {
                bail!("{name} ended by itself ({status}):\n{}", self.place.said(&name));
            }
            self.due[index] =
                now + if self.dice.below(8) == 0 { self.dice.span(500, 3000) } else { self.dice.span(0, 200) };
            return Ok(());
        }
        if now < self.due[index] {
            return Ok(());
        }
        match self.daemons[index].pid() {
            None => self.start(index),
            Some(pid) => {
                self.strike(index, pid);
                Ok(())
            }
        }
    }

    fn start(&mut self, index: usize) -> anyhow::Result<()> {
        let part = self.daemons[index].part;
        let mut armed = match self.schema_is_there() {
            false if part == Part::Master => "schema-begun=return".to_owned(),
            _ => self.arm(part),
        };
        if part == Part::Worker && self.supervisor_kills() < self.supervisor_limit() {
            armed = format!("{armed};{}", self.arm(Part::Supervisor));
        }
        self.daemons[index].start(self.place, &armed)?;
        self.due[index] = Instant::now() + self.dice.span(1000, 7000);
        Ok(())
    }

    /// Only a master that finds no database comes by the points of its making.
    fn schema_is_there(&self) -> bool {
        self.tally.points.contains_key("schema-begun")
    }

    /// A point of the part that was not killed at often, and when it is to be.
    fn arm(&mut self, part: Part) -> String {
        let mut of_part: Vec<(usize, usize, String)> = Vec::new();
        for point in self.points.iter().filter(|p| p.part == part) {
            let times = self.tally.points.get(&point.name).copied().unwrap_or(0);
            of_part.push((times, self.dice.below(1 << 20), point.name.clone()));
        }
        of_part.sort();
        let name = of_part.swap_remove(self.dice.below(4).min(of_part.len() - 1)).2;
        if part == Part::Supervisor {
            // Each new supervisor has its own count: now and then one of them is killed.
            return match name.starts_with("output") {
                true => format!("{name}=0.1%return"),
                false => format!("{name}=15%return"),
            };
        }
        match [0, 0, self.dice.below(4), self.dice.below(40)][self.dice.below(4)] {
            0 => format!("{name}=return"),
            skip => format!("{name}={skip}*off->return"),
        }
    }

    fn supervisor_kills(&self) -> usize {
        let of_part = |name: &String| self.points.iter().any(|p| p.part == Part::Supervisor && p.name == *name);
        let at_points: usize = self.tally.points.iter().filter(|(name, _)| of_part(name)).map(|(_, n)| n).sum();
        at_points + self.tally.outside.get("supervisor").copied().unwrap_or(0)
    }

    fn supervisor_limit(&self) -> usize {
        self.args.kills.div_ceil(SUPERVISORS)
    }

    /// From outside: mostly the end, now and then a stop for a while.
    fn strike(&mut self, index: usize, pid: u32) {
        match self.dice.below(8) {
            0 => {
                signal(pid, Signal::STOP);
                std::thread::sleep(self.dice.span(100, 1500));
                signal(pid, Signal::CONT);
                self.tally.stopped += 1;
                self.due[index] = Instant::now() + self.dice.span(300, 3000);
            }
            1 if self.daemons[index].part == Part::Master => {
                // The configuration is read again.
                signal(pid, Signal::HUP);
                self.due[index] = Instant::now() + self.dice.span(300, 2000);
            }
            _ => {
                self.expected.insert(pid);
                signal(pid, Signal::KILL);
                *self.tally.outside.entry(self.daemons[index].part.word()).or_default() += 1;
                self.due[index] = Instant::now();
            }
        }
    }

    fn kill_a_supervisor(&mut self) {
        let all = self.place.supervisors();
        if all.is_empty() || self.supervisor_kills() >= self.supervisor_limit() {
            return;
        }
        let pid = all[self.dice.below(all.len())];
        if self.dice.below(4) == 0 {
            signal(pid, Signal::STOP);
            std::thread::sleep(self.dice.span(50, 500));
            signal(pid, Signal::CONT);
            self.tally.stopped += 1;
            return;
        }
        signal(pid, Signal::KILL);
        *self.tally.outside.entry(Part::Supervisor.word()).or_default() += 1;
    }

    /// What the points noted.
    fn read_kills(&mut self) {
        self.tally.points.clear();
        for line in std::fs::read_to_string(self.place.kills()).unwrap_or_default().lines() {
            if let Some((name, pid)) = line.split_once(' ') {
                *self.tally.points.entry(name.to_owned()).or_default() += 1;
                self.expected.extend(pid.parse::<u32>());
            }
        }
    }

    /// While there are not enough kills, builds go on.
    fn want_more(&mut self) {
        let done = self.place.api().count("buildrequests?complete=true").unwrap_or(0);
        if let Some(ledger) = &self.ledger
            && done as usize + 4 >= ledger.wanted()
        {
            ledger.want(8);
        }
    }

    fn tell(&mut self) {
        let done = self.place.api().count("buildrequests?complete=true").map_or("?".to_owned(), |n| n.to_string());
        let (sent, wanted) = self.ledger.as_ref().map_or((0, 0), |l| (l.sent(), l.wanted()));
        eprintln!(
            "  {:>4} kills, {} of them supervisors; {} stops; {sent} of {wanted} changes sent, {done} builds done",
            self.tally.kills(),
            self.supervisor_kills(),
            self.tally.stopped
        );
    }

    /// Everybody lives, nobody is killed any more: all must end.
    fn finish(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut last = (0, Instant::now());
        let mut told = Instant::now();
        loop {
            for index in 0..self.daemons.len() {
                if let Some((pid, status)) = self.daemons[index].ended()? {
                    self.read_kills();
                    let name = self.daemons[index].name.clone();
                    if !self.expected.remove(&pid) {
                        bail!("{name} ended by itself ({status}):\n{}", self.place.said(&name));
                    }
                }
                if self.daemons[index].pid().is_none() {
                    self.daemons[index].start(self.place, "")?;
                }
            }
            self.seen.extend(self.place.supervisors());
            let done = self.place.api().count("buildrequests?complete=true").unwrap_or(0);
            let (sent, wanted) = self.ledger.as_ref().map_or((0, 0), |l| (l.sent(), l.wanted()));
            if sent == wanted && done as usize >= wanted {
                break;
            }
            if done != last.0 {
                last = (done, Instant::now());
            }
            if last.1.elapsed() > PATIENCE {
                bail!("no build has ended for {} s; {done} of {wanted} have", PATIENCE.as_secs());
            }
            if told.elapsed() > Duration::from_secs(5) {
                told = Instant::now();
                self.tell();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        eprintln!("all builds have ended, {:.1} s after the last kill", begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// The oracles.
    fn judge(&mut self) -> anyhow::Result<(Found, Vec<String>)> {
        let changes = self.ledger.take().map(Ledger::close).unwrap_or_default();
        self.read_kills();
        let mut api = self.place.api();
        wait(Duration::from_secs(30), "the last logs", || {
            let open = api.list("builds?complete=false", "builds")?;
            Ok(open.is_empty().then_some(()))
        })?;
        let expected = Expected {
            changes: &changes,
            steps: STEPS,
            bytes: self.args.bytes,
            exceptions: self.supervisor_kills(),
            retries: false,
        };
        let found = oracle::look(self.place, &expected)?;
        for daemon in self.daemons.iter_mut().rev() {
            daemon.stop()?;
        }
        let workers: Vec<String> = WORKERS.map(str::to_owned).to_vec();
        let mut wrong = oracle::leftovers(self.place, &workers, &self.seen)?;
        let (fsck, unclean) = oracle::fsck(self.place)?;
        self.fsck = fsck;
        wrong.extend(unclean);
        Ok((found, wrong))
    }

    fn report(&self, found: &Found, took: Duration) -> String {
        let mut text = String::from("\nkills by point\n");
        for part in [Part::Master, Part::Worker, Part::Supervisor] {
            text += &format!("  {}\n", part.word());
            for point in self.points.iter().filter(|p| p.part == part) {
                let times = self.tally.points.get(&point.name).copied().unwrap_or(0);
                text += &format!("    {:<24}{times:>5}\n", point.name);
            }
            let outside = self.tally.outside.get(part.word()).copied().unwrap_or(0);
            text += &format!("    {:<24}{outside:>5}\n", "kill -9 from outside");
        }
        let points: usize = self.tally.points.values().sum();
        let reached = self.tally.points.len();
        text += &format!(
            "{} kills: {points} at {reached} of {} points, {} from outside; {} stops for a while\n",
            self.tally.kills(),
            self.points.len(),
            self.tally.outside.values().sum::<usize>(),
            self.tally.stopped,
        );
        text += &format!(
            "{} changes, {} builds: {} passed, {} EXCEPTION (their supervisor was killed), {} tried again\n",
            found.changes, found.builds, found.passed, found.exceptions, found.retries
        );
        text += &format!(
            "{} steps, {} commands begun; {} logs, {} whole, {:.1} MB checked byte for byte\n",
            found.steps,
            found.begun,
            found.logs,
            found.whole,
            found.bytes as f64 / 1e6
        );
        text += &format!("fsck: {}; {:.0} s in all\n", self.fsck, took.as_secs_f64());
        text
    }
}
