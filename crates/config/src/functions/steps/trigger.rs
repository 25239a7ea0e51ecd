//! `steps.trigger`.

use super::{COMMON, made, properties};
use crate::call::{Call, Outcome, Wrong};
use crate::functions::{Def, p};
use crate::names::{nearest, quoted};
use model::{StepAction, StepFlags, TriggerSpec};

pub(in crate::functions) const TRIGGER: Def = Def {
    path: "steps.trigger",
    summary: "Files sets of builds by triggerable schedulers, for the source of this build. When the step waits, it \
              ends with the worst of their results.",
    example: "steps.trigger([\"packages\"], wait_for_finish = True, properties = {\"tarball\": prop(\"tarball\", default = \"\")})",
    groups: &[
        &[
            p("schedulers", "list of names of triggerable schedulers", ""),
            p("wait_for_finish", "True or False", "False"),
            p("unimportant", "list of those whose result does not count", "[]"),
            p("properties", "dict of properties of the sets", "{}"),
            p("copy_properties", "list of names of properties that are handed on", "[]"),
            p("update_source", "True or False: they build what this build has got", "True"),
        ],
        COMMON,
    ],
    by_position: 1,
    required: &["schedulers"],
    in_pipelines: false,
    run: trigger,
};

fn trigger(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let schedulers = call.names("schedulers", "triggerable schedulers")?;
    let unimportant = call.texts("unimportant", "a list of names of schedulers")?.unwrap_or_default();
    if let Some(other) = unimportant.iter().find(|name| !schedulers.contains(name)) {
        let message = format!("unimportant of steps.trigger has {}, which is none of its schedulers", quoted(other));
        let near = nearest(other, schedulers.iter().map(String::as_str));
        return Err(call
            .wrong_value("unimportant", message)
            .maybe_help(near.map(|near| format!("did you mean {}?", quoted(near)))));
    }
    let wait = call.truth("wait_for_finish", false)?;
    if !wait && !unimportant.is_empty() {
        let message = "unimportant of steps.trigger counts only with wait_for_finish = True";
        return Err(call.wrong_value("unimportant", message).boxed());
    }
    let spec = TriggerSpec {
        schedulers,
        wait,
        unimportant,
        properties: properties::values(call, "properties")?,
        copy_properties: call.texts("copy_properties", "a list of names of properties")?.unwrap_or_default(),
        update_source: call.truth("update_source", true)?,
    };
    made(call, StepAction::Trigger(spec), "trigger", StepFlags::PLAIN)
}
