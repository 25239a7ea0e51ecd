//! Sluice under measurement.

use super::Pace;
use super::ground::Plot;
use super::system::{BRANCH, FORCE, PASSWORD, Plan, Post, Seat, Sizes, System, WORKER, list};
use serde_json::json;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// The program `sluice`, built with optimisation.
pub(crate) struct Sluice {
    pub(crate) program: PathBuf,
}

impl System for Sluice {
    fn name(&self) -> &'static str {
        "Sluice"
    }

    fn sizes(&self, pace: Pace) -> Sizes {
        Sizes {
            rounds: if pace == Pace::Quick { 1 } else { 3 },
            one_step: if pace == Pace::Quick { 1_000 } else { 3_000 },
            five_steps: if pace == Pace::Quick { 300 } else { 1_000 },
            log_bytes: 100_000_000,
            log_rounds: if pace == Pace::Quick { 1 } else { 3 },
            forced: 5_000,
            forced_rounds: if pace == Pace::Quick { 1 } else { 3 },
            pending: 25_000,
            starts: if pace == Pace::Quick { 1 } else { 3 },
            builders: 1_000,
            reading: Duration::from_secs(if pace == Pace::Quick { 2 } else { 5 }),
            changes: if pace == Pace::Quick { 50 } else { 200 },
            beat: Duration::from_millis(2),
        }
    }

    fn create(&self, _plot: &Plot, plan: &Plan) -> anyhow::Result<()> {
        Ok(fs::create_dir_all(plan.master_dir())?)
    }

    fn configure(&self, plan: &Plan) -> anyhow::Result<()> {
        Ok(fs::write(plan.master_dir().join("master.star"), configuration(plan))?)
    }

    fn master(&self, plan: &Plan) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["master", "run"]).arg(plan.master_dir());
        command
    }

    fn worker(&self, plot: &Plot, plan: &Plan) -> anyhow::Result<Command> {
        let dir = plan.worker_dir();
        if !dir.exists() {
            let url = format!("http://127.0.0.1:{}", plan.port);
            let mut init = Command::new(&self.program);
            init.args(["worker", "init"]).arg(&dir).args(["--master", &url, "--name", WORKER, "--password", PASSWORD]);
            plot.run("worker init", &mut init)?;
        }
        let mut command = Command::new(&self.program);
        command.args(["worker", "run"]).arg(&dir);
        Ok(command)
    }

    fn change(&self, number: usize) -> Post {
        let change = json!({
            "author": "bench", "comments": "a change", "branch": BRANCH, "revision": format!("{number:040x}"),
            "files": ["file.c"], "repository": "https://example.org/r.git",
        });
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "add", "params": change });
        Post { path: "/api/v2/changes", kind: "application/json", body: call.to_string() }
    }

    fn supervisor(&self) -> Option<&'static str> {
        Some("__supervise")
    }
}

fn configuration(plan: &Plan) -> String {
    let mut text = format!("web(listen = \"127.0.0.1:{}\", anonymous_control = True)\n", plan.port);
    let max = plan.max_builds;
    let _ = match plan.seat {
        Seat::Local => writeln!(text, "local_worker(\"{WORKER}\", max_builds = {max})"),
        Seat::Remote => writeln!(text, "worker(\"{WORKER}\", password = \"{PASSWORD}\", max_builds = {max})"),
    };
    for builder in &plan.builders {
        // Every request is a build of its own, as the peer is told too.
        let _ = writeln!(text, "builder(\"{}\", workers = [\"{WORKER}\"], collapse = False, steps = [", builder.name);
        for (number, step) in builder.steps.iter().enumerate() {
            let _ = writeln!(text, "    steps.shell({}, name = \"s{number}\"),", list(step.iter()));
        }
        text.push_str("])\n");
    }
    let _ = writeln!(text, "schedulers.force(\"{FORCE}\", builders = {})", plan.names());
    if let Some(builder) = &plan.changes {
        let _ =
            writeln!(text, "schedulers.single_branch(\"quick\", branch = \"{BRANCH}\", builders = [\"{builder}\"])");
    }
    text
}
