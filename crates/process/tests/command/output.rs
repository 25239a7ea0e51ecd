//! What commands say arrives byte for byte.

use crate::slot::{PATIENCE, Slot, read_all, until};
use process::control::{FromSupervisor, ToSupervisor, Wait};
use process::spool::{Reader, Stream, Trim};
use process::{Exit, Terminal};
use std::time::{Duration, Instant};

pub(crate) fn stdout_and_stderr_are_told_apart() {
    let mut slot = Slot::new();
    let ran = slot.sh("echo out; sleep 0.1; echo err >&2; sleep 0.1; echo out again");
    let order: Vec<(Stream, &[u8])> = ran
        .chunks
        .iter()
        .filter(|chunk| chunk.stream != Stream::Header)
        .map(|chunk| (chunk.stream, chunk.data.as_slice()))
        .collect();
    assert_eq!(order, [(Stream::Stdout, &b"out\n"[..]), (Stream::Stderr, b"err\n"), (Stream::Stdout, b"out again\n")]);
    assert_eq!(ran.chunks.first().map(|chunk| chunk.stream), Some(Stream::Header));
    assert_eq!(ran.chunks.last().map(|chunk| chunk.stream), Some(Stream::Header));
}

pub(crate) fn bytes_are_exact() {
    let mut slot = Slot::new();
    let ran = slot.sh(r"printf 'a\000b\377\376\r\n\033[31mno newline at the end \303'");
    assert_eq!(ran.bytes(Stream::Stdout), b"a\0b\xff\xfe\r\n\x1b[31mno newline at the end \xc3");
}

pub(crate) fn a_hundred_megabytes_without_a_newline_are_exact() {
    let mut slot = Slot::new();
    let ran = slot.sh("head -c 100000000 /dev/zero | tr '\\000' x");
    assert_eq!(ran.outcome.exit, Exit::Exited(0));
    let mut length = 0;
    for chunk in ran.chunks.iter().filter(|chunk| chunk.stream == Stream::Stdout) {
        assert!(chunk.data.iter().all(|b| *b == b'x'));
        length += chunk.data.len();
    }
    assert_eq!(length, 100_000_000);
}

pub(crate) fn standard_input_ends() {
    let mut slot = Slot::new();
    for terminal in [Terminal::Pipes, Terminal::Pty] {
        // The second reader finds the end, and so does the third.
        let mut job = slot.script("cat; cat; read line || echo over");
        job.terminal = terminal;
        assert_eq!(slot.run(&job).text(Stream::Stdout), "over\n", "{terminal:?}");
        let mut job = slot.script("cat; echo over; cat");
        job.terminal = terminal;
        job.stdin = Some(vec![b'y'; 200_000]);
        let ran = slot.run(&job);
        assert_eq!(ran.bytes(Stream::Stdout).len(), 200_005, "{terminal:?}");
        let mut job = slot.script("cat > got; cmp got wanted && echo same");
        job.terminal = terminal;
        // Every byte, lines of all lengths, and no newline at the end.
        let all = (0..=255_u8).chain((0..20_000_u32).flat_map(|n| [b'x', if n % 997 == 0 { b'\n' } else { b'y' }]));
        let all: Vec<u8> = all.collect();
        std::fs::create_dir_all(&slot.work).unwrap();
        std::fs::write(slot.work.join("wanted"), &all).unwrap();
        job.stdin = Some(all);
        assert_eq!(slot.run(&job).text(Stream::Stdout), "same\n", "{terminal:?}");
    }
    // As what asks for passwords does: it throws away what was typed before it asked.
    let flush = "tcflush(0, TCIFLUSH); print sysread(STDIN, my $text, 100) for 1..3";
    let mut job = slot.job(process::Program::words(["perl", "-MPOSIX", "-e", flush]));
    job.terminal = Terminal::Pty;
    assert_eq!(slot.run(&job).text(Stream::Stdout), "000");
    let mut job = slot.script("cat");
    job.stdin = Some(vec![0; process::Job::LONGEST_STDIN + 1]);
    let Exit::NotStarted { error, .. } = slot.run(&job).outcome.exit else { panic!("it is too long") };
    assert_eq!(error, "its standard input is longer than 4 MiB");
}

pub(crate) fn a_terminal_is_one() {
    let mut slot = Slot::new();
    let text = "test -t 0 && echo in; test -t 1 && echo out; test -t 2 && echo err >&2; tty | cut -c 1-9; \
        stty size </dev/tty";
    let mut job = slot.script(text);
    job.terminal = Terminal::Pty;
    let ran = slot.run(&job);
    assert_eq!(ran.text(Stream::Stdout), "in\nout\nerr\n/dev/pts/\n24 80\n");
    assert_eq!(ran.bytes(Stream::Stderr), b"");
    assert_eq!(slot.sh("test -t 0 || test -t 1 || echo none").text(Stream::Stdout), "none\n");
    // What takes the ends of input for letters does not get them for ever.
    let mut job = slot.script("stty raw -echo; exec cat");
    job.terminal = Terminal::Pty;
    job.timeout = Some(Duration::from_millis(500));
    let ran = slot.run(&job);
    assert_eq!(ran.outcome.ended_by, process::EndedBy::NoOutput(Duration::from_millis(500)));
    assert_eq!(ran.bytes(Stream::Stdout).len(), 64 << 10);
}

pub(crate) fn the_spool_is_read_while_it_is_written() {
    let mut slot = Slot::new();
    let job = slot.script("seq 1 400000");
    slot.start(&job);
    assert!(matches!(slot.hear(), FromSupervisor::Started { .. }));
    let dir = job.id.dir(&slot.dir);
    let mut reader = Reader::open(&dir).unwrap();
    let mut bytes = Vec::new();
    until("the outcome comes", || {
        // An odd length, so that records are given out in parts.
        for chunk in reader.read(7001).unwrap() {
            assert_eq!(chunk.log, 0);
            if chunk.stream == Stream::Stdout {
                bytes.extend(chunk.data);
            }
        }
        while let Ok(more) = reader.read(100_003)
            && !more.is_empty()
        {
            bytes.extend(more.into_iter().filter(|chunk| chunk.stream == Stream::Stdout).flat_map(|chunk| chunk.data));
        }
        reader.outcome().is_some()
    });
    let expected: String = (1..=400_000).map(|n| format!("{n}\n")).collect();
    assert!(bytes == expected.as_bytes(), "{} bytes of {}", bytes.len(), expected.len());
    // From the middle once more.
    let (all, _) = read_all(&dir);
    reader.seek(&[(0, 1_234_567)]).unwrap();
    let rest = reader.read(usize::MAX).unwrap();
    assert_eq!(rest[0].offset, 1_234_567);
    let tail = |chunks: &[process::spool::Chunk], from: u64| -> Vec<u8> {
        let skip = (from - chunks[0].offset) as usize;
        chunks.iter().flat_map(|chunk| chunk.data.clone()).skip(skip).collect()
    };
    assert!(tail(&rest, 1_234_567) == tail(&all, 1_234_567));
}

pub(crate) fn a_full_spool_holds_the_command() {
    let mut slot = Slot::new();
    let mut job = slot.script("head -c 3000000 /dev/zero");
    job.spool_limit = 1 << 20;
    // Time in which nobody reads is not the command's.
    job.timeout = Some(Duration::from_millis(400));
    job.max_time = Some(Duration::from_secs(5));
    slot.start(&job);
    let dir = job.id.dir(&slot.dir);
    while slot.hear() != (FromSupervisor::Waiting { job: job.id.clone(), why: Wait::SpoolLimit }) {}
    let size = |dir| std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum::<u64>();
    let held = size(&dir);
    assert!((1 << 20..(1 << 20) + 200_000).contains(&held), "{held}");
    // Longer than its time without output.
    let quiet = Instant::now() + Duration::from_millis(900);
    while let Some(message) = slot.supervisor.receive(quiet.saturating_duration_since(Instant::now())).unwrap() {
        assert_eq!(message, FromSupervisor::Grown { job: job.id.clone() });
    }
    assert_eq!(size(&dir), held);
    let mut reader = Reader::open(&dir).unwrap();
    let mut length = 0;
    until("the outcome comes", || {
        for chunk in reader.read(1 << 20).unwrap() {
            length += if chunk.stream == Stream::Stdout { chunk.data.len() } else { 0 };
            let end = chunk.offset + chunk.data.len() as u64;
            if reader.trim(0, end).unwrap() != Trim::Nothing {
                slot.supervisor.send(&ToSupervisor::Trimmed { job: job.id.clone() }).unwrap();
            }
        }
        reader.outcome().is_some()
    });
    assert_eq!(length, 3_000_000);
    assert_eq!(reader.outcome().map(|outcome| outcome.exit.clone()), Some(Exit::Exited(0)));
    assert!(matches!(reader.seek(&[(0, 0)]), Err(process::spool::SpoolError::Trimmed { log: 0, asked: 0, .. })));
    while slot.supervisor.receive(PATIENCE).unwrap() != Some(FromSupervisor::Ended { job: job.id.clone() }) {}
}

pub(crate) fn a_disk_that_takes_nothing_is_waited_for() {
    let mut slot = Slot::new();
    let mut job = slot.script("while ! test -e go; do sleep 0.01; done; head -c 3000000 /dev/zero; echo end >&2");
    job.spool_limit = 4 << 20;
    slot.start(&job);
    assert!(matches!(slot.hear(), FromSupervisor::Started { .. }));
    // A directory where the second segment should be: the system refuses to open it.
    let in_the_way = job.id.dir(&slot.dir).join("00000001.seg");
    std::fs::create_dir(&in_the_way).unwrap();
    std::fs::write(slot.work.join("go"), "").unwrap();
    let FromSupervisor::Waiting { why: Wait::Disk { error }, .. } = slot.hear() else { panic!("it waits") };
    assert!(error.contains("directory"), "{error}");
    std::fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(slot.hear(), FromSupervisor::Resumed { job: job.id.clone() });
    let ran = slot.finish(&job);
    assert_eq!(ran.bytes(Stream::Stdout).len(), 3_000_000);
    assert_eq!(ran.text(Stream::Stderr), "end\n");
}

pub(crate) fn a_spool_that_is_deleted_ends_the_command() {
    let mut slot = Slot::new();
    let mut job = slot.script("while ! test -e go; do sleep 0.01; done; cat /dev/zero");
    job.spool_limit = 4 << 20;
    slot.start(&job);
    assert!(matches!(slot.hear(), FromSupervisor::Started { .. }));
    process::spool::remove(&job.id.dir(&slot.dir)).unwrap();
    std::fs::write(slot.work.join("go"), "").unwrap();
    while slot.hear() != (FromSupervisor::Ended { job: job.id.clone() }) {}
    assert!(!job.id.dir(&slot.dir).exists());
    assert_eq!(slot.sh("exit 6").outcome.exit, Exit::Exited(6), "the supervisor serves on");
}
