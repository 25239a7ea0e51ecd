//! What keeps work from going on, at the top of a page.

use super::clock::Clock;
use super::mark::{Mark, Outcome};
use super::text::outside;
use crate::obstacle::Obstacle;
use maud::{Markup, html};

/// What pages listen to so that it comes and goes by itself.
pub(super) const LISTEN: &str = "obstacles/*/*";

/// Each with since when, the reason and what to do.
pub(super) fn obstacles(all: &[Obstacle], clock: &Clock) -> Markup {
    html! {
        @if !all.is_empty() {
            section.obstacles role="alert" aria-label="What keeps work from going on" {
                @for o in all {
                    p.bad { (Mark::Done(Outcome::Exception).shape_svg()) " " (outside(&o.sentence(), 400)) " (for " (clock.lasting(o.since)) ")" }
                    p.under { (o.advice()) }
                }
            }
        }
    }
}
