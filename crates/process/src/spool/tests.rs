//! The spool, written and read in one process: what is whole comes back, what is torn is waited for, what is damaged is
//! told with its place.

use super::*;
use crate::{EndedBy, Exit, Program};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;

fn job(limit: u64) -> Job {
    let mut job = Job::new(JobId::new("7-1-2").unwrap(), Program::words(["true"]), "/tmp");
    job.spool_limit = limit;
    job
}

fn an_outcome() -> Outcome {
    Outcome {
        exit: Exit::Signalled { signal: 11, core: true },
        ended_by: EndedBy::Interrupted { reason: "because".into() },
        left_behind: vec!["sleep 1000 (pid 4711)".into()],
        survivors: Vec::new(),
        started_at: 1_790_000_000_000_000,
        elapsed: 1,
        user_cpu: 2,
        system_cpu: 3,
        max_rss: 4,
        report: Some(b"\0\xff".to_vec()),
        collected: Vec::new(),
        ends: BTreeMap::from([(0, 5)]),
    }
}

fn all(reader: &mut Reader) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    loop {
        match reader.read(1000).unwrap() {
            more if more.is_empty() => return chunks,
            more => chunks.extend(more),
        }
    }
}

fn bytes(chunks: &[Chunk], log: u16) -> Vec<u8> {
    chunks.iter().filter(|chunk| chunk.log == log).flat_map(|chunk| chunk.data.clone()).collect()
}

struct Spool {
    _temp: tempfile::TempDir,
    dir: PathBuf,
    writer: Writer,
}

fn spool(limit: u64) -> Spool {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("jobs/7-1-2");
    Spool { writer: Writer::create(&dir, &job(limit)).unwrap(), dir, _temp: temp }
}

#[test]
fn what_was_written_comes_back() {
    let mut spool = spool(Job::SPOOL_LIMIT);
    let mut reader = Reader::open(&spool.dir).unwrap();
    assert_eq!(all(&mut reader), []);
    spool.writer.append(0, Stream::Header, b"make\n").unwrap();
    spool.writer.append(0, Stream::Stderr, b"").unwrap();
    spool.writer.append(0, Stream::Stdout, b"a\0b").unwrap();
    spool.writer.append(3, Stream::Stderr, b"other").unwrap();
    let expected = [
        Chunk { log: 0, stream: Stream::Header, offset: 0, data: b"make\n".to_vec() },
        Chunk { log: 0, stream: Stream::Stdout, offset: 5, data: b"a\0b".to_vec() },
        Chunk { log: 3, stream: Stream::Stderr, offset: 0, data: b"other".to_vec() },
    ];
    assert_eq!(all(&mut reader), expected);
    assert_eq!(reader.outcome(), None);
    assert_eq!(outcome(&spool.dir).unwrap(), None);
    spool.writer.finish(&an_outcome()).unwrap();
    assert_eq!(all(&mut reader), []);
    assert_eq!(reader.outcome(), Some(&an_outcome()));
    assert_eq!(outcome(&spool.dir).unwrap(), Some(an_outcome()));
    assert_eq!(read_job(&spool.dir).unwrap(), job(Job::SPOOL_LIMIT));
    assert_eq!(Writer::create(&spool.dir, &job(0)).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    reader.seek(&[(0, 6), (3, 5)]).unwrap();
    let rest = [Chunk { log: 0, stream: Stream::Stdout, offset: 6, data: b"\0b".to_vec() }];
    assert_eq!(all(&mut reader), rest);
    remove(&spool.dir).unwrap();
    remove(&spool.dir).unwrap();
}

#[test]
fn a_torn_record_is_waited_for_wherever_it_is_torn() {
    let mut spool = spool(Job::SPOOL_LIMIT);
    spool.writer.append(0, Stream::Stdout, b"first").unwrap();
    spool.writer.append(0, Stream::Stdout, b"second").unwrap();
    let path = format::segment_path(&spool.dir, 0);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let mut reader = Reader::open(&spool.dir).unwrap();
        let mut chunks = all(&mut reader);
        assert!(chunks.len() < 2);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(&whole[length..]).unwrap();
        chunks.extend(all(&mut reader));
        assert_eq!(bytes(&chunks, 0), b"firstsecond", "torn at {length}");
    }
}

#[test]
fn every_flipped_bit_is_noticed_with_its_place() {
    let mut spool = spool(Job::SPOOL_LIMIT);
    spool.writer.append(0, Stream::Stdout, b"first").unwrap();
    let second = fs::metadata(format::segment_path(&spool.dir, 0)).unwrap().len();
    spool.writer.append(0, Stream::Stderr, b"second").unwrap();
    let path = format::segment_path(&spool.dir, 0);
    let whole = fs::read(&path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &damaged).unwrap();
        let read = Reader::open(&spool.dir).and_then(|mut reader| {
            let mut chunks = reader.read(1000)?;
            chunks.extend(reader.read(1000)?);
            Ok(chunks)
        });
        match read {
            Err(SpoolError::Damaged { file, at, .. }) => {
                assert_eq!(file, path);
                assert!(at == 0 || at == 32 || at == second, "bit {bit} is told at {at}");
            }
            Err(SpoolError::Version { .. }) => assert!((6..8).contains(&(bit / 8))),
            Err(other) => panic!("bit {bit}: {other}"),
            // A longer length or table looks as if more were to come; nothing wrong is given out.
            Ok(chunks) => assert!(b"firstsecond".starts_with(&bytes(&chunks, 0)) && chunks.len() < 2, "bit {bit}"),
        }
    }
    let text = SpoolError::Damaged { file: "00000000.seg".into(), at: 32, what: "a record is of no known kind" };
    assert_eq!(text.to_string(), "the spool file 00000000.seg is damaged at byte 32: a record is of no known kind");
}

#[test]
fn a_lost_segment_and_a_torn_one_before_the_last_are_damage() {
    let mut spool = spool(256 << 10);
    for _ in 0..8 {
        spool.writer.append(0, Stream::Stdout, &[b'x'; 40 << 10]).unwrap();
    }
    assert!(segments(&spool.dir).unwrap().len() >= 3);
    let path = format::segment_path(&spool.dir, 1);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let error = Reader::open(&spool.dir).unwrap().read(usize::MAX).unwrap_err();
    assert!(error.to_string().ends_with("the segment ends in the midst of a record"), "{error}");
    fs::write(&path, &whole[..32]).unwrap();
    let error = Reader::open(&spool.dir).unwrap().read(usize::MAX).unwrap_err();
    assert!(error.to_string().ends_with("the segment does not begin where the one before it ends"), "{error}");
}

#[test]
fn what_is_acknowledged_is_trimmed_in_whole_segments() {
    let mut spool = spool(256 << 10);
    let mut written = 0;
    while !spool.writer.full() {
        spool.writer.append(0, Stream::Stdout, &[b'x'; 30_000]).unwrap();
        spool.writer.append(9, Stream::Header, b"nine").unwrap();
        written += 30_000;
    }
    assert!((256 << 10..300_000).contains(&written));
    let mut reader = Reader::open(&spool.dir).unwrap();
    assert_eq!(reader.trim(0, written).unwrap(), Trim::Nothing, "log 9 is not safe");
    let before = segments(&spool.dir).unwrap();
    assert_eq!(reader.trim(9, 4).unwrap(), Trim::Nothing);
    assert_eq!(reader.trim(9, 1 << 40).unwrap(), Trim::Segments(before.len() as u32 - 1), "the last one stays");
    assert!(!spool.writer.full());
    let gone = reader.seek(&[(0, 5)]).unwrap_err();
    assert!(matches!(gone, SpoolError::Trimmed { log: 0, asked: 5, begins, .. } if begins > 5));
    reader.seek(&[(0, written), (9, 1 << 40)]).unwrap();
    assert_eq!(all(&mut reader), []);
    spool.writer.append(0, Stream::Stdout, b"more").unwrap();
    assert_eq!(bytes(&all(&mut reader), 0), b"more");
}

#[test]
fn every_flipped_bit_of_a_job_is_noticed_and_so_is_every_cut() {
    let spool = spool(0);
    let path = spool.dir.join("job");
    let whole = fs::read(&path).unwrap();
    assert_eq!(read_job(&spool.dir).unwrap(), job(0));
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).unwrap();
        match read_job(&spool.dir) {
            Err(SpoolError::Damaged { file, .. }) => assert_eq!(file, path),
            Err(SpoolError::Version { .. }) => assert!((6..8).contains(&(bit / 8)), "bit {bit}"),
            other => panic!("bit {bit}: {other:?}"),
        }
        assert!(check(&spool.dir).is_err(), "bit {bit}");
    }
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(read_job(&spool.dir), Err(SpoolError::Damaged { .. })), "cut at {length}");
    }
}

#[test]
fn a_job_of_version_1_is_read() {
    let spool = spool(0);
    let path = spool.dir.join("job");
    let mut old = b"SLJOB\x1a\x01\0".to_vec();
    old.extend_from_slice(&fs::read(&path).unwrap()[format::JOB_HEAD..]);
    fs::write(&path, &old).unwrap();
    assert_eq!(read_job(&spool.dir).unwrap(), job(0));
    check(&spool.dir).unwrap();
    for length in 0..old.len() {
        fs::write(&path, &old[..length]).unwrap();
        assert!(matches!(read_job(&spool.dir), Err(SpoolError::Damaged { .. })), "cut at {length}");
    }
}

#[test]
fn another_version_is_told() {
    let spool = spool(0);
    let path = format::segment_path(&spool.dir, 0);
    let mut segment = fs::read(&path).unwrap();
    segment[6] = 2;
    fs::write(&path, segment).unwrap();
    assert!(matches!(Reader::open(&spool.dir), Err(SpoolError::Version { version: 2, .. })));
    let path = spool.dir.join("job");
    let mut job = fs::read(&path).unwrap();
    job[6] = 3;
    fs::write(&path, &job).unwrap();
    assert!(matches!(read_job(&spool.dir), Err(SpoolError::Version { version: 3, .. })));
    fs::write(&path, b"x").unwrap();
    assert!(matches!(read_job(&spool.dir), Err(SpoolError::Damaged { .. })));
    assert!(matches!(read_job(Path::new("/nowhere")), Err(SpoolError::Io { .. })));
    assert!(matches!(Reader::open(Path::new("/nowhere")), Err(SpoolError::Io { .. })));
}

#[test]
fn the_format_of_version_1_stays() {
    // A segment as version 1 wrote it.
    let head = b"SLSEG\x1a\x01\0\0\0\0\0\x01\0\0\0\x22G6\xc4\0\0\0\0\x07\0\0\0\0\0\0\0";
    let record = b"\x02\0\0\0\x82\x16\x881\0\0\x01\0\x07\0\0\0\0\0\0\0hi";
    let sample = [&head[..], record].concat();
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("old");
    let mut job = job(0);
    job.first_offset = 7;
    let mut writer = Writer::create(&dir, &job).unwrap();
    writer.append(0, Stream::Stderr, b"hi").unwrap();
    let written = fs::read(format::segment_path(&dir, 0)).unwrap();
    assert_eq!(written, sample);
    fs::write(format::segment_path(&dir, 0), &sample).unwrap();
    let expected = [Chunk { log: 0, stream: Stream::Stderr, offset: 7, data: b"hi".to_vec() }];
    assert_eq!(all(&mut Reader::open(&dir).unwrap()), expected);
}

#[test]
fn a_reader_keeps_up_with_a_writer() {
    let mut spool = spool(64 << 20);
    let dir = spool.dir.clone();
    let reading = std::thread::spawn(move || {
        let mut reader = Reader::open(&dir).unwrap();
        let mut read = Vec::new();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while reader.outcome().is_none() {
            assert!(std::time::Instant::now() < end);
            for chunk in reader.read(12_345).unwrap() {
                read.extend(chunk.data);
            }
        }
        read
    });
    let mut expected = Vec::new();
    for n in 0..4000_u32 {
        let data = n.to_le_bytes().repeat(n as usize % 1500);
        spool.writer.append(0, Stream::Stdout, &data).unwrap();
        expected.extend(data);
    }
    spool.writer.finish(&an_outcome()).unwrap();
    assert!(reading.join().unwrap() == expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Against a plain list of bytes: from any offset on, in portions of any size, the same bytes come.
    #[test]
    fn any_offset_and_any_portion_give_the_same_bytes(
        writes in prop::collection::vec((0_u16..3, 0_usize..60_000), 1..40),
        part in 0.0..=1.0_f64,
        portion in 1_usize..100_000,
    ) {
        let mut spool = spool(256 << 10);
        let mut oracle: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
        for (n, (log, length)) in writes.iter().enumerate() {
            let data: Vec<u8> = (0..*length).map(|i| (i * 7 + n) as u8).collect();
            spool.writer.append(*log, Stream::Stdout, &data).unwrap();
            oracle.entry(*log).or_default().extend(data);
        }
        let positions: Vec<(u16, u64)> =
            oracle.iter().map(|(log, bytes)| (*log, (bytes.len() as f64 * part) as u64)).collect();
        let mut reader = Reader::open(&spool.dir).unwrap();
        reader.seek(&positions).unwrap();
        let mut read: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
        loop {
            let chunks = reader.read(portion).unwrap();
            if chunks.is_empty() {
                break;
            }
            prop_assert!(chunks.iter().map(|chunk| chunk.data.len()).sum::<usize>() <= portion);
            for chunk in chunks {
                read.entry(chunk.log).or_default().extend(chunk.data);
            }
        }
        for (log, from) in positions {
            prop_assert!(read.remove(&log).unwrap_or_default() == oracle[&log][from as usize..]);
        }
    }

    /// Arbitrary bytes as a segment: an answer, never a panic.
    #[test]
    fn hostile_segments_have_an_answer(tail in prop::collection::vec(any::<u8>(), 0..300), keep in 0_usize..60) {
        let mut spool = spool(0);
        spool.writer.append(0, Stream::Stdout, b"some bytes").unwrap();
        let path = format::segment_path(&spool.dir, 0);
        let mut segment = fs::read(&path).unwrap();
        segment.truncate(keep);
        segment.extend(tail);
        fs::write(&path, segment).unwrap();
        if let Ok(mut reader) = Reader::open(&spool.dir) {
            let _ = reader.read(1000);
            let _ = reader.seek(&[(0, 3)]);
            let _ = reader.trim(0, u64::MAX);
        }
        let _ = outcome(&spool.dir);
    }
}

#[test]
fn a_removed_spool_is_used_again_and_nothing_of_it_is_left() {
    let temp = tempfile::tempdir().unwrap();
    let slot = temp.path().join("slot");
    let (first, second) = (slot.join("jobs/1-1-1"), slot.join("jobs/2-1-2"));
    let mut writer = Writer::create(&first, &job(0)).unwrap();
    writer.append(0, Stream::Stdout, b"of the first").unwrap();
    writer.finish(&an_outcome()).unwrap();
    super::remove(&first).unwrap();
    assert!(!first.exists() && slot.join("spare-0").is_dir());
    assert!(super::jobs(&slot).unwrap().is_empty(), "the spare one is no job's");
    let mut writer = Writer::create(&second, &job(0)).unwrap();
    assert!(!slot.join("spare-0").exists());
    assert_eq!(super::outcome(&second).unwrap(), None);
    writer.append(0, Stream::Stdout, b"two").unwrap();
    assert_eq!(bytes(&all(&mut Reader::open(&second).unwrap()), 0), b"two");
    // One that holds more than a spool of one segment is deleted.
    std::fs::write(second.join("00000001.seg"), "x").unwrap();
    super::remove(&second).unwrap();
    assert!(!second.exists() && !slot.join("spare-0").exists());
    // Many may go before the next ones come; there is an end to what is kept.
    let many: Vec<_> = (0..70).map(|n| slot.join(format!("jobs/3-1-{n}"))).collect();
    many.iter().for_each(|dir| drop(Writer::create(dir, &job(0)).unwrap()));
    many.iter().for_each(|dir| super::remove(dir).unwrap());
    assert!(many.iter().all(|dir| !dir.exists()));
    let spares = || fs::read_dir(&slot).unwrap().flatten().filter(|e| e.file_name() != "jobs").count();
    assert_eq!(spares(), 64);
    many.iter().for_each(|dir| drop(Writer::create(dir, &job(0)).unwrap()));
    assert_eq!(spares(), 0);
    assert!(many.iter().all(|dir| super::outcome(dir).unwrap().is_none()));
}

#[test]
fn a_whole_spool_is_checked_to_its_end() {
    let mut spool = spool(0);
    let state = |spool: &Spool| check(&spool.dir).unwrap().state;
    assert_eq!(state(&spool), State::Open);
    spool.writer.append(0, Stream::Stdout, b"some output\n").unwrap();
    let begins = BTreeMap::from([(0, 0)]);
    assert_eq!(check(&spool.dir).unwrap(), Checked { bytes: 12, begins, state: State::Open });
    let file = format::segment_path(&spool.dir, 0);
    let length = fs::metadata(&file).unwrap().len();
    spool.writer.finish(&an_outcome()).unwrap();
    assert_eq!(state(&spool), State::Ended);
    let whole = fs::read(&file).unwrap();
    // Torn at any place: where it is torn is told.
    for cut in length + 1..whole.len() as u64 {
        fs::write(&file, &whole[..cut as usize]).unwrap();
        assert_eq!(state(&spool), State::Torn { file: file.clone(), at: length });
    }
    fs::write(&file, &whole[..7]).unwrap();
    assert_eq!(state(&spool), State::Torn { file: file.clone(), at: 0 });
    // Any other bit in any place: damage, or a length that reaches beyond the end of the file.
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, &damaged).unwrap();
        let told = check(&spool.dir);
        let good = matches!(told, Ok(Checked { state: State::Ended | State::Open, .. }) | Err(SpoolError::Io { .. }));
        assert!(!good, "bit {bit}: {told:?}");
    }
    fs::write(&file, [&whole[..], b"x"].concat()).unwrap();
    let error = check(&spool.dir).unwrap_err().to_string();
    assert!(error.ends_with("something stands behind the outcome"), "{error}");
}

#[test]
fn a_segment_that_is_missing_is_told() {
    let mut spool = spool(0);
    for _ in 0..6 {
        spool.writer.append(0, Stream::Stdout, &[b'x'; 40_000]).unwrap();
    }
    assert_eq!(check(&spool.dir).unwrap().bytes, 240_000);
    fs::remove_file(format::segment_path(&spool.dir, 1)).unwrap();
    let error = check(&spool.dir).unwrap_err().to_string();
    assert!(error.contains("the segment is missing between two others"), "{error}");
}

#[test]
fn a_job_of_another_version_is_told() {
    let spool = spool(Job::SPOOL_LIMIT);
    let file = spool.dir.join("job");
    let mut bytes = fs::read(&file).unwrap();
    bytes[6] = 9;
    fs::write(&file, &bytes).unwrap();
    assert!(matches!(check(&spool.dir), Err(SpoolError::Version { version: 9, .. })));
    fs::write(&file, b"").unwrap();
    assert!(matches!(check(&spool.dir), Err(SpoolError::Damaged { .. })));
    fs::remove_file(&file).unwrap();
    assert!(matches!(check(&spool.dir), Err(SpoolError::Io { .. })));
}
