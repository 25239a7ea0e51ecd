//! A worker behind a line of 64 kbit/s each way with a log that is far too large for it, then behind one that loses much.
//!
//! Signs of life are not starved by the log: the worker stays connected, and a build that is stopped hears of it.
//! A fifth of all packets is lost then, in both directions; where there is no nftables, a queue of three packets
//! overflows again and again instead.

use super::net::{HOST, Net};
use super::oracle::{self, Expected};
use super::town::{Api, BRANCH, Daemon, Place, builder, head, step, wait};
use super::{Missing, Usual};
use anyhow::Context;
use serde_json::json;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Slow {
    /// Bytes of the large log
    #[arg(long, value_name = "NUMBER", default_value = "200000000")]
    bytes: usize,
    /// So long the line is slow
    #[arg(long, value_name = "NUMBER", default_value = "60")]
    seconds: u64,
}

/// 64 kbit/s with the queue of a cheap modem.
const MODEM: &[&str] = &["tbf", "rate", "64kbit", "burst", "3000", "latency", "600ms"];
/// Of a hundred packets.
const LOST: u32 = 20;
const OVERFLOWING: &[&str] = &["tbf", "rate", "4mbit", "burst", "3000", "limit", "4500"];
/// What is said over the lossy line.
const LOSSY_BYTES: usize = 5_000_000;
/// A build over the lossy line is given so long.
const LOSSY_DONE: Duration = Duration::from_secs(300);
/// By then a stop has come over the slow line.
const STOPPED: Duration = Duration::from_secs(20);

pub(crate) fn run(args: &Slow, usual: &Usual) -> anyhow::Result<()> {
    let net = Net::make().map_err(|e| Missing(format!("no slow line can be made here: {e:#}")))?;
    let seed = usual.seed();
    let mut place = Place::new("slow", &usual.program()?)?;
    if usual.keep {
        place.keep();
    }
    let (report, wrong) = match go(args, &place, &net, seed) {
        Ok(outcome) => outcome,
        Err(e) => (String::new(), vec![format!("{e:#}\n{}\n{}", place.said("master"), place.said("w1"))]),
    };
    usual.conclude(&report, &wrong, &format!("slow --bytes {} --seconds {} --seed {seed}", args.bytes, args.seconds))
}

fn go(args: &Slow, place: &Place, net: &Net, seed: u64) -> anyhow::Result<(String, Vec<String>)> {
    let workers = [("w1", "")];
    let large = builder("b", BRANCH, &["w1"], &step(place, 0, args.bytes, 1.0));
    let second = builder("stopped", "stopped", &["w1"], "    steps.shell(\"sleep 600\", name = \"s\"),\n");
    let third = builder("lossy", "lossy", &["w1"], &step(place, 0, LOSSY_BYTES, 1.0));
    place.configure(&(head(place.port, "0.0.0.0", &workers, 3) + &large + &second + &third))?;
    let mut master = Daemon::master(place);
    master.start(place, "")?;
    let mut api = place.api();
    place.make_worker("w1", &format!("http://{HOST}:{}", place.port))?;
    let mut far = Daemon::worker(place, "w1");
    far.before = net.way_in();
    far.start(place, "")?;
    api.wait_for(&["w1"])?;
    net.shape(MODEM).context("the line cannot be made slow")?;
    let change = super::ledger::revision(seed, 0);
    api.send(&change)?;
    api.send_to("stopped", &super::ledger::revision(seed, 1))?;
    wait(Duration::from_secs(30), "the log to begin", || Ok((!oracle::notes(place).is_empty()).then_some(())))?;
    let mut wrong = Vec::new();
    let begun = Instant::now();
    let mut away = 0;
    let mut stopped = None;
    while begun.elapsed() < Duration::from_secs(args.seconds) {
        away += u32::from(!api.is_connected("w1")?);
        if stopped.is_none() && begun.elapsed() > Duration::from_secs(args.seconds / 3) {
            stopped = Some(stop(place, &mut api)?);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    if away > 0 {
        wrong.push(format!("the worker was away {away} times while its log filled the line"));
    }
    let stopped = stopped.unwrap_or_default();
    if stopped > STOPPED {
        wrong.push(format!("a stop took {:.1} s over the slow line", stopped.as_secs_f64()));
    }
    net.unshape()?;
    let fast = Instant::now();
    api.wait_done(2, Duration::from_secs(120 + args.bytes as u64 / 2_000_000))?;
    let caught_up = fast.elapsed();
    let (changes, exceptions, retries) = ([change], 0, false);
    let expected = Expected { changes: &changes, steps: 1, bytes: args.bytes, exceptions, retries };
    let found = oracle::look(place, &expected)?;
    wrong.extend(found.wrong);
    let mut report = format!(
        "64 kbit/s and a log of {:.0} MB for {} s: the worker was connected all the time, a stop came to its command in {:.1} s;\n\
         all of it was there {:.1} s after the line was fast again, {:.1} MB checked byte for byte\n",
        args.bytes as f64 / 1e6,
        args.seconds,
        stopped.as_secs_f64(),
        caught_up.as_secs_f64(),
        found.bytes as f64 / 1e6
    );
    report += &lossy(place, net, &mut api, seed, &mut wrong)?;
    far.stop()?;
    master.stop()?;
    wrong.extend(oracle::leftovers(place, &["w1".to_owned()], &Default::default())?);
    Ok((report, wrong))
}

/// Stops the build that sleeps; how long that took.
fn stop(place: &Place, api: &mut Api) -> anyhow::Result<Duration> {
    let builder = api.list("builders?name=stopped", "builders")?[0]["builderid"].as_i64().context("no builder")?;
    let open = format!("builders/{builder}/builds?complete=false");
    let build = api.list(&open, "builds")?.first().and_then(|b| b["buildid"].as_i64()).context("no build to stop")?;
    wait(Duration::from_secs(30), "the command that is to be stopped", || Ok(sleeps(place).then_some(())))?;
    let begun = Instant::now();
    api.call(&format!("builds/{build}"), "stop", &json!({ "reason": "shown" }))?;
    // Its end stands in the line behind the large log; what counts here is that the worker heard.
    wait(Duration::from_secs(90), "the end of the stopped command", || Ok((!sleeps(place)).then_some(())))?;
    Ok(begun.elapsed())
}

/// Whether the command runs that is to be stopped.
fn sleeps(place: &Place) -> bool {
    place.processes().iter().any(|(_, line)| line.ends_with("sleep 600"))
}

/// A build over a line that loses much; what is to be said of it.
fn lossy(place: &Place, net: &Net, api: &mut Api, seed: u64, wrong: &mut Vec<String>) -> anyhow::Result<String> {
    let rule = net.lose(LOST);
    if rule.is_err() {
        net.shape(OVERFLOWING)?;
    }
    let begun = Instant::now();
    let change = super::ledger::revision(seed, 2);
    api.send_to("lossy", &change)?;
    let (mut looks, mut away) = (0, 0);
    while api.done() < 3 {
        if begun.elapsed() > LOSSY_DONE {
            anyhow::bail!("the build over the lossy line is not done after {} s", LOSSY_DONE.as_secs());
        }
        looks += 1;
        away += u32::from(!api.is_connected("w1")?);
        std::thread::sleep(Duration::from_millis(100));
    }
    let took = begun.elapsed().as_secs_f64();
    let changes = [change];
    let expected = Expected { changes: &changes, steps: 1, bytes: LOSSY_BYTES, exceptions: 0, retries: false };
    // The notes of the other builds are of other keys.
    let found = oracle::look_at(place, &expected, "lossy")?;
    wrong.extend(found.wrong.into_iter().filter(|w| !w.contains("no request is for it")));
    let what = match rule {
        Ok(()) => {
            let (packets, lost) = net.lost()?;
            net.lose_nothing()?;
            // Far from it only where the rule is not in the way of the packets.
            if lost * 100 < packets * u64::from(LOST / 2) || lost == 0 {
                wrong.push(format!("only {lost} of {packets} packets were lost"));
            }
            format!("{lost} of {packets} packets lost, of both directions")
        }
        Err(e) => {
            net.unshape()?;
            format!("a queue of three packets at 4 Mbit/s, for there is no other loss here ({e:#})")
        }
    };
    Ok(format!(
        "{what}: a build with a log of {} MB was done in {took:.1} s, whole; \
         the worker was away at {away} of {looks} looks\n",
        LOSSY_BYTES / 1_000_000
    ))
}
