//! The form by which somebody asks for a build: the usual fields, and those of the scheduler's own.

use super::text::{cut, outside};
use crate::control::Force;
use maud::{Markup, html};
use model::{Config, ForceSpec, Parameter, ParameterKind, SchedulerKind, Value};
use std::collections::BTreeMap;

/// A form.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// The force scheduler that it belongs to.
    pub(super) scheduler: String,
    /// What it asks.
    pub(super) spec: ForceSpec,
    /// Workers to choose from.
    pub(super) workers: Vec<String>,
}

/// The form; `of` is how many there are on the page.
pub(super) fn form(form: &Form, builder: &str, of: usize) -> Markup {
    let label = if form.spec.label.is_empty() { &form.scheduler } else { &form.spec.label };
    html! {
        form.fields method="post" action={ (builder) "/force" } {
            @if of > 1 || !form.spec.label.is_empty() { h3 { (outside(label, 60)) } }
            input type="hidden" name="scheduler" value=(form.scheduler);
            label { "Reason" input name="reason" maxlength="500" autocomplete="off" placeholder="why"; }
            label { "Branch" input name="branch" maxlength="500" autocomplete="off" placeholder="the default one" spellcheck="false"; }
            label { "Revision" input name="revision" maxlength="500" autocomplete="off" placeholder="the newest" spellcheck="false"; }
            @for parameter in &form.spec.parameters { (field(parameter, &form.workers)) }
            button { (outside(&form.spec.button, 30)) }
        }
    }
}

fn field(p: &Parameter, workers: &[String]) -> Markup {
    let tip = Some(p.tooltip.as_str()).filter(|t| !t.is_empty());
    let words = html! { (outside(if p.label.is_empty() { &p.name } else { &p.label }, 80)) };
    match &p.kind {
        ParameterKind::Fixed { .. } => html! {},
        ParameterKind::Choices { choices, default } => html! {
            fieldset title=[tip] {
                legend { (words) }
                @for choice in choices {
                    label.check { input type="checkbox" name=(p.name) value=(choice) checked[default.contains(choice)]; (outside(choice, 80)) }
                }
            }
        },
        ParameterKind::Boolean { default } => html! {
            label.check title=[tip] { input type="checkbox" name=(p.name) value="true" checked[*default]; (words) }
        },
        _ => html! { label title=[tip] { (words) (control(p, workers)) } },
    }
}

fn control(p: &Parameter, workers: &[String]) -> Markup {
    match &p.kind {
        ParameterKind::Text { default } => {
            html! { textarea name=(p.name) rows="4" required[p.required] { (default) } }
        }
        ParameterKind::Int { default, min, max } => html! {
            input type="number" step="1" name=(p.name) value=(default) min=[*min] max=[*max] required[p.required];
        },
        ParameterKind::Choice { choices, default, open: true } => html! {
            input name=(p.name) value=(default) list={ "choices-" (p.name) } autocomplete="off" required[p.required];
            datalist id={ "choices-" (p.name) } { @for choice in choices { option value=(choice) {} } }
        },
        ParameterKind::Choice { choices, default, open: false } => one_of(p, choices, default),
        ParameterKind::Worker { default } => one_of(p, workers, default),
        ParameterKind::String { default, regex, max_length } => html! {
            input name=(p.name) value=(default) pattern=[regex.as_deref()] maxlength=(max_length.unwrap_or(4096)) autocomplete="off" spellcheck="false" required[p.required];
        },
        ParameterKind::Fixed { .. } | ParameterKind::Choices { .. } | ParameterKind::Boolean { .. } => html! {},
    }
}

fn one_of(p: &Parameter, choices: &[String], default: &str) -> Markup {
    html! {
        select name=(p.name) required[p.required] {
            @if !choices.iter().any(|c| c == default) { option value="" { "any" } }
            @for choice in choices { option value=(choice) selected[choice == default] { (cut(choice, 80)) } }
        }
    }
}

/// What came from the form. A box that is not ticked sends nothing, which means no here and not "as by default".
pub(super) fn read(pairs: &[(String, String)], config: &Config) -> Force {
    let some = |text: &str| Some(text.trim()).filter(|t| !t.is_empty()).map(str::to_owned);
    let mut force = Force::default();
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs {
        match name.as_str() {
            "scheduler" => force.scheduler = some(value),
            "reason" => force.reason.clone_from(value),
            "branch" => force.branch = some(value),
            "revision" => force.revision = some(value),
            _ => fields.entry(name.clone()).or_default().push(value.clone()),
        }
    }
    let spec = config.schedulers.iter().find(|s| Some(&s.name) == force.scheduler.as_ref());
    let parameters = match spec.map(|s| &s.kind) {
        Some(SchedulerKind::Force(spec)) => spec.parameters.as_slice(),
        _ => &[],
    };
    for p in parameters {
        match p.kind {
            ParameterKind::Boolean { .. } => {
                force.fields.insert(p.name.clone(), Value::Bool(fields.remove(&p.name).is_some()));
            }
            ParameterKind::Choices { .. } => {
                let chosen = fields.remove(&p.name).unwrap_or_default().into_iter().map(Value::Text).collect();
                force.fields.insert(p.name.clone(), Value::List(chosen));
            }
            _ => {}
        }
    }
    let last = fields.into_iter().filter_map(|(name, mut values)| Some((name, Value::Text(values.pop()?))));
    force.fields.extend(last);
    force
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SchedulerSpec;

    fn parameter(name: &str, kind: ParameterKind) -> Parameter {
        Parameter { name: name.to_owned(), label: String::new(), tooltip: String::new(), required: false, kind }
    }

    fn spec() -> ForceSpec {
        let choices = ["debug", "release"].map(str::to_owned).to_vec();
        let parameters = vec![
            parameter("clean", ParameterKind::Boolean { default: true }),
            parameter("kinds", ParameterKind::Choices { choices, default: vec!["debug".to_owned()] }),
            parameter("jobs", ParameterKind::Int { default: 2, min: Some(1), max: Some(8) }),
            parameter("channel", ParameterKind::Fixed { default: Value::from("beta") }),
            parameter("machine", ParameterKind::Worker { default: String::new() }),
        ];
        ForceSpec { parameters, ..ForceSpec::new("Build") }
    }

    #[test]
    fn a_box_that_is_not_ticked_means_no() {
        let schedulers = vec![SchedulerSpec::new("force", SchedulerKind::Force(spec()))];
        let config = Config { schedulers, ..Config::default() };
        let pairs = [("scheduler", "force"), ("reason", "x"), ("jobs", "3"), ("kinds", "debug"), ("kinds", "release")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let force = read(&pairs, &config);
        assert_eq!((force.scheduler.as_deref(), force.reason.as_str(), force.branch), (Some("force"), "x", None));
        let kinds = Value::List(vec!["debug".into(), "release".into()]);
        let expected = [("clean", Value::Bool(false)), ("jobs", "3".into()), ("kinds", kinds)];
        assert_eq!(force.fields, expected.map(|(name, value)| (name.to_owned(), value)).into());
    }

    #[test]
    fn every_kind_of_field_has_its_control() {
        let form = Form { scheduler: "force".to_owned(), spec: spec(), workers: vec!["pi".to_owned()] };
        let html = super::form(&form, "/builders/x", 1).into_string();
        for part in [
            "<input type=\"checkbox\" name=\"clean\" value=\"true\" checked>",
            "<input type=\"checkbox\" name=\"kinds\" value=\"release\">",
            "<input type=\"number\" step=\"1\" name=\"jobs\" value=\"2\" min=\"1\" max=\"8\">",
            "<option value=\"\">any</option><option value=\"pi\">pi</option>",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
        assert!(!html.contains("channel"), "what is fixed is not asked");
    }
}
