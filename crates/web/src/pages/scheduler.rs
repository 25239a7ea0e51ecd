//! Schedulers: what each waits for, when it comes next, and whether it works.

use super::clock::Clock;
use super::layout::{Frame, Page, Room, act, builder_at, headline};
use super::mark::Mark;
use super::text::{count, outside, segment};
use maud::{Markup, html};
use model::{Follow, Match, SchedulerKind, SchedulerSpec, Time};

/// All schedulers.
#[derive(Debug)]
pub(super) struct Schedulers {
    /// Those that are configured, in the order of the configuration.
    pub(super) rows: Vec<Row>,
}

/// A scheduler.
#[derive(Debug)]
pub(super) struct Row {
    /// As it is configured.
    pub(super) spec: SchedulerSpec,
    /// Nobody turned it off.
    pub(super) enabled: bool,
    /// When it comes next if nothing happens until then.
    pub(super) next: Option<Time>,
    /// Changes that wait with it.
    pub(super) changes: usize,
    /// When it last filed a set on its own.
    pub(super) last: Option<Time>,
    /// What a function of its own did wrong.
    pub(super) trouble: Option<String>,
}

/// The page.
pub(super) fn page(v: &Schedulers, frame: &Frame, clock: &Clock) -> Page {
    let off = v.rows.iter().filter(|r| !r.enabled).count();
    let next = v.rows.iter().filter(|r| r.enabled).filter_map(|r| Some((r.next?, &r.spec.name))).min();
    let body = html! {
        (headline(Mark::Absent, &html! {
            @match (off, next) {
                (0, Some((at, name))) => { "Next comes " em { (outside(name, 40)) } " " (clock.ago(at)) },
                (0, None) => { (count(v.rows.len(), "scheduler waits", "schedulers wait")) " for something to happen" },
                (n, _) => { (count(n, "scheduler is", "schedulers are")) " turned off" },
            }
        }))
        @if v.rows.is_empty() { p.under { "No scheduler is configured: nothing is built unless somebody forces it." } }
        ul.rows { @for row in &v.rows { (scheduler(row, frame, clock)) } }
    };
    Page {
        title: "Schedulers".to_owned(),
        icon: Mark::Absent,
        room: Room::Queue,
        listen: "schedulers/*/* changes/*/* buildsets/*/*".to_owned(),
        class: "list",
        body,
    }
}

fn scheduler(row: &Row, frame: &Frame, clock: &Clock) -> Markup {
    let spec = &row.spec;
    let (word, action) = if row.enabled { ("Turn off", "disable") } else { ("Turn on", "enable") };
    html! {
        li.scheduler {
            div.what {
                span.name { (outside(&spec.name, 40)) } " " span.faint { (words(&spec.kind)) }
                p.faint {
                    @for (i, builder) in spec.builders.iter().take(20).enumerate() {
                        @if i > 0 { ", " }
                        a href=(builder_at(builder)) { (outside(builder, 40)) }
                    }
                    @if spec.builders.len() > 20 { " and " (spec.builders.len() - 20) " more" }
                }
                @if let Some(trouble) = &row.trouble { p.bad { (outside(trouble, 300)) } }
                @if row.changes > 0 { p { (count(row.changes, "change waits", "changes wait")) } }
            }
            div.when {
                @match (row.enabled, row.next, row.last) {
                    (false, ..) => { "off" },
                    (true, Some(at), _) => { (clock.ago(at)) },
                    (true, None, Some(at)) => { span.faint { "last " (clock.ago(at)) } },
                    (true, None, None) => {},
                }
            }
            (act(frame, &format!("/schedulers/{}/{action}", segment(&spec.name)), word, &[]))
        }
    }
}

/// What a scheduler waits for.
fn words(kind: &SchedulerKind) -> String {
    match kind {
        SchedulerKind::SingleBranch(follow) => format!("follows {}", followed(follow)),
        SchedulerKind::AnyBranch(follow) => format!("follows {}, each by itself", followed(follow)),
        SchedulerKind::Dependent { upstream } => format!("after {upstream} has passed"),
        SchedulerKind::Periodic { every, if_changed, .. } => format!("every {every}{}", changed(if_changed.as_ref())),
        SchedulerKind::Nightly { cron, timezone, if_changed, .. } => {
            let zone = timezone.as_ref().map_or(String::new(), |z| format!(" in {z}"));
            format!("at {cron}{zone}{}", changed(if_changed.as_ref()))
        }
        SchedulerKind::Triggerable => "when a step of another build asks".to_owned(),
        SchedulerKind::Force(_) => "when somebody asks".to_owned(),
    }
}

fn changed(follow: Option<&Follow>) -> &'static str {
    if follow.is_some() { ", if something changed" } else { "" }
}

fn followed(follow: &Follow) -> String {
    let branch = match &follow.filter.branch {
        Match::Any => "every branch".to_owned(),
        Match::OneOf(names) => {
            let names: Vec<&str> = names.iter().map(|n| n.as_deref().unwrap_or("the default branch")).collect();
            names.join(", ")
        }
        Match::NoneOf(_) | Match::NotRegex(_) => "all branches but some".to_owned(),
        Match::Glob(patterns) => format!("branches like {}", patterns.join(", ")),
        Match::Regex(pattern) => format!("branches like {pattern}"),
    };
    match follow.tree_stable_timer {
        Some(quiet) => format!("{branch} after {quiet} of quiet"),
        None => branch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ChangeFilter, ForceSpec, Span};

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
        ];
        let told: Vec<String> = kinds.iter().map(words).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        follows develop after 1 min of quiet
        follows the default branch
        follows branches like release-* after 1 min of quiet, each by itself
        after quick has passed
        every 1 h
        at 0 3 * * * in Europe/Berlin
        at 0 3 * * *, if something changed
        when a step of another build asks
        when somebody asks
        ");
    }
}
