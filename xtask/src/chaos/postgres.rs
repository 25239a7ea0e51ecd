//! PostgreSQL is restarted while builds run: everything ends, and goes on within five seconds of its return.

use super::oracle::{self, Expected};
use super::town::{BRANCH, Daemon, Place, builder, head, step, wait};
use super::{Missing, Usual};
use anyhow::{Context, bail};
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Postgres {
    /// So many builds of three steps
    #[arg(long, value_name = "NUMBER", default_value = "40")]
    builds: usize,
}

/// How the server ends each time, and for how long it stays away.
const RESTARTS: [(&str, Duration); 3] =
    [("fast", Duration::from_secs(1)), ("immediate", Duration::from_secs(3)), ("immediate", Duration::from_secs(12))];
/// By then builds go on after its return.
const BACK: Duration = Duration::from_secs(5);
const STEPS: usize = 3;
const BYTES: usize = 500_000;

pub(crate) fn run(args: &Postgres, usual: &Usual) -> anyhow::Result<()> {
    let programs = programs().map_err(|e| Missing(e.to_string()))?;
    let seed = usual.seed();
    let mut place = Place::new("postgres", &usual.program()?)?;
    if usual.keep {
        place.keep();
    }
    let server = Server::start(&programs, &place.dir)?;
    let (report, wrong) = match go(args, &place, &server, seed) {
        Ok(outcome) => outcome,
        Err(e) => (String::new(), vec![format!("{e:#}\n{}", place.said("master"))]),
    };
    drop(server);
    usual.conclude(&report, &wrong, &format!("postgres --builds {} --seed {seed}", args.builds))
}

fn go(args: &Postgres, place: &Place, server: &Server, seed: u64) -> anyhow::Result<(String, Vec<String>)> {
    let workers = ["w1", "w2"];
    let steps: String = (0..STEPS).map(|n| step(place, n, BYTES, 1.5)).collect();
    let database = format!("database(\"postgres://postgres@127.0.0.1:{}/postgres\")\n", server.port);
    let text = database + &head(place.port, "127.0.0.1", &workers.map(|w| (w, "")), 4);
    place.configure(&(text + &builder("b", BRANCH, &workers, &steps)))?;
    let mut master = Daemon::master(place);
    master.start(place, "")?;
    let mut daemons = Vec::new();
    for name in workers {
        place.make_worker(name, &place.url())?;
        let mut worker = Daemon::worker(place, name);
        worker.start(place, "")?;
        daemons.push(worker);
    }
    let mut api = place.api();
    api.wait_for(&workers)?;
    let changes: Vec<String> = (0..args.builds).map(|n| super::ledger::revision(seed, n)).collect();
    for change in &changes {
        api.send(change)?;
    }
    let (mut wrong, mut report) = (Vec::new(), String::new());
    for (mode, away) in RESTARTS {
        std::thread::sleep(Duration::from_secs(3));
        server.stop(mode)?;
        std::thread::sleep(away);
        let before = begun(place);
        server.go_on()?;
        let back = Instant::now();
        wait(Duration::from_secs(60), "builds to go on", || Ok((begun(place) > before).then_some(())))?;
        let took = back.elapsed();
        report += &format!(
            "stopped ({mode}) for {} s: builds go on {:.2} s after its return\n",
            away.as_secs(),
            took.as_secs_f64()
        );
        if took > BACK {
            wrong.push(format!("builds went on {:.1} s after the return of the server", took.as_secs_f64()));
        }
        if let Some((_, status)) = master.ended()? {
            bail!("the master ended ({status})");
        }
    }
    api.wait_done(args.builds, Duration::from_secs(180))?;
    let expected = Expected { changes: &changes, steps: STEPS, bytes: BYTES, exceptions: 0, retries: false };
    let found = oracle::look(place, &expected)?;
    wrong.extend(found.wrong);
    let seen: BTreeSet<u32> = place.supervisors().into_iter().collect();
    for daemon in &mut daemons {
        daemon.stop()?;
    }
    master.stop()?;
    wrong.extend(oracle::leftovers(place, &workers.map(str::to_owned), &seen)?);
    report += &format!(
        "{} of {} builds passed, {} logs whole, {:.1} MB checked byte for byte\n",
        found.passed,
        found.builds,
        found.whole,
        found.bytes as f64 / 1e6
    );
    Ok((report, wrong))
}

/// How many steps were begun until now.
fn begun(place: &Place) -> usize {
    oracle::notes(place).values().map(|(begun, _)| begun).sum()
}

/// A server of this run. Dropped, it ends.
struct Server {
    programs: PathBuf,
    data: PathBuf,
    port: u16,
}

impl Server {
    fn start(programs: &Path, dir: &Path) -> anyhow::Result<Self> {
        let data = dir.join("pg");
        std::fs::create_dir_all(&data)?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let server = Self { programs: programs.to_owned(), data, port };
        if rustix::process::getuid().is_root() {
            run_to_end(Command::new("chown").arg("postgres").arg(&server.data))?;
        }
        let data = server.data.clone();
        run_to_end(
            server.command("initdb").args(["-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D"]).arg(data),
        )?;
        server.go_on()?;
        Ok(server)
    }

    /// Starts it, and waits until it answers.
    fn go_on(&self) -> anyhow::Result<()> {
        let options =
            format!("-p {} -k {} -c listen_addresses=127.0.0.1 -c shared_buffers=16MB", self.port, self.data.display());
        let log = self.data.join("log");
        run_to_end(
            self.command("pg_ctl").arg("-D").arg(&self.data).arg("-l").arg(log).args(["-w", "-o", &options, "start"]),
        )
    }

    fn stop(&self, mode: &str) -> anyhow::Result<()> {
        run_to_end(self.command("pg_ctl").arg("-D").arg(&self.data).args(["-w", "-m", mode, "stop"]))
    }

    /// PostgreSQL does not run as root.
    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if rustix::process::getuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/");
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop("immediate");
    }
}

fn run_to_end(command: &mut Command) -> anyhow::Result<()> {
    // The server would keep pipes open.
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot start {:?}", command.get_program()))?;
    match status.success() {
        true => Ok(()),
        false => bail!("{:?} ended with {status}", command.get_program()),
    }
}

/// The newest server that is installed, as Debian lays it out.
fn programs() -> anyhow::Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name().and_then(|n| n.to_str()?.parse::<u32>().ok());
    let newest = versions.map(|entry| entry.path()).max_by_key(|path| version(path));
    let found = newest.map(|path| path.join("bin")).filter(|path| path.join("initdb").exists());
    found.context("there is no PostgreSQL server: install the package postgresql")
}
