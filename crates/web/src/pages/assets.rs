//! Files that pages need, kept in the binary: their address holds the hash of their bytes, so they are cached for ever.

use super::mark::Mark;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::LazyLock;

struct Asset {
    kind: &'static str,
    bytes: Vec<u8>,
    address: String,
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// By name.
static ASSETS: LazyLock<BTreeMap<String, Asset>> = LazyLock::new(|| {
    let files: [(&str, &str, &[u8]); 6] = [
        ("sluice.css", CSS, include_bytes!("../../assets/sluice.css")),
        ("print.css", CSS, include_bytes!("../../assets/print.css")),
        ("theme.js", JS, include_bytes!("../../assets/theme.js")),
        ("live.js", JS, include_bytes!("../../assets/live.js")),
        ("log.js", JS, include_bytes!("../../assets/log.js")),
        ("idiomorph.js", JS, include_bytes!("../../assets/idiomorph.js")),
    ];
    let files = files.into_iter().map(|(name, kind, bytes)| (name.to_owned(), kind, bytes.to_vec()));
    let icons = Mark::ICONS.into_iter().map(|m| (format!("{}.svg", m.class()), SVG, m.favicon().into_bytes()));
    files
        .chain(icons)
        .map(|(name, kind, bytes)| {
            let hash: String = Sha256::digest(&bytes).iter().take(6).map(|b| format!("{b:02x}")).collect();
            let address = format!("/assets/{hash}/{name}");
            (name, Asset { kind, bytes, address })
        })
        .collect()
});

/// The address of a file. A name that is not there has an address that answers 404.
pub(super) fn address(name: &str) -> &'static str {
    ASSETS.get(name).map_or("/assets/none", |a| a.address.as_str())
}

/// The address of the tab's icon for a state.
pub(super) fn icon(mark: Mark) -> &'static str {
    let mark = if Mark::ICONS.contains(&mark) { mark } else { Mark::Absent };
    ASSETS.get(&format!("{}.svg", mark.class())).map_or("/assets/none", |a| a.address.as_str())
}

/// `GET /assets/HASH/NAME`. An old hash gets the present bytes, and is told not to keep them.
pub(super) async fn get((hash, name): (String, String)) -> Response {
    let Some(asset) = ASSETS.get(&name) else {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    };
    let fresh = asset.address.split('/').nth(2) == Some(hash.as_str());
    let cache = if fresh { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, cache),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, asset.bytes.as_slice()).into_response()
}

/// The handler as a route wants it.
pub(super) async fn route(Path(at): Path<(String, String)>) -> Response {
    get(at).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_are_cached_by_hash() {
        let address = address("sluice.css");
        let mut parts = address.split('/').skip(2).map(str::to_owned);
        let at = (parts.next().unwrap(), parts.next().unwrap());
        let cases = [
            (at.clone(), StatusCode::OK, "public, max-age=31536000, immutable"),
            (("old".to_owned(), at.1.clone()), StatusCode::OK, "no-cache"),
            ((at.0, "../x".to_owned()), StatusCode::NOT_FOUND, ""),
        ];
        for (at, status, cache) in cases {
            let answer = get(at).await;
            assert_eq!(answer.status(), status);
            let told = answer.headers().get(header::CACHE_CONTROL).map_or("", |v| v.to_str().unwrap());
            assert_eq!(told, cache);
        }
    }

    #[test]
    fn the_scripts_keep_their_size() {
        let all: usize = ASSETS.values().filter(|a| a.kind == JS).map(|a| a.bytes.len()).sum();
        assert!(all < 60_000, "{all} bytes of script");
        for (name, most) in [("live.js", 150), ("log.js", 350), ("theme.js", 40)] {
            let lines = ASSETS[name].bytes.iter().filter(|b| **b == b'\n').count();
            assert!(lines <= most, "{name} has {lines} lines");
        }
    }
}
