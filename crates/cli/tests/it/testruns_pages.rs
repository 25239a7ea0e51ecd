//! The runs of an area in a browser: what a runner wrote down is what the pages show.

use crate::sealed::{Sealed, said};
use crate::testruns::Area;
use std::io::{BufRead as _, BufReader};

const AREA: &str = r#"
ITEMS = {"CC": ["gcc", "clang"]}
test("build", items = ITEMS, steps = [("make", "echo cc deflate.c; test $CC = gcc || { echo 'deflate.c:3:1: error: no water' >&2; exit 2; }")])
test("check", items = ITEMS, itemwait = ["build"], steps = [("run", ["true"])])
test("boot", items = {"BOARD": ["gcc-a", "gcc-b"]}, itemwait = ["check"], item_map = {"check": [("-.", "")]}, steps = [("run", ["true"])])
test("sum", toplevel = ["boot"], steps = [("run", ["true"])])
"#;

#[test]
fn the_runs_of_an_area_are_shown_in_a_browser() {
    let area = Area::native(AREA);
    area.run(&["pages"]).ends(2).says("nothing was run in").says("sluice tests run");
    area.run(&["run"]).ends(1);
    let mut pages = area.start(&["pages", "--listen", "127.0.0.1:0", "--json"]);
    let mut line = String::new();
    BufReader::new(pages.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = serde_json::from_str::<serde_json::Value>(&line).unwrap()["url"].as_str().unwrap().to_owned();
    let list = area.place.get(&url, "/tests");
    assert!(
        list.contains("<span class=\"name\"><bdi>area</bdi></span>"),
        "an area without fields is called by its name: {list}"
    );
    assert!(list.contains(">r1<") && !list.contains("href=\"/builders\""), "{list}");
    let run = area.place.get(&url, "/tests/1");
    assert!(run.contains("1</em> of 7 items failed") && run.contains(">PREQ_FAIL</a>"), "{run}");
    let item = area.place.get(&url, "/tests/1/item?test=build&path=clang");
    assert!(item.contains("deflate.c:3:1: error: no water") && item.contains("exit code 2"), "{item}");
    assert!(item.contains("./rerun.sh"), "{item}");
    assert!(item.contains("of <bdi>area</bdi>, started"), "{item}");
    // What an item waits for is the one that its map says.
    let boot = area.place.get(&url, "/tests/1/item?test=boot&path=gcc-b");
    assert!(boot.contains("href=\"/tests/1/item?test=check&amp;path=gcc\""), "{boot}");
    let sum = area.place.get(&url, "/tests/1/item?test=sum");
    assert!(sum.contains("Waits for</dt><dd><a href=\"/tests/history?"), "{sum}");
    // Another run of it, while the pages are shown.
    area.run(&["rerun", "failed", "-n", "r1"]).ends(1);
    area.run(&["run", "-n", "r2"]).ends(1);
    let diff = area.place.get(&url, "/tests/1/diff/2");
    assert!(diff.contains("2 bad in both, 5 as they were"), "{diff}");
    let again = area.place.get(&url, "/api/v2/testruns/1/items?test=build&path=clang");
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["items"][0]["attempts"].as_array().unwrap().len(), 2, "{again}");
    Sealed::signal(pages.id(), rustix::process::Signal::INT);
    said(pages.wait_with_output().unwrap()).passes();
}
