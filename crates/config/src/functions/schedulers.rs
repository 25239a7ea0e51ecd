//! `schedulers.…`: who files build sets, and when. Forms have a file of their own.

use super::{Def, Param, filter, p, top};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::given;
use crate::names::{self, quoted};
use crate::registry::Made;
use crate::sites::{self, Part};
use model::{CodebaseSpec, Follow, Match, SchedulerKind, SchedulerSpec, Span};
use starlark::values::Value;
use std::collections::BTreeMap;

/// What every scheduler has.
pub(super) const COMMON: &[Param] = &[
    p("builders", "list of names of builders", ""),
    p("properties", "dict of properties of its sets", "{}"),
    p("reason", "text that its sets carry", "its own words"),
    p("priority", "number: higher goes first", "0"),
    p("codebases", "list of names, or dict of dicts with `repository`, `branch`, `revision`, `project`", "one source"),
];

const TIMER: Param = p("tree_stable_timer", "duration of quiet before the set is filed", "at once");

pub(super) const SINGLE_BRANCH: Def = Def {
    path: "schedulers.single_branch",
    summary: "Follows the changes that its filter lets through and files a set when nothing more has come for a while. \
              `branch = None` is the default branch. Unimportant changes wait for an important one and ride along.",
    example: "schedulers.single_branch(\n    \"quick\",\n    branch = \"main\",\n    tree_stable_timer = \"10s\",\n    \
              file_is_important = lambda change: any([not f.endswith(\".md\") for f in change.files]),\n    builders = [\"linux\"],\n)",
    groups: &[
        &[p("name", "text", ""), p("branch", "text, list, glob(…), regex(…); None: the default branch", "any"), TIMER],
        &[
            p("branches", "list, in the place of `branch`", ""),
            p("not_branch", "text, list, glob(…), regex(…)", "none"),
        ],
        filter::FIELDS,
        COMMON,
    ],
    by_position: 1,
    required: &["name", "builders"],
    in_pipelines: false,
    run: |call| {
        let follow = filter::follow(call, branch(call)?)?;
        made(call, SchedulerKind::SingleBranch(follow))
    },
};

pub(super) const ANY_BRANCH: Def = Def {
    path: "schedulers.any_branch",
    summary: "As `schedulers.single_branch`, with a quiet time for each branch of its own, and a set for each.",
    example: "schedulers.any_branch(\"all\", branches = [\"trunk\", glob(\"features/*\")], tree_stable_timer = \"10m\", \
              builders = [\"linux\"])",
    groups: &[
        &[p("name", "text", ""), p("branches", "list, glob(…), regex(…); None: all", "all"), TIMER],
        &[
            p("branch", "text, in the place of `branches`", ""),
            p("not_branch", "text, list, glob(…), regex(…)", "none"),
        ],
        filter::FIELDS,
        COMMON,
    ],
    by_position: 1,
    required: &["name", "builders"],
    in_pipelines: false,
    run: |call| {
        let follow = filter::follow(call, branch(call)?)?;
        made(call, SchedulerKind::AnyBranch(follow))
    },
};

pub(super) const DEPENDENT: Def = Def {
    path: "schedulers.dependent",
    summary: "Files a set for the same source when a set of another scheduler has passed on all its builders.",
    example: "schedulers.dependent(\"deploy\", upstream = \"packages\", builders = [\"linux\"])",
    groups: &[&[p("name", "text", ""), p("upstream", "name of the other scheduler", "")], COMMON],
    by_position: 2,
    required: &["name", "upstream", "builders"],
    in_pipelines: false,
    run: |call| {
        let upstream = call.formed("upstream", address::name)?.unwrap_or_default();
        made(call, SchedulerKind::Dependent { upstream })
    },
};

/// What schedulers have that go by the clock.
const TIMED: &[Param] = &[
    p("branch", "name of the branch to build; None: the default branch", "None"),
    p("only_if_changed", "True or False: not when no important change came since the last set", "False"),
];

pub(super) const PERIODIC: Def = Def {
    path: "schedulers.periodic",
    summary: "Files a set every so often, the first one at once. What it says of changes counts with `only_if_changed`.",
    example: "schedulers.periodic(\"hourly\", every = \"1h\", builders = [\"linux\"])",
    groups: &[
        &[p("name", "text", ""), p("every", "duration", "")],
        TIMED,
        &[p("interval", "the same as `every`", "")],
        filter::FIELDS,
        COMMON,
    ],
    by_position: 1,
    required: &["name", "builders"],
    in_pipelines: false,
    run: periodic,
};

pub(super) const NIGHTLY: Def = Def {
    path: "schedulers.nightly",
    summary: "Files a set at the times of a table as in crontab(5): minute, hour, day of the month, month, day of the \
              week. A day fits when either of the two fields of days fits, if both are given. A fixed time that the \
              clock leaps over in spring comes right after the leap, and one that it shows twice in autumn comes once. \
              Where the minute or the hour is `*` or `*/n`, what the clock shows is what counts.",
    example: "schedulers.nightly(\"nightly\", cron = \"30 3 * * 1-5\", timezone = \"Europe/Berlin\", branch = \"main\", \
              only_if_changed = True, builders = [\"linux\"])",
    groups: &[
        &[p("name", "text", ""), p("cron", "text of five fields", "")],
        &[p("timezone", "IANA name", "the master's own")],
        TIMED,
        filter::FIELDS,
        COMMON,
    ],
    by_position: 2,
    required: &["name", "cron", "builders"],
    in_pipelines: false,
    run: nightly,
};

pub(super) const TRIGGERABLE: Def = Def {
    path: "schedulers.triggerable",
    summary: "Files a set when a step of another build asks for it: see `steps.trigger`.",
    example: "schedulers.triggerable(\"tests\", builders = [\"linux\"])",
    groups: &[&[p("name", "text", "")], COMMON],
    by_position: 1,
    required: &["name", "builders"],
    in_pipelines: false,
    run: |call| made(call, SchedulerKind::Triggerable),
};

/// `branch` or `branches`: not given, every change that the rest lets through.
fn branch(call: &Call<'_, '_>) -> Result<Match, Wrong> {
    let all = call.value("branches").filter(|v| !v.is_none());
    match (call.value("branch"), all) {
        (Some(_), Some(_)) => {
            let message = format!("{} has both branch and branches", call.def.path);
            Err(call.wrong(Part::Name("branch"), message).help("give one of them"))
        }
        (_, None) => filter::field(call, "branch", "not_branch"),
        (None, Some(_)) => filter::field(call, "branches", "not_branch"),
    }
}

fn periodic(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let (every, interval) = (call.duration("every", SHORTEST)?, call.duration("interval", SHORTEST)?);
    let every = match (every, interval) {
        (Some(_), Some(_)) => {
            let message = "schedulers.periodic has both every and interval";
            return Err(call.wrong(Part::Name("interval"), message).help("they mean the same; give one of them"));
        }
        (None, None) => return Err(call.wrong(Part::Whole, "schedulers.periodic needs every").boxed()),
        (Some(every), None) | (None, Some(every)) => every,
    };
    let branch = call.formed("branch", address::branch)?;
    let if_changed = if_changed(call, branch.as_deref())?;
    made(call, SchedulerKind::Periodic { every, branch, if_changed })
}

/// The shortest time between two sets that nobody asked for.
const SHORTEST: Span = Span::seconds(1);

fn nightly(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let cron = call.text("cron")?.unwrap_or_default();
    crate::cron::check(&cron).map_err(|flaw| {
        let value = call.registry.sites.find(&call.site, call.def.value_part("cron"));
        let spot = sites::within(&value, &cron, flaw.at, flaw.length).unwrap_or(value);
        call.wrong_at(&spot, format!("cron of schedulers.nightly {}", flaw.message)).help(flaw.help)
    })?;
    let timezone = call.text("timezone")?;
    if let Some(zone) = timezone.as_ref().filter(|zone| !crate::cron::is_timezone(zone)) {
        let message = format!("there is no time zone {}", quoted(zone));
        let near = crate::cron::nearest_timezone(zone).map(|near| format!("did you mean {}?", quoted(&near)));
        let help = near.unwrap_or_else(|| "it is a name of the IANA database, such as \"Europe/Berlin\"".to_owned());
        return Err(call.wrong_value("timezone", message).help(help));
    }
    let branch = call.formed("branch", address::branch)?;
    let if_changed = if_changed(call, branch.as_deref())?;
    made(call, SchedulerKind::Nightly { cron, timezone, branch, if_changed })
}

/// Which changes make a scheduler that goes by the clock do something.
fn if_changed(call: &Call<'_, '_>, branch: Option<&str>) -> Result<Option<Follow>, Wrong> {
    if call.truth("only_if_changed", false)? {
        let branch = Match::OneOf(vec![branch.map(str::to_owned)]);
        return filter::follow(call, branch).map(Some);
    }
    match filter::FIELDS.iter().find(|field| call.some(field.name).is_some()) {
        None => Ok(None),
        Some(field) => {
            let message = format!("{} of {} counts only with only_if_changed = True", field.name, call.def.path);
            Err(call.wrong(Part::Name(field.name), message).boxed())
        }
    }
}

/// Registers a scheduler.
pub(super) fn made(call: &Call<'_, '_>, kind: SchedulerKind) -> Result<Outcome, Wrong> {
    let spec = SchedulerSpec {
        builders: call.names("builders", "builders")?,
        properties: call.properties("properties", "Scheduler")?,
        reason: call.text("reason")?,
        priority: call.number("priority", -1_000_000, 1_000_000, 0)?,
        codebases: codebases(call)?,
        defined_at: call.place(),
        ..SchedulerSpec::new(top::required_name(call)?, kind)
    };
    let schedulers = &mut call.registry.draft.borrow_mut().schedulers;
    top::room_for_one(call, schedulers.len())?;
    schedulers.push(Made { spec, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

fn codebases<'v>(call: &Call<'v, '_>) -> Result<BTreeMap<String, CodebaseSpec>, Wrong> {
    let mut all = BTreeMap::new();
    if call.some("codebases").is_some_and(|v| given::items(v).is_some()) {
        let names = call.names("codebases", "codebases")?;
        return Ok(names.into_iter().map(|name| (name, CodebaseSpec::default())).collect());
    }
    for (name, value) in call.entries("codebases", "a list of names, or a dict of dicts")? {
        let Some(Ok(entries)) = given::entries(value) else {
            let what = given::describe(value);
            let message = format!("codebases of {} has {what} for {}", call.def.path, quoted(name));
            return Err(call.wrong_value("codebases", message).help("it takes {\"repository\": \"…\", \"branch\": …}"));
        };
        let mut spec = CodebaseSpec::default();
        for (field, value) in entries {
            let text = |value: Value<'v>| match value.unpack_str() {
                Some(text) => call.keep(text).map(Some),
                None if value.is_none() => Ok(None),
                None => Err(call.wants("codebases", "a dict of dicts of texts", value).boxed()),
            };
            match field {
                "repository" => spec.repository = text(value)?.unwrap_or_default(),
                "branch" => spec.branch = text(value)?,
                "revision" => spec.revision = text(value)?,
                "project" => spec.project = text(value)?.unwrap_or_default(),
                other => {
                    let message = format!("a codebase has no {}", quoted(other));
                    let known = ["repository", "branch", "revision", "project"];
                    let help = match names::nearest(other, known) {
                        Some(near) => format!("did you mean {}?", quoted(near)),
                        None => format!("it has {}", known.join(", ")),
                    };
                    return Err(call.wrong_value("codebases", message).help(help));
                }
            }
        }
        all.insert(call.keep(name)?, spec);
    }
    Ok(all)
}
