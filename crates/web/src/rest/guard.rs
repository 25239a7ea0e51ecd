//! What every answer carries, and what a request must not be: the headers, and pages of other sites.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

/// Whether a browser says that another site's page asks.
///
/// Browsers tell it in `Sec-Fetch-Site`, or else in `Origin`; programs that are no browsers send neither and carry no
/// cookie that somebody else could use.
pub(super) fn is_cross_site(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => return false,
        Some(_) => return true,
        None => {}
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let Ok(origin) = origin.to_str() else { return true };
    let same_host = origin.split_once("://").map(|(_, host)| host).zip(text("host"));
    let here = same_host.is_some_and(|(o, h)| o.eq_ignore_ascii_case(h));
    !here && !origin_of(public_url).is_some_and(|o| o.eq_ignore_ascii_case(origin))
}

/// Whether a browser came here under a name that somebody else may own.
///
/// A page of `evil.example` whose name is made to mean this machine's address is "the same site" for a browser. Nobody
/// can do that with an address, with a name without dots, or with the name that the configuration gives. Who is logged
/// in or has a token needs none of this: neither is sent to another name.
pub(super) fn is_foreign_name(headers: &HeaderMap, public_url: &str) -> bool {
    let is_browser = ["sec-fetch-site", "origin"].iter().any(|name| headers.contains_key(*name));
    if !is_browser {
        return false;
    }
    let Some(host) = headers.get(header::HOST).and_then(|v| v.to_str().ok()) else { return true };
    let name = without_port(host);
    let is_address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let own = origin_of(public_url).and_then(|o| o.split_once("://")).map(|(_, host)| without_port(host));
    let is_local = !name.contains('.') || name.ends_with(".localhost");
    !(is_address || is_local || own.is_some_and(|own| own.eq_ignore_ascii_case(name)))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

/// Scheme, host and port of an address.
fn origin_of(url: &str) -> Option<&str> {
    let start = url.find("://")? + 3;
    let end = url[start..].find('/').map_or(url.len(), |i| start + i);
    Some(&url[..end])
}

/// Puts the headers on an answer that has no such headers of its own.
pub(crate) async fn headed(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// The headers of every answer. Nothing inline runs, nothing of other sites is loaded, no page of another site frames
/// ours, and no browser guesses at types.
const HEADERS: [(&str, HeaderValue); 4] = [
    (
        "content-security-policy",
        HeaderValue::from_static(
            "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
        ),
    ),
    ("x-content-type-options", HeaderValue::from_static("nosniff")),
    ("referrer-policy", HeaderValue::from_static("same-origin")),
    ("x-frame-options", HeaderValue::from_static("DENY")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_told_by_the_browser() {
        let public = "https://ci.example.org/";
        let cases: [(&[(&str, &str)], bool); 11] = [
            (&[], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://ci.example.org")], true),
            (&[("origin", "http://127.0.0.1:8010"), ("host", "127.0.0.1:8010")], false),
            (&[("origin", "http://evil.example"), ("host", "127.0.0.1:8010")], true),
            (&[("origin", "https://ci.example.org"), ("host", "inner:8010")], false),
            (&[("origin", "https://ci.example.org.evil"), ("host", "inner:8010")], true),
            (&[("origin", "null"), ("host", "127.0.0.1:8010")], true),
            (&[("origin", "http://127.0.0.1:8010")], true),
        ];
        for (pairs, cross) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(header::HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(is_cross_site(&headers, public), cross, "{pairs:?}");
        }
    }

    #[test]
    fn a_name_that_others_may_own_is_foreign() {
        let cases = [
            ("127.0.0.1:8010", false),
            ("192.168.1.7", false),
            ("[::1]:8010", false),
            ("localhost:8010", false),
            ("ci.localhost", false),
            ("buildbox:8010", false),
            ("CI.example.org", false),
            ("ci.example.org:8443", false),
            ("evil.example:8010", true),
            ("127.0.0.1.evil.example", true),
            ("ci.example.org.evil:80", true),
        ];
        for (host, foreign) in cases {
            let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            assert!(!is_foreign_name(&headers, "https://ci.example.org/"), "{host}: no browser");
            headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
            assert_eq!(is_foreign_name(&headers, "https://ci.example.org/"), foreign, "{host}");
        }
        let nameless = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static("http://127.0.0.1"))]);
        assert!(is_foreign_name(&nameless, ""));
    }
}
