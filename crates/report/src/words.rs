//! How a build reads in a letter: the sentence, the subject, the plain text.

use crate::story::Story;
use jiff::Timestamp;
use model::{Change, Results, Span, TestTotals, Time};
use std::fmt::Write as _;

/// More changes than this are only counted.
pub(crate) const MOST_CHANGES: usize = 20;
/// More tests than this are only counted.
pub(crate) const MOST_TESTS: usize = 30;
/// More files of a change than this are only counted.
const MOST_FILES: usize = 6;
/// The longest line of a text from outside, in characters.
const LONGEST: usize = 500;

/// A text from outside as a part of one line: marks of control and of writing direction become spaces, and what is
/// longer than `most` characters is cut.
pub(crate) fn line(text: &str, most: usize) -> String {
    let mut out = String::new();
    for (i, c) in text.trim().chars().enumerate() {
        if i == most {
            out.push('…');
            break;
        }
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let breaks = c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        out.push(if turns || breaks { ' ' } else { c });
    }
    out
}

/// What happened, as a sentence without its stop: `linux failed in test`.
pub(crate) fn sentence(story: &Story) -> String {
    let builder = line(&story.builder.name, 100);
    let before = story.history.before.map(|b| b.results);
    let was_bad = before == Some(Results::Failure);
    let step = story.culprit().map(|step| format!(" in {}", line(&step.name, 60))).unwrap_or_default();
    match story.results {
        Results::Success if was_bad => format!("{builder} passes again"),
        Results::Success => format!("{builder} passed"),
        Results::Warnings if was_bad => format!("{builder} passes again, with warnings"),
        Results::Warnings => format!("{builder} passed with warnings"),
        Results::Failure if was_bad => format!("{builder} still fails{step}"),
        Results::Failure => format!("{builder} failed{step}"),
        Results::Exception => format!("{builder} ended as an exception{step}"),
        Results::Cancelled => format!("{builder} was cancelled"),
        Results::Skipped => format!("{builder} was skipped"),
        Results::Retry => format!("{builder} is tried again"),
    }
}

/// The subject of a letter. `template` has `{builder}` and its like in it.
pub(crate) fn subject(story: &Story, template: Option<&str>) -> String {
    let Some(template) = template else {
        let (project, number) = (line(&story.project.title, 60), story.build.number);
        return line(&format!("{project}: {} (build {number})", sentence(story)), 200);
    };
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let known = after.split_once('}').and_then(|(name, after)| Some((value(story, name)?, after)));
        match known {
            Some((value, after)) => {
                out.push_str(&value);
                rest = after;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    line(&out, 200)
}

fn value(story: &Story, name: &str) -> Option<String> {
    Some(match name {
        "project" => line(&story.project.title, 60),
        "builder" => line(&story.builder.name, 100),
        "number" => story.build.number.to_string(),
        "result" => story.results.word().to_owned(),
        "sentence" => sentence(story),
        "branch" => line(story.branch(), 60),
        "revision" => line(story.revision(), 60),
        "step" => story.culprit().map(|s| line(&s.name, 60)).unwrap_or_default(),
        _ => return None,
    })
}

/// `2026-11-21 09:41 UTC`.
pub(crate) fn moment(at: Time) -> String {
    let at = Timestamp::from_microsecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Sentences about how long it took and how it was before.
pub(crate) fn background(story: &Story) -> String {
    let took = story.ended_at.since(story.build.started_at).max(Span::ZERO);
    let mut text = format!("Build {} took {took}", story.build.number);
    let usual = story.builder.usual.build.filter(|_| story.results.is_good());
    if let Some(usual) = usual {
        let _ = write!(text, ", usually {usual}");
    }
    text.push('.');
    let history = &story.history;
    match (story.results, history.last_good, history.bad_since) {
        (Results::Failure, Some(good), None) => {
            let _ = write!(text, " Build {} passed, {}.", good.number, moment(good.at));
        }
        (Results::Failure, good, Some(bad)) => {
            let _ = write!(text, " It fails since build {}, {}.", bad.number, moment(bad.at));
            if let Some(good) = good {
                let _ = write!(text, " The last that passed is build {}.", good.number);
            }
        }
        (Results::Failure, None, None) => text.push_str(" There is no earlier build of it to compare with."),
        (Results::Success | Results::Warnings, _, Some(bad)) => {
            let _ = write!(text, " It failed since build {}, {}.", bad.number, moment(bad.at));
        }
        (Results::Exception, _, _) => {
            text.push_str(" The machine or Sluice is at fault, not a change: nobody else was told.");
        }
        _ => {}
    }
    text
}

/// The build's own line, where it says more than its result, or the step's that decided.
pub(crate) fn detail(story: &Story) -> Option<String> {
    let own = story.culprit().map_or(story.build.state.as_str(), |step| step.state.as_str());
    let says_more = !matches!(own, "" | "build successful" | "passed" | "failed" | "exception" | "cancelled");
    says_more.then(|| line(own, LONGEST))
}

/// Whether the changes are told: nobody is named where no change is at fault.
pub(crate) fn names_changes(story: &Story) -> bool {
    !matches!(story.results, Results::Exception | Results::Cancelled) && !story.changes.is_empty()
}

/// A change in a line: `90c677b, M. Adler: fix the window`.
pub(crate) fn change(change: &Change) -> (String, String, String) {
    let revision = change.facts.short_revision().unwrap_or("no revision");
    (line(revision, 40), line(change.facts.author_name(), 80), line(change.facts.title(), 120))
}

/// The files of a change: `inflate.c, test.c and 12 more`.
pub(crate) fn files(change: &Change) -> String {
    let files = &change.facts.files;
    let mut text = files.iter().take(MOST_FILES).map(|f| line(f, 80)).collect::<Vec<_>>().join(", ");
    if files.len() > MOST_FILES {
        let _ = write!(text, " and {} more", files.len() - MOST_FILES);
    }
    text
}

/// Reports of tests that are at fault, with their steps.
pub(crate) fn tests(story: &Story) -> impl Iterator<Item = (&str, &TestTotals)> {
    let totals = story.steps.iter().filter_map(|s| s.facts.tests.as_ref().map(|t| (s.name.as_str(), t)));
    totals.filter(|(_, totals)| !totals.bad.is_empty())
}

/// The tests of a report that are told: name, whether it is new, first line of what it says.
pub(crate) fn bad_tests(totals: &TestTotals) -> impl Iterator<Item = (String, bool, String)> {
    let newly = totals.change.as_ref().map(|c| c.newly_failing.names.as_slice()).unwrap_or_default();
    totals.bad.iter().take(MOST_TESTS).map(move |test| {
        let said = test.message.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
        (line(&test.name, 200), newly.contains(&test.name), line(said, 160))
    })
}

/// The letter as plain text.
pub(crate) fn plain(story: &Story) -> String {
    let mut out = format!("{}.\n", sentence(story));
    if let Some(detail) = detail(story) {
        let _ = writeln!(out, "{detail}");
    }
    let _ = writeln!(out, "\n{}\n{}", background(story), story.url());
    if names_changes(story) {
        plain_changes(&mut out, story);
    }
    for (step, totals) in tests(story) {
        let _ = writeln!(out, "\nTests in {}: {}", line(step, 60), totals.words());
        for (name, new, said) in bad_tests(totals) {
            let _ = writeln!(out, "  {} {name}{}", Results::Failure.symbol(), if new { " (new)" } else { "" });
            if !said.is_empty() {
                let _ = writeln!(out, "      {said}");
            }
        }
        more(&mut out, totals.bad.len(), MOST_TESTS);
    }
    if let Some(tail) = &story.tail {
        let _ = writeln!(out, "\nThe end of {}:", line(&tail.step, 60));
        for text in &tail.lines {
            let _ = writeln!(out, "  {}", line(text, LONGEST));
        }
        let _ = writeln!(out, "{}", story.log_url(&tail.step, &tail.slug));
    }
    for (name, value) in facts(story) {
        let _ = writeln!(out, "{}{name:<11}{value}", if name == "Branch" { "\n" } else { "" });
    }
    let _ = writeln!(out, "\n-- \n{}", signature(story).join("\n"));
    out
}

fn plain_changes(out: &mut String, story: &Story) {
    let _ = writeln!(out, "\nChanges:");
    for one in story.changes.iter().take(MOST_CHANGES) {
        let (revision, author, title) = change(one);
        let _ = writeln!(out, "  {revision}  {author}: {title}");
        let files = files(one);
        if !files.is_empty() {
            let _ = writeln!(out, "      {files}");
        }
        if let Some(link) = &one.facts.revlink {
            let _ = writeln!(out, "      {}", line(link, 300));
        }
    }
    more(out, story.changes.len(), MOST_CHANGES);
}

fn more(out: &mut String, all: usize, shown: usize) {
    if all > shown {
        let _ = writeln!(out, "  and {} more", all - shown);
    }
}

/// What else is known: name and value.
pub(crate) fn facts(story: &Story) -> Vec<(&'static str, String)> {
    let branch = match story.branch() {
        "" => "the default branch".to_owned(),
        branch => line(branch, 100),
    };
    let mut facts = vec![("Branch", branch)];
    let revision = line(story.revision(), 100);
    if !revision.is_empty() {
        facts.push(("Revision", revision));
    }
    facts.push(("Worker", line(&story.worker, 100)));
    if !story.reason.is_empty() {
        facts.push(("Reason", line(&story.reason, 200)));
    }
    facts
}

/// Who speaks: the project with its page, and where more is to be seen.
pub(crate) fn signature(story: &Story) -> Vec<String> {
    let project = &story.project;
    let title = line(&project.title, 60);
    let first = if project.url.is_empty() { title } else { format!("{title}, {}", project.url) };
    vec![first, format!("Sluice, {}", project.public_url)]
}
