//! A master that notes what the pages ask of it, and tells what runs and waits as it was written down.

use model::*;
use std::sync::{Arc, Mutex};
use web::control::{Answer, Control, ControlError, Enabled, Force, Forced, GateAct, Live};
use web::tried::Try;

/// What the master is asked is noted; what runs and waits is told as it was written down.
pub(crate) struct Fake {
    pub(crate) config: Arc<Config>,
    pub(crate) live: Mutex<Live>,
    pub(crate) now: Clock,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) gates: Mutex<Vec<GateView>>,
}

/// Which time it is.
pub(crate) type Clock = fn() -> Time;

fn answer<'a, T: Send + 'a>(value: Result<T, ControlError>) -> Answer<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Fake {
    fn note(&self, line: String) {
        self.asked.lock().unwrap().push(line);
    }
    fn filed(builder: BuilderId) -> Forced {
        Forced { set: BuildSetId(9001), requests: vec![(builder, RequestId(9001))] }
    }
}

impl Control for Fake {
    fn force(&self, force: Force) -> Answer<'_, Forced> {
        if force.branch.as_deref() == Some("none") {
            let wrong = vec![("branch".to_owned(), "there is no branch none".to_owned())];
            return answer(Err(ControlError::Fields(wrong)));
        }
        self.note(format!("force {:?} {} by {}", force.builders, force.reason, force.owner));
        answer(Ok(Self::filed(force.builders[0])))
    }
    fn try_patch(&self, tried: Try) -> Answer<'_, Forced> {
        let what = &tried.what;
        self.note(format!(
            "try {} {:?} for {}: {} branch {:?} at {:?} patch {:?}",
            tried.scheduler,
            tried.builders,
            what.owner,
            what.reason,
            what.branch,
            what.revision,
            tried.patch.as_ref().map(|p| (p.level, p.body.len())),
        ));
        answer(Ok(Forced { set: model::BuildSetId(7), requests: vec![(BuilderId(1), model::RequestId(9))] }))
    }
    fn stop_build(&self, build: BuildId, reason: String) -> Answer<'_, ()> {
        self.note(format!("stop {build}: {reason}"));
        answer(Ok(()))
    }
    fn rebuild(&self, build: BuildId, reason: String) -> Answer<'_, Forced> {
        self.note(format!("rebuild {build}: {reason}"));
        answer(Ok(Self::filed(BuilderId(1))))
    }
    fn cancel_request(&self, request: RequestId, reason: String) -> Answer<'_, ()> {
        self.note(format!("cancel {request}: {reason}"));
        answer(Ok(()))
    }
    fn cancel_set(&self, set: BuildSetId, reason: String) -> Answer<'_, ()> {
        self.note(format!("cancel set {set}: {reason}"));
        answer(Ok(()))
    }
    fn pause_worker(&self, worker: WorkerId, reason: Option<String>) -> Answer<'_, ()> {
        self.note(format!("pause {worker}: {reason:?}"));
        answer(Ok(()))
    }
    fn enable_scheduler(&self, _: SchedulerId, _: Enabled) -> Answer<'_, ()> {
        answer(Ok(()))
    }
    fn add_change(&self, _: NewChange) -> Answer<'_, Option<ChangeId>> {
        answer(Ok(None))
    }
    fn reload(&self) -> Answer<'_, Vec<String>> {
        answer(Ok(Vec::new()))
    }
    fn live(&self) -> Answer<'_, Live> {
        answer(Ok(self.live.lock().unwrap().clone()))
    }
    fn why(&self, request: RequestId) -> Answer<'_, Option<Why>> {
        let live = self.live.lock().unwrap();
        answer(Ok(live.waiting.iter().find(|w| w.request == request).map(|w| w.why.clone())))
    }
    fn gates(&self) -> Answer<'_, Vec<GateView>> {
        answer(Ok(self.gates.lock().unwrap().clone()))
    }
    fn gate_act(&self, gate: String, act: GateAct, who: String) -> Answer<'_, String> {
        self.note(format!("{gate}: {act:?} by {who}"));
        answer(Ok("done".to_owned()))
    }
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config)
    }
    fn now(&self) -> Time {
        (self.now)()
    }
    fn public_url(&self) -> String {
        "http://sluice.test/".to_owned()
    }
}
