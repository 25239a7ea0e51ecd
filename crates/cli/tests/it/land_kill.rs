//! The queue of a gate survives the end of its master at any moment.

use crate::land::Gate;

#[test]
fn a_master_that_is_killed_while_a_trial_runs_goes_on_with_it() {
    let mut gate = Gate::new(0.0, ", slots = 2");
    gate.change(&gate.base, "one", "hold", "x\n");
    gate.change(&gate.base, "two", "b.txt", "x\n");
    let [one, two] = ["one", "two"].map(|name| gate.land(name));
    testkit::wait_until("a test runs", || gate.place.path("seen").exists());
    gate.kill();
    std::fs::write(gate.place.path("go"), "").unwrap();
    gate.start();
    for id in [one, two] {
        assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    }
    assert_eq!(gate.landed(), ["one", "two"]);
    let trials = gate.get("/trunk/trials?order=trialid");
    let sets = trials["trials"][0]["buildsets"].as_array().unwrap().len();
    assert_eq!(sets, 1, "its builds went on without the master: {trials}");
    gate.is_sound();
}

/// A hook of the repository lets the master be killed when the push has arrived and before it is answered.
#[test]
fn a_push_of_which_the_master_never_heard_is_found_and_counted_once() {
    let mut gate = Gate::new(0.0, "");
    let (hook, arrived, go) =
        (gate.place.path("target.git/hooks/post-receive"), gate.place.path("arrived"), gate.place.path("answer"));
    let text = format!(
        "#!/bin/sh\nwhile read old new ref; do [ $ref = refs/heads/main ] || exit 0; done\ntouch {}\n\
         while [ ! -e {} ]; do sleep 0.05; done\n",
        arrived.display(),
        go.display()
    );
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, text).unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    gate.change(&gate.base, "one", "a.txt", "x\n");
    let id = gate.land("one");
    testkit::wait_until("the push has arrived", || arrived.exists());
    gate.kill();
    std::fs::write(&go, "").unwrap();
    gate.start();
    assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    let told = gate.told();
    assert!(told.contains("it has arrived"), "{told}");
    assert_eq!(told.matches(" landed c").count(), 1, "{told}");
    assert_eq!(gate.landed(), ["one"]);
    gate.is_sound();
}

#[test]
fn a_master_that_is_stopped_and_started_knows_its_line() {
    let mut gate = Gate::new(0.0, ", approvals = 1");
    gate.change(&gate.base, "one", "a.txt", "x\n");
    let id = gate.land("one");
    let dir = gate.place.path("m").display().to_string();
    gate.place.run(&["master", "stop", &dir]).passes();
    gate.start();
    assert_eq!(gate.candidate(id)["state"], "waiting");
    gate.post(&format!("/candidates/{id}"), "approve", serde_json::json!({ "owner": "bob" }));
    assert_eq!(gate.decided(id)["state"], "landed", "{}", gate.told());
    gate.is_sound();
}
