//! What old scripts say.

use megatest::shim::{Call, read};
use model::testrun::Measurement;

fn calls(line: &[&str]) -> Result<Vec<Call>, String> {
    let words: Vec<String> = line.iter().map(|w| (*w).to_owned()).collect();
    read(&words).map_err(|bad| format!("{}: {bad}", bad.code))
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn each_call_is_read() {
    let step = |state: &str, status: &str| Call::Step {
        name: text("s"),
        state: text(state),
        status: text(status),
        comment: None,
        log: None,
    };
    assert_eq!(calls(&["-step", "s", ":state", "start", ":status", "n/a"]), Ok(vec![step("start", "n/a")]));
    assert_eq!(calls(&["-step", "s", "-state", "end", "-status", "0"]), Ok(vec![step("end", "0")]));
    let with = Call::Step {
        name: text("s"),
        state: text("end"),
        status: text("1"),
        comment: Some(text("a b")),
        log: Some(text("s.log")),
    };
    assert_eq!(
        calls(&["-step", "s", ":state", "end", ":status", "1", "-m", "a b", "-setlog", "s.log"]),
        Ok(vec![with])
    );
    for (word, status) in [("PASS", "PASS"), ("0", "PASS"), ("3", "FAIL"), ("AUTO", "AUTO"), ("-1", "FAIL")] {
        let wanted = Call::TestStatus { state: text("COMPLETED"), status: text(status), comment: None };
        assert_eq!(calls(&["-test-status", ":state", "COMPLETED", ":status", word]), Ok(vec![wanted]), "{word}");
    }
    assert_eq!(calls(&["-load-test-data"]), Ok(vec![Call::LoadData]));
    assert_eq!(calls(&["-summarize-items"]), Ok(vec![Call::SummarizeItems]));
    assert_eq!(calls(&["-setlog", "a.log"]), Ok(vec![Call::SetLog(text("a.log"))]));
    assert_eq!(calls(&["-set-toplog", "t.html"]), Ok(vec![Call::SetTopLog(text("t.html"))]));
    let run = |rules: Option<&str>, command: &str| Call::RunStep {
        name: text("s"),
        rules: rules.map(text),
        command: text(command),
    };
    assert_eq!(
        calls(&["-runstep", "s", "-logpro", "s.logpro", "make -j2 x"]),
        Ok(vec![run(Some("s.logpro"), "make -j2 x")])
    );
    assert_eq!(calls(&["-runstep", "s", "make", "-j2", ":x"]), Ok(vec![run(None, "make -j2 :x")]));
    let row = Measurement {
        category: text("c"),
        variable: text("v"),
        value: text("-1"),
        comment: text("m"),
        ..Measurement::default()
    };
    let words = ["-set-values", ":category", "c", ":variable", "v", ":value", "-1", "-m", "m"];
    assert_eq!(calls(&words), Ok(vec![Call::SetValues(row)]));
}

#[test]
fn several_things_may_be_said_at_once() {
    let words = [
        "-test-status",
        ":state",
        "COMPLETED",
        ":status",
        "AUTO",
        "-setlog",
        "x.html",
        ":category",
        "c",
        ":variable",
        "v",
        ":value",
        "1",
    ];
    let all = calls(&words).unwrap();
    assert!(matches!(&all[..], [Call::SetValues(_), Call::SetLog(_), Call::TestStatus { .. }]), "{all:?}");
}

#[test]
fn what_is_wrong_is_said() {
    let cases: [(&[&str], &str); 9] = [
        (&["-step", "s"], "6: -step takes :state and :status"),
        (&["-test-status", ":state", "COMPLETED"], "6: -test-status takes :state and :status"),
        (&["-step"], "1: -step takes a value"),
        (&["-runstep", "s"], "1: -runstep s has no command"),
        (&["-set-values"], "1: -set-values takes :variable and :value"),
        (&[], "1: nothing is asked for"),
        (&["-m", "x"], "1: nothing is asked for"),
        (&["-load-test-data", "x"], "1: x belongs to nothing"),
        (
            &["-runwait"],
            "1: -runwait is not known inside of a test; a test may use -step, -test-status, -runstep, -load-test-data, \
                         -set-values, -setlog, -set-toplog and -summarize-items",
        ),
    ];
    for (words, wanted) in cases {
        assert_eq!(calls(words), Err(text(wanted)), "{words:?}");
    }
}
