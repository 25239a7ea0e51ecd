//! What Python has and Starlark has not, and how the rest is spelled.

/// A name that an import brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) module: String,
    /// What is imported of it.
    pub(super) name: String,
    /// What it is called here.
    pub(super) local: Option<String>,
    pub(super) of_buildbot: bool,
}

/// The names that a statement imports; `None` when it is no import. `code` has no texts and no comments.
pub(super) fn imported(code: &str) -> Option<Vec<Import>> {
    // Twisted was the home of a few modules that the manual imports.
    let of_buildbot = |module: &str| matches!(module.split('.').next(), Some("buildbot" | "twisted"));
    if let Some(rest) = code.strip_prefix("import ") {
        let modules = rest.split(',').map(|part| {
            let mut words = part.split_whitespace();
            let module = words.next().unwrap_or("").to_owned();
            let local = words.nth(1).map(str::to_owned);
            // `import buildbot.changes.pb` makes `buildbot` known; with `as` it is the last part that gets the name.
            let name = if local.is_some() { module.rsplit('.').next() } else { module.split('.').next() };
            Import { name: name.unwrap_or("").to_owned(), local, of_buildbot: of_buildbot(&module), module }
        });
        return Some(modules.collect());
    }
    let rest = code.strip_prefix("from ")?;
    let (module, names) = rest.split_once(" import ")?;
    let module = module.trim();
    let names = names.replace(['(', ')', '\\', '\n'], " ");
    let names = names.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| {
        let mut words = part.split_whitespace();
        let name = words.next().unwrap_or("").to_owned();
        let local = words.nth(1).map(str::to_owned);
        Import { module: module.to_owned(), name, local, of_buildbot: of_buildbot(module) }
    });
    Some(names.collect())
}

/// What to say of a block that has no like: all of it is left out.
pub(super) fn block_without_like(code: &str) -> Option<String> {
    let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    if let Some(rest) = code.strip_prefix("class ") {
        let help = match code.contains("ShellCommand") || code.contains("BuildStep") {
            true => "write a function that answers with a step: def name(**kwargs): return steps.shell(…, reader = …)",
            false => "write a function, or struct(…)",
        };
        return Some(format!("there are no classes ({}); {help}", name(rest)));
    }
    let word = name(code);
    match word.as_str() {
        "try" | "except" | "finally" => Some("there are no exceptions".to_owned()),
        "while" => Some("there are no while loops; write for with range(…)".to_owned()),
        "with" => Some("there is no with: a configuration opens nothing".to_owned()),
        _ if code.starts_with('@') => Some("there are no decorators".to_owned()),
        _ => None,
    }
}

/// What to say of a statement that has no like.
pub(super) fn statement_without_like(code: &str) -> Option<String> {
    let word: String = code.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let what = match word.as_str() {
        "print" if !code.starts_with("print(") => "print is a function: print(…)",
        "raise" => "there are no exceptions; fail(\"…\") ends the evaluation",
        "assert" => "write if … and fail(\"…\")",
        "exec" | "execfile" | "eval" => {
            "nothing can be executed; load(\"other.star\", \"name\") takes names from a file"
        }
        "global" | "nonlocal" => "a function cannot assign to outer names; it returns values",
        "del" => "nothing can be deleted; dict.pop(…) takes an entry out",
        "yield" => "there are no generators; return a list",
        _ => return attribute(code),
    };
    Some(what.to_owned())
}

/// `f.useProgress = False`: attributes cannot be set.
fn attribute(code: &str) -> Option<String> {
    let (left, right) = code.split_once('=')?;
    let left = left.trim();
    if right.starts_with('=') || left.ends_with(['!', '<', '>', '+', '-', '*', '/', '%', '|', '&']) {
        return None;
    }
    let (object, name) = left.rsplit_once('.')?;
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    if !is_name(object) || !is_name(name) {
        return None;
    }
    let right = right.trim();
    Some(match name {
        "useProgress" => format!("attributes cannot be set; write factory.BuildFactory(…, useProgress = {right})"),
        _ => format!("attributes cannot be set; give {name} where {object} is made"),
    })
}

/// Words that mean something in Python alone: the line is kept, and looked at by its owner.
pub(super) fn doubtful(code: &str) -> Vec<String> {
    const WORDS: [(&str, &str); 12] = [
        ("os", "a configuration sees nothing of the machine; secret(\"…\") reads a file or a variable"),
        ("sys", "a configuration sees nothing of the machine"),
        ("open", "a configuration opens no files; secret(\"…\") reads one"),
        ("file", "a configuration opens no files; secret(\"…\") reads one"),
        ("basedir", "basedir is not known; paths are relative to it already"),
        ("re", "there are no regular expressions in the language; regex(\"…\") is one for a filter"),
        ("isinstance", "write type(x) == \"string\""),
        ("reduce", "write a for loop"),
        ("sum", "write a for loop"),
        ("set", "write {…} or a dict"),
        ("is", "compare with =="),
        ("unicode", "every text is Unicode"),
    ];
    let words: Vec<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').collect();
    let first = |word: &&str| word.split('.').next().unwrap_or("").to_owned();
    let used: Vec<String> = words.iter().map(first).collect();
    let found = WORDS.iter().filter(|(word, _)| used.iter().any(|used| used == word));
    found.map(|(word, what)| format!("{word}: {what}")).collect()
}

/// `c = BuildmasterConfig = {}` in two lines.
pub(super) fn dictionary(statement: &str) -> String {
    let plain: String = statement.split('#').next().unwrap_or("").split_whitespace().collect();
    match plain.as_str() {
        "c=BuildmasterConfig={}" | "BuildmasterConfig=c={}" => "c = {}\nBuildmasterConfig = c".to_owned(),
        _ => statement.to_owned(),
    }
}

/// Code in the spelling of Starlark: octal numbers, long numbers, `<>`.
pub(super) fn spelled(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let in_word = before.is_alphanumeric() || matches!(before, '_' | '.');
        if c.is_ascii_digit() && !in_word {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            let number = rest[..end].trim_end_matches(['L', 'l']);
            let is_octal = number.len() > 1 && number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit());
            if is_octal {
                out.push_str("0o");
                out.push_str(number.trim_start_matches('0').trim_start_matches('o'));
                if number.bytes().all(|b| b == b'0') {
                    out.push('0');
                }
            } else {
                out.push_str(number);
            }
            rest = &rest[end..];
            before = '0';
            continue;
        }
        if rest.starts_with("<>") {
            out.push_str("!=");
            rest = &rest[2..];
            before = '=';
            continue;
        }
        out.push(c);
        before = c;
        rest = &rest[c.len_utf8()..];
    }
    out.replace('\t', "        ")
}

/// A text without the letter that Python 2 has for Unicode.
pub(super) fn text(text: &str) -> String {
    match text.strip_prefix(['u', 'U']) {
        Some(rest) if rest.starts_with(['"', '\'', 'r', 'R']) => rest.to_owned(),
        _ => text.to_owned(),
    }
}
