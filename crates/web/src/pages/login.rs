//! The login form.

use super::layout::{Page, Room, headline};
use super::mark::Mark;
use maud::html;

/// What the login page has to say.
#[derive(Debug)]
pub(super) struct Login {
    /// Where to go afterwards.
    pub(super) next: String,
    /// What was wrong: `wrong`, `slow`, or another word.
    pub(super) error: Option<String>,
    /// There is somebody who can log in.
    pub(super) users: bool,
    /// Who is logged in already.
    pub(super) user: Option<String>,
}

/// The page.
pub(super) fn page(v: &Login) -> Page {
    let error = v.error.as_deref().map(|e| match e {
        "wrong" => "The name or the password is not right.",
        "slow" => "Too many logins have failed: wait a minute and try again.",
        "denied" => "That needs a login.",
        _ => "The login did not work. The master's log says why.",
    });
    let body = html! {
        (headline(Mark::Absent, &html! {
            @match &v.user { Some(name) => { "Logged in as " (super::text::outside(name, 40)) }, None => { "Log in" } }
        }))
        p.under { "Reading is open. Forcing, stopping and pausing need a login." }
        @if let Some(text) = error { p.bad role="alert" { (text) } }
        @if v.users {
            form.fields.login method="post" action="/auth/login" {
                input type="hidden" name="next" value=(v.next);
                label { "Name" input name="user" autocomplete="username" required maxlength="200" autofocus[v.user.is_none()]; }
                label { "Password" input type="password" name="password" autocomplete="current-password" required maxlength="1000"; }
                button { "Log in" }
            }
        } @else {
            section.lesson {
                p { "Nobody can log in yet. Name people in " code { "master.star" } ":" }
                pre { "web(\n    listen = \"127.0.0.1:8010\",\n    users = {\"ada\": secret(\"ada\")},\n)" }
                p { "Or let everybody act, on a machine of your own: " code { "web(anonymous_control = True)" } ". The command line needs neither: it finds the token in the master's directory." }
            }
        }
    };
    Page {
        title: "Log in".to_owned(),
        icon: Mark::Absent,
        room: Room::Elsewhere,
        listen: String::new(),
        class: "login",
        body,
    }
}
