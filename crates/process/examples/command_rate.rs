//! Measures one supervisor: commands per second, and bytes per second from a command's pipe into its spool.
//!
//! `cargo run --release -p process --example command_rate [COMMANDS] [MEGABYTES] [PROGRAM]`, where PROGRAM is what is
//! run as `PROGRAM __supervise SLOTDIR`; without it, this one. The larger a program, the more a fork of it costs.

use process::control::{FromSupervisor, ToSupervisor};
use process::spool::{self, Reader};
use process::{Cgroup, Job, JobId, Program, Supervisor};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [verb, slot_dir] = arguments.as_slice()
        && verb == "__supervise"
    {
        return process::supervisor::main(Path::new(slot_dir));
    }
    let number = |place: usize, default: u64| arguments.get(place).and_then(|n| n.parse().ok()).unwrap_or(default);
    let own = || std::env::current_exe().unwrap_or_default();
    let exe = arguments.get(2).map_or_else(own, PathBuf::from);
    match measure(&exe, number(0, 2000), number(1, 1000)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn measure(exe: &Path, commands: u64, megabytes: u64) -> Result<(), Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("sluice-command-rate-{}", std::process::id()));
    let began = Instant::now();
    let mut supervisor = Supervisor::start(exe, &dir)?;
    println!("start of a supervisor: {:?}", began.elapsed());
    for cgroup in [Cgroup::IfPossible, Cgroup::Never] {
        let began = Instant::now();
        let mut times = Vec::new();
        for n in 0..commands {
            let mut job = Job::new(JobId::new(format!("{cgroup:?}-{n}"))?, Program::words(["/bin/true"]), "/tmp");
            job.cgroup = cgroup;
            let one = Instant::now();
            run(&mut supervisor, &job)?;
            times.push(one.elapsed());
            spool::outcome(&job.id.dir(&dir))?.ok_or("there is no outcome")?;
            spool::remove(&job.id.dir(&dir))?;
        }
        times.sort();
        let rate = commands as f64 / began.elapsed().as_secs_f64();
        let half = times.get(times.len() / 2).copied().unwrap_or_default();
        println!("cgroup {cgroup:?}: {rate:.0} commands per second, half of them within {half:?}");
    }
    let pid = supervisor.hello().pid;
    let before = cpu(pid)?;
    println!("processor time of the supervisor: {:.3} ms for a command", before * 1000.0 / (2 * commands) as f64);
    let mut job =
        Job::new(JobId::new("output")?, Program::script(format!("head -c {megabytes}000000 /dev/zero")), "/tmp");
    job.spool_limit = u64::MAX;
    let began = Instant::now();
    run(&mut supervisor, &job)?;
    let rate = megabytes as f64 / began.elapsed().as_secs_f64();
    let busy = cpu(pid)? - before;
    println!("{megabytes} MB of output: {rate:.0} MB/s into the spool, {busy:.2} s of processor time for it");
    let began = Instant::now();
    let mut reader = Reader::open(&job.id.dir(&dir))?;
    while !reader.read(1 << 20)?.is_empty() {}
    println!("and {:.0} MB/s out of it", megabytes as f64 / began.elapsed().as_secs_f64());
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    for line in status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("RssAnon")) {
        println!("{line}");
    }
    supervisor.send(&ToSupervisor::Quit)?;
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

fn run(supervisor: &mut Supervisor, job: &Job) -> Result<(), Box<dyn Error>> {
    supervisor.send(&ToSupervisor::Run(Box::new(job.clone())))?;
    loop {
        match supervisor.receive(Duration::from_secs(60))?.ok_or("the supervisor is silent")? {
            FromSupervisor::Ended { .. } => return Ok(()),
            FromSupervisor::Refused { error, .. } => return Err(error.into()),
            _ => {}
        }
    }
}

/// Seconds of processor time that a process has used, for itself.
fn cpu(pid: u32) -> Result<f64, Box<dyn Error>> {
    /// `USER_HZ`, the same on all Linux systems that matter.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace().collect();
    let field = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok()).ok_or("no stat");
    Ok((field(11)? + field(12)?) / TICKS)
}
