//! Where each argument of each call stands, so that an error can point at it long after the call.

use crate::error::ConfigError;
use model::Place;
use starlark::codemap::{FileSpan, Span};
use starlark::syntax::AstModule;
use starlark::syntax::ast::{ArgumentP, AssignOp, AstExpr, AstStmt, Expr, Stmt};
use std::cell::RefCell;
use std::collections::HashMap;

/// All calls of all files that were parsed.
#[derive(Default)]
pub(crate) struct Sites {
    calls: RefCell<HashMap<(String, u32, u32), Vec<ArgumentSite>>>,
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
        });
    }

    /// The part of a call, or all of it where the part cannot be told.
    pub(crate) fn find(&self, call: &FileSpan, part: Part<'_>) -> FileSpan {
        let calls = self.calls.borrow();
        let key = (call.filename().to_owned(), call.span.begin().get(), call.span.end().get());
        let span = calls.get(&key).and_then(|sites| part_of(sites, part));
        FileSpan { file: call.file.clone(), span: span.unwrap_or(call.span) }
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
