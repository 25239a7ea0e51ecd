//! The queue of a gate on a master: what lands, what does not and why.

use crate::land::Gate;
use serde_json::json;

#[test]
fn a_good_change_lands_as_it_was_tested() {
    let gate = Gate::new(0.0, "");
    let commit = gate.change("main", "one", "a.txt", "a\n");
    // As `sluice land` and the hook of a repository do it.
    let reference = format!("refs/sluice/in/{commit}");
    gate.repo.git(["update-ref", &reference, &commit]);
    let id = gate.land_with(json!({ "commit": commit, "reference": reference, "owner": "ada" }));
    let candidate = gate.decided(id);
    assert_eq!(candidate["state"], "landed", "{}", gate.told());
    assert_eq!(candidate["landed_commit"], json!(commit), "it stood on the tip, so it is itself what lands");
    assert_eq!(gate.repo.head("main"), commit);
    assert_eq!((candidate["owner"].as_str(), candidate["subject"].as_str()), (Some("ada"), Some("change one")));
    let trial = &gate.get("/trunk/trials/1")["trials"][0];
    assert_eq!((trial["state"].as_str(), trial["tasks"][0].as_str()), (Some("green"), Some("unit")));
    let told = gate.told();
    for word in ["submitted", "started", "green", "pushing", "pushed", "landed"] {
        assert!(told.contains(&format!(" {word} ")), "{word} is not told:\n{told}");
    }
    gate.is_sound();
    let again = gate.post("", "land", json!({ "reference": "one" }));
    assert!(again["error"]["message"].as_str().unwrap().contains("it has landed already, as candidate 1"), "{again}");
}

#[test]
fn a_bad_change_is_rejected_with_the_reason_and_others_land() {
    let gate = Gate::new(0.2, ", slots = 3, retries = 0");
    for (name, file) in [("one", "a.txt"), ("two", "bad.txt"), ("three", "c.txt")] {
        gate.change(&gate.base, name, file, "x\n");
    }
    let ids = ["one", "two", "three"].map(|name| gate.land(name));
    let [one, two, three] = ids.map(|id| gate.decided(id));
    assert_eq!((one["state"].as_str(), three["state"].as_str()), (Some("landed"), Some("landed")), "{}", gate.told());
    assert_eq!(two["state"], "rejected");
    assert_eq!(two["tests"], json!(["nothing bad"]));
    let reason = two["reason"].as_str().unwrap();
    assert!(reason.starts_with("unit/test failed: nothing bad (build "), "{reason}");
    assert_eq!(gate.landed(), ["one", "three"]);
    gate.is_sound();
}

#[test]
fn of_two_that_do_not_fit_together_the_first_lands() {
    let gate = Gate::new(0.2, ", slots = 2");
    gate.change(&gate.base, "one", "base", "one\n2\n3\n4\n5\n6\n7\n8\n9\n");
    gate.change(&gate.base, "two", "base", "two\n2\n3\n4\n5\n6\n7\n8\n9\n");
    gate.change(&gate.base, "three", "base", "1\n2\n3\n4\n5\n6\n7\n8\nthree\n");
    let ids = ["one", "two", "three"].map(|name| gate.land(name));
    let [one, two, three] = ids.map(|id| gate.decided(id));
    assert_eq!((one["state"].as_str(), three["state"].as_str()), (Some("landed"), Some("landed")), "{}", gate.told());
    assert_eq!(two["state"], "conflict");
    assert_eq!(two["tests"], json!(["base"]));
    assert!(two["reason"].as_str().unwrap().contains("does not fit on what is before it: both changed base"), "{two}");
    assert_eq!(gate.landed(), ["one", "three"]);
    gate.is_sound();
}

#[test]
fn of_two_that_fail_together_only_the_first_lands_and_the_other_is_told_why() {
    let gate = Gate::new(0.1, ", slots = 2, retries = 0");
    gate.change(&gate.base, "one", "left", "x\n");
    gate.change(&gate.base, "two", "right", "x\n");
    let [one, two] = ["one", "two"].map(|name| gate.land(name)).map(|id| gate.decided(id));
    assert_eq!((one["state"].as_str(), two["state"].as_str()), (Some("landed"), Some("rejected")), "{}", gate.told());
    let reason = two["reason"].as_str().unwrap();
    assert!(reason.starts_with("unit/test failed: nothing bad (build "), "{reason}");
    let proofs =
        ["it passes without this change, as 1 landed", "nothing else was on the branch, which is green without it"];
    assert!(proofs.iter().any(|proof| reason.contains(proof)), "{reason}");
    assert_eq!(gate.landed(), ["one"]);
    gate.is_sound();
}

#[test]
fn who_fails_behind_somebody_bad_and_is_first_to_fail_is_not_blamed() {
    let gate = Gate::new(0.0, ", slots = 3, retries = 0");
    gate.change(&gate.base, "one", "hold", "x\n");
    gate.change(&gate.base, "two", "right", "bad\n");
    gate.change(&gate.base, "three", "left", "x\n");
    let ids = ["one", "two", "three"].map(|name| gate.land(name));
    testkit::wait_until("the three together are red", || gate.told().contains(" red c"));
    assert_eq!(gate.candidate(ids[2])["state"], "waiting", "{}", gate.told());
    std::fs::write(gate.place.path("go"), "").unwrap();
    let states = ids.map(|id| gate.decided(id)["state"].as_str().map(str::to_owned).unwrap_or_default());
    assert_eq!(states, ["landed", "rejected", "landed"], "{}", gate.told());
    let trials = gate.get("/trunk/trials");
    let alone = trials["trials"].as_array().unwrap().iter().filter(|t| t["members"] == json!([ids[0]]));
    assert_eq!(alone.count(), 1, "the first one's test went on: {}", gate.told());
    gate.is_sound();
}

#[test]
fn a_stack_lands_in_order_and_falls_with_what_it_stands_on() {
    let gate = Gate::new(0.1, ", slots = 3, retries = 0, approvals = 1");
    let approve = |id: i64| gate.post(&format!("/candidates/{id}"), "approve", json!({ "owner": "bob" }));
    let a = gate.change(&gate.base, "a", "a.txt", "a\n");
    let b = gate.change(&a, "b", "b.txt", "b\n");
    gate.change(&b, "c", "c.txt", "c\n");
    // Something else goes first, so that the stack is replayed.
    gate.change(&gate.base, "z", "z.txt", "z\n");
    let ids = ["z", "a", "b", "c"].map(|name| gate.land(name));
    let needs: Vec<_> = ids.iter().map(|id| gate.candidate(*id)["needs"].clone()).collect();
    assert_eq!(needs, [json!([]), json!([]), json!([ids[1]]), json!([ids[1], ids[2]])]);
    for part in [&ids[..1], &ids[1..]] {
        part.iter().for_each(|id| drop(approve(*id)));
        for id in part {
            assert_eq!(gate.decided(*id)["state"], "landed", "{}", gate.told());
        }
    }
    assert_eq!(gate.landed(), ["z", "a", "b", "c"]);
    let bad = gate.change("main", "d", "bad.txt", "d\n");
    gate.change(&bad, "e", "e.txt", "e\n");
    let [d, e] = ["d", "e"].map(|name| gate.land(name));
    assert_eq!(gate.candidate(e)["needs"], json!([d]));
    [d, e].into_iter().for_each(|id| drop(approve(id)));
    assert_eq!(gate.decided(d)["state"], "rejected", "{}", gate.told());
    let e = gate.decided(e);
    assert_eq!(e["state"], "dependency_failed");
    assert_eq!(e["reason"], json!(format!("it needs {d}, which did not land")));
    assert_eq!(gate.landed(), ["z", "a", "b", "c"]);
    gate.is_sound();
}

#[test]
fn a_stack_that_comes_when_its_foot_has_landed_elsewhere_is_what_is_above_it() {
    let gate = Gate::new(0.0, "");
    let a = gate.change(&gate.base, "a", "base", "a\n2\n3\n4\n5\n6\n7\n8\n9\n");
    gate.change(&a, "b", "b.txt", "b\n");
    gate.change(&gate.base, "z", "z.txt", "z\n");
    for name in ["z", "a"] {
        assert_eq!(gate.decided(gate.land(name))["state"], "landed", "{}", gate.told());
    }
    // What came of `a` has another name now, and its line is another one since.
    gate.change("main", "x", "base", "x\n2\n3\n4\n5\n6\n7\n8\n9\n");
    assert_eq!(gate.decided(gate.land("x"))["state"], "landed", "{}", gate.told());
    let b = gate.land("b");
    assert_eq!((&gate.candidate(b)["commits"], &gate.candidate(b)["needs"]), (&json!(1), &json!([])));
    assert_eq!(gate.decided(b)["state"], "landed", "{}", gate.told());
    assert_eq!(gate.landed(), ["z", "a", "x", "b"]);
    let again = gate.post("", "land", json!({ "reference": "a" }));
    assert_eq!(again["error"]["message"], "it has landed already, as candidate 2");
    gate.is_sound();
}

#[test]
fn a_build_that_somebody_stops_is_no_verdict() {
    let gate = Gate::new(0.0, ", retries = 0");
    gate.change(&gate.base, "one", "hold", "x\n");
    let id = gate.land("one");
    testkit::wait_until("its test runs", || gate.place.path("seen").exists());
    gate.place.run(&["stop", "trunk-unit/1", "--master", &gate.url]).passes();
    testkit::wait_until("the gate has heard", || gate.told().contains("which says nothing of the code"));
    std::fs::write(gate.place.path("go"), "").unwrap();
    assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    let trials = gate.get("/trunk/trials?order=trialid");
    let states: Vec<_> = trials["trials"].as_array().unwrap().iter().map(|t| t["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["broken", "green"]);
    gate.is_sound();
}

#[test]
fn what_may_be_a_flake_is_run_again_and_both_logs_stay() {
    let gate = Gate::new(0.0, "");
    gate.change(&gate.base, "one", "flaky", "x\n");
    let one = gate.decided(gate.land("one"));
    assert_eq!(one["state"], "landed", "{}", gate.told());
    assert!(one["reason"].as_str().unwrap().contains("passed when it was run again"), "{one}");
    let trial = &gate.get("/trunk/trials/1")["trials"][0];
    assert_eq!((trial["attempts"].as_i64(), trial["buildsets"].as_array().unwrap().len()), (Some(2), 2));
    assert!(gate.told().contains("it may be a flake, with a chance of"), "{}", gate.told());
    gate.is_sound();
}

#[test]
fn without_retries_left_for_the_day_what_fails_counts() {
    let gate = Gate::new(0.0, ", retries_a_day = 0");
    gate.change(&gate.base, "one", "flaky", "x\n");
    assert_eq!(gate.decided(gate.land("one"))["state"], "rejected", "{}", gate.told());
    assert!(gate.told().contains("it counts: the day's retries are used up"), "{}", gate.told());
    assert!(gate.landed().is_empty());
    gate.is_sound();
}

#[test]
fn approval_is_asked_of_those_who_may_give_it() {
    let gate = Gate::new(0.0, ", approvals = 1, approvers = [\"bob\", \"ada\"], submitters = [\"ada\"]");
    gate.change(&gate.base, "one", "a.txt", "a\n");
    let refused = gate.post("", "land", json!({ "reference": "one", "owner": "eve" }));
    assert_eq!(refused["error"]["message"], "eve may hand nothing in at the gate 'trunk'");
    let id = gate.land("one");
    testkit::wait_until("it waits for an approval", || gate.gate()["line"][0]["waits"] == "waits for an approval");
    let of = format!("/candidates/{id}");
    let eve = gate.post(&of, "approve", json!({ "owner": "eve" }));
    assert_eq!(eve["error"]["message"], "eve may approve nothing at the gate 'trunk'");
    let ada = gate.post(&of, "approve", json!({ "owner": "ada" }));
    assert_eq!(ada["error"]["message"], "nobody approves their own change");
    assert_eq!(gate.post(&of, "approve", json!({ "owner": "bob" }))["result"], "bob approves it");
    let one = gate.decided(id);
    assert_eq!((one["state"].as_str(), &one["approvals"]), (Some("landed"), &json!(["bob"])));
    let late = gate.post(&of, "approve", json!({ "owner": "bob" }));
    assert_eq!(late["error"]["message"], json!(format!("candidate {id} is decided already")));
    gate.is_sound();
}

#[test]
fn what_is_taken_back_does_not_land_and_its_builds_end() {
    let gate = Gate::new(0.0, ", slots = 2");
    gate.change(&gate.base, "one", "hold", "x\n");
    gate.change(&gate.base, "two", "b.txt", "x\n");
    let [one, two] = ["one", "two"].map(|name| gate.land(name));
    testkit::wait_until("its test runs", || gate.place.path("seen").exists());
    let answer = gate.post(&format!("/candidates/{one}"), "withdraw", json!({ "owner": "ada" }));
    assert_eq!(answer["result"], "ada takes it back");
    assert_eq!(gate.decided(one)["state"], "withdrawn");
    assert_eq!(gate.decided(two)["state"], "landed", "{}", gate.told());
    assert_eq!(gate.landed(), ["two"]);
    gate.is_sound();
    let held = format!("-e {}", gate.place.path("go").display());
    testkit::wait_until("its command ends", || crate::sealed::processes_with(&held).is_empty());
}

#[test]
fn when_the_branch_moves_what_waits_is_tested_anew() {
    let gate = Gate::new(0.0, "");
    gate.change(&gate.base, "one", "hold", "x\n");
    let id = gate.land("one");
    testkit::wait_until("its test runs", || gate.place.path("seen").exists());
    let outside = gate.repo.commit("main", "change outside", "o.txt", "o\n");
    testkit::wait_until("the gate has seen it", || gate.gate()["tip"] == json!(outside));
    std::fs::write(gate.place.path("go"), "").unwrap();
    assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    assert_eq!(gate.landed(), ["outside", "one"]);
    assert!(gate.told().contains("is at "), "{}", gate.told());
    gate.is_sound();
}

#[test]
fn what_cannot_be_landed_is_refused_when_it_is_handed_in() {
    let gate = Gate::new(0.0, "");
    gate.change(&gate.base, "side", "s.txt", "s\n");
    gate.repo.point("merge", &gate.base);
    gate.repo.commit("merge", "other", "m.txt", "m\n");
    gate.repo.on("merge").message("a merge").merging("side").file("x", "x").commit();
    let cases = [
        (json!({ "reference": "nothing" }), "has no nothing"),
        (json!({ "reference": "main" }), "it has nothing that main does not have"),
        (json!({ "reference": "merge" }), "is a merge; put the change on top of the branch first"),
        (json!({ "commit": "f".repeat(40) }), "the commit cannot be fetched"),
        (json!({ "commit": "xyz" }), "commit: must be a full commit name"),
        (json!({}), "commit: is missing, and so is reference"),
        (json!({ "reference": "--upload-pack=x" }), "reference: must not begin with"),
        (json!({ "reference": "side", "needs": [77] }), "there is no candidate 77"),
        (json!({ "reference": "side", "priority": 1_000_000 }), "priority: must be from"),
        (json!({ "reference": "side", "colour": 1 }), "colour: is no part of a wish to land"),
    ];
    for (params, said) in cases {
        let answer = gate.post("", "land", params.clone());
        let message = &answer["error"]["message"];
        let fields = |map: &serde_json::Map<String, serde_json::Value>| {
            map.iter().map(|(k, v)| format!("{k}: {}", v.as_str().unwrap_or_default())).collect::<String>()
        };
        let text = message.as_str().map(str::to_owned).or_else(|| message.as_object().map(fields)).unwrap_or_default();
        assert!(text.contains(said), "{params}: {answer}");
    }
    assert_eq!(gate.get("/trunk/candidates")["meta"]["total"], 0);
    assert!(gate.get("/other")["error"].as_str().unwrap().contains("there is no gate 'other'"));
}
