//! Locks: who holds each, and who waits for it.

use super::clock::Clock;
use super::text::{count, nothing, outside};
use maud::{Markup, html};
use model::{LockAccess, LockOwner, LockPlace, LockView};

/// How many who wait are listed for each lock.
const SHOWN: usize = 20;

/// Every lock as a section; nothing when there are none.
pub(super) fn locks(rows: &[LockView], clock: &Clock) -> Markup {
    if rows.is_empty() {
        return nothing();
    }
    html! {
        section aria-labelledby="locks" {
            h2 #locks { "Locks" }
            ul.rows { @for lock in rows { (row(lock, clock)) } }
        }
    }
}

fn row(lock: &LockView, clock: &Clock) -> Markup {
    let room = usize::try_from(lock.room).unwrap_or(usize::MAX);
    html! {
        li.lock {
            div.what {
                span.name { (outside(&lock.lock, 40)) @if let Some(worker) = &lock.worker { " on " (outside(worker, 40)) } }
                " " span.faint { "room for " (count(room, "holder", "holders")) }
                @match lock.holders.as_slice() {
                    [] => { " " span.faint { "free" } },
                    holders => { p { "held by " (list(holders, clock)) } },
                }
                @if !lock.waiting.is_empty() { p { (count(lock.waiting.len(), "waits: ", "wait: ")) (list(&lock.waiting, clock)) } }
            }
        }
    }
}

fn list(places: &[LockPlace], clock: &Clock) -> Markup {
    let more = places.len().saturating_sub(SHOWN);
    html! {
        @for (i, place) in places.iter().take(SHOWN).enumerate() {
            @if i > 0 { ", " }
            (owner(&place.owner))
            @if place.access == LockAccess::Exclusive { " alone" }
            " " span.faint { "for " (clock.lasting(place.since)) }
        }
        @if more > 0 { " and " (more) " more" }
    }
}

fn owner(owner: &LockOwner) -> Markup {
    let words = outside(&owner.to_string(), 80);
    match owner {
        LockOwner::Build { builder, number, .. } => {
            html! { a href=(super::layout::build_at(builder, *number)) { (words) } }
        }
        LockOwner::Request { request, .. } => html! { a href={ "/requests/" (request) } { (words) } },
    }
}
