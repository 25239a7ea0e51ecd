//! Any sequence of appends, flushes and restarts against a list of bytes.

use crate::hands::{BUILD, LOG, raw, run};
use bytes::Bytes;
use logs::{Facts, Hit, Line, Logs};
use model::{LogId, Stream};
use proptest::prelude::*;

/// A log as the definition has it: each byte and where it came from.
#[derive(Default)]
struct Slow(Vec<(u8, Stream)>);

impl Slow {
    fn bytes(&self) -> Vec<u8> {
        self.0.iter().map(|(byte, _)| *byte).collect()
    }

    fn lines(&self) -> Vec<(Stream, Vec<u8>)> {
        let mut lines: Vec<(Stream, Vec<u8>)> = Vec::new();
        let mut before: Option<(u8, Stream)> = None;
        for &(byte, stream) in &self.0 {
            if before.is_none_or(|(last, from)| last == b'\n' || from != stream) {
                lines.push((stream, Vec::new()));
            }
            if byte != b'\n' {
                lines.last_mut().unwrap().1.push(byte);
            }
            before = Some((byte, stream));
        }
        lines
    }

    fn page(&self, first: u64, count: u64) -> Vec<Line> {
        let lines = self.lines().into_iter().enumerate().map(|(number, (stream, mut bytes))| {
            let cut = bytes.len() > Logs::MOST_LINE_BYTES;
            bytes.truncate(Logs::MOST_LINE_BYTES);
            Line { number: number as u64, stream, bytes, cut }
        });
        lines.skip(first as usize).take(count as usize).collect()
    }

    fn hits(&self, needle: &[u8]) -> Vec<Hit> {
        let lines = self.lines().into_iter().enumerate();
        let hits = lines.filter_map(|(line, (_, bytes))| {
            let column = bytes.windows(needle.len()).position(|window| window == needle)?;
            Some(Hit { line: line as u64, column: column as u64 })
        });
        hits.collect()
    }
}

#[derive(Clone, Debug)]
enum Act {
    /// Bytes to one of two logs, of which the sender repeats some that were sent before.
    Append {
        log: usize,
        stream: Stream,
        data: Vec<u8>,
        again: usize,
    },
    Flush,
    Restart,
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    let short = proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'a'), Just(b'b'), any::<u8>()], 0..60);
    let long = (1usize..6, prop_oneof![Just(30_000usize), Just(70_001), Just(262_144)]).prop_map(|(width, length)| {
        b"abcde\n".iter().cycle().take(length).copied().filter(|b| *b != b'a' + width as u8).collect()
    });
    prop_oneof![30 => short, 1 => long]
}

fn act() -> impl Strategy<Value = Act> {
    let stream = prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr), Just(Stream::Header)];
    let append = (0usize..2, stream, data(), 0usize..20).prop_map(|(log, stream, data, again)| Act::Append {
        log,
        stream,
        data,
        again,
    });
    prop_oneof![20 => append, 2 => Just(Act::Flush), 1 => Just(Act::Restart)]
}

const LOGS: [LogId; 2] = [LOG, LogId(71)];

async fn compare(logs: &Logs, slow: &[Slow; 2], (first, count): (u64, u64)) {
    for (&log, slow) in LOGS.iter().zip(slow) {
        let facts = logs.facts(BUILD, log).await;
        let (bytes, lines) = (slow.0.len() as u64, slow.lines().len() as u64);
        let Some(Facts { bytes: found, lines: counted, .. }) = facts else {
            assert_eq!(bytes, 0, "a log that has bytes is known");
            continue;
        };
        assert_eq!((found, counted), (bytes, lines));
        assert_eq!(raw(logs, BUILD, log).await.unwrap(), slow.bytes());
        let first = if lines == 0 { first } else { first % (lines + 2) };
        let found = logs.lines(BUILD, log, first, count, usize::MAX).await.unwrap();
        assert_eq!(found, slow.page(first, count));
        assert_eq!(logs.tail(BUILD, log, 3, usize::MAX).await.unwrap(), slow.page(lines.saturating_sub(3), 3));
        for needle in ["a", "ba", "cdeab"] {
            let found = logs.find(BUILD, log, needle.into(), 0, usize::MAX).await.unwrap();
            assert_eq!((found.hits, found.next), (slow.hits(needle.as_bytes()), None));
        }
    }
}

async fn play(acts: Vec<Act>, range: (u64, u64)) {
    let dir = tempfile::tempdir().unwrap();
    let mut logs = Logs::open(dir.path().to_path_buf()).unwrap();
    let mut slow = [Slow::default(), Slow::default()];
    for log in LOGS {
        logs.begin(BUILD, log).await.unwrap();
    }
    for act in acts {
        match act {
            Act::Append { log, stream, data, again } => {
                let sent: Vec<u8> = slow[log].bytes();
                let again = again.min(sent.len());
                let offset = (sent.len() - again) as u64;
                let all: Vec<u8> = sent[sent.len() - again..].iter().chain(&data).copied().collect();
                slow[log].0.extend(data.iter().map(|byte| (*byte, stream)));
                let progress = logs.append(BUILD, LOGS[log], offset, stream, Bytes::from(all)).await.unwrap();
                assert_eq!(progress.bytes, slow[log].0.len() as u64);
            }
            Act::Flush => logs.flush().await.unwrap(),
            Act::Restart => {
                drop(logs);
                logs = Logs::open(dir.path().to_path_buf()).unwrap();
                compare(&logs, &slow, range).await;
                for (&log, slow) in LOGS.iter().zip(&slow) {
                    assert_eq!(logs.begin(BUILD, log).await.unwrap(), slow.0.len() as u64);
                }
            }
        }
    }
    compare(&logs, &slow, range).await;
    let mut sealed = Vec::new();
    for (&log, slow) in LOGS.iter().zip(&slow) {
        let seal = logs.seal(BUILD, log).await.unwrap();
        assert_eq!(seal.crc32, crc32fast::hash(&slow.bytes()));
        sealed.push((log, Facts { lines: seal.lines, bytes: seal.bytes, sealed: Some(seal.crc32) }));
    }
    compare(&logs, &slow, range).await;
    logs.finish(BUILD).await.unwrap();
    compare(&logs, &slow, range).await;
    logs.flush().await.unwrap();
    compare(&logs, &slow, range).await;
    let checked = logs::check(&crate::hands::file_in(dir.path())).unwrap();
    assert_eq!((checked.state, checked.logs), (logs::State::Finished, sealed));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_a_list_of_bytes(acts in proptest::collection::vec(act(), 0..50), first in 0u64..1000, count in 0u64..40) {
        run(play(acts, (first, count)));
    }
}
