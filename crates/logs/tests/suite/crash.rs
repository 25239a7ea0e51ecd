//! Files as a crash or a bad disk leaves them.

use crate::hands::{BUILD, LOG, file_in, raw, run, say};
use bytes::Bytes;
use logs::{AppendError, LogError, Logs, State, check};
use model::{LogId, Stream};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const OTHER: LogId = LogId(71);
const FIRST: [&str; 3] = ["one\ntw", "o\nthree\n", "four"];
const SECOND: [&str; 2] = ["alpha\n", "beta\n"];

/// Two logs, several frames, all durable; finished or not.
async fn sample(dir: &Path, finished: Finished) -> Vec<u8> {
    let logs = Logs::open(dir.to_path_buf()).unwrap();
    logs.begin(BUILD, LOG).await.unwrap();
    logs.begin(BUILD, OTHER).await.unwrap();
    let (mut first, mut second) = (0, 0);
    for (i, text) in FIRST.into_iter().enumerate() {
        say(&logs, LOG, first, text).await;
        first += text.len();
        if let Some(text) = SECOND.get(i) {
            say(&logs, OTHER, second, text).await;
            second += text.len();
        }
        logs.flush().await.unwrap();
    }
    if finished == Finished::Yes {
        logs.finish(BUILD).await.unwrap();
    }
    drop(logs);
    fs::read(file_in(dir)).unwrap()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Finished {
    Yes,
    No,
}

fn dir_with(bytes: &[u8]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("0")).unwrap();
    fs::write(file_in(dir.path()), bytes).unwrap();
    dir
}

/// What a log has, if its bytes are served at all; then they must be the first ones of `whole`.
async fn served(logs: &Logs, log: LogId, whole: &str) -> Option<usize> {
    let bytes = raw(logs, BUILD, log).await.ok()?;
    assert!(whole.as_bytes().starts_with(&bytes), "wrong bytes are served: {bytes:?}");
    let lines = logs.lines(BUILD, log, 0, 100, usize::MAX).await.unwrap();
    let text: Vec<u8> = lines.into_iter().map(|line| line.bytes).collect::<Vec<_>>().join(&b'\n');
    assert!(whole.as_bytes().starts_with(&text));
    Some(bytes.len())
}

#[test]
fn a_file_torn_anywhere_serves_what_was_before_and_goes_on() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let whole = [FIRST.concat(), SECOND.concat()];
        let bytes = sample(dir.path(), Finished::Yes).await;
        let mut most = 0;
        for length in 0..bytes.len() {
            let dir = dir_with(&bytes[..length]);
            let logs = Logs::open(dir.path().to_path_buf()).unwrap();
            for (log, whole) in [(LOG, &whole[0]), (OTHER, &whole[1])] {
                let before = served(&logs, log, whole).await.unwrap_or(0);
                let durable = logs.begin(BUILD, log).await.unwrap();
                assert_eq!(durable, before as u64, "what was served is kept, at length {length}");
                most = most.max(before);
                if before < whole.len() {
                    let rest = Bytes::copy_from_slice(&whole.as_bytes()[before..]);
                    logs.append(BUILD, log, durable, Stream::Stdout, rest).await.unwrap();
                }
                assert_eq!(served(&logs, log, whole).await, Some(whole.len()));
            }
            logs.finish(BUILD).await.unwrap();
            logs.flush().await.unwrap();
            assert_eq!(check(&file_in(dir.path())).unwrap().state, State::Finished, "at length {length}");
            for (log, whole) in [(LOG, &whole[0]), (OTHER, &whole[1])] {
                assert_eq!(served(&logs, log, whole).await, Some(whole.len()));
            }
        }
        assert_eq!(most, whole[0].len());
    });
}

#[test]
fn a_flipped_bit_is_never_served() {
    run(async {
        let whole = [FIRST.concat(), SECOND.concat()];
        for finished in [Finished::Yes, Finished::No] {
            let dir = tempfile::tempdir().unwrap();
            let bytes = sample(dir.path(), finished).await;
            for at in 0..bytes.len() {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << (at % 8);
                let dir = dir_with(&bad);
                let logs = Logs::open(dir.path().to_path_buf()).unwrap();
                let first = served(&logs, LOG, &whole[0]).await;
                let second = served(&logs, OTHER, &whole[1]).await;
                let checked = check(&file_in(dir.path()));
                let good = checked.is_ok_and(|checked| matches!(checked.state, State::Finished | State::Open));
                let whole = (Some(whole[0].len()), Some(whole[1].len()));
                assert!(!good || harmless(&bytes, at), "the check does not see the flipped bit in byte {at}");
                if finished == Finished::Yes && first.is_some() && second.is_some() {
                    assert_eq!((first, second), whole, "byte {at}");
                }
            }
        }
    });
}

/// Zstandard's frame header descriptor, the byte after its magic number, has bits that change nothing in what comes out.
fn harmless(bytes: &[u8], at: usize) -> bool {
    at >= 4 && bytes[at - 4..at] == 0xFD2F_B528u32.to_le_bytes()
}

#[test]
fn zeros_where_the_last_frames_should_be_are_a_torn_tail() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let bytes = sample(dir.path(), Finished::No).await;
        for zeros in 1..bytes.len() {
            let mut bad = bytes.clone();
            bad[bytes.len() - zeros..].fill(0);
            let dir = dir_with(&bad);
            let logs = Logs::open(dir.path().to_path_buf()).unwrap();
            served(&logs, LOG, &FIRST.concat()).await;
            assert!(logs.begin(BUILD, LOG).await.is_ok(), "{zeros} zeros");
        }
    });
}

#[test]
fn damage_of_what_was_durable_is_not_taken_for_a_torn_tail() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = sample(dir.path(), Finished::No).await;
        // The head takes 31 bytes; the record of the first frame is behind it.
        bytes[40] ^= 1;
        let dir = dir_with(&bytes);
        let logs = Logs::open(dir.path().to_path_buf()).unwrap();
        let error = logs.begin(BUILD, LOG).await.unwrap_err();
        let path = file_in(dir.path());
        let expected = format!("{} is damaged at byte 31: the checksum of the record is wrong", path.display());
        assert_eq!(error.to_string(), expected);
        assert!(matches!(raw(&logs, BUILD, LOG).await, Err(LogError::Damaged { offset: 31, .. })));
        assert!(matches!(check(&path), Err(LogError::Damaged { offset: 31, .. })));
        assert_eq!(fs::read(&path).unwrap(), bytes, "nothing is cut off");
    });
}

#[test]
fn a_later_version_is_refused() {
    run(async {
        let mut head = b"\x5c\x2a\x4d\x18\x17\0\0\0\x01SluiceLg\x02\0\x07\0\0\0\0\0\0\0".to_vec();
        head.extend(crc32fast::hash(&head).to_le_bytes());
        let dir = dir_with(&head);
        let logs = Logs::open(dir.path().to_path_buf()).unwrap();
        assert!(matches!(logs.begin(BUILD, LOG).await, Err(LogError::Version { found: 2, known: 1, .. })));
        assert!(matches!(raw(&logs, BUILD, LOG).await, Err(LogError::Version { .. })));
        assert_eq!(fs::read(file_in(dir.path())).unwrap(), head);
    });
}

#[test]
fn the_file_of_another_build_is_refused() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let bytes = sample(dir.path(), Finished::Yes).await;
        fs::write(dir.path().join("0").join("8.slog"), &bytes).unwrap();
        let logs = Logs::open(dir.path().to_path_buf()).unwrap();
        let other = model::BuildId(8);
        assert!(matches!(logs.begin(other, LOG).await, Err(LogError::Damaged { offset: 0, .. })));
        assert!(matches!(raw(&logs, other, LOG).await, Err(LogError::Damaged { offset: 0, .. })));
    });
}

#[test]
fn what_cannot_be_written_is_told_and_tried_again() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::open(dir.path().to_path_buf()).unwrap();
        let mut failures = logs.failures();
        logs.begin(BUILD, LOG).await.unwrap();
        say(&logs, LOG, 0, "lost\n").await;
        fs::write(dir.path().join("0"), "in the way").unwrap();
        logs.flush().await.unwrap();
        let (build, error) = failures.recv().await.unwrap();
        assert_eq!(build, BUILD);
        assert!(matches!(error, LogError::Io { .. }));
        let refused = logs.append(BUILD, LOG, 5, Stream::Stdout, Bytes::from_static(b"x")).await;
        assert!(matches!(refused, Err(AppendError::Log(LogError::Io { .. }))));
        assert!(logs.begin(BUILD, LOG).await.is_err());
        fs::remove_file(dir.path().join("0")).unwrap();
        assert_eq!(logs.begin(BUILD, LOG).await.unwrap(), 0);
        say(&logs, LOG, 0, "kept\n").await;
        logs.finish(BUILD).await.unwrap();
        logs.flush().await.unwrap();
        assert_eq!(raw(&logs, BUILD, LOG).await.unwrap(), b"kept\n");
    });
}

/// Written by the first version: the file of [`sample`], finished. A later Sluice must go on reading it.
const VERSION_1: &[u8] = include_bytes!("../samples/version-1.slog");

#[test]
fn files_of_the_first_version_are_read() {
    run(async {
        let dir = dir_with(VERSION_1);
        let logs = Logs::open(dir.path().to_path_buf()).unwrap();
        assert_eq!(raw(&logs, BUILD, LOG).await.unwrap(), FIRST.concat().into_bytes());
        assert_eq!(raw(&logs, BUILD, OTHER).await.unwrap(), SECOND.concat().into_bytes());
        let checked = check(&file_in(dir.path())).unwrap();
        assert_eq!((checked.build, checked.state), (Some(BUILD), State::Finished));
        let facts: Vec<_> = checked.logs.iter().map(|(log, facts)| (log.0, facts.lines, facts.bytes)).collect();
        assert_eq!(facts, [(70, 4, 18), (71, 2, 11)]);
    });
}

/// A sealed file with any byte in it changed, to any of eight others, is never called right.
#[test]
fn every_flipped_bit_of_a_sealed_file_is_found() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let bytes = sample(dir.path(), Finished::Yes).await;
        let path = file_in(dir.path());
        let sound = check(&path).unwrap();
        assert_eq!((sound.state, sound.length), (State::Finished, bytes.len() as u64));
        let (mut found, mut passed) = (0, Vec::new());
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &damaged).unwrap();
            match check(&path) {
                Ok(checked) if checked == sound => passed.push(bit),
                _ => found += 1,
            }
        }
        assert_eq!((found, passed), (bytes.len() * 8, Vec::new()));
    });
}

#[test]
fn what_lies_below_the_logs_is_told_apart() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(logs::files(&dir.path().join("absent")).unwrap(), logs::Files::default());
        sample(dir.path(), Finished::Yes).await;
        for name in ["0/notes.txt", "0/1007.slog", "0/x.slog"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::write(dir.path().join("stray"), "").unwrap();
        let found = logs::files(dir.path()).unwrap();
        assert_eq!(found.builds.into_keys().collect::<Vec<_>>(), [BUILD]);
        let names: Vec<_> =
            found.strange.iter().map(|p| p.strip_prefix(dir.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["0/1007.slog", "0/notes.txt", "0/x.slog", "stray"]);
    });
}
