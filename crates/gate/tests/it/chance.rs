//! Random queues under every policy, each event held against a world in which the truth is known: nothing untested
//! lands, nobody good is evicted, nothing depends on what is not written down, and everybody has an end after a number
//! of events that is known beforehand.

use crate::world::{Clash, Truth, World};
use gate::{Adaptive, CandidateId, End, Event, Footprint, Outcome, Policy, Promise, Red, Settings, Trial};
use proptest::prelude::*;
use proptest::sample::Index;

/// So many candidates may come.
const MOST: u64 = 14;

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        Just(Policy::Unqueued),
        Just(Policy::Serial),
        (1..6_usize).prop_map(|most| Policy::Batch { most }),
        (1..6_usize).prop_map(|window| Policy::Train { window }),
        Just(Policy::Tree),
        Just(Policy::Adaptive(Adaptive::default())),
        (0..5_u8, 1..12_u8).prop_map(|(ahead, share)| {
            let (ahead, merge_share) = (f64::from(ahead), f64::from(share));
            Policy::Adaptive(Adaptive { ahead, merge_share, backlog: 1.0, ..Adaptive::default() })
        }),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    (policy(), 1..7_usize, 0..3_u32, any::<bool>()).prop_map(|(policy, slots, retries, each)| Settings {
        retries,
        promise: if each { Promise::EachCommit } else { Promise::Tip },
        ..Settings::new(policy, slots)
    })
}

fn footprint() -> impl Strategy<Value = Footprint> {
    prop_oneof![3 => Just(Footprint::ALL), 1 => Just(Footprint::of([0])), 1 => Just(Footprint::of([1])),
        1 => Just(Footprint::of([2])), 1 => Just(Footprint::of([0, 1]))]
}

fn truth() -> impl Strategy<Value = Truth> {
    let footprints = proptest::collection::vec(footprint(), MOST as usize);
    let bad = proptest::collection::btree_set(1..=MOST, 0..5);
    let clash = prop_oneof![Just(Clash::Red), Just(Clash::Conflict)];
    let clashes = proptest::collection::vec((1..=MOST, 1..=MOST, clash), 0..4);
    (footprints, bad, clashes).prop_map(|(footprints, bad, clashes)| {
        let footprints = (1..=MOST).zip(footprints).collect();
        let clashes = clashes.into_iter().filter(|(a, b, _)| a != b).map(|(a, b, c)| ((a.min(b), a.max(b)), c));
        Truth { bad, clashes: clashes.collect(), footprints }
    })
}

/// What happens next, if it can.
#[derive(Clone, Debug)]
enum Turn {
    Submit { needs: Option<Index>, priority: i64, wanted: u32 },
    Approve(Index),
    Withdraw(Index),
    Prioritise(Index, i64),
    Ends(Index),
    Flake(Index),
    Breaks(Index),
    Push(u8),
    Foreign { footprint: Footprint, breaks: bool, heard: bool },
    Slots(usize),
    Crash { arrived: bool },
    Reread,
}

fn turn() -> impl Strategy<Value = Turn> {
    let which = any::<Index>;
    let need = prop_oneof![3 => Just(None), 1 => which().prop_map(Some)];
    let priority = prop_oneof![4 => Just(0), 1 => -2..3_i64];
    let wanted = prop_oneof![5 => Just(0), 1 => Just(1_u32)];
    prop_oneof![
        8 => (need, priority, wanted).prop_map(|(needs, priority, wanted)| Turn::Submit { needs, priority, wanted }),
        2 => which().prop_map(Turn::Approve),
        1 => which().prop_map(Turn::Withdraw),
        1 => (which(), -2..3_i64).prop_map(|(who, priority)| Turn::Prioritise(who, priority)),
        14 => which().prop_map(Turn::Ends),
        1 => which().prop_map(Turn::Flake),
        1 => which().prop_map(Turn::Breaks),
        10 => (0..12_u8).prop_map(Turn::Push),
        1 => (footprint(), 0..4_u8, any::<bool>())
            .prop_map(|(footprint, breaks, heard)| Turn::Foreign { footprint, breaks: breaks == 0, heard }),
        1 => (1..7_usize).prop_map(Turn::Slots),
        1 => any::<bool>().prop_map(|arrived| Turn::Crash { arrived }),
        2 => Just(Turn::Reread),
    ]
}

/// One turn; what is not possible now does not happen.
fn take(world: &mut World, next: &mut u64, turn: &Turn) {
    let known = || (1..*next).map(CandidateId).collect::<Vec<_>>();
    let running = world.running();
    match turn {
        Turn::Submit { needs, priority, wanted } if *next <= MOST => {
            let needs: Vec<u64> =
                needs.iter().filter(|_| *next > 1).map(|n| 1 + n.index(*next as usize - 1) as u64).collect();
            *next += 1;
            world.submit(*next - 1, &needs, *priority, *wanted);
        }
        Turn::Approve(who) if *next > 1 => {
            world.apply(Event::Approved { candidate: *who.get(&known()), by: "ann".into() });
        }
        Turn::Withdraw(who) if *next > 1 => {
            world.apply(Event::Withdrawn { candidate: *who.get(&known()), by: "kim".into() });
        }
        Turn::Prioritise(who, priority) if *next > 1 => {
            world.apply(Event::Prioritised { candidate: *who.get(&known()), priority: *priority });
        }
        Turn::Ends(which) if !running.is_empty() => world.ends(*which.get(&running)),
        Turn::Flake(which) if !running.is_empty() => {
            world.steady = false;
            world.apply(Event::Ended { trial: *which.get(&running), outcome: Outcome::Red(Red::default()) });
        }
        Turn::Breaks(which) if !running.is_empty() => {
            let outcome = Outcome::Broken("the machine broke".into());
            world.apply(Event::Ended { trial: *which.get(&running), outcome });
        }
        Turn::Push(roll) if world.queue.landing().is_some() => world.pushes(*roll),
        Turn::Foreign { footprint, breaks, heard } => {
            world.foreign(*footprint, if *breaks { *footprint } else { Footprint::NONE }, false);
            if *heard {
                world.heard();
            }
        }
        Turn::Slots(slots) => world.apply(Event::Slots(*slots)),
        Turn::Crash { arrived } => world.crashes(*arrived),
        Turn::Reread => world.reread(),
        _ => {}
    }
    mended(world);
}

/// Somebody mends a branch that came to be red from outside.
fn mended(world: &mut World) {
    if world.queue.halted().is_some() {
        world.foreign(Footprint::ALL, Footprint::NONE, true);
        world.heard();
        world.apply(Event::Resumed { by: "kim".into() });
    }
}

/// Nothing comes any more, and every trial ends as it truly does, the oldest first. Answers how many events that took.
fn quiet(world: &mut World, next: u64) -> usize {
    for candidate in (1..next).map(CandidateId) {
        world.apply(Event::Approved { candidate, by: "ann".into() });
    }
    let most = bound(world);
    let mut events = 0;
    while world.queue.line().count() > 0 {
        assert!(events < most, "more than {most} events: {}", world.story());
        events += 1;
        if world.queue.landing().is_some() {
            world.pushes(9);
        } else if world.queue.halted().is_some() {
            mended(world);
        } else if let Some(trial) = world.running().first() {
            world.ends(*trial);
        } else {
            panic!("nothing runs and somebody waits: {}", world.story());
        }
    }
    events
}

/// So many events are enough: each decision costs at most some rounds of the slots, and of those who were tested with
/// it.
fn bound(world: &World) -> usize {
    let line = world.queue.line().count();
    let running = world.queue.trials().filter(|t| Trial::is_running(t)).count();
    8 + running + 4 * line * (line + world.queue.settings().slots)
}

/// Eight times as many as usual; `PROPTEST_CASES` says otherwise.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: 8 * usual.cases, failure_persistence: None, ..usual }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_lands_was_tested_and_everybody_has_an_end(
        settings in settings(),
        truth in truth(),
        turns in proptest::collection::vec(turn(), 10..90),
    ) {
        let mut world = World::new(settings, truth);
        let mut next = 1;
        for turn in &turns {
            take(&mut world, &mut next, turn);
        }
        quiet(&mut world, next);
        for id in 1..next {
            let end = &world.queue.ended(CandidateId(id)).expect("everybody has an end").end;
            prop_assert!(!world.steady || !matches!(end, End::Landed { .. }) || !world.truth.bad.contains(&id), "{id} is bad and landed");
        }
    }
}
