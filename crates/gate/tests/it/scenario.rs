//! Single queues, turn by turn.

use crate::desk::Desk;
use gate::{CandidateId, Commit, End, Event, Footprint, Policy, Promise, Push, Remote, Settings};

fn train() -> Desk {
    Desk::new(Policy::Train { window: 4 }, 4)
}

#[test]
fn a_train_lands_car_by_car_and_each_commit_is_the_tested_one() {
    let mut desk = train();
    assert_eq!(desk.submit(1), "t1: 1");
    assert_eq!(desk.submit(2), "t2: 1+2");
    assert_eq!(desk.green(1), "land 1 as t1 on tip");
    assert_eq!(desk.done(), "");
    assert_eq!(desk.green(2), "land 2 as t2 on t1");
    assert_eq!(desk.done(), "");
    assert_eq!(desk.queue.trunk().tip, Commit("t2".into()));
}

#[test]
fn red_behind_one_who_is_red_is_nobodys_fault() {
    let mut desk = train();
    desk.submit(1);
    desk.submit(2);
    assert_eq!(desk.submit(3), "t3: 1+2+3");
    // 3 is red first, together with 2, who is bad: nothing is said of it, and it is tested on.
    assert_eq!(desk.red(3), "t3 is red");
    assert_eq!(desk.red(2), "t2 is red; t4: 1+3");
    assert_eq!(desk.green(1), "land 1 as t1 on tip");
    // Only now that 1 has landed is it proven that 2 is at fault.
    assert_eq!(desk.done(), "evict 2 by t2 (LandedSince)");
    assert_eq!(desk.green(4), "land 3 as t4 on t1");
}

#[test]
fn where_each_commit_is_promised_no_car_lands_with_another() {
    let policy = Policy::Train { window: 4 };
    let mut desk = Desk::with(Settings { promise: Promise::EachCommit, ..Settings::new(policy, 4) });
    desk.submit(1);
    desk.submit(2);
    assert_eq!(desk.green(2), "");
    assert_eq!(desk.green(1), "land 1 as t1 on tip");
    assert_eq!(desk.done(), "land 2 as t2 on t1");
}

#[test]
fn a_stack_falls_with_its_foot_and_the_next_one_does_not() {
    let mut desk = train();
    desk.submit(1);
    desk.submitted(2, Footprint::ALL, &[1]);
    desk.submit(3);
    assert_eq!(desk.red(1), "t1 is red; evict 1 by t1 (Branch); drop 2 with 1; cancel t2; cancel t3; t4: 3");
    assert_eq!(desk.green(4), "land 3 as t4 on tip");
    assert!(matches!(&desk.queue.ended(CandidateId(2)).unwrap().end, End::DependencyFailed { on } if on.0 == 1));
}

#[test]
fn a_doubtful_push_is_looked_into() {
    let all = Footprint::ALL;
    let other = || Commit("other".into());
    let cases = [
        (Remote::Ours { same_tree: true, above: None }, "", "t1"),
        (Remote::Ours { same_tree: true, above: Some((other(), all)) }, "", "other"),
        (Remote::Before, "land 1 as t1 on tip", "tip"),
        (Remote::Elsewhere { to: other(), footprint: all }, "t2: 1", "other"),
        (Remote::Silent, "ask for t1", "tip"),
    ];
    for (remote, then, tip) in cases {
        let mut desk = Desk::new(Policy::Serial, 1);
        desk.submit(1);
        assert_eq!(desk.green(1), "land 1 as t1 on tip");
        assert_eq!(desk.pushed(Push::Doubtful("the line broke".into())), "ask for t1");
        assert_eq!(desk.apply(&Event::Found(remote.clone())), then, "{remote:?}");
        assert_eq!(desk.queue.trunk().tip, Commit(tip.into()), "{remote:?}");
    }
}

#[test]
fn what_came_past_the_gate_is_not_overwritten() {
    let mut desk = Desk::new(Policy::Serial, 1);
    desk.submit(1);
    assert_eq!(desk.green(1), "land 1 as t1 on tip");
    let moved = Push::Moved { to: Commit("other".into()), footprint: Footprint::ALL };
    assert_eq!(desk.pushed(moved), "t2: 1");
    assert_eq!(desk.green(2), "land 1 as t2 on other");
}

#[test]
fn a_red_on_an_unproven_branch_is_held_against_the_branch_first() {
    let moved = Event::Moved { to: Commit("other".into()), footprint: Footprint::ALL };
    let mut desk = Desk::new(Policy::Serial, 1);
    desk.apply(&moved);
    assert_eq!(desk.submit(1), "t1: 1");
    assert_eq!(desk.red(1), "t1 is red; t2: control");
    assert_eq!(desk.green(2), "evict 1 by t1 (Branch)");

    let mut desk = Desk::new(Policy::Serial, 1);
    desk.apply(&moved);
    desk.submit(1);
    desk.red(1);
    assert_eq!(desk.red(2), "t2 is red; halt: Broken { trial: TrialId(2) }");
    assert!(desk.queue.waiting(CandidateId(1)).is_some());
}

#[test]
fn disjoint_footprints_neither_wait_nor_invalidate() {
    let (lib, app) = (Footprint::of([0]), Footprint::of([1]));
    let mut desk = train();
    assert_eq!(desk.submitted(1, lib, &[]), "t1: 1");
    assert_eq!(desk.submitted(2, app, &[]), "t2: 2");
    assert_eq!(desk.green(2), "land 2 as t2 on tip");
    assert_eq!(desk.done(), "");
    assert_eq!(desk.green(1), "land 1 as t1 on t2 replayed");
    assert_eq!(desk.pushed(Push::NotReplayed), "t3: 1");
}

#[test]
fn what_landed_must_be_what_was_tested() {
    let mut desk = Desk::new(Policy::Serial, 1);
    desk.submit(1);
    desk.submit(2);
    desk.green(1);
    let wrong = Push::Done { commit: Commit("t1".into()), same_tree: false };
    assert_eq!(desk.pushed(wrong), "");
    assert!(desk.queue.halted().is_some());
    assert_eq!(desk.apply(&Event::Resumed { by: "kim".into() }), "t2: 2");
    let mut desk = Desk::new(Policy::Serial, 1);
    desk.submit(1);
    desk.green(1);
    assert_eq!(desk.pushed(Push::Refused("no".into())), "");
    assert!(desk.queue.halted().is_some());
}

#[test]
fn a_flake_is_repeated_within_the_budget_and_marked() {
    let budget = |a_day| Settings { retries_a_day: a_day, ..Settings::new(Policy::Serial, 1) };
    let mut desk = Desk::with(budget(5));
    desk.submit(1);
    assert_eq!(desk.red(1), "repeat t1");
    assert_eq!(desk.green(1), "land 1 as t1 on tip");
    desk.done();
    assert!(matches!(desk.queue.ended(CandidateId(1)).unwrap().end, End::Landed { flaky: true, .. }));
    let mut desk = Desk::with(budget(0));
    desk.submit(1);
    assert_eq!(desk.red(1), "t1 is red; evict 1 by t1 (Branch)");
}

#[test]
fn many_red_together_are_searched_and_the_last_one_is_not_tested() {
    let mut desk = Desk::new(Policy::Batch { most: 4 }, 1);
    desk.submit(9);
    (1..=4).for_each(|id| assert_eq!(desk.submit(id), ""));
    desk.green(1);
    assert_eq!(desk.done(), "t2: 1+2+3+4");
    assert_eq!(desk.red(2), "t2 is red; t3: 1+2");
    assert_eq!(desk.green(3), "land 1+2 as t3 on t1");
    assert_eq!(desk.done(), "t4: 3");
    assert_eq!(desk.green(4), "land 3 as t4 on t3");
    assert_eq!(desk.done(), "evict 4 by t2 (LandedSince)");
}

#[test]
fn people_are_told_what_each_waits_for() {
    let mut desk = train();
    desk.submit(1);
    desk.submit(2);
    let line = gate::why::line(&desk.queue, model::Time::from_seconds(9));
    let told: Vec<String> = line.iter().map(|p| format!("{}: {}", p.candidate, p.waits)).collect();
    assert_eq!(
        told,
        ["1: is tested alone in trial 1, green with 90 %", "2: is tested with 1 in trial 2, green with 81 %"]
    );
}
