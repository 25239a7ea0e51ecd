//! Steps that the master does itself: commands on its machine, questions to web servers.

use super::{COMMON, made, shell};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::functions::{Def, p};
use crate::sites::Part;
use model::{HttpMethod, HttpSpec, Reading, Span, StepAction, StepFlags};
use starlark::values::Value;

pub(in crate::functions) const MASTER_SHELL: Def = Def {
    path: "steps.master_shell",
    summary: "Runs a command on the master's own machine.",
    example: "steps.master_shell([\"./publish\", interpolate(\"zlib-{got_revision}.tar.gz\")], workdir = \"publish\")",
    groups: &[&[p("command", "list of texts, or a text for the shell", "")], shell::RUN, COMMON],
    by_position: 1,
    required: &["command"],
    in_pipelines: false,
    run: master_shell,
};

pub(in crate::functions) const HTTP: Def = Def {
    path: "steps.http",
    summary: "Asks a web server, from the master. It passes when the answer's status is below 400.",
    example: "steps.http(\n    \"https://hooks.example.org/built\",\n    method = \"POST\",\n    \
              headers = {\"Authorization\": interpolate(\"Bearer {secret:mac-mini}\")},\n    body = interpolate(\"{got_revision}\"),\n)",
    groups: &[
        &[
            p("url", "address", ""),
            p("method", "\"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\" or \"OPTIONS\"", "\"GET\""),
            p("headers", "dict of texts", "{}"),
            p("body", "text", "None"),
            p("timeout", "duration", "\"1m\""),
        ],
        COMMON,
    ],
    by_position: 1,
    required: &["url"],
    in_pipelines: false,
    run: http,
};

fn master_shell(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let Some(value) = call.some("command") else {
        return Err(call.wants("command", "a list of texts", Value::new_none()).boxed());
    };
    let command = shell::command(call, "command", value)?;
    let name = shell::first_word(&command);
    let spec = shell::run(call, command, Reading::default())?;
    made(call, StepAction::MasterShell(spec), name, StepFlags::PLAIN)
}

fn http(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    const METHODS: [(&str, HttpMethod); 7] = [
        ("GET", HttpMethod::Get),
        ("HEAD", HttpMethod::Head),
        ("POST", HttpMethod::Post),
        ("PUT", HttpMethod::Put),
        ("PATCH", HttpMethod::Patch),
        ("DELETE", HttpMethod::Delete),
        ("OPTIONS", HttpMethod::Options),
    ];
    let Some(url) = call.rich_formed("url", address::web)? else {
        return Err(call.wrong(Part::Whole, "steps.http needs url").boxed());
    };
    let method = call.choice("method", &METHODS, HttpMethod::Get)?;
    let body = call.rich("body")?;
    if body.is_some() && matches!(method, HttpMethod::Get | HttpMethod::Head) {
        return Err(call.wrong_value("body", "body of steps.http goes with no GET").help("write method = \"POST\""));
    }
    let headers = call.rich_entries("headers", "a dict of texts")?;
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if let Some(bad) = headers.keys().find(|name| name.is_empty() || !name.chars().all(token)) {
        let message = format!("headers of steps.http has {}, which is no name of a header", crate::names::quoted(bad));
        return Err(call.wrong_value("headers", message).boxed());
    }
    let spec = HttpSpec {
        method,
        url,
        headers,
        body,
        timeout: call.duration("timeout", Span::seconds(1))?.unwrap_or(Span::seconds(60)),
    };
    made(call, StepAction::Http(spec), "http", StepFlags::PLAIN)
}
