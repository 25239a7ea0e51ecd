//! What only the master knows: what runs, what waits and why; and whether it is well.

use super::find::{Found, there};
use super::reply::Failure;
use crate::Web;
use crate::control::{self, ControlError};
use api::live::LiveStep;
use api::{LiveBuild, LiveRequest, LiveSource, WhyAnswer};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{RequestId, RequestStatus, Time};

impl From<ControlError> for Failure {
    fn from(e: ControlError) -> Self {
        match e {
            ControlError::Unknown(text) => Failure::NotFound(text),
            ControlError::Unavailable(text) => Failure::Unavailable(text),
            other => Failure::Bad(other.to_string()),
        }
    }
}

pub(super) async fn live(web: &Web) -> Found<api::Live> {
    let live = web.control.live().await?;
    let now = web.control.now();
    let outbox = web.store.outbox_sums().await?;
    Ok(api::Live {
        now: now.as_seconds(),
        public_url: web.control.public_url(),
        running: live.running.into_iter().map(running).collect(),
        waiting: live
            .waiting
            .into_iter()
            .map(|w| LiveRequest {
                buildrequestid: w.request.0,
                builderid: w.builder.0,
                submitted_at: w.submitted_at.as_seconds(),
                why: w.why.sentence(now),
            })
            .collect(),
        waiting_total: live.waiting_total,
        outbox: outbox.iter().map(api::OutboxSum::of).collect(),
        obstacles: live.obstacles.iter().map(crate::obstacle::Obstacle::document).collect(),
        sources: live
            .sources
            .into_iter()
            .map(|s| LiveSource {
                name: s.name,
                state: s.state,
                failing: s.failing,
                looked_at: s.looked_at.map(Time::as_seconds),
                next_at: s.next_at.map(Time::as_seconds),
            })
            .collect(),
    })
}

fn running(build: control::LiveBuild) -> LiveBuild {
    let usual_s = build.step_usual.map(model::Span::as_secs_f64);
    LiveBuild {
        buildid: build.build.0,
        builderid: build.builder.0,
        workerid: build.worker.0,
        started_at: build.started_at.as_seconds(),
        step: build.step.map(|(id, name, since)| LiveStep {
            stepid: id.0,
            name,
            started_at: since.as_seconds(),
            usual_s,
        }),
        ends_earliest: build.ends.map(|(early, _)| early.as_seconds()),
        ends_latest: build.ends.map(|(_, late)| late.as_seconds()),
        to_come: build.to_come,
        worker_away_since: build.worker_away.map(|(since, _)| since.as_seconds()),
        worker_given_up_at: build.worker_away.map(|(_, until)| until.as_seconds()),
    }
}

pub(super) async fn why(web: &Web, id: i64) -> Found<WhyAnswer> {
    let id = RequestId(id);
    let request = there(web.store.request(id).await?, || format!("build request {id}"))?;
    if let Some(why) = web.control.why(id).await? {
        return Ok(WhyAnswer::waiting(id, &why, web.control.now()));
    }
    Ok(WhyAnswer::not_waiting(
        id,
        &match request.status {
            RequestStatus::Waiting => "it has just been taken up".to_owned(),
            RequestStatus::Claimed { build, .. } => format!("it does not wait: build {build} runs"),
            RequestStatus::Complete { results, .. } => format!("it does not wait: it ended as {results}"),
        },
    ))
}

/// `GET /healthz`: 200 when the store answers.
pub(super) async fn healthz(State(web): State<Web>) -> Response {
    let (status, text) = match web.store.builders(&model::Query::default().limit(1)).await {
        Ok(_) => (StatusCode::OK, "ok\n".to_owned()),
        Err(e) => (StatusCode::SERVICE_UNAVAILABLE, format!("{e}\n")),
    };
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
