//! `reporters.…`: who is told of builds.

use super::{Def, Param, p, top};
use crate::call::{Call, Outcome, Wrong};
use crate::names::{self, quoted};
use crate::registry::Made;
use crate::{address, given};
use model::worker::Secret;
use model::{
    AddLogs, HttpReportSpec, MailLookup, MailSpec, MailTls, Occasions, ReportMode, ReporterKind, ReporterSpec, Span,
};
use starlark::values::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Which builds: the same for all targets.
const OCCASIONS: &[Param] = &[
    p(
        "mode",
        "list of \"change\", \"problem\", \"failing\", \"passing\", \"warnings\", \"exception\" and \"cancelled\", or one of them, or \"all\"",
        "[\"change\"]",
    ),
    p("builders", "list of builders", "all"),
    p("tags", "list of tags: builders with any of them", "all"),
    p("branches", "list of names of branches; None in it is the default branch", "all"),
    p("schedulers", "list of schedulers that asked for the build", "all"),
    p("give_up_after", "duration after which a message that cannot be sent is given up", "\"72h\""),
    p("name", "text", "what it is, with a number"),
];

pub(super) const MAIL: Def = Def {
    path: "reporters.mail",
    summary: "Writes a letter to each person about a build that has ended.",
    example: "reporters.mail(from_addr = \"ci@example.org\", extra_recipients = [\"dev@example.org\"], mode = [\"failing\", \"problem\"])",
    groups: &[
        &[
            p("from_addr", "address that the letters come from", ""),
            p("extra_recipients", "list of addresses that get every letter", "[]"),
            p("send_to_interested_users", "True or False: the authors of a build's changes get its letters", "True"),
            p(
                "lookup",
                "domain that is put behind an author's name, or a dict of addresses by author, or a function: given the author, it answers with an address or None",
                "the address in the author's name",
            ),
            p(
                "subject",
                "text with {project}, {builder}, {number}, {result}, {sentence}, {branch}, {revision}, {step} in it",
                "\"{project}: {sentence} (build {number})\"",
            ),
            p("add_logs", "True or False, or a list of names of logs (`stdio`, `test.stdio`) that come along", "False"),
            p("log_limit", "how many bytes of each log come along: its end", "100000"),
            p("relayhost", "host that takes the letters", "\"localhost\""),
            p("port", "its port", "25, 587 with a user, 465 with tls = \"tls\""),
            p("user", "name for it", "None"),
            p("password", "secret, or a text", "None"),
            p("tls", "\"none\", \"starttls\" or \"tls\"", "\"none\", or \"starttls\" with a user"),
        ],
        OCCASIONS,
    ],
    by_position: 0,
    required: &["from_addr"],
    in_pipelines: false,
    run: mail,
};

pub(super) const HTTP: Def = Def {
    path: "reporters.http",
    summary: "Posts a document to an address about a build that has ended: JSON in the shape of the REST interface, with \
              the builder, the steps and the changes in it. The header `X-Sluice-Delivery` is the same whenever the same \
              document comes again; `X-Sluice-Signature` is `sha256=` and the HMAC of the body under the secret.",
    example: "reporters.http(\"https://hooks.example.org/builds\", mode = \"all\")",
    groups: &[
        &[
            p("url", "address", ""),
            p("secret", "secret, or a text: signs the body", "None"),
            p("headers", "dict of more headers; values may be secrets", "{}"),
        ],
        OCCASIONS,
    ],
    by_position: 1,
    required: &["url"],
    in_pipelines: false,
    run: http,
};

/// Which letters a relay takes over an open line only from itself.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

fn mail(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let extra_recipients = call.texts("extra_recipients", "a list of addresses")?.unwrap_or_default();
    if let Some(bad) = extra_recipients.iter().find(|a| address::mail(a).is_err()) {
        let message = format!("extra_recipients of reporters.mail has {} in it, which is no address", quoted(bad));
        return Err(call.wrong_value("extra_recipients", message).help("an address is like dev@example.org"));
    }
    let login = login(call)?;
    let relayhost = call.formed("relayhost", address::host)?.unwrap_or_else(|| "localhost".to_owned());
    let tls = match call.text("tls")?.as_deref() {
        None if login.is_some() && !LOCAL.contains(&relayhost.as_str()) => MailTls::StartTls,
        None | Some("none") => MailTls::Nothing,
        Some("starttls") => MailTls::StartTls,
        Some("tls") => MailTls::Tls,
        Some(other) => {
            let message = format!("tls of reporters.mail is {}", quoted(other));
            return Err(call.wrong_value("tls", message).help("it is \"none\", \"starttls\" or \"tls\""));
        }
    };
    if tls == MailTls::Nothing && login.is_some() && !LOCAL.contains(&relayhost.as_str()) {
        let message = "reporters.mail sends a password over an open line";
        return Err(call.wrong_value("tls", message).help("tls is \"starttls\" or \"tls\" where there is a user"));
    }
    let port = match (tls, &login) {
        (MailTls::Tls, _) => 465,
        (MailTls::StartTls, Some(_)) => 587,
        _ => 25,
    };
    let spec = MailSpec {
        from_addr: call.formed("from_addr", address::mail)?.unwrap_or_default(),
        extra_recipients,
        send_to_interested_users: call.truth("send_to_interested_users", true)?,
        lookup: lookup(call)?,
        subject: subject(call)?,
        add_logs: add_logs(call)?,
        log_limit: u64::try_from(call.number("log_limit", 1, 20_000_000, 100_000)?).unwrap_or_default(),
        relayhost,
        port: u16::try_from(call.number("port", 1, 65_535, port)?).unwrap_or_default(),
        login,
        tls,
    };
    if spec.from_addr.is_empty() {
        return Err(call.wrong_value("from_addr", "reporters.mail needs from_addr").boxed());
    }
    if spec.extra_recipients.is_empty() && !spec.send_to_interested_users {
        let message = "reporters.mail has nobody to write to";
        let help = "name extra_recipients, or let send_to_interested_users be True";
        return Err(call.wrong_value("extra_recipients", message).help(help));
    }
    register(call, "mail", ReporterKind::Mail(spec))
}

fn login(call: &Call<'_, '_>) -> Result<Option<(String, Secret)>, Wrong> {
    match (call.text("user")?, call.secret("password")?) {
        (Some(user), Some(password)) => Ok(Some((user, password))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(call.wrong_value("user", "reporters.mail has a user and no password").boxed()),
        (None, Some(_)) => Err(call.wrong_value("password", "reporters.mail has a password and no user").boxed()),
    }
}

fn lookup(call: &Call<'_, '_>) -> Result<Option<MailLookup>, Wrong> {
    let Some(value) = call.some("lookup") else { return Ok(None) };
    if value.unpack_str().is_some() {
        let domain = call.text("lookup")?.unwrap_or_default();
        let domain = domain.strip_prefix('@').unwrap_or(&domain);
        return match address::mail(&format!("someone@{domain}")) {
            Ok(()) => Ok(Some(MailLookup::Append(domain.to_owned()))),
            Err(_) => {
                let message = format!("lookup of reporters.mail is {}, which is no domain", quoted(domain));
                Err(call.wrong_value("lookup", message).help("a domain is like example.org"))
            }
        };
    }
    if given::is_function(value) {
        return Ok(call.function("lookup")?.map(MailLookup::Function));
    }
    let mut table = BTreeMap::new();
    for (who, found) in call.entries("lookup", "a domain, a dict of addresses by author, or a function")? {
        let Some(found) = found.unpack_str().filter(|text| address::mail(text).is_ok()) else {
            let message = format!("lookup of reporters.mail has {} for {}", given::describe(found), quoted(who));
            return Err(call.wrong_value("lookup", message).help("an address is like dev@example.org"));
        };
        table.insert(call.keep(who)?, call.keep(found)?);
    }
    Ok(Some(MailLookup::Table(table)))
}

/// What may stand in the subject.
const WORDS: [&str; 8] = ["project", "builder", "number", "result", "sentence", "branch", "revision", "step"];

fn subject(call: &Call<'_, '_>) -> Result<Option<String>, Wrong> {
    let Some(subject) = call.text("subject")? else { return Ok(None) };
    for part in subject.split('{').skip(1) {
        let name = part.split_once('}').map_or(part, |(name, _)| name);
        if !WORDS.contains(&name) {
            let message = format!("subject of reporters.mail names {}", quoted(name));
            let help = names::nearest(name, WORDS).map(|near| format!("did you mean {{{near}}}?"));
            let help = help.unwrap_or_else(|| format!("it may name {{{}}}", WORDS.join("}, {")));
            return Err(call.wrong_value("subject", message).help(help));
        }
    }
    Ok(Some(subject))
}

fn add_logs(call: &Call<'_, '_>) -> Result<AddLogs, Wrong> {
    let Some(value) = call.some("add_logs") else { return Ok(AddLogs::Nothing) };
    match value.unpack_bool() {
        Some(true) => Ok(AddLogs::All),
        Some(false) => Ok(AddLogs::Nothing),
        None => Ok(AddLogs::Named(call.names("add_logs", "logs")?)),
    }
}

fn http(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let mut headers = Vec::new();
    for (name, value) in call.entries("headers", "a dict of texts or secrets")? {
        let token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(token) {
            let message = format!("headers of reporters.http has a header named {}", quoted(name));
            return Err(call.wrong_value("headers", message).help("a name is of letters, digits and \"-\""));
        }
        let secret = call.to_secret("headers", value)?;
        if !secret.reveal().chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
            let message = format!("the header {} of reporters.http is more than a line of ASCII", quoted(name));
            return Err(call.wrong_value("headers", message).boxed());
        }
        headers.push((call.keep(name)?, secret));
    }
    let url = call.formed("url", address::web)?.unwrap_or_default();
    if url.is_empty() {
        return Err(call.wrong_value("url", "reporters.http needs url").boxed());
    }
    let spec = HttpReportSpec { url, secret: call.secret("secret")?, headers };
    register(call, "http", ReporterKind::Http(spec))
}

fn register(call: &Call<'_, '_>, word: &str, kind: ReporterKind) -> Result<Outcome, Wrong> {
    let given = call.formed("name", address::name)?;
    let occasions = occasions(call)?;
    let give_up_after = call.duration("give_up_after", Span::seconds(60))?.unwrap_or(Span::seconds(72 * 3600));
    let reporters = &mut call.registry.draft.borrow_mut().reporters;
    top::room_for_one(call, reporters.len())?;
    let taken = |name: &String| reporters.iter().any(|made| made.spec.name == *name);
    let mut numbered = std::iter::once(word.to_owned()).chain((2..).map(|n| format!("{word}-{n}")));
    let name = given.or_else(|| numbered.find(|name| !taken(name))).unwrap_or_default();
    let spec = ReporterSpec { name, occasions, kind, give_up_after, defined_at: call.place() };
    reporters.push(Made { spec, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

fn occasions(call: &Call<'_, '_>) -> Result<Occasions, Wrong> {
    let names = |name, kind| if call.some(name).is_some() { call.names(name, kind) } else { Ok(Vec::new()) };
    Ok(Occasions {
        modes: modes(call)?,
        builders: names("builders", "builders")?,
        tags: names("tags", "tags")?,
        branches: branches(call)?,
        schedulers: names("schedulers", "schedulers")?,
    })
}

fn modes(call: &Call<'_, '_>) -> Result<BTreeSet<ReportMode>, Wrong> {
    let words = match call.some("mode") {
        None => return Ok(BTreeSet::from([ReportMode::Change])),
        Some(value) if value.unpack_str().is_some() => call.text("mode")?.into_iter().collect(),
        Some(_) => call.names("mode", "modes")?,
    };
    let mut modes = BTreeSet::new();
    for word in words {
        match ReportMode::ALL.iter().find(|(name, _)| *name == word) {
            Some((_, mode)) => drop(modes.insert(*mode)),
            None if word == "all" => modes.extend(ReportMode::ALL.map(|(_, mode)| mode)),
            None => {
                let known = ReportMode::ALL.map(|(name, _)| name);
                let message = format!("mode of {} is {}", call.def.path, quoted(&word));
                let help = match names::nearest(&word, known) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("it is of {}, or \"all\"", known.join(", ")),
                };
                return Err(call.wrong_value("mode", message).help(help));
            }
        }
    }
    Ok(modes)
}

fn branches(call: &Call<'_, '_>) -> Result<Vec<Option<String>>, Wrong> {
    let Some(value) = call.some("branches") else { return Ok(Vec::new()) };
    let wanted = "a list of names of branches";
    let items = given::items(value).ok_or_else(|| call.wants("branches", wanted, value).boxed())?;
    let branch = |item: &Value<'_>| match item.unpack_str() {
        Some(name) => call.keep(name).map(Some),
        None if item.is_none() => Ok(None),
        None => {
            let message = format!("branches of {} has {} in it", call.def.path, given::describe(*item));
            Err(call.wrong_value("branches", message).help(format!("it is {wanted}")))
        }
    };
    let branches = items.iter().map(branch).collect::<Result<Vec<_>, _>>()?;
    if branches.is_empty() {
        return Err(call.wrong_value("branches", format!("branches of {} is empty", call.def.path)).boxed());
    }
    Ok(branches)
}
