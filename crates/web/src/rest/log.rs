//! The text of logs: lines as a document, bytes as a stream. Neither needs memory by the length of the log.

use super::find::{self, Found};
use super::reply::Failure;
use crate::Web;
use crate::short::short;
use api::{Answer, LogChunk, LogRef};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use model::{LogFacts, LogStatus};
use store::LogPlace;

/// At most so many bytes of lines are in one answer; `next_offset` tells where the next one begins.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// What a line that is longer than shown ends with.
const CUT: &str = " … (the line is longer; the raw log has all of it)";

/// The header that says what is missing of a log that is cut short.
const SHORT: HeaderName = HeaderName::from_static("sluice-short");

/// How the bytes are to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    /// As a file to keep.
    Attachment,
    /// In the browser.
    Inline,
}

/// The document of a log, with its present length if it still grows.
pub(super) async fn document(web: &Web, build: model::BuildId, log: &LogFacts) -> api::Log {
    let there = web.logs.facts(build, log.id).await;
    let short = short(web, build, log, there.as_ref()).await.map(|short| short.to_string());
    api::Log { short, ..api::Log::of(log, there.map_or(0, |there| there.lines)) }
}

/// Lines of a log.
pub(super) async fn contents(web: &Web, which: &LogRef, query: &str) -> Found<Answer<LogChunk>> {
    let (first, limit) = api::query::lines(query)?;
    let LogPlace { log, build, .. } = find::log(web, which).await?;
    let lines = web.logs.facts(build, log.id).await.map(|f| f.lines);
    let lines = match (lines, log.status) {
        (Some(lines), _) => lines,
        // It was opened, and its worker has not said anything yet.
        (None, LogStatus::Open) => 0,
        (None, LogStatus::Sealed { lines: 0, .. }) => 0,
        (None, LogStatus::Sealed { .. }) => return Err(gone(&log)),
    };
    let there = lines.saturating_sub(first);
    let wanted = limit.map_or(there, |n| n.min(there));
    let mut content = String::new();
    let mut got = 0;
    if wanted > 0 {
        for line in web.logs.lines(build, log.id, first, wanted, MOST_BYTES).await? {
            content.push(line.stream.letter());
            content.push_str(&String::from_utf8_lossy(&line.bytes));
            if line.cut {
                content.push_str(CUT);
            }
            content.push('\n');
            got += 1;
        }
    }
    let next_offset = (got < wanted).then_some(first + got);
    Ok(Answer { rows: vec![LogChunk { logid: log.id.0, firstline: first, content, next_offset }], total: None })
}

/// Where to begin, in bytes: `?offset=N`, for those who have the beginning already.
fn first_byte(query: &str) -> Result<u64, Failure> {
    let mut from = 0;
    for (name, value) in api::query::parts(query)? {
        if name != "offset" {
            return Err(api::QueryError::Unknown(name).into());
        }
        from = value.parse().map_err(|_| Failure::Bad(format!("offset: '{value}' is no number of bytes")))?;
    }
    Ok(from)
}

/// The bytes of a log. They are plain text whatever they hold: a log must not become a page.
pub(super) async fn raw(web: &Web, which: &LogRef, query: &str, how: Raw) -> Result<Response, Failure> {
    let from = first_byte(query)?;
    let LogPlace { log, build, step } = find::log(web, which).await?;
    let known = web.logs.facts(build, log.id).await;
    if known.is_none() && matches!(log.status, LogStatus::Sealed { lines: 1.., .. }) {
        return Err(gone(&log));
    }
    let short = short(web, build, &log, known.as_ref()).await;
    let body = match known {
        Some(_) => Body::from_stream(web.logs.raw_from(build, log.id, from)),
        None => Body::empty(),
    };
    let mut response = ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response();
    let headers = response.headers_mut();
    match (short, log.status) {
        // Its length stays open: the rest may come while this is read.
        (Some(short), _) => {
            headers.insert(SHORT, HeaderValue::try_from(short.to_string()).unwrap_or(HeaderValue::from_static("yes")));
        }
        (None, LogStatus::Sealed { bytes, .. }) => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.saturating_sub(from)));
        }
        (None, LogStatus::Open) => {}
    }
    // Even a browser that guesses finds nothing that runs.
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    if how == Raw::Attachment {
        let name = format!("build_{build}_step_{}_log_{}.txt", safe(&step.name), safe(&log.slug));
        let value = format!("attachment; filename=\"{name}\"");
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
    }
    Ok(response)
}

fn gone(log: &LogFacts) -> Failure {
    Failure::NotFound(format!("the text of log {} is not there any more", log.id))
}

/// A name for a file: what is no letter, digit, dot or dash becomes an underscore.
fn safe(name: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    name.chars().map(keep).take(80).collect()
}
