//! The moment that stands for a revision where the version control system has none for a whole tree (CVS).

use crate::{RunningBuild, World};
use model::{Span, Time};

/// The moment whose tree a build of changes takes: `delay` after the last change, or in the middle of the time in which
/// the scheduler waited for quiet. So a clock that is a little off leads to no tree of half a commit. `None`: it is of no
/// change, and takes the newest.
pub fn of_build(world: &World, running: &RunningBuild, codebase: &str, delay: Option<Span>) -> Option<Time> {
    let set = world.request(running.build.request).and_then(|r| world.set(r.set))?;
    let stamp = set.stamps.iter().find(|s| s.codebase == codebase && !s.changes.is_empty())?;
    let scheduler = world.config().schedulers.iter().find(|s| s.name == set.scheduler);
    let quiet = scheduler.and_then(|s| s.kind.follows()).and_then(|f| f.tree_stable_timer).unwrap_or(Span::ZERO);
    Some(between(stamp.created_at, quiet, delay))
}

/// The set was filed when it had been quiet for so long.
fn between(filed: Time, quiet: Span, delay: Option<Span>) -> Time {
    filed - quiet + delay.unwrap_or(Span(quiet.0 / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_in_the_middle_of_the_quiet_time_unless_told_otherwise() {
        let filed = Time::from_seconds(1_000);
        for (quiet, delay, expected) in [
            (Span::seconds(60), None, 970),
            (Span::seconds(60), Some(Span::seconds(10)), 950),
            (Span::seconds(60), Some(Span::seconds(90)), 1_030),
            (Span::ZERO, None, 1_000),
            (Span::ZERO, Some(Span::seconds(5)), 1_005),
        ] {
            assert_eq!(between(filed, quiet, delay), Time::from_seconds(expected), "{quiet:?} {delay:?}");
        }
    }
}
