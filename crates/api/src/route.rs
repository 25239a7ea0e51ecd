//! Routes: what a path below `/api/v2` means.
//!
//! A path is read once, from its decoded segments, into a [`Route`]; asking the store is somebody else's work.
//! Where a path may have an id or a name, digits are an id.

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/`: which collections there are.
    Root,
    /// `/application.spec`: all paths and documents.
    Spec,
    /// `/masters`
    Masters,
    /// `/masters/{id}`
    Master(i64),
    /// `/builders`, `/masters/{id}/builders`
    Builders,
    /// `/workers/{id or name}/builders`
    BuildersOf(WorkerRef),
    /// `/builders/{id or name}`
    Builder(BuilderRef),
    /// `/builds`
    Builds,
    /// `/builders/{id or name}/builds`
    BuildsOfBuilder(BuilderRef),
    /// `/buildrequests/{id}/builds`
    BuildsOfRequest(i64),
    /// `/workers/{id or name}/builds`
    BuildsOfWorker(WorkerRef),
    /// `/changes/{id}/builds`
    BuildsOfChange(i64),
    /// `/builds/{id}/triggered_builds`
    TriggeredBuilds(BuildRef),
    /// `/builds/{id}`, `/builders/{id or name}/builds/{number}`
    Build(BuildRef),
    /// `…/properties` of a build
    BuildProperties(BuildRef),
    /// `…/property_list` of a build
    BuildPropertyList(BuildRef),
    /// `…/changes` of a build
    ChangesOfBuild(BuildRef),
    /// `…/steps` of a build
    Steps(BuildRef),
    /// `/steps/{id}`, `…/steps/{number or name}` of a build
    Step(StepRef),
    /// `…/logs` of a step
    Logs(StepRef),
    /// `/logs/{id}`, `…/logs/{slug}` of a step
    Log(LogRef),
    /// `…/contents` of a log
    Contents(LogRef),
    /// `…/raw` of a log: for keeping
    Raw(LogRef),
    /// `…/raw_inline` of a log: for looking at
    RawInline(LogRef),
    /// `/buildrequests`
    Requests,
    /// `/builders/{id or name}/buildrequests`
    RequestsOf(BuilderRef),
    /// `/buildrequests/{id}`
    Request(i64),
    /// `/sluice/why/{id}`, `/buildrequests/{id}/why`
    Why(i64),
    /// `/buildsets`
    Sets,
    /// `/buildsets/{id}`
    Set(i64),
    /// `/buildsets/{id}/properties`
    SetProperties(i64),
    /// `/buildsets/{id}/properties_list`
    SetPropertyList(i64),
    /// `/buildsets/{id}/sourcestamps`
    StampsOfSet(i64),
    /// `/sourcestamps`
    Stamps,
    /// `/sourcestamps/{id}`
    Stamp(i64),
    /// `/sourcestamps/{id}/changes`
    ChangesOfStamp(i64),
    /// `/changes`
    Changes,
    /// `/changes/{id}`
    Change(i64),
    /// `/workers`, `/masters/{id}/workers`
    Workers,
    /// `/builders/{id or name}/workers`
    WorkersOf(BuilderRef),
    /// `/workers/{id or name}`
    Worker(WorkerRef),
    /// `/schedulers`, `/masters/{id}/schedulers`
    Schedulers,
    /// `/schedulers/{id}`
    Scheduler(i64),
    /// `/forceschedulers`
    ForceSchedulers,
    /// `/builders/{id or name}/forceschedulers`
    ForceSchedulersOf(BuilderRef),
    /// `/forceschedulers/{name}`
    ForceScheduler(String),
    /// `/changesources`, `/masters/{id}/changesources`
    ChangeSources,
    /// `/changesources/{id}`
    ChangeSource(i64),
    /// `/sluice/live`
    Live,
}

/// A builder, by id or name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuilderRef {
    /// By id.
    Id(i64),
    /// By name.
    Name(String),
}

/// A worker, by id or name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerRef {
    /// By id.
    Id(i64),
    /// By name.
    Name(String),
}

/// A build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildRef {
    /// By id.
    Id(i64),
    /// By its number within its builder.
    Number(BuilderRef, i64),
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepRef {
    /// By id.
    Id(i64),
    /// By its place in its build, from 0.
    Number(BuildRef, i64),
    /// By its name within its build.
    Name(BuildRef, String),
}

/// A log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogRef {
    /// By id.
    Id(i64),
    /// By its slug within its step.
    Slug(StepRef, String),
}

/// All paths, in the notation of Buildbot: `n:` a number, `s:` text, `i:` an identifier.
pub const PATHS: &[&str] = &[
    "/",
    "/application.spec",
    "/builders",
    "/builders/n:builderid",
    "/builders/n:builderid/buildrequests",
    "/builders/n:builderid/builds",
    "/builders/n:builderid/builds/n:build_number",
    "/builders/n:builderid/builds/n:build_number/changes",
    "/builders/n:builderid/builds/n:build_number/properties",
    "/builders/n:builderid/builds/n:build_number/property_list",
    "/builders/n:builderid/builds/n:build_number/steps",
    "/builders/n:builderid/builds/n:build_number/steps/i:step_name",
    "/builders/n:builderid/builds/n:build_number/steps/i:step_name/logs",
    "/builders/n:builderid/builds/n:build_number/steps/i:step_name/logs/i:log_slug",
    "/builders/n:builderid/builds/n:build_number/steps/i:step_name/logs/i:log_slug/contents",
    "/builders/n:builderid/builds/n:build_number/steps/i:step_name/logs/i:log_slug/raw",
    "/builders/n:builderid/builds/n:build_number/steps/i:step_name/logs/i:log_slug/raw_inline",
    "/builders/n:builderid/builds/n:build_number/steps/n:step_number",
    "/builders/n:builderid/forceschedulers",
    "/builders/n:builderid/workers",
    "/builders/s:buildername",
    "/builders/s:buildername/builds/n:build_number",
    "/buildrequests",
    "/buildrequests/n:buildrequestid",
    "/buildrequests/n:buildrequestid/builds",
    "/buildrequests/n:buildrequestid/why",
    "/builds",
    "/builds/n:buildid",
    "/builds/n:buildid/changes",
    "/builds/n:buildid/properties",
    "/builds/n:buildid/property_list",
    "/builds/n:buildid/steps",
    "/builds/n:buildid/steps/i:step_name",
    "/builds/n:buildid/steps/n:step_number",
    "/builds/n:buildid/steps/n:step_number/logs",
    "/builds/n:buildid/steps/n:step_number/logs/i:log_slug",
    "/builds/n:buildid/steps/n:step_number/logs/i:log_slug/contents",
    "/builds/n:buildid/steps/n:step_number/logs/i:log_slug/raw",
    "/builds/n:buildid/steps/n:step_number/logs/i:log_slug/raw_inline",
    "/builds/n:buildid/triggered_builds",
    "/buildsets",
    "/buildsets/n:bsid",
    "/buildsets/n:bsid/properties",
    "/buildsets/n:bsid/properties_list",
    "/buildsets/n:bsid/sourcestamps",
    "/changes",
    "/changes/n:changeid",
    "/changes/n:changeid/builds",
    "/changesources",
    "/changesources/n:changesourceid",
    "/forceschedulers",
    "/forceschedulers/i:schedulername",
    "/logs/n:logid",
    "/logs/n:logid/contents",
    "/logs/n:logid/raw",
    "/logs/n:logid/raw_inline",
    "/masters",
    "/masters/n:masterid",
    "/masters/n:masterid/builders",
    "/masters/n:masterid/changesources",
    "/masters/n:masterid/schedulers",
    "/masters/n:masterid/workers",
    "/schedulers",
    "/schedulers/n:schedulerid",
    "/sluice/live",
    "/sluice/why/n:buildrequestid",
    "/sourcestamps",
    "/sourcestamps/n:ssid",
    "/sourcestamps/n:ssid/changes",
    "/steps/n:stepid",
    "/steps/n:stepid/logs",
    "/steps/n:stepid/logs/i:log_slug",
    "/steps/n:stepid/logs/i:log_slug/contents",
    "/steps/n:stepid/logs/i:log_slug/raw",
    "/steps/n:stepid/logs/i:log_slug/raw_inline",
    "/workers",
    "/workers/i:name",
    "/workers/n:workerid",
    "/workers/n:workerid/builders",
    "/workers/n:workerid/builds",
];

/// The decoded segments of a path below `/api/v2/`; `None`: it is not percent-encoded UTF-8.
pub fn segments(path: &str) -> Option<Vec<String>> {
    // In a path, unlike in a query, `+` is itself.
    path.split('/').map(|s| crate::query::decode(&s.replace('+', "%2B")).ok()).collect()
}

/// A segment of a path: everything but unreserved characters is percent-encoded, and so are the dots of `.` and `..`.
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => out.push(char::from(byte)),
            b'.' if text.len() > 2 => out.push('.'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What the decoded segments of a path mean; `None`: there is no such path.
pub fn parse(segments: &[&str]) -> Option<Route> {
    let (first, rest) = segments.split_first().unwrap_or((&"", &[]));
    match *first {
        "" if rest.is_empty() => Some(Route::Root),
        "application.spec" if rest.is_empty() => Some(Route::Spec),
        "masters" => masters(rest),
        "builders" => builders(rest),
        "builds" => match rest {
            [] => Some(Route::Builds),
            [id, rest @ ..] => build(BuildRef::Id(number(id)?), rest),
        },
        "steps" => match rest {
            [] => None,
            [id, rest @ ..] => step(StepRef::Id(number(id)?), rest),
        },
        "logs" => match rest {
            [] => None,
            [id, rest @ ..] => log(LogRef::Id(number(id)?), rest),
        },
        "buildrequests" => match rest {
            [] => Some(Route::Requests),
            [id] => number(id).map(Route::Request),
            [id, "builds"] => number(id).map(Route::BuildsOfRequest),
            [id, "why"] => number(id).map(Route::Why),
            _ => None,
        },
        "buildsets" => sets(rest),
        "sourcestamps" => match rest {
            [] => Some(Route::Stamps),
            [id] => number(id).map(Route::Stamp),
            [id, "changes"] => number(id).map(Route::ChangesOfStamp),
            _ => None,
        },
        "changes" => match rest {
            [] => Some(Route::Changes),
            [id] => number(id).map(Route::Change),
            [id, "builds"] => number(id).map(Route::BuildsOfChange),
            _ => None,
        },
        "workers" => match rest {
            [] => Some(Route::Workers),
            [id] => Some(Route::Worker(worker_ref(id))),
            [id, "builders"] => Some(Route::BuildersOf(worker_ref(id))),
            [id, "builds"] => Some(Route::BuildsOfWorker(worker_ref(id))),
            _ => None,
        },
        "schedulers" => collection(rest, Route::Schedulers, Route::Scheduler),
        "changesources" => collection(rest, Route::ChangeSources, Route::ChangeSource),
        "forceschedulers" => match rest {
            [] => Some(Route::ForceSchedulers),
            [name] => Some(Route::ForceScheduler((*name).to_owned())),
            _ => None,
        },
        "sluice" => match rest {
            ["live"] => Some(Route::Live),
            ["why", id] => number(id).map(Route::Why),
            _ => None,
        },
        _ => None,
    }
}

fn collection(rest: &[&str], all: Route, one: fn(i64) -> Route) -> Option<Route> {
    match rest {
        [] => Some(all),
        [id] => number(id).map(one),
        _ => None,
    }
}

fn masters(rest: &[&str]) -> Option<Route> {
    match rest {
        [] => Some(Route::Masters),
        [id] => number(id).map(Route::Master),
        // There is one master, and what is below it is what there is.
        [id, below] if number(id) == Some(crate::master::MASTER) => match *below {
            "builders" => Some(Route::Builders),
            "workers" => Some(Route::Workers),
            "schedulers" => Some(Route::Schedulers),
            "changesources" => Some(Route::ChangeSources),
            _ => None,
        },
        _ => None,
    }
}

fn builders(rest: &[&str]) -> Option<Route> {
    let [builder, rest @ ..] = rest else { return Some(Route::Builders) };
    let builder = match number(builder) {
        Some(id) => BuilderRef::Id(id),
        None => BuilderRef::Name((*builder).to_owned()),
    };
    match rest {
        [] => Some(Route::Builder(builder)),
        ["builds"] => Some(Route::BuildsOfBuilder(builder)),
        ["builds", n, rest @ ..] => build(BuildRef::Number(builder, number(n)?), rest),
        ["buildrequests"] => Some(Route::RequestsOf(builder)),
        ["workers"] => Some(Route::WorkersOf(builder)),
        ["forceschedulers"] => Some(Route::ForceSchedulersOf(builder)),
        _ => None,
    }
}

fn sets(rest: &[&str]) -> Option<Route> {
    let [id, rest @ ..] = rest else { return Some(Route::Sets) };
    let id = number(id)?;
    match rest {
        [] => Some(Route::Set(id)),
        ["properties"] => Some(Route::SetProperties(id)),
        ["properties_list"] => Some(Route::SetPropertyList(id)),
        ["sourcestamps"] => Some(Route::StampsOfSet(id)),
        _ => None,
    }
}

fn build(build: BuildRef, rest: &[&str]) -> Option<Route> {
    match rest {
        [] => Some(Route::Build(build)),
        ["properties"] => Some(Route::BuildProperties(build)),
        ["property_list"] => Some(Route::BuildPropertyList(build)),
        ["changes"] => Some(Route::ChangesOfBuild(build)),
        ["triggered_builds"] => Some(Route::TriggeredBuilds(build)),
        ["steps"] => Some(Route::Steps(build)),
        ["steps", n, rest @ ..] => match number(n) {
            Some(n) => step(StepRef::Number(build, n), rest),
            None => step(StepRef::Name(build, (*n).to_owned()), rest),
        },
        _ => None,
    }
}

fn step(step: StepRef, rest: &[&str]) -> Option<Route> {
    match rest {
        [] => Some(Route::Step(step)),
        ["logs"] => Some(Route::Logs(step)),
        ["logs", slug, rest @ ..] => log(LogRef::Slug(step, (*slug).to_owned()), rest),
        _ => None,
    }
}

fn log(log: LogRef, rest: &[&str]) -> Option<Route> {
    match rest {
        [] => Some(Route::Log(log)),
        ["contents"] => Some(Route::Contents(log)),
        ["raw"] => Some(Route::Raw(log)),
        ["raw_inline"] => Some(Route::RawInline(log)),
        _ => None,
    }
}

fn worker_ref(text: &str) -> WorkerRef {
    number(text).map_or_else(|| WorkerRef::Name(text.to_owned()), WorkerRef::Id)
}

/// Digits only: `+5` and `-5` are names.
fn number(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_table_is_a_route() {
        for path in PATHS {
            let filled: Vec<String> = path
                .split('/')
                .skip(1)
                .map(|s| match s.split_once(':') {
                    Some(("n", "masterid")) => "1".to_owned(),
                    Some(("n", _)) => "12".to_owned(),
                    Some((_, name)) => name.to_owned(),
                    None => s.to_owned(),
                })
                .collect();
            let segments: Vec<&str> = filled.iter().map(String::as_str).collect();
            assert!(parse(&segments).is_some(), "{path}");
        }
    }

    #[test]
    fn nested_paths_say_how_to_find_the_thing() {
        let build = || BuildRef::Number(BuilderRef::Name("linux".to_owned()), 7);
        let cases = [
            ("builds/9", Route::Build(BuildRef::Id(9))),
            ("builders/linux/builds/7", Route::Build(build())),
            ("builders/3/builds/7", Route::Build(BuildRef::Number(BuilderRef::Id(3), 7))),
            ("builders/linux/builds/7/steps/make", Route::Step(StepRef::Name(build(), "make".to_owned()))),
            (
                "builders/linux/builds/7/steps/0/logs/stdio/contents",
                Route::Contents(LogRef::Slug(StepRef::Number(build(), 0), "stdio".to_owned())),
            ),
            ("logs/5/raw", Route::Raw(LogRef::Id(5))),
            ("workers/mac-mini/builds", Route::BuildsOfWorker(WorkerRef::Name("mac-mini".to_owned()))),
            ("buildrequests/4/why", Route::Why(4)),
        ];
        for (path, route) in cases {
            assert_eq!(parse(&path.split('/').collect::<Vec<_>>()), Some(route), "{path}");
        }
    }

    #[test]
    fn other_paths_are_no_routes() {
        let paths = [
            "builds/",
            "builds/x",
            "builds/-1",
            "builds/+1",
            "builds/99999999999999999999",
            "steps",
            "logs",
            "builds//",
            "builds/1/steps/0/logs/stdio/contents/more",
            "masters/2/builders",
            "../builds",
            "sluice",
            "builders/1/x",
        ];
        for path in paths {
            assert_eq!(parse(&path.split('/').collect::<Vec<_>>()), None, "{path}");
        }
    }
}
