//! A patch from outside reaches the heart: what was handed in before is answered with what it has become.

use crate::heart::{Heart, Turn};
use crate::input::Reply;
use engine::build_set::NewStamp;
use engine::tried::Trial;
use model::{BuildSet, BuilderId, Query, Request, RequestId, Time, Transition};
use web::control::{ControlError, Forced};
use web::tried::Try;

impl Heart {
    /// Files the set of a try, once: whoever hands the same in again, because the answer was lost or the master died
    /// before the file was moved, hears of the set that there is.
    pub(crate) async fn try_patch(&mut self, tried: Try, reply: Reply<Forced>, now: Time, turn: &mut Turn) {
        let before = match in_turn(turn, &tried) {
            Some(forced) => Ok(Some(forced)),
            None => self.tried_before(&tried).await,
        };
        match before {
            Ok(None) => {}
            Ok(Some(forced)) => return turn.answer(reply, forced),
            Err(e) => return turn.answer(reply, Err(ControlError::Unavailable(e.to_string()))),
        }
        let what = tried.what;
        let trial = Trial {
            scheduler: tried.scheduler,
            builders: tried.builders,
            owner: what.owner,
            comment: what.reason,
            id: tried.id,
            stamp: NewStamp {
                repository: what.repository,
                branch: what.branch,
                revision: what.revision,
                project: what.project,
                codebase: tried.codebase,
                patch: tried.patch,
                ..NewStamp::default()
            },
            properties: what.properties,
        };
        match engine::tried::grant(&self.world, trial, now) {
            Ok(filed) => self.filed(filed, reply, turn),
            Err(fields) => turn.answer(reply, Err(ControlError::Fields(fields))),
        }
    }

    async fn tried_before(&self, tried: &Try) -> Result<Option<Again>, store::StoreError> {
        if tried.id.is_empty() {
            return Ok(None);
        }
        let query = Query::default()
            .eq("external_idstring", tried.id.as_str())
            .eq("scheduler", tried.scheduler.as_str())
            .limit(1);
        let Some(set) = self.store.sets(&query).await?.rows.into_iter().next() else { return Ok(None) };
        let requests = self.store.requests(&Query::default().eq("buildsetid", set.id.0)).await?.rows;
        Ok(Some(again(&set, requests.iter(), tried)))
    }
}

/// What this very turn has filed is not in the store yet.
fn in_turn(turn: &Turn, tried: &Try) -> Option<Again> {
    let id = Some(&tried.id).filter(|id| !id.is_empty())?;
    turn.transitions.iter().find_map(|t| match t {
        Transition::SetFiled { set, requests }
            if set.external_id.as_ref() == Some(id) && set.scheduler == tried.scheduler =>
        {
            Some(again(set, requests.iter(), tried))
        }
        _ => None,
    })
}

/// What a try that comes again is answered.
type Again = Result<Forced, ControlError>;

/// The set that a try has become. A name that somebody else has used is not theirs: they would wait for another's patch.
fn again<'r>(set: &BuildSet, requests: impl Iterator<Item = &'r Request>, tried: &Try) -> Again {
    let owner = set.properties.get("owner").and_then(|owner| owner.value.as_text());
    if owner != Some(tried.what.owner.as_str()) {
        let what = format!("somebody else has tried something under the name '{}'", tried.id);
        return Err(ControlError::Fields(vec![("jobid".to_owned(), what)]));
    }
    Ok(Forced { set: set.id, requests: requests.map(|r| (r.builder, r.id)).collect::<Vec<(BuilderId, RequestId)>>() })
}
