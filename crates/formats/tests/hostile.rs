//! Every reader against hostile bytes: borders of chunks never matter, nothing panics, memory stays bounded.

use formats::{Event, Format, Limits, Reader, Summary, TestTotals, Verdict};
use proptest::prelude::*;
use std::path::PathBuf;

fn read<'a>(format: Format, chunks: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> (Summary, Vec<Event>) {
    let mut events = Vec::new();
    let mut reader = Reader::new(format, limits);
    for chunk in chunks {
        reader.push(chunk, &mut |event| events.push(event));
    }
    let summary = reader.finish(&mut |event| events.push(event));
    (summary, events)
}

fn samples() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        all.push((path.display().to_string(), std::fs::read(path)?));
    }
    all.sort();
    Ok(all)
}

/// Pieces of reports in all formats.
const FIXED: &[&str] = &[
    "ok 1 - a\n",
    "not ok 2 b # TODO c\n",
    "1..3\n",
    "1..0 # skip\n",
    "Bail out! x\n",
    "TAP version 14\n",
    "    ok 1\n",
    "  ---\n",
    "  ...\n",
    "test: a\n",
    "success: a\n",
    "failure: a [\n",
    "]\n",
    "error: a [ multipart\n",
    "Content-Type: text/plain\nx\n",
    "5\r\nab\ncd0\r\n",
    "ffffffffffffffff\r\n",
    "time: 2010-10-02 11:17:25Z\n",
    "progress: 9\n",
    "<testsuites>",
    "<testsuite name=\"s\" tests='3' failures=\"9\">",
    "<testcase name='a' classname=\"b\"",
    " time=\"1,0.5\"/>",
    ">",
    "<failure message=\"&lt;&#x41;&bogus;\">",
    "</failure>",
    "</testcase>",
    "</testsuite>",
    "<![CDATA[ ]] ]]>",
    "<!-- - -- -->",
    "<?xml version=\"1.0\"?>",
    "<!DOCTYPE a [<!ENTITY b \"c\">]>",
    "<skipped/>",
    "=== RUN   TestA\n",
    "--- FAIL: TestA (0.00s)\n",
    "ok  \tp\t0.1s\n",
    "FAIL\tp [build failed]\n",
    "PASS\n",
    "{\"Time\":\"x\",\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"T\"}\n",
    "{\"Action\":\"fail\",\"Package\":\"p\"}\n",
    "{ \"type\": \"suite\", \"event\": \"started\", \"test_count\": 2 }\n",
    "running 2 tests\n",
    "test a ... ok\n",
    "{ \"type\": \"test\", \"name\": \"a\", \"event\": \"ok\", \"exec_time\": 1e300 }\n",
    "test b ... FAILED\n",
    "---- b stdout ----\n",
    "test result: FAILED. 1 passed; 18446744073709551615 failed; 0 ignored\n",
    "     Running unittests src/lib.rs (target/debug/deps/a-1)\n",
    "    Starting 3 tests across 1 binary\n",
    "        PASS [   0.005s] (1/3) a b\n",
    "  TRY 1 FAIL [   0.007s] a c\n",
    "     Summary [   0.1s] 2/3 tests run: 9 passed (1 x)\n",
    "===== test session starts =====\n",
    "a.py::b FAILED   [  8%]\n",
    "=== FAILURES ===\n",
    "___ b ___\n",
    "=== short test summary info ===\n",
    "FAILED a.py::b - x\n",
    "= 9 failed, 4294967295 passed in 0.1s =\n",
    "Test project /x\n",
    "    Start 1: a\n",
    "1/2 Test #1: a ....***Failed    0.1 sec\n",
    "0% tests passed, 9 tests failed out of 9\n",
    "t/a.t .. ok\n",
    "Test Summary Report\n",
    "t/a.t (Wstat: 256 Tests: 5 Failed: 1)\n",
    "  Failed tests:  1-18446744073709551615, 2\n",
    "Files=7, Tests=12, x\n",
    "Failed Test Stat Wstat Total Fail  List of Failed\n",
    "Failed 1/3 test scripts, 6% okay. 1/15 subtests failed\n",
    "test_a (m.C.test_a) ... ok\n",
    "test_a (m.C) ... \n",
    "FAIL\n",
    "Ran 9 tests in 0.1s\n",
    "FAILED (failures=4294967295, errors=1)\n",
    "FAIL: test_a (m.C)\n",
    "  test_b ...    [ERROR]\n",
    "[ERROR]\n",
    "\n",
    "\r\n",
    "\u{1b}[31m",
    "\u{b3} ó \u{202e}",
    " ",
    "#",
];

/// What a format's report is made of, in pieces that are put together at random.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let rule = |c: &'static str, n: usize| format!("{}\n", c.repeat(n)).into_bytes();
    prop_oneof![
        12 => proptest::sample::select(FIXED).prop_map(|text| text.as_bytes().to_vec()),
        1 => Just(rule("=", 70)),
        1 => Just(rule("-", 70)),
        1 => Just(rule("=", 79)),
        1 => Just(rule("-", 79)),
        1 => any::<[u8; 5]>().prop_map(|bytes| bytes.to_vec()),
        1 => Just(b"\xb3\x29\x01\x0c\x03foo\x08\x55\x5f\x1b".to_vec()),
        1 => Just(b"\xb3\x29\x02\x0c\x03foo\x08\x55\x5f\x1b".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..9).prop_map(|tail| [&b"\xb3\x2b"[..], &tail].concat()),
    ]
}

fn cut(bytes: &[u8], cuts: &[usize]) -> Vec<usize> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
    at.sort_unstable();
    at
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn borders_of_chunks_do_not_matter(
        parts in proptest::collection::vec(pieces(), 0..40),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
        small in any::<bool>(),
    ) {
        let bytes = parts.concat();
        let limits = match small {
            true => Limits { line: 40, message: 80, name: 12, open: 3, flaws: 2 },
            false => Limits::default(),
        };
        let at = cut(&bytes, &cuts);
        for (name, format) in Format::ALL {
            let whole = read(*format, [&bytes[..]], limits);
            let parted = read(*format, at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]), limits);
            prop_assert_eq!(&whole, &parted, "{}", name);
            let single = read(*format, bytes.chunks(1), limits);
            prop_assert_eq!(&whole, &single, "{} byte by byte", name);
            agree(&whole, limits)?;
        }
    }
}

/// What the summary has to do with the events, and with the limits.
fn agree((summary, events): &(Summary, Vec<Event>), limits: Limits) -> Result<(), TestCaseError> {
    let mut counted = 0u64;
    for event in events {
        match event {
            Event::Test(test) => {
                counted = counted.saturating_add(1);
                prop_assert!(!test.name.is_empty() && test.name.len() <= limits.name.max(9), "{:?}", test.name);
                prop_assert!(!test.name.contains(|c: char| c.is_control()));
                prop_assert!(test.message.len() <= limits.message.max(200) + 64, "{}", test.message.len());
                prop_assert!(!test.message.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')));
            }
            Event::Counted(_, n) => counted = counted.saturating_add(*n),
            Event::Planned(_) | Event::Started(_) => {}
        }
    }
    let total = summary.totals.total();
    prop_assert!(total == counted || total >= u64::MAX / 8, "{total} {counted}");
    prop_assert!(summary.flaws.len() <= limits.flaws);
    prop_assert!(summary.totals.bad.len() <= TestTotals::MOST_NAMED);
    prop_assert!(total > 0 || summary.planned == Some(0) || summary.verdict() != Verdict::Passed);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn samples_that_are_cut_or_bitten_are_read_to_their_end(
        which in any::<proptest::sample::Index>(),
        from in any::<usize>(),
        bite in 0usize..200,
        noise in proptest::collection::vec(any::<u8>(), 0..8),
        at in proptest::collection::vec(any::<usize>(), 0..5),
    ) {
        let samples = samples().map_err(|e| TestCaseError::fail(e.to_string()))?;
        let (name, bytes) = which.get(&samples);
        let from = from % (bytes.len() + 1);
        let to = (from + bite).min(bytes.len());
        let bytes = [&bytes[..from], &noise, &bytes[to..]].concat();
        let at = cut(&bytes, &at);
        for (format_name, format) in Format::ALL {
            let whole = read(*format, [&bytes[..]], Limits::default());
            let parted = read(*format, at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]), Limits::default());
            prop_assert_eq!(&whole, &parted, "{} as {}", name, format_name);
            agree(&whole, Limits::default())?;
        }
    }
}
