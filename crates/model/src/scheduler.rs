//! Schedulers: who files build sets, and when.

mod words;

use crate::worker::Secret;
use crate::{ChangeId, FunctionRef, Place, Properties, SchedulerId, Span, Time, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A scheduler as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulerSpec {
    /// Its unique name.
    pub name: String,
    /// What it does.
    pub kind: SchedulerKind,
    /// Builders it asks; at least one.
    pub builders: Vec<String>,
    /// Properties of the sets it files.
    pub properties: Properties,
    /// The reason that its sets carry; its own words when absent.
    pub reason: Option<String>,
    /// Requests of its sets go before those of lower priority.
    #[serde(default)]
    pub priority: i64,
    /// What its sets build when no change says so, by codebase. Empty: one source, of the builder's own repository.
    #[serde(default)]
    pub codebases: BTreeMap<String, CodebaseSpec>,
    /// Where it is defined.
    pub defined_at: Option<Place>,
}

impl SchedulerSpec {
    /// A scheduler without builders and with nothing else said.
    pub fn new(name: impl Into<String>, kind: SchedulerKind) -> Self {
        Self {
            name: name.into(),
            kind,
            builders: Vec::new(),
            properties: Properties::new(),
            reason: None,
            priority: 0,
            codebases: BTreeMap::new(),
            defined_at: None,
        }
    }
}

/// What is built of a codebase when no change says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodebaseSpec {
    /// Where the source lives.
    pub repository: String,
    /// `None` is the default branch.
    pub branch: Option<String>,
    /// `None` is the latest.
    pub revision: Option<String>,
    /// May be empty.
    pub project: String,
}

/// What a scheduler does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchedulerKind {
    /// Follows one branch; a set is filed after a quiet time.
    SingleBranch(Follow),
    /// As [`SchedulerKind::SingleBranch`], with a quiet time for each branch of its own.
    AnyBranch(Follow),
    /// Files a set for the same source when a set of another scheduler has passed whole.
    Dependent {
        /// The other scheduler.
        upstream: String,
    },
    /// Files a set every so often, the first one at once.
    Periodic {
        /// The time from one to the next.
        every: Span,
        /// The branch to build; `None` is the default branch.
        branch: Option<String>,
        /// Only when an important change came since the last one; `None`: always.
        if_changed: Option<Follow>,
    },
    /// Files a set at the times that a table of minutes, hours, days and months says.
    Nightly {
        /// The table, as in crontab(5): five fields.
        cron: String,
        /// The time zone of the table, an IANA name; `None` is the master's own.
        timezone: Option<String>,
        /// The branch to build; `None` is the default branch.
        branch: Option<String>,
        /// Only when an important change came since the last one; `None`: always.
        if_changed: Option<Follow>,
    },
    /// Files a set when a step of another build asks for it.
    Triggerable,
    /// Files a set when somebody asks.
    Force(ForceSpec),
    /// Files a set for a source with somebody's patch on it.
    Try(TrySpec),
}

/// How patches come in, and whose are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrySpec {
    /// Files in a directory: whoever may write there may try.
    Jobdir {
        /// The directory, with `new`, `cur` and `tmp` in it; relative to the master's base directory.
        jobdir: String,
    },
    /// Over HTTP: whoever has one of these names with its password.
    Userpass {
        /// Names and passwords.
        users: Vec<(String, Secret)>,
    },
}

/// Which changes a scheduler follows, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// Which changes it looks at.
    pub filter: ChangeFilter,
    /// How long the branch must be quiet; `None` files a set per important change at once.
    pub tree_stable_timer: Option<Span>,
    /// Whether a change is important enough to start the timer; given the change. `None`: each is.
    pub is_important: Option<FunctionRef>,
    /// Unimportant changes do not ride along either.
    pub only_important: bool,
}

/// A form by which somebody asks for builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForceSpec {
    /// What the button says.
    pub button: String,
    /// A heading for the form; the name when empty.
    pub label: String,
    /// What is asked beside branch, revision and reason.
    pub parameters: Vec<Parameter>,
}

impl ForceSpec {
    /// A form that asks for nothing of its own.
    pub fn new(button: impl Into<String>) -> Self {
        Self { button: button.into(), label: String::new(), parameters: Vec::new() }
    }
}

/// A field of a form; its value becomes a property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// The property's name.
    pub name: String,
    /// What the form says before the field.
    pub label: String,
    /// More words about it; may be empty.
    pub tooltip: String,
    /// Something must be given.
    pub required: bool,
    /// What kind of value it takes.
    pub kind: ParameterKind,
}

/// What kind of value a field takes, with what it takes when nothing is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// A line.
    String {
        /// Without a choice of one's own.
        default: String,
        /// What it must look like, whole; `None`: anything.
        regex: Option<String>,
        /// At most so many characters; `None`: up to the general limit.
        max_length: Option<u32>,
    },
    /// Several lines.
    Text {
        /// Without a choice of one's own.
        default: String,
    },
    /// A whole number.
    Int {
        /// Without a choice of one's own.
        default: i64,
        /// No less.
        min: Option<i64>,
        /// No more.
        max: Option<i64>,
    },
    /// Yes or no.
    Boolean {
        /// Without a choice of one's own.
        default: bool,
    },
    /// One of several.
    Choice {
        /// What there is.
        choices: Vec<String>,
        /// Without a choice of one's own.
        default: String,
        /// Something else may be given too.
        open: bool,
    },
    /// Any of several.
    Choices {
        /// What there is.
        choices: Vec<String>,
        /// Without a choice of one's own.
        default: Vec<String>,
    },
    /// Not asked, always this.
    Fixed {
        /// This.
        default: Value,
    },
    /// One of the builder's workers; empty: any.
    Worker {
        /// Without a choice of one's own.
        default: String,
    },
}

impl SchedulerKind {
    /// The word that the configuration has for it.
    pub fn word(&self) -> &'static str {
        match self {
            SchedulerKind::SingleBranch(_) => "single_branch",
            SchedulerKind::AnyBranch(_) => "any_branch",
            SchedulerKind::Dependent { .. } => "dependent",
            SchedulerKind::Periodic { .. } => "periodic",
            SchedulerKind::Nightly { .. } => "nightly",
            SchedulerKind::Triggerable => "triggerable",
            SchedulerKind::Force(_) => "force",
            SchedulerKind::Try(TrySpec::Jobdir { .. }) => "try_jobdir",
            SchedulerKind::Try(TrySpec::Userpass { .. }) => "try_userpass",
        }
    }

    /// Which changes it follows, if it follows any.
    pub fn follows(&self) -> Option<&Follow> {
        match self {
            SchedulerKind::SingleBranch(follow) | SchedulerKind::AnyBranch(follow) => Some(follow),
            SchedulerKind::Periodic { if_changed, .. } | SchedulerKind::Nightly { if_changed, .. } => {
                if_changed.as_ref()
            }
            SchedulerKind::Dependent { .. }
            | SchedulerKind::Triggerable
            | SchedulerKind::Force(_)
            | SchedulerKind::Try(_) => None,
        }
    }
}

/// Which changes a scheduler looks at: all that is given must agree. The default lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeFilter {
    /// The branch. The default branch, which has no name, is `None` in a list, and empty to a pattern.
    pub branch: Match,
    /// The repository.
    pub repository: Match,
    /// The project.
    pub project: Match,
    /// The category.
    pub category: Match,
    /// The codebase.
    pub codebase: Match,
    /// The author.
    pub author: Match,
    /// Any of its files: a pattern that excludes keeps out the changes that touch nothing else. A change that names no
    /// files is looked at as if it named one without a name.
    pub files: Match,
    /// A function of the configuration, given the change; yes lets it through.
    pub function: Option<FunctionRef>,
}

/// What a text of a change must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// Anything.
    #[default]
    Any,
    /// One of these, exactly. `None` is the absence of it.
    OneOf(Vec<Option<String>>),
    /// None of these.
    NoneOf(Vec<Option<String>>),
    /// Like one of these, whole, with `*` for anything (slashes too, so that `**` says the same) and `?` for one
    /// character.
    Glob(Vec<String>),
    /// Has something that this regular expression describes.
    Regex(String),
    /// Has nothing that this regular expression describes.
    NotRegex(String),
}

impl Match {
    /// Exactly this.
    pub fn is(text: impl Into<String>) -> Self {
        Match::OneOf(vec![Some(text.into())])
    }
}

/// A scheduler that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduler {
    /// Its id.
    pub id: SchedulerId,
    /// Its name.
    pub name: String,
    /// It is in the present configuration.
    pub configured: bool,
    /// What it remembers.
    pub state: SchedulerState,
}

/// What a scheduler remembers over a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulerState {
    /// Somebody may have turned it off.
    pub enabled: bool,
    /// Changes that wait, by the source that they are of; what the keys look like is the engine's own business.
    pub lanes: BTreeMap<String, Lane>,
    /// When it last filed a set on its own, or when its first time began to be counted.
    pub last_fired: Option<Time>,
    /// An important change came since then.
    #[serde(default)]
    pub changed: bool,
    /// What a function of its configuration did wrong when it was last asked, as a sentence; `None`: nothing.
    #[serde(default)]
    pub trouble: Option<String>,
}

impl Default for SchedulerState {
    fn default() -> Self {
        Self { enabled: true, lanes: BTreeMap::new(), last_fired: None, changed: false, trouble: None }
    }
}

/// Changes of one source that wait for quiet, or for the time of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The changes, oldest first.
    pub changes: Vec<ChangeId>,
    /// When the set is filed if nothing more comes; `None` while no change is important. Where the time is that of a
    /// table or a period: when the first important change came.
    pub fire_at: Option<Time>,
}
