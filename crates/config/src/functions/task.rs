//! `task(…)` and `stage(…)`: what must pass before a change lands.

use super::{Def, builder, p, steps, top};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::names::{self, quoted};
use crate::registry::Made;
use crate::sites::Part;
use model::{
    CommandLine, FollowedLog, Form, Lookup, Piece, Reading, ShellSpec, Span, StepAction, StepFlags, StepSpec, TaskSpec,
    TestReading, Text,
};

pub(super) const TASK: Def = Def {
    path: "task",
    summary: "Something that must pass before a change lands: stages in order. Tasks run beside each other, each in a \
              tree of its own. `paths` says what a task depends on: when the target branch moves and touches none of it, \
              a verdict stands.",
    example: "task(\n    \"docs\",\n    dir = \"docs\",\n    stages = [\n        stage(\"build\", [\"make\", \"html\"]),\n        \
              stage(\"links\", \"./check-links\", output = \"tap\", timeout = \"5m\"),\n    ],\n    paths = [\"docs/**\"],\n)",
    groups: &[&[
        p("name", "text", ""),
        p("stages", "list of stage(…)", ""),
        p("dir", "directory below the tree's root", "the root"),
        p("after", "list of names of tasks that must have passed first", "[]"),
        p("paths", "list of globs of paths that it depends on", "everything"),
        p("max_time", "duration of all stages together, after which it is ended", "None"),
    ]],
    by_position: 1,
    required: &["name", "stages"],
    in_pipelines: true,
    run: task,
};

pub(super) const STAGE: Def = Def {
    path: "stage",
    summary: "One command of a task. With `output` its report is read while it is written: the first test that fails \
              ends the stage, and a report that is cut off or holds no test is a failure. In `command`, `{prefix}` is a \
              directory of the task's own to install into.",
    example: "task(\"all\", stages = [\n    stage(\"configure\", \"./configure --prefix={prefix}\"),\n    \
              stage(\"test\", [\"make\", \"check\"], output = \"text/x-subunit\", max_time = \"2h\"),\n])",
    groups: &[&[
        p("name", "text", ""),
        p("command", "list of texts, or a text for the shell", ""),
        p(
            "output",
            "\"text/plain\", \"text/x-subunit\", \"tap\", \"junit\" or another format of a report",
            "\"text/plain\"",
        ),
        p("output_file", "file below the task's directory that the report is in", "the output"),
        p("env", "dict of variables", "{}"),
        p("timeout", "duration without output, after which it is ended; None: for ever", "\"20m\""),
        p("max_time", "duration in all, after which it is ended", "None"),
        p("usepty", "True or False: a terminal instead of pipes", "False"),
    ]],
    by_position: 2,
    required: &["name", "command"],
    in_pipelines: true,
    run: stage,
};

/// The log that a report in a file becomes.
const REPORT: &str = "report";

fn task(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let Some(name) = call.formed("name", address::task)? else {
        return Err(call.wrong(Part::Whole, "task needs name").boxed());
    };
    let dir = call.formed("dir", address::inside)?.unwrap_or_default();
    let dir = dir.trim_matches('/').trim_start_matches("./").to_owned();
    let mut stages = builder::steps_of(call, "stages", "task", &name)?;
    for stage in &mut stages {
        into_dir(stage, &dir);
    }
    let paths = call.texts("paths", "a list of globs")?.unwrap_or_default();
    if let Some(bad) = paths.iter().find(|glob| address::file(glob.trim_end_matches('/')).is_err()) {
        let message = format!("paths of task {} has {} in it", quoted(&name), quoted(bad));
        return Err(call.wrong_value("paths", message).help("a path is relative to the tree's root: \"docs/**\""));
    }
    let spec = TaskSpec {
        dir,
        stages,
        after: call.texts("after", "a list of names of tasks")?.unwrap_or_default(),
        paths,
        max_time: call.duration("max_time", Span::ZERO)?,
        defined_at: call.place(),
        name,
    };
    let tasks = &mut call.registry.draft.borrow_mut().tasks;
    top::room_for_one(call, tasks.len())?;
    tasks.push(Made { spec, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

/// A stage works where its task does.
fn into_dir(stage: &mut StepSpec, dir: &str) {
    if let StepAction::Shell(shell) = &mut stage.action
        && !dir.is_empty()
        && shell.workdir.plain() == Some("build")
    {
        shell.workdir = Text::from(format!("build/{dir}"));
    }
}

fn stage(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let name = top::required_name(call)?;
    let Some(command) = call.some("command") else {
        return Err(call.wrong(Part::Whole, "stage needs command").boxed());
    };
    let mut shell = ShellSpec::new(with_prefix(steps::command(call, "command", command)?));
    shell.env = call.env("env")?;
    shell.timeout = call.patience("timeout", shell.timeout)?;
    shell.max_time = call.patience("max_time", None)?;
    shell.pty = call.truth("usepty", false)?;
    shell.log_environ = false;
    let mut tests = output(call)?;
    if let Some(path) = call.rich_formed("output_file", address::file)? {
        let Some(reading) = &mut tests else {
            let message = "stage has output_file, and its output is no report";
            return Err(call.wrong_value("output_file", message).help("say which: output = \"junit\""));
        };
        REPORT.clone_into(&mut reading.log);
        shell.log_files.push(FollowedLog { name: REPORT.to_owned(), path, follow: false });
    }
    shell.reading = Reading { tests, ..Reading::default() };
    let flags = StepFlags::HALTING;
    let spec = StepSpec { flags, defined_at: call.place(), ..StepSpec::new(name, StepAction::Shell(shell)) };
    steps::keep(call, spec, true).map(Outcome::Step)
}

/// `{prefix}` becomes what the gate says it is; `${prefix}` is the shell's, and every other brace stays.
fn with_prefix(command: CommandLine) -> CommandLine {
    match command {
        CommandLine::Words(words) => CommandLine::Words(words.into_iter().map(put_prefix).collect()),
        CommandLine::Script(script) => CommandLine::Script(put_prefix(script)),
    }
}

fn put_prefix(text: Text) -> Text {
    const WRITTEN: &str = "{prefix}";
    let Some(plain) = text.plain() else { return text };
    let mut pieces = Vec::new();
    let (mut literal, mut rest) = (String::new(), plain);
    while let Some(at) = rest.find(WRITTEN) {
        literal.push_str(&rest[..at]);
        if literal.ends_with('$') {
            literal.push_str(WRITTEN);
        } else {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            pieces.push(Piece::Lookup { of: Lookup::Property("prefix".to_owned()), form: Form::Value });
        }
        rest = &rest[at + WRITTEN.len()..];
    }
    if pieces.is_empty() {
        return text;
    }
    literal.push_str(rest);
    pieces.push(Piece::Literal(literal));
    pieces.retain(|piece| *piece != Piece::Literal(String::new()));
    Text::Pieces(pieces)
}

/// The report that a stage promises. Autobuild's names are those of MIME.
fn output(call: &Call<'_, '_>) -> Result<Option<TestReading>, Wrong> {
    const MIME: [(&str, &str); 4] = [
        ("text/x-subunit", "subunit"),
        ("application/x-subunit", "subunit_v2"),
        ("text/x-tap", "tap"),
        ("application/xml", "junit"),
    ];
    let Some(said) = call.text("output")?.filter(|said| said != "text/plain") else { return Ok(None) };
    let format = MIME.iter().find(|(mime, _)| *mime == said).map_or(said.as_str(), |(_, format)| format);
    if !steps::FORMATS.contains(&format) {
        let mimes = MIME.iter().map(|(mime, _)| *mime);
        let known: Vec<&str> = ["text/plain"].into_iter().chain(mimes).chain(steps::FORMATS).collect();
        let message = format!("output of stage cannot be {}", quoted(&said));
        let help = match names::nearest(&said, known.iter().copied()) {
            Some(near) => format!("did you mean {}?", quoted(near)),
            None => format!("it takes {}", known.join(", ")),
        };
        return Err(call.wrong_value("output", message).help(help));
    }
    Ok(Some(TestReading { whole: true, ends_at_failure: true, ..TestReading::new(format) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_gates_own_prefix_is_put_in() {
        let pieces = |text: &str| match put_prefix(Text::from(text.to_owned())) {
            Text::Plain(text) => text,
            Text::Pieces(pieces) => {
                let short = |piece: &Piece| match piece {
                    Piece::Literal(text) => text.clone(),
                    Piece::Lookup { .. } => "<P>".to_owned(),
                };
                pieces.iter().map(short).collect::<Vec<_>>().join("|")
            }
        };
        let cases = [
            ("./configure --prefix={prefix}", "./configure --prefix=|<P>"),
            ("{prefix}/bin:{prefix}", "<P>|/bin:|<P>"),
            ("echo ${prefix} {PREFIX} {x}", "echo ${prefix} {PREFIX} {x}"),
            ("echo ${prefix} {prefix}", "echo ${prefix} |<P>"),
            ("", ""),
        ];
        for (text, wanted) in cases {
            assert_eq!(pieces(text), wanted);
        }
    }
}
