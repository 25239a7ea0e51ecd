//! `locks.…`: what builds and steps hold while they run.

use super::{Def, p, top};
use crate::call::{Call, Outcome, Wrong};
use crate::given;
use crate::names::quoted;
use crate::registry::{Made, Mode};
use crate::sites::Part;
use crate::value::{Lock, LockHold};
use model::{LockAccess, LockScope, LockSpec, LockUse};
use std::collections::BTreeMap;

pub(super) const MASTER: Def = Def {
    path: "locks.master",
    summary: "A lock that counts once for the whole master. It stands in `locks` of builders and steps: the lock itself \
              takes one of its places, `lock.counting(n)` takes n, `lock.exclusive()` all of it.",
    example: "database = locks.master(\"database\")\nbuilder(\"db\", workers = [\"here\"], steps = [steps.shell(\"make db-test\", \
              locks = [database.exclusive()])])",
    groups: &[&[p("name", "text", ""), p("max_count", "how many places it has", "1")]],
    by_position: 2,
    required: &["name"],
    in_pipelines: false,
    run: |call| lock(call, LockScope::Master),
};

pub(super) const WORKER: Def = Def {
    path: "locks.worker",
    summary: "A lock that counts once for each worker. It is used as `locks.master` is.",
    example: "cpu = locks.worker(\"cpu\", max_count = 2, max_count_for_worker = {\"here\": 4})\nbuilder(\"slow\", \
              workers = [\"here\"], locks = [cpu.counting(2)], steps = [steps.test()])",
    groups: &[&[
        p("name", "text", ""),
        p("max_count", "how many places it has on each worker", "1"),
        p("max_count_for_worker", "dict of numbers by worker, where they differ", "{}"),
    ]],
    by_position: 2,
    required: &["name"],
    in_pipelines: false,
    run: |call| lock(call, LockScope::Worker),
};

/// The largest lock.
const MOST: i64 = 100_000;

fn lock(call: &Call<'_, '_>, scope: LockScope) -> Result<Outcome, Wrong> {
    let mut max_count_for_worker = BTreeMap::new();
    for (worker, value) in call.entries("max_count_for_worker", "a dict of numbers by worker")? {
        let count = given::integer(value).filter(|n| (1..=MOST).contains(n) && value.unpack_bool().is_none());
        let Some(count) = count.and_then(|n| u32::try_from(n).ok()) else {
            let what = given::describe(value);
            let message = format!("max_count_for_worker has {what} for {}; it takes numbers from 1", quoted(worker));
            return Err(call.wrong_value("max_count_for_worker", message).boxed());
        };
        max_count_for_worker.insert(call.keep(worker)?, count);
    }
    let spec = LockSpec {
        name: top::required_name(call)?,
        scope,
        max_count: u32::try_from(call.number("max_count", 1, MOST, 1)?).unwrap_or(1),
        max_count_for_worker,
        defined_at: call.place(),
    };
    let locks = &mut call.registry.draft.borrow_mut().locks;
    top::room_for_one(call, locks.len())?;
    locks.push(Made { spec, site: call.site.clone() });
    Ok(Outcome::Lock(u32::try_from(locks.len() - 1).unwrap_or(u32::MAX)))
}

/// The locks that an argument names. Each may be there once, and no more places may be taken than there are.
pub(super) fn uses(call: &Call<'_, '_>, name: &str) -> Result<Vec<LockUse>, Wrong> {
    const WANTED: &str = "a list of locks";
    let Some(value) = call.some(name) else { return Ok(Vec::new()) };
    if call.registry.mode == Mode::Pipeline {
        let message = format!("{name} of {} does not belong into a pipeline", call.def.path);
        return Err(call.wrong(Part::Name(name), message).help("locks are the master's: its builder holds them"));
    }
    let Some(items) = given::flat_items(value) else {
        let is_lock = Lock::from_value(value).is_some() || LockHold::from_value(value).is_some();
        return Err(call.wants(name, WANTED, value).maybe_help(is_lock.then(|| format!("write {name} = [ … ]"))));
    };
    let draft = call.registry.draft.borrow();
    let mut uses: Vec<LockUse> = Vec::with_capacity(items.len());
    for item in items {
        let held = LockHold::from_value(item).map(|hold| (hold.lock, hold.places));
        let Some((index, places)) = held.or_else(|| Lock::from_value(item).map(|lock| (lock.index, Some(1)))) else {
            let what = given::describe(item);
            let message = format!("{name} of {} has {what} in it; it must be {WANTED}", call.def.path);
            let help = match (given::is_function(item), item.unpack_str()) {
                (true, _) => Some("is a call meant? write its parentheses".to_owned()),
                (_, Some(text)) => Some(format!("make one: locks.master({})", quoted(text))),
                _ => None,
            };
            return Err(call.wrong_value(name, message).maybe_help(help));
        };
        let Some(lock) = draft.locks.get(index as usize).map(|made| &made.spec) else { return Err(call.too_much()) };
        let what = quoted(&lock.name);
        if uses.iter().any(|u| u.lock == lock.name) {
            let message = format!("{name} of {} has the lock {what} twice", call.def.path);
            return Err(call.wrong_value(name, message).help("take several places of it with counting(…)"));
        }
        let most = lock.max_count_for_worker.values().copied().fold(lock.max_count, u32::max);
        if let Some(wanted) = places.filter(|n| *n > most) {
            let message = format!("{wanted} places of the lock {what} are never free: it has {most}");
            return Err(call.wrong_value(name, message).help("take fewer, or make the lock larger with max_count"));
        }
        let access = places.map_or(LockAccess::Exclusive, LockAccess::Counting);
        uses.push(LockUse { lock: lock.name.clone(), access });
    }
    Ok(uses)
}
