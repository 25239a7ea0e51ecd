//! Rules and what they make of logs.

use crate::ground::told;
use megatest::Spot;
use megatest::logpro::{Date, Judge, Judgement, Outcome, Rules};

fn rules(text: &str) -> Rules {
    let (rules, problems) = Rules::parse(text, &Spot::nowhere("x.logpro"));
    assert_eq!(told(&problems), "");
    rules
}

fn wrong(text: &str) -> String {
    told(&Rules::parse(text, &Spot::nowhere("x.logpro")).1)
}

fn judge(rules: &Rules, log: &str) -> Judgement {
    let mut judge = Judge::new(rules, Some(Date { year: 2026, month: 6, day: 15 }));
    judge.feed(log.as_bytes());
    judge.finish()
}

fn outcome(text: &str, log: &str) -> Outcome {
    judge(&rules(text), log).outcome
}

/// A rule for the whole log.
fn rule(kind: &str, condition: &str, pattern: &str) -> String {
    format!("(expect:{kind} in \"LogFileBody\" {condition} \"{kind} rule\" {pattern})\n")
}

#[test]
fn each_kind_has_its_verdict() {
    let cases = [
        ("error", Outcome::Fail),
        ("warning", Outcome::Warn),
        ("warn", Outcome::Warn),
        ("required", Outcome::Fail),
        ("required-warn", Outcome::Warn),
        ("ignore", Outcome::Pass),
        ("note", Outcome::Pass),
        ("waive", Outcome::Waived),
        ("waived", Outcome::Waived),
        ("waiver", Outcome::Waived),
        ("check", Outcome::Check),
        ("abort", Outcome::Abort),
        ("skip", Outcome::Skip),
    ];
    for (kind, wanted) in cases {
        let text = rule(kind, "= 0", "#/BAD/");
        assert_eq!(outcome(&text, "fine\nBAD\n"), wanted, "{kind}");
        assert_eq!(outcome(&text, "fine\n"), Outcome::Pass, "{kind}");
    }
}

#[test]
fn of_several_verdicts_the_first_of_the_table_stands() {
    // SKIP, ABORT, CHECK, FAIL, WARN, WAIVED, PASS.
    let order = ["skip", "abort", "check", "error", "warning", "waive", "ignore"];
    for (at, kind) in order.iter().enumerate() {
        let text: String = order[at..].iter().rev().map(|k| rule(k, "= 0", &format!("#/{k} line/"))).collect();
        let log: String = order.iter().map(|k| format!("{k} line\n")).collect();
        assert_eq!(outcome(&text, &log), outcome(&rule(kind, "= 0", "#/x/"), "x"), "{kind}");
    }
    let codes =
        [Outcome::Pass, Outcome::Fail, Outcome::Warn, Outcome::Check, Outcome::Waived, Outcome::Abort, Outcome::Skip];
    assert_eq!(codes.map(Outcome::code), [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn counts_are_compared() {
    let log = "x\nx\nx\n";
    let cases =
        [("= 3", true), ("= 2", false), ("> 2", true), ("> 3", false), ("< 4", true), (">= 3", true), ("<= 2", false)];
    for (condition, holds) in cases {
        assert_eq!(outcome(&rule("required", condition, "#/x/"), log) == Outcome::Pass, holds, "{condition}");
    }
}

#[test]
fn a_line_belongs_to_the_first_rule_that_matches() {
    let text = rule("ignore", ">= 0", "#/strerror/") + &rule("error", "= 0", "(list #/ERROR/ #/error/)");
    let judged = judge(&rules(&text), "in strerror\nno\nan error\nERROR strerror\n");
    assert_eq!(judged.rules.iter().map(|r| r.count).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(
        (judged.outcome, judged.comment.as_str()),
        (Outcome::Fail, "error rule: 1 line, wanted = 0, first in line 3")
    );
    let other = rule("error", "= 0", "#/error/i") + &rule("ignore", ">= 0", "#/strerror/");
    assert_eq!(judge(&rules(&other), "in strerror\n").rules[0].count, 1);
}

#[test]
fn sections_are_between_their_triggers() {
    let text = "(trigger \"Begin\" #/^begin/) (trigger \"End\" #/^end/) (section \"Body\" \"Begin\" \"End\")\n\
                (expect:error in \"Body\" = 0 \"inside\" #/BAD/) (expect:warning not-in \"Body\" = 0 \"outside\" #/BAD/)\n\
                (expect:ignore in \"Body\" = 0 \"marks\" #/mark/)";
    let rules = rules(text);
    let counts = |log: &str| judge(&rules, log).rules.iter().map(|r| r.count).collect::<Vec<_>>();
    assert_eq!(counts("BAD\nbegin BAD\nBAD\nend BAD\nBAD\n"), [2, 3, 0], "the first line is in it, the last is not");
    assert_eq!(counts("begin\nend\nbegin\nmark\n"), [0, 0, 0], "a trigger fires once");
    assert_eq!(judge(&rules, "begin\n").outcome, Outcome::Fail, "a trigger that never fires");
    assert_eq!(judge(&rules, "begin\n").comment, "no line for the trigger End");
    let optional = "(trigger:non-required \"B\" #/b/) (trigger-with-limit \"C\" 2 #/c/) (section \"S\" \"C\" \"B\")\n\
                    (expect:error in '(\"S\" \"LogFileBody\") = 1 \"both\" #/x/)";
    let judged = judge(&self::rules(optional), "c\nx\nx\nc\n");
    assert_eq!(judged.triggers, [0, 2]);
    assert_eq!(judged.rules.iter().map(|r| r.count).collect::<Vec<_>>(), [2, 0], "a line is claimed once");
}

#[test]
fn values_have_a_tolerance() {
    let value = |condition: &str, log: &str| outcome(&rule("value", condition, "#/V=([\\d\\.e\\+-]+)/"), log);
    let cases = [
        ("1.9 0.1", "V=1.95", true),
        ("1.9 0.1", "V=2.5", false),
        ("110e9 2e9", "V=1.1e11", true),
        ("1.9 >", "V=2.0", true),
        ("1.9 >", "V=1.9", false),
        ("1.9 <=", "V=1.9", true),
        ("1 0", "V=1\nV=2", false),
        ("1 0", "nothing", false),
        ("1 0", "V=e", false),
    ];
    for (condition, log, holds) in cases {
        assert_eq!(value(condition, log) == Outcome::Pass, holds, "{condition} {log}");
    }
    let second = "(expect:value in logfile 5 0 \"second\" #/out: (\\d+) (\\d+)/ matchnum: 2)";
    let judged = judge(&rules(second), "out: 1 5\nout: 9 5\n");
    assert_eq!((judged.outcome, judged.rules[0].measured, judged.rules[0].values), (Outcome::Pass, Some(5.0), (2, 0)));
    let no_group = "(expect:value in logfile 5 0 \"no group\" #/out/)";
    assert_eq!(judge(&rules(no_group), "out 5\n").comment, "no group: no number, wanted 5 +/- 0, first in line 1");
}

#[test]
fn a_rule_may_end() {
    let expires = |date: &str| rule("ignore", ">= 0", &format!("#/old ERROR/ expires: \"{date}\""));
    let text = |date: &str| expires(date) + &rule("error", "= 0", "#/ERROR/");
    assert_eq!(outcome(&text("06/16/2026"), "old ERROR\n"), Outcome::Pass);
    assert_eq!(outcome(&text("06/15/2026"), "old ERROR\n"), Outcome::Fail, "from that day on");
    assert_eq!(outcome(&text("12/31/2025"), "old ERROR\n"), Outcome::Fail);
    assert!(wrong(&expires("31/12/2025")).contains("31/12/2025 is no date"));
    let gone = rule("required", "> 0", "#/x/ expires: \"01/01/2020\"");
    assert_eq!(outcome(&gone, ""), Outcome::Pass, "a rule that ended asks for nothing");
}

#[test]
fn rules_may_be_a_little_program() {
    let text = r##"
(use regex) ; nothing to load
(define body "LogFileBody")
(define passed '(("one" 1) ("two" 2) ;; ("three" 3)
                 ))
(define (wanted status name count)
  (let* ((rx (regexp (conc "^Test: " name "\\s+Status: " status)))
         (text (conc name ": " count)))
    (expect:required in body = count text rx)))
(for-each (lambda (row) (apply wanted "PASS" row)) passed)
(map (lambda (n) (if (> n 1) (expect:warning in body = 0 (conc "n" n) #/never/))) (list 1 2))
(cond ((null? passed) (print "none")) (else (expect:error in body = 0 "the rest" #/Test: /)))
(hook:add "error" "echo #{msg}")
"##;
    let (all, problems) = Rules::parse(text, &Spot::nowhere("x.logpro"));
    assert_eq!(told(&problems), "");
    assert_eq!(problems.len(), 1, "hooks are noted");
    let names: Vec<_> = all.rules.iter().map(|r| r.description.as_str()).collect();
    assert_eq!(names, ["one: 1", "two: 2", "n2", "the rest"]);
    let log = "Test: one  Status: PASS\nTest: two Status: PASS\nTest: two Status: PASS\n";
    assert_eq!(judge(&all, log).outcome, Outcome::Pass);
    assert_eq!(judge(&all, &(log.to_owned() + "Test: one Status: FAIL\n")).outcome, Outcome::Fail);
}

#[test]
fn what_is_wrong_says_where() {
    insta::assert_snapshot!(wrong("; first\n(expect:eror in \"LogFileBody\" = 0 \"x\" #/x/)"), @r#"
    error: expect:eror is not known here
     --> x.logpro:2:2
      |
    2 | (expect:eror in "LogFileBody" = 0 "x" #/x/)
      |  ^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(wrong("(expect:error in \"LogFileBody\" 0 = \"x\" #/x/)"), @r#"
    error: one of = > < >= <= and a number are wanted behind the section
     --> x.logpro:1:1
      |
    1 | (expect:error in "LogFileBody" 0 = "x" #/x/)
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(wrong("(expect:error in \"Nowhere\" = 0 \"x\" #/(/)"), @r#"
    error: the regular expression is none: unclosed group
     --> x.logpro:1:36
      |
    1 | (expect:error in "Nowhere" = 0 "x" #/(/)
      |                                    ^^^^
    "#);
    insta::assert_snapshot!(wrong("(expect:error in \"Nowhere\" = 0 \"x\" #/x/)"), @r#"
    warning: there is no section Nowhere; the rule never sees a line
     --> x.logpro:1:1
      |
    1 | (expect:error in "Nowhere" = 0 "x" #/x/)
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(wrong("(system \"rm -rf /\")"), @r#"
    error: system is not evaluated: rules have no files, commands and clock
     --> x.logpro:1:2
      |
    1 | (system "rm -rf /")
      |  ^^^^^^
    "#);
    for text in [
        "(",
        ")",
        "(expect:error)",
        "(expect:error before \"x\" = 0 \"x\" #/x/)",
        "(expect:error in \"x\" = 0 \"x\")",
        "(expect:error in \"x\" = 0 \"x\" \"x\")",
        "(expect:error in \"x\" = 0 \"x\" #/x/ frob: 1)",
        "(expect:value in \"x\" 1 \"x\" \"x\" #/x/)",
        "(trigger \"x\")",
        "(section \"x\" \"y\")",
        "(define)",
        "(undefined-thing)",
        "(\"text\")",
        "(lambda)",
        "(let loop ((a 1)) (loop 2))",
        "(car '())",
        "(+ \"a\" 1)",
        "(regexp \"(\")",
        "#/x/q",
    ] {
        let (rules, problems) = Rules::parse(text, &Spot::nowhere("x.logpro"));
        assert!(rules.broken && !problems.is_empty(), "{text}");
        assert_eq!(judge(&rules, "anything\n").outcome, Outcome::Fail, "what is broken never passes");
    }
}

#[test]
fn rules_that_never_end_are_stopped() {
    let forever = "(define (f x) (f x)) (f 1)";
    assert!(wrong(forever).contains("calls within calls"), "{}", wrong(forever));
    let grows =
        "(define (twice l) (append l l)) (define l (list 1 2 3 4))".to_owned() + &"(define l (twice l))".repeat(60);
    assert!(wrong(&grows).contains("too many steps"));
    let text = "(define t \"abcdefgh\")".to_owned() + &"(define t (conc t t))".repeat(60);
    assert!(wrong(&text).contains("more than 65536 bytes"));
    let many = "(define (r n) (expect:error in logfile = 0 \"x\" #/x/)) (define l '(1 2 3 4 5 6 7 8 9 10))\
                (for-each (lambda (a) (for-each (lambda (b) (for-each (lambda (c) (for-each r l)) l)) l)) l)";
    assert!(wrong(many).contains("more than 5000 rules"));
}

#[test]
fn a_log_may_come_in_any_pieces() {
    let all = rules(&(rule("error", "= 2", "#/^ERROR$/") + &rule("note", "> 0", "#/\\xff/")));
    let log = b"ERROR\r\nerror\nxERROR\n\nERROR";
    for size in 1..log.len() {
        let mut judge = Judge::new(&all, None);
        log.chunks(size).for_each(|piece| judge.feed(piece));
        let judged = judge.finish();
        assert_eq!((judged.rules[0].count, judged.lines, judged.outcome), (2, 5, Outcome::Pass), "{size}");
    }
}

#[test]
fn a_rule_that_matches_every_line_of_a_large_log_keeps_little() {
    let all = rules(&rule("error", "= 0", "#/.*/"));
    let mut judge = Judge::new(&all, None);
    let block = "a line of some length that every log has so many of\n".repeat(20_000);
    for _ in 0..20 {
        judge.feed(block.as_bytes());
    }
    judge.feed(&vec![b'x'; 3 << 20]);
    judge.feed(&vec![b'y'; 3 << 20]);
    let judged = judge.finish();
    assert_eq!((judged.rules[0].count, judged.lines, judged.cut), (400_001, 400_001, 1));
    assert_eq!(judged.rules[0].samples.len(), 10);
    assert_eq!(judged.comment, "error rule: 400001 lines, wanted = 0, first in line 1");
}

#[test]
fn the_summary_has_a_section_for_each_rule() {
    let all = rules(&(rule("error", "= 0", "#/E/") + &rule("value", "2 0.5", "#/V=(\\d+)/")));
    let judged = judge(&all, "E\nV=2\n");
    insta::assert_snapshot!(judged.summary(&all), @r#"
    [rule-0]
    operator in
    section LogFileBody
    desc error rule
    status FAIL
    expected 0
    measured 1
    type =

    [rule-1]
    operator in
    section LogFileBody
    desc value rule
    status OK
    expected 2
    measured 2
    type +/-
    tolerance 0.5
    pass 1
    fail 0

    [final]
    exit-code 1
    exit-status FAIL
    message error rule: 1 line, wanted = 0, first in line 1
    "#);
}
