//! How builders are doing, for other pages (`/badges/NAME.svg`) and for tray monitors (`/cc.xml`).

use super::reply::Failure;
use crate::Web;
use api::Layout;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{PreEscaped, html};
use model::{Build, BuilderId, Query, Results};

/// A word and its colour, dark enough for white text (4.5 to 1).
fn look(build: Option<&Build>) -> (&'static str, &'static str) {
    let Some(results) = build.and_then(|b| b.status.results()) else { return ("no build", "#5f6b73") };
    let colour = match results {
        Results::Success => "#2f7d4f",
        Results::Warnings => "#8f6400",
        Results::Failure => "#b3361f",
        Results::Exception => "#7a3f9d",
        Results::Skipped | Results::Retry | Results::Cancelled => "#5f6b73",
    };
    (results.word(), colour)
}

/// `GET /badges/NAME.svg`
pub(super) async fn badge(State(web): State<Web>, Path(name): Path<String>) -> Response {
    let name = name.strip_suffix(".svg").unwrap_or(&name);
    let found = match web.store.builder_by_name(name).await {
        Ok(Some(builder)) => last(&web, builder.id).await,
        Ok(None) => Err(Failure::NotFound(format!("there is no builder '{name}'"))),
        Err(e) => Err(e.into()),
    };
    match found {
        Ok(build) => {
            ([(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "no-cache")], svg(name, build.as_ref()))
                .into_response()
        }
        Err(e) => e.respond(Layout::Compact),
    }
}

async fn last(web: &Web, builder: BuilderId) -> Result<Option<Build>, Failure> {
    let query = Query::default().eq("builderid", builder.0).eq("complete", true).newest_first("number").limit(1);
    Ok(web.store.builds_bare(&query).await?.rows.into_iter().next())
}

fn svg(name: &str, build: Option<&Build>) -> String {
    let (word, colour) = look(build);
    let name: String = name.chars().take(60).collect();
    // Verdana at 11 pixels is about 7 wide; `textLength` makes the guess true in every browser.
    let width = |text: &str| text.chars().count() * 7;
    let (left, right) = (width(&name) + 12, width(word) + 12);
    html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(left + right) height="20" role="img" aria-label=(format!("{name}: {word}")) {
            title { (name) ": " (word) }
            rect width=(left) height="20" fill="#38434b" {}
            rect x=(left) width=(right) height="20" fill=(colour) {}
            g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" {
                text x="6" y="14" textLength=(left - 12) { (name) }
                text x=(left + 6) y="14" textLength=(right - 12) { (word) }
            }
        }
    }
    .into_string()
}

/// `GET /cc.xml`: the format of CruiseControl's tray monitors.
pub(super) async fn cc(State(web): State<Web>) -> Response {
    match projects(&web).await {
        Ok(text) => ([(header::CONTENT_TYPE, "application/xml; charset=utf-8")], text).into_response(),
        Err(e) => e.respond(Layout::Compact),
    }
}

async fn projects(web: &Web) -> Result<String, Failure> {
    let builders = web.store.builders(&Query::default()).await?.rows;
    let finished = web.store.last_finished().await?;
    let running = web.store.builds_bare(&Query::default().eq("complete", false)).await?.rows;
    let url = web.control.public_url();
    let text = html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
        Projects {
            @for builder in builders.iter().filter(|b| b.configured) {
                @let last = finished.iter().find(|b| b.builder == builder.id);
                @let activity = if running.iter().any(|b| b.builder == builder.id) { "Building" } else { "Sleeping" };
                Project name=(builder.name) activity=(activity) lastBuildStatus=(status(last))
                    lastBuildLabel=[last.map(|b| b.number)] lastBuildTime=[last.and_then(time)]
                    webUrl=(format!("{url}builders/{}", encoded(&builder.name))) {}
            }
        }
    };
    Ok(text.into_string())
}

fn status(build: Option<&Build>) -> &'static str {
    match build.and_then(|b| b.status.results()) {
        None => "Unknown",
        Some(Results::Success | Results::Warnings | Results::Skipped) => "Success",
        Some(Results::Failure) => "Failure",
        Some(Results::Exception | Results::Retry | Results::Cancelled) => "Exception",
    }
}

fn time(build: &Build) -> Option<String> {
    let at = jiff::Timestamp::from_microsecond(build.status.complete_at()?.0).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn encoded(name: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    name.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
