//! Configurations that would eat the machine, and ones that are merely large.

use super::{Memory, bad, config};
use crate::{Limits, load};
use std::cell::Cell;

/// The first line of the error, with small limits.
fn stopped(text: &str) -> String {
    let limits = Limits { ticks: 200_000, heap: 64 << 20, ..Limits::default() };
    let error = load("master.star", &Memory::master(text), &limits).unwrap_err();
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[test]
fn what_has_no_end_is_stopped() {
    let cases = [
        (
            "an endless loop",
            "for a in range(1000000):\n    for b in range(1000000):\n        pass\n",
            "error: the configuration takes more than 200000 turns of loops and calls",
        ),
        (
            "an endless comprehension",
            "x = [1 for a in range(1000000) for b in range(1000000) if False]\n",
            "error: the configuration takes more than 200000 turns of loops and calls",
        ),
        (
            "a range of ten billion",
            "x = [a for a in range(10000000000)]",
            "error: this range has 10000000000 numbers; 1000000 is the most",
        ),
        (
            "a list of ten billion",
            "x = [0] * 10000000000",
            "error: this would make a list of 10000000000 elements; 1000000 is the most",
        ),
        (
            "the other way round",
            "x = 10000000000 * [0]",
            "error: this would make a list of 10000000000 elements; 1000000 is the most",
        ),
        (
            "a tuple",
            "x = (0, 1) * 2000000000",
            "error: this would make a list of 4000000000 elements; 1000000 is the most",
        ),
        (
            "a text of ten billion",
            "x = \"x\" * 10000000000",
            "error: this would make a text of 10000000000 bytes; 8388608 is the most",
        ),
        (
            "inside a function",
            "def f():\n    for i in [1]:\n        return [[0] * 2000000000]\nf()",
            "error: this would make a list of 2000000000 elements; 1000000 is the most",
        ),
        (
            "more than fits any number",
            "x = [0] * (9223372036854775807 + 1)",
            "error: this would make a list of 18446744073709551615 elements; 1000000 is the most",
        ),
        (
            "doubling",
            "x = [0, 1, 2]\nfor i in range(60):\n    x = x + x\n",
            "error: this would make a list of 1572864 elements; 1000000 is the most",
        ),
        (
            "doubling a text",
            "x = \"0\"\nfor i in range(60):\n    x = x + x\n",
            "error: this would make a text of 16777216 bytes; 8388608 is the most",
        ),
        ("a shift", "x = 1 << 2000000000", "error: a number can be shifted by at most 4096"),
        (
            "squaring",
            "x = 9223372036854775807\nfor i in range(60):\n    x = x * x\n",
            "error: this number would be too large",
        ),
        (
            "lists without end",
            "x = []\nfor i in range(100000):\n    x.append(list(range(1000)))\n",
            "error: the configuration takes more than 64 MB of memory",
        ),
    ];
    for (what, text, expected) in cases {
        assert_eq!(stopped(text), expected, "{what}");
    }
    let in_place = format!("x = [0]\n{}", "x += x\n".repeat(60));
    assert_eq!(stopped(&in_place), "error: the configuration takes more than 64 MB of memory");
}

#[test]
fn a_function_that_calls_itself_is_stopped() {
    insta::assert_snapshot!(bad("def f(n):\n    return f(n + 1)\n\nf(0)\n"), @r#"
    error: functions call each other more than 200 deep
     --> master.star:2:14
      |
    2 |     return f(n + 1)
      |              ^^^^^
    help: a function that calls itself must come to an end
    note: called in master.star:4:1
    "#);
}

#[test]
fn the_wish_to_stop_is_heard() {
    struct Impatient(Memory, Cell<u32>);
    impl crate::Loader for Impatient {
        fn read(&self, name: &str) -> Result<String, String> {
            self.0.read(name)
        }
        fn secret_file(&self, name: &str) -> Result<Option<String>, String> {
            self.0.secret_file(name)
        }
        fn env(&self, name: &str) -> Option<String> {
            self.0.env(name)
        }
        fn cancelled(&self) -> bool {
            self.1.set(self.1.get() + 1);
            self.1.get() > 3
        }
    }
    let text = "for a in range(1000000):\n    for b in range(1000000):\n        pass\n";
    let loader = Impatient(Memory::master(text), Cell::new(0));
    insta::assert_snapshot!(load("master.star", &loader, &Limits::default()).unwrap_err(), @r#"
    error: the configuration takes too long
     --> master.star:2:5
      |
    2 |     for b in range(1000000):
      |     ^^^^^^^^^^^^^^^^^^^^^^^^
    help: is there a loop without end?
    "#);
    assert!(loader.1.get() < 10);
}

#[test]
fn deep_and_long_texts_do_not_overflow_the_stack() {
    let head = |text: &str| bad(text).lines().next().unwrap_or_default().to_owned();
    let deep = [
        "(".repeat(100_000),
        format!("x = {}", "-".repeat(100_000)),
        format!("x = {}1", "1 + ".repeat(100_000)),
        format!("x = {}", "[".repeat(100_000)),
        format!("x = y{}", ".a".repeat(100_000)),
        format!("if 1:\n  pass\n{}", "elif 2:\n  pass\n".repeat(10_000)),
        (0..1000).map(|i| format!("{}if 1:\n", " ".repeat(i))).collect(),
    ];
    for text in &deep {
        assert_eq!(head(text), "error: this goes too deep, or one expression is too long", "{}", &text[..20]);
    }
    // As deep and as long as is let through.
    let fine = [
        format!("x = {}1{}", "(".repeat(48), ")".repeat(48)),
        format!("x = {}1{}", "[".repeat(48), "]".repeat(48)),
        format!("x = {}1", "1 + ".repeat(48)),
        format!("x = {}1", "-".repeat(48)),
        format!("x = {}True", "not ".repeat(48)),
        format!("{}{}pass", (0..48).map(|i| format!("{}if 1:\n", " ".repeat(i))).collect::<String>(), " ".repeat(48)),
        format!("if 1:\n  pass\n{}", "elif 2:\n  pass\n".repeat(48)),
        format!("def f(n):\n    return f(n - 1) if n else 0\nf({})", Limits::default().depth - 10),
        format!(
            "def f(n):\n    return max([f(n - 1) for x in [n]], key = lambda y: y) if n else 0\nf({})",
            Limits::default().depth / 2
        ),
        format!("def f(n):\n    return list(map(f, [n - 1])) if n else 0\nf({})", Limits::default().depth / 2 - 5),
        format!("x = {}1", "lambda: ".repeat(24)),
        format!("x = 1{}", " if 1 else 2".repeat(24)),
    ];
    for text in &fine {
        config(text);
    }
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    let text = "# padding\n".repeat(200_000);
    insta::assert_snapshot!(bad(&text), @"error: master.star is longer than 1024 kB");
}

#[test]
fn garbage_is_an_error_and_no_panic() {
    let pieces = [
        "builder(", ")", "[", "\"", "'''", "x = ", "\n", "  ", "é", "\u{0}", "#", "1", ".", "*", "def f():", "load(",
        "\\", "{", "}", ",", "if", "lambda",
    ];
    let mut seed: u64 = 0x2545_f491_4f6c_dd1d;
    for _ in 0..3000 {
        let mut text = String::new();
        for _ in 0..(seed % 13) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            text.push_str(pieces[(seed % pieces.len() as u64) as usize]);
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if let Err(error) = Memory::master(&text).load() {
            assert!(error.to_string().starts_with("error: "), "{text}");
        }
    }
}

#[test]
fn a_thousand_builders_are_nothing_special() {
    let config = config(
        r#"
local_worker("here", max_builds = 4)
for n in range(1000):
    builder("b%d" % n, workers = ["here"], steps = [
        steps.git("/srv/x"), steps.configure(), steps.compile(["make", "-j2"]), steps.test(), steps.shell(["true"]),
    ], env = {"N": str(n)})
schedulers.single_branch("all", branch = "main", builders = ["b%d" % n for n in range(1000)])
"#,
    );
    assert_eq!((config.builders.len(), config.schedulers[0].builders.len()), (1000, 1000));
    assert!(crate::describe(&config).lines().count() < 120);
}
