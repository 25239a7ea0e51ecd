//! One call of a function of ours: its arguments, named and checked, and how to complain about them.

use crate::error::ConfigError;
use crate::functions::{self, Def};
use crate::names;
use crate::registry::{Mode, Registry};
use crate::sites::{self, Part};
use crate::value::{Lock, Parameter, Pattern, Secret, Step, Words};
use crate::{duration, given, library};
use model::{Place, Span};
use starlark::codemap::FileSpan;
use starlark::environment::Module;
use starlark::eval::{Arguments, Evaluator};
use starlark::values::Value;
use starlark::values::list::AllocList;

/// A refusal.
pub(crate) type Wrong = Box<ConfigError>;

/// What a function of ours answers. Numbers are those of the registry.
pub(crate) enum Outcome {
    /// `None`: something was registered.
    Nothing,
    /// A step.
    Step(u32),
    /// Several steps, as a list.
    Steps(Vec<u32>),
    /// A secret.
    Secret(u32),
    /// A text to be finished.
    Words(u32),
    /// What a text of a change must be like.
    Pattern(u32),
    /// A field of a form.
    Parameter(u32),
    /// A lock.
    Lock(u32),
    /// A text as it is.
    Text(String),
}

/// A call: the function, what it was given, and where.
pub(crate) struct Call<'v, 'r> {
    pub(crate) def: &'static Def,
    pub(crate) registry: &'r Registry<'r>,
    pub(crate) site: FileSpan,
    /// The module that is being evaluated; it keeps the functions that are given.
    pub(crate) module: &'r Module<'v>,
    values: Vec<Option<Value<'v>>>,
}

/// Calls a function of ours from inside the interpreter. What is wrong is kept in the registry, whole.
pub(crate) fn invoke<'v>(
    index: u32,
    args: &Arguments<'v, '_>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> starlark::Result<Value<'v>> {
    let def = functions::ALL.get(index as usize);
    let outside = || {
        let what = def.map_or("this", |def| def.path);
        starlark::Error::new_other(std::io::Error::other(format!("{what} cannot be called once the file is read")))
    };
    let registry = eval.extra.and_then(|extra| extra.downcast_ref::<Registry<'_>>()).ok_or_else(outside)?;
    let site = site(eval, registry).ok_or_else(outside)?;
    let def = def.ok_or_else(outside)?;
    let positional: Vec<_> = args.positions(eval.heap())?.take(MOST_ARGUMENTS).collect();
    let named = args.names_map()?;
    let named = named.iter().map(|(k, v)| (k.as_str(), *v));
    let outcome = bind(def, registry, (site, eval.module()), &positional, named).and_then(|call| (def.run)(&call));
    let heap = eval.heap();
    match outcome {
        Ok(Outcome::Nothing) => Ok(Value::new_none()),
        Ok(Outcome::Step(index)) => Ok(heap.alloc(Step { index })),
        Ok(Outcome::Steps(steps)) => Ok(heap.alloc(AllocList(steps.into_iter().map(|index| Step { index })))),
        Ok(Outcome::Secret(index)) => Ok(heap.alloc(Secret { index })),
        Ok(Outcome::Words(index)) => Ok(heap.alloc(Words { index })),
        Ok(Outcome::Pattern(index)) => Ok(heap.alloc(Pattern { index })),
        Ok(Outcome::Parameter(index)) => Ok(heap.alloc(Parameter { index })),
        Ok(Outcome::Text(text)) => Ok(heap.alloc(text)),
        Ok(Outcome::Lock(index)) => Ok(heap.alloc(Lock { index })),
        Err(wrong) => {
            let message = wrong.message.clone();
            *registry.problem.borrow_mut() = Some(*wrong);
            Err(starlark::Error::new_other(std::io::Error::other(message)))
        }
    }
}

/// The call as the user sees it: the innermost one that no file of ours makes.
fn site(eval: &Evaluator<'_, '_, '_>, registry: &Registry<'_>) -> Option<FileSpan> {
    let innermost = eval.call_stack_top_location();
    let mut at = innermost.clone();
    let mut outer = 0;
    while let Some(span) = at {
        if !library::is_ours(span.filename()) {
            return Some(span);
        }
        outer += 1;
        at = eval.call_stack_nth_location(outer);
    }
    registry.instead.borrow().clone().or(innermost)
}

/// How many arguments an error names, where none is near.
const MOST_NAMED: usize = 12;

/// No function has as many parameters; a call with more is wrong in any case.
const MOST_ARGUMENTS: usize = 100;

/// Gives each parameter its argument.
fn bind<'v, 'r, 'n>(
    def: &'static Def,
    registry: &'r Registry<'r>,
    (site, module): (FileSpan, &'r Module<'v>),
    positional: &[Value<'v>],
    named: impl Iterator<Item = (&'n str, Value<'v>)>,
) -> Result<Call<'v, 'r>, Wrong> {
    let mut call = Call { def, registry, site, module, values: vec![None; def.params().count()] };
    if (registry.mode == Mode::Tests) != def.is_of_tests() {
        let (here, there) = match registry.mode {
            Mode::Tests => ("a tests.star", "it has test(…) and tests.…"),
            Mode::Master => ("the configuration of a master", "tests stand in a tests.star"),
            Mode::Pipeline => ("a pipeline", "tests stand in a tests.star"),
        };
        return Err(call.wrong(Part::Whole, format!("{} does not belong into {here}", def.path)).help(there));
    }
    if registry.mode == Mode::Pipeline && !def.in_pipelines {
        let message = format!("{} does not belong into a pipeline", def.path);
        return Err(call
            .wrong(Part::Whole, message)
            .help("a pipeline has builder(…) and steps; the rest is the master's"));
    }
    for (position, value) in positional.iter().enumerate() {
        if position >= def.by_position {
            return Err(call.too_many(position));
        }
        call.values[position] = Some(*value);
    }
    for (name, value) in named {
        let Some(index) = def.params().position(|p| p == name) else {
            return Err(call.unknown_argument(name));
        };
        if call.values[index].is_some() {
            return Err(call.wrong(Part::Name(name), format!("{} gets {name} twice", def.path)).boxed());
        }
        call.values[index] = Some(value);
    }
    for wanted in def.required {
        if call.value(wanted).is_none() {
            let message = format!("{} needs {wanted}", def.path);
            return Err(call.wrong(Part::Whole, message).boxed());
        }
    }
    Ok(call)
}

/// A refusal that is being written.
pub(crate) struct Complaint(ConfigError);

impl Complaint {
    /// Without more.
    pub(crate) fn boxed(self) -> Wrong {
        Box::new(self.0)
    }

    /// With what would be right.
    pub(crate) fn help(self, help: impl Into<String>) -> Wrong {
        Box::new(self.0.with_help(help))
    }

    /// With what would be right, if that is known.
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Wrong {
        self.0.help = help;
        Box::new(self.0)
    }
}

impl<'v> Call<'v, '_> {
    /// Where the call stands.
    pub(crate) fn place(&self) -> Option<Place> {
        Some(sites::place(&self.site))
    }

    /// A refusal that points at a part of the call.
    pub(crate) fn wrong(&self, part: Part<'_>, message: impl Into<String>) -> Complaint {
        Complaint(sites::error_at(&self.registry.sites.find(&self.site, part), message))
    }

    /// A refusal that points at a place.
    pub(crate) fn wrong_at(&self, span: &FileSpan, message: impl Into<String>) -> Complaint {
        Complaint(sites::error_at(span, message))
    }

    /// A refusal that points at an argument.
    pub(crate) fn wrong_value(&self, name: &str, message: impl Into<String>) -> Complaint {
        self.wrong(self.def.value_part(name), message)
    }

    /// A refusal of an argument of the wrong kind or form.
    pub(crate) fn wants(&self, name: &str, wanted: &str, value: Value<'v>) -> Complaint {
        let message = format!("{name} of {} must be {wanted}, not {}", self.def.path, given::describe(value));
        self.wrong_value(name, message)
    }

    fn too_many(&self, position: usize) -> Wrong {
        let by_position: Vec<_> = self.def.params().take(self.def.by_position).collect();
        let message = match by_position.len() {
            0 => format!("{} takes named arguments only", self.def.path),
            1 => format!("{} takes only {} without its name", self.def.path, by_position[0]),
            n => format!("{} takes at most {n} arguments without a name ({})", self.def.path, by_position.join(", ")),
        };
        let next = self.def.params().nth(position);
        self.wrong(Part::Position(position), message).maybe_help(next.map(|p| format!("write {p} = …")))
    }

    fn unknown_argument(&self, name: &str) -> Wrong {
        let known: Vec<_> = self.def.params().collect();
        let help = match names::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => match known.split_at_checked(MOST_NAMED) {
                Some((first, more)) if !more.is_empty() => {
                    format!("it has {} and {} more", first.join(", "), more.len())
                }
                _ => format!("it has {}", known.join(", ")),
            },
        };
        let message = format!("{} has no argument {name}", self.def.path);
        self.wrong(Part::Name(name), message).help(help)
    }

    /// What was given for a parameter.
    pub(crate) fn value(&self, name: &str) -> Option<Value<'v>> {
        let index = self.def.params().position(|p| p == name)?;
        self.values.get(index).copied().flatten()
    }

    /// What was given, where `None` is the same as nothing.
    pub(crate) fn some(&self, name: &str) -> Option<Value<'v>> {
        self.value(name).filter(|v| !v.is_none())
    }

    /// Copies a text out of the interpreter.
    pub(crate) fn keep(&self, text: &str) -> Result<String, Wrong> {
        match self.registry.take(text.len()) {
            true => Ok(text.to_owned()),
            false => Err(self.too_much()),
        }
    }

    /// The configuration as a whole takes too much memory.
    pub(crate) fn too_much(&self) -> Wrong {
        let message = format!("the configuration takes more than {} MB", self.registry.limits.heap >> 20);
        self.wrong(Part::Whole, message).boxed()
    }

    /// An optional text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Wrong> {
        let Some(value) = self.some(name) else { return Ok(None) };
        let text = value.unpack_str().ok_or_else(|| self.wants(name, "a text", value).boxed())?;
        if text.contains('\0') {
            return Err(self.wrong_value(name, format!("{name} of {} contains a NUL", self.def.path)).boxed());
        }
        self.keep(text).map(Some)
    }

    /// An optional text of a form.
    pub(crate) fn formed(
        &self,
        name: &str,
        form: fn(&str) -> Result<(), &'static str>,
    ) -> Result<Option<String>, Wrong> {
        let text = self.text(name)?;
        if let (Some(text), Some(value)) = (&text, self.value(name)) {
            form(text).map_err(|wanted| self.wants(name, wanted, value).boxed())?;
        }
        Ok(text)
    }

    /// A truth value.
    pub(crate) fn truth(&self, name: &str, default: bool) -> Result<bool, Wrong> {
        match self.some(name) {
            None => Ok(default),
            Some(value) => value.unpack_bool().ok_or_else(|| self.wants(name, "True or False", value).boxed()),
        }
    }

    /// A whole number within bounds.
    pub(crate) fn number(&self, name: &str, least: i64, most: i64, default: i64) -> Result<i64, Wrong> {
        let Some(value) = self.some(name) else { return Ok(default) };
        match given::integer(value).filter(|n| (least..=most).contains(n) && value.unpack_bool().is_none()) {
            Some(number) => Ok(number),
            None => {
                let wanted = match (least, most) {
                    (i64::MIN, i64::MAX) => "a whole number".to_owned(),
                    (i64::MIN, most) => format!("a whole number up to {most}"),
                    (least, i64::MAX) => format!("a whole number from {least} on"),
                    (least, most) => format!("a whole number from {least} to {most}"),
                };
                Err(self.wants(name, &wanted, value).boxed())
            }
        }
    }

    /// An optional duration; `None` where nothing or `None` was given.
    pub(crate) fn duration(&self, name: &str, least: Span) -> Result<Option<Span>, Wrong> {
        match self.some(name) {
            None => Ok(None),
            Some(value) => self.to_duration(name, value, least).map(Some),
        }
    }

    /// A duration, where `None` is for ever and nothing is a default.
    pub(crate) fn patience(&self, name: &str, default: Option<Span>) -> Result<Option<Span>, Wrong> {
        match self.value(name) {
            None => Ok(default),
            Some(_) => self.duration(name, Span::seconds(1)),
        }
    }

    /// One value as a duration.
    pub(crate) fn to_duration(&self, name: &str, value: Value<'v>, least: Span) -> Result<Span, Wrong> {
        let span = if let Some(text) = value.unpack_str() {
            duration::parse(text)
        } else if value.unpack_bool().is_some() {
            None
        } else {
            given::integer(value)
                .and_then(duration::from_seconds)
                .or_else(|| given::fraction(value).and_then(duration::from_fraction))
        };
        match span {
            None => Err(self.wants(name, duration::WANTED, value).boxed()),
            Some(span) if span < least => {
                Err(self.wants(name, &format!("at least {} s", least.0 / 1_000_000), value).boxed())
            }
            Some(span) => Ok(span),
        }
    }

    /// A list of texts, with none where nothing was given.
    pub(crate) fn texts(&self, name: &str, wanted: &str) -> Result<Option<Vec<String>>, Wrong> {
        let Some(value) = self.some(name) else { return Ok(None) };
        let Some(items) = given::items(value) else {
            let help = value.unpack_str().map(|one| format!("write [{}]", names::quoted(one)));
            return Err(self.wants(name, wanted, value).maybe_help(help));
        };
        let mut texts = Vec::new();
        for item in items {
            let Some(text) = item.unpack_str() else {
                let message =
                    format!("{name} of {} has {} in it; it must be {wanted}", self.def.path, given::describe(item));
                return Err(self.wrong_value(name, message).boxed());
            };
            if text.contains('\0') {
                return Err(self.wrong_value(name, format!("{name} of {} contains a NUL", self.def.path)).boxed());
            }
            texts.push(self.keep(text)?);
        }
        Ok(Some(texts))
    }

    /// A list of names: not empty, none twice.
    pub(crate) fn names(&self, name: &str, kind: &str) -> Result<Vec<String>, Wrong> {
        let texts = self.texts(name, &format!("a list of names of {kind}"))?.unwrap_or_default();
        if texts.is_empty() {
            let message = format!("{name} of {} is empty", self.def.path);
            return Err(self.wrong_value(name, message).help(format!("name at least one of the {kind}")));
        }
        if let Some(twice) = twice(&texts) {
            let message = format!("{name} of {} has {} twice", self.def.path, names::quoted(twice));
            return Err(self.wrong_value(name, message).boxed());
        }
        Ok(texts)
    }

    /// The entries of a dict.
    pub(crate) fn entries(&self, name: &str, wanted: &str) -> Result<Vec<(&'v str, Value<'v>)>, Wrong> {
        let Some(value) = self.some(name) else { return Ok(Vec::new()) };
        match given::entries(value) {
            None => Err(self.wants(name, wanted, value).boxed()),
            Some(Err(key)) => {
                let message = format!("{name} of {} has {} as a name", self.def.path, given::describe(key));
                Err(self.wrong_value(name, message).boxed())
            }
            Some(Ok(entries)) => Ok(entries),
        }
    }
}

/// The first text that is there twice.
fn twice(texts: &[String]) -> Option<&str> {
    let mut seen = std::collections::HashSet::new();
    texts.iter().find(|t| !seen.insert(t.as_str())).map(String::as_str)
}
