//! A patch from outside on its way to the master: the same from a call and from a file.

use crate::control::Force;
use api::{limit, property};
use formats::try_job::TryJob;
use model::{Patch, Properties, Property};

/// Where the properties that a try brings along come from.
const SOURCE: &str = "Try";

/// A wish to try a patch.
#[derive(Clone, Debug, Default)]
pub struct Try {
    /// Through which try scheduler.
    pub scheduler: String,
    /// Builders by name; empty is all of the scheduler's.
    pub builders: Vec<String>,
    /// What tells it from others: the same again is answered with what it has become. May be empty.
    pub id: String,
    /// What is to be built, who wants it and why. The builders in it are not used.
    pub what: Force,
    /// The codebase; may be empty.
    pub codebase: String,
    /// The patch; `None`: the base as it is.
    pub patch: Option<Patch>,
}

impl Try {
    /// A job that `owner` hands in.
    ///
    /// # Errors
    /// Parts that do not keep to their limits, with what is wrong.
    pub fn of(job: TryJob, scheduler: String, owner: String) -> Result<Self, Vec<(String, String)>> {
        let mut wrong = Vec::new();
        let comment = job.comment.unwrap_or_default();
        let branch = job.branch.as_deref().unwrap_or_default();
        let texts = [
            ("jobid", limit::text(&job.id, limit::NAME)),
            ("who", limit::text(&owner, limit::NAME)),
            ("comment", limit::text(&comment, limit::REASON)),
            ("branch", plain(branch)),
            ("baserev", dashed(job.revision.as_deref().unwrap_or_default())),
            ("repository", plain(&job.repository)),
            ("project", limit::text(&job.project, limit::NAME)),
            ("codebase", limit::text(&job.codebase, limit::NAME)),
            ("properties", limit::properties(job.properties.len())),
        ];
        wrong.extend(texts.into_iter().filter_map(|(name, kept)| Some((name.to_owned(), kept.err()?))));
        let mut properties = Properties::new();
        for (name, json) in job.properties {
            let value = limit::property(&name, &json).and_then(|()| property::value(json));
            match value {
                Ok(value) => drop(properties.insert(name, Property { value, source: SOURCE.to_owned() })),
                Err(what) => wrong.push((name, what)),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let patch = (!job.patch.trim_ascii().is_empty()).then(|| Patch {
            level: job.level,
            subdir: String::new(),
            author: owner.clone(),
            comment: comment.clone(),
            body: job.patch,
        });
        let what = Force {
            owner,
            reason: comment,
            branch: job.branch,
            revision: job.revision,
            repository: job.repository,
            project: job.project,
            properties,
            ..Force::default()
        };
        Ok(Self { scheduler, builders: job.builders, id: job.id, what, codebase: job.codebase, patch })
    }
}

/// A name that programs are handed: nothing that they would take for an option.
fn plain(name: &str) -> Result<(), String> {
    limit::text(name, limit::NAME)?;
    dashed(name)
}

fn dashed(name: &str) -> Result<(), String> {
    if name.starts_with('-') { Err("must not begin with \"-\"".to_owned()) } else { Ok(()) }
}
