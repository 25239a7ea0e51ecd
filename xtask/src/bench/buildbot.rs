//! Buildbot 4.3.0 under measurement: from PyPI, in a virtual environment below `target`.

use super::Pace;
use super::ground::Plot;
use super::system::{BRANCH, FORCE, PASSWORD, Plan, Post, Seat, Sizes, System, WORKER, list};
use crate::venv;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What is installed.
const PACKAGES: &[&str] = &["buildbot==4.3.0", "buildbot-worker==4.3.0", "buildbot-www==4.3.0"];

/// The programs of a virtual environment.
pub(crate) struct Buildbot {
    bin: PathBuf,
}

impl Buildbot {
    /// Takes the virtual environment at `venv`; makes it when it is not there or not whole.
    pub(crate) fn install(venv: &Path) -> anyhow::Result<Self> {
        Ok(Self { bin: venv::install(venv, PACKAGES)? })
    }

    fn command(&self, program: &str) -> Command {
        Command::new(self.bin.join(program))
    }
}

impl System for Buildbot {
    fn name(&self) -> &'static str {
        "Buildbot"
    }

    fn sizes(&self, pace: Pace) -> Sizes {
        Sizes {
            rounds: if pace == Pace::Quick { 1 } else { 3 },
            one_step: if pace == Pace::Quick { 20 } else { 60 },
            five_steps: if pace == Pace::Quick { 8 } else { 20 },
            log_bytes: if pace == Pace::Quick { 10_000_000 } else { 100_000_000 },
            log_rounds: 1,
            forced: if pace == Pace::Quick { 300 } else { 1_000 },
            forced_rounds: 1,
            pending: if pace == Pace::Quick { 300 } else { 2_000 },
            starts: if pace == Pace::Quick { 1 } else { 3 },
            builders: if pace == Pace::Quick { 200 } else { 1_000 },
            reading: Duration::from_secs(if pace == Pace::Quick { 2 } else { 5 }),
            changes: if pace == Pace::Quick { 10 } else { 50 },
            beat: Duration::from_millis(25),
        }
    }

    fn create(&self, plot: &Plot, plan: &Plan) -> anyhow::Result<()> {
        plot.run("create-master", self.command("buildbot").args(["create-master", "-r"]).arg(plan.master_dir()))
    }

    fn configure(&self, plan: &Plan) -> anyhow::Result<()> {
        Ok(fs::write(plan.master_dir().join("master.cfg"), configuration(plan))?)
    }

    fn master(&self, plan: &Plan) -> Command {
        let mut command = self.command("buildbot");
        command.args(["start", "--nodaemon"]).arg(plan.master_dir());
        command
    }

    fn worker(&self, plot: &Plot, plan: &Plan) -> anyhow::Result<Command> {
        let dir = plan.worker_dir();
        if !dir.exists() {
            let address = format!("127.0.0.1:{}", plan.worker_port);
            let mut create = self.command("buildbot-worker");
            create.args(["create-worker", "-r"]).arg(&dir).args([&address, WORKER, PASSWORD]);
            plot.run("create-worker", &mut create)?;
        }
        let mut command = self.command("buildbot-worker");
        command.args(["start", "--nodaemon"]).arg(&dir);
        Ok(command)
    }

    fn change(&self, number: usize) -> Post {
        let body = format!(
            "author=bench&comments=a+change&branch={BRANCH}&revision={number:040x}&files=%5B%22file.c%22%5D&repository=https%3A%2F%2Fexample.org%2Fr.git"
        );
        Post { path: "/change_hook/base", kind: "application/x-www-form-urlencoded", body }
    }

    fn supervisor(&self) -> Option<&'static str> {
        None
    }
}

fn configuration(plan: &Plan) -> String {
    let mut text = String::from("from buildbot.plugins import changes, schedulers, steps, util, worker\n");
    let (max, port, worker_port) = (plan.max_builds, plan.port, plan.worker_port);
    let workers = match plan.seat {
        Seat::Local => format!("worker.LocalWorker('{WORKER}', max_builds={max})"),
        Seat::Remote => format!("worker.Worker('{WORKER}', '{PASSWORD}', max_builds={max})"),
    };
    let _ = write!(
        text,
        "c = BuildmasterConfig = {{}}
c['buildbotNetUsageData'] = None
c['buildbotURL'] = 'http://127.0.0.1:{port}/'
c['db'] = {{'db_url': 'sqlite:///state.sqlite'}}
c['www'] = {{'port': 'tcp:{port}:interface=127.0.0.1', 'change_hook_dialects': {{'base': True}}}}
c['protocols'] = {{'pb': {{'port': 'tcp:{worker_port}:interface=127.0.0.1'}}}}
c['collapseRequests'] = False
c['workers'] = [{workers}]
def builder(name, *commands):
    factory = util.BuildFactory([steps.ShellCommand(command=command) for command in commands])
    return util.BuilderConfig(name=name, workernames=['{WORKER}'], factory=factory)
c['builders'] = [
"
    );
    for builder in &plan.builders {
        let steps: Vec<String> = builder.steps.iter().map(|step| list(step.iter())).collect();
        let _ = writeln!(text, "    builder('{}', {}),", builder.name, steps.join(", "));
    }
    let _ = writeln!(
        text,
        "]\nc['schedulers'] = [schedulers.ForceScheduler(name='{FORCE}', builderNames={})]",
        plan.names()
    );
    if let Some(builder) = &plan.changes {
        let _ = writeln!(
            text,
            "c['schedulers'].append(schedulers.SingleBranchScheduler(name='quick', treeStableTimer=None,\n    change_filter=util.ChangeFilter(branch='{BRANCH}'), builderNames=['{builder}']))"
        );
    }
    text
}
