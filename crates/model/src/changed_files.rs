//! Names of changed files, put into commands: `{changed_files:*.py}` and `{no_changed_files:*.py:+text}`.
//!
//! They can stand in a command, in its environment and in its standard input:
//!
//! | where | becomes |
//! |---|---|
//! | a word of a list | the word once for each file; without any, no word |
//! | a text for the shell | the names, quoted, with blanks between |
//! | a variable, standard input | the names, one a line |
//!
//! An empty text behind `:-` is no word either, and stands in for too many files as well; to `no_changed_files`, too
//! many are as good as none.
//!
//! A name that begins with `-` gets `./` before it, so that no program takes it for an option.

use crate::glob::is_like;
use crate::shell::quoted;
use crate::{CommandLine, Form, Lookup, Piece, ShellSpec, StepAction, Text};
use std::borrow::Cow;

/// More files than so many are too many for one command.
pub const MOST: usize = 1000;

/// Names of more bytes than so many in all are too many for one command.
pub const MOST_BYTES: usize = 100_000;

/// The action with the names of these files in place. What does not ask for them is left alone.
///
/// # Errors
/// A sentence: there are too many, or none where some are needed, or they are asked for in a way that cannot be.
pub fn put_in<'a>(action: &'a StepAction, files: &[String]) -> Result<Cow<'a, StepAction>, String> {
    if !is_wanted(action) {
        return Ok(Cow::Borrowed(action));
    }
    let mut action = action.clone();
    match &mut action {
        StepAction::Shell(shell) | StepAction::MasterShell(shell) => put_into(shell, files)?,
        StepAction::Sequence(sequence) => {
            for part in &mut sequence.parts {
                part.command = command(&part.command, files)?;
            }
            put_into(&mut sequence.shell, files)?;
        }
        _ => {}
    }
    Ok(Cow::Owned(action))
}

/// Whether a command asks for changed files.
pub fn is_wanted(action: &StepAction) -> bool {
    let asks = |text: &Text| text.lookups().into_iter().any(|of| matches!(of, Lookup::ChangedFiles { .. }));
    let command = |command: &CommandLine| match command {
        CommandLine::Words(words) => words.iter().any(asks),
        CommandLine::Script(script) => asks(script),
    };
    let shell = |shell: &ShellSpec| {
        command(&shell.command) || shell.env.values().any(asks) || shell.initial_stdin.as_ref().is_some_and(asks)
    };
    match action {
        StepAction::Shell(spec) | StepAction::MasterShell(spec) => shell(spec),
        StepAction::Sequence(spec) => shell(&spec.shell) || spec.parts.iter().any(|part| command(&part.command)),
        _ => false,
    }
}

fn put_into(shell: &mut ShellSpec, files: &[String]) -> Result<(), String> {
    shell.command = command(&shell.command, files)?;
    for text in shell.env.values_mut().chain(&mut shell.initial_stdin) {
        *text = joined(text, files, &|names| names.join("\n"))?;
    }
    Ok(())
}

fn command(command: &CommandLine, files: &[String]) -> Result<CommandLine, String> {
    Ok(match command {
        CommandLine::Script(script) => {
            let words = |names: &[&str]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(" ");
            CommandLine::Script(joined(script, files, &words)?)
        }
        CommandLine::Words(written) => {
            let mut words = Vec::with_capacity(written.len());
            for word in written {
                words.extend(repeated(word, files)?);
            }
            CommandLine::Words(words)
        }
    })
}

/// What stands in the place of a lookup.
enum Found<'a> {
    /// Another text: what its form says.
    Text(&'a Text),
    /// Nothing.
    Nothing,
    /// Names.
    Names(Vec<&'a str>),
}

/// What a piece comes to; `None`: it does not ask for changed files.
fn find<'a>(piece: &'a Piece, files: &'a [String]) -> Result<Option<Found<'a>>, String> {
    let Piece::Lookup { of: Lookup::ChangedFiles { globs, none }, form } = piece else { return Ok(None) };
    let names: Vec<&str> = files.iter().map(String::as_str).filter(|file| fits(globs, file)).collect();
    let too_many = names.len() > MOST || names.iter().map(|name| name.len() + 1).sum::<usize>() > MOST_BYTES;
    Ok(Some(match form {
        Form::IfSet(text) if (names.is_empty() || *none && too_many) == *none => Found::Text(text),
        Form::IfSet(_) => Found::Nothing,
        _ if *none => return Err("no_changed_files needs a text after :+".to_owned()),
        Form::OrElse(text) | Form::OrElseIfFalse(text) if names.is_empty() || too_many => {
            match text.written().is_empty() {
                true => Found::Names(Vec::new()),
                false => Found::Text(text),
            }
        }
        Form::OrFail(message) if names.is_empty() => return Err(message.clone()),
        _ if too_many => {
            let most = MOST_BYTES / 1000;
            let (n, what) =
                (names.len(), if globs.is_empty() { String::new() } else { format!(" of {}", globs.join(",")) });
            return Err(format!(
                "{n} files{what} were changed; {MOST} of {most} kB in all can be put into a command: say what stands in \
                 for more, {{changed_files:-…}}"
            ));
        }
        _ => Found::Names(names),
    }))
}

/// A word, once for each file.
fn repeated(word: &Text, files: &[String]) -> Result<Vec<Text>, String> {
    let Text::Pieces(pieces) = word else { return Ok(vec![word.clone()]) };
    for (at, piece) in pieces.iter().enumerate() {
        let around = |inner: Vec<Piece>| {
            let parts = [&pieces[..at], &inner, &pieces[at + 1..]];
            Text::Pieces(parts.concat())
        };
        return match find(piece, files)? {
            None => continue,
            // Another one may follow.
            Some(Found::Text(text)) => repeated(&around(pieces_of(text)), files),
            Some(Found::Nothing) if pieces.len() == 1 => Ok(Vec::new()),
            Some(Found::Nothing) => repeated(&around(Vec::new()), files),
            Some(Found::Names(names)) => {
                let words: Vec<Text> =
                    names.iter().map(|name| around(vec![Piece::Literal(plain(name).into_owned())])).collect();
                match words.iter().any(|word| word.lookups().iter().any(|of| matches!(of, Lookup::ChangedFiles { .. })))
                {
                    true => Err("a word has changed files in it twice".to_owned()),
                    false => Ok(words),
                }
            }
        };
    }
    Ok(vec![word.clone()])
}

/// A text with all names in it.
fn joined(text: &Text, files: &[String], join: &dyn Fn(&[&str]) -> String) -> Result<Text, String> {
    let Text::Pieces(pieces) = text else { return Ok(text.clone()) };
    let mut done = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match find(piece, files)? {
            None => done.push(piece.clone()),
            Some(Found::Nothing) => {}
            Some(Found::Text(text)) => done.extend(pieces_of(&joined(text, files, join)?)),
            Some(Found::Names(names)) => {
                let names: Vec<Cow<'_, str>> = names.into_iter().map(plain).collect();
                let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
                done.push(Piece::Literal(join(&names)));
            }
        }
    }
    Ok(Text::Pieces(done))
}

fn pieces_of(text: &Text) -> Vec<Piece> {
    match text {
        Text::Plain(plain) => vec![Piece::Literal(plain.clone())],
        Text::Pieces(pieces) => pieces.clone(),
    }
}

/// A name that no program takes for an option.
fn plain(name: &str) -> Cow<'_, str> {
    if name.starts_with('-') { Cow::Owned(format!("./{name}")) } else { Cow::Borrowed(name) }
}

/// Whether a name is like one of the patterns, or there are none. No command takes a name with a NUL.
fn fits(globs: &[String], name: &str) -> bool {
    !name.is_empty() && !name.contains('\0') && (globs.is_empty() || globs.iter().any(|glob| is_like(glob, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(globs: &[&str], none: bool, form: Form) -> Piece {
        let globs = globs.iter().map(|glob| (*glob).to_owned()).collect();
        Piece::Lookup { of: Lookup::ChangedFiles { globs, none }, form }
    }

    fn text(pieces: &[Piece]) -> Text {
        Text::Pieces(pieces.to_vec())
    }

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.to_owned())
    }

    fn files(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// The words, or the text, that a command comes to.
    fn put(command: CommandLine, names: &[&str]) -> Result<String, String> {
        let files = files(names);
        let action = StepAction::Shell(ShellSpec::new(command));
        let put = put_in(&action, &files)?;
        let StepAction::Shell(shell) = put.as_ref() else { return Err("no command".to_owned()) };
        Ok(match &shell.command {
            CommandLine::Words(words) => words.iter().map(Text::written).collect::<Vec<_>>().join("|"),
            CommandLine::Script(script) => script.written(),
        })
    }

    #[test]
    fn a_word_stands_once_for_each_file() {
        let all = ["a.py", "docs/b.md", "lib/c d.py", "-rf.py", "x\0.py"];
        let py = |form| of(&["*.py"], false, form);
        let or = |text: &str| Form::OrElse(text.into());
        let cases: Vec<(Vec<Piece>, &[&str], &str)> = vec![
            (vec![py(Form::Value)], &all, "lint|a.py|lib/c d.py|./-rf.py"),
            (vec![of(&[], false, Form::Value)], &all, "lint|a.py|docs/b.md|lib/c d.py|./-rf.py"),
            (vec![of(&["*.md", "a.?y"], false, Form::Value)], &all, "lint|a.py|docs/b.md"),
            (vec![literal("--file="), py(Form::Value)], &all, "lint|--file=a.py|--file=lib/c d.py|--file=./-rf.py"),
            (vec![py(Form::Value)], &["b.md"], "lint"),
            (vec![literal("--file="), py(Form::Value)], &[], "lint"),
            (vec![py(or("all"))], &["b.md"], "lint|all"),
            (vec![py(or("all"))], &["b.py"], "lint|b.py"),
            (vec![literal("--file="), py(or(""))], &["b.md"], "lint"),
            (vec![py(Form::IfSet("--some".into()))], &all, "lint|--some"),
            (vec![py(Form::IfSet("--some".into()))], &[], "lint"),
            (vec![literal("a"), py(Form::IfSet("--some".into()))], &[], "lint|a"),
            (vec![of(&["*.py"], true, Form::IfSet("--all".into()))], &["b.md"], "lint|--all"),
            (vec![of(&["*.py"], true, Form::IfSet("--all".into()))], &["b.py"], "lint"),
            (vec![py(Form::OrFail("no Python".to_owned()))], &["b.py"], "lint|b.py"),
        ];
        for (pieces, names, expected) in cases {
            let words = vec![Text::from("lint"), text(&pieces)];
            assert_eq!(put(CommandLine::Words(words), names).as_deref(), Ok(expected), "{pieces:?}");
        }
        let words = |pieces: &[Piece]| CommandLine::Words(vec![text(pieces)]);
        let twice = words(&[py(Form::Value), py(Form::Value)]);
        assert_eq!(put(twice, &["b.py"]), Err("a word has changed files in it twice".to_owned()));
        let needed = words(&[py(Form::OrFail("no Python".to_owned()))]);
        assert_eq!(put(needed, &[]), Err("no Python".to_owned()));
    }

    #[test]
    fn a_text_for_the_shell_has_them_quoted() {
        let script = |form| CommandLine::Script(text(&[literal("lint "), of(&[], false, form), literal(" end")]));
        let hostile = ["a.py", "b c", "it's", "$(reboot)", "-x", "é;", "a\nb"];
        let said = put(script(Form::Value), &hostile);
        assert_eq!(said.as_deref(), Ok("lint a.py 'b c' 'it'\\''s' '$(reboot)' ./-x 'é;' 'a\nb' end"));
        assert_eq!(put(script(Form::Value), &[]).as_deref(), Ok("lint  end"));
        assert_eq!(put(script(Form::OrElse(".".into())), &[]).as_deref(), Ok("lint . end"));
    }

    #[test]
    fn too_many_are_an_error_unless_something_stands_in() {
        let names: Vec<String> = (0..=MOST).map(|n| format!("f{n}.py")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let word = |form| CommandLine::Words(vec![text(&[of(&["*.py"], false, form)])]);
        let why = put(word(Form::Value), &names).unwrap_err();
        assert!(why.starts_with("1001 files of *.py were changed; 1000 of 100 kB in all"), "{why}");
        assert_eq!(put(word(Form::OrElse(".".into())), &names).as_deref(), Ok("."));
        assert_eq!(put(word(Form::OrElse("".into())), &names).as_deref(), Ok(""));
        for (none, said) in [(true, "all"), (false, "all")] {
            let words = CommandLine::Words(vec![text(&[of(&["*.py"], none, Form::IfSet("all".into()))])]);
            assert_eq!(put(words, &names).as_deref(), Ok(said));
        }
        assert_eq!(put(word(Form::Value), &names[1..]).map(|words| words.split('|').count()), Ok(MOST));
        let long = "d/".repeat(30_000) + "x.py";
        assert!(put(word(Form::Value), &[long.as_str()]).is_ok());
        assert!(put(word(Form::Value), &[long.as_str(), long.as_str()]).is_err());
    }

    #[test]
    fn variables_and_standard_input_have_one_a_line() {
        let mut shell = ShellSpec::new(CommandLine::script("x"));
        shell.env.insert("FILES".to_owned(), text(&[of(&["*.py"], false, Form::Value)]));
        shell.initial_stdin = Some(text(&[of(&[], false, Form::Value), literal("\n")]));
        let action = StepAction::Shell(shell);
        assert!(is_wanted(&action));
        let put = put_in(&action, &files(&["a.py", "b c.py", "d"])).unwrap();
        let StepAction::Shell(shell) = put.as_ref() else { panic!("no command") };
        assert_eq!(shell.env["FILES"].written(), "a.py\nb c.py");
        assert_eq!(shell.initial_stdin.as_ref().map(Text::written).as_deref(), Some("a.py\nb c.py\nd\n"));
        assert!(!is_wanted(&StepAction::Shell(ShellSpec::new(CommandLine::script("x")))));
    }
}
