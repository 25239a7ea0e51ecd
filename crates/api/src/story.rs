//! A document of our own: a build as a person wants it told, in one answer.

use model::{Results, Span, Time};
use serde::{Deserialize, Serialize};

/// `GET /api/v2/sluice/builds/N`. Moments and spans are in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// The build's id.
    pub buildid: i64,
    /// Its number within its builder.
    pub number: i64,
    /// Its builder's name.
    pub builder: String,
    /// Its page.
    pub url: String,
    /// Where it runs or ran.
    pub worker: String,
    /// Why it was asked for.
    pub reason: String,
    /// The branch, if one was named.
    pub branch: Option<String>,
    /// The revision: the one that was got, else the one that was asked for.
    pub revision: Option<String>,
    /// The title and the author of the newest change.
    pub change: Option<(String, String)>,
    /// The master's clock.
    pub now: Time,
    /// When it was started.
    pub started_at: Time,
    /// How long it took; so far, while it runs.
    pub took: Span,
    /// What it usually takes.
    pub usual: Option<Span>,
    /// How it ended; `None` while it runs.
    pub results: Option<Results>,
    /// One line for people.
    pub state: String,
    /// Its steps that were begun, in order.
    pub steps: Vec<StepStory>,
    /// Names of the steps that are still to come, while it runs.
    pub to_come: Vec<String>,
    /// Where to look first when it failed.
    pub trouble: Option<Trouble>,
    /// What its tests are beside those of the build before, a line each: which fail newly, and which were fixed.
    #[serde(default)]
    pub news: Vec<String>,
}

/// A step of a story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStory {
    /// Its id.
    pub stepid: i64,
    /// Its name.
    pub name: String,
    /// How it ended; `None` while it runs.
    pub results: Option<Results>,
    /// One line for people.
    pub state: String,
    /// When it was started.
    pub started_at: Time,
    /// How long it took; so far, while it runs.
    pub took: Span,
    /// What it usually takes.
    pub usual: Option<Span>,
}

/// Where to look first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The step that failed.
    pub step: String,
    /// The log that says why.
    pub logid: i64,
    /// The number of the line that says why, from 0.
    pub line: u64,
    /// That line and what stands around it.
    pub lines: Vec<String>,
    /// Which of `lines` says why.
    pub at: usize,
}
