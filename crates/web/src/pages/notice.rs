//! Pages that say that something is not there, or did not work.

use super::layout::{Page, Room, headline};
use super::mark::{Mark, Outcome};
use super::text::outside;
use maud::html;

/// There is no such page or thing.
pub(super) fn missing(what: &str) -> Page {
    let body = html! {
        (headline(Mark::Absent, &html! { "There is no " (outside(what, 120)) }))
        p.under { "It may have had another name, or the link was cut. What is there:" }
        ul.plain {
            li { a href="/" { "Home" } span.faint { " what is broken, runs and waits" } }
            li { a href="/builders" { "Builders" } span.faint { " each with its builds" } }
            li { a href="/waterfall" { "Waterfall" } span.faint { " everything by time" } }
            li { a href="/changes" { "Changes" } span.faint { " each with what became of it" } }
        }
    };
    Page {
        title: "Not there".to_owned(),
        icon: Mark::Absent,
        room: Room::Elsewhere,
        listen: String::new(),
        class: "notice",
        body,
    }
}

/// An act or a question did not work.
pub(super) fn trouble(sentence: &str, details: &[String], back: &str) -> Page {
    let body = html! {
        (headline(Mark::Done(Outcome::Exception), &html! { (outside(sentence, 200)) }))
        @if !details.is_empty() { ul.plain { @for d in details { li { (outside(d, 300)) } } } }
        p { a.button href=(back) { "Back" } }
    };
    Page {
        title: "Did not work".to_owned(),
        icon: Mark::Done(Outcome::Exception),
        room: Room::Elsewhere,
        listen: String::new(),
        class: "notice",
        body,
    }
}
