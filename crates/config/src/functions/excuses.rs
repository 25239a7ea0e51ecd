//! `tests.waiver` and `tests.quarantine`: failures that somebody answers for.

use super::areas::{checks, required};
use super::{Def, p, top};
use crate::call::{Call, Outcome, Wrong};
use crate::names::quoted;
use model::Time;
use model::area::{Check, Quarantine, Waiver};

pub(super) const WAIVER: Def = Def {
    path: "tests.waiver",
    summary: "A failure that somebody answers for until a day. It becomes WAIVED only if it is the same one, as far as is said \
              here: at this step, with this text in what is said of it; and with files that are what they were in the last run \
              in which it was waived, or whose differences log rules find no worse than WARN (`checks`). With neither of \
              these it is what waiver_checks of the test says.",
    example: "test(\"build\", dir = \"tests/build\", items = {\"CPU\": [\"arm\", \"x86\"]}, steps = [(\"make\", \"make\")])\n\
              tests.waiver(\"build/arm\", step = \"make\", comment = \"ended with 2\", owner = \"ada\", reason = \
              \"issue 12\", expires = \"2027-01-31\")",
    groups: &[&[
        p("tests", "test pattern", ""),
        p("owner", "text", ""),
        p("reason", "text", ""),
        p("expires", "the day from which on it does not hold, as in \"2027-01-31\" (UTC)", ""),
        p("step", "name of the step at which it fails", "any"),
        p("comment", "text that is in what is said of the failure", "\"\""),
        p("checks", "list of patterns of files, and of (pattern, file of log rules beside the test)", "[]"),
        p("statuses", "list of statuses", "[\"FAIL\"]"),
    ]],
    by_position: 1,
    required: &["tests", "owner", "reason", "expires"],
    in_pipelines: false,
    run: waiver,
};

pub(super) const QUARANTINE: Def = Def {
    path: "tests.quarantine",
    summary: "Tests that still run, and whose failures do not make a run red until a day.",
    example: "test(\"net\", steps = [(\"run\", \"./net\")])\n\
              tests.quarantine(\"net\", owner = \"bob\", reason = \"issue 9\", expires = \"2027-01-31\")",
    groups: &[&[
        p("tests", "test pattern", ""),
        p("owner", "text", ""),
        p("reason", "text", ""),
        p("expires", "the day from which on they count again, as in \"2027-01-31\" (UTC)", ""),
    ]],
    by_position: 1,
    required: &["tests", "owner", "reason", "expires"],
    in_pipelines: false,
    run: quarantine,
};

fn waiver(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let (step, comment) = (call.text("step")?, call.text("comment")?);
    if step.is_none() && comment.is_some() {
        return Err(call.wrong_value("comment", "comment of tests.waiver needs step").boxed());
    }
    let failure = step.map(|step| Check::Failure { step, comment: comment.unwrap_or_default() });
    let further = checks(call, "checks")?;
    let waiver = Waiver {
        tests: required(call, "tests")?,
        statuses: match call.some("statuses") {
            Some(_) => call.names("statuses", "statuses")?,
            None => vec!["FAIL".to_owned()],
        },
        owner: required(call, "owner")?,
        reason: required(call, "reason")?,
        expires: day(call)?,
        checks: failure.into_iter().chain(further).collect(),
    };
    let waivers = &mut call.registry.draft.borrow_mut().area.waivers;
    top::room_for_one(call, waivers.len())?;
    waivers.push(waiver);
    Ok(Outcome::Nothing)
}

fn quarantine(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let (tests, owner, reason) = (required(call, "tests")?, required(call, "owner")?, required(call, "reason")?);
    let quarantine = Quarantine { tests, owner, reason, expires: day(call)? };
    let all = &mut call.registry.draft.borrow_mut().area.quarantine;
    top::room_for_one(call, all.len())?;
    all.push(quarantine);
    Ok(Outcome::Nothing)
}

/// The day of `expires`, as its first moment in UTC.
fn day(call: &Call<'_, '_>) -> Result<Time, Wrong> {
    let text = required(call, "expires")?;
    let date = text.parse::<jiff::civil::Date>().ok();
    let start = date.and_then(|d| d.to_zoned(jiff::tz::TimeZone::UTC).ok());
    match start {
        Some(start) => Ok(Time::from_seconds(start.timestamp().as_second())),
        None => {
            let message = format!("expires of {} cannot be {}", call.def.path, quoted(&text));
            Err(call.wrong_value("expires", message).help("it is a day such as \"2027-01-31\""))
        }
    }
}
