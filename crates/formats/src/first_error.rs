//! Which line of a log a reader wants to see first.

/// How much a line looks like the cause of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// It says that something went wrong somewhere.
    Summary,
    /// It names what went wrong.
    Cause,
}

/// Words that name a cause, in small letters, as compilers, test programs and interpreters say them.
const CAUSES: [&str; 24] = [
    "error:",
    ": error",
    "error[",
    "fatal:",
    "assertion",
    "assert failed",
    "panicked at",
    "not ok ",
    "segmentation fault",
    "undefined reference",
    "undefined symbol",
    "no such file or directory",
    "command not found",
    "permission denied",
    "no space left on device",
    "addresssanitizer",
    "runtime error",
    "unhandled exception",
    "mismatch",
    ": expected ",
    "--- fail:",
    "syntax error",
    "cannot find ",
    "out of memory",
];

/// Words that sum up: taken when nothing names the cause.
const SUMMARIES: [&str; 10] = [
    "failed",
    "failure",
    "make: ***",
    "]: error ",
    "fail:",
    "exception:",
    "killed",
    "timed out",
    "no output for",
    "aborted",
];

/// Words of lines that speak of errors and are none.
const HARMLESS: [&str; 15] = [
    "0 error",
    "no error",
    "0 failed",
    "0 failures",
    "failed: 0",
    "failures: 0",
    "errors: 0",
    "-werror",
    "warning:",
    "if failed",
    "on_failure",
    "error: 0",
    "(ignored)",
    "errors=0",
    "xfail",
];

fn weight(line: &str) -> Option<Weight> {
    let line = line.to_ascii_lowercase();
    let sum_up = line.starts_with("make") && line.contains("***");
    if HARMLESS.iter().any(|w| line.contains(w)) && !sum_up {
        return None;
    }
    if !sum_up && (CAUSES.iter().any(|w| line.contains(w)) || is_named_exception(&line)) {
        return Some(Weight::Cause);
    }
    SUMMARIES.iter().any(|w| line.contains(w)).then_some(Weight::Summary)
}

/// `ValueError: no such thing`, `java.lang.NullPointerException: …`: the last line of a traceback.
fn is_named_exception(line: &str) -> bool {
    let Some((name, _)) = line.split_once(':') else { return false };
    !name.contains(' ') && (name.ends_with("error") || name.ends_with("exception")) && name.len() > 5
}

/// The place of the first error among the last lines of a log that failed: the first line that names a cause, else the
/// first that sums up, else the last line that says anything. `None` when no line does.
///
/// A traceback is an exception to that: its first line says only that one follows, and its last names the cause.
pub fn first_error<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<usize> {
    let (mut cause, mut summary, mut last) = (None, None, None);
    let mut in_traceback = false;
    for (i, line) in lines.into_iter().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        last = Some(i);
        if line.starts_with("Traceback (most recent call last)") {
            in_traceback = true;
            continue;
        }
        // The body of a traceback is indented and quotes source, which may speak of errors.
        if in_traceback && line.starts_with(' ') {
            continue;
        }
        in_traceback = false;
        match weight(line) {
            Some(Weight::Cause) if cause.is_none() => cause = Some(i),
            Some(Weight::Summary) if summary.is_none() => summary = Some(i),
            _ => {}
        }
    }
    cause.or(summary).or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_a_reader_wants() {
        let cases: [(&str, Option<&str>); 19] = [
            ("", None),
            ("\n \n", None),
            ("all is\nquiet", Some("quiet")),
            ("cc -c a.c\na.c:3:5: error: expected ';'\nmake: *** [a.o] Error 1", Some("a.c:3:5: error: expected ';'")),
            ("cc -Werror -c a.c\na.c:3: warning: error: unused\na.c:9: error: x", Some("a.c:9: error: x")),
            ("ok 1\nnot ok 2 - inflate\n# failed 1 of 2", Some("not ok 2 - inflate")),
            (
                "test a ... ok\ntest b ... FAILED\nthread 'b' panicked at src/a.rs:3:1",
                Some("thread 'b' panicked at src/a.rs:3:1"),
            ),
            (
                "Traceback (most recent call last):\n  File \"a.py\", line 1\n    raise ValueError(\"error: x\")\nValueError: bad",
                Some("ValueError: bad"),
            ),
            ("error[E0308]: mismatched types\nerror: aborting", Some("error[E0308]: mismatched types")),
            ("make: *** No rule to make target 'x'.  Stop.", Some("make: *** No rule to make target 'x'.  Stop.")),
            ("make: *** [Makefile:12: test] Error 1", Some("make: *** [Makefile:12: test] Error 1")),
            ("12 passed, 0 failed\nbye", Some("bye")),
            (
                "/usr/bin/ld: a.o: undefined reference to `f'\ncollect2: error: ld returned 1",
                Some("/usr/bin/ld: a.o: undefined reference to `f'"),
            ),
            ("--- FAIL: TestX (0.00s)\n    x_test.go:3: got 1", Some("--- FAIL: TestX (0.00s)")),
            ("sh: 1: foo: command not found", Some("sh: 1: foo: command not found")),
            (
                "test.c:212: inflate_window: expected 32768, got 0\n1 of 9 tests failed",
                Some("test.c:212: inflate_window: expected 32768, got 0"),
            ),
            ("a.out: a.c:3: main: Assertion `x' failed.\nAborted", Some("a.out: a.c:3: main: Assertion `x' failed.")),
            ("FAILED tests/test_x.py::test_y\n1 failed, 0 errors", Some("FAILED tests/test_x.py::test_y")),
            (
                "fatal: unable to access 'https://x/': Could not resolve host",
                Some("fatal: unable to access 'https://x/': Could not resolve host"),
            ),
        ];
        for (log, expected) in cases {
            let lines: Vec<&str> = log.lines().collect();
            assert_eq!(first_error(lines.iter().copied()).map(|i| lines[i]), expected, "{log}");
        }
    }

    #[test]
    fn hostile_lines_are_no_panic() {
        let long = "error".repeat(10_000);
        for line in ["\0\0", "\u{202e}:", ":", "error", &long] {
            assert!(first_error([line]).is_some());
        }
    }
}
