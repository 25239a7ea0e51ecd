//! A build as a person wants it told: `GET /api/v2/sluice/builds/N`.

use super::find::{self, Found};
use crate::Web;
use crate::control::LiveBuild;
use api::BuildRef;
use api::story::{StepStory, Story, Trouble};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use formats::first_error;
use model::builder::Usual;
use model::{Build, LogFacts, Properties, Results, Step, TestNames, Time};

/// How many of a failed step's last lines are searched for the first error.
const SEARCHED: u64 = 400;

/// The same in bytes.
const SEARCHED_BYTES: usize = 256 << 10;

/// How many tests are named in a line of news, and how many lines of it there are.
const MOST_NAMED: usize = 3;
const MOST_NEWS: usize = 20;

/// How many lines are told around the first error, on each side.
const AROUND: usize = 5;

pub(super) async fn get(State(web): State<Web>, Path(id): Path<i64>) -> Response {
    match tell(&web, id).await {
        Ok(story) => Json(story).into_response(),
        Err(failure) => failure.respond(api::Layout::Compact),
    }
}

async fn tell(web: &Web, id: i64) -> Found<Story> {
    let build = find::build(web, &BuildRef::Id(id)).await?;
    let builder = find::there(web.store.builder(build.builder).await?, || format!("builder {}", build.builder))?;
    let worker = web.store.worker(build.worker).await?.map(|w| w.name).unwrap_or_default();
    let steps = web.store.steps_of_build(build.id).await?;
    let request = web.store.request(build.request).await?;
    let set = match &request {
        Some(request) => web.store.set(request.set).await?,
        None => None,
    };
    let change = web.store.changes_of_build(build.id).await?.pop();
    let now = web.control.now();
    let running = match build.status.results() {
        None => web.control.live().await?.running.into_iter().find(|b| b.build == build.id),
        Some(_) => None,
    };
    let trouble = trouble(web, &build, &steps).await?;
    let over = build.status.complete_at();
    Ok(Story {
        buildid: build.id.0,
        number: build.number,
        url: format!("{}builders/{}/{}", web.control.public_url(), encoded(&builder.name), build.number),
        worker,
        reason: set.map(|s| s.reason).unwrap_or_default(),
        branch: text(&build.properties, "branch"),
        revision: text(&build.properties, "got_revision").or_else(|| text(&build.properties, "revision")),
        change: change.map(|c| (c.facts.title().to_owned(), c.facts.author_name().to_owned())),
        now,
        started_at: build.started_at,
        took: over.unwrap_or(now).since(build.started_at),
        usual: builder.usual.build,
        results: build.status.results(),
        state: build.state.clone(),
        steps: steps.iter().map(|s| step_story(s, &builder.usual, now)).collect(),
        to_come: running.map(|b: LiveBuild| b.to_come).unwrap_or_default(),
        trouble,
        news: steps.iter().flat_map(news).take(MOST_NEWS).collect(),
        builder: builder.name,
    })
}

fn text(properties: &Properties, name: &str) -> Option<String> {
    properties.get(name).and_then(|p| p.value.as_text()).map(str::to_owned)
}

/// A name as a segment of an address.
fn encoded(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn step_story(step: &Step, usual: &Usual, now: Time) -> StepStory {
    StepStory {
        stepid: step.id.0,
        name: step.name.clone(),
        results: step.status.results(),
        state: step.state.clone(),
        started_at: step.started_at,
        took: step.status.complete_at().unwrap_or(now).since(step.started_at),
        usual: usual.steps.get(&step.name).copied(),
    }
}

/// What a step's tests are beside those of the build before.
fn news(step: &Step) -> Vec<String> {
    let Some(change) = step.facts.tests.as_ref().and_then(|tests| tests.change.as_ref()) else { return Vec::new() };
    let told = [("fails", "fail", " newly", &change.newly_failing), ("is", "are", " fixed", &change.fixed)];
    let line = |(one, many, what, tests): (&str, &str, &str, &TestNames)| {
        let named = tests.names.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = match tests.count.saturating_sub(MOST_NAMED as u64) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let verb = if tests.count == 1 { one } else { many };
        format!("{} {verb}{what}: {named}{more}", tests.count)
    };
    told.into_iter().filter(|(.., tests)| tests.count > 0).map(line).collect()
}

/// Where to look first: the first error in the log of the first step that ended badly.
async fn trouble(web: &Web, build: &Build, steps: &[Step]) -> Found<Option<Trouble>> {
    let bad = |s: &&Step| matches!(s.status.results(), Some(Results::Failure | Results::Exception));
    let Some(step) = steps.iter().find(bad) else { return Ok(None) };
    let logs = web.store.logs_of_step(step.id).await?;
    let Some(log) = logs.first() else { return Ok(None) };
    Ok(look_into(web, build, step, log).await)
}

/// A log that cannot be read says nothing; the build's own line still does.
async fn look_into(web: &Web, build: &Build, step: &Step, log: &LogFacts) -> Option<Trouble> {
    let tail = web.logs.tail(build.id, log.id, SEARCHED, SEARCHED_BYTES).await.ok()?;
    let said: Vec<(u64, String)> = tail
        .iter()
        .filter(|line| line.stream != model::Stream::Header)
        .map(|line| (line.number, String::from_utf8_lossy(&line.bytes).into_owned()))
        .collect();
    let Some(at) = first_error(said.iter().map(|(_, text)| text.as_str())) else {
        let last = tail.last()?;
        let lines = match step.status.results() {
            // What the log ends with is no reason: the step was cut short by something that the log does not know.
            Some(Results::Exception) => vec![step.state.clone()],
            _ => vec![String::from_utf8_lossy(&last.bytes).into_owned()],
        };
        return Some(Trouble { step: step.name.clone(), logid: log.id.0, line: last.number, lines, at: 0 });
    };
    let from = at.saturating_sub(AROUND);
    let lines = said.iter().skip(from).take(2 * AROUND + 1).map(|(_, text)| text.clone()).collect();
    Some(Trouble { step: step.name.clone(), logid: log.id.0, line: said[at].0, lines, at: at - from })
}
