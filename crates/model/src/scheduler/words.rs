//! What a scheduler waits for, in words: the same in the terminal and on the pages.

use super::{ChangeFilter, Follow, Match, SchedulerKind, TrySpec};

impl SchedulerKind {
    /// What it waits for, as a phrase: `develop after 10 s of quiet`, `every 1 h`, `when asked`.
    pub fn waits_for(&self) -> String {
        let on = |branch: &Option<String>| branch.as_ref().map_or(String::new(), |b| format!("{b} "));
        match self {
            SchedulerKind::SingleBranch(follow) | SchedulerKind::AnyBranch(follow) => {
                let quiet = follow.tree_stable_timer.map_or("at once".to_owned(), |t| format!("after {t} of quiet"));
                format!("{} {quiet}", followed(follow))
            }
            SchedulerKind::Periodic { every, branch, if_changed } => {
                format!("{}every {every}{}", on(branch), on_change(if_changed))
            }
            SchedulerKind::Nightly { cron, timezone, branch, if_changed } => {
                let zone = timezone.as_ref().map_or(String::new(), |zone| format!(" {zone}"));
                format!("{}at {cron}{zone}{}", on(branch), on_change(if_changed))
            }
            SchedulerKind::Dependent { upstream } => format!("after {upstream}"),
            SchedulerKind::Triggerable => "when triggered".to_owned(),
            SchedulerKind::Force(form) if form.parameters.is_empty() => "when asked".to_owned(),
            SchedulerKind::Force(form) => {
                let names: Vec<_> = form.parameters.iter().map(|p| p.name.as_str()).collect();
                format!("when asked, with {}", names.join(", "))
            }
            SchedulerKind::Try(TrySpec::Jobdir { jobdir }) => format!("patches in {jobdir}"),
            SchedulerKind::Try(TrySpec::Userpass { users }) => {
                let names: Vec<_> = users.iter().map(|(name, _)| name.as_str()).collect();
                format!("patches of {}", names.join(", "))
            }
        }
    }
}

fn on_change(if_changed: &Option<Follow>) -> &'static str {
    if if_changed.is_some() { " if something changed" } else { "" }
}

/// Which changes are followed: the branches, and whether anything else is said of them.
fn followed(follow: &Follow) -> String {
    let filter = &follow.filter;
    let branch = match &filter.branch {
        Match::Any => "any branch".to_owned(),
        Match::OneOf(names) => branches(names),
        Match::NoneOf(names) => format!("all but {}", branches(names)),
        Match::Glob(globs) => globs.join(", "),
        Match::Regex(_) | Match::NotRegex(_) => "some branches".to_owned(),
    };
    let plain = ChangeFilter { branch: filter.branch.clone(), ..ChangeFilter::default() };
    let more = if plain == *filter { "" } else { ", some changes" };
    format!("{branch}{more}")
}

fn branches(names: &[Option<String>]) -> String {
    let names: Vec<_> = names.iter().map(|n| n.as_deref().unwrap_or("the default branch")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::Secret;
    use crate::{ForceSpec, Span};

    #[test]
    fn what_it_waits_for_is_told() {
        let follow = |branch, quiet: Option<i64>| Follow {
            filter: ChangeFilter { branch, ..ChangeFilter::default() },
            tree_stable_timer: quiet.map(Span::seconds),
            ..Follow::default()
        };
        let nightly = |timezone: Option<&str>, if_changed| SchedulerKind::Nightly {
            cron: "0 3 * * *".to_owned(),
            timezone: timezone.map(str::to_owned),
            branch: None,
            if_changed,
        };
        let kinds = [
            SchedulerKind::SingleBranch(follow(Match::is("develop"), Some(60))),
            SchedulerKind::SingleBranch(follow(Match::OneOf(vec![None]), None)),
            SchedulerKind::AnyBranch(follow(Match::Glob(vec!["release-*".to_owned()]), Some(60))),
            SchedulerKind::Dependent { upstream: "quick".to_owned() },
            SchedulerKind::Periodic { every: Span::seconds(3600), branch: None, if_changed: None },
            nightly(Some("Europe/Berlin"), None),
            nightly(None, Some(Follow::default())),
            SchedulerKind::Triggerable,
            SchedulerKind::Force(ForceSpec::new("Build")),
            SchedulerKind::Try(TrySpec::Jobdir { jobdir: "jobs".to_owned() }),
            SchedulerKind::Try(TrySpec::Userpass { users: vec![("ann".to_owned(), Secret::new("pw"))] }),
        ];
        let told: Vec<String> = kinds.iter().map(SchedulerKind::waits_for).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        develop after 1 min of quiet
        the default branch at once
        release-* after 1 min of quiet
        after quick
        every 1 h
        at 0 3 * * * Europe/Berlin
        at 0 3 * * * if something changed
        when triggered
        when asked
        patches in jobs
        patches of ann
        ");
    }
}
