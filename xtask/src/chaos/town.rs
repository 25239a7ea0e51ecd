//! A master and its workers as real processes: started, killed, stopped for a while, started again.

use super::program::{self, Part};
use crate::bench::http::Http;
use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Every process of a run has this in its environment.
const MARK: &str = "SLUICE_CHAOS_RUN";

/// The branch that changes are on.
pub(crate) const BRANCH: &str = "main";

/// Their repository.
pub(crate) const REPOSITORY: &str = "https://example.org/chaos.git";

/// The password of all workers.
const PASSWORD: &str = "chaos";

/// Where a run happens. Dropped, its processes end.
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) port: u16,
    mark: String,
    keep: bool,
}

impl Place {
    /// A fresh directory, with the program and this one as the step in it.
    pub(crate) fn new(name: &str, program: &Path) -> anyhow::Result<Self> {
        let mark = format!("{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(format!("sluice-chaos-{mark}"));
        Self::at(dir, mark, program)
    }

    fn at(dir: PathBuf, mark: String, program: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        program::copy(program, &dir.join("sluice"))?;
        program::copy(&std::env::current_exe()?, &dir.join("step"))?;
        fs::create_dir_all(dir.join("m"))?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        Ok(Self { dir, port, mark, keep: false })
    }

    /// The directory stays when the run is over.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.dir.join("sluice")
    }

    /// The program that steps run.
    pub(crate) fn step(&self) -> PathBuf {
        self.dir.join("step")
    }

    /// What steps note of themselves.
    pub(crate) fn notes(&self) -> PathBuf {
        self.dir.join("notes")
    }

    /// What was killed at which point.
    pub(crate) fn kills(&self) -> PathBuf {
        self.dir.join("kills")
    }

    pub(crate) fn master_dir(&self) -> PathBuf {
        self.dir.join("m")
    }

    pub(crate) fn worker_dir(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Nobody is killed at a point any more.
    pub(crate) fn hold_kills(&self) -> anyhow::Result<()> {
        Ok(fs::write(self.dir.join("kills.held"), "")?)
    }

    pub(crate) fn configure(&self, text: &str) -> anyhow::Result<()> {
        Ok(fs::write(self.master_dir().join("master.star"), text)?)
    }

    /// A process that runs until it ends or is killed; what it says is added to `NAME.out`.
    pub(crate) fn start(&self, name: &str, command: &mut Command) -> anyhow::Result<Child> {
        let out = File::options().create(true).append(true).open(self.dir.join(format!("{name}.out")))?;
        command.env(MARK, &self.mark).env("SLUICE_KILLS", self.kills()).stdin(Stdio::null());
        command.stdout(out.try_clone()?).stderr(out);
        command.spawn().with_context(|| format!("cannot start the {name}"))
    }

    /// Runs a command of the program to its end; its status and what it said.
    pub(crate) fn ask(&self, arguments: &[&str]) -> anyhow::Result<(ExitStatus, String)> {
        let mut command = Command::new(self.program());
        command.args(arguments).current_dir(&self.dir).env(MARK, &self.mark).stdin(Stdio::null());
        let out = command.output().context("cannot start sluice")?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        Ok((out.status, text))
    }

    pub(crate) fn make_worker(&self, name: &str, url: &str) -> anyhow::Result<()> {
        let dir = self.worker_dir(name).display().to_string();
        let init = ["worker", "init", &dir, "--master", url, "--name", name, "--password", PASSWORD];
        match self.ask(&init)? {
            (status, _) if status.success() => Ok(()),
            (_, text) => bail!("no worker: {text}"),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn api(&self) -> Api {
        Api { http: Http::new(self.port) }
    }

    /// Living processes of this run but for this one: process and command line.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        let entry = format!("{MARK}={}", self.mark);
        let me = std::process::id();
        let marked = |pid: &u32| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            *pid != me && environ.split(|b| *b == 0).any(|variable| variable == entry.as_bytes())
        };
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(marked).map(|pid| (pid, line(pid))).collect()
    }

    /// The living supervisors.
    pub(crate) fn supervisors(&self) -> Vec<u32> {
        let all = self.processes().into_iter();
        all.filter(|(_, line)| line.contains(" __supervise ")).map(|(pid, _)| pid).collect()
    }

    /// Control groups that these supervisors left.
    pub(crate) fn groups_of(&self, supervisors: &BTreeSet<u32>) -> Vec<String> {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let own = own.lines().find_map(|l| l.strip_prefix("0::/")).unwrap_or_default().to_owned();
        let names = supervisors.iter().map(|pid| format!("sluice-{pid}-slot"));
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
        names.filter(|name| roots.iter().any(|root| Path::new(root).join(&own).join(name).is_dir())).collect()
    }

    /// The last lines that a process said.
    pub(crate) fn said(&self, name: &str) -> String {
        let bytes = fs::read(self.dir.join(format!("{name}.out"))).unwrap_or_default();
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(3000)..]).trim_end().to_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for _ in 0..100 {
            let all = self.processes();
            if all.is_empty() {
                break;
            }
            all.iter().for_each(|(pid, _)| signal(*pid, Signal::KILL));
            std::thread::sleep(Duration::from_millis(20));
        }
        if !self.keep {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

fn line(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ").trim().to_owned()
}

/// Sends a signal. Who is gone needs none.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// A daemon of a run: the master or a worker.
pub(crate) struct Daemon {
    pub(crate) name: String,
    pub(crate) part: Part,
    arguments: Vec<String>,
    /// What goes before the program: the way into a network namespace, for instance.
    pub(crate) before: Vec<String>,
    pub(crate) child: Option<Child>,
    pub(crate) since: Instant,
}

impl Daemon {
    pub(crate) fn master(place: &Place) -> Self {
        Self::new("master", Part::Master, &["master", "run"], &place.master_dir())
    }

    pub(crate) fn worker(place: &Place, name: &str) -> Self {
        Self::new(name, Part::Worker, &["worker", "run"], &place.worker_dir(name))
    }

    fn new(name: &str, part: Part, verb: &[&str], dir: &Path) -> Self {
        let mut arguments: Vec<String> = verb.iter().map(|&v| v.to_owned()).collect();
        arguments.push(dir.display().to_string());
        let (name, since) = (name.to_owned(), Instant::now());
        Self { name, part, arguments, before: Vec::new(), child: None, since }
    }

    /// Starts it, with these points armed.
    pub(crate) fn start(&mut self, place: &Place, points: &str) -> anyhow::Result<()> {
        let program = place.program().display().to_string();
        let words: Vec<&String> = self.before.iter().chain([&program]).chain(&self.arguments).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        if !points.is_empty() {
            command.env("FAILPOINTS", points);
        }
        self.child = Some(place.start(&self.name, &mut command)?);
        self.since = Instant::now();
        Ok(())
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    pub(crate) fn signal(&self, which: Signal) {
        if let Some(pid) = self.pid() {
            signal(pid, which);
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<(u32, ExitStatus)>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let pid = child.id();
        let ended = child.try_wait()?;
        if ended.is_some() {
            self.child = None;
        }
        Ok(ended.map(|status| (pid, status)))
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM);
        wait(Duration::from_secs(90), &format!("the end of {}", self.name), || Ok(self.ended()?.map(drop)))
    }
}

/// Waits with a bound, asking often.
pub(crate) fn wait<T>(
    patience: Duration,
    what: &str,
    ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    crate::bench::wait::until(patience, what, Duration::from_millis(20), ask)
}

/// A client of the master.
pub(crate) struct Api {
    http: Http,
}

impl Api {
    pub(crate) fn bytes(&mut self, path: &str) -> anyhow::Result<Vec<u8>> {
        let answer = self.http.get(&format!("/api/v2/{path}"))?;
        if answer.status != 200 {
            let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
            bail!("{path} answers {}: {text}", answer.status);
        }
        Ok(answer.body)
    }

    /// A page.
    pub(crate) fn page(&mut self, path: &str) -> anyhow::Result<String> {
        let answer = self.http.get(path)?;
        match answer.status {
            200 => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
            other => bail!("{path} answers {other}"),
        }
    }

    pub(crate) fn get(&mut self, path: &str) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.bytes(path)?).with_context(|| format!("{path} is no JSON"))
    }

    pub(crate) fn list(&mut self, path: &str, plural: &str) -> anyhow::Result<Vec<Value>> {
        let mut answer = self.get(path)?;
        match answer[plural].take() {
            Value::Array(list) => Ok(list),
            _ => bail!("{path} has no {plural}"),
        }
    }

    /// How many things a collection has.
    pub(crate) fn count(&mut self, path: &str) -> anyhow::Result<u64> {
        let and = if path.contains('?') { '&' } else { '?' };
        let answer = self.get(&format!("{path}{and}limit=1"))?;
        answer["meta"]["total"].as_u64().with_context(|| format!("{path} has no total"))
    }

    pub(crate) fn answers(&mut self) -> bool {
        self.http.get("/api/v2/masters").is_ok_and(|a| a.status == 200)
    }

    pub(crate) fn call(&mut self, path: &str, method: &str, params: &Value) -> anyhow::Result<Value> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let answer = self.http.post(&format!("/api/v2/{path}"), "application/json", &body)?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status != 200 {
            bail!("{method} of {path} answers {}: {text}", answer.status);
        }
        Ok(serde_json::from_str::<Value>(&text)?["result"].take())
    }

    /// Tells of a change.
    pub(crate) fn send(&mut self, revision: &str) -> anyhow::Result<()> {
        self.send_to(BRANCH, revision)
    }

    /// Tells of a change on a branch.
    pub(crate) fn send_to(&mut self, branch: &str, revision: &str) -> anyhow::Result<()> {
        let change = json!({
            "author": "chaos", "comments": "a change", "branch": branch, "revision": revision,
            "files": ["file.c"], "repository": REPOSITORY,
        });
        self.call("changes", "add", &change).map(drop)
    }

    /// Waits until the master answers and these workers are there.
    pub(crate) fn wait_for(&mut self, workers: &[&str]) -> anyhow::Result<()> {
        wait(Duration::from_secs(60), "the master and its workers", || {
            let there = |api: &mut Self| workers.iter().all(|w| api.is_connected(w).unwrap_or(false));
            Ok((self.answers() && there(self)).then_some(()))
        })
    }

    /// Waits until so many requests have ended.
    pub(crate) fn wait_done(&mut self, number: usize, patience: Duration) -> anyhow::Result<()> {
        wait(patience, &format!("the end of {number} builds"), || Ok((self.done() >= number).then_some(())))
    }

    /// How many requests have ended; none while the master does not answer.
    pub(crate) fn done(&mut self) -> usize {
        self.count("buildrequests?complete=true").unwrap_or(0) as usize
    }

    pub(crate) fn is_connected(&mut self, worker: &str) -> anyhow::Result<bool> {
        let workers = self.list(&format!("workers?name={worker}"), "workers")?;
        Ok(workers.first().is_some_and(|w| w["connected_to"].as_array().is_some_and(|c| !c.is_empty())))
    }
}

/// A step that says so many bytes within so many seconds, under the key `REVISION.NUMBER`.
pub(crate) fn step(place: &Place, number: usize, bytes: usize, seconds: f64) -> String {
    let (program, verb, notes) = (place.step().display().to_string(), super::prf::STEP, place.notes());
    let notes = notes.display();
    format!(
        "    steps.shell([\"{program}\", \"{verb}\", interpolate(\"{{revision}}.{number}\"), \"{bytes}\", \"{seconds:.2}\", \
         \"{notes}\"], name = \"s{number}\"),\n"
    )
}

/// A builder of these workers, and the scheduler that gives it every change of its branch.
pub(crate) fn builder(name: &str, branch: &str, workers: &[&str], steps: &str) -> String {
    format!(
        "builder(\"{name}\", workers = {workers:?}, collapse = False, steps = [\n{steps}])\n\
         schedulers.single_branch(\"all-{name}\", branch = \"{branch}\", builders = [\"{name}\"])\n"
    )
}

/// The lines of a configuration that let these workers in.
pub(crate) fn head(port: u16, host: &str, workers: &[(&str, &str)], max_builds: u32) -> String {
    let mut text = format!("web(listen = \"{host}:{port}\", anonymous_control = True)\n");
    for (name, more) in workers {
        text += &format!("worker(\"{name}\", password = \"{PASSWORD}\", max_builds = {max_builds}{more})\n");
    }
    text
}
