//! Measured data and its tolerances.

use megatest::data::{Row, Verdict, read, roll_up};

fn verdicts(text: &str) -> Vec<Verdict> {
    let (rows, bad) = read(text);
    assert_eq!(bad, []);
    rows.iter().map(Row::verdict).collect()
}

#[test]
fn rows_are_judged_by_their_tolerance() {
    use Verdict::{BadTolerance, Fail, NotJudged, Pass};
    let cases = [
        ("1.2, 1.9, >", Fail),
        ("1e9, 10e9, 1e9", Fail),
        ("1.2, 1.9, <", Pass),
        ("1.2, 1.2, <", Fail),
        ("1.2, 1.2, <=", Pass),
        ("1.2, 1.3, 0.1", Pass),
        ("1.2, pass, ", NotJudged),
        ("1.2, 8mA, 0.1", NotJudged),
        ("1.9, 1.8, >", Pass),
        ("1e9, 2e9, 1e9", Pass),
        ("-1.1, 0, <", Pass),
        ("1.4000001, 1.3, 0.1", Fail),
        ("3, 3, =", Pass),
        ("3, 3, >=", Pass),
        ("3, 3, ", Pass),
        ("3, 4, ", Fail),
        ("3, 4, about", BadTolerance),
        ("nan, 4, 1", NotJudged),
        ("3, 4, nan", BadTolerance),
    ];
    for (cells, wanted) in cases {
        assert_eq!(verdicts(&format!("cat, var, {cells}, V, words")), [wanted], "{cells}");
    }
    assert_eq!(verdicts("c,v,3,4,0,V,,pass"), [Pass], "its own word comes first");
    assert_eq!(verdicts("c,v,3,3,0,V,,fail"), [Fail]);
    assert_eq!(verdicts("c,v,3,3,0,V,,odd"), [NotJudged]);
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
    let of = |text: &str, status: &str| roll_up(&read(text).0, status);
    let (pass, fail, none) = ("c,a,1,1,0\n", "c,b,1,2,0\n", "c,d,1,x,0\n");
    assert_eq!(of(&(pass.to_owned() + fail), "AUTO"), "FAIL");
    assert_eq!(of(pass, "AUTO"), "PASS");
    assert_eq!(of(pass, "WARN"), "WARN");
    assert_eq!(of(pass, "FAIL"), "FAIL");
    assert_eq!(of(none, "AUTO"), "AUTO");
    assert_eq!(of("c,a,1,1,huh\n", "AUTO"), "FAIL");
    assert_eq!(of("", "n/a"), "n/a");
}
