//! Logs are written as a worker would, and read.

mod checkers;

use super::*;
use model::{CallError, FunctionRef, Place, Reading};
use tempfile::TempDir;

const BUILD: BuildId = BuildId(1);

/// Answers with what it was given, or with what it was told to answer.
#[derive(Debug)]
struct Answers(Option<Value>);

impl Functions for Answers {
    fn call(&self, _: &FunctionRef, arguments: &[Value]) -> Result<Value, CallError> {
        match &self.0 {
            Some(value) => Ok(value.clone()),
            None => Ok(Value::Map((0..).map(|n: i32| format!("a{n}")).zip(arguments.iter().cloned()).collect())),
        }
    }
}

fn function() -> FunctionRef {
    let place = Place { file: "master.star".into(), line: 1, column: 1 };
    FunctionRef { name: "f".into(), place, digest: String::new() }
}

/// A log of each name with these pieces.
async fn written(pieces: &[(&str, Stream, &[u8])], reading: Reading, answer: Option<Value>) -> (TempDir, Logs, Order) {
    let dir = tempfile::tempdir().unwrap();
    let logs = Logs::open(dir.path().to_path_buf()).unwrap();
    let mut order = Order {
        logs: vec![(LogId(1), "stdio".into()), (LogId(2), "report".into())],
        reading,
        functions: Arc::new(Answers(answer)),
        described: false,
        url: None,
        pipeline: None,
        tests: crate::order::TestsOf {
            builder: model::BuilderId(1),
            number: 1,
            branch: "main".into(),
            step: "test".into(),
            patched: false,
        },
    };
    let mut ends = [0, 0];
    for (place, (id, _)) in order.logs.iter().enumerate() {
        logs.begin(BUILD, *id).await.unwrap();
        for (_, stream, data) in pieces.iter().filter(|(name, ..)| *name == order.logs[place].1) {
            logs.append(BUILD, *id, ends[place], *stream, data.to_vec().into()).await.unwrap();
            ends[place] += data.len() as u64;
        }
        logs.seal(BUILD, *id).await.unwrap();
    }
    order.described = false;
    (dir, logs, order)
}

async fn found(pieces: &[(&str, Stream, &[u8])], reading: Reading, answer: Option<Value>, code: i32) -> Findings {
    let (_dir, logs, order) = written(pieces, reading, answer).await;
    let files = [wire::Collected { path: "build/supp.txt".into(), data: b"b\\.c : .*\n".to_vec() }];
    let once = read(&logs, BUILD, &order, Some(code), &files).await;
    assert_eq!(read(&logs, BUILD, &order, Some(code), &files).await, once, "reading again gives the same");
    once.findings
}

fn of_function() -> Reading {
    Reading { function: Some(function()), ..Reading::default() }
}

#[tokio::test]
async fn warnings_are_counted_but_for_those_that_do_not_matter() {
    let text = b"a.c:1: warning: one\nb.c:2: warning: two\nno warning here\nc.c:3: warning: three\n";
    let pieces = [
        ("stdio", Stream::Header, &b"echo warning: not this\n"[..]),
        ("stdio", Stream::Stdout, &text[..30]),
        ("stdio", Stream::Stdout, &text[30..]),
        ("stdio", Stream::Stderr, b"d.c:4: warning: four\n"),
    ];
    let reading = |suppression_file: Option<&str>| Reading {
        warnings: Some(WarningReading {
            pattern: "^(.*?):([0-9]+): warning: (.*)$".into(),
            extract: true,
            suppression_file: suppression_file.map(str::to_owned),
            ..WarningReading::default()
        }),
        ..Reading::default()
    };
    assert_eq!(found(&pieces, reading(None), None, 0).await.warnings, Some(4));
    assert_eq!(found(&pieces, reading(Some("supp.txt")), None, 0).await.warnings, Some(3));
    let plain = Reading { warnings: Some(WarningReading::default()), ..Reading::default() };
    assert_eq!(found(&pieces, plain, None, 0).await.warnings, Some(5));
    let bad = WarningReading { pattern: "(".into(), ..WarningReading::default() };
    let bad = found(&pieces, Reading { warnings: Some(bad), ..Reading::default() }, None, 0).await;
    assert!(bad.trouble.is_some_and(|t| t.contains("pattern '(' cannot be used")));
}

#[tokio::test]
async fn a_test_report_is_read_from_the_log_that_has_it() {
    let tap = b"1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no tty\n";
    let reading = |log: &str| Reading {
        tests: Some(TestReading { log: log.into(), ..TestReading::new("tap") }),
        ..Reading::default()
    };
    let there = [("report", Stream::Stdout, &tap[..]), ("stdio", Stream::Stdout, b"1..1\nok 1\n")];
    let tests = found(&there, reading("report"), None, 0).await.tests.unwrap();
    assert_eq!((tests.passed, tests.failed, tests.skipped, tests.bad[0].name.as_str()), (1, 1, 1, "b"));
    assert_eq!(found(&there, reading("stdio"), None, 0).await.tests.unwrap().words(), "1 test");
    let cut = [("stdio", Stream::Stdout, &b"1..3\nok 1 - a\n"[..])];
    let doubtful = found(&cut, reading("stdio"), None, 0).await;
    assert_eq!(doubtful.results, Some(Results::Warnings));
    assert_eq!(doubtful.summary.as_deref(), Some("1 test, but 3 tests were announced and 1 came"));
    assert_eq!(found(&cut, reading("stdio"), None, 1).await.results, None, "the command says it failed");
    let promised =
        Reading { tests: Some(TestReading { whole: true, ..TestReading::new("tap") }), ..Reading::default() };
    for (output, words) in [
        (&b"1..3\nok 1 - a\n"[..], "1 test, but 3 tests were announced and 1 came"),
        (b"ok 1\n", "1 test, but the output never says how many tests there are, so it may be cut off"),
        (b"", "the output holds no tests"),
    ] {
        let broken = found(&[("stdio", Stream::Stdout, output)], promised.clone(), None, 0).await;
        assert_eq!((broken.results, broken.summary.as_deref()), (Some(Results::Failure), Some(words)));
    }
    let fine = found(&[("stdio", Stream::Stdout, &b"1..1\nok 1 - a\n"[..])], promised, None, 0).await;
    assert_eq!((fine.results, fine.trouble), (None, None));
    assert_eq!(found(&[], reading("stdio"), None, 0).await.tests.unwrap().total(), 0);
    assert!(found(&[], reading("nothing"), None, 0).await.trouble.is_some());
}

#[tokio::test]
async fn output_becomes_properties() {
    let pieces = [
        ("stdio", Stream::Header, &b"./version\n"[..]),
        ("stdio", Stream::Stdout, b" 1.3\n"),
        ("stdio", Stream::Stderr, b"noise"),
    ];
    let whole = |strip| Reading {
        property: Some(PropertyReading::Whole { name: "version".into(), strip }),
        ..Reading::default()
    };
    let version = |text: &str| vec![("version".to_owned(), Value::from(text))];
    assert_eq!(found(&pieces, whole(true), None, 0).await.properties, version("1.3"));
    assert_eq!(found(&pieces, whole(false), None, 0).await.properties, version(" 1.3\n"));
    assert_eq!(found(&pieces, whole(true), None, 1).await.properties, []);
    let long = vec![b'x'; MOST_VALUE + 1];
    let too_long = found(&[("stdio", Stream::Stdout, &long)], whole(true), None, 0).await;
    assert_eq!(
        too_long.trouble.as_deref(),
        Some("the output is longer than 64 KiB, too long for the property version")
    );
    let extract = Reading { property: Some(PropertyReading::Function(function())), ..Reading::default() };
    let names = found(&pieces, extract, None, 3).await.properties;
    let value = |name: &str, value: Value| (name.to_owned(), value);
    let expected = [value("a0", Value::Int(3)), value("a1", " 1.3\n".into()), value("a2", "noise".into())];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_function_may_say_everything_and_nothing_else() {
    let map = |pairs: &[(&str, Value)]| Value::Map(pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect());
    let answer = map(&[
        ("results", Value::Int(1)),
        ("summary", "3 lost\nand more".into()),
        ("properties", map(&[("lost", Value::Int(3))])),
        ("urls", map(&[("coverage", "https://example.org/c".into())])),
        ("tests", map(&[("passed", Value::Int(7)), ("failed", Value::Int(1)), ("bad", Value::List(vec!["t".into()]))])),
    ]);
    let said = found(&[], of_function(), Some(answer), 0).await;
    assert_eq!((said.results, said.summary.as_deref()), (Some(Results::Warnings), Some("3 lost")));
    assert_eq!(said.properties, [("lost".to_owned(), Value::Int(3))]);
    assert_eq!(said.urls, [("coverage".to_owned(), "https://example.org/c".to_owned())]);
    assert_eq!(said.tests.map(|t| (t.passed, t.failed, t.bad.len())), Some((7, 1, 1)));
    assert_eq!(found(&[], of_function(), Some(Value::Null), 0).await, Findings::default());
    for (answer, expected) in [
        (Value::Int(3), "the function answers with a number where names and values are needed"),
        (map(&[("result", Value::Int(0))]), "the function answers with result; it may answer with results, summary"),
        (map(&[("results", Value::Int(9))]), "the function answers with a number as results; it is one of"),
        (map(&[("summary", Value::Int(9))]), "the function answers with a number as summary"),
        (map(&[("urls", map(&[("x", "javascript:alert(1)".into())]))]), "the address of x begins with neither"),
        (map(&[("tests", map(&[("failed", Value::Int(-1))]))]), "failed is less than nothing"),
    ] {
        let trouble = found(&[], of_function(), Some(answer), 0).await.trouble.unwrap();
        assert!(trouble.starts_with(expected), "{trouble}");
    }
}
