//! Engines that are broken on purpose are caught, each by a rule that speaks of what is broken.

use sim::{Options, Sabotage, run};

/// What is broken, and the rules that may notice it first.
const CAUGHT: [(Sabotage, &[&str]); 26] = [
    (Sabotage::NoLocks, &["locks-within-capacity"]),
    (Sabotage::MoreBuilds, &["max-builds"]),
    (Sabotage::MergeAll, &["never-merged"]),
    (Sabotage::MergeNone, &["all-merged"]),
    (Sabotage::NobodyFollows, &["followed-once"]),
    (Sabotage::Hasty, &["quiet-time"]),
    (Sabotage::Slow, &["nothing-overdue"]),
    (Sabotage::NoFlags, &["plan-as-configured"]),
    (Sabotage::Backwards, &["order"]),
    (Sabotage::SetsAreGood, &["set-result"]),
    (Sabotage::RequestsTwice, &["store-agrees"]),
    (Sabotage::ChangesLost, &["store-agrees", "nothing-overdue", "loaded-is-living"]),
    (Sabotage::Forgetful, &["turns-settle", "nothing-overdue", "time-once", "change-in-one-set", "loaded-is-living"]),
    (Sabotage::StepsLost, &["store-agrees", "step-ends-first", "one-step-at-a-time"]),
    (Sabotage::BuildsLost, &["store-agrees", "request-result", "lease-is-dated"]),
    (Sabotage::OldAnswers, &["old-answers-are-refused"]),
    (Sabotage::StopsLost, &["build-result", "loaded-is-living", "steps-in-order", "trigger-waits"]),
    (Sabotage::NobodyLeaves, &["lease-is-dated", "loaded-is-living"]),
    (Sabotage::BuildsAreGood, &["build-result"]),
    (Sabotage::Lazy, &["somebody-idles", "woken-for-something", "order"]),
    // Who does not know the configuration does not know which timers a clock that was set back has moved.
    (Sabotage::NothingHeld, &["locks-within-capacity", "loaded-is-living", "true-reason", "nothing-overdue"]),
    (Sabotage::DeafToClocks, &["clock-follows"]),
    (Sabotage::LeapingClock, &["grace-is-real", "grace-ends", "quiet-time-is-real", "nothing-waits-for-ever", "order"]),
    (Sabotage::TimersStay, &["quiet-time", "quiet-time-is-real", "nothing-overdue", "nothing-waits-for-ever"]),
    (Sabotage::NightsAnew, &["nightly-once", "time-once"]),
    (Sabotage::FullIsFine, &["log-is-whole"]),
];

#[test]
fn everything_that_is_broken_is_caught() {
    assert_eq!(CAUGHT.map(|(sabotage, _)| sabotage), Sabotage::ALL);
    let mut wrong = String::new();
    for (sabotage, rules) in CAUGHT {
        // A clock that is set back over a night is rare.
        let acts = if sabotage == Sabotage::NightsAnew { 80 } else { 40 };
        let options = Options { acts, sabotage, ..Options::default() };
        let caught = (1..=150).find_map(|seed| run(seed, options).err());
        let rule = caught.as_ref().map(|failure| failure.violation.rule);
        if !rule.is_some_and(|rule| rules.contains(&rule)) {
            let what = caught.map(|failure| failure.violation.what);
            wrong += &format!("{sabotage:?}: {rule:?}: {what:?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_failure_tells_how_to_see_it_again() {
    let options = Options { acts: 40, sabotage: Sabotage::SetsAreGood, ..Options::default() };
    let failure = (1..=60).find_map(|seed| run(seed, options).err()).expect("it is caught");
    let small = sim::shrink(failure.seed, &failure, options);
    assert!(small.acts <= failure.acts);
    let again = run(failure.seed, small).expect_err("it is caught again");
    assert_eq!(again.violation.rule, failure.violation.rule);
    let told = again.to_string();
    assert!(told.starts_with(&format!("seed {} breaks a rule after", failure.seed)), "{told}");
    assert!(told.contains("set-result: set ") && told.contains("the last events:"), "{told}");
}
