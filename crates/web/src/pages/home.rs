//! The first page: what is broken, since when, and what to do; then what runs and what waits.

mod ended;

pub(super) use ended::Ended;

use super::clock::{Clock, eta, rough};
use super::layout::{Page, Room, build_at, builder_at, headline, log_at};
use super::mark::{Mark, Outcome};
use super::obstacle::{LISTEN, obstacles};
use super::source::{Feed, feeds};
use super::strip::{Strip, strips};
use super::text::{count, cut, nothing, outside};
use crate::obstacle::Obstacle;
use maud::{Markup, html};
use model::{Results, Span, Time};

/// What the first page shows.
#[derive(Debug, Default)]
pub(super) struct Home {
    /// Builders that are configured.
    pub(super) builders: usize,
    /// Builders that have never finished a build.
    pub(super) fresh: usize,
    /// Builders whose newest telling build is bad, the longest-broken last.
    pub(super) broken: Vec<Broken>,
    /// Builds that run.
    pub(super) running: Vec<Running>,
    /// Requests that wait, first come first; not all of them.
    pub(super) waiting: Vec<Waiting>,
    /// All requests that wait.
    pub(super) waiting_total: usize,
    /// Builds that ended last, the newest first.
    pub(super) ended: Vec<Ended>,
    /// Workers that are configured and away, with since when.
    pub(super) away: Vec<(String, Option<Time>)>,
    /// The last thirty days of each builder; not all of them.
    pub(super) strips: Vec<Strip>,
    /// Builders whose strip is left out.
    pub(super) strips_left_out: usize,
    /// Where changes come from.
    pub(super) feeds: Vec<Feed>,
    /// A build finished at some time.
    pub(super) any_build: bool,
    /// What keeps work from going on.
    pub(super) obstacles: Vec<Obstacle>,
}

/// A builder that is broken.
#[derive(Debug)]
pub(super) struct Broken {
    /// Its name.
    pub(super) builder: String,
    /// The number of its newest telling build.
    pub(super) number: i64,
    /// How that ended: FAILURE or EXCEPTION.
    pub(super) results: Results,
    /// The step that failed.
    pub(super) step: Option<String>,
    /// The first error line, and its place: the log's name in addresses and the line's number from 1.
    pub(super) error: Option<(String, String, u64)>,
    /// When the first bad build ended.
    pub(super) since: Time,
    /// Bad builds from the first to the newest.
    pub(super) builds: i64,
    /// The first bad build's number.
    pub(super) first: i64,
    /// Changes of the first bad build.
    pub(super) suspects: Vec<Suspect>,
    /// The newest good build and when it ended.
    pub(super) last_good: Option<(i64, Time)>,
    /// Who looks after it, where somebody is named.
    pub(super) owner: Option<String>,
    /// A build of it runs now.
    pub(super) running: Option<i64>,
}

/// A change of the first bad build.
#[derive(Debug)]
pub(super) struct Suspect {
    /// Its id.
    pub(super) change: i64,
    /// Its revision, short.
    pub(super) revision: String,
    /// Who wrote it.
    pub(super) author: String,
    /// The first line of its message.
    pub(super) title: String,
}

/// A build that runs.
#[derive(Debug)]
pub(super) struct Running {
    /// Its builder.
    pub(super) builder: String,
    /// Its number.
    pub(super) number: i64,
    /// Where.
    pub(super) worker: String,
    /// Since when.
    pub(super) since: Time,
    /// The step that runs.
    pub(super) step: Option<String>,
    /// When it is expected to end.
    pub(super) ends: Option<(Time, Time)>,
    /// Its worker is away, and when it is given up.
    pub(super) away: Option<(Time, Time)>,
    /// What it builds, in a few words.
    pub(super) source: String,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Its id.
    pub(super) request: i64,
    /// Its builder.
    pub(super) builder: String,
    /// Since when.
    pub(super) since: Time,
    /// Why, as a sentence without a full stop.
    pub(super) why: String,
}

/// How many broken builders, running builds and waiting requests are listed.
pub(super) const MOST: usize = 12;

/// The page.
pub(super) fn page(v: &Home, clock: &Clock) -> Page {
    let icon = v.broken.iter().map(|b| Mark::from(b.results)).max().unwrap_or(match v.any_build {
        true => Mark::Done(Outcome::Passed),
        false => Mark::Absent,
    });
    let title = match v.broken.len() {
        0 => "Home".to_owned(),
        n => format!("{n} broken"),
    };
    let body = html! {
        (headline(icon, &html! { (sentence(v, clock)) }))
        (obstacles(&v.obstacles, clock))
        p.under { (second_sentence(v)) }
        div.columns {
            div.wide {
                @if !v.broken.is_empty() { (broken(v, clock)) }
                (running(v, clock))
                (waiting(v, clock))
                (ended::ended(&v.ended, clock))
                @if !v.any_build && v.running.is_empty() { (lesson(v)) }
            }
            aside.narrow aria-label="Sources and history" {
                (feeds(&v.feeds, clock))
                @if !v.away.is_empty() { (away(v, clock)) }
                (strips(&v.strips, v.strips_left_out, clock))
            }
        }
    };
    let listen = format!("builds/*/* buildrequests/*/* changes/*/* workers/*/* {LISTEN}");
    Page { title, icon, room: Room::Home, listen, class: "home", body }
}

fn sentence(v: &Home, clock: &Clock) -> String {
    let broken = v.broken.len();
    if broken == 0 {
        return match (v.builders, v.any_build) {
            (0, _) => "No builder is configured yet".to_owned(),
            (_, false) if v.running.is_empty() => "Nothing has been built yet".to_owned(),
            (_, false) => "The first build is running".to_owned(),
            (1, true) => "The builder is well".to_owned(),
            (2, true) if v.fresh == 0 => "Both builders are well".to_owned(),
            (n, true) if v.fresh == 0 => format!("All {n} builders are well"),
            (n, true) => format!("{} are well", count(n - v.fresh.min(n), "builder", "builders")),
        };
    }
    let who = match broken {
        1 => format!("{} is broken", cut(&v.broken[0].builder, 40)),
        n => format!("{n} builders are broken"),
    };
    let first = v.broken.iter().map(|b| b.since).min().unwrap_or(clock.now);
    let fresh = v.broken.iter().filter(|b| clock.now.since(b.since) < Span::seconds(7200)).count();
    match broken {
        1 => format!("{who} {}", clock.since_words(first)),
        n if fresh == n => format!("{who}, all of them for less than two hours"),
        _ if fresh > 0 => format!("{who}, {fresh} of them new"),
        _ => format!("{who}, the first {}", clock.since_words(first)),
    }
}

fn second_sentence(v: &Home) -> String {
    let runs = match v.running.len() {
        0 => "nothing runs".to_owned(),
        n => format!("{} {}", count(n, "build", "builds"), if n == 1 { "runs" } else { "run" }),
    };
    let waits = match v.waiting_total {
        0 => "nothing waits".to_owned(),
        n => format!("{} {}", count(n, "request", "requests"), if n == 1 { "waits" } else { "wait" }),
    };
    let away = match v.away.len() {
        0 => String::new(),
        n => format!(", {} {} away", count(n, "worker", "workers"), if n == 1 { "is" } else { "are" }),
    };
    let text = format!("{runs}, {waits}{away}.");
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
}

fn broken(v: &Home, clock: &Clock) -> Markup {
    html! {
        section aria-labelledby="broken" {
            h2 #broken { "Broken" }
            ul.cases {
                @for b in v.broken.iter().take(MOST) { (broken_case(b, clock)) }
            }
            @if v.broken.len() > MOST {
                p.more { a href="/builders?only=broken" { (count(v.broken.len() - MOST, "more", "more")) " broken builders" } }
            }
        }
    }
}

fn broken_case(b: &Broken, clock: &Clock) -> Markup {
    let mark = Mark::from(b.results);
    let build = build_at(&b.builder, b.number);
    html! {
        li class={ "case " (mark.class()) } {
            (mark.sign())
            div {
                p.lead {
                    a.name href=(builder_at(&b.builder)) { (outside(&b.builder, 60)) }
                    " " (if b.results == Results::Exception { "had an exception" } else { "failed" })
                    @if let Some(step) = &b.step { " in " em { (outside(step, 40)) } }
                    " " a href=(build) { "build " (b.number) }
                    @if let Some(n) = b.running { span.faint { ", " a href=(build_at(&b.builder, n)) { "build " (n) } " runs" } }
                }
                @if let (Some(step), Some((line, slug, number))) = (&b.step, &b.error) {
                    p.error { a href={ (log_at(&b.builder, b.number, step, slug)) "?from=" (number.saturating_sub(40)) "#L" (number) } { (outside(line, 160)) } }
                }
                p.faint { (suspects(b)) }
            }
            div.when {
                p { "for " (clock.lasting(b.since)) }
                p.faint {
                    @if b.builds > 1 { (count(usize::try_from(b.builds).unwrap_or(0), "build", "builds")) " · " }
                    @match b.last_good {
                        Some((n, _)) => { "last good " a href=(build_at(&b.builder, n)) { (n) } },
                        None => { "never passed" },
                    }
                }
                @if let Some(owner) = &b.owner { p.faint { "owner " (outside(owner, 40)) } }
            }
        }
    }
}

/// "the first failing change is 90c677b by M. Adler"; several are a range, none is told as well.
fn suspects(b: &Broken) -> Markup {
    let machine = b.results == Results::Exception;
    html! {
        @match b.suspects.as_slice() {
            _ if machine => { "Not the code: the machine or Sluice itself" },
            [] => { "No change came with the first failing " a href=(build_at(&b.builder, b.first)) { "build " (b.first) } },
            [one] => {
                "First failing change " a.rev href={ "/changes/" (one.change) } { (outside(&one.revision, 16)) }
                " by " (outside(&one.author, 40)) ": " (outside(&one.title, 80))
            },
            [first, .., last] => {
                "First failing among " (count(b.suspects.len(), "change", "changes")) " of "
                a href=(build_at(&b.builder, b.first)) { "build " (b.first) } ": "
                a.rev href={ "/changes/" (first.change) } { (outside(&first.revision, 16)) } " to "
                a.rev href={ "/changes/" (last.change) } { (outside(&last.revision, 16)) }
                " by " (outside(&authors(&b.suspects), 80))
            },
        }
    }
}

fn authors(suspects: &[Suspect]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for s in suspects {
        if !names.contains(&s.author.as_str()) {
            names.push(&s.author);
        }
    }
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [a, b] => format!("{a} and {b}"),
        [a, b, rest @ ..] => format!("{a}, {b} and {}", count(rest.len(), "other", "others")),
    }
}

fn running(v: &Home, clock: &Clock) -> Markup {
    if v.running.is_empty() {
        return nothing();
    }
    html! {
        section aria-labelledby="running" {
            h2 #running { "Running" }
            ul.rows {
                @for r in v.running.iter().take(MOST) { (running_row(r, clock)) }
            }
            @if v.running.len() > MOST {
                p.more { a href="/builders?only=running" { (v.running.len() - MOST) " more builds run" } }
            }
        }
    }
}

fn running_row(r: &Running, clock: &Clock) -> Markup {
    html! {
        li.run {
            (Mark::Running.sign())
            div.what {
                a.name href=(build_at(&r.builder, r.number)) { (outside(&r.builder, 40)) " " (r.number) }
                @if let Some(step) = &r.step { " " em { (outside(step, 40)) } }
                span.faint { " " (outside(&r.source, 60)) " on " (outside(&r.worker, 30)) }
            }
            (progress(r.since, r.ends, clock.now))
            div.when { (left(r, clock)) }
        }
    }
}

fn left(r: &Running, clock: &Clock) -> Markup {
    html! {
        @match (r.away, r.ends) {
            (Some((since, until)), _) => {
                span.bad { "worker away for " (rough(clock.now.since(since))) }
                @if until > clock.now { span.faint { ", given up in " (rough(until.since(clock.now))) } }
            },
            (None, Some(ends)) => { (eta(ends, clock.now)) },
            (None, None) => { (clock.lasting(r.since)) " so far" },
        }
    }
}

/// A bar from the beginning to the latest expected end. Without an expectation it has no end and says so.
pub(super) fn progress(since: Time, ends: Option<(Time, Time)>, now: Time) -> Markup {
    let Some((early, late)) = ends else {
        return html! { span.noeta { "first of its kind" } };
    };
    let whole = late.max(now).since(since).0.max(1);
    let part = |t: Time| t.max(since).since(since).0.saturating_mul(1000) / whole;
    let (done, early) = (part(now), part(early));
    html! {
        svg.progress viewBox="0 0 1000 8" preserveAspectRatio="none" role="img" aria-label={ (done / 10) " percent done" } {
            rect.rail x="0" y="0" width="1000" height="8" {}
            @if early < 1000 { rect.maybe x=(early) y="0" width=(1000 - early) height="8" {} }
            rect.done x="0" y="0" width=(done) height="8" {}
        }
    }
}

fn waiting(v: &Home, clock: &Clock) -> Markup {
    if v.waiting.is_empty() {
        return nothing();
    }
    html! {
        section aria-labelledby="waiting" {
            h2 #waiting { "Waiting" }
            ul.rows {
                @for w in v.waiting.iter().take(MOST) {
                    li.wait {
                        (Mark::Waiting.sign())
                        div.what {
                            a.name href={ "/requests/" (w.request) } { (outside(&w.builder, 40)) }
                            " " span.faint { (outside(&w.why, 160)) }
                        }
                        div.when { (clock.lasting(w.since)) }
                    }
                }
            }
            @if v.waiting_total > v.waiting.len().min(MOST) {
                p.more { a href="/queue" { (count(v.waiting_total - v.waiting.len().min(MOST), "more request", "more requests")) } }
            }
        }
    }
}

fn away(v: &Home, clock: &Clock) -> Markup {
    html! {
        section aria-labelledby="away" {
            h2 #away { "Workers away" }
            ul.plain {
                @for (name, since) in v.away.iter().take(MOST) {
                    li {
                        a href=(super::layout::worker_at(name)) { (outside(name, 40)) }
                        @match since {
                            Some(t) => { span.faint { " for " (clock.lasting(*t)) } },
                            None => { span.faint { " has not connected yet" } },
                        }
                    }
                }
                @if v.away.len() > MOST { li { a href="/workers" { (v.away.len() - MOST) " more" } } }
            }
        }
    }
}

/// What an empty page teaches.
fn lesson(v: &Home) -> Markup {
    html! {
        section.lesson aria-labelledby="first" {
            @if v.builders == 0 {
                h2 #first { "Where to begin" }
                p { "A builder is a list of steps on a worker. Define one in " code { "master.star" } " and reload:" }
                pre { "builder(\n    \"linux\",\n    workers = [\"here\"],\n    steps = [steps.compile([\"make\"]), steps.test([\"make\", \"test\"])],\n)" }
                p { code { "sluice master reload DIR" } " takes it in; nothing that runs is touched." }
            } @else {
                h2 #first { "The first build" }
                p { "Force one on a " a href="/builders" { "builder's page" } ", or push a change." }
                @for feed in &v.feeds { p { (outside(&feed.name, 80)) ": " (outside(&feed.state, 160)) "." } }
                @if v.feeds.is_empty() { p { "No change source is configured: changes come with " code { "sluice sendchange" } " only." } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::obstacle::Hindered;

    fn broken(hours: i64, clock: &Clock) -> Broken {
        Broken {
            builder: format!("b{hours}"),
            number: 2,
            results: Results::Failure,
            step: None,
            error: None,
            since: clock.now - Span::seconds(hours * 3600),
            builds: 1,
            first: 2,
            suspects: Vec::new(),
            last_good: None,
            owner: None,
            running: None,
        }
    }

    #[test]
    fn the_sentence_answers_first() {
        let clock = Clock::utc(Time::from_seconds(1_795_232_530));
        let cases: [(usize, usize, bool, &[i64], &str); 9] = [
            (0, 0, false, &[], "No builder is configured yet"),
            (2, 2, false, &[], "Nothing has been built yet"),
            (1, 0, true, &[], "The builder is well"),
            (3, 0, true, &[], "All 3 builders are well"),
            (3, 1, true, &[], "2 builders are well"),
            (3, 0, true, &[1], "b1 is broken since 02:42"),
            (3, 0, true, &[30], "b30 is broken since Thu 19 Nov"),
            (3, 0, true, &[1, 30], "2 builders are broken, 1 of them new"),
            (3, 0, true, &[5, 30], "2 builders are broken, the first since Thu 19 Nov"),
        ];
        for (builders, fresh, any_build, hours, words) in cases {
            let broken = hours.iter().map(|h| broken(*h, &clock)).collect();
            let v = Home { builders, fresh, any_build, broken, ..Home::default() };
            assert_eq!(sentence(&v, &clock), words);
            assert!(page(&v, &clock).body.into_string().contains("Nothing runs, nothing waits."));
        }
    }

    #[test]
    fn what_is_in_the_way_is_told_with_reason_and_advice() {
        let clock = Clock::utc(Time::from_seconds(1_795_232_530));
        let of =
            |what, reason: &str| Obstacle { what, since: clock.now - Span::seconds(90), reason: reason.to_owned() };
        let worker = Hindered::Worker { name: "<pi>".to_owned(), builds: vec![model::BuildId(7)] };
        let obstacles = vec![of(Hindered::Logs, "/m/logs/0/3.slog: No space left"), of(worker, "No space left")];
        let page = page(&Home { builders: 1, any_build: true, obstacles, ..Home::default() }, &clock);
        assert!(page.listen.contains("obstacles/*/*"), "it goes away by itself");
        let text = page.body.into_string();
        for told in [
            "No log can be written, so output waits on the workers: /m/logs/0/3.slog: No space left</bdi> (for <time",
            "Make room on that disk of the master; all goes on by itself then.",
            "On worker &lt;pi&gt; a command waits, since what is said cannot be written there: No space left",
        ] {
            assert!(text.contains(told), "{told}\n{text}");
        }
    }

    #[test]
    fn an_empty_page_teaches() {
        let clock = Clock::utc(Time::from_seconds(1_795_232_530));
        let state = "last look 12 s ago, head 90c677b".to_owned();
        let feeds = vec![Feed { name: "zlib".to_owned(), state, failing: false, next_at: None }];
        let v = Home { builders: 1, fresh: 1, feeds, ..Home::default() };
        let text = page(&v, &clock).body.into_string();
        assert!(text.contains("push a change") && text.contains("head 90c677b"), "{text}");
        assert!(page(&Home::default(), &clock).body.into_string().contains("master.star"));
    }
}
