//! Changes, and what became of each.

use super::build::{Change, change_row};
use super::clock::Clock;
use super::layout::{Page, Room, build_at, crumbs, headline};
use super::mark::{Mark, Outcome};
use super::source::{Feed, feeds};
use super::text::{count, many_lines, outside, safe_href};
use maud::{Markup, html};
use model::Time;

/// The list of changes.
#[derive(Debug)]
pub(super) struct Changes {
    /// The changes with their builds, newest first.
    pub(super) rows: Vec<(Change, Vec<Built>)>,
    /// All changes that there are.
    pub(super) total: u64,
    /// The next page begins before this id.
    pub(super) older: Option<i64>,
    /// Where changes come from.
    pub(super) feeds: Vec<Feed>,
}

/// A build of a change.
#[derive(Clone, Debug)]
pub(super) struct Built {
    /// The builder.
    pub(super) builder: String,
    /// The number.
    pub(super) number: i64,
    /// How it stands.
    pub(super) mark: Mark,
    /// When it began.
    pub(super) from: Time,
}

/// The list.
pub(super) fn list(v: &Changes, clock: &Clock) -> Page {
    let body = html! {
        (headline(Mark::Absent, &html! {
            @match v.rows.first() {
                Some((c, _)) => { "The last change came " (clock.ago(c.at)) ", by " (outside(&c.author, 40)) },
                None => { "No change has come yet" },
            }
        }))
        p.under { (count(usize::try_from(v.total).unwrap_or(usize::MAX), "change", "changes")) " in all" }
        div.columns {
            div.wide {
                section aria-label="Changes" {
                    ul.rows.changes { @for (c, builds) in &v.rows {
                        (change_row(c, clock))
                        @if !builds.is_empty() { li.became { (became(builds)) } }
                    } }
                    @if let Some(before) = v.older { p.more { a href={ "/changes?before=" (before) } { "Older changes" } } }
                }
                @if v.rows.is_empty() { section.lesson { p { "Changes come from the sources that " code { "master.star" } " names, or by hand: " code { "sluice sendchange --branch B --revision R FILE…" } } } }
            }
            aside.narrow aria-label="Sources" { (feeds(&v.feeds, clock)) }
        }
    };
    Page {
        title: "Changes".to_owned(),
        icon: Mark::Absent,
        room: Room::Changes,
        listen: "changes/*/* builds/*/*".to_owned(),
        class: "list",
        body,
    }
}

fn became(builds: &[Built]) -> Markup {
    html! {
        @for b in builds.iter().take(12) {
            a href=(build_at(&b.builder, b.number)) { (b.mark.shape_svg()) span.unseen { (b.mark.word()) } " " (outside(&b.builder, 24)) } " "
        }
        @if builds.len() > 12 { span.faint { "and " (builds.len() - 12) " more" } }
    }
}

/// One change.
#[derive(Debug)]
pub(super) struct One {
    /// The change.
    pub(super) change: Change,
    /// Who committed it, where that is another.
    pub(super) committer: Option<String>,
    /// The whole message.
    pub(super) message: String,
    /// The whole revision.
    pub(super) revision: String,
    /// The branch.
    pub(super) branch: String,
    /// The repository.
    pub(super) repository: String,
    /// The files it touched.
    pub(super) files: Vec<String>,
    /// When its author made it.
    pub(super) made_at: Time,
    /// Its builds.
    pub(super) builds: Vec<Built>,
}

/// The page of one change: what it did everywhere.
pub(super) fn page(v: &One, clock: &Clock) -> Page {
    let worst = v.builds.iter().map(|b| b.mark).filter(|m| m.is_bad()).max();
    let icon = worst.unwrap_or(match v.builds.is_empty() {
        true => Mark::Absent,
        false if v.builds.iter().any(|b| b.mark == Mark::Running) => Mark::Running,
        false => Mark::Done(Outcome::Passed),
    });
    let body = html! {
        (crumbs(&[("/changes".to_owned(), "Changes")]))
        (headline(icon, &html! { (outside(if v.change.title.is_empty() { "(no message)" } else { &v.change.title }, 160)) }))
        p.under {
            span.rev { (outside(&v.change.revision, 24)) } " by " (outside(&v.change.author, 80)) ", " (clock.ago(v.change.at)) ". "
            (verdict(&v.builds))
        }
        div.columns {
            div.wide {
                section aria-labelledby="builds" {
                    h2 #builds { "What became of it" }
                    @if v.builds.is_empty() { p.faint { "No build had this change yet." } }
                    ul.rows { @for b in &v.builds {
                        li { (b.mark.sign()) div.what { a.name href=(build_at(&b.builder, b.number)) { (outside(&b.builder, 40)) " " (b.number) } " " span.faint { (b.mark.word()) } } div.when { (clock.ago(b.from)) } }
                    } }
                }
                section aria-labelledby="message" { h2 #message { "Message" } pre.message tabindex="0" { (many_lines(&shortened(&v.message))) } }
            }
            aside.narrow aria-label="Facts" {
                section aria-labelledby="facts" {
                    h2 #facts { "Facts" }
                    dl {
                        dt { "Author" } dd { (outside(&v.change.author, 100)) }
                        @if let Some(c) = &v.committer { dt { "Committer" } dd { (outside(c, 100)) } }
                        @if !v.revision.is_empty() { dt { "Revision" } dd.rev { (outside(&v.revision, 48)) } }
                        dt { "Branch" } dd { (outside(if v.branch.is_empty() { "default" } else { &v.branch }, 80)) }
                        @if !v.repository.is_empty() { dt { "Repository" } dd { (outside(&v.repository, 100)) } }
                        dt { "Made" } dd { (clock.at(v.made_at)) }
                        dt { "Came" } dd { (clock.at(v.change.at)) }
                        @if let Some(link) = v.change.revlink.as_deref().and_then(safe_href) { dt { "Page" } dd { a href=(link) rel="noreferrer" { (outside(link, 80)) } } }
                    }
                }
                section aria-labelledby="files" {
                    h2 #files { (count(v.files.len(), "file", "files")) }
                    ul.plain.files { @for f in v.files.iter().take(200) { li { (outside(f, 120)) } } @if v.files.len() > 200 { li.faint { (v.files.len() - 200) " more" } } }
                }
            }
        }
    };
    let title = format!("Change {}", v.change.revision);
    Page { title, icon, room: Room::Changes, listen: "builds/*/*".to_owned(), class: "change", body }
}

/// A message of a megabyte is no message.
fn shortened(message: &str) -> String {
    match message.char_indices().nth(20_000) {
        None => message.to_owned(),
        Some((at, _)) => format!("{}\n…", &message[..at]),
    }
}

fn verdict(builds: &[Built]) -> String {
    let bad = builds.iter().filter(|b| b.mark.is_bad()).count();
    let open = builds.iter().filter(|b| b.mark == Mark::Running).count();
    match (builds.len(), bad, open) {
        (0, ..) => "Not built yet.".to_owned(),
        (n, 0, 0) => format!("{} passed.", count(n, "build", "builds")),
        (n, 0, open) => format!("{open} of {} still running, none has failed.", count(n, "build", "builds")),
        (n, bad, _) => format!("{bad} of {} failed.", count(n, "build", "builds")),
    }
}
