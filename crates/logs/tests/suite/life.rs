//! The life of a log: begun, appended to, read meanwhile, sealed, finished, removed.

use crate::hands::{BUILD, LOG, file_in, raw, run, say};
use bytes::Bytes;
use futures_util::StreamExt;
use logs::{AppendError, Durable, Facts, Growth, LogError, Logs, Sealed, Visit};
use model::{BuildId, LogId, Stream};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn open() -> (TempDir, Logs) {
    let dir = tempfile::tempdir().unwrap();
    let logs = Logs::open(dir.path().to_path_buf()).unwrap();
    (dir, logs)
}

async fn append(logs: &Logs, offset: u64, data: Bytes) -> Result<u64, AppendError> {
    logs.append(BUILD, LOG, offset, Stream::Stdout, data).await.map(|progress| progress.bytes)
}

#[test]
fn overlap_is_skipped_and_a_gap_refused() {
    run(async {
        let (_dir, logs) = open();
        assert!(matches!(append(&logs, 0, Bytes::from_static(b"x")).await, Err(AppendError::NotBegun)));
        assert_eq!(logs.begin(BUILD, LOG).await.unwrap(), 0);
        assert_eq!(append(&logs, 0, Bytes::from_static(b"hello\n")).await.unwrap(), 6);
        assert_eq!(append(&logs, 3, Bytes::from_static(b"lo\nyou\n")).await.unwrap(), 10);
        assert_eq!(append(&logs, 0, Bytes::from_static(b"hello\n")).await.unwrap(), 10);
        let gap = append(&logs, 11, Bytes::from_static(b"x")).await;
        assert!(matches!(gap, Err(AppendError::Gap { expected: 10 })));
        let seal = logs.seal(BUILD, LOG).await.unwrap();
        assert_eq!(seal, Sealed { lines: 2, bytes: 10, crc32: crc32fast::hash(b"hello\nyou\n") });
        assert_eq!(logs.seal(BUILD, LOG).await.unwrap(), seal);
        assert_eq!(append(&logs, 6, Bytes::from_static(b"you\n")).await.unwrap(), 10);
        let more = append(&logs, 10, Bytes::from_static(b"x")).await;
        assert!(matches!(more, Err(AppendError::Sealed { bytes: 10 })));
        logs.finish(BUILD).await.unwrap();
        logs.flush().await.unwrap();
        assert_eq!(logs.seal(BUILD, LOG).await.unwrap(), seal);
        assert_eq!(logs.begin(BUILD, LOG).await.unwrap(), 10);
        logs.finish(BUILD).await.unwrap();
    });
}

#[test]
fn a_finished_build_that_is_begun_again_does_not_grow() {
    run(async {
        let (dir, logs) = open();
        logs.begin(BUILD, LOG).await.unwrap();
        say(&logs, LOG, 0, "once\n").await;
        logs.finish(BUILD).await.unwrap();
        logs.flush().await.unwrap();
        let before = std::fs::read(file_in(dir.path())).unwrap();
        assert_eq!(logs.begin(BUILD, LOG).await.unwrap(), 5);
        logs.finish(BUILD).await.unwrap();
        logs.flush().await.unwrap();
        assert_eq!(std::fs::read(file_in(dir.path())).unwrap(), before);

        let other = LogId(71);
        logs.begin(BUILD, other).await.unwrap();
        say(&logs, other, 0, "more\n").await;
        logs.finish(BUILD).await.unwrap();
        logs.flush().await.unwrap();
        assert_eq!(raw(&logs, BUILD, LOG).await.unwrap(), b"once\n");
        assert_eq!(raw(&logs, BUILD, other).await.unwrap(), b"more\n");
        assert_eq!(logs::check(&file_in(dir.path())).unwrap().state, logs::State::Finished);
    });
}

#[test]
fn a_file_that_lacks_only_its_index_is_closed_and_no_other() {
    run(async {
        let (dir, logs) = open();
        logs.begin(BUILD, LOG).await.unwrap();
        append(&logs, 0, Bytes::from_static(b"hello\n")).await.unwrap();
        logs.flush().await.unwrap();
        drop(logs);
        // Not sealed: more may come.
        let logs = Logs::open(dir.path().to_path_buf()).unwrap();
        assert!(!logs.close_left_open(BUILD).await.unwrap());
        assert!(!logs.close_left_open(BuildId(BUILD.0 + 1)).await.unwrap(), "no file");
        logs.begin(BUILD, LOG).await.unwrap();
        logs.seal(BUILD, LOG).await.unwrap();
        logs.flush().await.unwrap();
        drop(logs);
        // Sealed, and the index was torn.
        let file = file_in(dir.path());
        let mut bytes = std::fs::read(&file).unwrap();
        let whole = bytes.len();
        bytes.extend_from_slice(&0x184D_2A5Cu32.to_le_bytes());
        bytes.extend_from_slice(&[200, 0]);
        std::fs::write(&file, &bytes).unwrap();
        let logs = Logs::open(dir.path().to_path_buf()).unwrap();
        assert!(logs.close_left_open(BUILD).await.unwrap());
        logs.flush().await.unwrap();
        assert!(!logs.close_left_open(BUILD).await.unwrap(), "once");
        assert_eq!(logs::check(&file).unwrap().state, logs::State::Finished);
        assert!(std::fs::metadata(&file).unwrap().len() > whole as u64);
        assert_eq!(raw(&logs, BUILD, LOG).await.unwrap(), b"hello\n");
    });
}

#[test]
fn stock_zstd_prints_all_bytes_in_the_order_they_came() {
    run(async {
        let (dir, logs) = open();
        let other = LogId(71);
        logs.begin(BUILD, LOG).await.unwrap();
        logs.begin(BUILD, other).await.unwrap();
        say(&logs, LOG, 0, "first\n").await;
        logs.flush().await.unwrap();
        say(&logs, other, 0, "second\n").await;
        logs.flush().await.unwrap();
        say(&logs, LOG, 6, "third, \0 and \x1b[1mno newline").await;
        logs.finish(BUILD).await.unwrap();
        logs.flush().await.unwrap();
        let expected = b"first\nsecond\nthird, \0 and \x1b[1mno newline";
        let file = std::fs::read(file_in(dir.path())).unwrap();
        assert_eq!(zstd::decode_all(&file[..]).unwrap(), expected);
        let stock = Command::new("zstd").arg("-dc").arg(file_in(dir.path())).output().expect("zstd is installed");
        assert_eq!(String::from_utf8_lossy(&stock.stderr), "");
        assert_eq!(stock.stdout, expected);
    });
}

#[test]
fn every_byte_is_kept_as_it_is() {
    run(async {
        let (_dir, logs) = open();
        logs.begin(BUILD, LOG).await.unwrap();
        let odd: Vec<u8> = (0..=255u8).chain(*b"\xff\xfe\xc3\r\n\0\0\n\xe2\x82").collect();
        append(&logs, 0, Bytes::from(odd.clone())).await.unwrap();
        assert_eq!(raw(&logs, BUILD, LOG).await.unwrap(), odd);
        logs.finish(BUILD).await.unwrap();
        logs.flush().await.unwrap();
        assert_eq!(raw(&logs, BUILD, LOG).await.unwrap(), odd);
        let lines = logs.lines(BUILD, LOG, 2, 2, 100).await.unwrap();
        assert_eq!(lines.iter().map(|line| &line.bytes[..]).collect::<Vec<_>>(), [&b"\0\0"[..], b"\xe2\x82"]);
    });
}

#[test]
fn a_line_without_end_is_cut_where_it_is_shown_and_kept_where_it_is_stored() {
    const ENDLESS: u64 = 64 << 20;
    run(async {
        let (_dir, logs) = open();
        logs.begin(BUILD, LOG).await.unwrap();
        say(&logs, LOG, 0, "before\n").await;
        let piece = Bytes::from(vec![b'x'; 1 << 20]);
        let mut offset = 7;
        while offset < ENDLESS {
            offset = append(&logs, offset, piece.clone()).await.unwrap();
        }
        offset = append(&logs, offset, Bytes::from_static(b"needle\nafter\n")).await.unwrap();
        for _ in ["live", "finished"] {
            let lines = logs.lines(BUILD, LOG, 0, 10, 1 << 20).await.unwrap();
            let shown: Vec<_> = lines.iter().map(|line| (line.number, line.bytes.len(), line.cut)).collect();
            assert_eq!(shown, [(0, 6, false), (1, Logs::MOST_LINE_BYTES, true), (2, 5, false)]);
            assert_eq!(logs.tail(BUILD, LOG, 1, 100).await.unwrap()[0].bytes, b"after");
            let mut total = 0;
            let mut pieces = logs.raw(BUILD, LOG);
            while let Some(piece) = pieces.next().await {
                let piece = piece.unwrap();
                assert!(piece.len() <= logs::format::FRAME_BYTES, "a reader holds one frame at a time");
                total += piece.len() as u64;
            }
            assert_eq!(total, offset);
            // A search stops after 64 MiB and says where to go on.
            for (first, hits, next) in [(0, 0, Some(1)), (1, 0, Some(2)), (2, 1, None)] {
                let found = logs.find(BUILD, LOG, b"after".to_vec(), first, 10).await.unwrap();
                assert_eq!((found.hits.len(), found.next), (hits, next), "from line {first}");
            }
            logs.finish(BUILD).await.unwrap();
            logs.flush().await.unwrap();
        }
    });
}

#[test]
fn limits_of_an_answer_are_kept() {
    run(async {
        let (_dir, logs) = open();
        logs.begin(BUILD, LOG).await.unwrap();
        say(&logs, LOG, 0, "aaaa\nbbbb\ncccc\ndddd").await;
        for (most, expected) in [(0, 1), (3, 1), (4, 1), (7, 1), (8, 2), (15, 3), (16, 4), (100, 4)] {
            let lines = logs.lines(BUILD, LOG, 0, 10, most).await.unwrap();
            assert_eq!(lines.len(), expected, "at most {most} bytes");
        }
        assert_eq!(logs.lines(BUILD, LOG, 0, 0, 100).await.unwrap(), []);
        assert_eq!(logs.lines(BUILD, LOG, 4, u64::MAX, 100).await.unwrap(), []);
        assert_eq!(logs.lines(BUILD, LOG, u64::MAX, u64::MAX, 100).await.unwrap(), []);
        let found = logs.find(BUILD, LOG, b"b".to_vec(), 0, 0).await.unwrap();
        assert_eq!((found.hits.len(), found.next), (0, Some(0)));
        let nobody = logs.lines(BuildId(999), LOG, 0, 1, 1).await;
        assert!(matches!(nobody, Err(LogError::Unknown { build: BuildId(999), .. })));
        assert_eq!(logs.facts(BUILD, LogId(1)).await, None);
        append(&logs, 19, Bytes::from(vec![b'\n'; 300_000])).await.unwrap();
        assert_eq!(logs.lines(BUILD, LOG, 0, u64::MAX, usize::MAX).await.unwrap().len(), 100_000);
    });
}

#[test]
fn readers_see_whole_prefixes_while_it_is_written() {
    run(async {
        let (_dir, logs) = open();
        logs.begin(BUILD, LOG).await.unwrap();
        let text: Bytes = (0..400_000u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let writer = {
            let (logs, text) = (logs.clone(), text.clone());
            tokio::spawn(async move {
                for at in (0..text.len()).step_by(10_007) {
                    append(&logs, at as u64, text.slice(at..(at + 10_007).min(text.len()))).await.unwrap();
                    tokio::task::yield_now().await;
                }
                logs.finish(BUILD).await.unwrap();
            })
        };
        let mut seen = 0;
        while seen < text.len() {
            let Facts { lines, bytes, .. } = logs.facts(BUILD, LOG).await.unwrap();
            let got = raw(&logs, BUILD, LOG).await.unwrap();
            assert!(text.starts_with(&got) && got.len() as u64 >= bytes && got.len() >= seen);
            seen = got.len();
            if lines > 1 {
                let page = logs.lines(BUILD, LOG, lines / 2, 1, 100).await.unwrap();
                let whole = format!("line {}", lines / 2).into_bytes();
                assert!(whole.starts_with(&page[0].bytes));
            }
            tokio::task::yield_now().await;
        }
        writer.await.unwrap();
    });
}

#[test]
fn what_is_durable_is_told_once_it_is() {
    run(async {
        let (_dir, logs) = open();
        let mut synced = logs.synced();
        logs.begin(BUILD, LOG).await.unwrap();
        say(&logs, LOG, 0, "12345\n").await;
        // No flush: bytes that wait a second are written by themselves.
        let start = Instant::now();
        let told = synced.recv().await.unwrap();
        assert_eq!(told, [Durable { build: BUILD, log: LOG, bytes: 6, sealed: false }]);
        assert!(start.elapsed() < Duration::from_secs(30));
        logs.seal(BUILD, LOG).await.unwrap();
        let told = synced.recv().await.unwrap();
        assert_eq!(told, [Durable { build: BUILD, log: LOG, bytes: 6, sealed: true }]);
        drop(logs);
        assert_eq!(synced.recv().await, None);
    });
}

#[test]
fn growth_is_told_but_not_too_often() {
    run(async {
        let (_dir, logs) = open();
        let mut growth = logs.growth();
        logs.begin(BUILD, LOG).await.unwrap();
        let start = Instant::now();
        for at in 0..2000 {
            append(&logs, at * 2, Bytes::from_static(b"x\n")).await.unwrap();
        }
        let mut told = 0;
        while let Ok(Growth { lines, .. }) = growth.try_recv() {
            assert!(lines <= 2000);
            told += 1;
        }
        let most = start.elapsed().as_millis() / 50 + 2;
        assert!(told >= 1 && told <= most, "{told} tidings, at most {most}");
        // What was held back is told without another append.
        while growth.recv().await.unwrap().lines < 2000 {}
        logs.seal(BUILD, LOG).await.unwrap();
        assert_eq!(growth.recv().await.unwrap(), Growth { build: BUILD, log: LOG, lines: 2000, bytes: 4000 });
    });
}

#[test]
fn one_piece_may_be_larger_than_the_queue() {
    run(async {
        let (_dir, logs) = open();
        logs.begin(BUILD, LOG).await.unwrap();
        let all: Bytes = (0..20_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert_eq!(append(&logs, 0, all.clone()).await.unwrap(), all.len() as u64);
        let sealed = logs.seal(BUILD, LOG).await.unwrap();
        assert_eq!(sealed.crc32, crc32fast::hash(&all));
        assert!(raw(&logs, BUILD, LOG).await.unwrap() == all);
    });
}

#[test]
fn what_is_removed_is_gone() {
    run(async {
        let (dir, logs) = open();
        for when in ["live", "written", "finished", "never there"] {
            if when != "never there" {
                logs.begin(BUILD, LOG).await.unwrap();
                say(&logs, LOG, 0, "secret\n").await;
            }
            if when == "written" {
                logs.flush().await.unwrap();
            }
            if when == "finished" {
                logs.finish(BUILD).await.unwrap();
                logs.flush().await.unwrap();
                assert_eq!(raw(&logs, BUILD, LOG).await.unwrap(), b"secret\n");
            }
            logs.remove(BUILD).await.unwrap();
            logs.flush().await.unwrap();
            assert!(!file_in(dir.path()).exists(), "{when}");
            assert_eq!(logs.facts(BUILD, LOG).await, None);
            assert!(matches!(raw(&logs, BUILD, LOG).await, Err(LogError::Unknown { .. })));
        }
    });
}

#[test]
fn many_tiny_builds_are_all_there_afterwards() {
    run(async {
        let (dir, logs) = open();
        let mut synced = logs.synced();
        for number in 1..=1500 {
            let (build, log) = (BuildId(number), LogId(number));
            logs.begin(build, log).await.unwrap();
            let text = Bytes::from(format!("build {number}\n"));
            logs.append(build, log, 0, Stream::Stdout, text).await.unwrap();
            logs.finish(build).await.unwrap();
        }
        logs.flush().await.unwrap();
        let mut sealed = 0;
        while sealed < 1500 {
            sealed += synced.recv().await.unwrap().iter().filter(|durable| durable.sealed).count();
        }
        drop(logs);
        let logs = Logs::open(dir.path().to_path_buf()).unwrap();
        for number in 1..=1500 {
            let bytes = raw(&logs, BuildId(number), LogId(number)).await.unwrap();
            assert_eq!(bytes, format!("build {number}\n").into_bytes());
        }
        assert!(dir.path().join("1").join("1500.slog").exists());
    });
}

#[test]
fn a_visitor_sees_every_byte_and_where_it_came_from() {
    struct Seen(Vec<(Stream, Vec<u8>)>);
    impl Visit for Seen {
        fn piece(&mut self, stream: Stream, bytes: &[u8]) {
            match self.0.last_mut() {
                Some((last, seen)) if *last == stream => seen.extend_from_slice(bytes),
                _ => self.0.push((stream, bytes.to_vec())),
            }
        }
    }
    run(async {
        let (_dir, logs) = open();
        logs.begin(BUILD, LOG).await.unwrap();
        let long = vec![b'x'; 700_000];
        let pieces = [
            (Stream::Header, b"make\n".to_vec()),
            (Stream::Stdout, b"one\0".to_vec()),
            (Stream::Stderr, b"two".to_vec()),
            (Stream::Stdout, long),
        ];
        let mut offset = 0;
        for (stream, data) in &pieces {
            logs.append(BUILD, LOG, offset, *stream, data.clone().into()).await.unwrap();
            offset += data.len() as u64;
        }
        assert_eq!(logs.visit(BUILD, LOG, Seen(Vec::new())).await.unwrap().0, pieces);
        logs.seal(BUILD, LOG).await.unwrap();
        logs.finish(BUILD).await.unwrap();
        assert_eq!(logs.visit(BUILD, LOG, Seen(Vec::new())).await.unwrap().0, pieces);
        assert!(logs.visit(BUILD, LogId(99), Seen(Vec::new())).await.is_err());
    });
}
