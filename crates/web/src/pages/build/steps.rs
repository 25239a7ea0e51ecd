//! The steps of a build as a timeline: where each began, how long it took, and how long it usually takes.

use super::{Build, Step};
use crate::pages::clock::Clock;
use crate::pages::layout::log_at;
use crate::pages::mark::{Mark, Outcome};
use crate::pages::text::{count, outside, safe_href, segment, thousands};
use maud::{Markup, html};
use model::{Span, TestTotals, Time};

/// The width of the whole build, in units of the drawing.
const WHOLE: i64 = 1000;

/// Failing steps stand where they ran, marked; the page shows their lines above this.
pub(super) fn timeline(v: &Build, clock: &Clock) -> Markup {
    // While it runs there is room for what is expected to come.
    let expected = v.ends.map_or(clock.now, |(_, late)| late.max(clock.now));
    let end = v.to.unwrap_or(expected).max(v.from + Span::millis(1));
    html! {
        section aria-labelledby="steps" {
            h2 #steps { "Steps" }
            @if v.steps.is_empty() { p.faint { "No step has begun." } }
            ol.steps {
                @for s in v.steps.iter().filter(|s| is_shown(s)) { (row(v, s, end, clock)) }
            }
            (left_out(v))
        }
    }
}

/// A step that is at fault is shown whatever its configuration says.
fn is_shown(s: &Step) -> bool {
    !s.hidden || s.mark.is_bad()
}

fn left_out(v: &Build) -> Markup {
    let hidden: Vec<&Step> = v.steps.iter().filter(|s| !is_shown(s)).collect();
    html! {
        @if !hidden.is_empty() {
            p.faint {
                "Left out: "
                @for (i, s) in hidden.iter().enumerate() {
                    @if i > 0 { ", " }
                    @match s.logs.first() {
                        Some((_, slug, _)) => a href=(log_at(&v.builder, v.number, &s.name, slug)) { (outside(&s.name, 40)) },
                        None => { (outside(&s.name, 40)) },
                    }
                }
            }
        }
    }
}

fn row(v: &Build, s: &Step, end: Time, clock: &Clock) -> Markup {
    let took = s.from.map(|from| s.to.unwrap_or(clock.now).since(from));
    html! {
        li id={ "step-" (segment(&s.name)) } class=(s.mark.class()) {
            (s.mark.sign())
            div.what title=[s.defined_at.as_deref().map(|p| format!("defined at {p}"))] {
                @match s.logs.first() {
                    Some((_, slug, _)) => a.name href=(log_at(&v.builder, v.number, &s.name, slug)) { (outside(&s.name, 40)) },
                    None => span.name { (outside(&s.name, 40)) },
                }
                (said(s))
                @for (words, address) in &s.urls {
                    @if let Some(address) = safe_href(address) { " " a href=(address) rel="noreferrer" { (outside(words, 40)) } }
                }
                @for (name, slug, lines) in &s.logs {
                    " " a.faint href=(log_at(&v.builder, v.number, &s.name, slug)) {
                        (outside(name, 24)) @if let Some(n) = lines { " (" (thousands(*n)) ")" }
                    }
                }
            }
            (bar(v, s, end, clock))
            div.when {
                @match took {
                    Some(span) => { strong { (span) } },
                    None => { span.faint { "to come" } },
                }
                @if let Some(usual) = s.usual { span.faint { " usually " (usual) } }
            }
        }
    }
}

/// What it said, how many warnings and which tests: each once, though what it said may name them too.
fn said(s: &Step) -> Markup {
    let state = if s.mark == Mark::Done(Outcome::Passed) || s.state == s.name { "" } else { s.state.as_str() };
    let warnings =
        s.warnings.filter(|n| *n > 0).map(|n| count(usize::try_from(n).unwrap_or(usize::MAX), "warning", "warnings"));
    let tests = s.tests.as_ref().map(TestTotals::words);
    let tests_at = || format!("#tests-{}", segment(&s.name));
    let tests_said = tests.as_ref().is_some_and(|words| state.contains(words));
    html! {
        @if tests_said { " " a.faint href=(tests_at()) { (outside(state, 60)) } }
        @else if !state.is_empty() { " " span.faint { (outside(state, 60)) } }
        @if let Some(words) = warnings.filter(|words| !state.contains(words)) { " " span.faint { (words) } }
        @if let Some(words) = tests.filter(|_| !tests_said) { " " a.faint href=(tests_at()) { (words) } }
    }
}

/// The step's place in the build. The thin line beside it is what it usually takes.
fn bar(v: &Build, s: &Step, end: Time, clock: &Clock) -> Markup {
    let whole = i128::from(end.since(v.from).0.max(1));
    let part = |span: Span| (i128::from(span.0) * i128::from(WHOLE) / whole).clamp(0, i128::from(WHOLE)) as i64;
    let Some(from) = s.from else {
        return html! { svg.bar viewBox="0 0 1000 16" preserveAspectRatio="none" aria-hidden="true" {} };
    };
    let x = part(from.since(v.from)).min(WHOLE - 3);
    let width = part(s.to.unwrap_or(clock.now).since(from)).clamp(3, WHOLE - x);
    html! {
        svg.bar viewBox="0 0 1000 16" preserveAspectRatio="none" aria-hidden="true" {
            rect.rail x="0" y="7" width=(WHOLE) height="1" {}
            rect class=(s.mark.class()) x=(x) y="2" width=(width) height="12" {}
            @if let Some(usual) = s.usual {
                rect.usual x=((x + part(usual)).min(WHOLE - 2)) y="0" width="2" height="16" {}
            }
        }
    }
}
