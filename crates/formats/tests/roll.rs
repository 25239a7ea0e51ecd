//! Rolls of tests: what is otherwise than before, by a table, by a slow oracle, and at the limits.

// Everything here is a test; the attribute says so to the lints.
#[cfg(test)]
mod roll {
    use formats::{Event, Flaw, Roll, Summary, TestCase, TestOutcome};
    use model::{TestChange, TestNames};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Of `name+` (passed), `name-` (failed), `name~` (skipped), `+3` (three more passed), `-3` (failed), `?` (cut
    /// off), `part` (only some were run).
    fn roll(words: &str) -> Roll {
        let mut roll = Roll::default();
        let mut summary = Summary::default();
        for word in words.split_whitespace() {
            match word {
                "?" => summary.flaws.push(Flaw::NoPlan),
                "part" => roll.is_part(),
                _ if word.starts_with(['+', '-']) => {
                    let outcome = if word.starts_with('+') { TestOutcome::Passed } else { TestOutcome::Failed };
                    roll.take(&Event::Counted(outcome, word[1..].parse().unwrap()));
                }
                _ => {
                    let (name, end) = word.split_at(word.len() - 1);
                    let outcome = match end {
                        "+" => TestOutcome::Passed,
                        "-" => TestOutcome::Failed,
                        _ => TestOutcome::Skipped,
                    };
                    let (name, message) = (name.to_owned(), String::new());
                    roll.take(&Event::Test(TestCase { name, outcome, duration: None, message }));
                }
            }
        }
        roll.close(&summary);
        roll
    }

    fn told(change: &TestChange) -> String {
        let one = |word: &str, names: &TestNames| match names.count {
            0 => String::new(),
            _ => format!("{word}: {}; ", names.names.join(" ")),
        };
        let maybe = |word: &str, names: &Option<TestNames>| match names {
            Some(names) => one(word, names),
            None => format!("{word}?; "),
        };
        [
            one("failing", &change.newly_failing),
            one("still", &change.still_failing),
            one("fixed", &change.fixed),
            maybe("new", &change.new),
            maybe("gone", &change.gone),
        ]
        .concat()
        .trim_end_matches("; ")
        .to_owned()
    }

    #[test]
    fn what_is_otherwise_is_told_by_the_table() {
        let cases = [
            ("a+ b+", "a+ b+", ""),
            ("a+ b+", "a- b+", "failing: a"),
            ("a- b+", "a- b+", "still: a"),
            ("a- b+", "a+ b+", "fixed: a"),
            ("a- b+", "a~ b+", ""),
            ("a~ b+", "a- b+", "failing: a"),
            ("a+", "a+ b- c+", "failing: b; new: b c"),
            ("a+ b- c+", "a+", "gone: b c"),
            // The same name twice is one test, with the worse end.
            ("a+ a+", "a- a+", "failing: a"),
            // A report that is cut off says nothing of what it does not name.
            ("a- b- c+", "a- ?", "still: a; gone?"),
            ("a- b- c+", "a+ d- ?", "failing: d; fixed: a; new: d; gone?"),
            ("a- b+", "b+ part", "gone?"),
            // A report that never names what passed: what it names no more is fixed.
            ("a- b- +8", "a- +9", "still: a; fixed: b; new?; gone?"),
            ("a- b+", "b- +9", "failing: b; fixed: a; new?; gone?"),
            ("a- +1", "a- b+", "still: a; new?; gone?"),
            ("a- +1", "-2 +4", "new?; gone?"),
            ("", "a-", "failing: a; new: a"),
            ("a-", "", "gone: a"),
        ];
        for (before, now, expected) in cases {
            let change = roll(now).change(&roll(before), 7);
            assert_eq!((told(&change).as_str(), change.against), (expected, 7), "{before} | {now}");
        }
    }

    #[test]
    fn what_a_report_does_not_tell_stands_as_it_was() {
        let cases = [
            ("a- b+", "a- ?", "b-", "failing: b; gone: a"),
            ("a- b- c+", "a+ ?", "a- b- c+", "failing: a; still: b"),
            // Skipped is not fixed, and failing again is nothing new.
            ("a- b+", "a~ b+", "a- b+", "still: a"),
            ("a- b+", "b+ part", "a- b+", "still: a"),
            ("a- b+", "b+", "a- b+", "failing: a; new: a"),
            ("a- +3", "b- +9", "a- +9", "failing: a; fixed: b; new?; gone?"),
        ];
        for (first, second, third, expected) in cases {
            let stands = roll(second).upon(&roll(first));
            let change = roll(third).change(&stands, 1);
            assert_eq!(told(&change), expected, "{first} | {second} | {third}");
        }
    }

    #[test]
    fn a_hundred_thousand_tests_take_little_room_and_more_are_not_told_of() {
        let case = |n: usize| {
            let name = format!("tests.integration.network.test_{:03}.TestCase.test_number_{n:06}", n / 1000);
            Event::Test(TestCase { name, outcome: TestOutcome::Passed, duration: None, message: String::new() })
        };
        let mut all = Roll::default();
        (0..100_000).for_each(|n| all.take(&case(n)));
        let bytes = all.to_bytes();
        assert!(bytes.len() < 500_000, "{} bytes", bytes.len());
        assert_eq!(Roll::from_bytes(&bytes), Some(all.clone()));
        let change = all.change(&Roll::default(), 1);
        let new = change.new.unwrap();
        assert_eq!((new.count, new.names.len()), (100_000, TestNames::MOST));
        (100_000..Roll::MOST + 10).for_each(|n| all.take(&case(n)));
        let change = all.change(&Roll::default(), 1);
        assert_eq!((change.new, change.gone), (None, None));
    }

    #[test]
    fn bytes_that_are_no_roll_are_none() {
        let good = roll("t/a.t+ t/b.t- é+ è- +3").to_bytes();
        assert!(Roll::from_bytes(&good).is_some());
        for bytes in [&b""[..], b"\x01", b"\x02\x00", b"\x01\x00\x05", b"\x01\x00\x01\x03a", b"\x01\x00\x00\xff"] {
            assert_eq!(Roll::from_bytes(bytes), None, "{bytes:?}");
        }
        for at in 0..good.len() {
            for byte in [0, 1, 127, 128, 255] {
                let mut bad = good.clone();
                bad[at] = byte;
                let _ = Roll::from_bytes(&bad);
                let _ = Roll::from_bytes(&good[..at]);
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_what_comparing_each_with_each_says(
            before in proptest::collection::btree_map("[a-f]{1,2}", 0..3usize, 0..12),
            now in proptest::collection::btree_map("[a-f]{1,2}", 0..3usize, 0..12),
        ) {
            let words = |tests: &BTreeMap<String, usize>| -> String {
                tests.iter().map(|(name, end)| format!("{name}{} ", ["+", "-", "~"][*end])).collect()
            };
            let change = roll(&words(&now)).change(&roll(&words(&before)), 0);
            let which = |told: &dyn Fn(Option<usize>, Option<usize>) -> bool| -> Vec<String> {
                let mut names: Vec<_> = before.keys().chain(now.keys()).collect();
                names.sort();
                names.dedup();
                let told = names.into_iter().filter(|n| told(before.get(*n).copied(), now.get(*n).copied()));
                told.cloned().collect()
            };
            prop_assert_eq!(change.newly_failing.names, which(&|was, is| is == Some(1) && was != Some(1)));
            prop_assert_eq!(change.still_failing.names, which(&|was, is| is == Some(1) && was == Some(1)));
            prop_assert_eq!(change.fixed.names, which(&|was, is| is == Some(0) && was == Some(1)));
            prop_assert_eq!(change.new.unwrap().names, which(&|was, is| was.is_none() && is.is_some()));
            prop_assert_eq!(change.gone.unwrap().names, which(&|was, is| was.is_some() && is.is_none()));
            let roll = roll(&words(&now));
            prop_assert_eq!(Roll::from_bytes(&roll.to_bytes()), Some(roll));
        }
    }
}
