//! Reads the files, runs them, and gathers what they registered.

use crate::error::ConfigError;
use crate::loader::{Limits, Loader};
use crate::names::quoted;
use crate::registry::{self, Mode, Registry};
use crate::scan::{self, Trouble};
use crate::{callback, functions, given, guard, library, sites, translate};
use model::FunctionRef;
use starlark::PrintHandler;
use starlark::codemap::{CodeMap, FileSpan, Pos, Span};
use starlark::environment::{FrozenModule, Globals, GlobalsBuilder, LibraryExtension, Module};
use starlark::eval::{BeforeStmtFunc, Evaluator, ReturnFileLoader};
use starlark::syntax::{AstModule, Dialect, DialectTypes};
use starlark::values::{FrozenHeapName, OwnedFrozenValue};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How deep files may load each other.
const DEEPEST_LOAD: usize = 20;

/// What came of a file and all that it loads.
pub(crate) struct Outcome<'l> {
    /// What they registered, not yet checked against each other.
    pub(crate) registry: Registry<'l>,
    /// The functions that they gave.
    pub(crate) functions: BTreeMap<FunctionRef, OwnedFrozenValue>,
    /// Those of them that are found again by their name.
    pub(crate) named: BTreeSet<FunctionRef>,
}

/// Runs a file and all that it loads.
pub(crate) fn run<'l>(
    file: &str,
    loader: &'l dyn Loader,
    limits: &Limits,
    mode: Mode,
) -> Result<Outcome<'l>, ConfigError> {
    let registry = Registry::new(loader, *limits, mode);
    let run = Run {
        registry: &registry,
        globals: globals(),
        loaded: RefCell::default(),
        ticks: Cell::new(limits.ticks.max(1)),
        heap: Cell::new(limits.heap.max(1)),
        printed: RefCell::default(),
        modules: RefCell::default(),
    };
    run.file(file, &mut Vec::new(), None).map_err(|error| run.with_prints(error))?;
    let modules = run.modules.take();
    drop(run);
    let registry::Functions { all, named, .. } = registry.functions.take();
    let functions = all.into_iter().filter_map(|(reference, module, slot)| {
        let kept = modules.get(module)?.get(&slot).ok()?;
        Some((reference, kept))
    });
    let functions = functions.collect();
    Ok(Outcome { registry, functions, named })
}

/// The names that every file has.
pub(crate) fn globals() -> Globals {
    use LibraryExtension::{Filter, Map, Partial, Print, SetType, StructType};
    let mut builder = GlobalsBuilder::extended_by(&[StructType, Map, Filter, Partial, Print, SetType]);
    guard::define(&mut builder);
    functions::define(&mut builder);
    builder.build()
}

fn dialect() -> Dialect {
    Dialect {
        enable_keyword_only_arguments: true,
        enable_types: DialectTypes::Enable,
        enable_top_level_stmt: true,
        enable_f_strings: true,
        enable_load_reexport: false,
        ..Dialect::Standard
    }
}

struct Run<'r, 'l> {
    registry: &'r Registry<'l>,
    globals: Globals,
    loaded: RefCell<HashMap<String, FrozenModule>>,
    /// What is left for the files to come.
    ticks: Cell<u64>,
    heap: Cell<usize>,
    printed: RefCell<Vec<String>>,
    /// All modules in the order in which they were evaluated.
    modules: RefCell<Vec<FrozenModule>>,
}

/// How many lines of `print` an error carries: the last ones.
const MOST_PRINTS: usize = 5;

impl PrintHandler for Run<'_, '_> {
    fn println(&self, text: &str) -> starlark::Result<()> {
        let mut printed = self.printed.borrow_mut();
        if printed.len() == MOST_PRINTS {
            printed.remove(0);
        }
        printed.push(text.chars().take(200).collect());
        self.registry.loader.print(text);
        Ok(())
    }
}

impl Run<'_, '_> {
    fn with_prints(&self, mut error: ConfigError) -> ConfigError {
        error.notes.extend(self.printed.take().iter().map(|text| format!("it printed {}", quoted(text))));
        error
    }

    /// Runs one file, after those that it loads. `stack` has the files that wait for it.
    fn file(&self, file: &str, stack: &mut Vec<String>, from: Option<&FileSpan>) -> Result<(), ConfigError> {
        let module = self.parse(file, from)?;
        stack.push(file.to_owned());
        let mut loads: Vec<(String, String)> = Vec::new();
        for load in module.loads() {
            let name = beside(load.module_id).map_err(|mut error| {
                sites::point(&mut error, &load.span);
                error
            })?;
            if let Some(first) = stack.iter().position(|f| *f == name) {
                let mut circle = stack[first..].to_vec();
                circle.push(name);
                let message = format!("the files load each other in a circle: {}", circle.join(" → "));
                return Err(sites::error_at(&load.span, message));
            }
            if stack.len() >= DEEPEST_LOAD {
                return Err(sites::error_at(
                    &load.span,
                    format!("files load each other more than {DEEPEST_LOAD} deep"),
                ));
            }
            if !self.loaded.borrow().contains_key(&name) {
                if self.loaded.borrow().len() + stack.len() >= self.registry.limits.files {
                    let message = format!("this is more than {} files", self.registry.limits.files);
                    return Err(sites::error_at(&load.span, message));
                }
                self.file(&name, stack, Some(&load.span))?;
            }
            loads.push((load.module_id.to_owned(), name));
        }
        stack.pop();
        let frozen = self.evaluate(file, module, &loads)?;
        self.modules.borrow_mut().push(frozen.clone());
        self.loaded.borrow_mut().insert(file.to_owned(), frozen);
        Ok(())
    }

    fn parse(&self, file: &str, from: Option<&FileSpan>) -> Result<AstModule, ConfigError> {
        let fail = |message: String| match from {
            Some(span) => sites::error_at(span, message),
            None => ConfigError::new(message),
        };
        let text = match library::read(file) {
            Some(ours) => ours.to_owned(),
            None => self.registry.loader.read(file).map_err(|why| fail(format!("{file} cannot be read: {why}")))?,
        };
        let most = self.registry.limits.file_bytes.min(i32::MAX as usize);
        if text.len() > most {
            return Err(fail(format!("{file} is longer than {} kB", most >> 10)));
        }
        let trouble = scan::scan(&text);
        if let Some(Trouble::TooDeep { at }) = trouble {
            let message = "this goes too deep, or one expression is too long";
            return Err(sites::error_at(&spot(file, &text, at), message).with_help("give parts of it a name first"));
        }
        let mut module = AstModule::parse(file, text.clone(), &dialect()).map_err(|error| match trouble {
            // A text without its last quote swallows brackets: the quote is what is missing.
            Some(trouble) if !translate::is_unfinished_text(&error) => bracket(file, &text, &trouble),
            _ => translate::syntax(&error),
        })?;
        self.registry.sites.add(&module);
        self.registry.digests.borrow_mut().insert(file.to_owned(), callback::digest(&text));
        if let Some((span, op)) = sites::unchecked_operator(&module) {
            let message = format!("{op}= is not part of this language");
            return Err(sites::error_at(&span, message).with_help(format!("write x = x {op} …")));
        }
        guard::replace(&mut module);
        Ok(module)
    }

    fn evaluate(&self, file: &str, module: AstModule, loads: &[(String, String)]) -> Result<FrozenModule, ConfigError> {
        let loaded = self.loaded.borrow();
        let modules: HashMap<&str, &FrozenModule> =
            loads.iter().filter_map(|(written, name)| Some((written.as_str(), loaded.get(name)?))).collect();
        let loader = ReturnFileLoader { modules: &modules };
        Module::with_temp_heap(|env| {
            {
                let mut eval = Evaluator::new(&env);
                eval.set_loader(&loader);
                eval.set_print_handler(self);
                eval.extra = Some(self.registry);
                self.registry.functions.borrow_mut().module = self.modules.borrow().len();
                self.limit(&mut eval).map_err(|_| ConfigError::whole_file(file, "cannot be given limits"))?;
                let outcome = eval
                    .eval_module(module, &self.globals)
                    .and_then(|_| self.dictionary(file, &mut eval, loads, &modules));
                self.ticks.set(self.ticks.get().saturating_sub(eval.get_total_tick_count()).max(1));
                if let Err(error) = outcome {
                    let problem = self.registry.problem.borrow_mut().take();
                    let own = problem.map(|p| translate::with_callers(p, &error));
                    return Err(own.unwrap_or_else(|| translate::evaluation(&error, self.registry)));
                }
                self.heap.set(self.heap.get().saturating_sub(eval.heap().peak_allocated_bytes()).max(1));
            }
            let name = FrozenHeapName::User(Box::new(file.to_owned()));
            env.freeze_named(name).map_err(|_| ConfigError::whole_file(file, "holds a value that cannot be kept"))
        })
    }

    /// What the style of Buildbot leaves to the end of the first file: a dictionary that was filled.
    fn dictionary<'v>(
        &self,
        file: &str,
        eval: &mut Evaluator<'v, '_, '_>,
        loads: &[(String, String)],
        modules: &HashMap<&str, &FrozenModule>,
    ) -> starlark::Result<()> {
        let library = loads.iter().find(|(_, name)| name == library::COMPAT).and_then(|(w, _)| modules.get(w.as_str()));
        let (Some(library), true) = (library, self.registry.mode == Mode::Master) else { return Ok(()) };
        let Some(filled) = ["BuildmasterConfig", "c"].iter().find_map(|name| eval.module().get(name)) else {
            return Ok(());
        };
        let (Some(Ok(entries)), Ok(take)) = (given::entries(filled), library.get("buildmaster_key")) else {
            return Ok(());
        };
        let take = eval.heap().access_owned_frozen_value(&take);
        for (key, _) in entries {
            *self.registry.instead.borrow_mut() = self.registry.sites.entry(file, key);
            let key = eval.heap().alloc_str(key).to_value();
            eval.eval_function(take, &[filled, key], &[])?;
        }
        *self.registry.instead.borrow_mut() = None;
        Ok(())
    }

    fn limit<'e>(&'e self, eval: &mut Evaluator<'_, 'e, 'e>) -> Result<(), Box<dyn std::error::Error>> {
        eval.set_max_tick_count(self.ticks.get())?;
        eval.set_max_heap_size(self.heap.get())?;
        eval.set_max_callstack_size(self.registry.limits.depth.max(1))?;
        let loader = self.registry.loader;
        eval.set_check_cancelled(Box::new(move || loader.cancelled()));
        eval.before_stmt_for_dap(BeforeStmtFunc::from_dyn(Box::new(guard::HeapWatch)));
        Ok(())
    }
}

/// The name of a file that is loaded, as the loader knows it.
fn beside(written: &str) -> Result<String, ConfigError> {
    let what = quoted(written);
    if library::read(written).is_some() {
        return Ok(written.to_owned());
    }
    if written.starts_with('@') {
        return Err(ConfigError::new(format!("{what} is not available in this version"))
            .with_help(format!("there is {}", quoted(library::COMPAT))));
    }
    let name = written.trim_start_matches("./").trim_start_matches(':');
    let clean = !name.is_empty() && !name.chars().any(char::is_control) && name.len() <= 500;
    let inside =
        !name.starts_with('/') && !name.contains('\\') && name.split('/').all(|p| !matches!(p, "" | "." | ".."));
    if !clean || !inside {
        return Err(ConfigError::new(format!("{what} cannot be loaded"))
            .with_help("load takes the name of a file beside the first one, for example \"other.star\""));
    }
    Ok(name.to_owned())
}

/// A place in a text that could not be parsed.
fn spot(file: &str, text: &str, at: usize) -> FileSpan {
    let map = CodeMap::new(file.to_owned(), text.to_owned());
    let pos = |n: usize| Pos::new(u32::try_from(n).unwrap_or(u32::MAX));
    let end = (at + 1..=text.len()).find(|n| text.is_char_boundary(*n)).unwrap_or(at);
    map.file_span(Span::new(pos(at), pos(end)))
}

/// What is wrong with a bracket.
fn bracket(file: &str, text: &str, trouble: &Trouble) -> ConfigError {
    match trouble {
        Trouble::Unclosed { at, bracket, instead: None } => {
            sites::error_at(&spot(file, text, *at), format!("\"{bracket}\" is never closed"))
        }
        Trouble::Unclosed { at, bracket, instead: Some((other, closing)) } => {
            let place = sites::place(&spot(file, text, *other));
            sites::error_at(&spot(file, text, *at), format!("\"{bracket}\" is never closed"))
                .with_note(format!("\"{closing}\" in {place} closes something else"))
        }
        Trouble::Unopened { at, bracket } => {
            sites::error_at(&spot(file, text, *at), format!("\"{bracket}\" closes nothing"))
        }
        Trouble::TooDeep { at } => sites::error_at(&spot(file, text, *at), "this goes too deep"),
    }
}
