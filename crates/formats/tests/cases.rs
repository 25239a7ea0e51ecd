//! What each format's rules say of small reports, and what becomes of broken ones.

use formats::{Event, Format, Limits, Reader, TestCase, TestOutcome, Verdict};
use proptest::prelude::*;

/// What a report comes to: each test on a line with the first letters of its outcome, then flaws.
fn read(format: Format, bytes: &[u8]) -> String {
    let mut tests: Vec<TestCase> = Vec::new();
    let mut counted = String::new();
    let mut take = |event| match event {
        Event::Test(test) => tests.push(test),
        Event::Counted(outcome, n) => counted += &format!("{n} more {outcome:?}\n"),
        Event::Planned(_) | Event::Started(_) => {}
    };
    let mut reader = Reader::new(format, Limits::default());
    reader.push(bytes, &mut take);
    let summary = reader.finish(&mut take);
    let mut text = String::new();
    for test in tests {
        text += &format!("{:?} {}", test.outcome, test.name);
        let message = test.message.replace('\n', " | ");
        text += &if message.is_empty() { "\n".to_owned() } else { format!(": {message}\n") };
    }
    text += &counted;
    for flaw in &summary.flaws {
        text += &format!("({flaw})\n");
    }
    text + match summary.verdict() {
        Verdict::Passed => "passed",
        Verdict::Incomplete => "incomplete",
        Verdict::Failed => "failed",
    }
}

fn check(format: Format, table: &[(&str, &str)]) {
    for (input, expected) in table {
        assert_eq!(read(format, input.as_bytes()), *expected, "{input}");
    }
}

#[test]
fn tap() {
    let table = [
        ("1..2\nok\nok 2 - b", "Passed test 1\nPassed b\npassed"),
        ("ok 1 a\nnot ok 2\n1..2\n", "Passed a\nFailed test 2\nfailed"),
        ("1..3\r\nok 1\r\n", "Passed test 1\n(3 tests were announced and 1 came)\nincomplete"),
        ("1..1\nok 1\nok 2\n", "Passed test 1\nPassed test 2\n(1 tests were announced and 2 came)\nincomplete"),
        (
            "1..2\nok 1\nok 7\n",
            "Passed test 1\nPassed test 7\n(the output is broken before line 4: there is a test 7 and the plan is 1..2)\n\
             incomplete",
        ),
        ("ok 1\n", "Passed test 1\n(the output never says how many tests there are, so it may be cut off)\nincomplete"),
        ("1..0 # SKIP dry\n", "passed"),
        ("1..0\n", "(the output holds no tests)\nincomplete"),
        ("1..0 # nobody skips\n", "(the output holds no tests)\nincomplete"),
        ("nothing\n", "(the output holds no tests)\nincomplete"),
        ("", "(the output holds no tests)\nincomplete"),
        ("1..1\nok 1 - a # skip it rains\n", "Skipped a: it rains\npassed"),
        ("1..1\nnot ok 1 - a # SKIP\n", "Skipped a\npassed"),
        ("1..1\nnot ok 1 a # TODO mend # it\n", "ExpectedFailure a: mend # it\npassed"),
        ("1..1\nok 1 a # todo\n", "Passed a: it passed though it is marked TODO\npassed"),
        ("1..1\nok 1 - a \\# TODO no #1 \\\\ x#SKIP\n", "Passed a # TODO no #1 \\ x#SKIP\npassed"),
        ("1..1\nokay then\nok 1\n ok 2\n", "Passed test 1\npassed"),
        ("1..2\nok 1\nBail out!  no disk\nok 2\n", "Passed test 1\n(the tests were given up: no disk)\nincomplete"),
        ("1..1\n    bail OUT!\n", "(the tests were given up: Bail out)\nincomplete"),
        ("1..1\nnot ok 1 - a\n  ---\n  got: 1\n  ...\n# why\n", "Failed a: got: 1 | # why\nfailed"),
        (
            "1..1\n# Subtest: s\n    ok 1 - x\n    not ok 2 - y\n    1..2\nnot ok 1 - s\n",
            "Failed s: not ok 2 - y\nfailed",
        ),
        ("TAP version 13\n1..1\nok 1\nTAP version 13\n1..1\nok 1\n", "Passed test 1\nPassed test 1\npassed"),
        ("ok 1\n1..1\nok 1\nok 2\n1..2\n", "Passed test 1\nPassed test 1\nPassed test 2\npassed"),
        ("1..99999999999999999999\n", "(the output holds no tests)\nincomplete"),
    ];
    check(Format::Tap, &table);
}

#[test]
fn subunit_v1() {
    let table = [
        ("test: a\nsuccess: a\n", "Passed a\npassed"),
        ("noise\ntest a b\nsuccessful a b\ntime: x\n", "Passed a b\npassed"),
        ("test: a\nfailure: a [\nx\n ] y\n]\n", "Failed a: x | ] y\nfailed"),
        (
            "test: a\nskip: a [\nno\n]\ntest: b\nxfail: b\ntest: c\nuxsuccess: c\n",
            "Skipped a: no\nExpectedFailure b\nUnexpectedSuccess c\nfailed",
        ),
        (
            "test: a\nerror: b\nsuccess: ab\n",
            "Error a: it began and never ended\n(the test a began and never ended)\nfailed",
        ),
        ("error: no test is open\nfailure: neither\n", "(the output holds no tests)\nincomplete"),
        (
            "test: a\nerror: a [ multipart\nContent-Type: text/plain\nlog\n6\r\nx\n]\ny\n0\r\nContent-Type: image/png\np\n\
             3\r\n]\n]0\r\n]\ntest: b\nsuccess: b\n",
            "Error a: x | ] | y\nPassed b\nfailed",
        ),
        (
            "test: a\nfailure: a [\nhalf",
            "Error a: half\n(the output is cut off: the end of the details of a)\n(the test a began and never ended)\nfailed",
        ),
        (
            "testsuite: s\ntestsuite-failure: s [\nit died\n]\nskip-testsuite: t\n",
            "Error s: it died\nSkipped t\nfailed",
        ),
    ];
    check(Format::SubunitV1, &table);
}

#[test]
fn subunit_of_either_version() {
    let table = [
        ("test: a\nsuccess: a\n", "Passed a\npassed"),
        ("PASS: this is noise\ntest: a\nfailure: a\n", "Failed a\nfailed"),
        ("test a\nsuccessful a\n", "Passed a\npassed"),
        ("", "(the output holds no tests)\nincomplete"),
    ];
    check(Format::Subunit, &table);
}

/// A packet of subunit version 2 with these flags and this body.
fn packet(flags: u16, body: &[u8]) -> Vec<u8> {
    let length = 8 + body.len();
    assert!(length < 64);
    let mut packet = vec![0xb3];
    packet.extend((0x2000 | flags).to_be_bytes());
    packet.push(length as u8);
    packet.extend(body);
    packet.extend(crc32fast::hash(&packet).to_be_bytes());
    packet
}

#[test]
fn subunit_v2() {
    let begun = packet(0x0902, b"\x01a");
    let passed = packet(0x0903, b"\x01a");
    let failed = packet(0x0906, b"\x01a");
    let text = packet(0x0860, b"\x01a\x0atext/plain\x01f\x03why");
    let mut wrong = passed.clone();
    wrong[5] ^= 1;
    let cases: [(&str, Vec<&[u8]>, &str); 9] = [
        ("whole", vec![&begun, &text, &failed], "Failed a: why\nfailed"),
        ("amid text", vec![b"x\n", &begun, b"y\xc3\xb3 \xc2\xb3 ", &passed, b". \xb3 \xb3"], "Passed a\npassed"),
        ("behind latin 1", vec![b"accion \xb3 de\xb3\x20\x01\x3f\n", &passed, b"123456789"], "Passed a\npassed"),
        (
            "wrong checksum",
            vec![&wrong, &passed],
            "Passed a\n(the output is broken at byte 0: a packet has a wrong checksum)\nincomplete",
        ),
        (
            "lying length",
            vec![b"\xb3\x29\x01\x7f\xff\x01a", &passed],
            "Passed a\n(the output is cut off: 16366 of a packet's 16383 bytes)\nincomplete",
        ),
        (
            "cut off",
            vec![&passed, &failed[..7]],
            "Passed a\n(the output is cut off: 3 of a packet's 10 bytes)\nincomplete",
        ),
        ("never ended", vec![&begun], "Error a: it began and never ended\n(the test a began and never ended)\nfailed"),
        ("only listed", vec![b"\xb3\x29\x01\x0c\x03foo\x08\x55\x5f\x1b"], "(the output holds no tests)\nincomplete"),
        ("too short", vec![b"\xb3\x29\x01\x04abcd"], "(the output holds no tests)\nincomplete"),
    ];
    for (what, parts, expected) in cases {
        assert_eq!(read(Format::SubunitV2, &parts.concat()), expected, "{what}");
    }
    // The packet whose numbers the specification's readers agree on.
    let hex = "b32b86274ca63660c04c4b400c6c69622e7464622e6c6f636b0204736c6f77036e65745f579abd";
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).filter_map(|i| u8::from_str_radix(&hex[i..i + 2], 16).ok()).collect();
    assert_eq!(read(Format::SubunitV2, &bytes), "Failed lib.tdb.lock\nfailed");
}

/// Wherever a stream is cut: what is left does not pass, unless it ends with a packet and no test is open.
#[test]
fn subunit_v2_that_is_cut_does_not_pass() {
    let test = |flags: u16| packet(0x0900 | flags, b"\x01a");
    let whole = [test(2), test(3)].concat();
    let both = [whole.clone(), whole.clone()].concat();
    for end in 0..=both.len() {
        let read = read(Format::SubunitV2, &both[..end]);
        let passes = end == whole.len() || end == both.len();
        assert_eq!(read.ends_with("passed"), passes, "cut at {end}: {read}");
    }
}

#[test]
fn junit() {
    let table = [
        (
            "<testsuite name='s'><testcase name='a'/><testcase classname='C' name='b'/></testsuite>",
            "Passed s.a\nPassed C.b\npassed",
        ),
        ("\u{feff}<?xml version='1.0'?><!-- > -- --><testcase name='a&lt;&#98;'/>", "Passed a<b\npassed"),
        (
            "<testsuites><testsuite><testsuite name='in'><testcase name='a'><error type='T'><![CDATA[x]]]]><![CDATA[>y]]>\
             </error></testcase></testsuite></testsuite></testsuites>",
            "Error in.a: T | x]]>y\nfailed",
        ),
        (
            "<testsuite><testcase name='a'><flakyFailure message='m'>t</flakyFailure><flakyError/></testcase></testsuite>",
            "Passed a: it passed after 2 tries that failed\npassed",
        ),
        (
            "<testsuite><testcase name='a'><failure message='m'>m at 1</failure><rerunFailure>again</rerunFailure>\
             <system-out>noise</system-out></testcase></testsuite>",
            "Failed a: m at 1\nfailed",
        ),
        ("<testsuite><testcase name='a'><failure/><error>e</error></testcase></testsuite>", "Error a: e\nfailed"),
        (
            "<testsuite><testcase name='a' status='notrun'/><testcase name='b'><skipped/></testcase></testsuite>",
            "Skipped a\nSkipped b\npassed",
        ),
        (
            "<testsuite><testcase classname='Test' name='TestA'/><testcase classname='a.B' name='a.B.c'/></testsuite>",
            "Passed Test.TestA\nPassed a.B.c\npassed",
        ),
        ("<testsuite name='s'><failure message='no class'/></testsuite>", "Error s: no class\nfailed"),
        (
            "<testsuite failures='2'><testcase name='a'/></testsuite>",
            "Passed a\n(the output says 2 failures and errors and 0 came)\nincomplete",
        ),
        ("<testsuite tests='0'></testsuite>", "(the output holds no tests)\nincomplete"),
        (
            "<testsuite><testcase name='a'/><testcase name='b'><failure>hal",
            "Passed a\nError b: it began and never ended\n(the test b began and never ended)\n\
             (the output is cut off: the ends of 3 elements)\nfailed",
        ),
        (
            "<testsuite><testcase name='a'/>",
            "Passed a\n(the output is cut off: the end of the outermost element)\nincomplete",
        ),
        (
            "<testsuite><testcase name='a'/></testsuite",
            "Passed a\n(the output is cut off: the end of the outermost element)\nincomplete",
        ),
        (
            "<html><body>502</body></html>",
            "(the output is broken up to byte 29: there is no testsuite in it)\nincomplete",
        ),
        (
            "<testsuite><testcase name='a'></testsuite>",
            "Error a: it began and never ended\n\
             (the output is broken at byte 42: the end of another element than the one that is open)\n\
             (the test a began and never ended)\n(the output is cut off: the end of the outermost element)\nfailed",
        ),
        (
            "<!DOCTYPE t [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><testsuite><testcase name='&b;'/></testsuite>",
            "(the output is not read beyond byte 3: it declares a document type)\nincomplete",
        ),
        ("\u{0}<", "(the output is not read beyond byte 0: it is written in UTF-16, not in UTF-8)\nincomplete"),
    ];
    check(Format::Junit, &table);
    let deep = "<a>".repeat(5000);
    assert!(read(Format::Junit, deep.as_bytes()).contains("nested too deeply"));
}

#[test]
fn prove_of_old() {
    let table = [
        (
            "t/a....ok\nt/b....FAILED test 2\n\tFailed 1/5 tests, 80.00% okay\nt/c....dubious\n\
             Failed Test Stat Wstat Total Fail  Failed  List of Failed\n\
             -------------------------------------------------------------------------------\n\
             t/b.t          1   256     5    3  60.00%  2 4-5\n\
             t/c.t        255 65280    ??   ??       %  ??\n\
             Failed 2/3 test scripts, 33.33% okay. 3/12 subtests failed, 75.00% okay.\n",
            "Failed t/b.t test 2\nFailed t/b.t test 4\nFailed t/b.t test 5\nError t/c.t: it died: 255 65280 ?? ?? % ??\n\
             9 more Passed\nfailed",
        ),
        (
            "t/a....ok\nt/b....skipped\n        all skipped: dry\nAll tests successful, 1 test skipped.\nFiles=2, Tests=4,  0 wallclock secs\n",
            "Skipped t/b\n4 more Passed\npassed",
        ),
        ("t/a.t .. ok\n", "(the output is cut off: the line 'Files=…, Tests=…' at the end)\nincomplete"),
        ("FAILED--no tests were run\n", "(the tests were given up: no tests were run)\nincomplete"),
    ];
    check(Format::Prove, &table);
}

#[test]
fn text_of_runners() {
    check(
        Format::Unittest,
        &[
            ("test_a (m.C) ... ok\n\n----\nRan 1 test in 0.1s\n\nOK\n", "Passed m.C.test_a\npassed"),
            ("....\nRan 4 tests in 0.1s\n\nOK (skipped=1)\n", "1 more Skipped\n3 more Passed\npassed"),
            ("....\nRan 0 tests in 0.1s\n\nNO TESTS RAN\n", "(the output holds no tests)\nincomplete"),
            (
                "test_a (m.C) ... ",
                "Error m.C.test_a: it began and never ended\n(the test m.C.test_a began and never ended)\n\
                (the output is cut off: the line OK or FAILED at the end)\nfailed",
            ),
        ],
    );
    check(
        Format::CargoTest,
        &[
            ("running 0 tests\n\ntest result: ok. 0 passed; 0 failed\n", "(the output holds no tests)\nincomplete"),
            ("running 2 tests\n..\ntest result: ok. 2 passed; 0 failed\n", "2 more Passed\npassed"),
            (
                "running 2 tests\ntest a ... ok\nSegmentation fault\n",
                "Passed a\n(the output is cut off: the tests began 2 tests and ended 1, without a result)\nincomplete",
            ),
            ("running 1 test\ntest a ... hello\nok\n\ntest result: ok. 1 passed; 0 failed\n", "Passed a\npassed"),
            (
                "error: could not compile `river` (lib test) due to 1 previous error\n",
                "(`river` (lib test) did not run: it does not compile)\nincomplete",
            ),
        ],
    );
    check(
        Format::GoTest,
        &[
            (
                "=== RUN   TestA\npanic: x\nFAIL\tp\t0.1s\n",
                "Error p.TestA: panic: x\nError p: panic: x\n(the test p.TestA began and never ended)\nfailed",
            ),
            (
                "=== RUN   TestA\n--- PASS: TestA (0.00s)\n",
                "Passed TestA\n(the output is cut off: the line of the last package)\nincomplete",
            ),
            ("?   \tp\t[no test files]\n", "(the output holds no tests)\nincomplete"),
        ],
    );
    check(
        Format::Nextest,
        &[(
            "    Starting 2 tests across 1 binary\n        PASS [   0.1s] (1/2) a b\n     SIGSEGV [   0.1s] (2/2) a c\n",
            "Passed a b\nError a c\n(the output is cut off: the summary at the end)\nfailed",
        )],
    );
    check(
        Format::Auto,
        &[
            ("cc -o x\nok then\n", "(the output is in no known format)\nincomplete"),
            ("", "(the output holds no tests)\nincomplete"),
            ("cc -o x <y>\n<?xml version='1.0'?>\n<testsuite>\n<testcase name='a'/></testsuite>", "Passed a\npassed"),
            ("test: the build\nsuccess\ntest: a\nsuccess: a\n", "Passed a\npassed"),
        ],
    );
}

/// Text as XML has it, by one of three ways to escape.
fn escaped(text: &str, way: u8) -> String {
    match way {
        0 => format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>")),
        1 => text.chars().map(|c| format!("&#{};", u32::from(c))).collect(),
        _ => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn junit_that_is_written_comes_back(
        cases in proptest::collection::vec(("[a-z<>&\"'ü€]{1,12}", "[a-z<>&\"'\\]ü€😀]{0,30}", 0u8..3, 0u8..4, 0usize..3), 1..12),
        chunk in 1usize..50,
    ) {
        let mut xml = "<?xml version='1.0'?>\n<testsuites><testsuite name=\"s\">".to_owned();
        let mut expected = Vec::new();
        for (name, text, way, verdict, padding) in &cases {
            let pad = " \n\t"[..*padding].to_owned();
            xml += &format!("{pad}<testcase {pad}classname = \"Q\"{pad} name=\"{}\"{pad}>", escaped(name, 2));
            let (element, outcome) = match verdict {
                0 => ("failure", TestOutcome::Failed),
                1 => ("error", TestOutcome::Error),
                2 => ("skipped", TestOutcome::Skipped),
                _ => ("system-out", TestOutcome::Passed),
            };
            xml += &format!("<!-- {pad}<x> --><{element}>{}</{element}{pad}></testcase{pad}>", escaped(text, *way));
            let message = if outcome == TestOutcome::Passed { "" } else { text };
            expected.push((format!("Q.{name}"), outcome, message.to_owned()));
        }
        xml += "</testsuite><empty a='/'/></testsuites>";
        let mut tests = Vec::new();
        let mut take = |event| if let Event::Test(t) = event { tests.push((t.name, t.outcome, t.message)) };
        let mut reader = Reader::new(Format::Junit, Limits::default());
        for chunk in xml.as_bytes().chunks(chunk) {
            reader.push(chunk, &mut take);
        }
        let summary = reader.finish(&mut take);
        prop_assert_eq!(&tests, &expected, "{}", xml);
        prop_assert_eq!(summary.flaws, []);
    }
}
