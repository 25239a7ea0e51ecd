//! One after the other: the head of the line on the tip, and nothing else.

use crate::policy::Plan;
use crate::trial::Purpose;
use crate::view::View;

pub(super) fn plan(view: &View) -> Plan {
    let mut plan = Plan::default();
    // One that runs already goes on, also when somebody of higher priority came.
    let running = view.fitting().find(|(t, _)| t.is_running()).map(|(_, rest)| rest.to_vec());
    let head = || view.line.iter().find(|c| view.same_tree(&[c.id]).is_none()).map(|c| vec![c.id]);
    if let Some(members) = running.or_else(head) {
        plan.want(members, Purpose::Head, 1.0);
    }
    plan
}
