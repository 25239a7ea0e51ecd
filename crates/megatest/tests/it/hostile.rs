//! Whatever the bytes are: an outcome and no panic, within limits.

use crate::ground::Memory;
use megatest::load::{load, nouns};
use megatest::logpro::{Judge, Rules};
use megatest::{Limits, Spot, data, dump, shim, span};
use proptest::prelude::*;

/// Texts made of what the grammar knows, in any order.
fn soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "[",
        "]",
        "#{",
        "}",
        "\n",
        "\n",
        "\n",
        " ",
        "\\\n",
        "\\",
        "#",
        "a",
        "é",
        "b 1 2",
        "include ",
        "scriptinc ",
        "system ",
        "getenv ",
        "get a b",
        "[a]\n",
        "[items]\n",
        "[itemstable]\n",
        "[requirements]\n",
        "[ezsteps]\n",
        "[fields]\n",
        "[setup]\n",
        "[l/%]\n",
        "[/(/]\n",
        "waiton ",
        "mode ",
        "itemmap ",
        "(x) \\2",
        "x #{range 1 9}",
        "#{case a *=b}",
        "#{shell x}",
        "[system x]",
        "KEY ",
        "$HOME",
        "$(",
        "`",
        "'",
        "\"",
        "\t",
        "\r\n",
        "\0",
        "\u{85}",
        "%",
        "=",
        "/",
        "..",
        "[logpro]\n",
        "(expect:error in",
        "[env-override]\n",
        "[disks]\n",
    ]);
    prop::collection::vec(words, 0..60).prop_map(|words| words.concat())
}

fn forms() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "(",
        ")",
        "(",
        ")",
        "'",
        "\"",
        "#/",
        "/",
        "i ",
        " ",
        "\n",
        ";",
        "#;",
        "#|",
        "|#",
        "define ",
        "lambda ",
        "let ",
        "f ",
        "x ",
        "(x)",
        "1 ",
        "-2.5e3 ",
        "expect:error ",
        "expect:value ",
        "in ",
        "\"LogFileBody\" ",
        "= ",
        "0 ",
        "\"d\" ",
        "#/x/ ",
        "expires: ",
        "\"01/01/2020\" ",
        "apply ",
        "map ",
        "list ",
        "append ",
        "conc ",
        "trigger ",
        "section ",
        "[",
        "]",
        "#t ",
        "if ",
        "cond ",
        "else ",
        "\\",
        "é",
    ]);
    prop::collection::vec(words, 0..60).prop_map(|words| words.concat())
}

fn whole(files: &[(&str, &str)]) {
    let outside = Memory::with(files).env("HOME", "/h").answer("x", 1, "\n[a]\n#{shell x}\n[include a]\n");
    let mut context = outside.context().with_target("l/1");
    context.limits = Limits { commands: 50, files: 20, value_bytes: 10_000, ..Limits::default() };
    let loaded = load(&context);
    let nouns = nouns(&loaded, &context);
    let items = nouns.problems.iter().map(|(_, problem)| problem);
    let text: String = loaded.all_problems().chain(items).map(ToString::to_string).collect();
    assert!(!text.contains('\0'));
    let _ = (dump::text(&dump::effective(&loaded)), nouns);
}

proptest! {
    #[test]
    fn areas_of_soup(area in soup(), run in soup(), test in soup(), more in soup()) {
        whole(&[("megatest.config", &area), ("runconfigs.config", &run), ("tests/t/testconfig", &test), ("a", &more)]);
    }

    #[test]
    fn areas_of_anything(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut outside = Memory::with(&[]);
        for file in ["megatest.config", "runconfigs.config", "tests/t/testconfig"] {
            outside.files.insert(file.to_owned(), bytes.clone());
        }
        load(&outside.context().with_target("l"));
    }

    #[test]
    fn rules_of_soup(text in forms(), log in any::<Vec<u8>>()) {
        let (rules, problems) = Rules::parse(&text, &Spot::nowhere("x"));
        problems.iter().for_each(|p| drop(p.to_string()));
        let mut judge = Judge::new(&rules, None);
        judge.feed(&log);
        let judged = judge.finish();
        prop_assert!(!judged.summary(&rules).is_empty());
    }

    #[test]
    fn rows_calls_and_times(text in ".{0,200}", words in prop::collection::vec("(:|-)?[a-z-]{0,8}", 0..8)) {
        let _ = (data::read(&text), shim::read(&words), span::seconds(&text));
    }
}

#[test]
fn what_is_long_is_not_slow() {
    let deep = "#{".repeat(100_000);
    let open = format!("[a]\nx {deep}\n[{deep}\n{deep} y\n");
    let many = "[a]\n".to_owned() + &"x 1\n".repeat(200_000);
    let sections: String = (0..50_000).map(|n| format!("[s{n}]\n")).collect();
    let fields = "[fields]\n".to_owned() + &(0..50_000).map(|n| format!("f{n} TEXT\n")).collect::<String>();
    let patterns: String =
        (0..200).map(|n| format!("[s{n}]\n")).chain((0..200).map(|n| format!("[%{n}%]\nx{n} 1\n"))).collect();
    let begun = std::time::Instant::now();
    for text in [&open, &many, &sections, &fields, &patterns] {
        whole(&[("megatest.config", text), ("runconfigs.config", text), ("tests/t/testconfig", text)]);
    }
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
