//! Steps: conditions, what is decided without a worker, texts that cannot be finished, facts, pipelines.

use crate::policy::function;
use crate::town::{Answer, Town, at, builder, forced, scheduler, step, worker};
use engine::build::{CommandEnd, StepEnd};
use model::property::property;
use model::worker::Secret;
use model::{
    CommandLine, Condition, Config, Findings, FollowedLog, Form, Lookup, Piece, PipelineSpec, PropertyValue, Results,
    ShellSpec, StepAction, StepFacts, StepFlags, StepSpec, Text, Transition, Value,
};

fn lookup(of: Lookup) -> Text {
    Text::Pieces(vec![Piece::Literal("x-".to_owned()), Piece::Lookup { of, form: Form::Value }])
}

fn of_property(name: &str) -> Text {
    lookup(Lookup::Property(name.to_owned()))
}

fn secret() -> Text {
    lookup(Lookup::Secret("key".to_owned()))
}

fn shell(word: Text) -> StepSpec {
    StepSpec::new("sh", StepAction::Shell(ShellSpec::new(CommandLine::Words(vec!["echo".into(), word]))))
}

fn setting(name: &str, values: Vec<(&str, PropertyValue)>) -> StepSpec {
    StepSpec::new(name, StepAction::SetProperties(values.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()))
}

fn asserting(condition: Condition, message: &str) -> StepSpec {
    StepSpec::new("assert", StepAction::Assert { condition, message: message.into() })
}

fn config(steps: Vec<StepSpec>) -> Config {
    Config {
        workers: vec![worker("w", 1)],
        builders: vec![builder("b", &["w"], steps)],
        schedulers: vec![scheduler("force", forced(), &["b"])],
        secrets: [("key".to_owned(), Secret::new("hush-hush"))].into(),
        ..Config::default()
    }
}

fn town(steps: Vec<StepSpec>) -> Town {
    let answers: Vec<(&'static str, Answer)> = vec![
        ("no", |_| Ok(Value::Bool(false))),
        ("broken", |_| Err("it raised at master.star:9".to_owned())),
        ("so_far_good", |given| Ok(Value::Bool(*at(&given[0], "results") == Value::Int(0)))),
        ("if_skipped", |given| Ok(Value::Bool(given[1] == Value::Int(3)))),
        ("leaks", |given| Err(format!("{given:?}"))),
    ];
    let mut town = Town::with(answers, config(steps));
    town.force("b", 0);
    town
}

fn steps(town: &Town) -> Vec<(String, Results, String)> {
    town.steps_ended()
}

fn ended(name: &str, results: Results, state: &str) -> (String, Results, String) {
    (name.to_owned(), results, state.to_owned())
}

/// Runs to the end of the build; every command passes.
fn all_pass(mut town: Town) -> Town {
    while town.world.builds().count() > 0 {
        let build = town.only_build();
        town.end_command(build, CommandEnd::Exited(0));
    }
    town
}

#[test]
fn a_step_that_is_not_to_be_done_is_skipped_and_says_why() {
    let table = [
        (Condition::Fixed(true), Results::Success, "passed"),
        (Condition::Fixed(false), Results::Skipped, "skipped"),
        (Condition::Text("yes".into()), Results::Success, "passed"),
        (Condition::Text(" Off ".into()), Results::Skipped, "skipped:  Off  says no"),
        (Condition::Text("".into()), Results::Skipped, "skipped:  says no"),
        (Condition::Text(of_property("buildername")), Results::Success, "passed"),
        (
            Condition::Text(of_property("nix")),
            Results::Exception,
            "whether to do it cannot be told: there is no property nix; this build has branch, builddir, buildername, \
             buildnumber, codebase, owner, project, reason, repository, revision, scheduler, workername",
        ),
        (Condition::Function(function("no")), Results::Skipped, "skipped: no says no"),
        (Condition::Function(function("so_far_good")), Results::Success, "passed"),
        (
            Condition::Function(function("broken")),
            Results::Exception,
            "whether to do it cannot be told: it raised at master.star:9",
        ),
    ];
    for (condition, results, state) in table {
        let spec = StepSpec { do_if: Some(condition.clone()), ..step("maybe", StepFlags::PLAIN) };
        let town = all_pass(town(vec![spec]));
        assert_eq!(steps(&town), [ended("maybe", results, state)], "{condition:?}");
        let expected = if results == Results::Skipped { Results::Success } else { results };
        assert_eq!(town.answered(), [expected]);
    }
}

#[test]
fn a_step_that_is_hidden_says_so_in_its_facts() {
    let hidden = |condition: Condition, do_if: bool| {
        let spec = StepSpec {
            hide_if: Some(condition),
            do_if: Some(Condition::Fixed(do_if)),
            ..step("maybe", StepFlags::PLAIN)
        };
        let town = all_pass(town(vec![spec]));
        let facts = town.history.iter().find_map(|t| match t {
            Transition::StepFinished { facts, .. } => Some(facts.hidden),
            _ => None,
        });
        facts.expect("it ended")
    };
    assert!(hidden(Condition::Fixed(true), true));
    assert!(!hidden(Condition::Fixed(false), true));
    assert!(hidden(Condition::Function(function("if_skipped")), false), "it is given the result");
    assert!(!hidden(Condition::Function(function("if_skipped")), true));
    assert!(!hidden(Condition::Function(function("broken")), true), "who cannot be asked is shown");
}

#[test]
fn properties_are_set_and_later_steps_see_them() {
    let values =
        vec![("who", PropertyValue::Text(of_property("buildername"))), ("n", PropertyValue::Value(Value::Int(7)))];
    let mut town = town(vec![setting("set", values), shell(of_property("who"))]);
    assert_eq!(steps(&town), [ended("set", Results::Success, "set n, who")]);
    let running = town.world.builds().next().expect("runs");
    let build = running.build.id;
    assert_eq!(running.build.properties["n"], model::Property { value: Value::Int(7), source: "set".to_owned() });
    let sight = engine::build::sight(&town.world, running);
    let spec = &running.plan[1];
    let model::render::Rendered { action: StepAction::Shell(shell), .. } =
        model::render::action(&spec.action, &sight).expect("it can be finished")
    else {
        panic!("a command")
    };
    assert_eq!(shell.command.text(), "echo x-x-b");
    town.end_command(build, CommandEnd::Exited(0));
}

#[test]
fn an_assertion_fails_with_its_message() {
    let table = [
        (Condition::Fixed(true), "m", Results::Success, "holds"),
        (Condition::Fixed(false), "", Results::Failure, "does not hold"),
        (Condition::Text("0".into()), "no zero wanted", Results::Failure, "no zero wanted"),
        (Condition::Function(function("broken")), "m", Results::Exception, "it raised at master.star:9"),
    ];
    for (condition, message, results, state) in table {
        let town = town(vec![asserting(condition, message)]);
        assert_eq!(steps(&town), [ended("assert", results, state)]);
        assert_eq!(town.answered(), [results]);
    }
}

#[test]
fn a_text_that_cannot_be_finished_ends_its_step_before_any_worker_is_asked() {
    let known = "this build has branch, builddir, buildername, buildnumber, codebase, owner, project, reason, repository, \
                 revision, scheduler, workername";
    let always =
        StepSpec { flags: StepFlags { always_run: true, ..StepFlags::PLAIN }, ..step("clean", StepFlags::PLAIN) };
    let town = all_pass(town(vec![shell(of_property("nix")), always]));
    let state = format!("there is no property nix; {known}");
    assert_eq!(steps(&town), [ended("sh", Results::Exception, &state), ended("clean", Results::Success, "passed")]);
    assert_eq!(town.answered(), [Results::Exception]);
    let logs = town.history.iter().find_map(|t| match t {
        Transition::StepStarted { logs, .. } => Some(logs.len()),
        _ => None,
    });
    assert_eq!(logs, Some(0), "nothing ran, so there is nothing to read");
}

#[test]
fn a_secret_is_never_shown() {
    let told = StepSpec { description: Some(secret()), description_done: Some(secret()), ..shell(secret()) };
    let mut town = town(vec![
        told,
        setting("set", vec![("p", PropertyValue::Text(secret()))]),
        asserting(Condition::Fixed(true), "m"),
    ]);
    let build = town.only_build();
    town.end_command(build, CommandEnd::Exited(0));
    assert_eq!(
        steps(&town)[..2],
        [
            ended("sh", Results::Success, "passed"),
            ended("set", Results::Exception, "the secret key cannot be put into a text that is shown"),
        ]
    );
    let leaks = StepSpec { do_if: Some(Condition::Function(function("leaks"))), ..step("f", StepFlags::PLAIN) };
    let other = self::town(vec![leaks]);
    for town in [town, other] {
        assert!(!format!("{:?}", town.history).contains("hush-hush"));
    }
}

#[test]
fn a_followed_file_is_a_log_of_its_step() {
    let mut spec = step("s", StepFlags::PLAIN);
    if let StepAction::Shell(shell) = &mut spec.action {
        let log = |name: &str| FollowedLog { name: name.to_owned(), path: "a.log".into(), follow: false };
        shell.log_files = vec![log("config.log"), log("a b"), log("a/b")];
    }
    let town = town(vec![spec]);
    let running = town.world.builds().next().expect("runs");
    let logs: Vec<_> = running.logs.iter().map(|l| (l.number, l.name.as_str(), l.slug.as_str())).collect();
    assert_eq!(logs, [(0, "stdio", "stdio"), (1, "config.log", "config.log"), (2, "a b", "a_b"), (3, "a/b", "a_b_")]);
}

#[test]
fn what_was_found_becomes_facts_and_properties() {
    let mut town = town(vec![step("s", StepFlags::PLAIN), step("t", StepFlags::PLAIN)]);
    let build = town.only_build();
    let findings = Findings {
        warnings: Some(2),
        properties: vec![("version".to_owned(), Value::from("1.2"))],
        urls: vec![("report".to_owned(), "https://example.org/r".to_owned())],
        ..Findings::default()
    };
    let properties = vec![property("got_revision", "abc", "git")];
    town.end(build, StepEnd { findings, properties, ..StepEnd::of(CommandEnd::Exited(0)) });
    let finished = town.history.iter().find_map(|t| match t {
        Transition::StepFinished { facts, results, state, .. } => Some((facts.clone(), *results, state.clone())),
        _ => None,
    });
    let urls = vec![("report".to_owned(), "https://example.org/r".to_owned())];
    let facts = StepFacts { urls, warnings: Some(2), ..StepFacts::default() };
    assert_eq!(finished, Some((facts, Results::Warnings, "2 warnings".to_owned())));
    let properties = &town.world.builds().next().expect("runs").build.properties;
    assert_eq!(properties["version"], model::Property { value: Value::from("1.2"), source: "s".to_owned() });
    assert_eq!(properties["got_revision"].source, "git");
}

#[test]
fn a_pipeline_of_the_repository_follows_the_step_that_reads_it() {
    let mut configured = config(vec![step("git", StepFlags::HALTING)]);
    let file = "sluice.star".to_owned();
    configured.builders[0].pipeline = Some(PipelineSpec { file, builder: None, secrets: vec![] });
    configured.builders[0].env = [("CC".to_owned(), "clang".into())].into();
    let mut town = Town::new(configured);
    town.force("b", 0);
    let build = town.only_build();
    town.end_command(build, CommandEnd::Exited(0));
    assert_eq!(town.begun(), ["git", "pipeline"]);
    town.restart();
    let steps = vec![step("test", StepFlags::PLAIN), step("git", StepFlags::PLAIN), step("test", StepFlags::PLAIN)];
    town.end(build, StepEnd { steps: Some(steps), ..StepEnd::of(CommandEnd::Exited(0)) });
    town.restart();
    for _ in 0..3 {
        town.end_command(build, CommandEnd::Exited(0));
    }
    assert_eq!(town.begun(), ["git", "pipeline", "test", "git_1", "test_1"]);
    let planned = town.history.iter().find_map(|t| match t {
        Transition::BuildPlanned { plan, .. } => Some(plan.clone()),
        _ => None,
    });
    let StepAction::Shell(shell) = &planned.expect("planned")[2].action else { panic!("a command") };
    assert_eq!(shell.env["CC"], "clang".into(), "the builder's environment holds for them too");
    assert_eq!(town.answered(), [Results::Success]);
    let late = engine::build::planned(&town.world, build, 1, vec![step("x", StepFlags::PLAIN)], town.now);
    assert!(matches!(&late[..], [Transition::Refused { .. }]));
}

#[test]
fn a_pipeline_that_cannot_be_read_ends_its_build() {
    let mut configured = config(vec![step("git", StepFlags::HALTING)]);
    let file = "sluice.star".to_owned();
    configured.builders[0].pipeline = Some(PipelineSpec { file, builder: None, secrets: vec![] });
    let mut town = Town::new(configured);
    town.force("b", 0);
    let build = town.only_build();
    town.end_command(build, CommandEnd::Exited(0));
    town.end_command(build, CommandEnd::Exited(1));
    assert_eq!(town.answered(), [Results::Failure]);
}
