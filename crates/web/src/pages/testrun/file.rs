//! A file of an attempt, as a document with line numbers.

use super::{crumbs_of, file_at, item_at};
use crate::pages::layout::{Page, Room, headline};
use crate::pages::line::{Row, rows};
use crate::pages::mark::Mark;
use crate::pages::text::{bytes, outside, thousands};
use maud::{Markup, html};
use model::TestRun;

/// How many lines a page has.
pub(in crate::pages) const PAGE: u64 = 1000;

/// A file.
#[derive(Debug)]
pub(in crate::pages) struct File {
    /// The run.
    pub(in crate::pages) run: TestRun,
    /// The test.
    pub(in crate::pages) test: String,
    /// The item's path.
    pub(in crate::pages) path: String,
    /// The attempt.
    pub(in crate::pages) attempt: u32,
    /// The file, within the attempt's directory.
    pub(in crate::pages) file: String,
    /// How the item stands.
    pub(in crate::pages) mark: Mark,
    /// Its lines, or why there are none.
    pub(in crate::pages) text: Result<Text, String>,
}

/// What was read of a file.
#[derive(Debug)]
pub(in crate::pages) struct Text {
    /// Bytes of the whole file.
    pub(in crate::pages) bytes: u64,
    /// Lines in what was looked at.
    pub(in crate::pages) lines: u64,
    /// The file goes on behind what was looked at.
    pub(in crate::pages) more: bool,
    /// The rows of this page.
    pub(in crate::pages) rows: Vec<Row>,
    /// The first line that says what is wrong, from 1, when the item ended badly.
    pub(in crate::pages) error: Option<u64>,
}

/// The page.
pub(in crate::pages) fn page(v: &File) -> Page {
    let name = testruns::item::full_name(&v.test, &v.path);
    let here = file_at(v.run.id, (&v.test, &v.path), v.attempt, &v.file);
    let body = html! {
        div.loghead {
            (crumbs_of(&v.run.area, &v.run.target, Some((v.run.id, &v.run.name))))
            (headline(v.mark, &html! { a href=(item_at(v.run.id, &v.test, &v.path)) { (outside(&name, 80)) } ": " em { (outside(&v.file, 80)) } }))
            @if let Ok(text) = &v.text {
                div.tools {
                    span.facts { (thousands(text.lines)) (if text.lines == 1 { " line" } else { " lines" }) ", " (bytes(text.bytes)) @if text.more { ", the first " (bytes(super::super::load::testrun::MOST)) " shown" } }
                    @if let Some(n) = text.error { a href={ (here) "&from=" (n.saturating_sub(40)) "#L" (n) } { "First error, line " (n) } }
                    (pager(text, &here))
                }
            }
        }
        @match &v.text {
            Err(why) => p.bad { (outside(why, 300)) },
            Ok(text) => {
                @if text.lines == 0 { p.lesson { "The file is empty." } }
                div.log role="region" aria-label="Lines of the file" tabindex="0" { div.lines { (rows(&text.rows, text.error)) } }
                (pager(text, &here))
            },
        }
    };
    Page {
        title: format!("{} of {name}", v.file),
        icon: v.mark,
        room: Room::Tests,
        listen: String::new(),
        class: "reader",
        body,
    }
}

fn pager(text: &Text, here: &str) -> Markup {
    let first = text.rows.first().map_or(0, |row| row.number.saturating_sub(1));
    let end = text.rows.last().map_or(0, |row| row.number);
    if first == 0 && end >= text.lines {
        return crate::pages::text::nothing();
    }
    let at = |from: u64| format!("{here}&from={from}");
    html! {
        nav.pager aria-label="Pages of the file" {
            @if first > 0 { a href=(at(0)) { "First" } a rel="prev" href=(at(first.saturating_sub(PAGE))) { "Previous" } }
            span { "lines " (thousands(first + 1)) " to " (thousands(end)) }
            @if end < text.lines { a rel="next" href=(at(end)) { "Next" } a href=(at(text.lines.saturating_sub(1) / PAGE * PAGE)) { "Last" } }
        }
    }
}
