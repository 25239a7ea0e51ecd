//! What is worked out once per configuration: patterns, tables of times, who follows whom.

use super::cron::Table;
use model::{ChangeFilter, Config, Match, ParameterKind, Place, SchedulerKind, SchedulerSpec};
use regex::{Regex, RegexBuilder};
use std::collections::{BTreeMap, BTreeSet};

/// A pattern that needs more memory than this is refused.
const PATTERN_BYTES: usize = 1 << 20;

/// Patterns, tables and followers of a configuration, ready for use. What is wrong is left out of it; [`check`] says
/// what that is.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    regexes: BTreeMap<String, Regex>,
    wholes: BTreeMap<String, Regex>,
    tables: BTreeMap<String, Table>,
    followers: BTreeMap<String, Vec<String>>,
}

/// Something in a scheduler that can be read and yet cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The scheduler.
    pub scheduler: String,
    /// Where it is defined.
    pub place: Option<Place>,
    /// What is wrong, as a sentence without a full stop.
    pub what: String,
}

impl Compiled {
    /// Works it out. `timezone` is for tables that name none.
    pub fn of(config: &Config, timezone: &str) -> Self {
        let mut compiled = Compiled::default();
        for spec in &config.schedulers {
            compiled.add(spec, timezone, &mut Vec::new());
        }
        for spec in &config.schedulers {
            if let SchedulerKind::Dependent { upstream } = &spec.kind
                && !in_a_circle(config, spec)
            {
                compiled.followers.entry(upstream.clone()).or_default().push(spec.name.clone());
            }
        }
        compiled
    }

    fn add(&mut self, spec: &SchedulerSpec, timezone: &str, wrong: &mut Vec<String>) {
        if let Some(follow) = spec.kind.follows() {
            for (field, wish) in fields(&follow.filter) {
                self.add_match(field, wish, wrong);
            }
        }
        match &spec.kind {
            SchedulerKind::Nightly { cron, timezone: own, .. } => {
                match Table::read(cron, own.as_deref().unwrap_or(timezone)) {
                    Ok(table) => drop(self.tables.insert(spec.name.clone(), table)),
                    Err(e) => wrong.push(e.to_string()),
                }
            }
            SchedulerKind::Force(force) => {
                for parameter in &force.parameters {
                    if let ParameterKind::String { regex: Some(regex), .. } = &parameter.kind {
                        let whole = format!(r"\A(?:{regex})\z");
                        keep(&mut self.wholes, regex, &whole, &parameter.name, wrong);
                    }
                }
            }
            _ => {}
        }
    }

    fn add_match(&mut self, field: &str, wish: &Match, wrong: &mut Vec<String>) {
        match wish {
            Match::Any | Match::OneOf(_) | Match::NoneOf(_) | Match::Glob(_) => {}
            Match::Regex(regex) | Match::NotRegex(regex) => keep(&mut self.regexes, regex, regex, field, wrong),
        }
    }

    /// Whether the text has something that the pattern describes; `None`: the pattern cannot be read.
    pub(crate) fn finds(&self, regex: &str, text: &str) -> Option<bool> {
        self.regexes.get(regex).map(|r| r.is_match(text))
    }

    /// Whether the pattern of a form's field describes the whole text.
    pub(crate) fn is_whole(&self, regex: &str, text: &str) -> Option<bool> {
        self.wholes.get(regex).map(|r| r.is_match(text))
    }

    /// The table of times of a scheduler.
    pub(crate) fn table(&self, scheduler: &str) -> Option<&Table> {
        self.tables.get(scheduler)
    }

    /// The schedulers that follow another one; none that would follow itself in the end.
    pub(crate) fn followers(&self, upstream: &str) -> &[String] {
        self.followers.get(upstream).map(Vec::as_slice).unwrap_or_default()
    }
}

/// What can be read in a configuration's schedulers and yet cannot work: patterns, tables that never say a time, time
/// zones, schedulers that follow each other in a circle. `timezone` is for tables that name none.
pub fn check(config: &Config, timezone: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for spec in &config.schedulers {
        let (mut compiled, mut wrong) = (Compiled::default(), Vec::new());
        compiled.add(spec, timezone, &mut wrong);
        if let (SchedulerKind::Nightly { cron, .. }, Some(table)) = (&spec.kind, compiled.table(&spec.name))
            && table.next(model::Time::default()).is_none()
        {
            wrong.push(format!("the table '{cron}' never says a time"));
        }
        if in_a_circle(config, spec) {
            wrong.push("it follows itself in the end, so that none of the circle would ever begin".to_owned());
        }
        problems.extend(wrong.into_iter().map(|what| Problem {
            scheduler: spec.name.clone(),
            place: spec.defined_at.clone(),
            what,
        }));
    }
    problems
}

/// A dependent scheduler whose upstreams lead back to it.
fn in_a_circle(config: &Config, spec: &SchedulerSpec) -> bool {
    let mut seen = BTreeSet::new();
    let mut at = spec;
    while let SchedulerKind::Dependent { upstream } = &at.kind {
        if *upstream == spec.name {
            return true;
        }
        match config.schedulers.iter().find(|s| s.name == *upstream) {
            Some(next) if seen.insert(upstream) => at = next,
            _ => return false,
        }
    }
    false
}

/// The texts that a filter looks at, by the words of the configuration.
fn fields(filter: &ChangeFilter) -> [(&'static str, &Match); 7] {
    [
        ("branch", &filter.branch),
        ("repository", &filter.repository),
        ("project", &filter.project),
        ("category", &filter.category),
        ("codebase", &filter.codebase),
        ("author", &filter.author),
        ("files", &filter.files),
    ]
}

fn keep(kept: &mut BTreeMap<String, Regex>, key: &str, pattern: &str, field: &str, wrong: &mut Vec<String>) {
    if kept.contains_key(key) {
        return;
    }
    match RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build() {
        Ok(regex) => drop(kept.insert(key.to_owned(), regex)),
        Err(e) => {
            // The last line of the reader's answer says what is wrong; those before it draw the place.
            let why = e.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let shown: String = key.chars().take(100).collect();
            wrong.push(format!("{field}: the pattern '{shown}' cannot be read: {why}"));
        }
    }
}
