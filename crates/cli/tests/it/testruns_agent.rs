//! What carries one attempt out elsewhere: `sluice __attempt DIR`.

use crate::sealed::{Sealed, processes_with, said};
use runner::agent::{Line, Packed, Said};
use runner::slot::How;
use rustix::process::Signal;
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use testkit::{wait_for, wait_until};

/// Lays down what an agent is to do: steps of a shell, in `run` beside its directory.
fn lay(place: &Sealed, steps: &[(&str, &str)]) -> PathBuf {
    let step = |(name, script): &(&str, &str)| {
        json!([{"name": name, "command": {"Script": script}, "exit": "verdict", "rules": null, "max_time": null, "env": []},
               {"A": "b c", "PATH": "/usr/bin:/bin"}])
    };
    let order = json!({
        "item": 3, "attempt": 1, "job": "t1-1", "max_time": null, "resources": {},
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
        "place": {
            "dir": place.path("run"), "run_dir": place.path(""), "link": null, "source": null, "rerun": "#!/bin/sh\n",
            "mark": {"area": "a", "run": "r", "test": "t", "path": "", "attempt": 1, "ready": false},
        },
    });
    let order = serde_json::from_value(order).expect("it is an order");
    let dir = place.path("away");
    Packed::new(order, &testruns::Statuses::default()).lay(&dir).expect("the story can be told");
    dir
}

/// `step STATUS` of each, and how it ended.
fn told(lines: &[Line]) -> Vec<String> {
    let one = |line: &Line| match line {
        Line::Began { host, .. } => format!("began {}", if host.is_empty() { "nowhere" } else { "somewhere" }),
        Line::Step(done) => format!("{} {}", done.end.name, done.verdict.status),
        Line::Ended(how) => format!("{how:?}"),
    };
    lines.iter().map(one).collect()
}

#[test]
fn an_attempt_is_carried_out_where_the_agent_is_started_and_only_once() {
    let place = Sealed::new();
    let dir = lay(&place, &[("one", "echo $A; exit 2"), ("two", "exit 1"), ("three", "true")]);
    let text = dir.display().to_string();
    let ran = place.run(&["__attempt", &text, "--stdout"]).passes();
    let all = Said::default().look(&dir).unwrap();
    assert_eq!(told(&all), ["began somewhere", "one WARN", "two FAIL", "Came"]);
    assert_eq!(Said::default().feed(ran.out.as_bytes()), all, "the same on its standard output");
    assert_eq!(fs::read_to_string(place.path("run/one.log")).unwrap(), "b c\n");
    place.run(&["__attempt", &text]).ends(3).says("was carried out already");
    place.run(&["__attempt", &place.path("none").display().to_string()]).ends(3).says("cannot be read as an order");
    assert_eq!(Said::default().look(&dir).unwrap(), all);
}

#[test]
fn an_agent_that_is_told_to_end_leaves_nothing_and_says_so_and_one_that_is_killed_is_found_to_be_gone() {
    let mut place = Sealed::new();
    let sleep = format!("sleep 3{:07}", std::process::id());
    let script = format!("({sleep} & {sleep}); true");
    let dir = lay(&place, &[("wait", &script), ("after", "true")]);
    let text = dir.display().to_string();
    let began = |dir: &PathBuf| Said::default().look(dir).unwrap().len() == 1 && processes_with(&sleep).len() > 2;
    let agent = place.start(&["__attempt", &text], "agent.out");
    wait_until("its step runs", || began(&dir));
    place.run(&["__attempt", &text]).ends(3).says("another agent is at work");
    Sealed::signal(agent, Signal::TERM);
    assert_eq!(place.end_of(agent), Some(0));
    assert!(processes_with(&sleep).is_empty());
    let all = Said::default().look(&dir).unwrap();
    assert!(matches!(all.last(), Some(Line::Ended(How::Lost(why))) if why.contains("told to end")), "{all:?}");

    fs::remove_dir_all(&dir).unwrap();
    let dir = lay(&place, &[("wait", &script)]);
    let agent = place.start(&["__attempt", &text], "agent.out");
    wait_until("its step runs", || began(&dir));
    Sealed::signal(agent, Signal::KILL);
    assert_eq!(place.end_of(agent), None);
    let ran = wait_for("its lock is free", || {
        let ran = said(place.command(&["__attempt", &text]).output().unwrap());
        (!ran.err.contains("another agent")).then_some(ran)
    });
    ran.passes();
    let all = Said::default().look(&dir).unwrap();
    assert!(matches!(&all[..], [Line::Began { .. }, Line::Ended(How::Lost(_))]), "{all:?}");
    assert!(processes_with(&sleep).is_empty(), "what it left behind is ended");
}
