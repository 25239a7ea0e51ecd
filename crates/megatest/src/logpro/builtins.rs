//! The procedures that rules may call.

use super::datum::{Flaw, Node, number};
use super::evaluate::{Evaluated, Machine, Value, flaw, truth};
use super::rule::{Condition, Date, Kind, Operator, Rule, Section, Tolerance, Trigger};
use std::rc::Rc;

/// Rules, triggers and sections of one judge.
const MOST_RULES: usize = 5_000;
/// Bytes of one text.
const LONGEST_TEXT: usize = 64 << 10;

const PLAIN: &[&str] = &[
    "list",
    "cons",
    "car",
    "cdr",
    "cadr",
    "caddr",
    "cadddr",
    "null?",
    "pair?",
    "list?",
    "length",
    "append",
    "reverse",
    "member",
    "assoc",
    "map",
    "for-each",
    "apply",
    "filter",
    "conc",
    "string-append",
    "number->string",
    "string->number",
    "symbol->string",
    "string?",
    "number?",
    "regexp",
    "not",
    "equal?",
    "eq?",
    "eqv?",
    "string=?",
    "=",
    "<",
    ">",
    "<=",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "print",
    "display",
    "newline",
    "getenv",
    "get-environment-variable",
    "trigger",
    "trigger-with-limit",
    "trigger:non-required",
    "section",
    "expect",
    "hook:add",
    "hook:first-error",
    "hook:first-warning",
    "hook:value",
];

/// Names that Scheme has and that no rule may use.
const OUTSIDE: &[&str] = &[
    "load",
    "include",
    "system",
    "process",
    "process-run",
    "call-with-input-file",
    "open-input-file",
    "open-output-file",
    "with-input-from-file",
    "with-input-from-pipe",
    "with-output-to-file",
    "read-lines",
    "read-line",
    "file-exists?",
    "delete-file",
    "current-seconds",
    "current-directory",
    "change-directory",
    "exit",
    "eval",
];

pub(crate) fn is_known(name: &str) -> bool {
    PLAIN.contains(&name) || name.strip_prefix("expect:").is_some_and(|kind| Kind::of(kind).is_some())
}

pub(crate) fn reaches_outside(name: &str) -> bool {
    OUTSIDE.contains(&name)
}

impl Machine<'_> {
    pub(crate) fn builtin(&mut self, name: &str, arguments: Vec<Value>, node: &Node) -> Evaluated {
        if name == "expect" {
            return self.expect(Kind::Error, arguments, node);
        }
        if let Some(kind) = name.strip_prefix("expect:").and_then(Kind::of) {
            return self.expect(kind, arguments, node);
        }
        match name {
            "trigger" | "trigger:non-required" | "trigger-with-limit" => return self.trigger(name, &arguments, node),
            "section" => return self.section(&arguments, node),
            _ if name.starts_with("hook:") => {
                self.notes.push(flaw(node, "hooks are not run"));
                return Ok(Value::Nothing);
            }
            "print" | "display" | "newline" => return Ok(Value::Nothing),
            "map" | "for-each" | "filter" => return self.each(name, &arguments, node),
            "apply" => return self.apply(arguments, node),
            _ => {}
        }
        if let Some(value) = self.on_lists(name, &arguments, node)? {
            return Ok(value);
        }
        if let Some(value) = self.on_texts(name, &arguments, node)? {
            return Ok(value);
        }
        self.on_numbers(name, &arguments, node)
    }

    fn each(&mut self, name: &str, arguments: &[Value], node: &Node) -> Evaluated {
        let [procedure, lists @ ..] = arguments else { return Err(flaw(node, format!("{name} takes a procedure"))) };
        let lists: Option<Vec<_>> = lists.iter().map(list).collect();
        let Some(lists) = lists.filter(|l| !l.is_empty()) else {
            return Err(flaw(node, format!("{name} takes a procedure and lists")));
        };
        let shortest = lists.iter().map(|l| l.len()).min().unwrap_or(0);
        let mut out = Vec::new();
        for at in 0..shortest {
            let row: Vec<Value> = lists.iter().map(|l| l[at].clone()).collect();
            let kept = row[0].clone();
            let value = self.call(procedure, row, node)?;
            match name {
                "map" => out.push(value),
                "filter" if truth(&value) => out.push(kept),
                _ => {}
            }
        }
        Ok(if name == "for-each" { Value::Nothing } else { Value::List(Rc::new(out)) })
    }

    fn apply(&mut self, mut arguments: Vec<Value>, node: &Node) -> Evaluated {
        let last = arguments.pop().as_ref().and_then(list);
        let (Some(last), false) = (last, arguments.is_empty()) else {
            return Err(flaw(node, "apply takes a procedure, and a list as its last value"));
        };
        let procedure = arguments.remove(0);
        arguments.extend(last.iter().cloned());
        self.call(&procedure, arguments, node)
    }

    fn on_lists(&mut self, name: &str, arguments: &[Value], node: &Node) -> Result<Option<Value>, Flaw> {
        let wrong = || flaw(node, format!("{name} does not take these values"));
        let first = || arguments.first().and_then(list).ok_or_else(wrong);
        let new = |values: Vec<Value>| Value::List(Rc::new(values));
        let value = match name {
            "list" => new(arguments.to_vec()),
            "cons" => {
                let [head, tail] = arguments else { return Err(wrong()) };
                let tail = list(tail).ok_or_else(wrong)?;
                self.spend(tail.len(), node)?;
                new(std::iter::once(head).chain(tail.iter()).cloned().collect())
            }
            "car" | "cadr" | "caddr" | "cadddr" => {
                let at = name.matches('d').count();
                first()?.get(at).cloned().ok_or_else(wrong)?
            }
            "cdr" => {
                let list = first()?;
                self.spend(list.len(), node)?;
                new(list.get(1..).ok_or_else(wrong)?.to_vec())
            }
            "null?" => Value::Bool(arguments.first().and_then(list).is_some_and(|l| l.is_empty())),
            "pair?" => Value::Bool(arguments.first().and_then(list).is_some_and(|l| !l.is_empty())),
            "list?" => Value::Bool(matches!(arguments.first(), Some(Value::List(_)))),
            "length" => Value::Number(first()?.len() as f64),
            "reverse" => {
                let list = first()?;
                self.spend(list.len(), node)?;
                new(list.iter().rev().cloned().collect())
            }
            "append" => {
                let lists: Option<Vec<_>> = arguments.iter().map(list).collect();
                let lists = lists.ok_or_else(wrong)?;
                self.spend(lists.iter().map(|l| l.len()).sum(), node)?;
                new(lists.iter().flat_map(|l| l.iter().cloned()).collect())
            }
            "member" | "assoc" => {
                let [wanted, from] = arguments else { return Err(wrong()) };
                let from = list(from).ok_or_else(wrong)?;
                self.spend(from.len(), node)?;
                let key = |v: &Value| {
                    if name == "assoc" { list(v).and_then(|l| l.first().cloned()) } else { Some(v.clone()) }
                };
                match from.iter().position(|v| key(v).is_some_and(|k| same(&k, wanted))) {
                    Some(at) if name == "assoc" => from[at].clone(),
                    Some(at) => new(from[at..].to_vec()),
                    None => Value::Bool(false),
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn on_texts(&mut self, name: &str, arguments: &[Value], node: &Node) -> Result<Option<Value>, Flaw> {
        let value = match (name, arguments) {
            ("conc" | "string-append", all) => {
                let text: String = all.iter().map(shown).collect();
                if text.len() > LONGEST_TEXT {
                    return Err(flaw(node, format!("a text has more than {LONGEST_TEXT} bytes")));
                }
                self.spend(text.len() / 64, node)?;
                Value::Text(text.into())
            }
            ("number->string" | "symbol->string", [value]) => Value::Text(shown(value).into()),
            ("string->number", [Value::Text(text)]) => number(text).map_or(Value::Bool(false), Value::Number),
            ("string?", [value]) => Value::Bool(matches!(value, Value::Text(_))),
            ("number?", [value]) => Value::Bool(matches!(value, Value::Number(_))),
            ("regexp", [Value::Text(text), rest @ ..]) => {
                let flags = if rest.first().is_some_and(truth) { "i" } else { "" };
                self.spend(100, node)?;
                let regex = super::rule::regex(text, flags);
                Value::Regex(Rc::new(
                    regex.map_err(|why| flaw(node, format!("the regular expression '{text}' {why}")))?,
                ))
            }
            ("not", [value]) => Value::Bool(!truth(value)),
            ("equal?" | "eq?" | "eqv?" | "string=?", [a, b]) => Value::Bool(same(a, b)),
            ("getenv" | "get-environment-variable", [Value::Text(variable)]) => {
                (self.env)(variable).map_or(Value::Bool(false), |value| Value::Text(value.into()))
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn on_numbers(&mut self, name: &str, arguments: &[Value], node: &Node) -> Evaluated {
        let numbers: Option<Vec<f64>> =
            arguments.iter().map(|v| if let Value::Number(n) = v { Some(*n) } else { None }).collect();
        let Some((first, rest)) = numbers.as_deref().and_then(<[f64]>::split_first) else {
            return Err(flaw(node, format!("{name} does not take these values")));
        };
        if let Some(operator) = Operator::of(name) {
            let all = numbers.iter().flatten().zip(rest).all(|(a, b)| operator.holds(*a, *b));
            return Ok(Value::Bool(all));
        }
        Ok(Value::Number(match name {
            "+" => rest.iter().fold(*first, |a, b| a + b),
            "*" => rest.iter().fold(*first, |a, b| a * b),
            "-" if rest.is_empty() => -first,
            "-" => rest.iter().fold(*first, |a, b| a - b),
            "/" => rest.iter().fold(*first, |a, b| a / b),
            _ => return Err(flaw(node, format!("{name} does not take these values"))),
        }))
    }

    fn trigger(&mut self, name: &str, arguments: &[Value], node: &Node) -> Evaluated {
        let (times, patterns) = match (name, arguments) {
            ("trigger-with-limit", [_, Value::Number(times), rest @ ..]) if *times >= 0.0 => (*times as u64, rest),
            ("trigger" | "trigger:non-required", [_, rest @ ..]) => (1, rest),
            _ => {
                return Err(flaw(
                    node,
                    format!("{name} takes a name, a number of times with a limit, and regular expressions"),
                ));
            }
        };
        let Some(Value::Text(title)) = arguments.first() else { return Err(flaw(node, "a trigger has a name")) };
        self.room(node)?;
        let patterns = self.patterns(patterns, node)?;
        let required = name != "trigger:non-required";
        self.rules.triggers.push(Trigger { name: title.to_string(), patterns, times, required });
        Ok(Value::Nothing)
    }

    fn section(&mut self, arguments: &[Value], node: &Node) -> Evaluated {
        let [Value::Text(name), Value::Text(start), Value::Text(end)] = arguments else {
            return Err(flaw(node, "section takes its name, and the names of the triggers that begin and end it"));
        };
        self.room(node)?;
        self.rules.sections.push(Section { name: name.to_string(), start: start.to_string(), end: end.to_string() });
        Ok(Value::Nothing)
    }

    fn room(&self, node: &Node) -> Result<(), Flaw> {
        let all = self.rules.rules.len() + self.rules.triggers.len() + self.rules.sections.len();
        match all >= MOST_RULES {
            true => Err(flaw(node, format!("more than {MOST_RULES} rules"))),
            false => Ok(()),
        }
    }

    fn patterns(&self, values: &[Value], node: &Node) -> Result<Vec<regex::bytes::Regex>, Flaw> {
        let mut all = Vec::new();
        for value in values {
            match value {
                Value::Regex(regex) => all.push((**regex).clone()),
                Value::List(list) => all.extend(self.patterns(list, node)?),
                _ => return Err(flaw(node, "a regular expression is wanted: #/text/ or (list #/one/ #/two/)")),
            }
        }
        match all.is_empty() {
            true => Err(flaw(node, "a regular expression is wanted: #/text/ or (list #/one/ #/two/)")),
            false => Ok(all),
        }
    }

    fn expect(&mut self, kind: Kind, arguments: Vec<Value>, node: &Node) -> Evaluated {
        let (plain, keys) = split(arguments, node)?;
        let [Value::Symbol(place), sections, first, second, Value::Text(description), patterns @ ..] = &plain[..]
        else {
            let form = "in \"Section\" = 0 \"description\" #/regular expression/";
            return Err(flaw(node, format!("a rule is written (expect:{} {form})", kind.word().to_lowercase())));
        };
        let outside = match &**place {
            "in" => false,
            "not-in" => true,
            other => return Err(flaw(node, format!("in or not-in is wanted, not {other}"))),
        };
        let group = keys.iter().find(|(name, _)| matches!(&**name, "matchnum" | "match")).map(|(_, value)| value);
        let condition = condition(kind, first, second, group).map_err(|why| flaw(node, why))?;
        let mut expires = None;
        for (name, value) in &keys {
            match (&**name, value) {
                ("expires", Value::Text(text)) => {
                    let date =
                        text.parse::<Date>().map_err(|()| flaw(node, format!("{text} is no date: MM/DD/YYYY")))?;
                    expires = Some(date);
                }
                ("expires", Value::Bool(false)) | ("matchnum" | "match" | "class" | "color" | "type", _) => {}
                ("hook", _) => self.notes.push(flaw(node, "hooks are not run")),
                (name, _) => return Err(flaw(node, format!("a rule has no {name}:"))),
            }
        }
        let names: Vec<Value> = list(sections).map_or_else(|| vec![sections.clone()], |l| l.to_vec());
        let patterns = self.patterns(patterns, node)?;
        let number = self.rules.rules.last().map_or(0, |r| r.number + 1);
        for name in names {
            let Value::Text(section) = name else { return Err(flaw(node, "a section is a text")) };
            self.room(node)?;
            self.rules.rules.push(Rule {
                number,
                kind,
                section: section.to_string(),
                outside,
                condition,
                description: description.to_string(),
                patterns: patterns.clone(),
                expires,
                spot: self.spot(node),
            });
        }
        Ok(Value::Nothing)
    }
}

/// Plain values, and those behind keywords.
#[expect(clippy::type_complexity, reason = "used once, right above")]
fn split(arguments: Vec<Value>, node: &Node) -> Result<(Vec<Value>, Vec<(Rc<str>, Value)>), Flaw> {
    let (mut plain, mut keys) = (Vec::new(), Vec::new());
    let mut arguments = arguments.into_iter();
    while let Some(value) = arguments.next() {
        match value {
            Value::Keyword(name) => {
                let value = arguments.next().ok_or_else(|| flaw(node, format!("a value is wanted behind {name}:")))?;
                keys.push((name, value));
            }
            value => plain.push(value),
        }
    }
    Ok((plain, keys))
}

fn condition(kind: Kind, first: &Value, second: &Value, group: Option<&Value>) -> Result<Condition, String> {
    let operator = |value: &Value| match value {
        Value::Builtin(sign) => Operator::of(sign),
        _ => None,
    };
    if kind != Kind::Value {
        return match (operator(first), second) {
            (Some(operator), Value::Number(number)) => Ok(Condition::Count(operator, *number)),
            _ => Err("one of = > < >= <= and a number are wanted behind the section".to_owned()),
        };
    }
    let group = match group {
        None => 1,
        Some(Value::Number(n)) if (0.0..100.0).contains(n) => *n as usize,
        Some(_) => return Err("matchnum: is the number of a group".to_owned()),
    };
    match (first, second, operator(second)) {
        (Value::Number(expected), Value::Number(off), _) => {
            Ok(Condition::Value { expected: *expected, tolerance: Tolerance::Within(*off), group })
        }
        (Value::Number(expected), _, Some(operator)) => {
            Ok(Condition::Value { expected: *expected, tolerance: Tolerance::Compare(operator), group })
        }
        _ => Err("a number, and how far off it may be or one of = > < >= <= are wanted behind the section".to_owned()),
    }
}

fn list(value: &Value) -> Option<Rc<Vec<Value>>> {
    match value {
        Value::List(list) => Some(list.clone()),
        _ => None,
    }
}

/// As `conc` writes it.
fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Symbol(text) | Value::Keyword(text) | Value::Builtin(text) => text.to_string(),
        Value::Number(number) => format!("{number}"),
        Value::Bool(true) => "#t".to_owned(),
        Value::Bool(false) => "#f".to_owned(),
        Value::Regex(regex) => regex.as_str().to_owned(),
        Value::List(_) | Value::Procedure(_) | Value::Nothing => String::new(),
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) | (Value::Symbol(a), Value::Symbol(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::List(a), Value::List(b)) => a.is_empty() && b.is_empty(),
        _ => false,
    }
}
