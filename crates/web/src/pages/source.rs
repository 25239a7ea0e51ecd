//! Change sources and what they last found.

use super::clock::Clock;
use super::text::{nothing, outside};
use maud::{Markup, html};
use model::Time;

/// A change source.
#[derive(Debug)]
pub(super) struct Feed {
    /// Its name.
    pub(super) name: String,
    /// How it is doing, in words.
    pub(super) state: String,
    /// It could not look.
    pub(super) failing: bool,
    /// When it looks next.
    pub(super) next_at: Option<Time>,
}

/// All of them, in a few lines.
pub(super) fn feeds(feeds: &[Feed], clock: &Clock) -> Markup {
    if feeds.is_empty() {
        return nothing();
    }
    html! {
        section aria-labelledby="sources" {
            h2 #sources { "Changes come from" }
            ul.plain {
                @for feed in feeds {
                    li {
                        (outside(&feed.name, 60))
                        @if feed.failing {
                            p.bad { "cannot look: " (outside(&feed.state, 200)) @if let Some(t) = feed.next_at { ", tries again " (clock.ago(t)) } }
                        } @else {
                            p.faint { (outside(&feed.state, 200)) }
                        }
                    }
                }
            }
        }
    }
}
