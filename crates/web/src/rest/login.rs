//! Logging in and out on the pages.

use super::auth::COOKIE;
use super::guard;
use super::guess::Origin;
use super::session::{LIFE, LoginError};
use crate::Web;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

/// The fields of the login form.
#[derive(Deserialize)]
pub(super) struct Login {
    user: String,
    password: String,
    /// The page to go on with.
    #[serde(default)]
    next: String,
}

/// The fields of the logout button.
#[derive(Deserialize)]
pub(super) struct Logout {
    #[serde(default)]
    next: String,
}

/// `POST /auth/login`: a session cookie and the way to `next`, or back to `/login` with what was wrong.
pub(super) async fn login(
    State(web): State<Web>,
    from: Origin,
    headers: HeaderMap,
    Form(form): Form<Login>,
) -> Response {
    if guard::is_cross_site(&headers, &web.control.public_url()) {
        return (StatusCode::FORBIDDEN, super::auth::Denied::CrossSite.to_string()).into_response();
    }
    match web.auth.login(&form.user, &form.password, from) {
        Ok(id) => {
            let secure = if web.control.public_url().starts_with("https:") { "; Secure" } else { "" };
            let age = LIFE.as_secs();
            cookie(
                to(local(&form.next)),
                &format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}"),
            )
        }
        Err(e) => {
            let word = match e {
                LoginError::Wrong => "wrong",
                LoginError::TooMany => "slow",
                LoginError::NoRandomness => "random",
            };
            tracing::warn!("a login as '{}' failed: {e}", form.user.escape_debug());
            to(&format!("/login?error={word}&next={}", encoded(local(&form.next))))
        }
    }
}

/// `POST /auth/logout`: the session ends.
pub(super) async fn logout(State(web): State<Web>, headers: HeaderMap, Form(form): Form<Logout>) -> Response {
    if !guard::is_cross_site(&headers, &web.control.public_url()) {
        web.auth.logout(&headers);
    }
    cookie(to(local(&form.next)), &format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"))
}

/// A path on this master; anything else is the home page. `//host`, `/\host` and addresses lead elsewhere.
fn local(next: &str) -> &str {
    let here = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if here && next.len() <= 2_000 { next } else { "/" }
}

fn encoded(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'.' | b'_');
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn to(path: &str) -> Response {
    let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

fn cookie(mut response: Response, text: &str) -> Response {
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_nowhere_else() {
        let cases = [
            ("/builders/linux/7?x=1#L3", "/builders/linux/7?x=1#L3"),
            ("", "/"),
            ("//evil.example/", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("/a\r\nSet-Cookie: x=y", "/"),
            ("javascript:alert(1)", "/"),
        ];
        for (given, led) in cases {
            assert_eq!(local(given), led, "{given}");
        }
    }
}
