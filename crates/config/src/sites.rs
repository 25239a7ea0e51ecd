//! Where each argument of each call stands, so that an error can point at it long after the call.

use crate::error::ConfigError;
use model::Place;
use starlark::codemap::{FileSpan, Pos, Span};
use starlark::syntax::AstModule;
use starlark::syntax::ast::{ArgumentP, AssignOp, AssignTargetP, AstExpr, AstLiteral, AstStmt, Expr, Stmt};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// All calls of all files that were parsed.
#[derive(Default)]
pub(crate) struct Sites {
    calls: RefCell<HashMap<(String, u32, u32), Vec<ArgumentSite>>>,
    /// Where functions of each name are written.
    functions: RefCell<HashMap<String, Vec<Written>>>,
    /// Each `lambda` that stands in no other function: file, beginning and end.
    lambdas: RefCell<HashSet<(String, u32, u32)>>,
    /// `f = lambda …`, by file and name.
    named: RefCell<HashMap<(String, String), Vec<FileSpan>>>,
    /// `c["builders"] = …`, by file and key.
    entries: RefCell<HashMap<(String, String), FileSpan>>,
}

/// A `def`.
struct Written {
    name: FileSpan,
    whole: FileSpan,
    /// It stands in no other function, so there are no values around it but the file's.
    outermost: bool,
}

struct ArgumentSite {
    /// The name, and where it stands; `None` for an argument by position.
    name: Option<(String, Span)>,
    /// `*args` or `**kwargs`: what stands in it is not known here.
    spread: bool,
    value: Span,
}

/// Which part of a call is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'p> {
    /// All of it.
    Whole,
    /// The value of a parameter: its name, and its place among those that may be given by position.
    Value(&'p str, usize),
    /// The name of an argument.
    Name(&'p str),
    /// The argument at this position.
    Position(usize),
}

impl Sites {
    /// Notes the calls of a file.
    pub(crate) fn add(&self, module: &AstModule) {
        let mut calls = self.calls.borrow_mut();
        // What is made anew each time that something around it runs.
        let (mut around, mut lambdas) = (Vec::new(), Vec::new());
        walk(module.statement(), &mut |expr| {
            if let Expr::Call(_, args) = &expr.node {
                let sites = args.args.iter().map(|arg| match &arg.node {
                    ArgumentP::Positional(e) => ArgumentSite { name: None, spread: false, value: e.span },
                    ArgumentP::Named(name, e) => {
                        ArgumentSite { name: Some((name.node.clone(), name.span)), spread: false, value: e.span }
                    }
                    ArgumentP::Args(e) | ArgumentP::KwArgs(e) => {
                        ArgumentSite { name: None, spread: true, value: e.span }
                    }
                });
                let file = module.file_span(expr.span).filename().to_owned();
                calls.insert((file, expr.span.begin().get(), expr.span.end().get()), sites.collect());
            }
            match &expr.node {
                Expr::Lambda(_) => lambdas.push(expr.span),
                Expr::ListComprehension(..) | Expr::DictComprehension(..) => around.push(expr.span),
                _ => {}
            }
        });
        around.extend(&lambdas);
        self.add_statements(module, module.statement(), &mut around);
        let around = Around::new(around);
        let file = module.file_span(module.statement().span).filename().to_owned();
        for written in self.functions.borrow_mut().values_mut().flatten().filter(|w| w.name.filename() == file) {
            written.outermost = around.holds_nothing_of(written.whole.span);
        }
        let outermost = lambdas.into_iter().filter(|span| around.holds_nothing_of(*span));
        self.lambdas.borrow_mut().extend(outermost.map(|s| (file.clone(), s.begin().get(), s.end().get())));
    }

    fn add_statements(&self, module: &AstModule, stmt: &AstStmt, around: &mut Vec<Span>) {
        match &stmt.node {
            Stmt::Def(def) => {
                around.push(stmt.span);
                let (name, whole) = (module.file_span(def.name.span), module.file_span(stmt.span));
                let written = Written { name, whole, outermost: true };
                self.functions.borrow_mut().entry(def.name.ident.clone()).or_default().push(written);
            }
            Stmt::Assign(assign) => {
                if let AssignTargetP::Identifier(name) = &assign.lhs.node
                    && let Expr::Lambda(_) = &assign.rhs.node
                {
                    let span = module.file_span(assign.rhs.span);
                    let key = (span.filename().to_owned(), name.node.ident.clone());
                    self.named.borrow_mut().entry(key).or_default().push(span);
                }
                if let AssignTargetP::Index(index) = &assign.lhs.node
                    && let Expr::Literal(AstLiteral::String(key)) = &index.1.node
                {
                    let span = module.file_span(assign.lhs.span);
                    self.entries.borrow_mut().insert((span.filename().to_owned(), key.node.clone()), span);
                }
            }
            _ => {}
        }
        stmt.visit_stmt(|inner| self.add_statements(module, inner, around));
    }

    /// Where the name of a function is written: in this file, or in the only other one that has it. Then its own text,
    /// if it stands in no other function.
    pub(crate) fn function(&self, file: &str, name: &str) -> Option<(FileSpan, Option<FileSpan>)> {
        let functions = self.functions.borrow();
        let all = functions.get(name)?;
        let mut own = all.iter().filter(|written| written.name.filename() == file);
        let one = match (own.next(), own.next(), all.as_slice()) {
            (Some(one), None, _) | (None, _, [one]) => one,
            _ => return None,
        };
        Some((one.name.clone(), one.outermost.then(|| one.whole.clone())))
    }

    /// The text of a `lambda` that stands in no other function: of the one that is given here, or that was given a name
    /// in `file` once.
    pub(crate) fn lambda(&self, file: &str, given: &FileSpan) -> Option<FileSpan> {
        let is_outermost = |span: &FileSpan| {
            let key = (span.filename().to_owned(), span.span.begin().get(), span.span.end().get());
            self.lambdas.borrow().contains(&key)
        };
        if is_outermost(given) {
            return Some(given.clone());
        }
        let named = self.named.borrow();
        match named.get(&(file.to_owned(), given.source_span().to_owned()))?.as_slice() {
            [one] => Some(one.clone()).filter(is_outermost),
            _ => None,
        }
    }

    /// Where a file fills an entry of a dictionary.
    pub(crate) fn entry(&self, file: &str, key: &str) -> Option<FileSpan> {
        self.entries.borrow().get(&(file.to_owned(), key.to_owned())).cloned()
    }

    /// The part of a call, or all of it where the part cannot be told.
    pub(crate) fn find(&self, call: &FileSpan, part: Part<'_>) -> FileSpan {
        let calls = self.calls.borrow();
        let key = (call.filename().to_owned(), call.span.begin().get(), call.span.end().get());
        let span = calls.get(&key).and_then(|sites| part_of(sites, part));
        FileSpan { file: call.file.clone(), span: span.unwrap_or(call.span) }
    }
}

/// The stretches of a file that make functions anew.
struct Around {
    /// Where each begins, in order, and the furthest end so far.
    spans: Vec<(u32, u32)>,
}

impl Around {
    fn new(spans: Vec<Span>) -> Self {
        let mut spans: Vec<_> = spans.into_iter().map(|span| (span.begin().get(), span.end().get())).collect();
        spans.sort_unstable();
        let mut furthest = 0;
        for (_, end) in &mut spans {
            furthest = furthest.max(*end);
            *end = furthest;
        }
        Self { spans }
    }

    /// Whether a stretch stands in none of them; being one of them does not count.
    fn holds_nothing_of(&self, inner: Span) -> bool {
        let before = self.spans.partition_point(|(begin, _)| *begin < inner.begin().get());
        before == 0 || self.spans[before - 1].1 <= inner.begin().get()
    }
}

fn part_of(sites: &[ArgumentSite], part: Part<'_>) -> Option<Span> {
    let named = |wanted: &str| {
        sites.iter().find_map(|s| s.name.as_ref().filter(|(n, _)| n == wanted).map(|(_, span)| (*span, s.value)))
    };
    let at = |position: usize| {
        let before = sites.iter().take_while(|s| s.name.is_none() && !s.spread);
        before.map(|s| s.value).nth(position)
    };
    match part {
        Part::Whole => None,
        Part::Name(name) => named(name).map(|(span, _)| span),
        Part::Value(name, position) => named(name).map(|(_, span)| span).or_else(|| at(position)),
        Part::Position(position) => at(position),
    }
}

/// All expressions of a module, however deep. The depth is bounded by [`crate::scan`].
fn walk<'a>(stmt: &'a AstStmt, see: &mut impl FnMut(&'a AstExpr)) {
    fn down<'a>(expr: &'a AstExpr, see: &mut impl FnMut(&'a AstExpr)) {
        see(expr);
        expr.visit_expr(|e| down(e, see));
    }
    stmt.visit_expr(|e| down(e, see));
}

/// The first `*=`, `%=` or `<<=`: they would make a value of any size without asking anybody.
pub(crate) fn unchecked_operator(module: &AstModule) -> Option<(FileSpan, &'static str)> {
    fn look(stmt: &AstStmt) -> Option<(Span, &'static str)> {
        if let Stmt::AssignModify(_, op, _) = &stmt.node {
            match op {
                AssignOp::Multiply => return Some((stmt.span, "*")),
                AssignOp::Percent => return Some((stmt.span, "%")),
                AssignOp::LeftShift => return Some((stmt.span, "<<")),
                _ => {}
            }
        }
        let mut found = None;
        stmt.visit_stmt(|s| {
            if found.is_none() {
                found = look(s);
            }
        });
        found
    }
    look(module.statement()).map(|(span, op)| (module.file_span(span), op))
}

/// A part of a text that stands in a file as it is: `at` bytes from its beginning, `length` bytes long. `None`: the text
/// was put together, or is written with escapes.
pub(crate) fn within(span: &FileSpan, text: &str, at: usize, length: usize) -> Option<FileSpan> {
    let source = span.source_span();
    let start = source.find(text)?;
    if text.is_empty() || text.contains('\\') && !source.starts_with('r') {
        return None;
    }
    let begin = span.span.begin().get() as usize + start + at.min(text.len());
    let end = (begin + length.max(1)).min(span.span.end().get() as usize);
    let pos = |n: usize| u32::try_from(n).ok().map(Pos::new);
    let whole = span.file.source();
    let fits = begin <= end && whole.is_char_boundary(begin) && whole.is_char_boundary(end);
    Some(FileSpan { file: span.file.clone(), span: Span::new(pos(begin)?, pos(end)?) }).filter(|_| fits)
}

/// An error at a place.
pub(crate) fn error_at(span: &FileSpan, message: impl Into<String>) -> ConfigError {
    let mut error = ConfigError::new(message);
    point(&mut error, span);
    error
}

/// Gives an error its place.
pub(crate) fn point(error: &mut ConfigError, span: &FileSpan) {
    let resolved = span.resolve_span();
    error.place = Some(Box::new(place(span)));
    span.file.source_line(resolved.begin.line).trim_end().clone_into(&mut error.source_line);
    let to =
        if resolved.end.line == resolved.begin.line { resolved.end.column } else { error.source_line.chars().count() };
    error.length = u32::try_from(to.saturating_sub(resolved.begin.column)).unwrap_or(1).max(1);
}

/// A span's beginning as people count.
pub(crate) fn place(span: &FileSpan) -> Place {
    let begin = span.resolve_span().begin;
    let from_one = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
    Place { file: span.filename().to_owned(), line: from_one(begin.line), column: from_one(begin.column) }
}
