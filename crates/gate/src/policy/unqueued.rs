//! No queue: everybody tests on the tip, and anew when somebody else was first.

use crate::policy::Plan;
use crate::trial::Purpose;
use crate::view::View;

pub(super) fn plan(view: &View) -> Plan {
    let mut plan = Plan::default();
    for (place, candidate) in view.line.iter().enumerate() {
        let needs = candidate.needs.iter().any(|n| view.queue.waiting(*n).is_some());
        if !needs {
            plan.want(vec![candidate.id], Purpose::Screen, 1.0 / (1.0 + place as f64));
        }
    }
    plan
}
