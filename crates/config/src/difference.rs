//! What a reload would change, a line for each thing.

use crate::describe::by_name;
use model::{
    BuilderSpec, ChangeSourceSpec, Config, Follow, GateSpec, LockSpec, ReporterKind, ReporterSpec, SchedulerKind,
    SchedulerSpec, StepSpec, TrySpec, VcsPollerSpec, WorkerSpec,
};
use serde::Serialize;
use serde_json::Value as Json;

/// One line for each thing that is added, removed or changed from `old` to `new`, as `+ builder linux`,
/// `- worker mac: …`, `~ scheduler quick: builders, tree_stable_timer`. Empty: nothing would change.
/// Where a thing is defined does not count, and neither does where a function stands in its file. Secrets are compared and never shown.
pub fn difference(old: &Config, new: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    let mut single = |kind: &str, changed: Vec<&'static str>| {
        if !changed.is_empty() {
            lines.push(format!("~ {kind}: {}", changed.join(", ")));
        }
    };
    let (o, n) = (&old.project, &new.project);
    single(
        "project",
        fields(&[("title", o.title != n.title), ("url", o.url != n.url), ("public_url", o.public_url != n.public_url)]),
    );
    let (o, n) = (&old.web, &new.web);
    single(
        "web",
        fields(&[
            ("listen (needs a restart)", o.listen != n.listen),
            ("anonymous_control", o.anonymous_control != n.anonymous_control),
            ("users", o.users != n.users),
        ]),
    );
    single("database", fields(&[("url (needs a restart)", old.database != new.database)]));
    things(&mut lines, "worker", &old.workers, &new.workers, |w| &w.name, worker);
    things(&mut lines, "builder", &old.builders, &new.builders, |b| &b.name, builder);
    things(&mut lines, "scheduler", &old.schedulers, &new.schedulers, |s| &s.name, scheduler);
    things(&mut lines, "lock", &old.locks, &new.locks, |l| &l.name, lock);
    things(&mut lines, "change source", &old.sources, &new.sources, ChangeSourceSpec::name, source);
    things(&mut lines, "gate", &old.gates, &new.gates, |g| &g.name, gate);
    things(&mut lines, "reporter", &old.reporters, &new.reporters, |r| &r.name, reporter);
    // What a secret says is never shown, so neither is which of them are new.
    if old.secrets != new.secrets {
        lines.push("~ secrets".to_owned());
    }
    lines
}

/// The names of those that differ.
fn fields(differ: &[(&'static str, bool)]) -> Vec<&'static str> {
    differ.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect()
}

fn things<'t, T>(
    lines: &mut Vec<String>,
    kind: &str,
    old: &'t [T],
    new: &'t [T],
    name: impl Fn(&'t T) -> &'t str + Copy,
    compare: impl Fn(&T, &T) -> Vec<&'static str>,
) {
    let (before, after) = (by_name(old, name), by_name(new, name));
    lines.extend(before.keys().filter(|n| !after.contains_key(*n)).map(|n| format!("- {kind} {n}{}", removal(kind))));
    for thing in new {
        let name = name(thing);
        match before.get(name) {
            None => lines.push(format!("+ {kind} {name}")),
            Some(old) => {
                let changed = compare(old, thing);
                if !changed.is_empty() {
                    lines.push(format!("~ {kind} {name}: {}", changed.join(", ")));
                }
            }
        }
    }
}

/// What becomes of the work of a thing that is no longer configured.
fn removal(kind: &str) -> &'static str {
    match kind {
        "worker" => ": what it runs goes on to the end, and it gets no more",
        "reporter" => ": what it has not sent is given up",
        "gate" => ": its line stays as it is until it is configured again",
        "builder" => ": what waits for it is cancelled, and what runs goes on to the end",
        _ => "",
    }
}

fn worker(old: &WorkerSpec, new: &WorkerSpec) -> Vec<&'static str> {
    let kind = std::mem::discriminant(&old.access) != std::mem::discriminant(&new.access);
    fields(&[
        ("where it runs", kind),
        ("password", !kind && old.access != new.access),
        ("max_builds", old.max_builds != new.max_builds),
        ("lost_after", old.lost_after != new.lost_after),
    ])
}

fn builder(old: &BuilderSpec, new: &BuilderSpec) -> Vec<&'static str> {
    fields(&[
        ("description", old.description != new.description),
        ("tags", old.tags != new.tags),
        ("workers", old.workers != new.workers),
        ("steps", !same_steps(&old.steps, &new.steps)),
        ("builddir", old.builddir != new.builddir),
        ("env", old.env != new.env),
        ("properties", old.properties != new.properties),
        ("default_properties", old.default_properties != new.default_properties),
        ("locks", old.locks != new.locks),
        ("collapse", differ(&old.collapse, &new.collapse)),
        ("cancel_superseded", old.cancel_superseded != new.cancel_superseded),
        ("next_worker", differ(&old.next_worker, &new.next_worker)),
        ("next_request", differ(&old.next_request, &new.next_request)),
        ("can_start", differ(&old.can_start, &new.can_start)),
        ("do_build_if", differ(&old.do_build_if, &new.do_build_if)),
        ("use_progress", old.use_progress != new.use_progress),
        ("pipeline", old.pipeline != new.pipeline),
    ])
}

fn gate(old: &GateSpec, new: &GateSpec) -> Vec<&'static str> {
    fields(&[
        ("repo", old.repository != new.repository),
        ("push", old.push != new.push),
        ("branch", old.branch != new.branch),
        ("tasks", old.tasks != new.tasks),
        ("slots", old.slots != new.slots),
        ("approvals", old.approvals != new.approvals),
        ("approvers", old.approvers != new.approvers),
        ("submitters", old.submitters != new.submitters),
        ("retries", old.retries != new.retries),
        ("retries_a_day", old.retries_a_day != new.retries_a_day),
        ("promise", old.promise != new.promise),
        ("policy", old.policy != new.policy),
        ("poll", old.poll != new.poll),
    ])
}

fn lock(old: &LockSpec, new: &LockSpec) -> Vec<&'static str> {
    fields(&[
        ("scope", old.scope != new.scope),
        ("max_count", old.max_count != new.max_count),
        ("max_count_for_worker", old.max_count_for_worker != new.max_count_for_worker),
    ])
}

fn reporter(old: &ReporterSpec, new: &ReporterSpec) -> Vec<&'static str> {
    let (o, n) = (&old.occasions, &new.occasions);
    let mut changed = fields(&[
        ("mode", o.modes != n.modes),
        ("builders", o.builders != n.builders),
        ("tags", o.tags != n.tags),
        ("branches", o.branches != n.branches),
        ("schedulers", o.schedulers != n.schedulers),
        ("give_up_after", old.give_up_after != new.give_up_after),
    ]);
    changed.extend(match (&old.kind, &new.kind) {
        (ReporterKind::Mail(o), ReporterKind::Mail(n)) => fields(&[
            ("from_addr", o.from_addr != n.from_addr),
            ("extra_recipients", o.extra_recipients != n.extra_recipients),
            ("send_to_interested_users", o.send_to_interested_users != n.send_to_interested_users),
            ("lookup", differ(&o.lookup, &n.lookup)),
            ("subject", o.subject != n.subject),
            ("add_logs", o.add_logs != n.add_logs),
            ("log_limit", o.log_limit != n.log_limit),
            ("relayhost", o.relayhost != n.relayhost),
            ("port", o.port != n.port),
            ("user and password", o.login != n.login),
            ("tls", o.tls != n.tls),
        ]),
        (ReporterKind::Http(o), ReporterKind::Http(n)) => {
            fields(&[("url", o.url != n.url), ("secret", o.secret != n.secret), ("headers", o.headers != n.headers)])
        }
        _ => vec!["what it is"],
    });
    changed
}

fn same_steps(old: &[StepSpec], new: &[StepSpec]) -> bool {
    // Where a step is written makes no difference.
    let elsewhere = |s: &StepSpec| StepSpec { defined_at: None, ..s.clone() };
    old.len() == new.len() && old.iter().zip(new).all(|(a, b)| !differ(&elsewhere(a), &elsewhere(b)))
}

/// Whether two differ in more than where their functions stand.
fn differ<T: PartialEq + Serialize>(old: &T, new: &T) -> bool {
    // What is the same to the letter is the most by far; only the rest is looked at more closely.
    old != new && placeless(old) != placeless(new)
}

/// A thing without the places of the functions in it.
fn placeless(thing: &impl Serialize) -> Json {
    fn strip(value: &mut Json) {
        match value {
            Json::Object(fields) => {
                if fields.contains_key("digest") {
                    fields.remove("place");
                }
                fields.values_mut().for_each(strip);
            }
            Json::Array(items) => items.iter_mut().for_each(strip),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    let mut value = serde_json::to_value(thing).unwrap_or_default();
    strip(&mut value);
    value
}

fn scheduler(old: &SchedulerSpec, new: &SchedulerSpec) -> Vec<&'static str> {
    let mut changed = kind(&old.kind, &new.kind);
    changed.extend(fields(&[
        ("builders", old.builders != new.builders),
        ("properties", old.properties != new.properties),
        ("reason", old.reason != new.reason),
        ("priority", old.priority != new.priority),
        ("codebases", old.codebases != new.codebases),
    ]));
    changed
}

fn kind(old: &SchedulerKind, new: &SchedulerKind) -> Vec<&'static str> {
    use SchedulerKind::{AnyBranch, Dependent, Force, Nightly, Periodic, SingleBranch, Triggerable, Try};
    use TrySpec::{Jobdir, Userpass};
    match (old, new) {
        (SingleBranch(o), SingleBranch(n)) | (AnyBranch(o), AnyBranch(n)) => follow(o, n),
        (Periodic { every: e, branch: b, if_changed: i }, Periodic { every: f, branch: c, if_changed: j }) => {
            fields(&[("every", e != f), ("branch", b != c), ("only_if_changed", differ(i, j))])
        }
        (
            Nightly { cron: e, timezone: t, branch: b, if_changed: i },
            Nightly { cron: f, timezone: u, branch: c, if_changed: j },
        ) => fields(&[("cron", e != f), ("timezone", t != u), ("branch", b != c), ("only_if_changed", differ(i, j))]),
        (Force(o), Force(n)) => fields(&[
            ("button", o.button != n.button),
            ("label", o.label != n.label),
            ("parameters", o.parameters != n.parameters),
        ]),
        (Dependent { upstream: u }, Dependent { upstream: v }) => fields(&[("upstream", u != v)]),
        (Triggerable, Triggerable) => Vec::new(),
        (Try(Jobdir { jobdir: o }), Try(Jobdir { jobdir: n })) => fields(&[("jobdir", o != n)]),
        (Try(Userpass { users: o }), Try(Userpass { users: n })) => fields(&[("users", o != n)]),
        _ => vec!["kind"],
    }
}

fn follow(old: &Follow, new: &Follow) -> Vec<&'static str> {
    let (f, g) = (&old.filter, &new.filter);
    fields(&[
        ("branch", f.branch != g.branch),
        ("repository", f.repository != g.repository),
        ("project", f.project != g.project),
        ("category", f.category != g.category),
        ("codebase", f.codebase != g.codebase),
        ("author", f.author != g.author),
        ("files", f.files != g.files),
        ("change_filter", differ(&f.function, &g.function)),
        ("tree_stable_timer", old.tree_stable_timer != new.tree_stable_timer),
        ("file_is_important", differ(&old.is_important, &new.is_important)),
        ("only_important", old.only_important != new.only_important),
    ])
}

fn source(old: &ChangeSourceSpec, new: &ChangeSourceSpec) -> Vec<&'static str> {
    use ChangeSourceSpec::{GitPoller, VcsPoller};
    let (o, n) = match (old, new) {
        (GitPoller(o), GitPoller(n)) => (o, n),
        (VcsPoller(o), VcsPoller(n)) => return polled(o, n),
        _ => return vec!["kind"],
    };
    fields(&[
        ("repository", o.repository != n.repository),
        ("branches", o.branches != n.branches),
        ("every", o.every != n.every),
        ("project", o.project != n.project),
        ("category", o.category != n.category),
        ("codebase", o.codebase != n.codebase),
        ("build_existing", o.build_existing != n.build_existing),
    ])
}

fn polled(o: &VcsPollerSpec, n: &VcsPollerSpec) -> Vec<&'static str> {
    fields(&[
        ("kind", o.vcs != n.vcs),
        ("repository", o.repository != n.repository),
        ("module", o.module != n.module),
        ("branches", o.branches != n.branches),
        ("branch", o.branch != n.branch),
        ("every", o.every != n.every),
        ("project", o.project != n.project),
        ("category", o.category != n.category),
        ("codebase", o.codebase != n.codebase),
        ("build_existing", o.build_existing != n.build_existing),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::config;

    #[test]
    fn each_thing_that_changes_has_its_line() {
        let old = config(
            r#"
project(title = "zlib")
local_worker("here")
worker("mac", password = "one")
worker("gone", password = "x")
builder("linux", workers = ["here"], steps = [steps.test()])
builder("mac", workers = ["mac"], steps = [steps.test()])
schedulers.single_branch("quick", branch = "develop", builders = ["linux"])
schedulers.force("f", builders = ["linux"])
changes.git_poller("/srv/zlib", branch = "develop")
"#,
        );
        let new = config(
            r#"

project(title = "zlib", url = "https://zlib.net")
web(listen = "0.0.0.0:80")
local_worker("here", max_builds = 2)
worker("mac", password = "two")
builder("arm", workers = ["here"], steps = [steps.test()])
builder("linux", workers = ["here"], steps = [steps.test(timeout = "1m")], tags = ["c"])
builder("mac", workers = ["mac"], steps = [steps.test()])
schedulers.single_branch("quick", branch = "main", tree_stable_timer = "5s", builders = ["linux", "mac"])
schedulers.periodic("f", every = "1h", builders = ["linux"])
changes.git_poller("/srv/zlib", branches = ["develop", "main"], every = "1m")
"#,
        );
        assert_eq!(difference(&old, &old), Vec::<String>::new());
        insta::assert_snapshot!(difference(&old, &new).join("\n"), @r#"
    ~ project: url
    ~ web: listen (needs a restart)
    - worker gone: what it runs goes on to the end, and it gets no more
    ~ worker here: max_builds
    ~ worker mac: password
    + builder arm
    ~ builder linux: tags, steps
    ~ scheduler quick: branch, tree_stable_timer, builders
    ~ scheduler f: kind
    ~ change source /srv/zlib: branches, every
    "#);
    }

    #[test]
    fn a_function_is_its_own_text() {
        let text = r#"
local_worker("here")
def is_code(change):
    return not change.branch.startswith("docs")

LEAST = 3
def count(exit_code, output):
    return {"results": SUCCESS if len(output) > LEAST else FAILURE}

def only(branch):
    return lambda request, worker: request.branch == branch

asked = lambda build: build.number > 3
builder("a", workers = ["here"], steps = [steps.shell("./a", reader = count)], do_build_if = asked)
builder("b", workers = ["here"], steps = [steps.test(do_step_if = lambda build: True)])
builder("c", workers = ["here"], steps = [steps.test()], can_start = only("main"))
schedulers.single_branch("s", file_is_important = is_code, builders = ["a", "b", "c"])
"#;
        let lines = |from: &str, to: &str| {
            assert!(from.is_empty() || text.contains(from), "{from}");
            let new = if from.is_empty() { format!("{to}{text}") } else { text.replace(from, to) };
            difference(&config(text), &config(&new))
        };
        // What is made inside of another function has values around it: it is told by the whole file.
        let c = "~ builder c: can_start";
        let cases = [
            ("", "# Another line.\n\nVERSION = 2\n", vec![c]),
            ("def count", "# What follows counts.\n\ndef count", vec![c]),
            ("LEAST = 3", "LEAST = 4", vec![c]),
            ("number > 3", "number > 4", vec!["~ builder a: do_build_if", c]),
            ("startswith(\"docs", "startswith(\"doc", vec![c, "~ scheduler s: file_is_important"]),
            ("len(output) > LEAST", "len(output) >= LEAST", vec!["~ builder a: steps", c]),
            ("lambda build: True", "lambda build: False", vec!["~ builder b: steps", c]),
            ("count", "tally", vec!["~ builder a: steps", c]),
            ("only(\"main\")", "only(\"next\")", vec![c]),
        ];
        for (from, to, expected) in cases {
            assert_eq!(lines(from, to), expected, "{to}");
        }
    }
}
