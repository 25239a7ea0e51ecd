//! The builds that ended last: what became of the newest changes.

use crate::pages::clock::Clock;
use crate::pages::layout::build_at;
use crate::pages::mark::Mark;
use crate::pages::text::{nothing, outside};
use maud::{Markup, html};
use model::{Span, Time};

/// A build that ended.
#[derive(Debug)]
pub(in crate::pages) struct Ended {
    /// Its builder.
    pub(in crate::pages) builder: String,
    /// Its number.
    pub(in crate::pages) number: i64,
    /// How it ended.
    pub(in crate::pages) mark: Mark,
    /// When.
    pub(in crate::pages) at: Time,
    /// How long it took.
    pub(in crate::pages) took: Span,
    /// Its newest change: the first line of the message, and the author.
    pub(in crate::pages) change: Option<(String, String)>,
    /// One line for people, where it tells more than the result.
    pub(in crate::pages) state: String,
}

/// A section; nothing when nothing ended yet.
pub(super) fn ended(rows: &[Ended], clock: &Clock) -> Markup {
    if rows.is_empty() {
        return nothing();
    }
    html! {
        section aria-labelledby="ended" {
            h2 #ended { "Ended last" a.aside href="/waterfall" { "Waterfall" } }
            ul.rows { @for row in rows { (one(row, clock)) } }
        }
    }
}

fn one(row: &Ended, clock: &Clock) -> Markup {
    html! {
        li.ended {
            (row.mark.sign())
            div.what {
                a.name href=(build_at(&row.builder, row.number)) { (outside(&row.builder, 40)) " " (row.number) }
                @match &row.change {
                    Some((title, author)) => { " " (outside(title, 80)) " " span.faint { (outside(author, 40)) } },
                    None => {},
                }
                @if row.mark.is_bad() && !row.state.is_empty() { span.faint { ", " (outside(&row.state, 80)) } }
            }
            div.when { (row.took) span.faint { ", " (clock.ago(row.at)) } }
        }
    }
}
