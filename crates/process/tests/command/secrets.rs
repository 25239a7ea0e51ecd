//! What is kept of output beyond the plain bytes: secrets masked, streams left out, followed files, files handed back.

use crate::slot::{PATIENCE, Ran, Slot, read_all, until};
use process::control::FromSupervisor;
use process::spool::{Reader, Stream};
use process::{CollectedFile, Environment, FollowedFile, Job, LogEnviron, Program, Report};
use std::time::Instant;

const SECRET: &str = "s3same&street";

fn log(ran: &Ran, number: u16) -> String {
    let chunks = ran.chunks.iter().filter(|chunk| chunk.log == number);
    String::from_utf8(chunks.flat_map(|chunk| chunk.data.clone()).collect()).unwrap()
}

fn hide(job: &mut Job) {
    job.mask = vec![serde_bytes::ByteBuf::from(SECRET)];
}

pub(crate) fn a_secret_is_masked_wherever_it_could_be_kept() {
    let mut slot = Slot::new();
    let text = "echo \"$PASS\"; printf %s \"$PASS\" | base64; printf 'x%s' \"$PASS\" | base64; printf 'xy%s' \"$PASS\" | base64
        printf 's3sa'; printf 'me&str' ; sleep 0.02; echo 'eet'; echo \"$PASS\" >&2
        echo s3same%26street; echo \"$PASS\" > log; echo \"$PASS\" > $SLUICE_REPORT
        (exec -a \"$PASS\" sleep 1000) &";
    let mut job = slot.job(Program::words(["bash", "-c", text]));
    job.env = Environment::Changed([("PASS".into(), Some(SECRET.into()))].into());
    job.log_environ = LogEnviron::Yes;
    job.headers = vec![format!("with {SECRET}")];
    job.follow = vec![FollowedFile { log: 1, path: slot.work.join("log"), from_end: false }];
    job.report = Report::File;
    hide(&mut job);
    let ran = slot.run(&job);
    let stars = "*".repeat(SECRET.len());
    let out = ran.text(Stream::Stdout);
    assert!(out.starts_with(&format!("{stars}\n")), "{out}");
    assert!(out.contains(&format!("{stars}\n***************\n")), "in pieces, and in an address: {out}");
    assert_eq!(ran.text(Stream::Stderr), format!("{stars}\n"));
    assert_eq!(log(&ran, 1), format!("{stars}\n"));
    let header = ran.text(Stream::Header);
    assert!(header.contains(&format!("PASS={stars}\n")) && header.contains(&format!("with {stars}\n")), "{header}");
    assert!(header.contains(&format!("{stars} 1000 (pid")), "{header}");
    assert_eq!(ran.outcome.report, Some(format!("{stars}\n").into_bytes()));
    // Not in the spool either, beside the job itself, which nobody else may read.
    for needle in [SECRET, "czNzYW1lJnN0cmVl", "M3NhbWUmc3RyZWV0", "3NhbWUmc3RyZW", "s3same%26street"] {
        for entry in std::fs::read_dir(job.id.dir(&slot.dir)).unwrap() {
            let path = entry.unwrap().path();
            let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
            // The report is the command's own; the directory is closed to others.
            assert!(mode & 0o077 == 0 || path.ends_with("report"), "{}", path.display());
            let bytes = std::fs::read(&path).unwrap();
            let found = String::from_utf8_lossy(&bytes).contains(needle);
            let own = path.ends_with("job") || path.ends_with("report");
            assert!(!found || own, "{needle} is in {}", path.display());
        }
    }
    let missing = slot.job(Program::words([format!("./{SECRET}")]));
    let mut missing = missing;
    hide(&mut missing);
    let ran = slot.run(&missing);
    let process::Exit::NotStarted { error, .. } = ran.outcome.exit else { panic!("it is not there") };
    assert_eq!(error, format!("no such file ./{stars}"));
}

pub(crate) fn half_a_secret_is_held_back_for_a_moment_only() {
    let mut slot = Slot::new();
    let mut job = slot.script("printf 'name: s3'; while ! test -e go; do sleep 0.01; done; echo 'same&street'");
    hide(&mut job);
    slot.start(&job);
    assert!(matches!(slot.hear(), FromSupervisor::Started { .. }));
    let mut reader = Reader::open(&job.id.dir(&slot.dir)).unwrap();
    let mut seen = Vec::new();
    let began = Instant::now();
    until("the prompt is shown though nothing follows", || {
        let more = reader.read(1 << 20).unwrap().into_iter().filter(|chunk| chunk.stream == Stream::Stdout);
        seen.extend(more.flat_map(|chunk| chunk.data));
        seen.ends_with(b"name: s3")
    });
    assert!(began.elapsed() < PATIENCE / 4);
    std::fs::write(slot.work.join("go"), "").unwrap();
    let ran = slot.finish(&job);
    assert_eq!(ran.text(Stream::Stdout), "name: s3***********\n", "what comes after it is masked all the same");
}

pub(crate) fn unwanted_output_is_read_and_not_kept() {
    let mut slot = Slot::new();
    let mut job = slot.script("head -c 3000000 /dev/zero; echo err >&2");
    job.unwanted = vec![Stream::Stdout];
    let ran = slot.run(&job);
    assert_eq!((ran.bytes(Stream::Stdout).len(), ran.text(Stream::Stderr).as_str()), (0, "err\n"));
    job = slot.script("echo out; echo err >&2");
    job.unwanted = vec![Stream::Stderr];
    let ran = slot.run(&job);
    assert_eq!((ran.text(Stream::Stdout).as_str(), ran.bytes(Stream::Stderr).len()), ("out\n", 0));
    job = slot.script("echo out; exit 3");
    job.unwanted = vec![Stream::Header];
    let ran = slot.run(&job);
    assert_eq!((ran.text(Stream::Stdout).as_str(), ran.bytes(Stream::Header).len()), ("out\n", 0));
}

pub(crate) fn files_that_are_followed_become_logs() {
    let mut slot = Slot::new();
    std::fs::create_dir_all(&slot.work).unwrap();
    for name in ["tail", "stale"] {
        std::fs::write(slot.work.join(name), "old\n").unwrap();
    }
    let mut job = slot.script(
        "echo first >> grows; while ! test -e go; do sleep 0.01; done
        echo last >> grows; echo new >> tail; mv grows grows.1; echo another > grows; seq 1 300000 > long",
    );
    let names = ["grows", "tail", "stale", "absent", "long"];
    let follow = |(n, name): (usize, &&str)| FollowedFile {
        log: n as u16 + 1,
        path: slot.work.join(name),
        from_end: *name == "tail",
    };
    job.follow = names.iter().enumerate().map(follow).collect();
    slot.start(&job);
    assert!(matches!(slot.hear(), FromSupervisor::Started { .. }));
    let mut reader = Reader::open(&job.id.dir(&slot.dir)).unwrap();
    until("the file's first line comes while the command runs", || {
        reader.read(1 << 20).unwrap().iter().any(|chunk| chunk.log == 1 && chunk.data == b"first\n")
    });
    std::fs::write(slot.work.join("go"), "").unwrap();
    let ran = slot.finish(&job);
    assert_eq!(log(&ran, 1), "first\nlast\nanother\n");
    assert_eq!([2, 3, 4].map(|number| log(&ran, number)), ["new\n", "", ""]);
    let expected: String = (1..=300_000).map(|n| format!("{n}\n")).collect();
    assert!(log(&ran, 5) == expected, "{} bytes", log(&ran, 5).len());
    // Each log is read on from where somebody else has it for certain.
    reader.seek(&[(5, 1_000_000)]).unwrap();
    let rest = reader.read(usize::MAX).unwrap();
    assert_eq!(rest.iter().find(|chunk| chunk.log == 5).map(|chunk| chunk.offset), Some(1_000_000));
    let (all, _) = read_all(&job.id.dir(&slot.dir));
    assert!(all.iter().any(|chunk| chunk.log == 1));
    // A file that is written without end does not hold the outcome back for ever, and counts as output.
    let mut job = slot.script("for n in 1 2 3 4 5 6 7 8; do echo $n >> grows; sleep 0.1; done");
    job.timeout = Some(std::time::Duration::from_millis(600));
    job.follow = vec![FollowedFile { log: 1, path: slot.work.join("grows"), from_end: true }];
    let ran = slot.run(&job);
    assert_eq!(log(&ran, 1), "1\n2\n3\n4\n5\n6\n7\n8\n");
    assert_eq!(ran.outcome.ended_by, process::EndedBy::Itself);
}

pub(crate) fn files_come_back_with_the_outcome() {
    let mut slot = Slot::new();
    let mut job =
        slot.script("echo here > plain; ln -s /etc/passwd link; mkfifo pipe; head -c 200000 /dev/zero > long");
    let names = ["plain", "link", "pipe", "long", "absent"];
    let collect = |name: &&str| CollectedFile { name: (*name).to_owned(), path: slot.work.join(name) };
    job.collect = names.iter().map(collect).collect();
    let ran = slot.run(&job);
    let found: Vec<_> = ran.outcome.collected.iter().map(|c| (c.name.as_str(), c.data.len())).collect();
    assert_eq!(found, [("plain", 5), ("long", Job::LONGEST_COLLECTED + 1)]);
}
