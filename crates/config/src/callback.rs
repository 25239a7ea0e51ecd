//! Functions that a configuration gives: how they are kept, and how they are called later.
//!
//! A function is kept in the module that was evaluated when it was given, under a name that no file can write. When the
//! module is frozen the function is frozen with it, and may be called from any thread, each call on a heap of its own.

use crate::call::{Call, Wrong};
use crate::given;
use crate::guard::Room;
use crate::loader::Limits;
use crate::plain::DEEPEST_PROPERTY;
use crate::registry::Mode;
use crate::{guard, sites, translate};
use model::{CallError, FunctionRef, Place, Value as Plain};
use sha2::{Digest, Sha256};
use starlark::environment::Module;
use starlark::eval::{BeforeStmtFunc, Evaluator};
use starlark::values::dict::AllocDict;
use starlark::values::list::AllocList;
use starlark::values::structs::AllocStruct;
use starlark::values::{Heap, OwnedFrozenValue, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

impl<'v> Call<'v, '_> {
    /// An optional function.
    pub(crate) fn function(&self, name: &str) -> Result<Option<FunctionRef>, Wrong> {
        let Some(value) = self.some(name) else { return Ok(None) };
        if !given::is_function(value) {
            return Err(self.wants(name, "a function", value).boxed());
        }
        self.to_function(name, value).map(Some)
    }

    /// Keeps a function and answers with what it is called from now on.
    pub(crate) fn to_function(&self, name: &str, value: Value<'v>) -> Result<FunctionRef, Wrong> {
        if self.registry.mode == Mode::Pipeline {
            let message = format!("{name} of {} is a function, which no pipeline can give", self.def.path);
            return Err(self.wrong_value(name, message).help("a text is looked at: interpolate(\"{branch:~}\")"));
        }
        let (file, own_name) = self.origin(value);
        let site = self.registry.sites.find(&self.site, self.def.value_part(name));
        let sites = &self.registry.sites;
        let (written, own_text) = match sites.function(&file, &own_name) {
            Some(found) => found,
            None if own_name == LAMBDA => (site.clone(), sites.lambda(&file, &site)),
            None => (site, None),
        };
        let digest = match &own_text {
            Some(text) => digest(text.source_span().trim_end()),
            // What stands around it may be anything of the file.
            None => self.registry.digests.borrow().get(written.filename()).cloned().unwrap_or_default(),
        };
        let is_named = own_text.is_some() && own_name != LAMBDA;
        let first = FunctionRef { name: own_name, place: sites::place(&written), digest };
        let mut functions = self.registry.functions.borrow_mut();
        let module = functions.module;
        let alike = functions.by_place.get(&first).cloned().unwrap_or_default();
        let same = alike
            .iter()
            .filter_map(|i| functions.all.get(*i))
            .find(|(_, of, slot)| *of == module && self.module.get(slot).is_some_and(|kept| kept.ptr_eq(value)));
        if let Some((known, ..)) = same {
            return Ok(known.clone());
        }
        // Two functions of one place are what one `def` or `lambda` made twice, with other values around it.
        let reference = match alike.len() {
            0 => first.clone(),
            n => FunctionRef { name: format!("{}#{}", first.name, n + 1), ..first.clone() },
        };
        if !self.registry.take(200) {
            return Err(self.too_much());
        }
        let number = functions.all.len();
        let slot = format!("function {number}");
        self.module.set(&slot, value);
        functions.all.push((reference.clone(), module, slot));
        if is_named {
            functions.named.insert(reference.clone());
        }
        functions.by_place.entry(first).or_default().push(number);
        Ok(reference)
    }

    /// The file that a function is written in, as far as that can be told, and its name.
    fn origin(&self, function: Value<'v>) -> (String, String) {
        let shown = function.to_str();
        let path = shown.split(['(', ' ', '<']).next().unwrap_or("");
        let digests = self.registry.digests.borrow();
        let within = |file: &&String| path.strip_prefix(file.as_str()).is_some_and(|rest| rest.starts_with('.'));
        let file = digests.keys().filter(within).max_by_key(|file| file.len());
        let name = file.map_or(path, |file| &path[file.len() + 1..]);
        let name = if name.is_empty() { "function" } else { name };
        let file = file.map_or_else(|| self.site.filename().to_owned(), Clone::clone);
        (file, name.chars().take(100).collect())
    }
}

/// What a function without a name is called.
const LAMBDA: &str = "lambda";

/// By which a text is told from any other.
pub(crate) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The functions of a configuration that was read.
pub(crate) struct Kept {
    pub(crate) functions: BTreeMap<FunctionRef, OwnedFrozenValue>,
    /// Those that a `def` at the outermost level makes: their names say which they are.
    pub(crate) named: BTreeSet<FunctionRef>,
    pub(crate) limits: Limits,
}

impl Kept {
    /// The function that is meant: the very one; else the one of the same text, wherever it stands in the file now;
    /// else, for a `def`, the one that has its name and another text now.
    fn find(&self, wanted: &FunctionRef) -> Option<&OwnedFrozenValue> {
        if let Some(exact) = self.functions.get(wanted) {
            return Some(exact);
        }
        // Names stand first in the order.
        let from = FunctionRef { name: wanted.name.clone(), place: first_place(), digest: String::new() };
        let alike = || {
            let of_name = self.functions.range(&from..).take_while(|(f, _)| f.name == wanted.name);
            of_name.filter(|(f, _)| f.place.file == wanted.place.file)
        };
        let same_text = alike().filter(|(f, _)| f.digest == wanted.digest);
        let found = same_text.min_by_key(|(f, _)| f.place.line.abs_diff(wanted.place.line));
        let found = found.or_else(|| alike().find(|(f, _)| self.named.contains(*f)));
        found.map(|(_, kept)| kept)
    }
}

/// No place stands before it.
fn first_place() -> Place {
    Place { file: String::new(), line: 0, column: 0 }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} functions", self.functions.len())
    }
}

/// What a call may take before its arguments are looked at: turns of loops and calls.
const TICKS: u64 = 200_000;
/// The same in bytes of values.
const HEAP: usize = 16 << 20;

impl model::Functions for Kept {
    fn call(&self, function: &FunctionRef, arguments: &[Plain]) -> Result<Plain, CallError> {
        let Some(kept) = self.find(function) else {
            return model::NoFunctions.call(function, arguments);
        };
        let fail = |what: String| CallError { message: format!("{} ({}): {what}", function.name, function.place) };
        // A log of a million lines may be gone through line by line.
        let size: usize = arguments.iter().map(weight).sum();
        let limits = Limits {
            ticks: TICKS.saturating_add(size as u64),
            heap: HEAP.saturating_add(size.saturating_mul(8)),
            depth: self.limits.depth.min(100),
            ..self.limits
        };
        Module::with_temp_heap(|env| {
            let room = Room { limits };
            let mut eval = Evaluator::new(&env);
            eval.extra = Some(&room);
            eval.set_print_handler(&Silent);
            let ready = eval
                .set_max_tick_count(limits.ticks)
                .and_then(|()| eval.set_max_heap_size(limits.heap))
                .and_then(|()| eval.set_max_callstack_size(limits.depth));
            ready.map_err(|_| fail("it cannot be given limits".to_owned()))?;
            eval.before_stmt_for_dap(BeforeStmtFunc::from_dyn(Box::new(guard::HeapWatch)));
            let heap = eval.heap();
            let values: Vec<Value<'_>> = arguments.iter().map(|a| to_value(a, heap, Shape::Record)).collect();
            let callee = heap.access_owned_frozen_value(kept);
            match eval.eval_function(callee, &values, &[]) {
                Ok(answer) => from_value(answer, 0, &mut 0).map_err(fail),
                Err(error) => Err(fail(raised(&error, &limits, function))),
            }
        })
    }
}

/// What a call says of its error: the sentence, and the line when it is another than the function's own.
fn raised(error: &starlark::Error, limits: &Limits, function: &FunctionRef) -> String {
    let own = translate::in_call(error, limits);
    match &own.place {
        Some(place) if place.line != function.place.line || place.file != function.place.file => {
            format!("{} (line {})", own.message, place.line)
        }
        _ => own.message,
    }
}

struct Silent;

impl starlark::PrintHandler for Silent {
    fn println(&self, _: &str) -> starlark::Result<()> {
        Ok(())
    }
}

/// How large a value is, in bytes or so.
fn weight(value: &Plain) -> usize {
    match value {
        Plain::Text(text) => text.len(),
        Plain::List(list) => 8 + list.iter().map(weight).sum::<usize>(),
        Plain::Map(map) => 8 + map.iter().map(|(k, v)| k.len() + weight(v)).sum::<usize>(),
        Plain::Null | Plain::Bool(_) | Plain::Int(_) => 8,
    }
}

/// What a map becomes.
#[derive(Clone, Copy)]
enum Shape {
    /// Something with fields: `change.branch`. Its `properties` are a dict.
    Record,
    /// A dict.
    Dict,
}

fn to_value<'v>(plain: &Plain, heap: Heap<'v>, shape: Shape) -> Value<'v> {
    match plain {
        Plain::Null => Value::new_none(),
        Plain::Bool(truth) => Value::new_bool(*truth),
        Plain::Int(number) => heap.alloc(*number),
        Plain::Text(text) => heap.alloc_str(text).to_value(),
        Plain::List(list) => heap.alloc(AllocList(list.iter().map(|item| to_value(item, heap, shape)))),
        Plain::Map(map) => {
            let fields = map.iter().map(|(name, value)| {
                let inner = if name == "properties" { Shape::Dict } else { shape };
                (name.as_str(), to_value(value, heap, inner))
            });
            match shape {
                Shape::Record => heap.alloc(AllocStruct(fields)),
                Shape::Dict => heap.alloc(AllocDict(fields)),
            }
        }
    }
}

/// How many values an answer may have.
const MOST_VALUES: usize = 100_000;

fn from_value(value: Value<'_>, depth: usize, seen: &mut usize) -> Result<Plain, String> {
    *seen += 1;
    if *seen > MOST_VALUES {
        return Err(format!("its answer has more than {MOST_VALUES} values"));
    }
    if let Some(text) = value.unpack_str() {
        return Ok(Plain::Text(text.to_owned()));
    }
    if value.is_none() {
        return Ok(Plain::Null);
    }
    if let Some(truth) = value.unpack_bool() {
        return Ok(Plain::Bool(truth));
    }
    if let Some(number) = given::integer(value) {
        return Ok(Plain::Int(number));
    }
    if depth >= DEEPEST_PROPERTY {
        return Err("its answer is too deep".to_owned());
    }
    if let Some(items) = given::items(value) {
        let items = items.into_iter().map(|item| from_value(item, depth + 1, seen));
        return items.collect::<Result<_, _>>().map(Plain::List);
    }
    if let Some(Ok(entries)) = given::entries(value) {
        let mut map = BTreeMap::new();
        for (name, value) in entries {
            map.insert(name.to_owned(), from_value(value, depth + 1, seen)?);
        }
        return Ok(Plain::Map(map));
    }
    Err(format!("it answers with {}, which is no plain value", given::describe(value)))
}
