//! The easy part of a Python `master.cfg` in Starlark, and what is left to do by hand.
//!
//! Line by line: imports become one `load`, the dictionary its two lines, octal numbers and texts their spelling here.
//! What no Starlark has (classes, `try`, the machine around the file) becomes a comment with a note. At the end the
//! whole is parsed, so that nothing is called translated that could not be read.

mod lines;
mod modern;
mod names;
mod python;

use crate::library;
use crate::names::nearest;
use lines::{Line, Part};
use starlark::syntax::{AstModule, Dialect, DialectTypes};
use std::collections::BTreeSet;
use std::fmt;

/// What was translated, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// A `master.star`. What could not be translated stands in it as a comment.
    pub star: String,
    /// What is left to do, in the order of the lines.
    pub left: Vec<Note>,
}

/// Something that is left to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The line of the Python file, from 1.
    pub line: u32,
    /// What is there, and what to write instead.
    pub what: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// A longer text is no configuration of people.
const LONGEST: usize = 4 << 20;
/// So many statements that cannot be read are left out, before the rest is given up.
const MOST_TRIES: usize = 200;

/// Translates the easy part of a Python `master.cfg` into Starlark and lists what it left, by line.
pub fn import(text: &str) -> Imported {
    if text.len() > LONGEST {
        let what = format!("the file is longer than {} MB and was not read", LONGEST >> 20);
        return Imported { star: String::new(), left: vec![Note { line: 1, what }] };
    }
    let modern = modern::is_modern(text).then(modern::Modern::default);
    let mut translation = Translation { modern, ..Translation::default() };
    for statement in lines::statements(text) {
        translation.statement(statement);
    }
    translation.finish()
}

/// A statement of the new file.
struct Statement {
    /// Its first line in the old one.
    number: u32,
    text: String,
    /// It is a comment already.
    is_comment: bool,
}

#[derive(Default)]
struct Translation {
    out: Vec<Statement>,
    left: Vec<Note>,
    /// Names of the library that imports bring.
    wanted: BTreeSet<String>,
    /// How deep a block stands that is left out: what is deeper goes with it.
    skipping: Option<usize>,
    /// The file is of Buildbot 2 to 4, and becomes calls of our own.
    modern: Option<modern::Modern>,
}

impl Translation {
    fn note(&mut self, line: u32, what: impl Into<String>) {
        self.left.push(Note { line, what: what.into() });
    }

    fn statement(&mut self, lines: Vec<Line<'_>>) {
        let Some(first) = lines.first() else { return };
        let (number, indent) = (first.number, first.indent());
        if self.skipping.is_some_and(|depth| indent > depth && !first.is_blank()) {
            return self.comment(&lines, false);
        }
        if !first.is_blank() {
            self.skipping = None;
        }
        let code: String = lines.iter().map(Line::code).collect::<Vec<_>>().join("\n");
        let code = code.trim();
        if let Some(names) = python::imported(code) {
            return self.import(number, &names, code);
        }
        if let Some(block) = python::block_without_like(code) {
            self.note(number, block);
            self.skipping = Some(indent);
            return self.comment(&lines, indent > 0);
        }
        if let Some(what) = python::statement_without_like(code) {
            self.note(number, what);
            return self.comment(&lines, indent > 0);
        }
        let doubtful = python::doubtful(code);
        let of_machine = self.modern.is_some() && doubtful.iter().any(|what| what.contains("a configuration"));
        for what in doubtful {
            self.note(number, what);
        }
        if of_machine {
            return self.comment(&lines, indent > 0);
        }
        if !first.is_blank() && self.native(&lines, code) {
            return;
        }
        let text: Vec<String> = lines.iter().map(Line::translated).collect();
        let text = python::dictionary(&text.join("\n"));
        self.out.push(Statement { number, text, is_comment: first.is_blank() });
    }

    /// Translates a statement of Buildbot 2 to 4 into calls of our own. `false`: it stays as it is.
    fn native(&mut self, lines: &[Line<'_>], code: &str) -> bool {
        let (Some(first), Some(modern)) = (lines.first(), self.modern.as_mut()) else { return false };
        if code.ends_with(':') {
            return false;
        }
        let source: Vec<String> = lines.iter().map(Line::translated).collect();
        let source = source.join("\n");
        let Some(new) = modern.statement(source.trim_start()).filter(|new| new.is_new) else { return false };
        let blanks: String = first.text.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
        let comments = lines.iter().flat_map(|line| &line.parts).filter_map(|part| match part {
            Part::Comment(comment) => Some(*comment),
            Part::Code(_) | Part::Text(_) => None,
        });
        let all = comments.chain(new.text.lines());
        let mut text: Vec<String> = all.map(|line| format!("{blanks}{line}")).collect();
        let is_comment = new.text.lines().all(|line| line.starts_with('#'));
        if is_comment && !blanks.is_empty() {
            text.push(format!("{blanks}pass"));
        }
        let number = first.number;
        if !text.is_empty() {
            self.out.push(Statement { number, text: text.join("\n"), is_comment });
        }
        for note in new.notes {
            self.note(number, note);
        }
        true
    }

    /// Leaves a statement out. Inside a block something must stay.
    fn comment(&mut self, lines: &[Line<'_>], in_block: bool) {
        let Some(first) = lines.first() else { return };
        let text = lines.iter().map(|line| line.text).collect::<Vec<_>>().join("\n");
        self.out.push(Statement { number: first.number, text: commented(&text, in_block), is_comment: true });
    }

    /// Imports of Buildbot are names of the library; others have no like.
    fn import(&mut self, number: u32, names: &[python::Import], code: &str) {
        let is_plugin = |import: &python::Import| self.modern.is_some() && import.of_buildbot;
        if names.iter().all(is_plugin) {
            return;
        }
        let known = library_names();
        for import in names {
            if !import.of_buildbot {
                self.note(number, format!("{} cannot be imported: nothing of the machine can be used", import.module));
                continue;
            }
            match known.iter().find(|known| **known == import.name) {
                Some(name) => match &import.local {
                    Some(local) if local != name => {
                        self.wanted.insert(format!("{local} = \"{name}\""));
                    }
                    _ => {
                        self.wanted.insert(format!("\"{name}\""));
                    }
                },
                None => {
                    let near = nearest(&import.name, known.iter().map(String::as_str));
                    let near = near.map_or(String::new(), |near| format!("; is {near} meant?"));
                    self.note(number, format!("{} is not known{near}", import.name));
                }
            }
        }
        self.out.push(Statement { number, text: commented(code, false), is_comment: true });
    }

    /// What cannot be read even now is left out, the first thing first.
    fn finish(mut self) -> Imported {
        if let Some(text) = self.modern.as_ref().and_then(modern::Modern::project) {
            self.out.push(Statement { number: 1, text, is_comment: false });
        }
        for _ in 0..MOST_TRIES {
            let text = self.text();
            let Err(line) = parses(&text) else { break };
            let mut at = self.head().lines().count();
            let reached = self.out.iter().position(|statement| {
                at += statement.text.lines().count().max(1);
                at >= line
            });
            // What is a comment already cannot be at fault: it is what stands before it.
            let until = reached.map_or(self.out.len(), |reached| reached + 1);
            let Some(bad) = self.out[..until].iter_mut().rfind(|statement| !statement.is_comment) else { break };
            let in_block = bad.text.starts_with([' ', '\t']);
            bad.text = commented(&bad.text, in_block);
            bad.is_comment = true;
            let number = bad.number;
            self.note(number, "this is no Starlark, and stands there as a comment");
        }
        let star = self.text();
        self.left.sort();
        self.left.dedup();
        match parses(&star) {
            Ok(()) => Imported { star, left: self.left },
            Err(_) => {
                let star = star.lines().map(|line| format!("# {line}\n")).collect();
                self.left.insert(0, Note { line: 1, what: "the file could not be translated".to_owned() });
                Imported { star, left: self.left }
            }
        }
    }

    fn head(&self) -> String {
        if self.modern.is_some() && self.wanted.is_empty() {
            return String::new();
        }
        let names: Vec<&str> = self.wanted.iter().map(String::as_str).collect();
        let names = if names.is_empty() { "\"s\"".to_owned() } else { names.join(", ") };
        format!("load(\"{}\", {names})\n", library::COMPAT)
    }

    fn text(&self) -> String {
        let mut text = self.head();
        for statement in &self.out {
            text.push_str(&statement.text);
            text.push('\n');
        }
        text
    }
}

/// A statement as a comment, as deep as it stood. Where it may be all of a block, something stays.
fn commented(text: &str, in_block: bool) -> String {
    let blanks: String = text.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
    let lines = text.lines().map(|line| format!("{blanks}# {}", line.strip_prefix(&blanks).unwrap_or(line).trim_end()));
    let mut all: Vec<String> = lines.collect();
    if in_block {
        all.push(format!("{blanks}pass"));
    }
    all.join("\n").replace('\t', "        ")
}

/// The names that the library has, from its own text.
fn library_names() -> Vec<String> {
    let text = library::read(library::COMPAT).unwrap_or("");
    let names = text.lines().filter_map(|line| {
        let name = line.strip_prefix("def ").and_then(|rest| rest.split('(').next());
        name.or_else(|| line.split_once(" = ").map(|(name, _)| name))
    });
    let is_name = |name: &&str| !name.starts_with('_') && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    names.filter(is_name).filter(|name| *name != "buildmaster_key").map(str::to_owned).collect()
}

/// Whether a text is Starlark; else the line, from 1, where it stops being any.
fn parses(text: &str) -> Result<(), usize> {
    if let Some(crate::scan::Trouble::TooDeep { at }) = crate::scan::scan(text) {
        return Err(text[..at].lines().count().max(1));
    }
    let dialect = Dialect {
        enable_types: DialectTypes::Enable,
        enable_top_level_stmt: true,
        enable_f_strings: true,
        enable_keyword_only_arguments: true,
        ..Dialect::Standard
    };
    match AstModule::parse("master.star", text.to_owned(), &dialect) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.span().map_or(1, |span| span.resolve_span().begin.line + 1)),
    }
}

impl Line<'_> {
    /// The line in the spelling of Starlark.
    fn translated(&self) -> String {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Code(code) => python::spelled(code),
                Part::Text(text) => python::text(text),
                Part::Comment(comment) => (*comment).to_owned(),
            })
            .collect()
    }
}

#[cfg(test)]
mod modern_tests;
#[cfg(test)]
mod tests;
