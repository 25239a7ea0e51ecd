//! Engines that are broken on purpose: each must be caught, or the rules prove nothing.

use crate::functions::named;
use model::{Collapse, Config, Results, SchedulerKind, Span, Transition};

/// What is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing.
    #[default]
    None,
    /// Locks hinder nobody.
    NoLocks,
    /// Every worker takes one build too many.
    MoreBuilds,
    /// All builders merge for the same source.
    MergeAll,
    /// No builder merges.
    MergeNone,
    /// Nobody follows another scheduler.
    NobodyFollows,
    /// Quiet times are half as long.
    Hasty,
    /// Quiet times are twice as long.
    Slow,
    /// Flags of steps are those of plain ones.
    NoFlags,
    /// Whoever came last goes first.
    Backwards,
    /// Sets are called good whatever their requests are.
    SetsAreGood,
    /// A request's end is told twice.
    RequestsTwice,
    /// A change is not written.
    ChangesLost,
    /// A scheduler's memory is neither taken nor written.
    Forgetful,
    /// A step's result is not written.
    StepsLost,
    /// The end of a build is not written.
    BuildsLost,
    /// Answers for old epochs count.
    OldAnswers,
    /// Stops are not written.
    StopsLost,
    /// Nothing is written of a worker's leaving.
    NobodyLeaves,
    /// Every build is called a success.
    BuildsAreGood,
    /// Free workers are left alone every now and then.
    Lazy,
    /// After a start nobody knows what running builds hold.
    NothingHeld,
    /// A time of day that was set is not heard of.
    DeafToClocks,
    /// The master's clock leaps with the time of day, and nothing moves along.
    LeapingClock,
    /// Leases move along with the time of day, schedulers do not.
    TimersStay,
    /// When the time of day is set back, the nights are counted anew.
    NightsAnew,
    /// What finds no room on the disk is called durable.
    FullIsFine,
}

/// What becomes of a transition: whether the world takes it, and how often it is written.
pub(crate) struct Fate {
    pub(crate) taken: bool,
    pub(crate) written: usize,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Sabotage; 26] = [
        Sabotage::NoLocks,
        Sabotage::MoreBuilds,
        Sabotage::MergeAll,
        Sabotage::MergeNone,
        Sabotage::NobodyFollows,
        Sabotage::Hasty,
        Sabotage::Slow,
        Sabotage::NoFlags,
        Sabotage::Backwards,
        Sabotage::SetsAreGood,
        Sabotage::RequestsTwice,
        Sabotage::ChangesLost,
        Sabotage::Forgetful,
        Sabotage::StepsLost,
        Sabotage::BuildsLost,
        Sabotage::OldAnswers,
        Sabotage::StopsLost,
        Sabotage::NobodyLeaves,
        Sabotage::BuildsAreGood,
        Sabotage::Lazy,
        Sabotage::NothingHeld,
        Sabotage::DeafToClocks,
        Sabotage::LeapingClock,
        Sabotage::TimersStay,
        Sabotage::NightsAnew,
        Sabotage::FullIsFine,
    ];

    /// The configuration that the engine is given instead of the real one.
    pub(crate) fn config(self, real: &Config) -> Config {
        let mut config = real.clone();
        match self {
            Sabotage::NoLocks => config.locks.clear(),
            Sabotage::MoreBuilds => config.workers.iter_mut().for_each(|w| w.max_builds += 1),
            Sabotage::MergeAll => config.builders.iter_mut().for_each(|b| b.collapse = Collapse::SameSource),
            Sabotage::MergeNone => config.builders.iter_mut().for_each(|b| b.collapse = Collapse::Never),
            Sabotage::NobodyFollows => {
                for scheduler in &mut config.schedulers {
                    if let SchedulerKind::Dependent { upstream } = &mut scheduler.kind {
                        *upstream = "nobody".to_owned();
                    }
                }
            }
            Sabotage::Backwards => {
                config.builders.iter_mut().for_each(|b| b.next_request = Some(named("newest_first")));
            }
            Sabotage::Hasty => quiet_times(&mut config, |span| Span(span.0 / 2)),
            Sabotage::Slow => quiet_times(&mut config, |span| Span(span.0 * 2)),
            Sabotage::NoFlags => {
                let steps = config.builders.iter_mut().flat_map(|b| &mut b.steps);
                steps.for_each(|s| s.flags = model::StepFlags::PLAIN);
            }
            _ => {}
        }
        config
    }

    /// What the transition becomes, and what becomes of it.
    pub(crate) fn twist(self, transition: &mut Transition) -> Fate {
        let as_usual = Fate { taken: true, written: 1 };
        let lost = Fate { taken: true, written: 0 };
        match (self, transition) {
            (Sabotage::SetsAreGood, Transition::SetFinished { results, .. })
            | (Sabotage::BuildsAreGood, Transition::BuildFinished { results, .. }) => {
                *results = Results::Success;
                as_usual
            }
            (Sabotage::RequestsTwice, Transition::RequestFinished { .. }) => Fate { taken: true, written: 2 },
            (Sabotage::Forgetful, Transition::SchedulerRemembers { .. }) => Fate { taken: false, written: 0 },
            (Sabotage::ChangesLost, Transition::ChangeAdded(_))
            | (Sabotage::StepsLost, Transition::StepFinished { .. })
            | (Sabotage::BuildsLost, Transition::BuildFinished { .. })
            | (Sabotage::StopsLost, Transition::StopAsked { .. })
            | (Sabotage::NobodyLeaves, Transition::WorkerDisconnected { .. }) => lost,
            _ => as_usual,
        }
    }
}

fn quiet_times(config: &mut Config, turn: impl Fn(Span) -> Span) {
    for scheduler in &mut config.schedulers {
        if let SchedulerKind::SingleBranch(follow) | SchedulerKind::AnyBranch(follow) = &mut scheduler.kind {
            follow.tree_stable_timer = follow.tree_stable_timer.map(&turn);
        }
    }
}
