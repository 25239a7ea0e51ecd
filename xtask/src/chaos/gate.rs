//! Twenty submissions to a gate with four slots: two are bad, one is flaky, three are a stack. What is good lands, what
//! is bad is rejected with the reason, in the time that the simulator of the gate predicts; or, while the master is
//! killed at the points of its gate, in whatever time it takes.

mod changes;

use super::town::{Api, Daemon, Place, head, wait};
use super::{Usual, prf};
use anyhow::{Context, bail};
use changes::{CHANGES, Change, Repository, Truth};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Gate {
    /// Kill the master so often at the points of its gate; the time is not held against the simulator then
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    kills: usize,
    /// The longer one of the two tasks takes so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "6")]
    seconds: f64,
    /// So many seconds pass from one submission to the next
    #[arg(long, value_name = "SECONDS", default_value = "1")]
    gap: f64,
}

const WORKER: &str = "w";
const SLOTS: usize = 4;
const TASKS: usize = 2;

/// The shorter task takes this part of the longer one's time.
const SHORTER: f64 = 0.4;

/// The prediction may be wrong by this part.
const TOLERANCE: f64 = 0.15;

/// So long everything may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// Where a master with a gate may be killed.
const POINTS: [&str; 5] = ["gate-turn-kept", "gate-published", "gate-set-filed", "gate-pushing", "gate-pushed"];

pub(crate) fn run(args: &Gate, usual: &Usual) -> anyhow::Result<()> {
    let seed = usual.seed();
    let mut place = Place::new("gate", &usual.program()?)?;
    if usual.keep {
        place.keep();
    }
    let (report, wrong) = match go(args, &place, seed) {
        Ok(outcome) => outcome,
        Err(e) => (String::new(), vec![format!("{e:#}"), place.said("master")]),
    };
    let Gate { kills, seconds, gap } = args;
    usual.conclude(&report, &wrong, &format!("gate --kills {kills} --seconds {seconds} --gap {gap} --seed {seed}"))
}

fn go(args: &Gate, place: &Place, seed: u64) -> anyhow::Result<(String, Vec<String>)> {
    let repository = Repository::new(&place.dir)?;
    place.configure(&configuration(args, place, &repository))?;
    let mut master = Daemon::master(place);
    master.start(place, "")?;
    place.make_worker(WORKER, &place.url())?;
    let mut worker = Daemon::worker(place, WORKER);
    worker.start(place, "")?;
    place.api().wait_for(&[WORKER])?;
    let pace = if args.kills == 0 { Some(rehearse(place, &repository)?) } else { None };
    let changes = repository.changes()?;
    let mut show = Show { place, args, master, seed, shots: 0, begun: Instant::now(), all: BTreeMap::new() };
    show.play(&changes)?;
    let green: Vec<String> = list(&mut place.api(), "gates/trunk/trials?state=green&limit=500", "trials")?
        .iter()
        .filter_map(|trial| trial["commit"].as_str().map(str::to_owned))
        .collect();
    let wanted: Vec<&str> = changes.iter().filter(|c| c.truth.lands()).map(|c| c.name.as_str()).collect();
    let mut wrong = repository.judge(&green, &wanted)?;
    wrong.extend(show.judge());
    wait(Duration::from_secs(60), "the end of all trials", || Ok(repository.trials()?.is_empty().then_some(())))?;
    let report = match pace {
        Some(pace) => show.compare(&pace, &mut wrong)?,
        None => show.killed(&mut wrong)?,
    };
    show.master.stop()?;
    worker.stop()?;
    Ok((report, wrong))
}

/// Two gates of the same tasks: one to learn how long things take, and the one that is watched.
fn configuration(args: &Gate, place: &Place, repository: &Repository) -> String {
    let mut text = head(place.port, "127.0.0.1", &[(WORKER, "")], u32::try_from(SLOTS * TASKS).unwrap_or(u32::MAX));
    for (task, seconds) in [("unit", args.seconds), ("lint", args.seconds * SHORTER)] {
        let flaked = place.dir.join(format!("flaked-{task}"));
        let script = format!(
            "echo TAP version 13; sleep {seconds:.2}; if [ -e bad-{task} ]; then echo 'not ok 1 - {task} is well'; \
             elif [ -e flaky-{task} ] && mkdir {} 2>/dev/null; then echo 'not ok 1 - {task} is well'; \
             else echo 'ok 1 - {task} is well'; fi; echo 1..1",
            flaked.display()
        );
        let _ = writeln!(text, "task(\"{task}\", stages = [stage(\"test\", {}, output = \"tap\")])", json!(script));
    }
    let url = json!(repository.bare.display().to_string());
    for (gate, branch) in [("rehearsal", "rehearsal"), ("trunk", "main")] {
        let _ = writeln!(text, "gate(\"{gate}\", repo = {url}, branch = \"{branch}\", slots = {SLOTS})");
    }
    text
}

/// How long things take here, in seconds.
struct Pace {
    trial: f64,
    push: f64,
}

/// Learns that by trials of good changes, as many at once as there are slots.
fn rehearse(place: &Place, repository: &Repository) -> anyhow::Result<Pace> {
    let (mut lengths, mut pushes) = (Vec::new(), Vec::new());
    let mut api = place.api();
    wait_for_gate(&mut api, "rehearsal")?;
    let mut begun: BTreeMap<i64, Instant> = BTreeMap::new();
    let mut ended: BTreeMap<i64, Instant> = BTreeMap::new();
    for round in 0..2 {
        for change in repository.rehearsal(round, SLOTS)? {
            api.call("gates/rehearsal", "land", &json!({ "reference": change.name, "owner": change.owner }))?;
        }
        let mut green = None;
        wait(PATIENCE, "the rehearsal", || {
            for trial in list(&mut api, "gates/rehearsal/trials?limit=100", "trials")? {
                let id = trial["trialid"].as_i64().unwrap_or_default();
                begun.entry(id).or_insert_with(Instant::now);
                if trial["state"] == "green" && !ended.contains_key(&id) {
                    ended.insert(id, Instant::now());
                    lengths.push(begun[&id].elapsed().as_secs_f64());
                    green.get_or_insert_with(Instant::now);
                }
            }
            let all = list(&mut api, "gates/rehearsal/candidates?limit=100", "candidates")?;
            if let Some(since) = green
                && pushes.len() == round
                && all.iter().filter(|c| c["state"] == "landed").count() > round * SLOTS
            {
                pushes.push(since.elapsed().as_secs_f64());
            }
            Ok(all.iter().all(|c| c["state"] == "landed").then_some(()))
        })?;
    }
    Ok(Pace { trial: mean(&lengths), push: mean(&pushes) })
}

fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / all.len().max(1) as f64
}

fn list(api: &mut Api, path: &str, plural: &str) -> anyhow::Result<Vec<Value>> {
    api.list(path, plural)
}

fn wait_for_gate(api: &mut Api, name: &str) -> anyhow::Result<()> {
    wait(Duration::from_secs(60), "the gate", || {
        let gates = api.list(&format!("gates/{name}"), "gates").unwrap_or_default();
        Ok(gates.first().is_some_and(|gate| gate["tip"] != "").then_some(()))
    })
}

/// A submission as it went.
struct Submitted {
    change: Change,
    /// Seconds since the first one.
    at: f64,
    needs: Vec<i64>,
    /// When it was decided, and how.
    ended: Option<(f64, Value)>,
}

/// The scene as it is played.
struct Show<'a> {
    place: &'a Place,
    args: &'a Gate,
    master: Daemon,
    seed: u64,
    /// How often the master was started with a point armed.
    shots: u64,
    begun: Instant,
    all: BTreeMap<i64, Submitted>,
}

impl Show<'_> {
    /// Hands everything in, and waits until all of it is decided.
    fn play(&mut self, changes: &[Change]) -> anyhow::Result<()> {
        wait_for_gate(&mut self.place.api(), "trunk")?;
        if self.args.kills > 0 {
            self.master.stop()?;
            self.attend()?;
        }
        self.begun = Instant::now();
        let mut handed = 0;
        loop {
            self.attend()?;
            let due = self.begun + Duration::from_secs_f64(self.args.gap * handed as f64);
            if let Some(change) = changes.get(handed)
                && Instant::now() >= due
                && self.hand_in(change)?
            {
                handed += 1;
            }
            self.look()?;
            if handed == CHANGES && self.all.values().all(|one| one.ended.is_some()) {
                break;
            }
            if self.begun.elapsed() > PATIENCE {
                bail!("{} are decided after {} s", self.decided(), PATIENCE.as_secs());
            }
            std::thread::park_timeout(Duration::from_millis(40));
        }
        // Whoever is asked from now on lives.
        self.place.hold_kills()?;
        wait(Duration::from_secs(60), "the master", || {
            self.attend()?;
            Ok(self.place.api().answers().then_some(()))
        })
    }

    fn decided(&self) -> usize {
        self.all.values().filter(|one| one.ended.is_some()).count()
    }

    fn kills(&self) -> Vec<String> {
        let text = fs::read_to_string(self.place.kills()).unwrap_or_default();
        text.lines().filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
    }

    /// A master that was killed is started again, to be killed at another point, while there is something to decide.
    fn attend(&mut self) -> anyhow::Result<()> {
        let runs = self.master.ended()?.is_none() && self.master.child.is_some();
        if runs {
            return Ok(());
        }
        if self.args.kills == 0 {
            bail!("the master has ended");
        }
        if self.kills().len() >= self.args.kills {
            return self.master.start(self.place, "");
        }
        let point = POINTS[usize::try_from(self.shots)? % POINTS.len()];
        let skip = prf::mix(self.seed ^ self.shots) % 4;
        self.shots += 1;
        let armed = if skip == 0 { format!("{point}=return") } else { format!("{point}={skip}*off->return") };
        self.master.start(self.place, &armed)
    }

    /// Hands one in; `false`: nobody answered.
    fn hand_in(&mut self, change: &Change) -> anyhow::Result<bool> {
        let mut api = self.place.api();
        let params = json!({ "reference": change.name, "owner": change.owner });
        let before = format!("gates/trunk/candidates?commit={}", change.commit);
        let found = match api.call("gates/trunk", "land", &params) {
            Ok(candidate) => Some(candidate),
            Err(e) if self.args.kills == 0 => return Err(e),
            // It may have been taken, and be decided by now.
            Err(_) => api.list(&before, "candidates").ok().and_then(|mut all| all.pop()),
        };
        let Some(candidate) = found else { return Ok(false) };
        if self.all.is_empty() {
            self.begun = Instant::now();
        }
        let at = self.begun.elapsed().as_secs_f64();
        let needs = candidate["needs"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        let id = candidate["candidateid"].as_i64().context("a candidate without a number")?;
        self.all.insert(id, Submitted { change: change.clone(), at, needs, ended: None });
        Ok(true)
    }

    /// Notes who is decided.
    fn look(&mut self) -> anyhow::Result<()> {
        let all = match self.place.api().list("gates/trunk/candidates?limit=100", "candidates") {
            Ok(all) => all,
            Err(_) if self.args.kills > 0 => return Ok(()),
            Err(e) => return Err(e),
        };
        let now = self.begun.elapsed().as_secs_f64();
        for candidate in all.into_iter().filter(|c| c["state"] != "waiting") {
            let id = candidate["candidateid"].as_i64().unwrap_or_default();
            if let Some(one) = self.all.get_mut(&id) {
                one.ended.get_or_insert((now, candidate));
            }
        }
        Ok(())
    }

    /// Who ended otherwise than must be.
    fn judge(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (id, one) in &self.all {
            let Some((_, end)) = &one.ended else { continue };
            let told = |word: &str| end["reason"].as_str().is_some_and(|reason| reason.contains(word));
            let right = match one.change.truth {
                Truth::Bad(task) => end["state"] == "rejected" && told(&format!("{task} is well")),
                Truth::Good | Truth::Flaky(_) => end["state"] == "landed",
            };
            if !right {
                let name = &one.change.name;
                wrong.push(format!("{id} ({name}, {:?}) is {}: {}", one.change.truth, end["state"], end["reason"]));
            }
        }
        wrong
    }

    /// Asks the simulator, and holds its answer against what happened.
    fn compare(&self, pace: &Pace, wrong: &mut Vec<String>) -> anyhow::Result<String> {
        let overhead = pace.trial - self.args.seconds;
        let submissions: Vec<Value> = self
            .all
            .iter()
            .map(|(id, one)| {
                let Submitted { change, at, needs, .. } = one;
                json!({ "id": id, "at": at, "verdict": change.truth.verdict(), "needs": needs, "author": change.owner })
            })
            .collect();
        let scene = json!({
            "slots": SLOTS,
            "tasks": [
                { "name": "unit", "seconds": pace.trial },
                { "name": "lint", "seconds": self.args.seconds * SHORTER + overhead },
            ],
            "push": pace.push,
            "submissions": submissions,
        });
        let told = predict(self.place, &scene)?;
        let took = self.all.values().filter_map(|one| Some(one.ended.as_ref()?.0)).fold(0.0, f64::max);
        let predicted = told["seconds"].as_f64().context("the simulator tells no time")?;
        let mut text = format!("a trial takes {:.2} s, a push {:.2} s\n\n", pace.trial, pace.push);
        let _ = writeln!(text, "{:<10} {:>6} {:>18} {:>22}", "", "at", "was", "was predicted");
        for (id, one) in &self.all {
            let Some((at, end)) = &one.ended else { continue };
            let ends = told["ends"].as_array().into_iter().flatten();
            let other = ends.into_iter().find(|e| e["id"] == *id).cloned().unwrap_or_default();
            let (state, what) = (end["state"].as_str().unwrap_or("?"), other["end"].as_str().unwrap_or("?"));
            let (name, when) = (&one.change.name, other["at"].as_f64().unwrap_or(f64::NAN));
            let _ = writeln!(text, "{name:<10} {:>6.1} {at:>8.1} {state:<9} {when:>8.1} {what}", one.at);
        }
        let off = took / predicted - 1.0;
        let trials = self.place.api().count("gates/trunk/trials")?;
        let _ = writeln!(
            text,
            "\n{took:.1} s and {trials} trials; {predicted:.1} s and {} trials were predicted: {:+.1} %",
            told["trials"],
            off * 100.0
        );
        if off.abs() > TOLERANCE {
            wrong.push(format!(
                "the prediction is off by {:+.1} %, and may be by {:.0}",
                off * 100.0,
                TOLERANCE * 100.0
            ));
        }
        Ok(text)
    }

    /// How often the master was killed where.
    fn killed(&self, wrong: &mut Vec<String>) -> anyhow::Result<String> {
        let all = self.kills();
        let mut text = format!("{} kills while {CHANGES} submissions were decided\n", all.len());
        for point in POINTS {
            let times = all.iter().filter(|name| *name == point).count();
            let _ = writeln!(text, "  {point:<16} {times:>4}");
            if times == 0 && self.args.kills >= POINTS.len() {
                wrong.push(format!("the master was never killed at {point}"));
            }
        }
        Ok(text)
    }
}

fn predict(place: &Place, scene: &Value) -> anyhow::Result<Value> {
    let (asked, told) = (place.dir.join("scene.json"), place.dir.join("told.json"));
    fs::write(&asked, serde_json::to_string_pretty(scene)?)?;
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--package", "gate-sim", "--", "--queue"]).arg(&asked).arg("--json").arg(&told);
    let out = command.stdin(Stdio::null()).output().context("cannot start cargo")?;
    if !out.status.success() {
        bail!("the simulator of the gate: {}", String::from_utf8_lossy(&out.stderr).trim());
    }
    Ok(serde_json::from_str(&fs::read_to_string(&told)?)?)
}
