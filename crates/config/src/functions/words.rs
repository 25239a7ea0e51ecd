//! `interpolate`, `prop`: texts that are finished when they are needed; `glob`, `regex`: what texts must be like.

use super::{Def, p, top};
use crate::call::{Call, Outcome, Wrong};
use crate::interpolation;
use crate::names::quoted;
use crate::registry::MOST_STEPS;
use crate::sites::{self, Part};
use crate::texts::is_text;
use crate::{address, given, pattern};
use model::{Form, Lookup, Match, Piece, Text};

pub(super) const INTERPOLATE: Def = Def {
    path: "interpolate",
    summary: "A text that is finished when its step begins. `{name}` is a property, `{src:CODEBASE:field}` a field of a \
              source (branch, revision, repository, project, codebase; `{src::branch}` for the only codebase), \
              `{worker:field}` one of the worker (name, admin, host, system, cpus), `{secret:NAME}` a secret. \
              `{x:-text}` has a text for when there is no x, `{x:~text}` also for when it is empty, zero or False, \
              `{x:+text}` is the text if there is an x, `{x:?message}` fails with a message when there is none. \
              `{{` and `}}` are braces. Any text of a step can be one; a text without `interpolate` stays as it is.",
    example: "steps.shell([\"tar\", \"czf\", interpolate(\"build-{revision:~{got_revision}}.tar.gz\"), \"source\"])",
    groups: &[&[p("text", "text", "")]],
    by_position: 1,
    required: &["text"],
    in_pipelines: true,
    run: interpolate,
};

pub(super) const PROP: Def = Def {
    path: "prop",
    summary: "A property's value as a text, known when its step begins: short for `interpolate(\"{name}\")`.",
    example: "steps.shell([\"make\", prop(\"target\", default = \"all\")])",
    groups: &[&[p("name", "text", ""), p("default", "text, for when there is no such property", "an error")]],
    by_position: 2,
    required: &["name"],
    in_pipelines: true,
    run: prop,
};

pub(super) const GLOB: Def = Def {
    path: "glob",
    summary: "Texts like one of these, whole: `*` is anything, `?` one character.",
    example: "schedulers.any_branch(\"features\", branches = glob(\"feature/*\", \"fix/*\"), builders = [\"linux\"])",
    groups: &[&[p("pattern", "text", ""), p("or_pattern", "text", "None"), p("or_pattern_2", "text", "None")]],
    by_position: 3,
    required: &["pattern"],
    in_pipelines: false,
    run: glob,
};

pub(super) const REGEX: Def = Def {
    path: "regex",
    summary: "Texts in which this regular expression finds something. `^` and `$` are the ends of the text.",
    example: "schedulers.single_branch(\"docs\", branch = \"main\", files = regex(r\"^docs/.*\\.md$\"), builders = [\"linux\"])",
    groups: &[&[p("pattern", "text", "")]],
    by_position: 1,
    required: &["pattern"],
    in_pipelines: false,
    run: regex,
};

fn interpolate(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let text = call.text("text")?.unwrap_or_default();
    let flawed = |at: usize, length: usize, message: String| {
        let value = call.registry.sites.find(&call.site, call.def.value_part("text"));
        let spot = sites::within(&value, &text, at, length).unwrap_or(value);
        call.wrong_at(&spot, message)
    };
    let parsed = interpolation::parse(&text)
        .map_err(|flaw| flawed(flaw.at, flaw.length, flaw.message.clone()).maybe_help(flaw.help.clone()))?;
    for (name, at) in &parsed.secrets {
        call.need_secret(name)
            .map_err(|why| flawed(*at, name.len(), why).maybe_help(top::missing_secret(call.registry.loader, name)))?;
    }
    made(call, parsed.text)
}

fn prop(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let name = call.formed("name", address::property)?.unwrap_or_default();
    let form = match call.value("default") {
        None => Form::Value,
        Some(none) if none.is_none() => Form::OrElse(Text::default()),
        Some(value) if is_text(value) => Form::OrElse(call.to_text("default", value)?),
        Some(value) => match given::integer(value).filter(|_| value.unpack_bool().is_none()) {
            Some(number) => Form::OrElse(number.to_string().into()),
            None => return Err(call.wants("default", "a text", value).boxed()),
        },
    };
    made(call, Text::Pieces(vec![Piece::Lookup { of: Lookup::Property(name), form }]))
}

fn made(call: &Call<'_, '_>, text: Text) -> Result<Outcome, Wrong> {
    let texts = &mut call.registry.texts.borrow_mut();
    if texts.len() >= MOST_STEPS || !call.registry.take(text.written().len() * 2 + 64) {
        return Err(call.too_much());
    }
    texts.push(text);
    Ok(Outcome::Words(u32::try_from(texts.len() - 1).unwrap_or(u32::MAX)))
}

fn glob(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let mut globs = Vec::new();
    for name in ["pattern", "or_pattern", "or_pattern_2"] {
        globs.extend(call.text(name)?);
    }
    matching(call, Match::Glob(globs))
}

fn regex(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let Some(text) = call.regex("pattern")? else {
        return Err(call.wrong(Part::Whole, "regex needs pattern").boxed());
    };
    matching(call, Match::Regex(text))
}

fn matching(call: &Call<'_, '_>, pattern: Match) -> Result<Outcome, Wrong> {
    let patterns = &mut call.registry.patterns.borrow_mut();
    top::room_for_one(call, patterns.len())?;
    patterns.push(pattern);
    Ok(Outcome::Pattern(u32::try_from(patterns.len() - 1).unwrap_or(u32::MAX)))
}

impl<'v> Call<'v, '_> {
    /// An optional regular expression, checked.
    pub(crate) fn regex(&self, name: &str) -> Result<Option<String>, Wrong> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        pattern::check(&text).map_err(|flaw| {
            let value = self.registry.sites.find(&self.site, self.def.value_part(name));
            let spot = sites::within(&value, &text, flaw.at, flaw.length).unwrap_or(value);
            self.wrong_at(&spot, format!("the regular expression {} {}", quoted(&text), flaw.message)).boxed()
        })?;
        Ok(Some(text))
    }
}
