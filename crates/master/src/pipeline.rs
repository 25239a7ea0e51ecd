//! Steps that are kept with the code. The file comes back from the worker; anybody may have written it, so it is evaluated
//! in a process of its own with little memory and little time, and what it asks for is held against what its builder
//! was granted.

use crate::order::PipelineOrder;
use config::Pipeline;
use model::{Condition, Lookup, StepAction, StepSpec, Text, TransferSpec};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// How long an evaluation may take by the clock on the wall; its processor time has a limit of its own.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Bytes of what an evaluation answers.
const LONGEST_ANSWER: u64 = 16 << 20;

/// Steps of a pipeline.
const MOST_STEPS: usize = 1000;

/// The steps that a file asks for, or what is wrong with it, as it is told in the step's log.
pub(crate) async fn steps(exe: &Path, order: &PipelineOrder, text: &[u8]) -> Result<Vec<StepSpec>, String> {
    let file = &order.spec.file;
    if text.len() > wire::COLLECT_LIMIT {
        return Err(format!("{file} is longer than {} KiB", wire::COLLECT_LIMIT >> 10));
    }
    let text = std::str::from_utf8(text)
        .map_err(|e| format!("{file} is no UTF-8 text (byte {} is the first that is none)", e.valid_up_to()))?;
    let answer = evaluate(exe, file, text).await?;
    let pipeline = config::pipeline_from_json(file, &answer).map_err(|e| e.to_string())?;
    chosen(pipeline, order)
}

/// Runs `EXE __config` and takes its answer.
async fn evaluate(exe: &Path, file: &str, text: &str) -> Result<String, String> {
    let failed = |e: std::io::Error| format!("{file} cannot be evaluated here: {e}");
    let mut command = Command::new(exe);
    command.arg("__config").env_clear().current_dir("/").kill_on_drop(true);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(failed)?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(format!("{file} cannot be evaluated here"));
    };
    let question = json!({ "file": file, "text": text }).to_string();
    let conversation = async {
        let mut answer = Vec::new();
        // Whoever ends early does not read all of it, and the answer says why.
        let asked = async {
            let _ = stdin.write_all(question.as_bytes()).await;
            drop(stdin);
        };
        let mut stdout = stdout.take(LONGEST_ANSWER);
        let (_, read) = tokio::join!(asked, stdout.read_to_end(&mut answer));
        read.map_err(failed)?;
        let _ = child.wait().await;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    match tokio::time::timeout(TIME_LIMIT, conversation).await {
        Ok(answer) => answer,
        // What is dropped is killed.
        Err(_) => Ok(String::new()),
    }
}

/// The steps of the builder that is meant, with its environment in them.
fn chosen(pipeline: Pipeline, order: &PipelineOrder) -> Result<Vec<StepSpec>, String> {
    let file = &order.spec.file;
    let wanted = order.spec.builder.as_ref().unwrap_or(&order.builder);
    let names: Vec<String> = pipeline.builders.iter().map(|b| b.name.clone()).collect();
    let only = pipeline.builders.len() == 1 && order.spec.builder.is_none();
    let found = pipeline.builders.into_iter().find(|b| b.name == *wanted || only);
    let Some(builder) = found else {
        return Err(format!("{file} has no builder \"{wanted}\"; it has {}", names.join(", ")));
    };
    if builder.steps.len() > MOST_STEPS {
        return Err(format!("{file} has {} steps; {MOST_STEPS} may be", builder.steps.len()));
    }
    let mut steps = builder.steps;
    for step in &mut steps {
        surround(step, &builder.env);
        allowed(step, &order.spec.secrets).map_err(|why| match &step.defined_at {
            Some(place) => format!("{place}: {why}"),
            None => format!("{file}: {why}"),
        })?;
    }
    Ok(steps)
}

fn surround(step: &mut StepSpec, env: &BTreeMap<String, Text>) {
    let shell = match &mut step.action {
        StepAction::Shell(shell) => shell,
        StepAction::Sequence(sequence) => &mut sequence.shell,
        _ => return,
    };
    for (name, value) in env {
        shell.env.entry(name.clone()).or_insert_with(|| value.clone());
    }
}

/// Whether somebody else's code may ask for this step.
fn allowed(step: &StepSpec, granted: &[String]) -> Result<(), String> {
    let refused = |what: &str| Err(format!("the step {} {what}, which no pipeline may", step.name));
    match &step.action {
        StepAction::MasterShell(_) | StepAction::Http(_) => return refused("works on the master's machine"),
        StepAction::Trigger(_) | StepAction::Pipeline(_) => return refused("asks for other builds"),
        StepAction::Transfer(TransferSpec::Upload { to: path, .. } | TransferSpec::Download { from: path, .. })
            if path.plain().is_none_or(|path| path.starts_with('/')) =>
        {
            return refused("names a file of the master by more than a relative path");
        }
        _ => {}
    }
    let mut check = |text: &Text| {
        let names = text.lookups().into_iter().filter_map(|lookup| match lookup {
            Lookup::Secret(name) => Some(name.clone()),
            _ => None,
        });
        match names.into_iter().find(|name| !granted.contains(name)) {
            Some(name) => {
                Err(format!("the step {} names the secret {name}, which its builder is not granted", step.name))
            }
            None => Ok(()),
        }
    };
    step.action.try_map(&mut check)?;
    let conditions = [&step.do_if, &step.hide_if].into_iter().flatten().filter_map(|condition| match condition {
        Condition::Text(text) => Some(text),
        Condition::Fixed(_) | Condition::Function(_) => None,
    });
    let words = [&step.description, &step.description_done].into_iter().flatten();
    conditions.chain(words).try_for_each(check)
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::PipelineBuilder;
    use model::{CommandLine, Form, Piece, PipelineSpec, ShellSpec};

    fn order(builder: Option<&str>, secrets: &[&str]) -> PipelineOrder {
        let spec = PipelineSpec {
            file: "sluice.star".into(),
            builder: builder.map(str::to_owned),
            secrets: secrets.iter().map(|s| (*s).to_owned()).collect(),
        };
        PipelineOrder { spec, builder: "linux".into() }
    }

    fn secret(name: &str) -> Text {
        Text::Pieces(vec![Piece::Lookup { of: Lookup::Secret(name.into()), form: Form::Value }])
    }

    fn builder(name: &str, command: Text) -> PipelineBuilder {
        let shell = ShellSpec::new(CommandLine::Script(command));
        PipelineBuilder {
            name: name.into(),
            description: String::new(),
            tags: vec![],
            steps: vec![StepSpec::new("make", StepAction::Shell(shell))],
            env: [("CC".to_owned(), Text::from("gcc"))].into(),
            defined_at: None,
        }
    }

    #[test]
    fn the_builder_of_the_same_name_or_the_only_one_is_meant() {
        let two = || Pipeline {
            builders: vec![builder("linux", "a".into()), builder("mac", "b".into())],
            ..Pipeline::default()
        };
        let one = || Pipeline { builders: vec![builder("any", "c".into())], ..Pipeline::default() };
        let command = |steps: Vec<StepSpec>| match &steps[0].action {
            StepAction::Shell(shell) => (shell.command.text(), shell.env["CC"].written()),
            other => panic!("{other:?}"),
        };
        assert_eq!(command(chosen(two(), &order(None, &[])).unwrap()), ("a".into(), "gcc".into()));
        assert_eq!(command(chosen(two(), &order(Some("mac"), &[])).unwrap()).0, "b");
        assert_eq!(command(chosen(one(), &order(None, &[])).unwrap()).0, "c");
        let none = chosen(one(), &order(Some("linux"), &[])).unwrap_err();
        assert_eq!(none, "sluice.star has no builder \"linux\"; it has any");
    }

    #[test]
    fn only_what_was_granted_may_be_named() {
        let of = |step: StepSpec, granted: &[&str]| {
            let steps = vec![step];
            let builders = vec![PipelineBuilder { steps, ..builder("linux", "x".into()) }];
            chosen(Pipeline { builders, ..Pipeline::default() }, &order(None, granted)).map(|steps| steps.len())
        };
        let shell = || ShellSpec::new(CommandLine::Script(secret("key")));
        let step = |action| StepSpec::new("s", action);
        assert_eq!(of(step(StepAction::Shell(shell())), &["key"]), Ok(1));
        let refused = "sluice.star: the step s names the secret key, which its builder is not granted";
        assert_eq!(of(step(StepAction::Shell(shell())), &["other"]), Err(refused.into()));
        let asking = StepSpec {
            do_if: Some(Condition::Text(secret("key"))),
            ..step(StepAction::Shell(ShellSpec::new(CommandLine::Script("true".into()))))
        };
        assert_eq!(of(asking, &[]), Err(refused.into()));
        let machine = of(step(StepAction::MasterShell(shell())), &["key"]).unwrap_err();
        assert_eq!(machine, "sluice.star: the step s works on the master's machine, which no pipeline may");
        let to = |to: &str| TransferSpec::Upload {
            from: vec!["x".into()],
            to: to.into(),
            workdir: "build".into(),
            max_size: None,
            mode: None,
            url: None,
        };
        assert_eq!(of(step(StepAction::Transfer(to("zlib/x"))), &[]), Ok(1));
        of(step(StepAction::Transfer(to("/etc/passwd"))), &[]).unwrap_err();
    }
}
