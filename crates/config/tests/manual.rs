//! The manual held against the code: the page of all functions is what the code says, every example in Starlark loads,
//! and every link leads somewhere.
//!
//! What stands behind the language of a fenced block says how it is read:
//!
//! | block | is |
//! |---|---|
//! | `python` | a whole `master.star` |
//! | `python,fragment` | a part of one: [`PRELUDE`] stands before it |
//! | `python,pipeline` | a whole `sluice.star` |
//! | `python,tests` | a whole `tests.star` |
//! | `python,foreign` | no Starlark, as a `master.cfg` of Buildbot: only counted |

use config::{Limits, Loaded, Loader};
use model::render::{self, Sight};
use model::{Condition, FunctionRef, Properties, PropertyReading, StepAction, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What fragments may name: a worker, a builder, a triggerable scheduler, and a repository.
const PRELUDE: &str = r#"
local_worker("here")
builder("linux", workers = ["here"], steps = [steps.shell("make")])
schedulers.triggerable("packages", builders = ["linux"])
zlib = "https://github.com/madler/zlib"
"#;

/// What the generated page begins with, after what is written by hand.
const MARK: &str = "<!-- From here on the page is written by `cargo run -p config --example reference`. -->\n";

/// One file; every secret there may be.
struct Page(String);

impl Loader for Page {
    fn read(&self, name: &str) -> Result<String, String> {
        match name {
            "master.star" | "sluice.star" | "tests.star" => Ok(self.0.clone()),
            _ => Err("there is no such file".to_owned()),
        }
    }
    fn secret_file(&self, name: &str) -> Result<Option<String>, String> {
        let url = name == "database-url";
        Ok(Some(if url { "postgres://ci@localhost/ci" } else { "a secret of the manual" }.to_owned()))
    }
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn asked(&self) -> config::Asked {
        // The target of the chapter on areas of Megatest.
        config::Asked { target: "linux/2.0".to_owned(), ..config::Asked::default() }
    }
}

/// A fenced block: where it begins, what stands behind the fence, and what is in it.
struct Block {
    place: String,
    info: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every page of the manual, the README and the map of the code, by path from the root.
fn pages() -> BTreeMap<String, String> {
    let read = |name: String| {
        let text = fs::read_to_string(root().join(&name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name, text)
    };
    let book = fs::read_dir(root().join("docs/src")).expect("the manual");
    let names = book.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let pages = names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/src/{name}"));
    pages.chain(["README.md".to_owned(), "ARCHITECTURE.md".to_owned()]).map(read).collect()
}

fn blocks() -> Vec<Block> {
    let mut all = Vec::new();
    for (name, text) in pages() {
        let mut open: Option<Block> = None;
        for (number, line) in text.lines().enumerate() {
            let fence = line.trim_start().strip_prefix("```");
            open = match (open.take(), fence) {
                (None, Some(info)) => {
                    let place = format!("{name}:{}", number + 1);
                    Some(Block { place, info: info.to_owned(), text: String::new() })
                }
                (Some(block), Some("")) => {
                    all.push(block);
                    None
                }
                (Some(mut block), _) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                    Some(block)
                }
                (None, None) => None,
            };
        }
        assert!(open.is_none(), "{name} ends within a block");
    }
    all
}

#[test]
fn the_reference_is_what_the_code_says() {
    let page = fs::read_to_string(root().join("docs/src/reference.md")).unwrap();
    let (_, rest) = page.split_once(MARK).expect("the page has lost its mark");
    let wanted = config::reference();
    let differs = rest.trim_start().lines().zip(wanted.lines()).find(|(is, wanted)| is != wanted);
    assert!(
        rest.trim_start() == wanted,
        "docs/src/reference.md is not what the code says; write it anew with: cargo run -p config --example reference\n{differs:?}"
    );
}

#[test]
fn every_example_loads() {
    let limits = Limits::default();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut called = 0;
    for block in blocks().iter().filter(|b| b.info.starts_with("python")) {
        let of_reference = block.place.starts_with("docs/src/reference.md");
        let kind = match block.info.as_str() {
            "python" if of_reference => "python,fragment",
            info => info,
        };
        let load = |text: String| config::load_all("master.star", &Page(text), &limits);
        let outcome = match kind {
            "python" => load(block.text.clone()).map(|loaded| called += call_all(&loaded, &block.place)),
            "python,fragment" => {
                let loaded = load(format!("{PRELUDE}{}", block.text));
                loaded.map(|loaded| called += call_all(&loaded, &block.place))
            }
            "python,pipeline" => config::load_pipeline("sluice.star", &Page(block.text.clone()), &limits).map(drop),
            "python,tests" => config::load_tests("tests.star", &Page(block.text.clone()), &limits).map(drop),
            "python,foreign" => Ok(()),
            other => panic!("{}: nobody knows how to read a block of {other}", block.place),
        };
        let kinds = ["python", "python,fragment", "python,pipeline", "python,tests", "python,foreign"];
        let kind = kinds.into_iter().find(|k| *k == kind);
        *counts.entry(kind.unwrap_or_default()).or_default() += 1;
        wrong.extend(outcome.err().map(|error| format!("{}:\n{error}", block.place)));
    }
    println!("{counts:?}, {called} calls of functions");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(called > 8, "{called}");
    // Nobody makes an example pass by hiding it.
    assert!(counts.get("python,foreign").copied().unwrap_or(0) <= 5, "{counts:?}");
    assert!(counts["python,fragment"] > 60 && counts["python"] >= 3, "{counts:?}");
}

/// Calls every function that a configuration registered, with values such as the engine gives; how many there were.
fn call_all(loaded: &Loaded, place: &str) -> usize {
    let mut calls: Vec<(&FunctionRef, Vec<Value>)> = Vec::new();
    for scheduler in &loaded.config.schedulers {
        let follow = scheduler.kind.follows();
        let functions = follow.into_iter().flat_map(|f| f.filter.function.iter().chain(&f.is_important));
        calls.extend(functions.map(|f| (f, vec![change()])));
    }
    for builder in &loaded.config.builders {
        let here = || Value::from("here");
        calls.extend(builder.next_request.iter().map(|f| (f, vec![Value::List(vec![request()])])));
        calls.extend(builder.next_worker.iter().map(|f| (f, vec![request(), Value::List(vec![here()])])));
        calls.extend(builder.can_start.iter().map(|f| (f, vec![request(), here()])));
        if let model::Collapse::Function(f) = &builder.collapse {
            calls.push((f, vec![request(), request()]));
        }
        calls.extend(asked(&builder.do_build_if).map(|f| (f, vec![build()])));
        for step in &builder.steps {
            calls.extend(asked(&step.do_if).map(|f| (f, vec![build()])));
            calls.extend(asked(&step.hide_if).map(|f| (f, vec![build(), Value::Int(0)])));
            if let StepAction::Shell(shell) = &step.action {
                let output = || Value::from("LOST 1\nA=b\n");
                calls.extend(shell.reading.function.iter().map(|f| (f, vec![Value::Int(0), output()])));
                if let Some(PropertyReading::Function(f)) = &shell.reading.property {
                    calls.push((f, vec![Value::Int(0), output(), output()]));
                }
            }
        }
    }
    for (function, arguments) in &calls {
        let answer = loaded.functions.call(function, arguments);
        assert!(answer.is_ok(), "{place}: {answer:?}");
    }
    calls.len()
}

fn asked(condition: &Option<Condition>) -> impl Iterator<Item = &FunctionRef> {
    condition.iter().filter_map(|condition| match condition {
        Condition::Function(function) => Some(function),
        Condition::Fixed(_) | Condition::Text(_) => None,
    })
}

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn change() -> Value {
    map(&[
        ("who", Value::from("ann")),
        ("author", Value::from("ann")),
        ("files", Value::List(vec![Value::from("deflate.c")])),
        ("comments", Value::from("faster")),
        ("branch", Value::from("main")),
        ("category", Value::Null),
        ("properties", map(&[])),
    ])
}

fn request() -> Value {
    map(&[
        ("id", Value::Int(1)),
        ("builder", Value::from("linux")),
        ("priority", Value::Int(0)),
        ("submitted_at", Value::Int(0)),
        ("reason", Value::from("a change")),
        ("properties", map(&[("size", Value::from("big"))])),
    ])
}

fn build() -> Value {
    map(&[
        ("builder", Value::from("linux")),
        ("number", Value::Int(1)),
        ("results", Value::Int(0)),
        ("step", Value::from("test")),
        ("properties", map(&[("branch", Value::from("main"))])),
    ])
}

/// What the chapter on properties says of each form, with a property that is there, one that is `None`, and none.
#[test]
fn the_forms_of_interpolation_are_as_the_manual_says() {
    let mut properties = Properties::new();
    for (name, value) in [("there", Value::from("x")), ("none", Value::Null), ("zero", Value::Int(0))] {
        properties.insert(name.to_owned(), model::Property { value, source: "test".to_owned() });
    }
    let secrets = BTreeMap::new();
    let sight = Sight { properties: &properties, stamps: &[], worker: None, secrets: &secrets };
    let finished = |text: &str| {
        let page = format!("{PRELUDE}builder(\"b\", workers = [\"here\"], steps = [steps.shell({text})])\n");
        let config = config::load("master.star", &Page(page), &Limits::default()).map_err(|e| e.to_string())?;
        let step = config.builders.last().and_then(|b| b.steps.first()).ok_or("no step")?;
        let StepAction::Shell(shell) = render::action(&step.action, &sight)?.action else {
            return Err("no command".into());
        };
        Ok::<String, String>(shell.command.text())
    };
    let cases = [
        ("interpolate('a{there}')", "ax"),
        ("interpolate('a{none}')", "a"),
        ("interpolate('a{zero}')", "a0"),
        ("interpolate('a{there:-y}')", "ax"),
        ("interpolate('a{none:-y}')", "a"),
        ("interpolate('a{gone:-y}')", "ay"),
        ("interpolate('a{there:~y}')", "ax"),
        ("interpolate('a{none:~y}')", "ay"),
        ("interpolate('a{zero:~y}')", "ay"),
        ("interpolate('a{gone:~y}')", "ay"),
        ("interpolate('a{there:+y}')", "ay"),
        ("interpolate('a{gone:+y}')", "a"),
        ("interpolate('a{there:?say so}')", "ax"),
        ("interpolate('a{gone:-{there}}')", "ax"),
        ("interpolate('a{{there}}')", "a{there}"),
        ("'a{there}'", "a{there}"),
        ("prop('there')", "x"),
        ("prop('gone', default = 'y')", "y"),
    ];
    for (text, expected) in cases {
        assert_eq!(finished(text).as_deref(), Ok(expected), "{text}");
    }
    let missing = Err("there is no property gone; this build has none, there, zero".to_owned());
    assert_eq!(finished("interpolate('{gone}')"), missing);
    assert_eq!(finished("prop('gone')"), missing);
    assert_eq!(finished("interpolate('{gone:?say so}')"), Err("say so".to_owned()));
}

/// The name by which a heading is linked to.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> Vec<String> {
    let mut in_block = false;
    let headings = text.lines().filter(|line| {
        in_block ^= line.trim_start().starts_with("```");
        !in_block && line.starts_with('#')
    });
    headings.map(anchor).collect()
}

/// The places that a page links to.
fn links(text: &str) -> Vec<&str> {
    let parts = text.split("](").skip(1);
    parts.filter_map(|rest| rest.split_once(')')).map(|(link, _)| link).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut wrong = Vec::new();
    for (name, text) in &pages {
        let dir = Path::new(name).parent().unwrap_or(Path::new(""));
        for link in links(text).into_iter().filter(|l| !l.contains("://") && !l.starts_with("mailto:")) {
            let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
            let target = if file.is_empty() { name.clone() } else { dir.join(file).display().to_string() };
            if !root().join(&target).exists() {
                wrong.push(format!("{name}: {link}"));
            } else if let (Some(heading), Some(page)) = (heading, pages.get(&target))
                && !anchors(page).iter().any(|a| a == heading)
            {
                wrong.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let pages = pages();
    let contents = &pages["docs/src/SUMMARY.md"];
    let listed = links(contents);
    for name in pages.keys().filter_map(|p| p.strip_prefix("docs/src/")).filter(|p| *p != "SUMMARY.md") {
        assert!(listed.contains(&name), "{name} is not in SUMMARY.md");
    }
}
