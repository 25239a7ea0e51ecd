//! How commands end, and how that is told.

use crate::slot::{Slot, until};
use process::control::{FromSupervisor, ToSupervisor};
use process::spool::Stream;
use process::{Blame, EndedBy, Environment, Exit, JobId, LogEnviron, Program, Report, Terminal, Word};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

pub(crate) fn exit_codes_are_told() {
    let mut slot = Slot::new();
    for code in [0, 1, 2, 126, 255] {
        let ran = slot.sh(&format!("exit {code}"));
        assert_eq!(ran.outcome.exit, Exit::Exited(code));
        assert_eq!(ran.outcome.ended_by, EndedBy::Itself);
        assert!(ran.text(Stream::Header).contains(&format!("program finished with exit code {code} after")));
    }
    let ran = slot.sh("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
    assert!(ran.outcome.user_cpu > 0 && ran.outcome.elapsed >= ran.outcome.user_cpu / 2);
    assert!(ran.outcome.max_rss > 100_000, "in bytes: {}", ran.outcome.max_rss);
}

pub(crate) fn a_core_signal_is_told_as_such() {
    let mut slot = Slot::new();
    for (signal, name) in [(11, "SIGSEGV"), (9, "SIGKILL"), (15, "SIGTERM")] {
        let ran = slot.sh(&format!("ulimit -c 0; kill -{signal} $$"));
        assert_eq!(ran.outcome.exit, Exit::Signalled { signal, core: false });
        assert_eq!(ran.outcome.ended_by, EndedBy::Itself);
        assert!(ran.text(Stream::Header).contains(&format!("program ended by signal {signal} ({name}) after")));
    }
}

fn not_started(slot: &mut Slot, program: Program) -> String {
    let job = slot.job(program);
    let ran = slot.run(&job);
    let Exit::NotStarted { error, blame } = ran.outcome.exit.clone() else { panic!("{:?}", ran.outcome) };
    assert!(ran.text(Stream::Header).ends_with(&format!("not started: {error}\n")));
    assert_eq!(blame, Blame::Command);
    error
}

pub(crate) fn a_program_that_is_absent_is_told_as_such() {
    let mut slot = Slot::new();
    assert_eq!(not_started(&mut slot, Program::words(["./configure"])), "no such file ./configure");
    assert_eq!(not_started(&mut slot, Program::words(["no-such-program"])), "no program `no-such-program` in PATH");
    assert_eq!(not_started(&mut slot, Program::Words(Vec::new())), "the command has no words");
    assert_eq!(not_started(&mut slot, Program::words([""])), "the name of the program is empty");
    assert_eq!(not_started(&mut slot, Program::words(["echo", "a\0b"])), "an argument has a zero byte");
    let mut job = slot.script("true");
    job.dir = "relative".into();
    assert!(
        matches!(slot.run(&job).outcome.exit, Exit::NotStarted { error, .. } if error == "its directory relative is not absolute")
    );
    let mut job = slot.script("true");
    job.dir = "/dev/null/x".into();
    assert!(matches!(slot.run(&job).outcome.exit, Exit::NotStarted { error, .. } if error.contains("cannot be made")));
}

pub(crate) fn trouble_of_the_machine_is_told_as_such() {
    // A supervisor that may have no more files open than it has: what a command needs cannot be made.
    let mut slot = Slot::new();
    assert_eq!(slot.sh("true").outcome.exit, Exit::Exited(0), "it has what it keeps for all commands");
    let pid = slot.supervisor.hello().pid.to_string();
    let limit = |files: &str| {
        let limit = format!("--nofile={files}:4096");
        std::process::Command::new("prlimit").args(["--pid", &pid, &limit]).status().is_ok_and(|s| s.success())
    };
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    // Room for the spool and for little else.
    assert!(limit(&(open + 2).to_string()), "prlimit works on one's own processes");
    let job = slot.script("true");
    let ran = slot.run(&job);
    let Exit::NotStarted { error, blame } = ran.outcome.exit.clone() else { panic!("{:?}", ran.outcome) };
    assert_eq!(blame, Blame::Machine, "{error}");
    assert!(error.contains("Too many open files"), "{error}");
    assert!(limit("4096"));
    assert_eq!(slot.sh("exit 3").outcome.exit, Exit::Exited(3));
}

pub(crate) fn what_is_no_program_is_told_as_such() {
    let mut slot = Slot::new();
    fs::create_dir_all(slot.work.join("d")).unwrap();
    for (name, mode, text) in [("plain", 0o644, "#!/bin/sh\n"), ("empty", 0o755, "x"), ("bad", 0o755, "#!/nowhere/x\n")]
    {
        fs::write(slot.work.join(name), text).unwrap();
        fs::set_permissions(slot.work.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (name, expected) in [
        ("./plain", "./plain is not executable"),
        ("./d", "./d is a directory"),
        ("./empty", "./empty is neither a program of this machine nor a script that begins with #!"),
        ("./bad", "the interpreter that ./bad asks for does not exist"),
    ] {
        assert_eq!(not_started(&mut slot, Program::words([name])), expected);
    }
}

pub(crate) fn what_ignores_term_is_killed() {
    let mut slot = Slot::new();
    let mut job = slot.script("trap '' TERM; echo ready; while :; do sleep 0.05; done");
    job.sigterm_time = Duration::from_millis(300);
    job.max_time = Some(Duration::from_millis(500));
    let ran = slot.run(&job);
    assert_eq!(ran.outcome.exit, Exit::Signalled { signal: 9, core: false });
    assert_eq!(ran.outcome.ended_by, EndedBy::TooLong(Duration::from_millis(500)));
    assert!(ran.outcome.elapsed >= 800_000, "{} µs", ran.outcome.elapsed);
}

pub(crate) fn a_silent_command_is_ended() {
    let mut slot = Slot::new();
    let mut job = slot.script("echo one; sleep 0.2; echo two; exec sleep 1000");
    job.timeout = Some(Duration::from_millis(500));
    let ran = slot.run(&job);
    assert_eq!(ran.text(Stream::Stdout), "one\ntwo\n");
    assert_eq!(ran.outcome.ended_by, EndedBy::NoOutput(Duration::from_millis(500)));
    assert_eq!(ran.outcome.exit, Exit::Signalled { signal: 15, core: false });
    assert!(ran.outcome.elapsed >= 700_000, "each output begins the time anew: {} µs", ran.outcome.elapsed);
    let header = ran.text(Stream::Header);
    assert!(header.contains("no output for 500 ms: ended\nprogram ended by signal 15 (SIGTERM) after"), "{header}");
}

pub(crate) fn a_slow_command_is_ended() {
    let mut slot = Slot::new();
    let mut job = slot.script("while :; do echo tick; sleep 0.02; done");
    job.timeout = Some(Duration::from_secs(30));
    job.max_time = Some(Duration::from_millis(400));
    let ran = slot.run(&job);
    assert_eq!(ran.outcome.ended_by, EndedBy::TooLong(Duration::from_millis(400)));
    assert!(ran.text(Stream::Header).contains("not finished after 400 ms: ended\n"));
}

pub(crate) fn an_interrupt_keeps_its_reason() {
    let mut slot = Slot::new();
    let job = slot.script("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.02; done");
    slot.start(&job);
    assert!(matches!(slot.hear(), FromSupervisor::Started { .. }));
    until("it is up", || {
        let mut reader = process::spool::Reader::open(&job.id.dir(&slot.dir)).unwrap();
        reader.read(1 << 20).unwrap().iter().any(|chunk| chunk.stream == Stream::Stdout)
    });
    let other = JobId::new("9-9-9").unwrap();
    slot.supervisor.send(&ToSupervisor::Interrupt { job: other, reason: "not you".into() }).unwrap();
    let reason = "a newer change came".to_owned();
    slot.supervisor.send(&ToSupervisor::Interrupt { job: job.id.clone(), reason: reason.clone() }).unwrap();
    let ran = slot.finish(&job);
    assert_eq!(ran.text(Stream::Stdout), "up\nbye\n");
    assert_eq!(ran.outcome.exit, Exit::Exited(7));
    assert_eq!(ran.outcome.ended_by, EndedBy::Interrupted { reason });
    assert!(ran.text(Stream::Header).contains("stopped: a newer change came\n"));
}

pub(crate) fn it_gets_its_surroundings() {
    let mut slot = Slot::new();
    let mut job = slot.script("pwd; umask; echo $A-$B-$HOME; echo $PWD");
    job.dir = slot.work.join("made/for it");
    job.umask = Some(0o027);
    job.env =
        Environment::Changed(BTreeMap::from([(Word::from("A"), Some(Word::from("1 2"))), (Word::from("HOME"), None)]));
    let ran = slot.run(&job);
    let dir = job.dir.display().to_string();
    assert_eq!(ran.text(Stream::Stdout), format!("{dir}\n0027\n1 2--\n{dir}\n"));
    // Nothing is ignored or blocked, whatever the supervisor itself does; 32 and 33 are the C library's own.
    let masks = slot.sh("grep -E '^Sig(Blk|Ign):' /proc/$$/status | cut -f 2").text(Stream::Stdout);
    let masks: Vec<u64> = masks.lines().map(|mask| u64::from_str_radix(mask, 16).unwrap() & !(3 << 31)).collect();
    assert_eq!(masks, [0, 0]);
    let mut job = slot.job(Program::words(["/usr/bin/env"]));
    job.env = Environment::Only(BTreeMap::from([(Word::from("ONE"), Word::from(vec![0xff]))]));
    let ran = slot.run(&job);
    let lines: Vec<Vec<u8>> = ran.bytes(Stream::Stdout).split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    assert_eq!(lines[0], b"ONE=\xff");
    assert!(lines[1].starts_with(b"SLUICE_JOB=") && lines[1].ends_with(job.id.as_str().as_bytes()));
    assert_eq!(lines[2..], [b"".to_vec()], "nothing else");
}

pub(crate) fn a_report_comes_back() {
    let mut slot = Slot::new();
    let mut report = |text: &str| {
        let mut job = slot.script(text);
        job.report = Report::File;
        let ran = slot.run(&job);
        (ran.outcome.report.clone(), ran.text(Stream::Header))
    };
    assert_eq!(report(r"printf 'a\000b' > $SLUICE_REPORT").0.as_deref(), Some(&b"a\0b"[..]));
    assert_eq!(report("true").0, None);
    for (text, expected) in [
        ("head -c 70000 /dev/zero > $SLUICE_REPORT", "its report is not taken: it is longer than 64 KiB"),
        ("mkfifo $SLUICE_REPORT", "its report is not taken: it is no plain file"),
        ("ln -s /etc/passwd $SLUICE_REPORT", "its report is not taken: "),
    ] {
        let (report, header) = report(text);
        assert_eq!(report, None);
        assert!(header.contains(expected), "{header}");
    }
}

pub(crate) fn the_header_reads_well() {
    let mut slot = Slot::new();
    let mut job = slot.job(Program::words(["sh", "-c", "echo 'it runs' $1", "x", "a b"]));
    job.log_environ = LogEnviron::Yes;
    job.env = Environment::Only(BTreeMap::from([(Word::from("PATH"), Word::from("/bin:/usr/bin"))]));
    job.terminal = Terminal::Pty;
    job.timeout = Some(Duration::from_secs(1200));
    job.headers = vec!["asked for by the nightly scheduler".into()];
    job.first_offset = 1000;
    let ran = slot.run(&job);
    assert_eq!(ran.chunks[0].offset, 1000);
    let header =
        ran.text(Stream::Header).replace(slot.dir.to_str().unwrap(), "SLOT").replace(job.dir.to_str().unwrap(), "DIR");
    let (header, end) = header.split_once("program finished").unwrap();
    assert!(end.starts_with(" with exit code 0 after "));
    insta::assert_snapshot!(header, @r"
    sh -c 'echo '\''it runs'\'' $1' x 'a b'
     in dir DIR
     using a terminal
     limit: 20 min without output
     environment:
      PATH=/bin:/usr/bin
      SLUICE_JOB=SLOT/jobs/1-1-0
    asked for by the nightly scheduler
    ");
}
