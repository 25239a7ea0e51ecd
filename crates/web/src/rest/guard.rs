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
}
