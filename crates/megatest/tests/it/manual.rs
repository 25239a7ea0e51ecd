//! The chapter of the manual held against the code.

use crate::ground::{self, Memory, told};
use megatest::dump;
use megatest::known::{AREA, Known, TEST, Use};
use megatest::load::{load, nouns};

const PAGE: &str = include_str!("../../../../docs/src/megatest.md");

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let mut parts = PAGE.split("\n```");
    parts.next();
    // Every second part is inside.
    let inside = parts.step_by(2).filter_map(|part| part.split_once('\n'));
    inside.filter(|(word, _)| *word == language).map(|(_, text)| format!("{text}\n")).collect()
}

#[test]
fn the_example_is_what_it_says() {
    let files = blocks("ini");
    let named = |text: &String| text.lines().next().and_then(|l| l.strip_prefix("# ")).map(str::to_owned);
    let files: Vec<(String, &str)> = files.iter().map(|text| (named(text).expect("a name"), text.as_str())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    assert_eq!(files.len(), 3);
    let outside = Memory::with(&files);
    let context = outside.context().with_target("linux/9");
    let loaded = load(&context);
    assert_eq!(told(&loaded.all_problems().cloned().collect::<Vec<_>>()), "");
    assert_eq!(dump::text(&dump::effective(&loaded)), blocks("text")[0]);
    let nouns = nouns(&loaded, &context);
    assert_eq!(ground::paths(&nouns.area.tests[0].items), ["-O0", "-O2", "-O3"]);
}

#[test]
fn every_key_stands_in_it() {
    let mut missing = Vec::new();
    let all: Vec<&Known> = AREA.iter().chain(TEST).collect();
    for (section, key, _) in &all {
        let word = if *key == "*" { format!("`[{section}]`") } else { format!("`{key}`") };
        if !PAGE.contains(&word) {
            missing.push(word);
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    // What is not done is called so.
    for (section, key, what) in all {
        let word = if *key == "*" { format!("`[{section}]`") } else { format!("`{key}`") };
        if matches!(what, Use::NotDone(_)) {
            assert!(PAGE.lines().any(|l| l.starts_with("| not done:") && l.contains(&word)), "{word}");
        }
    }
}
