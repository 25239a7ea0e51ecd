//! `gate(…)`: where changes land. In a master's configuration it is a queue; in a pipeline it names the branch that
//! `sluice gate` lands on.

use super::{Def, p, top};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::names::quoted;
use crate::registry::{GateDraft, Made, Mode};
use crate::sites::Part;
use model::{GatePolicy, GatePromise, GateSpec, MasterSpec, Span};

pub(super) const GATE: Def = Def {
    path: "gate",
    summary: "Where changes land. In `master.star`: a queue that tests what is handed in with `sluice land` the way it \
              would land, and pushes what passed. Each of its tasks becomes a builder named `GATE-TASK`. In a \
              `sluice.star`: the branch of `master` that `sluice gate --rebase-master` puts a change on top of, and \
              where `--push-master` pushes to.",
    example: "task(\"check\", stages = [stage(\"make\", [\"make\", \"check\"])])\ngate(\"trunk\", repo = \
              \"https://example.org/zlib.git\", push = \"ssh://git@example.org/zlib.git\", branch = \"main\", \
              tasks = [\"check\"], slots = 4)",
    groups: &[&[
        p("name", "text", ""),
        p("repo", "address of the repository that the branch is read from; `master` is the same", ""),
        p("branch", "text", "name"),
        p("push", "address of the repository that is pushed to", "repo"),
        p("tasks", "list of names of tasks; those that they wait for come along", "all"),
        p("workers", "list of names of workers that run them", "all"),
        p("slots", "how many trees are tested at once", "2"),
        p("approvals", "how many people must have approved a change", "0"),
        p("approvers", "list of names of who may approve", "whoever may act"),
        p("submitters", "list of names of who may hand changes in", "whoever may act"),
        p("retries", "how often what failed is run again, where that may be a flake", "2"),
        p("retries_a_day", "how often in a day, for all changes together", "100 for each slot"),
        p("promise", "\"tip\" or \"each commit\": what was tested of the commits of one push", "\"tip\""),
        p("policy", "\"adaptive\", \"train\", \"batch\" or \"serial\"", "\"adaptive\""),
        p("poll", "duration between looks at the branch", "\"10s\""),
        p("env", "dict of variables of all commands", "{}"),
        p("submodules", "True or False: they come along", "True"),
        p("master", "in a pipeline: address of the repository that the branch is read from", "repo"),
    ]],
    by_position: 1,
    required: &[],
    in_pipelines: true,
    run: gate,
};

/// What a gate of a pipeline may say; the rest is the master's.
const IN_PIPELINES: [&str; 5] = ["name", "branch", "repo", "master", "push"];

fn gate(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let said = (call.text("name")?, call.formed("branch", address::landing_branch)?);
    if call.some("repo").is_some() && call.some("master").is_some() {
        return Err(call
            .wrong(Part::Name("master"), "gate has repo and master")
            .help("they are the same: leave one out"));
    }
    let repo = match call.formed("repo", address::repository)? {
        Some(repo) => Some(repo),
        None => call.formed("master", address::repository)?,
    };
    let Some(repository) = repo else {
        let needed = if call.registry.mode == Mode::Master { "repo" } else { "master" };
        return Err(call.wrong(Part::Whole, format!("gate needs {needed}")).boxed());
    };
    let push = call.formed("push", address::repository)?.unwrap_or_else(|| repository.clone());
    match call.registry.mode {
        Mode::Pipeline | Mode::Tests => in_pipeline(call, said, repository, push),
        Mode::Master => in_master(call, said, repository, push),
    }
}

fn in_pipeline(
    call: &Call<'_, '_>,
    (name, branch): (Option<String>, Option<String>),
    master: String,
    push: String,
) -> Result<Outcome, Wrong> {
    if let Some(name) = call.def.params().find(|p| !IN_PIPELINES.contains(p) && call.value(p).is_some()) {
        let message = format!("{name} of a gate does not belong into a pipeline");
        return Err(call.wrong(Part::Name(name), message).help("it has branch, master and push"));
    }
    let branch = match branch {
        Some(branch) => Some(branch),
        None => call.formed("name", address::landing_branch)?,
    };
    let Some(branch) = branch.or(name) else {
        return Err(call.wrong(Part::Whole, "gate needs branch").boxed());
    };
    let gates = &mut call.registry.draft.borrow_mut().masters;
    if !gates.is_empty() {
        let wrong = call.wrong(Part::Whole, "there is a gate already");
        return Err(wrong.help("changes of a repository land in one place"));
    }
    gates.push(Made { spec: MasterSpec { branch, master, push, defined_at: call.place() }, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

fn in_master(
    call: &Call<'_, '_>,
    (name, branch): (Option<String>, Option<String>),
    repository: String,
    push: String,
) -> Result<Outcome, Wrong> {
    let name = match name {
        Some(_) => top::required_name(call)?,
        None => return Err(call.wrong(Part::Whole, "gate needs name").boxed()),
    };
    if !model::source::is_git_branch(&name) {
        let wrong = call.wrong(Part::Name("name"), format!("git takes no reference with {} in it", quoted(&name)));
        return Err(wrong.help("what a gate tests stands below refs/sluice/NAME, where its workers find it"));
    }
    let branch = match branch {
        Some(branch) => branch,
        None if address::landing_branch(&name).is_ok() => name.clone(),
        None => return Err(call.wrong(Part::Whole, "gate needs branch").boxed()),
    };
    let slots = u32::try_from(call.number("slots", 1, 1000, 2)?).unwrap_or(2);
    let count =
        |name, most, usual| Ok::<_, Wrong>(u32::try_from(call.number(name, 0, most, usual)?).unwrap_or_default());
    let people = |name| Ok::<_, Wrong>(call.texts(name, "a list of names")?.unwrap_or_default());
    let list = |name, kind| call.some(name).map(|_| call.names(name, kind)).transpose();
    let spec = GateSpec {
        repository,
        push,
        branch,
        tasks: Vec::new(),
        slots,
        approvals: count("approvals", 100, 0)?,
        submitters: people("submitters")?,
        approvers: people("approvers")?,
        retries: count("retries", 10, 2)?,
        retries_a_day: count("retries_a_day", 1_000_000, 100 * i64::from(slots))?,
        promise: chosen(call, "promise", &PROMISES)?,
        policy: chosen(call, "policy", &GatePolicy::ALL)?,
        poll: call.duration("poll", Span::seconds(1))?.unwrap_or(Span::seconds(10)),
        defined_at: call.place(),
        name,
    };
    let draft = GateDraft {
        spec,
        tasks: list("tasks", "tasks")?,
        workers: list("workers", "workers")?,
        env: call.env("env")?,
        submodules: call.truth("submodules", true)?,
    };
    let gates = &mut call.registry.draft.borrow_mut().gates;
    top::room_for_one(call, gates.len())?;
    gates.push(Made { spec: draft, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

const PROMISES: [(&str, GatePromise); 2] = [("tip", GatePromise::Tip), ("each commit", GatePromise::EachCommit)];

/// One of some words; the usual one where nothing is said.
fn chosen<T: Copy + Default>(call: &Call<'_, '_>, name: &str, all: &[(&str, T)]) -> Result<T, Wrong> {
    let Some(said) = call.text(name)? else { return Ok(T::default()) };
    all.iter().find(|(word, _)| *word == said).map(|(_, chosen)| *chosen).ok_or_else(|| {
        let words: Vec<String> = all.iter().map(|(word, _)| quoted(word)).collect();
        let message = format!("{name} of gate cannot be {}", quoted(&said));
        call.wrong_value(name, message).help(format!("it is one of {}", words.join(", ")))
    })
}
