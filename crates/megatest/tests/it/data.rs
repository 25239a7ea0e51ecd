//! Measured data and its tolerances.

use megatest::data::read;
use testruns::data::{Judgement, judge, judge_row};

/// Whether a row passes; `None`: it is not judged.
fn verdict(text: &str) -> Option<bool> {
    let (rows, bad) = read(text);
    assert_eq!((rows.len(), bad), (1, Vec::new()));
    match judge_row(&rows[0]) {
        Judgement::Pass => Some(true),
        Judgement::Fail(_) => Some(false),
        Judgement::NotJudged => None,
    }
}

#[test]
fn rows_are_judged_by_their_tolerance() {
    let cases = [
        ("1.2, 1.9, >", Some(false)),
        ("1e9, 10e9, 1e9", Some(false)),
        ("1.2, 1.9, <", Some(true)),
        ("1.2, 1.2, <", Some(false)),
        ("1.2, 1.2, <=", Some(true)),
        ("1.2, 1.3, 0.1", Some(true)),
        ("1.2, pass, ", None),
        ("1.2, 8mA, 0.1", None),
        ("1.9, 1.8, >", Some(true)),
        ("1e9, 2e9, 1e9", Some(true)),
        ("-1.1, 0, <", Some(true)),
        ("3, 4, about", Some(false)),
        ("nan, 4, 1", None),
        ("3, 3, 0, V, \"a, b\", fail", Some(false)),
        ("3, 4, 0, V, , pass", Some(true)),
    ];
    for (cells, wanted) in cases {
        let cells = if cells.contains('V') { cells.to_owned() } else { format!("{cells}, V, words") };
        assert_eq!(verdict(&format!("cat, var, {cells}")), wanted, "{cells}");
    }
}

#[test]
fn rows_are_read() {
    let (rows, bad) = read("c , \"v, \"\"1\"\"\" ,1\n\n# no\nc,w,2,3,4,s,\"a b\",,x\nc,w,5\n");
    assert!(bad.is_empty());
    assert_eq!((rows[0].variable.as_str(), rows[0].value.as_str()), ("v, \"1\"", "1"));
    assert_eq!((rows.len(), rows[1].value.as_str(), rows[1].expected.as_str()), (2, "5", ""), "a later row replaces");
    let (rows, bad) = read("c,v\nc\n,\nc,v,\"x\nc,v,\"x\"y\n1,2,3,4,5,6,7,8,9,10\n");
    let lines: Vec<_> = bad.iter().map(|b| b.line).collect();
    assert_eq!((rows.len(), lines), (1, vec![2, 3, 4, 5, 6]));
}

#[test]
fn rows_make_a_status() {
    let of = |text: &str| judge(&read(text).0, &[]).status().map(|status| status.to_string());
    let (pass, fail, none) = ("c,a,1,1,0\n", "c,b,1,2,0\n", "c,d,1,x,0\n");
    assert_eq!(of(&(pass.to_owned() + fail)).as_deref(), Some("FAIL"));
    assert_eq!(of(&(pass.to_owned() + none)).as_deref(), Some("PASS"));
    assert_eq!(of(none), None);
}
