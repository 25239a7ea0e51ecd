//! What the page of the outbox shows.

use super::Trouble;
use crate::Web;
use crate::pages::outbox::Outbox;
use api::outbox::{Addresses, OutboxMessage, OutboxSum};
use model::{Page, Query, Time};

/// How many messages of a kind are shown.
const SHOWN: u64 = 50;

pub(in crate::pages) async fn outbox(web: &Web, addresses: Addresses) -> Result<Outbox, Trouble> {
    let sums = web.store.outbox_sums().await?;
    let state = |word: &str| Query::default().eq("state", word).limit(SHOWN);
    let ended = |word: &str| state(word).newest_first("ended_at");
    let mut waiting = web.store.outbox(&state("waiting").by("messageid")).await?;
    let due = web.store.outbox(&state("due").by("messageid")).await?;
    let given_up = web.store.outbox(&ended("given up")).await?;
    let sent = web.store.outbox(&ended("sent")).await?;
    let shown = |page: &Page<model::Message>| page.rows.iter().map(|m| OutboxMessage::of(m, addresses)).collect();
    waiting.rows.extend(due.rows);
    let away = sums.iter().map(OutboxSum::of).filter(|sum| sum.open > 0);
    let away = away.filter_map(|s| Some((s.target, size(s.open), s.oldest.map(Time::from_seconds), s.trouble?)));
    Ok(Outbox {
        reporters: web.control.config().reporters.len(),
        away: away.collect(),
        open: shown(&waiting),
        open_total: size(waiting.total + due.total),
        given_up: shown(&given_up),
        given_up_total: size(given_up.total),
        sent: shown(&sent),
    })
}

fn size(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
