//! Gates: what becomes of their tasks, and what is said of what they do not take.

use super::{bad, bad_pipeline, config};
use crate::{Limits, load_pipeline};
use model::{Collapse, GatePolicy, GatePromise, Span, StepAction};

const BEFORE: &str = "local_worker(\"here\")\nworker(\"far\", password = \"p\")\n\
     task(\"lib/base\", dir = \"lib\", stages = [stage(\"make\", \"make install PREFIX={prefix}\")])\n\
     task(\"app\", after = [\"lib/base\"], paths = [\"app/**\"], max_time = \"5m\", stages = [\n    \
     stage(\"checkout\", \"make\"), stage(\"test\", [\"./t\"], output = \"tap\", max_time = \"1h\")])\n\
     task(\"lint\", stages = [stage(\"lint\", [\"true\"])])\n";

#[test]
fn tasks_become_builders() {
    let text = "gate(\"trunk\", repo = \"/r\", branch = \"main\", tasks = [\"app\"], workers = [\"far\"], slots = 4)";
    let all = config(&format!("{BEFORE}{text}\n"));
    let gate = &all.gates[0];
    let names: Vec<_> = gate.tasks.iter().map(|t| (t.name.as_str(), t.builder.as_str())).collect();
    assert_eq!(names, [("lib/base", "trunk-lib_base"), ("app", "trunk-app")], "what app waits for comes along");
    assert_eq!((gate.push.as_str(), gate.branch.as_str(), gate.slots), ("/r", "main", 4));
    assert_eq!((gate.retries, gate.retries_a_day, gate.poll), (2, 400, Span::seconds(10)));
    assert_eq!((gate.policy, gate.promise), (GatePolicy::Adaptive, GatePromise::Tip));
    let app = all.builders.iter().find(|b| b.name == "trunk-app").unwrap();
    let steps: Vec<_> = app.steps.iter().map(|s| s.name.as_str()).collect();
    assert_eq!((steps.as_slice(), &app.collapse), (&["sluice checkout", "checkout", "test"][..], &Collapse::Never));
    assert_eq!(app.workers, ["far"]);
    let StepAction::Shell(test) = &app.steps[2].action else { panic!("no command") };
    assert_eq!(test.max_time, Some(Span::seconds(300)), "a stage has no more time than its task");
    let base = all.builders.iter().find(|b| b.name == "trunk-lib_base").unwrap();
    let steps: Vec<_> = base.steps.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(steps, ["checkout", "tidy", "make"]);
}

#[test]
fn a_gate_takes_all_there_is_and_lands_on_the_branch_of_its_name() {
    let all =
        config(&format!("{BEFORE}gate(\"main\", master = \"/r\", promise = \"each commit\", policy = \"serial\")\n"));
    let gate = &all.gates[0];
    assert_eq!((gate.branch.as_str(), gate.tasks.len()), ("main", 3));
    assert_eq!((gate.promise, gate.policy), (GatePromise::EachCommit, GatePolicy::Serial));
    assert!(all.builders.iter().all(|b| b.workers == ["here", "far"]));
}

#[test]
fn a_task_that_does_something_else_is_another_one() {
    let does = |text: &str| {
        let all = config(&format!("{text}gate(\"main\", repo = \"/r\")\n"));
        all.gates[0].tasks.iter().map(|task| task.does.clone()).collect::<Vec<_>>()
    };
    let before = does(BEFORE);
    assert_eq!(does(&format!("\n\n{BEFORE}")), before, "only the place is another");
    let after = does(&BEFORE.replace("[\"./t\"]", "[\"./t\", \"-x\"]"));
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert_ne!(after[1], before[1]);
}

#[test]
fn what_is_wrong_is_said() {
    let cases = [
        ("gate(\"trunk\")", "gate needs repo"),
        ("gate(repo = \"/r\")", "gate needs name"),
        ("gate(\"t\", repo = \"/r\", master = \"/r\")", "gate has repo and master"),
        ("gate(\"t\", repo = \"/r\", tasks = [\"ap\"])", "names task \"ap\", which is not defined"),
        ("gate(\"t\", repo = \"/r\", workers = [\"fur\"])", "names worker \"fur\", which is not defined"),
        ("gate(\"t\", repo = \"/r\", policy = \"fast\")", "policy of gate cannot be \"fast\""),
        ("gate(\"t\", repo = \"/r\", slots = 0)", "slots of gate must be a whole number from 1 to 1000"),
        ("gate(\"t\", repo = \"-r\")", "repo of gate must be the address or the path of a repository"),
        ("gate(\"t\", repo = \"/r\", branch = \"a..b\")", "the name of a branch"),
        ("gate(\"t\", repo = \"/r\", branch = \"refs/heads/m\")", "the name of a branch, without refs/heads/"),
        ("gate(\"my gate\", repo = \"/r\", branch = \"m\")", "git takes no reference with \"my gate\" in it"),
        (
            "gate(\"a\", repo = \"/r\", branch = \"m\")\ngate(\"b\", repo = \"/r\", branch = \"m\")",
            "land on the same branch \"m\"",
        ),
        (
            "builder(\"t-app\", workers = [\"here\"], steps = [steps.shell(\"a\")])\ngate(\"t\", repo = \"/r\")",
            "there are two builders named \"t-app\"",
        ),
    ];
    for (text, said) in cases {
        let error = bad(&format!("{BEFORE}{text}\n"));
        assert!(error.contains(said), "{text}: {error}");
    }
    assert!(bad("local_worker(\"here\")\ngate(\"t\", repo = \"/r\")\n").contains("has no tasks, and none is defined"));
    let error = bad("task(\"a\", stages = [stage(\"a\", \"a\")])\ngate(\"t\", repo = \"/r\")\n");
    assert!(error.contains("has no worker to test on"), "{error}");
}

#[test]
fn a_pipeline_names_the_branch_alone() {
    let task = "task(\"a\", stages = [stage(\"a\", \"a\")])\n";
    for gate in
        ["gate(\"main\", master = \"/r\", push = \"/p\")", "gate(branch = \"main\", repo = \"/r\", push = \"/p\")"]
    {
        let memory = super::Memory::default().file("sluice.star", &format!("{task}{gate}\n"));
        let found = load_pipeline("sluice.star", &memory, &Limits::default()).unwrap().gate.unwrap();
        assert_eq!((found.branch.as_str(), found.master.as_str(), found.push.as_str()), ("main", "/r", "/p"));
    }
    let error = bad_pipeline(&format!("{task}gate(\"main\", master = \"/r\", slots = 4)\n"));
    assert!(error.contains("slots of a gate does not belong into a pipeline"), "{error}");
}
