//! What the buttons of the pages do: a form comes in, the master is asked, the browser is sent on.

use super::gate::gate_at;
use super::layout::{Frame, builder_at, worker_at};
use super::load::{self, Trouble};
use super::{answer, force, frame, notice, refusal};
use crate::Web;
use crate::control::{ControlError, Enabled, Force, GateAct};
use crate::rest::auth::{Denied, User};
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use model::RequestId;
use serde::Deserialize;

/// The fields of the small buttons.
#[derive(Debug, Deserialize)]
pub(super) struct ActForm {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    next: String,
}

/// Who acts, or the answer to somebody who may not. The page to come back to is where the button stood.
fn admitted(web: &Web, headers: &HeaderMap, back: &str) -> Result<String, Box<Response>> {
    let name = |user: Option<User>| user.map_or_else(|| "a visitor".to_owned(), |u| u.name);
    web.auth.may_act(headers, &web.control.public_url()).map(name).map_err(|denied| {
        Box::new(match denied {
            Denied::CrossSite | Denied::ForeignName => {
                let page = notice::trouble(&denied.to_string(), &[], back);
                answer(&bare(web, back), &page, StatusCode::FORBIDDEN)
            }
            Denied::NoLogin | Denied::NotValid => {
                let next = super::text::segment(back);
                Redirect::to(&format!("/login?error=denied&next={next}")).into_response()
            }
        })
    })
}

fn bare(web: &Web, here: &str) -> Frame {
    let config = web.control.config();
    let gates = config.gates.len();
    Frame {
        is_master: true,
        project: config.project.title.clone(),
        gates,
        user: None,
        open: false,
        here: here.to_owned(),
    }
}

/// Only our own addresses: a link from outside must not make the browser leave.
fn local(next: &str, otherwise: &str) -> String {
    let own = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if own { next.to_owned() } else { otherwise.to_owned() }
}

/// Sends on, or says what did not work.
fn done(web: &Web, headers: &HeaderMap, uri: &Uri, result: Result<(), Trouble>, back: &str) -> Response {
    let frame = frame(web, headers, uri);
    match result {
        Ok(()) => Redirect::to(back).into_response(),
        Err(Trouble::Control(e)) => {
            let (status, details) = match &e {
                ControlError::Unknown(_) => (StatusCode::NOT_FOUND, Vec::new()),
                ControlError::Refused(_) => (StatusCode::CONFLICT, Vec::new()),
                ControlError::Fields(fields) => {
                    let lines = fields.iter().map(|(field, wrong)| format!("{field}: {wrong}")).collect();
                    (StatusCode::BAD_REQUEST, lines)
                }
                ControlError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, Vec::new()),
            };
            let sentence = if details.is_empty() { e.to_string() } else { "The form is not right".to_owned() };
            answer(&frame, &notice::trouble(&sentence, &details, back), status)
        }
        Err(other) => refusal(&frame, &other),
    }
}

fn reason(given: &str, who: &str, what: &str) -> String {
    match given.trim() {
        "" => format!("{what} by {who}"),
        reason => reason.chars().take(500).collect(),
    }
}

/// `POST /builders/NAME/force`
pub(super) async fn force(
    State(web): State<Web>,
    Path(name): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Response {
    let back = builder_at(&name);
    let who = match admitted(&web, &headers, &back) {
        Ok(who) => who,
        Err(answer) => return *answer,
    };
    let result = async {
        let builder = load::builder::named(&web, &name).await?;
        let form = force::read(&pairs, &web.control.config());
        let force =
            Force { builders: vec![builder.id], reason: reason(&form.reason, &who, "forced"), owner: who, ..form };
        web.control.force(force).await?;
        Ok(())
    };
    done(&web, &headers, &uri, result.await, &back)
}

/// `POST /builders/NAME/NUMBER/stop` and `…/rebuild`
pub(super) async fn build(
    State(web): State<Web>,
    Path((name, number, what)): Path<(String, i64, String)>,
    headers: HeaderMap,
    uri: Uri,
    Form(form): Form<ActForm>,
) -> Response {
    let here = super::layout::build_at(&name, number);
    let who = match admitted(&web, &headers, &here) {
        Ok(who) => who,
        Err(answer) => return *answer,
    };
    let mut back = here;
    let result = async {
        let (_, build) = load::build::numbered(&web, &name, number).await?;
        match what.as_str() {
            "stop" => web.control.stop_build(build.id, reason(&form.reason, &who, "stopped")).await?,
            "rebuild" => {
                let filed = web.control.rebuild(build.id, reason(&form.reason, &who, "rebuilt")).await?;
                back = filed.requests.first().map_or(builder_at(&name), |(_, r)| format!("/requests/{r}"));
            }
            other => return Err(Trouble::Missing(format!("act {other}"))),
        }
        Ok(())
    }
    .await;
    let back = local(&form.next, &back);
    done(&web, &headers, &uri, result, &back)
}

/// `POST /requests/ID/cancel`
pub(super) async fn cancel(
    State(web): State<Web>,
    Path(id): Path<i64>,
    headers: HeaderMap,
    uri: Uri,
    Form(form): Form<ActForm>,
) -> Response {
    let back = local(&form.next, &format!("/requests/{id}"));
    let who = match admitted(&web, &headers, &back) {
        Ok(who) => who,
        Err(answer) => return *answer,
    };
    let asked = web.control.cancel_request(RequestId(id), reason(&form.reason, &who, "cancelled")).await;
    done(&web, &headers, &uri, asked.map_err(Trouble::from), &back)
}

/// `POST /workers/NAME/pause` and `…/resume`
pub(super) async fn worker(
    State(web): State<Web>,
    Path((name, what)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
    Form(form): Form<ActForm>,
) -> Response {
    let back = worker_at(&name);
    let who = match admitted(&web, &headers, &back) {
        Ok(who) => who,
        Err(answer) => return *answer,
    };
    let result = async {
        let worker = load::worker::named(&web, &name).await?;
        let reason = match what.as_str() {
            "pause" => Some(reason(&form.reason, &who, "paused")),
            "resume" => None,
            other => return Err(Trouble::Missing(format!("act {other}"))),
        };
        Ok(web.control.pause_worker(worker.id, reason).await?)
    };
    done(&web, &headers, &uri, result.await, &back)
}

/// `POST /schedulers/NAME/enable` and `…/disable`
pub(super) async fn scheduler(
    State(web): State<Web>,
    Path((name, what)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let back = "/schedulers";
    if let Err(answer) = admitted(&web, &headers, back) {
        return *answer;
    }
    let result = async {
        let enabled = match what.as_str() {
            "enable" => Enabled::Yes,
            "disable" => Enabled::No,
            other => return Err(Trouble::Missing(format!("act {other}"))),
        };
        let scheduler = load::scheduler::named(&web, &name).await?;
        Ok(web.control.enable_scheduler(scheduler.id, enabled).await?)
    };
    done(&web, &headers, &uri, result.await, back)
}

/// `POST /gates/NAME/resume`
pub(super) async fn resume_gate(
    State(web): State<Web>,
    Path(name): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let back = gate_at(&name);
    let who = match admitted(&web, &headers, &back) {
        Ok(who) => who,
        Err(answer) => return *answer,
    };
    let asked = web.control.gate_act(name, GateAct::Resume, who).await;
    done(&web, &headers, &uri, asked.map(drop).map_err(Trouble::from), &back)
}

/// `POST /gates/NAME/candidates/ID/approve` and `…/withdraw`
pub(super) async fn candidate(
    State(web): State<Web>,
    Path((name, id, what)): Path<(String, i64, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let back = gate_at(&name);
    let who = match admitted(&web, &headers, &back) {
        Ok(who) => who,
        Err(answer) => return *answer,
    };
    let result = async {
        let act = match what.as_str() {
            "approve" => GateAct::Approve(id),
            "withdraw" => GateAct::Withdraw(id),
            other => return Err(Trouble::Missing(format!("act {other}"))),
        };
        web.control.gate_act(name, act, who).await?;
        Ok(())
    };
    done(&web, &headers, &uri, result.await, &back)
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn a_browser_is_only_sent_to_our_own_pages() {
        let cases = [
            ("/queue", "/queue"),
            ("//evil", "/x"),
            ("https://evil", "/x"),
            ("", "/x"),
            ("/\\evil", "/x"),
            ("/a\r\nb", "/x"),
        ];
        for (next, expected) in cases {
            assert_eq!(local(next, "/x"), expected, "{next}");
        }
    }
}
