//! The outbox: what could not be told, what is on its way, what was told last.

use super::clock::Clock;
use super::layout::{Page, Room, headline};
use super::mark::Mark;
use super::text::{count, outside};
use api::outbox::OutboxMessage;
use maud::{Markup, html};
use model::{Results, Time};

/// The outbox.
#[derive(Debug)]
pub(super) struct Outbox {
    /// Reporters that are configured.
    pub(super) reporters: usize,
    /// Targets with messages that cannot be sent at the moment: name, how many wait, since when, why.
    pub(super) away: Vec<(String, usize, Option<Time>, String)>,
    /// What is on its way, the first first; not all of it.
    pub(super) open: Vec<OutboxMessage>,
    /// All that is on its way.
    pub(super) open_total: usize,
    /// What was given up, the last first; not all of it.
    pub(super) given_up: Vec<OutboxMessage>,
    /// All that was given up.
    pub(super) given_up_total: usize,
    /// What was sent, the last first; not all of it.
    pub(super) sent: Vec<OutboxMessage>,
}

/// The page.
pub(super) fn page(v: &Outbox, clock: &Clock) -> Page {
    let mark = if v.away.is_empty() { Mark::Absent } else { Mark::of(Some(Results::Exception)) };
    let body = html! {
        (headline(mark, &html! {
            @match v.away.first() {
                Some((name, open, ..)) if v.away.len() == 1 => {
                    (count(*open, "message waits", "messages wait")) " for " em { (outside(name, 40)) } ", which takes none"
                },
                Some(_) => { (count(v.away.len(), "target takes", "targets take")) " no messages" },
                None if v.open_total > 0 => { (count(v.open_total, "message is", "messages are")) " on the way" },
                None => { "Everybody is told" },
            }
        }))
        @if v.reporters == 0 { p.under { "No reporter is configured: " code { "reporters.mail(…)" } " and " code { "reporters.http(…)" } " tell people and programs of builds." } }
        @for (name, _, since, why) in &v.away {
            p.under { em { (outside(name, 40)) } @if let Some(since) = since { " for " (clock.lasting(*since)) } ": " (outside(why, 300)) ". It is tried again by itself." }
        }
        (section("On the way", &v.open, v.open_total, clock))
        (section("Given up", &v.given_up, v.given_up_total, clock))
        (section("Told last", &v.sent, v.sent.len(), clock))
    };
    Page {
        title: "Outbox".to_owned(),
        icon: mark,
        room: Room::Queue,
        listen: "builds/*/finished".to_owned(),
        class: "list",
        body,
    }
}

fn section(title: &str, rows: &[OutboxMessage], total: usize, clock: &Clock) -> Markup {
    html! {
        @if !rows.is_empty() {
            section {
                h2 { (title) }
                ul.rows { @for m in rows { (message(m, clock)) } }
                @if total > rows.len() { p.more { (count(total - rows.len(), "more", "more")) } }
            }
        }
    }
}

fn message(m: &OutboxMessage, clock: &Clock) -> Markup {
    let mark = match m.state.as_str() {
        "given up" => Mark::of(Some(Results::Exception)),
        "sent" => Mark::Absent,
        _ if m.trouble.is_some() => Mark::of(Some(Results::Exception)),
        _ => Mark::Waiting,
    };
    let at = Time::from_seconds(m.ended_at.unwrap_or(m.created_at));
    html! {
        li.wait {
            (mark.sign())
            div.what {
                span.name { (outside(if m.title.is_empty() { &m.about } else { &m.title }, 120)) }
                " " span.faint { (outside(&m.target, 40)) @if let Some(person) = &m.person { ", " (outside(person, 80)) } }
                @if let Some(why) = &m.trouble { br; span.faint { (outside(why, 300)) } }
                @if let Some(next) = m.next_try { " " span.faint { "tried again at " (clock.hour(Time::from_seconds(next))) } }
            }
            div.when { (clock.ago(at)) }
        }
    }
}
