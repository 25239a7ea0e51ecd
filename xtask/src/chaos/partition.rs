//! A worker behind a network of its own is cut off in the middle of a build.
//!
//! First with the usual grace: the build goes on alone, ends as SUCCESS, and its log is whole. Then with
//! `lost_after = "5s"`: the build is given up, tried again on another worker, and what the first one says when it is
//! back is refused and can be seen.

use super::net::{HOST, Net};
use super::oracle::{self, Expected, RETRY, SUCCESS};
use super::town::{BRANCH, Daemon, Place, builder, head, step, wait};
use super::{Missing, Usual};
use anyhow::Context;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Partition {
    /// So long the line is cut
    #[arg(long, value_name = "NUMBER", default_value = "60")]
    seconds: u64,
}

/// What the build says.
const BYTES: usize = 5_000_000;
/// By then a silent line is noticed.
const NOTICED: Duration = Duration::from_secs(15);
/// By then all of the log is there, after the line is whole again.
const CAUGHT_UP: Duration = Duration::from_secs(60);

pub(crate) fn run(args: &Partition, usual: &Usual) -> anyhow::Result<()> {
    let net = Net::make().map_err(|e| Missing(format!("a worker cannot be cut off here: {e:#}")))?;
    let seed = usual.seed();
    let program = usual.program()?;
    let (mut report, mut wrong) = (String::new(), Vec::new());
    for (name, grace) in [("grace", ""), ("given-up", ", lost_after = \"5s\"")] {
        let mut place = Place::new(name, &program)?;
        if usual.keep {
            place.keep();
        }
        match cut_off(args, &place, &net, seed, grace) {
            Ok((text, more)) => {
                report += &text;
                wrong.extend(more);
            }
            Err(e) => wrong.push(format!("{name}: {e:#}\n{}\n{}", place.said("master"), place.said("w1"))),
        }
    }
    usual.conclude(&report, &wrong, &format!("partition --seconds {} --seed {seed}", args.seconds))
}

fn cut_off(
    args: &Partition,
    place: &Place,
    net: &Net,
    seed: u64,
    grace: &str,
) -> anyhow::Result<(String, Vec<String>)> {
    let given_up = !grace.is_empty();
    let cut_for = Duration::from_secs(args.seconds);
    // The build ends while the line is cut, so that the whole end has to come later.
    let seconds = 8.0 + args.seconds as f64 / 2.0;
    let workers: &[(&str, &str)] = if given_up { &[("w1", grace), ("w2", "")] } else { &[("w1", grace)] };
    let names: Vec<&str> = workers.iter().map(|(name, _)| *name).collect();
    let text = head(place.port, "0.0.0.0", workers, 1) + &builder("b", BRANCH, &names, &step(place, 0, BYTES, seconds));
    place.configure(&text)?;
    let mut master = Daemon::master(place);
    master.start(place, "")?;
    let mut api = place.api();
    place.make_worker("w1", &format!("http://{HOST}:{}", place.port))?;
    let mut far = Daemon::worker(place, "w1");
    far.before = net.way_in();
    far.start(place, "")?;
    api.wait_for(&["w1"])?;
    let change = super::ledger::revision(seed, 0);
    api.send(&change)?;
    wait(Duration::from_secs(20), "the build to run", || Ok((!oracle::notes(place).is_empty()).then_some(())))?;
    let mut daemons = vec![far];
    if given_up {
        place.make_worker("w2", &place.url())?;
        let mut near = Daemon::worker(place, "w2");
        near.start(place, "")?;
        daemons.push(near);
    }
    std::thread::sleep(Duration::from_secs(5));
    let cut = Instant::now();
    net.cut()?;
    wait(Duration::from_secs(30), "the silence to be noticed", || Ok((!api.is_connected("w1")?).then_some(())))?;
    let noticed = cut.elapsed();
    std::thread::sleep(cut_for.saturating_sub(cut.elapsed()));
    net.heal()?;
    let healed = Instant::now();
    api.wait_done(1, Duration::from_secs(120) + cut_for)?;
    wait(Duration::from_secs(120), "the worker to be back", || Ok(api.is_connected("w1")?.then_some(())))?;
    let back = healed.elapsed();
    wait(Duration::from_secs(60), "the last log", || {
        Ok(api.list("builds?complete=false", "builds")?.is_empty().then_some(()))
    })?;
    let whole = healed.elapsed();
    let changes = [change];
    let expected = Expected { changes: &changes, steps: 1, bytes: BYTES, exceptions: 0, retries: given_up };
    let mut found = oracle::look(place, &expected)?;
    let mut wrong = std::mem::take(&mut found.wrong);
    if noticed > NOTICED {
        wrong.push(format!("the silence was noticed after {:.1} s", noticed.as_secs_f64()));
    }
    if !given_up && whole > CAUGHT_UP {
        wrong.push(format!("the log was whole {:.1} s after the line was", whole.as_secs_f64()));
    }
    let mut report = format!(
        "cut off for {} s{}: noticed after {:.1} s, back {:.1} s after the line was, all there after {:.1} s\n",
        args.seconds,
        if given_up { " with lost_after = \"5s\"" } else { "" },
        noticed.as_secs_f64(),
        back.as_secs_f64(),
        whole.as_secs_f64()
    );
    if given_up {
        let refused = attempts(place, &mut wrong)?;
        report += &format!(
            "  tried again on w2; the late result was refused, and the page of the build says:\n    {refused}\n"
        );
    } else {
        report += &format!(
            "  {} of {} passed, its log of {:.1} MB is whole\n",
            found.passed,
            found.builds,
            found.bytes as f64 / 1e6
        );
    }
    for mut daemon in daemons {
        daemon.stop()?;
    }
    master.stop()?;
    let seen = Default::default();
    wrong.extend(oracle::leftovers(place, &names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>(), &seen)?);
    Ok((report, wrong))
}

/// Two attempts, the first one lost; what the first one's page says of the late answer.
fn attempts(place: &Place, wrong: &mut Vec<String>) -> anyhow::Result<String> {
    let mut api = place.api();
    let builds = api.list("builds?order=buildid", "builds")?;
    let results: Vec<i64> = builds.iter().filter_map(|b| b["results"].as_i64()).collect();
    if results != [RETRY, SUCCESS] {
        wrong.push(format!("the attempts have the results {results:?}, not [5, 0]"));
    }
    let page = wait(Duration::from_secs(30), "the refusal to be told", || {
        let page = api.page("/builders/b/1")?;
        let at = page.find("Late answers, refused");
        Ok(at.map(|at| page[at..].chars().take(400).collect::<String>()))
    });
    let page = page.context("no page tells that a late answer was refused")?;
    Ok(plain(&page))
}

/// The words of a page.
fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
