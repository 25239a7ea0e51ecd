//! Whole areas in the shapes that public ones have: which tests, items and prerequisites come out of the reading.

use crate::ground::{self, Disk, Memory, told};
use megatest::load::{Loaded, load, nouns, obstacles};
use megatest::logpro::{Judge, Rules};
use megatest::{Context, Outside, Spot, dump};
use model::area::{Area, MapRule, Need, RulesSource, Scope, Skip, TestSpec, Until};
use testruns::roster::{Roster, Selection};

/// Reads an area for a target. Nothing may be wrong with it.
fn read(name: &str, target: &str) -> (Loaded, Area) {
    let disk = Disk::area(name);
    let mut context = disk.context(target);
    context.vars.insert("MT_RUNNAME".to_owned(), "week1".to_owned());
    let loaded = load(&context);
    let nouns = nouns(&loaded, &context);
    let wrong: Vec<_> = obstacles(&loaded, &nouns, |_| true).into_iter().cloned().collect();
    assert_eq!(told(&wrong), "");
    (loaded, nouns.area)
}

fn test<'a>(area: &'a Area, name: &str) -> &'a TestSpec {
    area.test(name).unwrap_or_else(|| panic!("there is no {name}"))
}

/// `name <- needs [items]` of every test.
fn lines(area: &Area) -> Vec<String> {
    let line = |test: &TestSpec| {
        let needs: Vec<&str> = test.needs.iter().map(|n| n.test.as_str()).collect();
        let needs = if needs.is_empty() { String::new() } else { format!(" <- {}", needs.join(" ")) };
        let paths = ground::paths(&test.items);
        let items = if test.items.is_iterated() { format!(" [{}]", paths.join(" ")) } else { String::new() };
        format!("{}{needs}{items}", test.name)
    };
    area.tests.iter().map(line).collect()
}

#[test]
fn a_chain_of_tests() {
    let (loaded, area) = read("chain", "x");
    let wanted = [
        "a <- b",
        "a1 <- b1",
        "b <- c",
        "b1 <- c1",
        "c <- d",
        "c1 <- d1fail",
        "d <- e",
        "d1fail <- e1",
        "e",
        "e1",
        "f",
        "g <- b []",
        "h <- b",
        "i <- b",
        "j <- b",
        "k <- b",
        "l <- b",
    ];
    assert_eq!(lines(&area), wanted);
    assert_eq!(test(&area, "d1fail").steps.len(), 2);
    assert_eq!((area.limits.run, area.fields[0].name.as_str()), (Some(20), "BOARD"));
    assert!(loaded.area.link_tree.is_some_and(|l| l.ends_with("/chain/links")));
    assert!(area.tests.iter().flat_map(|t| &t.needs).all(|n| *n == Need::normal(n.test.clone())));
}

#[test]
fn a_simple_run() {
    let (_, area) = read("simple", "linux/2.0");
    assert_eq!(lines(&area), ["fence <- survey [meadow swamp desert tundra reef]", "survey"]);
    let (_, other) = read("simple", "bsd/1.0");
    assert_eq!(lines(&other)[0], "fence <- survey [meadow swamp]");
    let survey = test(&area, "survey");
    assert_eq!(survey.description.lines().count(), 4);
    assert_eq!((survey.tags.join(" "), survey.owner.as_str(), survey.steps.len()), ("first land".to_owned(), "ann", 2));
    let rules: Vec<_> = test(&area, "fence").steps.iter().map(|s| s.rules.clone().map(|r| r.source)).collect();
    assert_eq!(rules, [None, Some(RulesSource::File("wire.logpro".to_owned()))]);
}

#[test]
fn a_sample_of_the_grammar() {
    // The sample stands for an area of its own that includes the other one.
    let disk = Disk::area("simple");
    let mut outside = Memory::with(&[]);
    for (name, file) in [("megatest.config", "sample.config"), ("inner.config", "megatest.config")] {
        outside.files.insert(name.to_owned(), disk.read(file).unwrap().unwrap());
    }
    let text = String::from_utf8(outside.files["megatest.config"].clone()).unwrap();
    let text = text.replace("[include megatest.config]", "[include inner.config]");
    outside.files.insert("megatest.config".to_owned(), text.into_bytes());
    let area = megatest::area::read(&outside.context().with_target("a/b"));
    let get = |section: &str, key: &str| area.settings.get(section, key).map(|v| v.text.as_str());
    assert_eq!(get("words", "last"), Some("nothing"), "behind the include that is not there");
    assert_eq!(get("setup", "max_concurrent_jobs"), Some("3"), "out of the other file");
    let description = get("story", "description").unwrap();
    assert_eq!(description.lines().count(), 4);
    assert!(description.ends_with("\n   The fourth stands further in."));
    assert_eq!(get("story", "author"), Some("ann"));
    assert_eq!(area.fields.len(), 2);
}

#[test]
fn prerequisites_by_target() {
    let (_, area) = read("deps", "full/0");
    let six = "[layout/ntran layout/ptran layout/diode plan/ntran plan/ptran plan/diode]";
    let wanted = [
        format!("check <- collect {six}"),
        "collect <- draw".to_owned(),
        format!("draw <- library {six}"),
        "library <- setup [layout plan]".to_owned(),
        "report <- check".to_owned(),
        "setup".to_owned(),
    ];
    assert_eq!(lines(&area), wanted);
    // Each test has a record, and one for each item.
    let records: usize = area.tests.iter().map(|t| 1 + ground::paths(&t.items).len()).sum();
    assert_eq!(records, 20);
    let map = vec![MapRule::new("/.*", "")];
    assert_eq!(test(&area, "draw").needs, [Need::itemwait("library", map)]);
    assert_eq!(test(&area, "report").needs, [Need::normal("check")]);
    assert!(area.tests.iter().all(|t| t.steps.len() == 1 && t.steps[0].rules.is_some()));
    let (loaded, short) = read("deps", "short/0");
    let needs: Vec<String> = lines(&short).iter().map(|l| l.split(" [").next().unwrap().to_owned()).collect();
    assert_eq!(needs, ["check <- draw", "collect", "draw <- setup", "library", "report <- check", "setup"]);
    let warnings = told(&loaded.all_problems().cloned().collect::<Vec<_>>());
    assert!(warnings.contains("[short] has no library at this point"), "{warnings}");
}

#[test]
fn whole_lines_out_of_variables() {
    let (loaded, area) = read("lines", "full/0");
    let wanted = ["check <- collect", "collect <- draw", "draw <- library", "library <- setup", "report", "setup"];
    assert_eq!(lines(&area), wanted);
    let warnings = told(&loaded.all_problems().cloned().collect::<Vec<_>>());
    assert!(warnings.contains("the variable WAIT_report is not set"), "{warnings}");
}

#[test]
fn a_long_chain_item_by_item() {
    let (loaded, area) = read("long", "std/0");
    assert_eq!(area.tests.len(), 10);
    for (at, test) in area.tests.iter().enumerate() {
        let paths = ground::paths(&test.items);
        assert_eq!((paths.len(), paths[0].as_str(), paths[10].as_str()), (11, "part.1", "part.11"));
        let before: Vec<Need> =
            at.checked_sub(1).map(|n| Need::itemwait(format!("link{n}"), Vec::new())).into_iter().collect();
        assert_eq!(test.needs, before, "{}", test.name);
    }
    assert!(loaded.tests.iter().all(|t| t.items_are_late), "a command makes the list");
}

#[test]
fn item_maps() {
    let (_, area) = read("maps", "x");
    let map = |test: &str, need: usize| match &self::test(&area, test).needs[need].scope {
        Scope::Item { map } => map.iter().map(|r| (r.pattern.as_str(), r.replacement.as_str())).collect::<Vec<_>>(),
        Scope::Whole => Vec::new(),
    };
    assert_eq!(map("B", 0), [(r"(\d+)/bb", r"bb/\1")]);
    assert_eq!((map("C", 0), map("C", 1)), (vec![(r"(\d+)/aa", r"aa/\1")], vec![(r"(\d+)/bb", r"\1/bb")]));
    assert_eq!((map("D", 0), map("E", 0)), (vec![(r"(\d+)/res", r"\1/aa")], vec![(r"(\d+)/res", r"\1/bb")]));
    assert_eq!(map("several", 0), [(r"(a\d+)(b\d+)", r"\2foo\1"), ("b(.*)", r"\1p")]);
    let wanted = [
        "A [aa/1 aa/2 bb/1 bb/2]",
        "B <- A [1/bb 2/bb]",
        "C <- A B [1/aa 1/bb 2/aa 2/bb]",
        "D <- C [1/res 2/res]",
        "E <- C [1/res 2/res]",
        "several <- target [a123b321]",
        "target [321fooa123p other]",
    ];
    assert_eq!(lines(&area), wanted);
}

/// What the rules of a step make of a log.
fn verdict(area: &Area, name: &str, step: usize, log: &str) -> &'static str {
    let rules = test(area, name).steps[step].rules.clone().expect("rules");
    let text = match rules.source {
        RulesSource::Text(text) => text,
        RulesSource::File(file) => {
            let path = format!("{}/{file}", test(area, name).dir);
            let bytes = Disk::area(&area.name).read(&path).ok().flatten();
            String::from_utf8(bytes.expect("the file")).expect("a text")
        }
    };
    let (rules, problems) = Rules::parse(&text, &Spot::nowhere(&rules.name));
    assert_eq!(told(&problems), "");
    let mut judge = Judge::new(&rules, None);
    judge.feed(log.as_bytes());
    judge.finish().outcome.word()
}

#[test]
fn an_item_fails_by_its_log() {
    let (_, area) = read("itemwait", "x");
    assert_eq!(lines(&area), ["first [1 2 3]", "second <- first [1 2 3]"]);
    assert_eq!(test(&area, "second").needs, [Need::itemwait("first", Vec::new())]);
    assert_eq!(verdict(&area, "first", 0, "number 1 is weighed\n"), "PASS");
    assert_eq!(verdict(&area, "first", 0, "number 2 is weighed\nand it is too heavy\n"), "FAIL");
    assert_eq!(verdict(&area, "first", 0, ""), "FAIL", "what is required is missing");
}

#[test]
fn skip_rules() {
    let (loaded, area) = read("skip", "x");
    assert_eq!(lines(&area), ["closes", "enters <- closes"]);
    let links = loaded.area.link_tree.unwrap();
    let wanted = [Skip::FileExists(format!("{links}/closed.week1")), Skip::RanWithin(model::Span::seconds(605))];
    assert_eq!(test(&area, "enters").skip, wanted);
}

#[test]
fn run_again_and_clean() {
    let (loaded, area) = read("rerun", "x");
    let ten = "[1 2 3 4 5 6 7 8 9 10]";
    let wanted = [
        format!("behind <- items {ten}"),
        format!("items {ten}"),
        "top_all <- items behind".to_owned(),
        "top_some <- items behind".to_owned(),
    ];
    assert_eq!(lines(&area), wanted);
    assert!(test(&area, "top_all").needs.iter().all(|n| n.until == Until::Ended && n.scope == Scope::Whole));
    let resets: Vec<_> = loaded.area.resets.iter().map(|r| (r.state.as_deref(), r.status.as_deref())).collect();
    let wanted = [(None, Some("INCOMPLETE")), (None, Some("STUCK/DEAD")), (Some("NOT_STARTED"), Some("ZERO_ITEMS"))];
    assert_eq!(resets, wanted);
    assert_eq!(loaded.area.valid["cleanrerun-statuses"], ["FAIL", "ABORT", "n/a"]);
}

#[test]
fn every_word_of_a_log_rule() {
    let (_, area) = read("verdicts", "x");
    let example = test(&area, "example");
    let words = ground::paths(&example.items);
    assert_eq!(words.len(), 7);
    for word in &words {
        assert_eq!(verdict(&area, "example", 0, &format!("this one is a {word}\n")), word);
    }
}

#[test]
fn variables_of_a_target() {
    let (loaded, area) = read("variables", "north/big");
    let vars: Vec<String> = area.env.iter().map(|v| format!("{}={}", v.name, v.value)).collect();
    let wanted = ["SHADE=dark red", "SNOW=yes", "LATE=dark red and blue", "UNKNOWN=", "NAME=north-big", "COLOUR=blue"];
    assert_eq!(vars, wanted);
    let top = Disk::area("variables").top.display().to_string();
    let parent = Disk::area("").top.display().to_string();
    let overrides: Vec<String> = area.env_override.iter().map(|v| format!("{}={}", v.name, v.value)).collect();
    let wanted = [
        "GREETING=Hello, north and good day".to_owned(),
        format!("TOP={top}"),
        "LIST=x y z".to_owned(),
        "WHERE=north/big".to_owned(),
        "NOTHING=".to_owned(),
    ];
    assert_eq!(overrides, wanted);
    assert_eq!(loaded.area.settings.get("places", "parent").unwrap().text, parent.trim_end_matches('/'));
    assert_eq!(lines(&area), ["say [blue yes]"]);
    assert!(!Disk::area("variables").top.join("this-must-not-exist").exists());
    let all = dump::effective(&loaded);
    assert!(all.iter().all(|v| v.place.line > 0 && v.place.file.ends_with(".config") || v.of == "say"));
    let named = |key: &str| all.iter().find(|v| v.key == key).map(|v| (v.value.as_str(), v.place.to_string()));
    assert_eq!(named("COLOUR"), Some(("blue", "runconfigs.config:8:1".to_owned())));
    assert_eq!(named("SNOW"), Some(("yes", "north.config:1:1".to_owned())));
}

#[test]
fn every_area_can_be_dumped_and_read_again() {
    let (loaded, _) = read("simple", "linux/2.0");
    let outside = Disk::area("simple");
    let again = load(&Context { target: Some("linux/2.0".to_owned()), ..outside.context("linux/2.0") });
    let text = |loaded: &Loaded| dump::text(&dump::effective(loaded));
    assert_eq!(text(&loaded), text(&again));
    assert!(text(&loaded).contains("max_concurrent_jobs 3"));
}

/// What a selection makes of an area: `test(item)` of everything that would run.
fn selected(area: &Area, patterns: &str) -> Vec<String> {
    let roster = Roster::new(area, &Selection::of(patterns)).expect("a roster");
    (0..roster.nodes().len()).map(|node| roster.name(node)).collect()
}

#[test]
fn what_is_asked_for_brings_what_it_needs() {
    let (_, chain) = read("chain", "x");
    assert_eq!(selected(&chain, "e"), ["e"]);
    assert_eq!(selected(&chain, "d"), ["d", "e"]);
    assert_eq!(selected(&chain, "a"), ["a", "b", "c", "d", "e"]);
    assert_eq!(selected(&chain, "g"), ["b", "c", "d", "e", "g"]);
    assert_eq!(selected(&chain, "a1"), ["a1", "b1", "c1", "d1fail", "e1"]);
    assert_eq!(selected(&chain, "%").len(), 17);

    let (_, deps) = read("deps", "short/0");
    let wanted = ["check(layout/ptran)", "check(plan/ptran)", "draw(layout/ptran)", "draw(plan/ptran)", "setup"];
    assert_eq!(selected(&deps, "check/%/ptran"), wanted);
    let (_, deps) = read("deps", "full/0");
    assert_eq!(selected(&deps, "draw/layout/diode"), ["draw(layout/diode)", "library(layout)", "setup"]);

    let (_, long) = read("long", "std/0");
    assert_eq!(selected(&long, "link9").len(), 110);
    let one: Vec<String> = (0..10).map(|n| format!("link{n}(part.1)")).collect();
    assert_eq!(selected(&long, "link9/part.1"), one);
    let several = selected(&long, "link9/part.1,link5/part.1,link9/part.3,link9/part.7,link9/part.11");
    assert_eq!(several.len(), 40);

    let (_, maps) = read("maps", "x");
    assert_eq!(selected(&maps, "D/1/res"), ["A(aa/1)", "C(1/aa)", "D(1/res)"]);
    assert_eq!(selected(&maps, "several"), ["several(a123b321)", "target(321fooa123p)"]);
}
