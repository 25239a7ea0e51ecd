//! Files that steps brought to the master, for people: `/public/…`.
//!
//! A build makes them, so they are as little trusted as its output: a browser shows them in a sandbox, without our
//! cookies and without a word to our pages.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{DOCTYPE, html};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

/// At most so many names of a directory are listed.
const MOST: usize = 10_000;

/// The files below a directory, and a list of each directory that has no `index.html`.
pub fn router(root: &Path) -> Router {
    let listed: Arc<Path> = root.into();
    let list = tower::service_fn(move |request: Request| {
        let root = listed.clone();
        async move { Ok::<_, std::convert::Infallible>(directory(&root, request.uri().path()).await) }
    });
    let header = |name: HeaderName, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    Router::new()
        .nest_service("/public", ServeDir::new(root).fallback(list))
        .layer(header(header::CONTENT_SECURITY_POLICY, "sandbox allow-scripts allow-popups allow-downloads"))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
}

/// A directory as a list of links. Names that are no text, and hidden ones, are left out.
async fn directory(root: &Path, path: &str) -> Response {
    let missing = || (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    let Some(place) = inside(root, path) else { return missing() };
    // A link that leads out of the directory is none of ours.
    let real = async { Some((tokio::fs::canonicalize(root).await.ok()?, tokio::fs::canonicalize(&place).await.ok()?)) };
    match real.await {
        Some((root, place)) if place.starts_with(&root) && place.is_dir() => {}
        _ => return missing(),
    }
    if !path.ends_with('/') {
        return Redirect::temporary(&format!("/public{path}/")).into_response();
    }
    match names(&place).await {
        Ok(names) => Html(page(path, &names)).into_response(),
        Err(_) => missing(),
    }
}

/// The place that a path of an address means, if it leads nowhere else.
fn inside(root: &Path, path: &str) -> Option<PathBuf> {
    let parts = api::route::segments(path.trim_matches('/'))?;
    let odd = |part: &String| part == ".." || part == "." || part.contains(['/', '\0', '\\']);
    if parts.iter().any(odd) {
        return None;
    }
    Some(parts.iter().fold(root.to_path_buf(), |place, part| place.join(part)))
}

async fn names(place: &Path) -> std::io::Result<Vec<String>> {
    let mut entries = tokio::fs::read_dir(place).await?;
    let mut names = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') || names.len() >= MOST {
            continue;
        }
        let is_dir = entry.file_type().await?.is_dir();
        names.push(if is_dir { format!("{name}/") } else { name });
    }
    names.sort();
    Ok(names)
}

fn page(path: &str, names: &[String]) -> String {
    let title = api::route::segments(path.trim_matches('/')).unwrap_or_default().join("/");
    let address = |name: &str| match name.strip_suffix('/') {
        Some(directory) => format!("{}/", api::route::segment(directory)),
        None => api::route::segment(name),
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { (title) } meta name="viewport" content="width=device-width"; }
            body {
                h1 { (title) }
                @if names.is_empty() { p { "The directory is empty." } }
                ul { @for name in names { li { a href=(address(name)) { (name) } } } }
            }
        }
    }
    .into_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt;

    async fn get(root: &Path, path: &str) -> (u16, String, String) {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let said = router(root).oneshot(request).await.unwrap();
        let header = |name| said.headers().get(name).map_or("", |v: &HeaderValue| v.to_str().unwrap()).to_owned();
        let (status, policy, place) =
            (said.status(), header(header::CONTENT_SECURITY_POLICY), header(header::LOCATION));
        let body = to_bytes(said.into_body(), 1 << 20).await.unwrap();
        assert!(policy.starts_with("sandbox") && !policy.contains("same-origin"), "{path}: {policy}");
        (status.as_u16(), place, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn files_are_given_and_directories_listed() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("public");
        std::fs::create_dir_all(root.join("docs/<b>&")).unwrap();
        std::fs::write(root.join("docs/a b.txt"), "text").unwrap();
        std::fs::write(root.join("docs/.hidden"), "x").unwrap();
        std::fs::write(top.path().join("token"), "secret").unwrap();
        std::os::unix::fs::symlink(top.path(), root.join("out")).unwrap();
        assert_eq!(get(&root, "/public/docs/a%20b.txt").await, (200, String::new(), "text".to_owned()));
        assert_eq!(get(&root, "/public/docs").await.0, 307);
        let (status, _, list) = get(&root, "/public/docs/").await;
        assert_eq!(status, 200);
        assert!(list.contains("<a href=\"%3Cb%3E%26/\">&lt;b&gt;&amp;/</a>"), "{list}");
        assert!(list.contains("<a href=\"a%20b.txt\">a b.txt</a>") && !list.contains("hidden"), "{list}");
        for path in
            ["/public/nothing", "/public/../token", "/public/%2e%2e/token", "/public/..%2ftoken", "/public/out/"]
        {
            assert_eq!(get(&root, path).await.0, 404, "{path}");
        }
    }
}
