//! Several changes at once in a gate of a master, and what must hold after each story of a line.

use crate::land::Gate;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use testkit::wait_until;

/// A task that waits for `go`, and calls by name what `lib` defines; without `lib` that is `old`.
fn calls(gate: &std::path::Path) -> String {
    let script = format!(
        "git rev-parse HEAD >> {at}/seen; echo TAP version 13; lib=$(cat lib 2>/dev/null || echo old); \
         while [ ! -e {at}/go ]; do sleep 0.05; done; if [ -e calls ] && [ \"$(cat calls)\" != \"$lib\" ]; then echo 'not ok 1 - calls what is there'; \
         else echo 'ok 1 - calls what is there'; fi; echo 1..1",
        at = gate.display()
    );
    format!("task(\"unit\", stages = [stage(\"test\", {}, output = \"tap\")])", json!(script))
}

/// A task that is red at once where `bad` and `c.txt` meet, and else waits for `go` and is red where `bad` is.
fn slow_but_for_c(gate: &std::path::Path) -> String {
    let script = format!(
        "git rev-parse HEAD >> {at}/seen; echo TAP version 13; \
         if [ ! -e bad ] || [ ! -e c.txt ]; then while [ ! -e {at}/go ]; do sleep 0.05; done; fi; \
         if [ -e bad ]; then echo 'not ok 1 - nothing bad'; else echo 'ok 1 - nothing bad'; fi; echo 1..1",
        at = gate.display()
    );
    format!("task(\"unit\", stages = [stage(\"test\", {}, output = \"tap\")])", json!(script))
}

impl Gate {
    /// As [`Gate::holds_where`], in a gate whose trees are good where no file's name begins with `bad`.
    #[track_caller]
    pub(crate) fn holds(&self, culprits: &[i64]) {
        self.holds_where(culprits, |tip| {
            !self.repo.git(["ls-tree", "--name-only", tip]).lines().any(|name| name.starts_with("bad"))
        });
    }

    /// What must hold once a line is empty, besides [`Gate::is_sound`]: each tip of the branch is good, and those and only
    /// those were rejected whose fault it was.
    #[track_caller]
    pub(crate) fn holds_where(&self, culprits: &[i64], is_good: impl Fn(&str) -> bool) {
        self.is_sound();
        let tips = self.repo.git(["reflog", "show", "--format=%H", "main"]);
        for tip in tips.lines() {
            assert!(is_good(tip), "{tip} was on the branch and is not good\n{}", self.told());
        }
        let candidates = self.get("/trunk/candidates?state=rejected&limit=1000");
        let rejected = candidates["candidates"].as_array().expect("candidates").iter();
        let rejected: BTreeSet<i64> = rejected.filter_map(|c| c["candidateid"].as_i64()).collect();
        assert_eq!(rejected, culprits.iter().copied().collect(), "{}", self.told());
    }

    fn file_at(&self, commit: &str, file: &str) -> Option<String> {
        let listed = self.repo.git(["ls-tree", "--name-only", commit, "--", file]);
        (!listed.is_empty()).then(|| self.repo.git(["show", &format!("{commit}:{file}")]))
    }

    fn trials_of(&self, members: &[i64]) -> Vec<Value> {
        let trials = self.get("/trunk/trials?order=trialid&limit=500");
        let all = trials["trials"].as_array().expect("trials").iter();
        all.filter(|t| t["members"] == json!(members)).cloned().collect()
    }
}

/// Scenario 6: one renames what the other calls; each passes alone.
#[test]
fn of_two_that_fit_only_in_words_the_first_lands_and_the_other_is_told_why() {
    for order in [["renames", "calls"], ["calls", "renames"]] {
        let gate = Gate::with_tasks(calls, ", slots = 2, retries = 0, policy = \"train\"");
        gate.change(&gate.base, "renames", "lib", "new\n");
        gate.change(&gate.base, "calls", "calls", "old\n");
        let [first, second] = order.map(|name| gate.land(name));
        wait_until("both are tested", || !gate.trials_of(&[first, second]).is_empty());
        fs::write(gate.place.path("go"), "").expect("they are let go");
        assert_eq!(gate.decided(first)["state"], "landed", "{}", gate.told());
        let second_one = gate.decided(second);
        assert_eq!(second_one["state"], "rejected", "{}", gate.told());
        assert_eq!(second_one["tests"], json!(["calls what is there"]));
        let reason = second_one["reason"].as_str().expect("a reason");
        let blamed = format!("it passes without this change, as {first} landed from the same trees");
        assert!(reason.starts_with("unit/test failed: calls what is there (build "), "{reason}");
        assert!(reason.ends_with(&blamed), "{reason}");
        assert_eq!(gate.landed(), [order[0]]);
        gate.holds_where(&[second], |tip| {
            let lib = gate.file_at(tip, "lib").unwrap_or_else(|| "old".to_owned());
            gate.file_at(tip, "calls").is_none_or(|called| called == lib)
        });
    }
}

/// Scenario 7: what stands on a failing change does not land by itself, is not called failed, and lands on the mended one.
#[test]
fn what_stands_on_a_failing_change_lands_when_that_is_mended() {
    let gate = Gate::new(0.1, ", slots = 3, retries = 0");
    let x = gate.change(&gate.base, "x", "bad.txt", "x\n");
    gate.change(&x, "y", "y.txt", "y\n");
    gate.change(&gate.base, "z", "z.txt", "z\n");
    let [x, y, z] = ["x", "y", "z"].map(|name| gate.land(name));
    assert_eq!(gate.decided(x)["state"], "rejected", "{}", gate.told());
    let y_ended = gate.decided(y);
    assert_eq!(y_ended["state"], "dependency_failed");
    assert_eq!(y_ended["reason"], json!(format!("it needs {x}, which did not land")));
    assert_eq!(gate.decided(z)["state"], "landed", "{}", gate.told());
    assert_eq!(gate.landed(), ["z"]);
    let x2 = gate.change(&gate.base, "x2", "x.txt", "x\n");
    gate.change(&x2, "y2", "y.txt", "y\n");
    let pair = ["x2", "y2"].map(|name| gate.land(name));
    for id in pair {
        assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    }
    assert_eq!(gate.landed(), ["z", "x2", "y2"]);
    gate.holds(&[x]);
}

/// Scenario 8: what is red behind a bad one, and sooner, is not blamed; what is before the bad one goes on.
#[test]
fn an_early_red_behind_a_bad_change_is_nobodys_but_the_bad_ones() {
    let gate = Gate::with_tasks(slow_but_for_c, ", slots = 3, retries = 0, policy = \"train\"");
    gate.change(&gate.base, "a", "a.txt", "a\n");
    gate.change(&gate.base, "b", "bad", "b\n");
    gate.change(&gate.base, "c", "c.txt", "c\n");
    let [a, b, c] = ["a", "b", "c"].map(|name| gate.land(name));
    wait_until("all three are red together", || {
        gate.trials_of(&[a, b, c]).first().is_some_and(|trial| trial["state"] == "red")
    });
    for id in [a, b, c] {
        assert_eq!(gate.candidate(id)["state"], "waiting", "{}", gate.told());
    }
    fs::write(gate.place.path("go"), "").expect("they are let go");
    assert_eq!(gate.decided(a)["state"], "landed", "{}", gate.told());
    let b_ended = gate.decided(b);
    assert_eq!(
        (&b_ended["state"], &b_ended["tests"]),
        (&json!("rejected"), &json!(["nothing bad"])),
        "{}",
        gate.told()
    );
    assert_eq!(gate.decided(c)["state"], "landed", "{}", gate.told());
    assert_eq!(gate.landed(), ["a", "c"]);
    let alone = gate.trials_of(&[a]);
    let sets = alone.iter().map(|trial| trial["buildsets"].as_array().map_or(0, Vec::len)).sum::<usize>();
    assert_eq!((alone.len(), sets), (1, 1), "the first was tested once: {alone:?}");
    gate.holds(&[b]);
}

/// Scenario 10: what fails once lands with both logs kept; what always fails is rejected when it was tried as often as it may.
#[test]
fn a_flake_lands_and_what_always_fails_does_not() {
    let gate = Gate::new(0.0, ", retries = 1, retries_a_day = 2");
    gate.change(&gate.base, "one", "flaky", "x\n");
    gate.change(&gate.base, "two", "bad.txt", "x\n");
    let one = gate.land("one");
    assert_eq!(gate.decided(one)["state"], "landed", "{}", gate.told());
    let two = gate.land("two");
    assert_eq!(gate.decided(two)["state"], "rejected", "{}", gate.told());
    let attempts = |id| gate.trials_of(&[id])[0]["attempts"].as_i64().expect("a number");
    assert_eq!((attempts(one), attempts(two)), (2, 2), "{}", gate.told());
    assert!(gate.told().contains("it counts: "), "{}", gate.told());
    // The day's retries are used up: the next one is told so.
    gate.change("main", "three", "bad2.txt", "x\n");
    let three = gate.land("three");
    assert_eq!(gate.decided(three)["state"], "rejected", "{}", gate.told());
    assert_eq!(attempts(three), 1, "{}", gate.told());
    assert!(gate.told().contains("it counts: the day's retries are used up"), "{}", gate.told());
    gate.holds(&[two, three]);
}
