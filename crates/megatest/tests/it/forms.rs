//! `#{…}`, `[system …]`, and what a shell would echo.

use crate::ground::{Memory, section, told};
use megatest::area::{self, Area};
use megatest::{Severity, Unset};

fn memory(text: &str) -> Memory {
    Memory::with(&[("megatest.config", &format!("[fields]\nOS TEXT\nREL TEXT\n{text}"))])
        .env("USER", "ann")
        .env("DEPS", "std")
        .env("EVIL", "#{shell rm -rf /}")
        .env("HOME", "/home/ann")
        .answer("list", 0, "a\nb\nc\n")
        .answer("fails", 3, "some")
}

fn read(outside: &Memory) -> Area {
    area::read(&outside.context().with_target("linux/9"))
}

fn x(text: &str) -> String {
    let area = read(&memory(&format!("[std]\ntest1 setup\n[a]\nx {text}")));
    area.settings.get("a", "x").map(|v| v.text.clone()).unwrap_or_default()
}

#[test]
fn forms_give_their_values() {
    let cases = [
        ("#{getenv USER}", "ann"),
        ("#{gv USER}/#{env USER}", "ann/ann"),
        ("#{get std test1}", "setup"),
        ("#{g std test1}", "setup"),
        ("#{get #{getenv DEPS} test1} y", "setup y"),
        ("#{getenv OS}-#{getenv REL}", "linux-9"),
        ("#{shell list}", "a b c"),
        ("#{sh list}!", "a b c!"),
        ("#{shell fails}", ""),
        ("#{system fails}", "3"),
        ("#{system list}", "0"),
        ("#{rp some/path}", "/real/some/path"),
        ("#{realpath p}", "/real/p"),
        ("#{mtrah lib}", "/area/lib"),
        ("#{mtrah}", "/area"),
        ("[system list]", "a b c"),
        ("[system fails]", "some"),
        ("[system #{getenv USER}]", "<ann>"),
        ("#{shell awk '{print $1}' f}", "<awk '{print $1}' f>"),
        ("#{ shell list}", "#{ shell list}"),
        ("#{frobnicate x}", "#{frobnicate x}"),
        ("#{}", "#{}"),
        ("#{shell list", "#{shell list"),
        ("a{b}c", "a{b}c"),
        ("[system]", "[system]"),
        ("pre [system list]", "pre [system list]"),
    ];
    for (text, wanted) in cases {
        assert_eq!(x(text), wanted, "{text}");
    }
}

#[test]
fn what_a_form_gives_is_text() {
    let outside = memory("[a]\nx #{getenv EVIL}\ny #{get a x}\nz [system echo #{getenv EVIL}]");
    let area = read(&outside);
    assert_eq!(section(&area.settings, "a")[..2], ["x=#{shell rm -rf /}", "y=#{shell rm -rf /}"]);
    assert_eq!(*outside.asked.borrow(), ["echo #{shell rm -rf /}"], "the shell sees a comment");
}

#[test]
fn a_commented_line_is_never_executed() {
    let outside =
        memory("[a]\n# #{shell touch X}\n#x #{shell touch X}\n  # #{sh touch X}\n#{ shell touch X}\n##{shell touch X}");
    assert!(read(&outside).settings.section("a").is_some_and(megatest::Section::is_empty));
    assert!(outside.asked.borrow().is_empty());
}

#[test]
fn a_whole_line_may_come_from_a_variable() {
    let outside = memory("[a]\n#{getenv LINE}\n#{getenv NONE}\n#{getenv KEY}_x 1\n#{getenv SECTION}\ny 2");
    let outside = outside.env("LINE", "waiton a b").env("KEY", "k").env("SECTION", "[b]");
    let area = read(&outside);
    assert_eq!(section(&area.settings, "a"), ["waiton=a b", "k_x=1"]);
    assert_eq!(section(&area.settings, "b"), ["y=2"]);
}

#[test]
fn what_is_unset_is_empty_and_told_or_refused() {
    let outside = memory("[a]\nx #{getenv NOT_THERE}\ny #{get a nothing}\nz a#{rget NO}b");
    let area = read(&outside);
    assert_eq!(section(&area.settings, "a"), ["x=", "y=", "z=ab"], "and never the two characters of old");
    insta::assert_snapshot!(told(&area.problems), @r#"
    warning: the variable NOT_THERE is not set; the value is empty
     --> megatest.config:5:3
      |
    5 | x #{getenv NOT_THERE}
      |   ^^^^^^^^^^^^^^^^^^^

    warning: [a] has no nothing at this point; the value is empty
     --> megatest.config:6:3
      |
    6 | y #{get a nothing}
      |   ^^^^^^^^^^^^^^^^

    warning: neither the target nor [default] has NO; the value is empty
     --> megatest.config:7:4
      |
    7 | z a#{rget NO}b
      |    ^^^^^^^^^^
    "#);
    let mut context = outside.context();
    context.unset = Unset::Refuse;
    let errors = area::read(&context).problems.into_iter().filter(|p| p.severity == Severity::Error);
    assert_eq!(errors.count(), 3);
}

#[test]
fn scheme_is_refused_with_what_there_is_instead() {
    let outside = memory("[a]\nx #{scheme (+ 5 6)}\ny one #{scm (args:get-arg \"-target\")} two\n# #{scheme (exit)}");
    let area = read(&outside);
    assert_eq!(section(&area.settings, "a"), ["x=", "y=one  two"]);
    insta::assert_snapshot!(told(&area.problems), @r#"
    error: #{scheme …} is not evaluated
     --> megatest.config:5:3
      |
    5 | x #{scheme (+ 5 6)}
      |   ^^^^^^^^^^^^^^^^^
    help: #{case SUBJECT a=x *=y} chooses, #{range 1 10} counts, #{filter PATTERN words…} selects, #{processors -2} asks the machine, #{shell …} runs a command, and [scriptinc SCRIPT] reads what a script writes

    error: #{scm …} is not evaluated
     --> megatest.config:6:7
      |
    6 | y one #{scm (args:get-arg "-target")} two
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: #{getenv MT_TARGET} is the target
    "#);
}

#[test]
fn there_are_forms_for_what_scheme_was_used_for() {
    let cases = [
        ("#{case #{getenv OS} linux=ld bsd=bd *=other}", "ld"),
        ("#{case hp linux=ld *=other}", "other"),
        ("#{case #{shell fails} linux=ld *=other}", "other"),
        ("#{case hp linux=ld}", ""),
        ("#{range 1 5}", "1 2 3 4 5"),
        ("#{range 10 0 -5}", "10 5 0"),
        ("#{range 2 1}", ""),
        ("#{range 1 9999999999}", ""),
        ("#{range a 3}", ""),
        ("#{range 1 3 0}", ""),
        ("#{filter te%,o* test1 Temp other}", "test1 other"),
        ("#{filter ~te% test1 temp other}", "other"),
        ("#{processors}", "8"),
        ("#{processors -2}", "6"),
        ("#{processors -20}", "1"),
    ];
    for (text, wanted) in cases {
        assert_eq!(x(text), wanted, "{text}");
    }
}

#[test]
fn what_goes_wrong_says_where() {
    let text =
        "[a]\nx is #{getnev USER}\ny #{shell fails} z\nw [system fails]\nv é #{rp gone}\nu one \\\n two #{range x}";
    insta::assert_snapshot!(told(&read(&memory(text)).problems), @r#"
    warning: #{getnev …} is no form; it stays as it is
     --> megatest.config:5:6
      |
    5 | x is #{getnev USER}
      |      ^^^^^^^^^^^^^^
    help: did you mean #{getenv …}?

    warning: the command ends with exit code 3; the value is empty
     --> megatest.config:6:3
      |
    6 | y #{shell fails} z
      |   ^^^^^^^^^^^^^^

    warning: the command ends with exit code 3; what it wrote is used
     --> megatest.config:7:3
      |
    7 | w [system fails]
      |   ^^^^^^^^^^^^^^

    warning: the path gone is not there
     --> megatest.config:8:5
      |
    8 | v é #{rp gone}
      |     ^^^^^^^^^^

    error: #{range FROM TO} takes two whole numbers, and a step other than 0
      --> megatest.config:10:6
       |
    10 |  two #{range x}
       |      ^^^^^^^^^^
    "#);
}

#[test]
fn forms_within_forms_have_an_end() {
    let deep = format!("{}USER{}", "#{getenv ".repeat(40), "}".repeat(40));
    let area = read(&memory(&format!("[a]\nx {deep}")));
    assert!(told(&area.problems).contains("more than 16 forms within forms"));
}

#[test]
fn variables_for_tests_are_as_a_shell_echoes_them() {
    let text = "[env-override]\nA $HOME/.rc\nB ${HOME}x \"$USER\" '$USER'\nC $(list) `list`\nD a; rm -rf x > y | z & *\nE ~/x\n\
                F \\$HOME $5 $ cost$\nG $A/more\nH [system echo $HOME]\nI $NOT_THERE.\nJ \"two  blanks\" it's\nK \"say \\\"x\\\" \\n\"";
    let outside = memory(text).answer("echo $HOME", 0, "/home/$USER\n");
    let area = read(&outside);
    let vars: Vec<String> = area.env.iter().map(|v| format!("{}={}", v.name, v.value)).collect();
    let wanted = [
        "A=/home/ann/.rc",
        "B=/home/annx ann $USER",
        "C=a b c a b c",
        "D=a; rm -rf x > y | z & *",
        "E=/home/ann/x",
        "F=$HOME $5 $ cost$",
        "G=/home/ann/.rc/more",
        "H=/home/$USER",
        "I=.",
        "J=two  blanks its",
        "K=say \"x\" \\n",
    ];
    assert_eq!(vars, wanted);
    assert_eq!(*outside.asked.borrow(), ["echo $HOME", "list", "list"], "nothing else runs");
}
