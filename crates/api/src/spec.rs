//! `/application.spec`: all paths, and the fields of all documents.

use crate::answer::Document;
use crate::route::PATHS;
use serde_json::{Value, json};

/// The description of the interface.
pub fn document() -> Value {
    let documents = [
        one::<crate::Master>("master"),
        one::<crate::Builder>("builder"),
        one::<crate::Build>("build"),
        one::<crate::BuildRequest>("buildrequest"),
        one::<crate::BuildSet>("buildset"),
        one::<crate::SourceStamp>("sourcestamp"),
        one::<crate::Change>("change"),
        one::<crate::Step>("step"),
        one::<crate::Log>("log"),
        one::<crate::LogChunk>("logchunk"),
        one::<crate::PropertyRow>("property"),
        one::<crate::Worker>("worker"),
        one::<crate::Scheduler>("scheduler"),
        one::<crate::ForceScheduler>("forcescheduler"),
        one::<crate::ChangeSource>("changesource"),
    ];
    let paths: Vec<Value> = PATHS.iter().map(|path| json!({ "path": path })).collect();
    json!({ "specs": documents, "paths": paths, "meta": { "total": PATHS.len() } })
}

fn one<T: Document>(name: &str) -> Value {
    let fields: Vec<Value> = T::FIELDS.iter().map(|f| json!({ "name": f.name, "type": f.kind.word() })).collect();
    json!({ "name": name, "plural": T::PLURAL, "fields": fields })
}

/// `/`: the collections.
pub fn root() -> Value {
    let collections = PATHS.iter().filter_map(|p| p.strip_prefix('/')).filter(|p| !p.is_empty() && !p.contains('/'));
    let links: Vec<Value> = collections.map(|name| json!({ "name": name })).collect();
    json!({ "rootlinks": links, "meta": { "total": links.len() } })
}
