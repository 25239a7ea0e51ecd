//! Pages that need no server and no script: all items with symbol and word, and a page of what went wrong.

use super::{escaped, tail};
use crate::tests::find::{called, name};
use crate::tests::run::sentence;
use model::area::Class;
use model::{TestItem, TestRun};
use std::collections::BTreeMap;
use std::fmt::Write;
use testruns::Status;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1c1c1c;\
background:#fff}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid \
#ddd;vertical-align:top}.good{color:#17692f}.bad{color:#b3261e;font-weight:600}.neutral{color:#595959}pre{background:#f4f4f4;\
padding:.6rem;overflow:auto;white-space:pre-wrap}@media(prefers-color-scheme:dark){body{background:#161616;color:#e8e8e8}\
pre{background:#222}td,th{border-color:#333}.good{color:#7fd49b}.bad{color:#ff9d94}.neutral{color:#b0b0b0}a{color:#9cc4ff}}";

/// The pages: their names and their texts.
pub(super) fn pages(run: &TestRun, items: &[TestItem]) -> Vec<(String, String)> {
    let bad: Vec<&TestItem> = items.iter().filter(|i| class(i).0 == "bad" && !was_held_back(i)).collect();
    vec![("index.html".to_owned(), index(run, items, bad.len())), ("failed.html".to_owned(), failed(run, &bad))]
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{0}</title><style>{STYLE}</style></head><body><h1>{0}</h1>\n{body}</body></html>\n",
        escaped(title)
    )
}

/// What is said of it stands with what held it back.
fn was_held_back(item: &TestItem) -> bool {
    [Status::PREQ_FAIL, Status::PREQ_DISCARDED].iter().any(|status| status.word() == item.status)
}

fn class(item: &TestItem) -> (&'static str, &'static str) {
    match item.class {
        _ if !item.phase.is_over() => ("neutral", "◐"),
        Class::Good => ("good", "✓"),
        Class::Neutral => ("neutral", "○"),
        Class::Bad => ("bad", "✗"),
    }
}

fn index(run: &TestRun, items: &[TestItem], bad: usize) -> String {
    let mut body = format!("<p>{}</p>", escaped(&sentence(run)));
    if bad > 0 {
        // Writing to a text cannot fail.
        let _ = write!(body, "<p><a href=\"failed.html\">What went wrong ({bad})</a></p>");
    }
    let held_back = items.iter().filter(|item| was_held_back(item)).count();
    if held_back > 0 {
        let _ = write!(body, "<p>{held_back} could not run because of that.</p>");
    }
    let mut by_test: BTreeMap<&str, Vec<&TestItem>> = BTreeMap::new();
    items.iter().for_each(|item| by_test.entry(&item.test).or_default().push(item));
    // As the area has them, what comes first before what waits for it.
    let ordered: Vec<_> =
        run.tests.iter().filter_map(|head| Some((head.name.as_str(), by_test.remove(head.name.as_str())?))).collect();
    for (test, items) in ordered.into_iter().chain(by_test) {
        let head = "<table><tr><th>item</th><th>status</th><th>took</th><th>why</th></tr>";
        let _ = write!(body, "<h2>{}</h2>{head}", escaped(test));
        for item in items {
            let (class, symbol) = class(item);
            let shown = if item.path.is_empty() { "–" } else { &item.path };
            let took = item.duration.map(|d| d.to_string()).unwrap_or_default();
            let flaky = if item.flaky { " flaky" } else { "" };
            let status = if item.phase.is_over() { item.status.as_str() } else { item.phase.word() };
            let link = if class == "bad" && !was_held_back(item) {
                format!("<a href=\"failed.html#{}\">{}</a>", anchor(item), escaped(shown))
            } else {
                escaped(shown)
            };
            let _ = write!(
                body,
                "<tr><td>{link}</td><td class=\"{class}\">{symbol} {}{flaky}</td><td>{took}</td><td>{}</td></tr>",
                escaped(status),
                escaped(&item.comment)
            );
        }
        body.push_str("</table>\n");
    }
    page(&format!("{} {}", run.area, called(&run.target, &run.name)), &body)
}

/// The name of an item as the part of an address behind `#`.
fn anchor(item: &TestItem) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("_{:x}", u32::from(c)) };
    name(item).chars().map(plain).collect()
}

fn failed(run: &TestRun, items: &[&TestItem]) -> String {
    let mut body = "<p><a href=\"index.html\">All items</a></p>".to_owned();
    for item in items {
        let _ = write!(body, "<h2 id=\"{}\">{}</h2>", anchor(item), escaped(&name(item)));
        let _ = write!(body, "<p class=\"bad\">✗ {} {}</p>", escaped(&item.status), escaped(&item.comment));
        for attempt in &item.attempts {
            let _ = write!(
                body,
                "<p>attempt {}: {} in {}</p>",
                attempt.number,
                escaped(&attempt.status),
                escaped(&attempt.directory)
            );
        }
        if !item.data.is_empty() {
            let rows = crate::tests::show::data(&item.data);
            let _ = write!(body, "<pre>{}</pre>", escaped(&rows.join("\n")).replace("&#10;", "\n"));
        }
        if let Some(log) = tail(item) {
            let _ = write!(body, "<pre>{}</pre>", escaped(&log).replace("&#10;", "\n"));
        }
    }
    page(&format!("What went wrong in {}", called(&run.target, &run.name)), &body)
}
