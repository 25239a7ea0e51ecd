//! A Slurm of one node for stories: munged, slurmctld and slurmd of Debian in a directory of their own, on loopback.
//!
//! Where they cannot run, the story fails with what they said.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use tempfile::TempDir;
use testkit::wait_until;

/// Processors of the node, whatever the machine has.
pub(crate) const PLACES: usize = 4;

/// It; ended with this.
pub(crate) struct Slurm {
    dir: TempDir,
    daemons: Vec<(&'static str, Child)>,
}

/// Two ports that nobody has: not of those that the system gives to whoever connects, and others for each story.
fn free_ports() -> (u16, u16) {
    static STORIES: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % 500).unwrap_or(0);
    let first = process * 20 + 2 * STORIES.fetch_add(1, Ordering::Relaxed);
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut pairs = (0..500_u16).map(|n| 20_000 + (first + 20 * n) % 10_000);
    let port = pairs.find(|port| free(*port) && free(port + 1)).expect("two free ports");
    (port, port + 1)
}

/// Bytes that no other story has.
fn key() -> Vec<u8> {
    let word = |n: u64| RandomState::new().hash_one(n).to_le_bytes();
    (0..128).flat_map(word).collect()
}

impl Slurm {
    pub(crate) fn start() -> Self {
        let dir = testkit::temp_dir();
        let mut slurm = Slurm { dir, daemons: Vec::new() };
        for name in ["munge", "state", "spool"] {
            fs::create_dir(slurm.path(name)).expect("a place for Slurm");
        }
        fs::set_permissions(slurm.path("munge"), fs::Permissions::from_mode(0o755)).expect("a place for munge");
        fs::write(slurm.path("munge/key"), key()).expect("a key");
        fs::set_permissions(slurm.path("munge/key"), fs::Permissions::from_mode(0o600)).expect("a key");
        let at = |name: &str| slurm.path(name).display().to_string();
        let munge = [
            "--foreground".to_owned(),
            "--force".to_owned(),
            format!("--socket={}", at("munge/s")),
            format!("--key-file={}", at("munge/key")),
            format!("--pid-file={}", at("munge/pid")),
            format!("--log-file={}", at("munged.log")),
            format!("--seed-file={}", at("munge/seed")),
        ];
        let (controller, node) = free_ports();
        slurm.configure(controller, node);
        slurm.daemon("munged", &munge);
        let socket = slurm.path("munge/s");
        slurm.wait("munged listens", || socket.exists());
        slurm.start_controller();
        let conf = slurm.conf().display().to_string();
        slurm.daemon("slurmd", &["-D".to_owned(), "-f".to_owned(), conf, "-N".to_owned(), "n1".to_owned()]);
        slurm.wait("the node is idle", || slurm.ask("sinfo", &["-h", "-o", "%T"]).0 == "idle");
        slurm
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What `SLURM_CONF` must be.
    pub(crate) fn conf(&self) -> PathBuf {
        self.path("slurm.conf")
    }

    fn configure(&self, controller: u16, node: u16) {
        let dir = self.dir.path().display();
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let host = name.split('.').next().unwrap_or_default();
        let text = format!(
            "ClusterName=story\nSlurmctldHost=localhost(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\n\
             AuthType=auth/munge\nCredType=cred/munge\nAuthInfo=socket={dir}/munge/s\nSlurmctldPort={controller}\n\
             SlurmdPort={node}\nStateSaveLocation={dir}/state\nSlurmdSpoolDir={dir}/spool\n\
             SlurmctldPidFile={dir}/slurmctld.pid\nSlurmdPidFile={dir}/slurmd.pid\nSlurmctldLogFile={dir}/slurmctld.log\n\
             SlurmdLogFile={dir}/slurmd.log\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n\
             SwitchType=switch/none\nMpiDefault=none\nSelectType=select/cons_tres\nSelectTypeParameters=CR_Core\n\
             ReturnToService=2\nSlurmdParameters=config_overrides\nKillWait=2\nMessageTimeout=5\n\
             SchedulerParameters=sched_min_interval=0,batch_sched_delay=0\n\
             NodeName=n1 NodeAddr=127.0.0.1 NodeHostname={host} CPUs={PLACES} RealMemory=1000 State=UNKNOWN\n\
             PartitionName=p Nodes=n1 Default=YES MaxTime=INFINITE State=UP\n"
        );
        fs::write(self.conf(), text).expect("a configuration for Slurm");
    }

    fn daemon(&mut self, name: &'static str, arguments: &[String]) {
        let said = fs::File::create(self.path(&format!("{name}.out"))).expect("a file for what it says");
        // Debian has them where only root looks.
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        let child = Command::new(name)
            .args(arguments)
            .env("PATH", path)
            .env("SLURM_CONF", self.conf())
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("a second handle"))
            .stderr(said)
            .spawn();
        let child = child.unwrap_or_else(|e| {
            panic!(
                "{name} cannot be started: {e}; these stories need the packages munge, slurmctld, slurmd, slurm-client"
            )
        });
        self.daemons.push((name, child));
    }

    /// Waits for something that the daemons bring about, and tells what they said when it does not come. Slurm looks at
    /// some things every half minute only.
    pub(crate) fn wait(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(150);
        while !is_so() {
            if std::time::Instant::now() >= end {
                let said = |name: &str| {
                    let text = fs::read_to_string(self.path(name)).unwrap_or_default();
                    let last: Vec<&str> = text.lines().rev().take(8).collect();
                    format!("--- {name}\n{}\n", last.into_iter().rev().collect::<Vec<_>>().join("\n"))
                };
                let all = ["munged.out", "munged.log", "slurmctld.out", "slurmctld.log", "slurmd.out", "slurmd.log"];
                panic!("Slurm cannot run here; waited for: {what}\n{}", all.map(said).concat());
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    pub(crate) fn start_controller(&mut self) {
        let conf = self.conf().display().to_string();
        self.daemon("slurmctld", &["-D".to_owned(), "-f".to_owned(), conf]);
        self.wait("slurmctld answers", || self.ask("sinfo", &["-h"]).1);
    }

    /// Ends the controller as whoever looks after it would: it writes down what it knows.
    pub(crate) fn stop_controller(&mut self) {
        for (_, mut child) in self.daemons.extract_if(.., |(name, _)| *name == "slurmctld") {
            crate::sealed::Sealed::signal(child.id(), rustix::process::Signal::TERM);
            testkit::wait_for("slurmctld ends", || child.try_wait().expect("it can be waited for"));
        }
    }

    /// What a program of Slurm answers, and whether it went well.
    pub(crate) fn ask(&self, program: &str, arguments: &[&str]) -> (String, bool) {
        let output = self.call(program, arguments);
        (String::from_utf8_lossy(&output.stdout).trim().to_owned(), output.status.success())
    }

    /// As [`Slurm::ask`], once more where it is not able to answer just now.
    pub(crate) fn tell(&self, program: &str, arguments: &[&str]) {
        let mut said = String::new();
        let done = testkit::seek(|| {
            let output = self.call(program, arguments);
            said = String::from_utf8_lossy(&output.stderr).into_owned();
            output.status.success().then_some(())
        });
        assert!(done.is_some(), "{program} {arguments:?}: {said}");
    }

    fn call(&self, program: &str, arguments: &[&str]) -> Output {
        let output = Command::new(program).args(arguments).env("SLURM_CONF", self.conf()).stdin(Stdio::null()).output();
        output.unwrap_or_else(|e| panic!("{program} cannot be started: {e}; it is in slurm-client"))
    }

    /// Number and state of all jobs that it has ever had.
    pub(crate) fn jobs(&self) -> Vec<(String, String)> {
        let (said, answered) = self.ask("squeue", &["-h", "-t", "all", "-o", "%i %T"]);
        assert!(answered, "squeue answers");
        let pair = |line: &str| line.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()));
        said.lines().filter_map(pair).collect()
    }

    /// How many are in this state.
    pub(crate) fn count(&self, state: &str) -> usize {
        self.jobs().iter().filter(|(_, s)| s == state).count()
    }

    /// Whether nothing waits and nothing runs.
    pub(crate) fn is_empty(&self) -> bool {
        let (said, answered) = self.ask("squeue", &["-h", "-t", "PENDING,RUNNING,COMPLETING,SUSPENDED,CONFIGURING"]);
        assert!(answered, "squeue answers");
        said.is_empty()
    }
}

fn end(mut child: Child) {
    // KILL: none of them has anything to tell us.
    let _ = child.kill();
    let _ = child.wait();
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for (_, child) in std::mem::take(&mut self.daemons) {
            end(child);
        }
        // Of jobs their stepds may be left, and of a story that failed its runner, which would wait for ever.
        for pid in under(&self.conf()) {
            let _ = Command::new("kill").args(["-9", &pid]).status();
        }
    }
}

/// The processes that are told to use this configuration.
fn under(conf: &Path) -> Vec<String> {
    let mark = format!("SLURM_CONF={}", conf.display()).into_bytes();
    let is_marked = |pid: &String| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ.split(|b| *b == 0).any(|var| var == mark)
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|e| e.file_name().into_string().ok());
    pids.filter(|pid| pid.bytes().all(|b| b.is_ascii_digit())).filter(is_marked).collect()
}

/// Waits until nothing waits and nothing runs.
pub(crate) fn wait_until_empty(slurm: &Slurm) {
    wait_until("the queue of Slurm is empty", || slurm.is_empty());
}
