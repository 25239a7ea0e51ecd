//! A `master.cfg` of Buildbot 2 to 4, whose plugins have likes of our own, statement by statement.

use super::names;
use starlark::codemap::Span;
use starlark::syntax::ast::{ArgumentP, AssignOp, AssignTargetP, AstExpr, AstLiteral, AstStmt, Expr, Stmt};
use starlark::syntax::{AstModule, Dialect, DialectTypes};
use std::collections::BTreeMap;

/// Whether a file is of that time.
pub(super) fn is_modern(text: &str) -> bool {
    text.contains("buildbot.plugins")
}

/// What the statements so far have told.
#[derive(Default)]
pub(super) struct Modern {
    /// Schedulers by the variable that holds them: their names as they are written.
    schedulers: BTreeMap<String, String>,
    /// Arguments of the `project` at the end.
    project: Vec<(&'static str, String)>,
}

/// What becomes of a statement.
pub(super) struct Translated {
    pub(super) text: String,
    pub(super) notes: Vec<String>,
    /// It was translated, so that comments within it are gone.
    pub(super) is_new: bool,
}

/// Keys that have no effect here, and why.
const KEYS: [(&str, &str); 8] = [
    ("protocols", "workers use the port of web(listen): sluice worker init DIR --master URL"),
    ("buildbotNetUsageData", ""),
    ("services", "reporters.mail(…) and reporters.http(…) have arguments of their own; write them anew"),
    ("multiMaster", "there is one master"),
    ("caches", ""),
    ("logCompressionMethod", ""),
    ("prioritizeBuilders", "schedulers have priority = …"),
    ("configurators", "there are no configurators; delete what is old by sluice itself"),
];

/// Keys whose entries are calls of their own.
const LISTS: [&str; 4] = ["workers", "schedulers", "builders", "change_source"];

impl Modern {
    /// The arguments of `project`, once all is read.
    pub(super) fn project(&self) -> Option<String> {
        let arguments: Vec<_> = self.project.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        (!arguments.is_empty()).then(|| call("project", &arguments))
    }

    /// A statement without its indent. `None`: it is no Starlark even so.
    pub(super) fn statement(&mut self, source: &str) -> Option<Translated> {
        let plain: String = source.split_whitespace().collect();
        if matches!(plain.as_str(), "c=BuildmasterConfig={}" | "BuildmasterConfig=c={}" | "c={}") {
            return Some(Translated { text: String::new(), notes: Vec::new(), is_new: true });
        }
        if crate::scan::scan(source).is_some() {
            return None;
        }
        let dialect = Dialect {
            enable_top_level_stmt: true,
            enable_f_strings: true,
            enable_types: DialectTypes::Disable,
            ..Dialect::Standard
        };
        let module = AstModule::parse("master.cfg", source.to_owned(), &dialect).ok()?;
        let mut statement = module.statement();
        while let Stmt::Statements(all) = &statement.node {
            let [one] = all.as_slice() else { return None };
            statement = one;
        }
        let mut writer =
            Writer { source, schedulers: &self.schedulers, notes: Vec::new(), defined: None, is_unknown: false };
        let text = self.project.top(statement, &mut writer);
        let Writer { notes, defined, is_unknown, .. } = writer;
        if is_unknown {
            let text = commented(source.trim_end());
            return Some(Translated { text, notes, is_new: true });
        }
        if let (Some(name), Stmt::Assign(assign)) = (defined, &statement.node)
            && let AssignTargetP::Identifier(variable) = &assign.lhs.node
        {
            self.schedulers.insert(variable.node.ident.clone(), name);
        }
        let is_new = text != source.trim_end();
        Some(Translated { text, notes, is_new })
    }
}

/// What a statement at the outermost level becomes.
trait Top {
    fn top(&mut self, statement: &AstStmt, writer: &mut Writer<'_>) -> String;
    fn key(&mut self, key: &str, value: &AstExpr, writer: &mut Writer<'_>) -> String;
}

impl Top for Vec<(&'static str, String)> {
    fn top(&mut self, statement: &AstStmt, writer: &mut Writer<'_>) -> String {
        match &statement.node {
            Stmt::Assign(assign) => match &assign.lhs.node {
                AssignTargetP::Index(index) => match key_of(&index.0, &index.1) {
                    Some(key) => self.key(key, &assign.rhs, writer),
                    None => writer.spliced(statement.span, Inside::Statement(statement)),
                },
                AssignTargetP::Identifier(_) => {
                    let value = writer.expr(&assign.rhs);
                    match writer.defined {
                        Some(_) => value,
                        None => format!(
                            "{}{value}",
                            writer.between(statement.span.begin().get(), assign.rhs.span.begin().get())
                        ),
                    }
                }
                _ => writer.spliced(statement.span, Inside::Statement(statement)),
            },
            Stmt::AssignModify(target, AssignOp::Add, value) => match &target.node {
                AssignTargetP::Index(index) if key_of(&index.0, &index.1).is_some() => {
                    self.key(key_of(&index.0, &index.1).unwrap_or(""), value, writer)
                }
                _ => writer.spliced(statement.span, Inside::Statement(statement)),
            },
            Stmt::Expression(expr) => match appended(expr) {
                Some((key, value)) => self.key(key, value, writer),
                None => writer.expr(expr),
            },
            _ => writer.spliced(statement.span, Inside::Statement(statement)),
        }
    }

    /// `c[key] = value`, or an entry more.
    fn key(&mut self, key: &str, value: &AstExpr, writer: &mut Writer<'_>) -> String {
        if LISTS.contains(&key) {
            let items = match &value.node {
                Expr::List(items) | Expr::Tuple(items) => items.iter().collect(),
                _ => vec![value],
            };
            // What a variable holds is there since its call.
            let calls = items.into_iter().filter(|item| !matches!(item.node, Expr::Identifier(_)));
            return calls.map(|item| writer.item(item)).collect::<Vec<_>>().join("\n");
        }
        let project = match key {
            "title" | "projectName" => Some("title"),
            "titleURL" | "projectURL" => Some("url"),
            "buildbotURL" => Some("public_url"),
            _ => None,
        };
        if let Some(name) = project {
            let value = writer.expr(value);
            self.push((name, value));
            return String::new();
        }
        let old =
            commented(&format!("c['{key}'] = {}", writer.between(value.span.begin().get(), value.span.end().get())));
        match key {
            "www" => return writer.web(value).unwrap_or(old),
            "db" | "db_url" => return writer.database(value).unwrap_or(old),
            _ => {}
        }
        if matches!(&value.node, Expr::List(items) if items.is_empty()) {
            return String::new();
        }
        match KEYS.iter().find(|(known, _)| *known == key) {
            Some((_, "")) => writer.notes.push(format!("c['{key}'] has no effect and is left out")),
            Some((_, why)) => writer.notes.push(format!("c['{key}'] is left out: {why}")),
            None => {
                let known = LISTS.into_iter().chain(["title", "titleURL", "buildbotURL", "www", "db"]);
                let near = crate::names::nearest(key, known);
                let near = near.map_or(String::new(), |near| format!("; is {near} meant?"));
                writer.notes.push(format!("c['{key}'] has no like and is left out{near}"));
            }
        }
        old
    }
}

fn commented(text: &str) -> String {
    text.lines().map(|line| format!("# {line}")).collect::<Vec<_>>().join("\n")
}

/// The key of `c["key"]`.
fn key_of<'e>(dictionary: &AstExpr, key: &'e AstExpr) -> Option<&'e str> {
    let is_config = matches!(&dictionary.node, Expr::Identifier(name) if matches!(name.node.ident.as_str(), "c" | "BuildmasterConfig"));
    literal(key).filter(|_| is_config)
}

/// `c["key"].append(value)` and `.extend(value)`.
fn appended(expr: &AstExpr) -> Option<(&str, &AstExpr)> {
    let Expr::Call(callee, args) = &expr.node else { return None };
    let Expr::Dot(object, method) = &callee.node else { return None };
    let Expr::Index(index) = &object.node else { return None };
    let [argument] = args.args.as_slice() else { return None };
    let ArgumentP::Positional(value) = &argument.node else { return None };
    let key = key_of(&index.0, &index.1)?;
    matches!(method.node.as_str(), "append" | "extend").then_some((key, value))
}

fn literal(expr: &AstExpr) -> Option<&str> {
    match &expr.node {
        Expr::Literal(AstLiteral::String(text)) => Some(text.node.as_str()),
        _ => None,
    }
}

/// `steps.Git` of an expression with dots.
fn path(expr: &AstExpr) -> Option<String> {
    match &expr.node {
        Expr::Identifier(name) => Some(name.node.ident.clone()),
        Expr::Dot(object, name) => Some(format!("{}.{}", path(object)?, name.node)),
        _ => None,
    }
}

/// A call on one line, or an argument a line.
fn call(name: &str, arguments: &[String]) -> String {
    let short = format!("{name}({})", arguments.join(", "));
    if short.len() <= 100 && !short.contains('\n') {
        return short;
    }
    let lines: String =
        arguments.iter().map(|argument| format!("    {},\n", argument.replace('\n', "\n    "))).collect();
    format!("{name}(\n{lines})")
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What is looked into.
enum Inside<'e> {
    Statement(&'e AstStmt),
    Expr(&'e AstExpr),
}

struct Writer<'s> {
    source: &'s str,
    schedulers: &'s BTreeMap<String, String>,
    notes: Vec<String>,
    /// The name of the scheduler that the statement makes.
    defined: Option<String>,
    /// There is something in it that has no like: it stays as a comment.
    is_unknown: bool,
}

impl Writer<'_> {
    fn text(&self, begin: u32, end: u32) -> &str {
        self.source.get(begin as usize..end as usize).unwrap_or("")
    }

    fn between(&self, begin: u32, end: u32) -> String {
        self.text(begin, end).to_owned()
    }

    /// The text of a stretch with what is in it translated.
    fn spliced(&mut self, span: Span, inside: Inside<'_>) -> String {
        let mut parts: Vec<(u32, u32, String)> = Vec::new();
        let mut see = |inner: &AstExpr| {
            let text = self.expr(inner);
            parts.push((inner.span.begin().get(), inner.span.end().get(), text));
        };
        match inside {
            Inside::Statement(statement) => statement.visit_expr(&mut see),
            Inside::Expr(expr) => expr.visit_expr(&mut see),
        }
        parts.sort();
        let mut out = String::new();
        let mut at = span.begin().get();
        for (begin, end, text) in parts {
            if begin >= at {
                out.push_str(self.text(at, begin));
                out.push_str(&text);
                at = end;
            }
        }
        out.push_str(self.text(at, span.end().get()));
        out.trim_end().to_owned()
    }

    /// An entry of a list of the dictionary, alone: what has no like leaves the others be.
    fn item(&mut self, item: &AstExpr) -> String {
        let before = std::mem::take(&mut self.is_unknown);
        let text = self.expr(item);
        match std::mem::replace(&mut self.is_unknown, before) {
            true => commented(self.text(item.span.begin().get(), item.span.end().get())),
            false => text,
        }
    }

    fn expr(&mut self, expr: &AstExpr) -> String {
        if let Expr::Call(callee, args) = &expr.node {
            let given: Vec<(Option<&str>, &AstExpr)> = args
                .args
                .iter()
                .filter_map(|argument| match &argument.node {
                    ArgumentP::Positional(value) => Some((None, value)),
                    ArgumentP::Named(name, value) => Some((Some(name.node.as_str()), value)),
                    ArgumentP::Args(_) | ArgumentP::KwArgs(_) => None,
                })
                .collect();
            if given.len() == args.args.len()
                && let Some(text) = self.call(callee, &given)
            {
                return text;
            }
        }
        self.spliced(expr.span, Inside::Expr(expr))
    }

    fn call(&mut self, callee: &AstExpr, given: &[(Option<&str>, &AstExpr)]) -> Option<String> {
        let only = match given {
            [(None, value)] => Some(*value),
            _ => None,
        };
        if let (Expr::Dot(object, method), Some(value)) = (&callee.node, only) {
            match (method.node.as_str(), literal(value)) {
                ("addStep", _) => return Some(format!("{}.append({})", self.expr(object), self.expr(value))),
                ("addSteps", _) => return Some(format!("{}.extend({})", self.expr(object), self.expr(value))),
                ("access", Some("counting")) => return Some(format!("{}.counting()", self.expr(object))),
                ("access", Some("exclusive")) => return Some(format!("{}.exclusive()", self.expr(object))),
                _ => {}
            }
        }
        let old = path(callee)?;
        match (old.as_str(), given) {
            ("util.BuildFactory", []) => return Some("[]".to_owned()),
            ("util.BuildFactory", [(None | Some("steps"), steps)]) => return Some(self.expr(steps)),
            ("util.Interpolate", [(None, text)]) => {
                let new = literal(text).and_then(names::interpolated);
                if new.is_none() {
                    self.is_unknown = true;
                    self.notes.push("util.Interpolate has a mark with no like; see interpolate(…)".to_owned());
                }
                return new.map(|new| format!("interpolate({})", quoted(&new)));
            }
            ("steps.Trial", _) => return Some(self.trial(given)),
            _ => {}
        }
        let Some(like) = names::find(&old) else {
            let family = old.split('.').next().unwrap_or("");
            if matches!(family, "steps" | "schedulers" | "worker" | "changes" | "util" | "reporters") && old != family {
                self.is_unknown = true;
                let near = names::nearest(&old).map_or(String::new(), |near| format!("; the nearest is {near}"));
                self.notes.push(format!("{old} has no like yet{near}"));
            }
            return None;
        };
        Some(self.like(like, given))
    }

    fn like(&mut self, like: &names::Like, given: &[(Option<&str>, &AstExpr)]) -> String {
        let mut arguments = Vec::new();
        let mut cron: [Option<String>; 5] = Default::default();
        let mut positions = like.positions.iter();
        for (name, value) in given {
            let Some(old) = name.or_else(|| positions.next().copied()) else {
                self.notes.push(format!("{} has more arguments than are known", like.old));
                continue;
            };
            if let ("schedulers.nightly", Some(at)) = (
                like.new,
                ["minute", "hour", "dayOfMonth", "month", "dayOfWeek"].iter().position(|field| *field == old),
            ) {
                cron[at] = Some(self.cron(value, at == 4));
                continue;
            }
            self.argument(like, old, value, given, &mut arguments);
        }
        if like.new == "schedulers.nightly" {
            let fields = cron.into_iter().zip(["0", "*", "*", "*", "*"]);
            let fields: Vec<_> = fields.map(|(field, usual)| field.unwrap_or_else(|| usual.to_owned())).collect();
            arguments.insert(arguments.len().min(1), format!("cron = {}", quoted(&fields.join(" "))));
        }
        if like.new.starts_with("schedulers.") {
            let name = given.iter().find(|(name, _)| name.is_none_or(|name| name == "name"));
            self.defined = name.map(|(_, value)| self.between(value.span.begin().get(), value.span.end().get()));
        }
        call(like.new, &arguments)
    }

    fn argument(
        &mut self,
        like: &names::Like,
        old: &str,
        value: &AstExpr,
        given: &[(Option<&str>, &AstExpr)],
        arguments: &mut Vec<String>,
    ) {
        let source = self.between(value.span.begin().get(), value.span.end().get());
        match (like.new, old) {
            (_, "change_filter") if self.filter(value, arguments) => return,
            ("steps.git", "mode") => {
                let method = given.iter().find(|(name, _)| *name == Some("method")).and_then(|(_, v)| literal(v));
                let mode = match (literal(value), method) {
                    (Some("incremental"), _) => "update",
                    (Some("full"), Some("copy")) => "copy",
                    _ => "clobber",
                };
                return arguments.push(format!("mode = {}", quoted(mode)));
            }
            ("schedulers.force", "reason") => {
                return self
                    .notes
                    .push("reason of schedulers.force is a text; the form asks for one anyway".to_owned());
            }
            ("schedulers.force", "codebases") => {
                return self.notes.push("codebases of schedulers.force are names, or a dict by name".to_owned());
            }
            ("schedulers.dependent", "upstream") => {
                let name = self.schedulers.get(source.trim()).cloned().unwrap_or(source);
                return arguments.push(format!("upstream = {name}"));
            }
            ("builder", "workername") => {
                let name = self.expr(value);
                return arguments.push(format!("workers = [{name}]"));
            }
            _ => {}
        }
        let Some(new) = names::argument(like, old) else {
            return self.notes.push(format!("{} has no argument like {old} = {source}", like.new));
        };
        let is_asked = matches!(
            old,
            "nextWorker" | "canStartBuild" | "fileIsImportant" | "extract_fn" | "doStepIf" | "hideStepIf"
        );
        if is_asked && !matches!(source.as_str(), "True" | "False") {
            self.notes.push(format!("{old}: functions are given plain values here, and not objects of the master"));
        }
        if !new.is_empty() {
            let value = self.expr(value);
            let first =
                arguments.is_empty() && matches!(new.as_str(), "name" | "repository") && like.new != "steps.shell";
            arguments.push(if first { value } else { format!("{new} = {value}") });
        }
    }

    /// The filter's own arguments become those of the scheduler.
    fn filter(&mut self, value: &AstExpr, arguments: &mut Vec<String>) -> bool {
        let Expr::Call(callee, args) = &value.node else { return false };
        if path(callee).as_deref() != Some("util.ChangeFilter") {
            return false;
        }
        for argument in &args.args {
            let ArgumentP::Named(name, value) = &argument.node else { continue };
            let text = self.expr(value);
            let name = name.node.as_str();
            match (name, name.strip_suffix("_re")) {
                (_, Some(field)) => arguments.push(format!("{field} = regex({text})")),
                ("filter_fn", _) => arguments.push(format!("change_filter = {text}")),
                ("branch" | "project" | "repository" | "category" | "codebase", _) => {
                    arguments.push(format!("{name} = {text}"));
                }
                _ => self.notes.push(format!("ChangeFilter({name} = …) has no like; write change_filter = a function")),
            }
        }
        true
    }

    /// A field as crontab(5) writes it. Days of the week count from Monday there, and from Sunday here.
    fn cron(&mut self, value: &AstExpr, is_weekday: bool) -> String {
        let number = |text: &str| match text.trim().parse::<u32>() {
            Ok(n) if is_weekday => ((n + 1) % 7).to_string(),
            _ => text.trim().to_owned(),
        };
        match &value.node {
            Expr::List(items) | Expr::Tuple(items) => {
                let items: Vec<_> = items.iter().map(|item| self.cron(item, is_weekday)).collect();
                items.join(",")
            }
            _ => match literal(value) {
                Some(text) => text.split(',').map(number).collect::<Vec<_>>().join(","),
                None => number(self.text(value.span.begin().get(), value.span.end().get())),
            },
        }
    }

    /// Twisted's runner of tests.
    fn trial(&mut self, given: &[(Option<&str>, &AstExpr)]) -> String {
        let of = |wanted: &str| given.iter().find(|(name, _)| *name == Some(wanted)).map(|(_, value)| *value);
        let mut words = vec!["\"trial\"".to_owned(), "\"--reporter=bwverbose\"".to_owned()];
        match of("tests") {
            Some(tests) => match &tests.node {
                Expr::List(tests) => words.extend(tests.iter().map(|test| self.expr(test))),
                _ => words.push(self.expr(tests)),
            },
            None => self.notes.push("steps.Trial without tests: name the modules to test".to_owned()),
        }
        let mut arguments = vec![format!("[{}]", words.join(", ")), "report = \"trial\"".to_owned()];
        if let Some(path) = of("testpath").filter(|path| !matches!(path.node, Expr::Identifier(_))) {
            arguments.push(format!("env = {{\"PYTHONPATH\": {}}}", self.expr(path)));
        }
        call("steps.test", &arguments)
    }

    /// `c["www"]`: the port.
    fn web(&mut self, value: &AstExpr) -> Option<String> {
        let entries = self.entries(value)?;
        let mut listen = None;
        for (name, value) in entries {
            match name.as_str() {
                "port" => {
                    let port = literal(value).map(str::to_owned);
                    let port = port.unwrap_or_else(|| self.between(value.span.begin().get(), value.span.end().get()));
                    let port = port.trim_start_matches("tcp:").to_owned();
                    let (port, host) = port.split_once(":interface=").unwrap_or((port.as_str(), "0.0.0.0"));
                    listen = port.parse::<u16>().ok().map(|port| format!("{host}:{port}"));
                }
                "plugins" => {}
                _ => self.notes.push(format!("c['www'] has {name}, which has no like; see web(users = …)")),
            }
        }
        listen.map(|listen| call("web", &[format!("listen = {}", quoted(&listen))]))
    }

    /// `c["db"]`: nothing for SQLite.
    fn database(&mut self, value: &AstExpr) -> Option<String> {
        let text = match literal(value) {
            Some(text) => text.to_owned(),
            None => {
                let entries = self.entries(value)?;
                literal(entries.iter().find(|(name, _)| name == "db_url")?.1)?.to_owned()
            }
        };
        if text.starts_with("sqlite") {
            return Some(String::new());
        }
        let (scheme, rest) = text.split_once("://")?;
        if !scheme.starts_with("postgres") {
            self.notes.push(format!(
                "c['db']: there is no {scheme}; SQLite needs nothing, PostgreSQL database(\"postgres://…\")"
            ));
            return None;
        }
        Some(call("database", &[quoted(&format!("postgres://{rest}"))]))
    }

    /// `{"a": …}` or `dict(a = …)`.
    fn entries<'e>(&self, value: &'e AstExpr) -> Option<Vec<(String, &'e AstExpr)>> {
        match &value.node {
            Expr::Dict(entries) => entries.iter().map(|(key, value)| Some((literal(key)?.to_owned(), value))).collect(),
            Expr::Call(callee, args) if path(callee).as_deref() == Some("dict") => {
                let named = args.args.iter().map(|argument| match &argument.node {
                    ArgumentP::Named(name, value) => Some((name.node.clone(), value)),
                    _ => None,
                });
                named.collect()
            }
            _ => None,
        }
    }
}
