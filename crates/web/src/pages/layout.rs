//! The frame around every page: head, navigation, landmarks.

use super::assets;
use super::mark::Mark;
use super::text::{cut, segment};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

/// Which entry of the navigation is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// `/`.
    Home,
    /// `/waterfall`.
    Waterfall,
    /// `/builders` and below.
    Builders,
    /// `/changes` and below.
    Changes,
    /// `/workers` and below.
    Workers,
    /// `/queue` and `/requests`.
    Queue,
    /// `/tests` and below.
    Tests,
    /// `/gates` and below; there where a gate is.
    Gates,
    /// None of them.
    Elsewhere,
}

const ROOMS: [(Room, &str, &str); 8] = [
    (Room::Home, "/", "Home"),
    (Room::Waterfall, "/waterfall", "Waterfall"),
    (Room::Builders, "/builders", "Builders"),
    (Room::Changes, "/changes", "Changes"),
    (Room::Workers, "/workers", "Workers"),
    (Room::Queue, "/queue", "Queue"),
    (Room::Tests, "/tests", "Tests"),
    (Room::Gates, "/gates", "Gates"),
];

/// What the frame has to know.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// The project's name.
    pub(super) project: String,
    /// How many gates there are.
    pub(super) gates: usize,
    /// There is a master; otherwise only runs of tests are shown.
    pub(super) is_master: bool,
    /// Who looks, when they have logged in.
    pub(super) user: Option<String>,
    /// Everybody may act without logging in.
    pub(super) open: bool,
    /// The address of this page, for coming back after a login.
    pub(super) here: String,
}

impl Frame {
    /// Acts work at once for whoever looks at this page.
    pub(super) fn may_act(&self) -> bool {
        self.open || self.user.is_some()
    }

    /// There is something behind an entry of the navigation.
    fn has(&self, room: Room) -> bool {
        match room {
            Room::Tests => true,
            Room::Gates => self.gates > 0,
            _ => self.is_master,
        }
    }

    /// The address of the login page that leads back here.
    pub(super) fn login(&self) -> String {
        format!("/login?next={}", segment(&self.here))
    }
}

/// One page's content.
#[derive(Debug)]
pub(super) struct Page {
    /// Title without the project's name.
    pub(super) title: String,
    /// What the tab's icon shows.
    pub(super) icon: Mark,
    /// The entry of the navigation.
    pub(super) room: Room,
    /// Events after which the page is fetched again: paths below `/sse/listen/`, joined by spaces. Empty: it stands still.
    pub(super) listen: String,
    /// A class for pages that lay themselves out in another width.
    pub(super) class: &'static str,
    /// The content of `main`.
    pub(super) body: Markup,
}

/// The whole document.
pub(super) fn document(frame: &Frame, page: &Page) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (cut(&page.title, 120)) " · " (cut(&frame.project, 60)) }
                link rel="icon" type="image/svg+xml" href=(assets::icon(page.icon));
                link rel="stylesheet" href=(assets::address("sluice.css"));
                link rel="stylesheet" media="print" href=(assets::address("print.css"));
                script src=(assets::address("theme.js")) {}
                script defer src=(assets::address("idiomorph.js")) {}
                script defer src=(assets::address("live.js")) {}
                @if page.class == "reader" { script defer src=(assets::address("log.js")) {} }
            }
            body class=(page.class) {
                a.skip href="#main" { "Skip to the content" }
                (top(frame, page.room))
                main #main data-listen=(page.listen) tabindex="-1" { (page.body) }
            }
        }
    }
}

fn top(frame: &Frame, room: Room) -> Markup {
    html! {
        header.top {
            a.brand href="/" {
                svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" {
                    path.gate d="M4 2h3v20H4zM17 2h3v20h-3zM8.5 2h7v8h-7z" {}
                    path.water d="M8.5 14.5c1.2-1.3 2.3-1.3 3.5 0s2.3 1.3 3.5 0v2c-1.2 1.3-2.3 1.3-3.5 0s-2.3-1.3-3.5 0zm0 4.5c1.2-1.3 2.3-1.3 3.5 0s2.3 1.3 3.5 0v2c-1.2 1.3-2.3 1.3-3.5 0s-2.3-1.3-3.5 0z" {}
                }
                bdi { (cut(&frame.project, 40)) }
            }
            nav aria-label="Pages" {
                @for (here, address, word) in ROOMS.iter().copied().filter(|(room, ..)| frame.has(*room)) {
                    a href=(address) aria-current=[(here == room).then_some("page")] { (word) }
                }
            }
            div.who {
                span #link-state hidden role="status" { "not connected, trying again" }
                button #theme type="button" hidden title="Light, dark, or as the system has it" { "Theme" }
                @match &frame.user {
                    Some(name) => form method="post" action="/auth/logout" { input type="hidden" name="next" value=(frame.here); bdi.name { (cut(name, 30)) } " " button.plain { "Log out" } },
                    None if frame.open || !frame.is_master => {},
                    None => a href=(frame.login()) { "Log in" },
                }
            }
        }
    }
}

/// A document on its way to the browser, with the headers that keep foreign code out.
pub(super) struct Html(pub(super) StatusCode, pub(super) Markup);

/// What a page may load and do: only what comes from here, and nothing inline.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; object-src 'none'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        (self.0, headers, self.1.into_string()).into_response()
    }
}

/// The first sentence of a page, with its mark. The only part that is read aloud when it changes.
pub(super) fn headline(mark: Mark, sentence: &Markup) -> Markup {
    html! { h1 class={ "say " (mark.class()) } aria-live="polite" { (mark.shape_svg()) span { (sentence) } } }
}

/// The way from the root to here.
pub(super) fn crumbs(steps: &[(String, &str)]) -> Markup {
    html! {
        nav.crumbs aria-label="Where this is" {
            @for (address, name) in steps { a href=(address) { bdi { (cut(name, 60)) } } span aria-hidden="true" { " / " } }
        }
    }
}

/// A button that acts: a form of its own, or a link to the login when the reader may not.
pub(super) fn act(frame: &Frame, action: &str, word: &str, hidden: &[(&str, &str)]) -> Markup {
    html! {
        @if frame.may_act() {
            form.act method="post" action=(action) {
                @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
                button { (word) }
            }
        } @else {
            a.button href=(frame.login()) title="Log in to do this" { (word) }
        }
    }
}

/// The address of a builder.
pub(super) fn builder_at(name: &str) -> String {
    format!("/builders/{}", segment(name))
}

/// The address of a build.
pub(super) fn build_at(builder: &str, number: i64) -> String {
    format!("/builders/{}/{number}", segment(builder))
}

/// The address of a worker.
pub(super) fn worker_at(name: &str) -> String {
    format!("/workers/{}", segment(name))
}

/// The address of a log.
pub(super) fn log_at(builder: &str, number: i64, step: &str, slug: &str) -> String {
    format!("/builders/{}/{number}/steps/{}/logs/{}", segment(builder), segment(step), segment(slug))
}
