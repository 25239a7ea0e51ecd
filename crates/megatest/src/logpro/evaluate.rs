//! The little program that a file of rules is.
//!
//! What is there is what files of rules use: definitions, `lambda`, `let`, conditions, lists, loops, texts and regular
//! expressions. Files, commands and everything else that reaches outside are errors that say so.

use super::datum::{Datum, Flaw, Node, read};
use super::rule::Rules;
use crate::problem::{Problem, Spot, narrow};
use std::collections::HashMap;
use std::rc::Rc;

/// Steps of one text.
const STEPS: u64 = 200_000;
/// Calls within calls.
const DEEPEST: usize = 120;

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    List(Rc<Vec<Value>>),
    Text(Rc<str>),
    Symbol(Rc<str>),
    Keyword(Rc<str>),
    Number(f64),
    Bool(bool),
    Regex(Rc<regex::bytes::Regex>),
    Procedure(Rc<Procedure>),
    Builtin(Rc<str>),
    Nothing,
}

/// A `lambda` with what it sees.
#[derive(Debug)]
pub(crate) struct Procedure {
    names: Vec<String>,
    rest: Option<String>,
    body: Vec<Node>,
    scope: usize,
}

struct Scope {
    names: HashMap<String, Value>,
    parent: Option<usize>,
}

pub(crate) struct Machine<'a> {
    pub(crate) rules: &'a mut Rules,
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) notes: Vec<Flaw>,
    text: &'a str,
    base: &'a Spot,
    scopes: Vec<Scope>,
    steps: u64,
    depth: usize,
}

/// Evaluates a text and adds what it says to the rules.
pub(crate) fn run(
    text: &str,
    base: &Spot,
    env: &dyn Fn(&str) -> Option<String>,
    rules: &mut Rules,
    problems: &mut Vec<Problem>,
) {
    let nodes = match read(text) {
        Ok(nodes) => nodes,
        Err(flaw) => return problems.push(Problem::error(flaw.message, &place(text, base, flaw.at, flaw.length))),
    };
    let names = HashMap::from([
        ("in".to_owned(), Value::Symbol("in".into())),
        ("not-in".to_owned(), Value::Symbol("not-in".into())),
        ("logfile".to_owned(), Value::Text(super::rule::WHOLE_LOG.into())),
    ]);
    let scopes = vec![Scope { names, parent: None }];
    let mut machine = Machine { rules, env, notes: Vec::new(), text, base, scopes, steps: 0, depth: 0 };
    for node in &nodes {
        if let Err(flaw) = machine.eval(node, 0) {
            let spot = place(text, base, flaw.at, flaw.length);
            problems.push(Problem::error(flaw.message, &spot));
            // The rules behind it may hang on what went wrong.
            break;
        }
    }
    let notes = std::mem::take(&mut machine.notes);
    problems.extend(notes.into_iter().take(20).map(|n| Problem::note(n.message, &place(text, base, n.at, n.length))));
}

/// Where a byte of the text is.
fn place(text: &str, base: &Spot, at: usize, length: usize) -> Spot {
    let before = text.get(..at).unwrap_or(text);
    let lines = before.matches('\n').count();
    let begin = before.rfind('\n').map_or(0, |n| n + 1);
    let source = text[begin..].lines().next().unwrap_or_default();
    let inline = base.line > 0;
    if inline && lines == 0 {
        let offset = base.source.char_indices().nth(base.column.saturating_sub(1) as usize).map_or(0, |(at, _)| at);
        return base.at((offset + at).min(base.source.len()), length.min(source.len().saturating_sub(at)).max(1));
    }
    let line = if inline { base.line + narrow(lines) } else { narrow(lines + 1) };
    let whole = Spot { file: base.file.clone(), line, column: 1, length: 1, source: source.into() };
    whole.at(at - begin, length.min(source.len().saturating_sub(at - begin)))
}

pub(crate) type Evaluated = Result<Value, Flaw>;

impl Machine<'_> {
    pub(crate) fn spot(&self, node: &Node) -> Spot {
        place(self.text, self.base, node.at, node.length)
    }

    /// Counts what takes time or room.
    pub(crate) fn spend(&mut self, steps: usize, node: &Node) -> Result<(), Flaw> {
        self.steps += steps as u64;
        match self.steps > STEPS {
            true => Err(flaw(node, "these rules take too many steps")),
            false => Ok(()),
        }
    }

    pub(crate) fn eval(&mut self, node: &Node, scope: usize) -> Evaluated {
        self.spend(1, node)?;
        match &node.datum {
            Datum::Symbol(name) => self.name(name, scope, node),
            Datum::List(list) => {
                if self.depth >= DEEPEST {
                    return Err(flaw(node, format!("more than {DEEPEST} calls within calls")));
                }
                self.depth += 1;
                let value = self.list(list, node, scope);
                self.depth -= 1;
                value
            }
            _ => self.plain(node),
        }
    }

    /// A form as a value that nothing is done with.
    fn plain(&mut self, node: &Node) -> Evaluated {
        Ok(match &node.datum {
            Datum::Text(text) => Value::Text(text.as_str().into()),
            Datum::Symbol(name) => Value::Symbol(name.as_str().into()),
            Datum::Keyword(name) => Value::Keyword(name.as_str().into()),
            Datum::Number(number) => Value::Number(*number),
            Datum::Bool(bool) => Value::Bool(*bool),
            Datum::Regex(text, flags) => {
                let regex = super::rule::regex(text, flags);
                Value::Regex(Rc::new(regex.map_err(|why| flaw(node, format!("the regular expression {why}")))?))
            }
            Datum::List(list) => {
                self.spend(list.len(), node)?;
                Value::List(Rc::new(list.iter().map(|n| self.plain(n)).collect::<Result<_, _>>()?))
            }
        })
    }

    fn name(&self, name: &str, scope: usize, node: &Node) -> Evaluated {
        let mut at = Some(scope);
        while let Some(scope) = at {
            if let Some(value) = self.scopes[scope].names.get(name) {
                return Ok(value.clone());
            }
            at = self.scopes[scope].parent;
        }
        if super::builtins::is_known(name) {
            return Ok(Value::Builtin(name.into()));
        }
        let message = match super::builtins::reaches_outside(name) {
            true => format!("{name} is not evaluated: rules have no files, commands and clock"),
            false => format!("{name} is not known here"),
        };
        Err(flaw(node, message))
    }

    fn list(&mut self, list: &[Node], node: &Node, scope: usize) -> Evaluated {
        let Some((head, rest)) = list.split_first() else { return Ok(Value::List(Rc::new(Vec::new()))) };
        if let Datum::Symbol(word) = &head.datum
            && let Some(value) = self.special(word, rest, node, scope)
        {
            return value;
        }
        let procedure = self.eval(head, scope)?;
        let arguments = rest.iter().map(|n| self.eval(n, scope)).collect::<Result<Vec<_>, _>>()?;
        self.call(&procedure, arguments, node)
    }

    /// Forms whose parts are not all evaluated.
    fn special(&mut self, word: &str, rest: &[Node], node: &Node, scope: usize) -> Option<Evaluated> {
        Some(match word {
            "quote" => rest.first().map_or(Ok(Value::Nothing), |n| self.plain(n)),
            "define" | "set!" => self.define(rest, node, scope),
            "lambda" => match rest.split_first() {
                Some((names, body)) => procedure(names, body, scope).map(|p| Value::Procedure(Rc::new(p))),
                None => Err(flaw(node, "lambda takes names and a body")),
            },
            "let" | "let*" | "letrec" => self.bind(word, rest, node, scope),
            "if" => match rest {
                [test, then] => self.choose(test, then, None, scope),
                [test, then, other] => self.choose(test, then, Some(other), scope),
                _ => Err(flaw(node, "if takes a condition and one or two forms")),
            },
            "when" | "unless" => match rest.split_first() {
                Some((test, body)) => match self.eval(test, scope) {
                    Ok(value) if truth(&value) == (word == "when") => self.body(body, scope),
                    other => other.map(|_| Value::Nothing),
                },
                None => Err(flaw(node, format!("{word} takes a condition"))),
            },
            "cond" => self.cond(rest, scope),
            "begin" => self.body(rest, scope),
            "and" | "or" => self.logic(word == "and", rest, scope),
            // What loads extensions has nothing to load here.
            "use" | "require-extension" | "require-library" | "import" => Ok(Value::Nothing),
            _ => return None,
        })
    }

    fn define(&mut self, rest: &[Node], node: &Node, scope: usize) -> Evaluated {
        let (name, value) = match rest.split_first() {
            Some((Node { datum: Datum::Symbol(name), .. }, [value])) => (name.clone(), self.eval(value, scope)?),
            Some((Node { datum: Datum::List(head), at, length }, body)) => match head.split_first() {
                Some((Node { datum: Datum::Symbol(name), .. }, names)) => {
                    let names = Node { datum: Datum::List(names.to_vec()), at: *at, length: *length };
                    (name.clone(), Value::Procedure(Rc::new(procedure(&names, body, scope)?)))
                }
                _ => return Err(flaw(node, "define takes a name and a value")),
            },
            _ => return Err(flaw(node, "define takes a name and a value")),
        };
        self.spend(10, node)?;
        self.scopes[scope].names.insert(name, value);
        Ok(Value::Nothing)
    }

    fn bind(&mut self, word: &str, rest: &[Node], node: &Node, scope: usize) -> Evaluated {
        let Some((Node { datum: Datum::List(pairs), .. }, body)) = rest.split_first() else {
            return Err(flaw(
                node,
                format!("{word} takes a list of names with values; loops with a name are not known"),
            ));
        };
        let inner = self.scope(scope);
        for pair in pairs {
            let Datum::List(parts) = &pair.datum else { return Err(flaw(pair, "a name and a value are wanted")) };
            let [Node { datum: Datum::Symbol(name), .. }, value] = &parts[..] else {
                return Err(flaw(pair, "a name and a value are wanted"));
            };
            let value = self.eval(value, if word == "let" { scope } else { inner })?;
            self.scopes[inner].names.insert(name.clone(), value);
        }
        self.body(body, inner)
    }

    fn scope(&mut self, parent: usize) -> usize {
        self.scopes.push(Scope { names: HashMap::new(), parent: Some(parent) });
        self.scopes.len() - 1
    }

    fn choose(&mut self, test: &Node, then: &Node, other: Option<&Node>, scope: usize) -> Evaluated {
        match (truth(&self.eval(test, scope)?), other) {
            (true, _) => self.eval(then, scope),
            (false, Some(other)) => self.eval(other, scope),
            (false, None) => Ok(Value::Nothing),
        }
    }

    fn cond(&mut self, clauses: &[Node], scope: usize) -> Evaluated {
        for clause in clauses {
            let Datum::List(parts) = &clause.datum else { return Err(flaw(clause, "a clause is a list")) };
            let Some((test, body)) = parts.split_first() else { continue };
            let value = match &test.datum {
                Datum::Symbol(word) if word == "else" => Value::Bool(true),
                _ => self.eval(test, scope)?,
            };
            if truth(&value) {
                return if body.is_empty() { Ok(value) } else { self.body(body, scope) };
            }
        }
        Ok(Value::Nothing)
    }

    fn logic(&mut self, all: bool, parts: &[Node], scope: usize) -> Evaluated {
        let mut value = Value::Bool(all);
        for part in parts {
            value = self.eval(part, scope)?;
            if truth(&value) != all {
                break;
            }
        }
        Ok(value)
    }

    fn body(&mut self, body: &[Node], scope: usize) -> Evaluated {
        let mut value = Value::Nothing;
        for node in body {
            value = self.eval(node, scope)?;
        }
        Ok(value)
    }

    pub(crate) fn call(&mut self, procedure: &Value, arguments: Vec<Value>, node: &Node) -> Evaluated {
        self.spend(1, node)?;
        match procedure {
            Value::Builtin(name) => self.builtin(name, arguments, node),
            Value::Procedure(procedure) => {
                let Procedure { names, rest, body, scope } = &**procedure;
                if arguments.len() < names.len() || (rest.is_none() && arguments.len() > names.len()) {
                    let text = format!("{} values are given where {} are taken", arguments.len(), names.len());
                    return Err(flaw(node, text));
                }
                if self.depth >= DEEPEST {
                    return Err(flaw(node, format!("more than {DEEPEST} calls within calls")));
                }
                let inner = self.scope(*scope);
                let mut arguments = arguments.into_iter();
                for name in names {
                    let value = arguments.next().unwrap_or(Value::Nothing);
                    self.scopes[inner].names.insert(name.clone(), value);
                }
                if let Some(rest) = rest {
                    let left = Value::List(Rc::new(arguments.collect()));
                    self.scopes[inner].names.insert(rest.clone(), left);
                }
                self.depth += 1;
                let value = self.body(body, inner);
                self.depth -= 1;
                value
            }
            _ => Err(flaw(node, "this is called, but is no procedure")),
        }
    }
}

fn procedure(names: &Node, body: &[Node], scope: usize) -> Result<Procedure, Flaw> {
    let (mut plain, mut rest) = (Vec::new(), None);
    match &names.datum {
        Datum::Symbol(name) => rest = Some(name.clone()),
        Datum::List(list) => {
            let mut list = list.iter();
            while let Some(node) = list.next() {
                match &node.datum {
                    Datum::Symbol(dot) if dot == "." => match list.next().map(|n| &n.datum) {
                        Some(Datum::Symbol(name)) => rest = Some(name.clone()),
                        _ => return Err(flaw(node, "a name is wanted behind the dot")),
                    },
                    Datum::Symbol(name) => plain.push(name.clone()),
                    _ => return Err(flaw(node, "a name is wanted")),
                }
            }
        }
        _ => return Err(flaw(names, "names are wanted")),
    }
    Ok(Procedure { names: plain, rest, body: body.to_vec(), scope })
}

pub(crate) fn truth(value: &Value) -> bool {
    !matches!(value, Value::Bool(false))
}

pub(crate) fn flaw(node: &Node, message: impl Into<String>) -> Flaw {
    Flaw::new(node.at, node.length, message)
}
