//! Gates: who waits in the line, which trees are tested with whom on them, and what was decided and why.

use super::clock::{Clock, eta, soon};
use super::home::progress;
use super::layout::{Frame, Page, Room, act, build_at, crumbs, headline};
use super::mark::{Mark, Outcome};
use super::text::{count, nothing, outside, segment};
use maud::{Markup, html};
use model::{
    CandidateEnd, CandidateStatus, GateCandidate, GateDecision, GatePlace, GateTrial, GateTrialStatus, GateView,
};
use std::collections::{BTreeMap, BTreeSet};

/// So many candidates have a column of their own in the drawing of the train.
const COLUMNS: usize = 12;

/// So many of each are listed.
const ROWS: usize = 100;

/// A gate with what the store knows of its past.
#[derive(Debug)]
pub(super) struct Gate {
    /// As it is now.
    pub(super) view: GateView,
    /// What was decided last, the newest first.
    pub(super) decisions: Vec<GateDecision>,
    /// Trees that were red or given up and have left the train, the newest first.
    pub(super) resets: Vec<GateTrial>,
    /// Candidates that ended, the newest first.
    pub(super) ended: Vec<GateCandidate>,
    /// The builds of trials, by trial.
    pub(super) builds: BTreeMap<i64, Vec<Tested>>,
}

/// A build of a trial.
#[derive(Debug)]
pub(super) struct Tested {
    /// The task.
    pub(super) task: String,
    /// Its builder.
    pub(super) builder: String,
    /// The build's number; `None`: it waits.
    pub(super) number: Option<i64>,
    /// How it stands.
    pub(super) mark: Mark,
}

/// The address of a gate.
pub(super) fn gate_at(name: &str) -> String {
    format!("/gates/{}", segment(name))
}

/// The page of all gates.
pub(super) fn list(gates: &[GateView], clock: &Clock) -> Page {
    let waiting: usize = gates.iter().map(|g| g.line.len()).sum();
    let worst = gates.iter().map(mark).max().unwrap_or(Mark::Absent);
    let body = html! {
        (headline(worst, &html! { @match waiting {
            0 => { "Nothing waits to land" },
            n => { (count(n, "change waits", "changes wait")) " to land" },
        } }))
        @if gates.is_empty() { (lesson()) }
        ul.rows { @for gate in gates {
            li {
                (mark(gate).sign())
                div.what {
                    a.name href=(gate_at(&gate.spec.name)) { (outside(&gate.spec.name, 40)) }
                    " " span.faint { "lands on " (outside(&gate.spec.branch, 60)) ": " (sentence(gate, clock)) }
                }
                div.when { (count(running(gate), "trial", "trials")) " of " (gate.spec.slots) }
            }
        } }
    };
    Page {
        title: "Gates".to_owned(),
        icon: worst,
        room: Room::Gates,
        listen: "gates/*/*".to_owned(),
        class: "list",
        body,
    }
}

fn lesson() -> Markup {
    html! {
        p.under { "A gate lands changes that were tested as they land. One is made in master.star:" }
        div.lesson { pre.sh { "gate(\"trunk\", repo = \"https://example.org/z.git\", branch = \"main\", tasks = [\"all\"])" } }
    }
}

/// The page of one gate.
pub(super) fn page(v: &Gate, frame: &Frame, clock: &Clock) -> Page {
    let (view, icon) = (&v.view, mark(&v.view));
    let spec = &view.spec;
    let body = html! {
        (crumbs(&[("/gates".to_owned(), "Gates"), (gate_at(&spec.name), &spec.name)]))
        div.split {
            (headline(icon, &sentence(view, clock)))
            @if view.halted.is_some() { div.acts { (act(frame, &format!("{}/resume", gate_at(&spec.name)), "Go on", &[])) } }
        }
        p.under {
            (outside(&spec.branch, 60)) " of " (outside(&spec.repository, 120))
            @if !view.tip.is_empty() { " is at " code { (short(&view.tip)) } }
            ". " (running(view)) " of " (count(spec.slots as usize, "trial runs", "trials run"))
            @if let Some(length) = view.length { "; one takes about " (length.to_string()) }
            "."
        }
        @if let (Some(trouble), None) = (&view.trouble, &view.halted) { p.under.bad { (outside(trouble, 300)) } }
        (train(v, clock))
        (line(view, frame, clock))
        div.columns {
            div.wide { (resets(v, clock)) (decisions(v, clock)) }
            aside.narrow aria-label="Those that ended" { (ended(v, clock)) }
        }
    };
    Page {
        title: format!("Gate {} ({})", spec.name, view.line.len()),
        icon,
        room: Room::Gates,
        listen: format!("gates/{}/* builds/*/*", segment(&spec.name)),
        class: "gate",
        body,
    }
}

fn mark(view: &GateView) -> Mark {
    match (&view.halted, &view.trouble) {
        (Some(_), _) => Mark::Done(Outcome::Exception),
        (None, Some(_)) => Mark::Done(Outcome::Warnings),
        _ if running(view) > 0 || view.landing.is_some() => Mark::Running,
        _ if !view.line.is_empty() => Mark::Waiting,
        _ => Mark::Absent,
    }
}

fn running(view: &GateView) -> usize {
    view.trials.iter().filter(|t| t.status == GateTrialStatus::Running).count()
}

fn sentence(view: &GateView, clock: &Clock) -> Markup {
    let waits = count(view.line.len(), "change waits", "changes wait");
    let first = view.line.iter().filter_map(|p| p.expected).min();
    html! {
        @match (&view.halted, &view.landing, view.line.len(), first) {
            (Some(why), ..) => { "Halted: " (outside(why, 200)) },
            (None, Some(landing), ..) => {
                "Landing " (members(&landing.members)) " on " (outside(&view.spec.branch, 40)) ": " (outside(&landing.state, 120))
            },
            (None, None, 0, _) => { "Nothing waits to land on " (outside(&view.spec.branch, 40)) },
            (None, None, _, Some(at)) => { (waits) " to land, the first " (soon(at, clock.now)) },
            _ => { (waits) " to land" },
        }
    }
}

fn members(ids: &[i64]) -> String {
    let names: Vec<String> = ids.iter().take(COLUMNS).map(i64::to_string).collect();
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) if ids.len() <= COLUMNS => format!("{} and {last}", rest.join(", ")),
        Some(_) => format!("{} and {} more", names.join(", "), ids.len() - COLUMNS),
    }
}

/// The train: a row for each tree, a column for each candidate, a mark where the candidate is on the tree.
fn train(v: &Gate, clock: &Clock) -> Markup {
    let view = &v.view;
    if view.trials.is_empty() {
        return nothing();
    }
    let seen: BTreeSet<i64> = view.trials.iter().flat_map(|t| t.members.iter().copied()).collect();
    let line: Vec<i64> = view.line.iter().map(|p| p.candidate.id).collect();
    // Those that have just left the line stand before it.
    let before = seen.iter().copied().filter(|id| !line.contains(id));
    let all: Vec<i64> = before.chain(line.iter().copied().filter(|id| seen.contains(id))).collect();
    let columns = &all[..all.len().min(COLUMNS)];
    html! {
        section aria-labelledby="train" {
            h2 #train { "The train" @if all.len() > columns.len() { span.faint { " (the first " (columns.len()) " of " (all.len()) ")" } } }
            div.scroll tabindex="0" role="region" aria-label="Trees and changes" {
                table.train {
                    caption.unseen { "Which changes are on which tree that is tested" }
                    thead { tr {
                        th scope="col" { "Tree" }
                        @for id in columns { th.car scope="col" { @if line.contains(id) { a href={ "#candidate-" (id) } { (id) } } @else { (id) } } }
                        th.for scope="col" { "What it is for" }
                    } }
                    tbody {
                        @for trial in view.trials.iter().take(ROWS) { (tree(trial, columns, v, clock)) }
                        tr.lands {
                            th scope="row" { "May land" }
                            @for id in columns { td.car { (lands(*id, view, clock)) } }
                            td.for {}
                        }
                    }
                }
            }
        }
    }
}

/// When a change may land, under its column.
fn lands(id: i64, view: &GateView, clock: &Clock) -> Markup {
    let place = view.line.iter().find(|place| place.candidate.id == id);
    html! {
        @match place.map(|place| place.expected) {
            None => span.faint { "left" },
            Some(None) => span.faint { "unknown" },
            Some(Some(at)) => (clock.soon(at)),
        }
    }
}

fn tree(trial: &GateTrial, columns: &[i64], v: &Gate, clock: &Clock) -> Markup {
    let mark = trial_mark(trial.status);
    let words = if trial.reason.is_empty() { &trial.purpose } else { &trial.reason };
    html! {
        tr class=(mark.class()) id={ "trial-" (trial.id) } {
            th scope="row" { (mark.sign()) " Trial " (trial.id) " " span.faint { "on " code { (short(&trial.on)) } } }
            @for id in columns {
                td.car { @if trial.members.contains(id) { (mark.sign()) } }
            }
            td.for {
                (outside(words, 200))
                @if trial.attempts > 1 { ", attempt " (trial.attempts) }
                (tasks(v, trial.id))
                @if let (GateTrialStatus::Running, Some(length)) = (trial.status, v.view.length) {
                    @let ends = (trial.started_at + length, trial.started_at + length);
                    div.pace { (progress(trial.started_at, Some(ends), clock.now)) span.faint { (eta(ends, clock.now)) } }
                }
                @if !trial.tests.is_empty() {
                    " " span.red { (outside(&trial.tests.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", "), 200)) }
                }
            }
        }
    }
}

fn trial_mark(status: GateTrialStatus) -> Mark {
    match status {
        GateTrialStatus::Running => Mark::Running,
        GateTrialStatus::Green => Mark::Done(Outcome::Passed),
        GateTrialStatus::Red | GateTrialStatus::Conflict => Mark::Done(Outcome::Failed),
        GateTrialStatus::Broken => Mark::Done(Outcome::Exception),
        GateTrialStatus::Cancelled => Mark::Done(Outcome::Cancelled),
    }
}

fn line(view: &GateView, frame: &Frame, clock: &Clock) -> Markup {
    html! {
        section aria-labelledby="line" {
            h2 #line { "The line" }
            @if view.line.is_empty() {
                div.lesson {
                    p { "A change waits here until a tree with it has passed. To hand one in, in a checkout:" }
                    pre.sh { "sluice land --gate " (segment(&view.spec.name)) " --wait" }
                }
            }
            ol.rows.line { @for place in view.line.iter().take(ROWS) { (waiting(place, view, frame, clock)) } }
            @if view.line.len() > ROWS { p.more { (count(view.line.len() - ROWS, "more", "more")) " behind these" } }
        }
    }
}

fn waiting(place: &GatePlace, view: &GateView, frame: &Frame, clock: &Clock) -> Markup {
    let candidate = &place.candidate;
    let at = |what: &str| format!("{}/candidates/{}/{what}", gate_at(&view.spec.name), candidate.id);
    let under_test =
        view.trials.iter().any(|t| t.status == GateTrialStatus::Running && t.members.contains(&candidate.id));
    let lacks = usize::try_from(candidate.wanted).unwrap_or_default() > candidate.approvals.len();
    html! {
        li.wait id={ "candidate-" (candidate.id) } {
            (if under_test { Mark::Running } else { Mark::Waiting }.sign())
            div.what {
                span.name { (candidate.id) } " " (outside(&candidate.subject, 120)) " "
                span.faint {
                    "by " (outside(&candidate.owner, 40)) ", " code { (short(&candidate.commit)) }
                    @if candidate.priority != 0 { ", priority " (candidate.priority) }
                    @if !candidate.needs.is_empty() { ", needs " (members(&candidate.needs)) }
                }
                p.faint {
                    (outside(&place.waits, 200))
                }
            }
            div.when {
                @match place.expected { Some(at) => { (clock.soon(at)) }, None => { (clock.lasting(candidate.submitted_at)) } }
            }
            div.acts {
                @if lacks { (act(frame, &at("approve"), "Approve", &[])) }
                (act(frame, &at("withdraw"), "Withdraw", &[]))
            }
        }
    }
}

/// Why trees were given up: what was tested on them is tested anew on others.
fn resets(v: &Gate, clock: &Clock) -> Markup {
    html! {
        @if !v.resets.is_empty() {
            section aria-labelledby="resets" {
                h2 #resets { "Trees that did not hold, and why" }
                ul.rows { @for trial in &v.resets {
                    li id={ "trial-" (trial.id) } {
                        (trial_mark(trial.status).sign())
                        div.what {
                            span.name { "Trial " (trial.id) } " with " (members(&trial.members)) ": " (outside(&trial.reason, 300))
                            (tasks(v, trial.id))
                        }
                        div.when { (clock.ago(trial.ended_at.unwrap_or(trial.started_at))) }
                    }
                } }
            }
        }
    }
}

/// The builds of a trial, each a link.
fn tasks(v: &Gate, trial: i64) -> Markup {
    html! {
        @for build in v.builds.get(&trial).into_iter().flatten() {
            " " span.task {
                (build.mark.sign()) " "
                @match build.number {
                    Some(number) => a href=(build_at(&build.builder, number)) { (outside(&build.task, 40)) },
                    None => (outside(&build.task, 40)),
                }
            }
        }
    }
}

fn decisions(v: &Gate, clock: &Clock) -> Markup {
    let rows = &v.decisions;
    let shown = |id: i64| v.view.trials.iter().chain(&v.resets).any(|t| t.id == id);
    html! {
        section aria-labelledby="decisions" {
            h2 #decisions { "What was decided, and why" }
            @if rows.is_empty() { p.faint { "Nothing yet." } }
            ol.rows.decisions reversed { @for decision in rows {
                li {
                    (decision_mark(&decision.kind).sign())
                    div.what {
                        @match (decision.candidate, decision.trial) {
                            (Some(candidate), _) => { span.name { (candidate) } " " },
                            (None, Some(trial)) if shown(trial) => { a.name href={ "#trial-" (trial) } { "Trial " (trial) } " " },
                            (None, Some(trial)) => { span.name { "Trial " (trial) } " " },
                            (None, None) => {},
                        }
                        @if decision.kind != "started" && !decision.reason.starts_with(&decision.kind) {
                            span.faint { (outside(&decision.kind.replace('_', " "), 40)) ":" } " "
                        }
                        (outside(&decision.reason, 300))
                    }
                    div.when { (clock.ago(decision.at)) }
                }
            } }
        }
    }
}

fn decision_mark(kind: &str) -> Mark {
    match kind {
        "landed" | "green" | "approved" | "pushed" => Mark::Done(Outcome::Passed),
        "red" | "conflict" | "rejected" => Mark::Done(Outcome::Failed),
        "broken" | "halted" | "refused" | "doubtful" => Mark::Done(Outcome::Exception),
        "cancelled" | "withdrawn" => Mark::Done(Outcome::Cancelled),
        "dependency_failed" => Mark::Done(Outcome::Skipped),
        "retried" | "moved" => Mark::Done(Outcome::Retry),
        "started" | "pushing" => Mark::Running,
        "submitted" => Mark::Waiting,
        _ => Mark::Absent,
    }
}

fn ended(v: &Gate, clock: &Clock) -> Markup {
    html! {
        section aria-labelledby="ended" {
            h2 #ended { "Those that ended" }
            @if v.ended.is_empty() { p.faint { "None yet." } }
            ul.rows { @for candidate in &v.ended { @if let CandidateStatus::Ended { at, end, reason, trial, landed, .. } = &candidate.status {
                li {
                    (end_mark(*end).sign())
                    div.what {
                        span.name { (candidate.id) } " " (outside(&candidate.subject, 80)) " "
                        span.faint {
                            (end_words(*end))
                            @if let Some(commit) = landed { " as " code { (short(commit)) } }
                        }
                        @if *end != CandidateEnd::Landed { p.faint { (outside(reason, 300)) } }
                        @for build in trial.iter().flat_map(|t| v.builds.get(t)).flatten().filter(|b| b.mark.is_bad()) {
                            p { @if let Some(number) = build.number { (build.mark.sign()) " " a href=(build_at(&build.builder, number)) { (outside(&build.task, 40)) } } }
                        }
                    }
                    div.when { (clock.ago(*at)) }
                }
            } } }
        }
    }
}

fn end_mark(end: CandidateEnd) -> Mark {
    Mark::Done(match end {
        CandidateEnd::Landed => Outcome::Passed,
        CandidateEnd::Rejected | CandidateEnd::Conflict => Outcome::Failed,
        CandidateEnd::DependencyFailed => Outcome::Skipped,
        CandidateEnd::Withdrawn => Outcome::Cancelled,
    })
}

fn end_words(end: CandidateEnd) -> &'static str {
    match end {
        CandidateEnd::Landed => "landed",
        CandidateEnd::Rejected => "rejected",
        CandidateEnd::Conflict => "does not fit",
        CandidateEnd::DependencyFailed => "what it needs did not land",
        CandidateEnd::Withdrawn => "withdrawn",
    }
}

/// The first digits of a commit.
fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_told_as_people_say_them() {
        let many: Vec<i64> = (1..=20).collect();
        let cases: [(&[i64], &str); 4] = [
            (&[], "nothing"),
            (&[4], "4"),
            (&[4, 5, 6], "4, 5 and 6"),
            (&many, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 8 more"),
        ];
        for (ids, words) in cases {
            assert_eq!(members(ids), words);
        }
    }
}
