//! Who gets a letter: addresses from authors.

use crate::words;
use lettre::Address;
use lettre::message::Mailbox;
use model::{Functions, MailLookup, MailSpec, Results, Value};
use std::collections::BTreeSet;

/// More people than this get no letter about one build: the rest is not told.
const MOST: usize = 200;

/// Who gets a letter, or who cannot get one, and why.
pub(crate) type Person = Result<Mailbox, (String, String)>;

/// Everybody who gets a letter about a build with changes by these authors, each once.
pub(crate) fn all<'a>(
    spec: &MailSpec,
    authors: impl Iterator<Item = &'a str>,
    results: Results,
    functions: &dyn Functions,
) -> Vec<Person> {
    let extra = spec.extra_recipients.iter().map(|text| Some(mailbox(text).ok_or_else(|| no_address(text))));
    // What the machine did is nobody's fault, and neither is what somebody stopped.
    let asked = spec.send_to_interested_users && !matches!(results, Results::Exception | Results::Cancelled);
    let mut names = BTreeSet::new();
    let authors = authors.filter(|_| asked).filter(|author| names.insert(*author)).take(MOST);
    let interested: Vec<_> = authors.map(|author| interested(spec, author, functions)).collect();
    let mut seen = BTreeSet::new();
    let everybody = extra.chain(interested).flatten();
    let once = everybody.filter(|person| match person {
        Ok(mailbox) => seen.insert(mailbox.email.to_string().to_lowercase()),
        Err((who, _)) => seen.insert(who.clone()),
    });
    once.take(MOST).collect()
}

/// The author of a change. `None`: nobody is to be told.
fn interested(spec: &MailSpec, author: &str, functions: &dyn Functions) -> Option<Person> {
    let author = words::line(author, 200);
    let own = own_address(&author);
    let name = author.split('<').next().unwrap_or_default().trim();
    let failed = |why: String| Some(Err((author.clone(), words::line(&why, 500))));
    match &spec.lookup {
        None => own.map(Ok).or_else(|| failed(nobody_knows(name))),
        Some(MailLookup::Append(domain)) => {
            let made = || mailbox(&format!("{name}@{domain}"));
            own.or_else(made).map(Ok).or_else(|| failed(format!("{name}@{domain} is no address")))
        }
        Some(MailLookup::Table(table)) => {
            let address = own.as_ref().map(|m| m.email.to_string()).unwrap_or_default();
            let entry = [author.as_str(), name, &address].into_iter().find_map(|key| table.get(key));
            let known = entry.and_then(|text| mailbox(text));
            known.or(own).map(Ok).or_else(|| failed(nobody_knows(name)))
        }
        Some(MailLookup::Function(function)) => match functions.call(function, &[Value::Text(author.clone())]) {
            Ok(Value::Null) => None,
            Ok(Value::Text(text)) => match mailbox(&text) {
                Some(mailbox) => Some(Ok(mailbox)),
                None => failed(format!("{} answers with {:?}, which is no address", function.name, cut(&text))),
            },
            Ok(_) => failed(format!("{} answers with something that is no text", function.name)),
            Err(e) => failed(e.message),
        },
    }
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

fn nobody_knows(name: &str) -> String {
    format!("nobody knows the address of {name}; lookup of the reporter says how to find it")
}

fn no_address(text: &str) -> (String, String) {
    (words::line(text, 200), "is no address".to_owned())
}

/// The address that stands in an author's name: `Ada Lovelace <ada@example.org>`, or all of it.
fn own_address(author: &str) -> Option<Mailbox> {
    mailbox(author)
}

/// A name and an address, or an address alone. Nothing of it can become another line or another address: the address is
/// parsed, and the name is encoded when it is written.
pub(crate) fn mailbox(text: &str) -> Option<Mailbox> {
    let text = text.trim();
    if text.chars().any(char::is_control) || text.len() > 1000 {
        return None;
    }
    let (name, address) = match text.strip_suffix('>').and_then(|t| t.rsplit_once('<')) {
        Some((name, address)) => (name.trim().trim_matches('"'), address),
        None => ("", text),
    };
    let address: Address = address.trim().parse().ok()?;
    let name = words::line(name, 100);
    Some(Mailbox::new((!name.is_empty()).then_some(name), address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::tests::spec;
    use model::{CallError, FunctionRef, Place};

    #[derive(Debug)]
    struct Asked;

    impl Functions for Asked {
        fn call(&self, _: &FunctionRef, arguments: &[Value]) -> Result<Value, CallError> {
            match arguments {
                [Value::Text(who)] if who == "ada" => Ok(Value::Text("Ada <ada@people.example>".to_owned())),
                [Value::Text(who)] if who == "bot" => Ok(Value::Null),
                [Value::Text(who)] if who == "odd" => Ok(Value::Int(7)),
                [Value::Text(who)] if who == "sly" => Ok(Value::Text("a@b.example\r\nBcc: all@b.example".to_owned())),
                _ => Err(CallError { message: "find (master.star:1:1): it takes too long".to_owned() }),
            }
        }
    }

    fn told(lookup: Option<MailLookup>, authors: &[&str], results: Results) -> Vec<String> {
        let spec = MailSpec { lookup, send_to_interested_users: true, ..spec() };
        let people = all(&spec, authors.iter().copied(), results, &Asked);
        people.into_iter().map(|p| p.map_or_else(|(who, why)| format!("{who}: {why}"), |m| m.to_string())).collect()
    }

    #[test]
    fn authors_become_addresses() {
        let append = Some(MailLookup::Append("example.org".to_owned()));
        assert_eq!(
            told(append, &["ada", "Bob <bob@home.example>", "ada", "Ada Lovelace"], Results::Failure),
            [
                "dev@example.org",
                "ada@example.org",
                "Bob <bob@home.example>",
                "Ada Lovelace: Ada Lovelace@example.org is no address"
            ]
        );
        let entries = [("ada", "ada@one.example"), ("Bob", "bob@two.example"), ("c@home.example", "cy@three.example")];
        let table = entries.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        assert_eq!(
            told(
                Some(MailLookup::Table(table)),
                &["ada", "Bob <b@x.example>", "Cy <c@home.example>", "dan"],
                Results::Failure
            ),
            [
                "dev@example.org",
                "ada@one.example",
                "bob@two.example",
                "cy@three.example",
                "dan: nobody knows the address of dan; lookup of the reporter says how to find it"
            ]
        );
        assert_eq!(
            told(None, &["Dev <DEV@example.org>", "eve"], Results::Success),
            ["dev@example.org", "eve: nobody knows the address of eve; lookup of the reporter says how to find it"]
        );
    }

    #[test]
    fn a_function_that_is_no_help_costs_one_person_the_letter() {
        let place = Place { file: "master.star".to_owned(), line: 1, column: 1 };
        let find = MailLookup::Function(FunctionRef { name: "find".to_owned(), place, digest: String::new() });
        assert_eq!(
            told(Some(find), &["ada", "bot", "odd", "sly", "loop"], Results::Failure),
            [
                "dev@example.org",
                "Ada <ada@people.example>",
                "odd: find answers with something that is no text",
                "sly: find answers with \"a@b.example\\r\\nBcc: all@b.example\", which is no address",
                "loop: find (master.star:1:1): it takes too long",
            ]
        );
    }

    #[test]
    fn nobody_is_blamed_for_the_machine() {
        for results in [Results::Exception, Results::Cancelled] {
            assert_eq!(told(None, &["Ada <ada@example.org>"], results), ["dev@example.org"]);
        }
    }

    #[test]
    fn hostile_authors_are_no_second_address() {
        let cases = [
            ("x <a@b.example>\r\nBcc: c@d.example", None),
            ("a@b.example, c@d.example", None),
            ("<a@b.example> <c@d.example>", Some("c@d.example")),
            ("a@b.example>", None),
            ("\u{202e}gro.elpmaxe@a <a@example.org>", Some("a@example.org")),
            ("Ünïcødé 🎉 <u@example.org>", Some("u@example.org")),
            ("<>", None),
            ("", None),
            ("@", None),
        ];
        for (author, address) in cases {
            let own = own_address(author).map(|m| m.email.to_string());
            assert_eq!(own.as_deref(), address, "{author}");
        }
        assert_eq!(own_address(&format!("{} <a@b.example>", "x".repeat(1 << 20))), None);
    }
}
