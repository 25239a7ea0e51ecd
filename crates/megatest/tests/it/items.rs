//! Items as they are expanded.

use crate::ground::{self, Memory, told};
use megatest::area::Area;
use megatest::load::{Loaded, load, nouns};
use megatest::{items, test_config};

/// The paths of the items of a test, or what is wrong with them.
fn paths(text: &str) -> Result<Vec<String>, String> {
    let outside = memory(text);
    let mut context = outside.context();
    context.vars.insert("MT_TEST_NAME".to_owned(), "t".to_owned());
    let test = test_config::read(&context, "t", "tests/t");
    let (items, problems) = items::read(&test.settings, &context);
    match told(&problems) {
        told if told.is_empty() => Ok(ground::paths(&items)),
        told => Err(told),
    }
}

fn memory(text: &str) -> Memory {
    Memory::with(&[("tests/t/testconfig", &format!("[ezsteps]\na true\n{text}"))])
        .env("LIST", "x y")
        .answer("list", 0, "one\ntwo\n")
        .answer("fails", 1, "one\n")
}

fn all(paths: &[&str]) -> Result<Vec<String>, String> {
    Ok(paths.iter().map(|p| (*p).to_owned()).collect())
}

#[test]
fn a_cross_product_comes_before_a_table() {
    let text = "[itemstable]\nP p q r\nQ s t\n[items]\nA 1 2\nB x y";
    assert_eq!(paths(text), all(&["1/x", "1/y", "2/x", "2/y", "p/s", "q/t", "r/-"]));
    assert_eq!(paths("[items]\nS summer winter\n[itemstable]\nB a b\nT 1 2"), all(&["summer", "winter", "a/1", "b/2"]));
}

#[test]
fn no_key_is_no_iteration_and_no_value_is_no_item() {
    let is_iterated = |text: &str| {
        let outside = memory(text);
        let test = test_config::read(&outside.context(), "t", "tests/t");
        let (items, _) = items::read(&test.settings, &outside.context());
        (items.is_iterated(), ground::paths(&items).len())
    };
    assert_eq!(is_iterated(""), (false, 0));
    assert_eq!(is_iterated("[items]\n# NADA\n"), (false, 0));
    assert_eq!(is_iterated("[items]\nNADA"), (true, 0));
    assert_eq!(is_iterated("[items]\nA 1 2\nNADA"), (true, 0));
    assert_eq!(is_iterated("[itemstable]\nNADA"), (true, 0));
    assert_eq!(is_iterated("[items]\nA 1"), (true, 1));
}

#[test]
fn values_of_items_wait_until_they_are_needed() {
    let text = "[items]\nA [system list]\nB #{getenv LIST}\n  z\n[other]\nC [system once]";
    let outside = memory(text);
    let test = test_config::read(&outside.context(), "t", "tests/t");
    assert!(test.items_are_late);
    assert_eq!(*outside.asked.borrow(), ["once"], "only what does not wait");
    assert_eq!(test.settings.get("items", "A").unwrap().text, "[system list]");
    let (items, _) = items::read(&test.settings, &outside.context());
    assert_eq!(ground::paths(&items), ["one/x", "one/y", "one/z", "two/x", "two/y", "two/z"]);
    assert_eq!(*outside.asked.borrow(), ["once", "list"]);
}

#[test]
fn what_cannot_be_an_item_says_so() {
    insta::assert_snapshot!(paths("[items]\nA a/../b .. x").unwrap_err(), @r#"
    error: 'a/../b', a value of 'A' in 't', cannot be a part of a path: it is another directory
     --> tests/t/testconfig:4:3
      |
    4 | A a/../b .. x
      |   ^^^^^^^^^^^
    "#);
    assert_eq!(paths("[items]\nA 1 1"), all(&["1"]), "the same item twice is one");
    insta::assert_snapshot!(paths("[items]\nA a/b a\nB c b/c").unwrap_err(), @r#"
    error: two items of 't' are both called 'a/b/c': A=a/b B=c and A=a B=b/c
     --> tests/t/testconfig:4:3
      |
    4 | A a/b a
      |   ^^^^^
    "#);
    insta::assert_snapshot!(paths("[items]\nA [system fails]").unwrap_err(), @r#"
    error: the command ends with exit code 1
     --> tests/t/testconfig:4:3
      |
    4 | A [system fails]
      |   ^^^^^^^^^^^^^^
    "#);
    let many: String = "ABCDEF".chars().map(|c| format!("{c} #{{range 1 10}}\n")).collect();
    insta::assert_snapshot!(paths(&format!("[items]\n{many}")).unwrap_err(), @r#"
    error: 't' has more than 100000 items
     --> tests/t/testconfig:4:3
      |
    4 | A #{range 1 10}
      |   ^^^^^^^^^^^^^
    "#);
    assert_eq!(paths("[items]\nA a/b c"), all(&["a/b", "c"]), "a stroke within a value stays");
}

#[test]
fn an_area_looks_at_its_items_when_it_becomes_nouns() {
    let outside = Memory::with(&[
        ("megatest.config", "[fields]\nOS TEXT"),
        ("tests/t/testconfig", "[ezsteps]\na true\n[items]\nA #{getenv OS} #{rget MORE} #{getenv MT_TEST_NAME}"),
        ("runconfigs.config", "[default]\nMORE m"),
    ]);
    let context = outside.context().with_target("linux");
    let loaded: Loaded = load(&context);
    let nouns = nouns(&loaded, &context);
    assert_eq!(nouns.problems, []);
    assert_eq!(ground::paths(&nouns.area.test("t").unwrap().items), ["linux", "m", "t"]);
    let Area { fields, .. } = loaded.area;
    assert_eq!(fields.len(), 1);
}
