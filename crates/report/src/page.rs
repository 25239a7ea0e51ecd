//! How a build reads in a letter that is shown as a page: the same words, with the colours of the pages.

use crate::story::Story;
use crate::words::{self, MOST_CHANGES, MOST_TESTS};
use maud::{DOCTYPE, Markup, html};
use model::Results;

/// Ink, faint ink and rule, as on the pages; letters have the light scheme only, since programs that show them disagree
/// about the other.
const INK: &str = "#18232b";
const FAINT: &str = "color:#56646f";
const MONO: &str = "font:13px/18px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace";

/// Mark and fill of a result.
fn colours(results: Results) -> (&'static str, &'static str) {
    match results {
        Results::Failure => ("#b3261e", "#fbe3e0"),
        Results::Warnings => ("#855600", "#fbedcf"),
        Results::Exception | Results::Retry => ("#6f3fb5", "#ede4fa"),
        Results::Success => ("#2b7046", "#e1f0e6"),
        Results::Skipped | Results::Cancelled => ("#56646f", "#e8edf0"),
    }
}

/// The letter as a page. It fetches nothing.
pub(crate) fn page(story: &Story) -> String {
    let (mark, fill) = colours(story.results);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { (words::sentence(story)) } }
            body style={ "margin:0;padding:16px;background:#fcfdfd;color:" (INK) ";font:14px/20px system-ui,sans-serif" } {
                div style="max-width:680px" {
                    h1 style={ "margin:0;padding:8px 12px;font-size:18px;line-height:24px;background:" (fill) ";color:" (mark) } {
                        (story.results.symbol()) " " (words::sentence(story))
                    }
                    @if let Some(detail) = words::detail(story) { p style="margin:8px 0" { (detail) } }
                    p style="margin:8px 0" { (words::background(story)) " " (link(&story.url(), "Look at the build")) }
                    @if words::names_changes(story) { (changes(story)) }
                    (tests(story))
                    (tail(story))
                    (facts(story))
                    p style={ "margin:16px 0 0;" (FAINT) } {
                        @for line in words::signature(story) { (line) br; }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn heading(text: &str) -> Markup {
    html! { h2 style="margin:16px 0 4px;font-size:14px;border-bottom:1px solid #dde4e9" { (text) } }
}

/// Only addresses of the web become links.
fn link(url: &str, text: &str) -> Markup {
    match url.starts_with("http://") || url.starts_with("https://") {
        true => html! { a href=(url) style="color:#0b5c8f" { (text) } },
        false => html! { (text) },
    }
}

fn changes(story: &Story) -> Markup {
    html! {
        (heading("Changes"))
        @for change in story.changes.iter().take(MOST_CHANGES) {
            @let (revision, author, title) = words::change(change);
            p style="margin:4px 0" {
                span style=(MONO) { (link(change.facts.revlink.as_deref().unwrap_or_default(), &revision)) } " " b { (author) } ": " (title)
                @let files = words::files(change);
                @if !files.is_empty() { br; span style=(FAINT) { (files) } }
            }
        }
        (more(story.changes.len(), MOST_CHANGES))
    }
}

fn more(all: usize, shown: usize) -> Markup {
    html! { @if all > shown { p style={ "margin:4px 0;" (FAINT) } { "and " (all - shown) " more" } } }
}

fn tests(story: &Story) -> Markup {
    html! {
        @for (step, totals) in words::tests(story) {
            (heading(&format!("Tests in {}: {}", words::line(step, 60), totals.words())))
            ul style="margin:4px 0;padding:0;list-style:none" {
                @for (name, new, said) in words::bad_tests(totals) {
                    li {
                        span style="color:#b3261e" { (Results::Failure.symbol()) " " } span style=(MONO) { (name) }
                        @if new { " (new)" }
                        @if !said.is_empty() { br; span style={ "margin-left:16px;" (FAINT) } { (said) } }
                    }
                }
            }
            (more(totals.bad.len(), MOST_TESTS))
        }
    }
}

fn tail(story: &Story) -> Markup {
    html! {
        @if let Some(tail) = &story.tail {
            (heading(&format!("The end of {}", words::line(&tail.step, 60))))
            pre style={ "margin:4px 0;padding:8px;background:#f3f6f8;white-space:pre-wrap;" (MONO) } {
                @for line in &tail.lines { (words::line(line, 500)) "\n" }
            }
            p style="margin:4px 0" { (link(&story.log_url(&tail.step, &tail.slug), "The whole log")) }
        }
    }
}

fn facts(story: &Story) -> Markup {
    html! {
        table style="margin:16px 0 0;border-collapse:collapse" {
            @for (name, value) in words::facts(story) {
                tr { td style={ "padding:0 16px 0 0;" (FAINT) } { (name) } td { (value) } }
            }
        }
    }
}
