//! A sealed place to run the program in: its own home and state, no colour, nothing of the machine's configuration.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;
use testkit::{seek, wait_for};

/// The place. Whatever was started in it is ended with it.
pub(crate) struct Sealed {
    dir: TempDir,
    running: Vec<Child>,
    daemons: Vec<(&'static str, PathBuf)>,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: Option<i32>,
}

impl Sealed {
    pub(crate) fn new() -> Self {
        Self { dir: testkit::temp_dir(), running: Vec::new(), daemons: Vec::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program with these arguments, ready to be started. Programs in `bin` of the place go before the machine's.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut path = self.path("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command
            .env("PATH", path)
            .args(arguments)
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("USER", "ann")
            .env_remove("SLUICE_MASTER")
            .env_remove("SLUICE_TOKEN")
            .env_remove("SLUICE_BASEDIR")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().expect("the program starts"))
    }

    /// Starts the program and leaves it running; its output goes to a file.
    pub(crate) fn start(&mut self, arguments: &[&str], output: &str) -> u32 {
        let file = std::fs::File::create(self.path(output)).expect("a file for its output");
        let mut command = self.command(arguments);
        command.stdout(file.try_clone().expect("a second handle")).stderr(file);
        let child = command.spawn().expect("the program starts");
        let pid = child.id();
        self.running.push(child);
        pid
    }

    /// How a program that was started ends by itself.
    pub(crate) fn end_of(&mut self, pid: u32) -> Option<i32> {
        let child = self.running.iter_mut().find(|c| c.id() == pid).expect("it was started here");
        wait_for("the program ends", || child.try_wait().expect("it can be waited for")).code()
    }

    /// Sends a signal to a program that was started.
    pub(crate) fn signal(pid: u32, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(pid).expect("a small number")).expect("a process");
        kill_process(pid, signal).expect("it runs");
    }

    /// Kills a daemon, and waits until it is gone: before that its lock is held.
    pub(crate) fn kill_daemon(pid: u32) {
        Self::signal(pid, Signal::KILL);
        testkit::wait_until("the killed daemon is gone", || !Path::new(&format!("/proc/{pid}/cmdline")).exists());
    }

    /// A master from `master init`, with this configuration, started in the background. Its address.
    pub(crate) fn master(&mut self, config: &str) -> String {
        let dir = self.path("m");
        let dir_text = dir.display().to_string();
        self.run(&["master", "init", &dir_text]).passes();
        std::fs::write(dir.join("master.star"), config).expect("the configuration is written");
        self.run(&["master", "start", &dir_text]).passes();
        self.daemons.push(("master", dir.clone()));
        let address = std::fs::read_to_string(dir.join("address")).expect("the master says where it is");
        address.trim().split_once(' ').expect("process and address").1.to_owned()
    }

    /// A worker from `worker init`, started in the background.
    pub(crate) fn worker(&mut self, url: &str, name: &str, password: &str) -> PathBuf {
        self.start_worker(url, name, password).passes();
        self.path(name)
    }

    /// The same, and what the start said.
    pub(crate) fn start_worker(&mut self, url: &str, name: &str, password: &str) -> Said {
        let dir = self.path(name);
        let dir_text = dir.display().to_string();
        self.run(&["worker", "init", &dir_text, "--master", url, "--name", name, "--password", password]).passes();
        let said = self.run(&["worker", "start", &dir_text]);
        self.daemons.push(("worker", dir));
        said
    }

    /// A worker of this directory is stopped at the end, however it was started.
    pub(crate) fn stop_worker_at_the_end(&mut self, dir: &str) {
        self.daemons.push(("worker", self.path(dir)));
    }

    /// What a master answers to a GET, without its head.
    pub(crate) fn get(&self, url: &str, path: &str) -> String {
        let host = url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = std::net::TcpStream::connect(host).expect("the master is there");
        let ask = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).expect("it is asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).expect("a body")
    }

    /// Waits until the file in the place has the text.
    pub(crate) fn wait_for_text(&self, file: &str, text: &str) -> String {
        let read = || std::fs::read_to_string(self.path(file)).unwrap_or_default();
        let found = seek(|| Some(read()).filter(|said| said.contains(text)));
        found.unwrap_or_else(|| panic!("waited in vain for '{text}' in {file}, which says:\n{}", read()))
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        // Who is stopped ends what it runs; what a killed one runs would outlive it.
        for (kind, dir) in std::mem::take(&mut self.daemons) {
            let _ = self.command(&[kind, "stop", &dir.display().to_string()]).output();
        }
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn said(output: Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { out: text(&output.stdout), err: text(&output.stderr), code: output.status.code() }
}

impl Said {
    /// It ended with this code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "out:\n{}\nerr:\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn passes(self) -> Self {
        self.ends(0)
    }

    /// It said this, on either stream.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let both = format!("{}{}", self.out, self.err);
        assert!(both.contains(text), "'{text}' is not in:\n{both}");
        self
    }
}

/// Processes whose command line has this text, told by /proc.
pub(crate) fn processes_with(text: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let lines =
        entries.filter(|e| e.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit())).filter_map(|e| {
            let line = std::fs::read(e.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(text).then(|| format!("{} {line}", e.file_name().to_string_lossy()))
        });
    lines.collect()
}

/// A project that `configure && make && make test` builds: a small C program. `answer` is what the test wants.
pub(crate) fn c_project(path: &Path) -> testkit::Repo {
    let repo = testkit::Repo::with_work_tree(path);
    repo.on("main")
        .author("Ann Dler <ann@example.org>")
        .message("a program that answers")
        .script("configure", "#!/bin/sh\necho checking for cc... cc\n")
        .file(
            "Makefile",
            "all: answer\nanswer: answer.c\n\tcc -Wall -o answer answer.c\ntest: answer\n\t./answer | grep -x 42\n",
        )
        .file("answer.c", "#include <stdio.h>\nint main(void) { puts(\"42\"); return 0; }\n")
        .commit();
    repo
}
