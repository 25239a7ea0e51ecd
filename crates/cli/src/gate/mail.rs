//! The letter about how a gate ended. It is kept beside the journal before anything is sent, so that neither a machine that
//! takes no mail nor the end of this process loses it: the next gate of the checkout sends what is left.

use super::end::End;
use super::place::{Entry, Journal, save};
use super::race::{Role, Verdict};
use super::words::short;
use crate::exit::Exit;
use crate::out;
use anyhow::{Context, bail};
use model::{MailTls, Time};
use report::Unsent;
use report::letter::{self, Letter, Relay};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long a letter may take. What is tested and landed by then does not wait for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// More letters than this are not sent at one time.
const MOST: usize = 50;

/// Who is told of the end, and over which machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Post {
    from: String,
    to: String,
    host: String,
    port: u16,
    always: bool,
}

/// A letter as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    letter: Letter,
    host: String,
    port: u16,
}

impl Post {
    /// From what the options say.
    pub(super) fn of(from: &str, to: &str, server: &str, always: bool) -> anyhow::Result<Self> {
        if let Some(bad) = [to, from].into_iter().find(|address| !letter::is_address(address)) {
            bail!("{bad:?} is no address that letters can go to or come from\nhelp: ada@example.org");
        }
        let (host, port) = match server.rsplit_once(':') {
            // Colons within are those of an address of IPv6 without a port.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port != 0);
                (host, port.with_context(|| format!("--email-server {server}: the port is a number"))?)
            }
            _ => (server, 25),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            bail!("--email-server wants HOST or HOST:PORT");
        }
        Ok(Self { from: from.to_owned(), to: to.to_owned(), host: host.to_owned(), port, always })
    }
}

/// What a letter is about, beside the end itself.
pub(super) struct About<'a> {
    pub(super) entry: &'a Entry,
    /// The checkout.
    pub(super) root: &'a Path,
}

/// Writes the letter about an end, if somebody wants one, to be sent by [`send_all`].
pub(super) fn write(journal: &Journal, about: &About<'_>, ended: &anyhow::Result<End>) -> anyhow::Result<()> {
    let Some(post) = about.entry.mail.as_ref().filter(|_| !about.entry.told) else { return Ok(()) };
    let wanted = match ended {
        Ok(End::Interrupted | End::NoDifferences { .. }) => false,
        Ok(end) => post.always || end.exit() != Exit::Passed,
        Err(_) => true,
    };
    if !wanted {
        return Ok(());
    }
    let branch = about.entry.target.as_ref().map(|(_, branch)| format!(" of {branch}")).unwrap_or_default();
    let (subject, text) = match ended {
        Ok(end) => (end.subject(), in_words(about, end)),
        Err(e) => ("trouble".to_owned(), format!("{}\n{}", crate::exit::in_words(e), facts(about))),
    };
    keep(journal, about, post, format!("gate{branch}: {subject}"), text)
}

/// Writes the letter about a run that was killed.
pub(super) fn write_of_killed(
    journal: &Journal,
    about: &About<'_>,
    has_landed: bool,
    became: &str,
) -> anyhow::Result<()> {
    let entry = about.entry;
    let Some(post) = entry.mail.as_ref().filter(|post| !entry.told && (post.always || !has_landed)) else {
        return Ok(());
    };
    let branch = entry.target.as_ref().map(|(_, branch)| format!(" of {branch}")).unwrap_or_default();
    let subject = format!("gate{branch}: killed while {}", entry.phase.words());
    let text = format!("This gate was killed while {}: {became}.\n{}", entry.phase.words(), facts(about));
    keep(journal, about, post, subject, text)
}

fn keep(journal: &Journal, about: &About<'_>, post: &Post, subject: String, text: String) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let at = Time(i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
    let id = format!("gate{}{}", at.0, about.entry.run);
    let letter = Letter { from: post.from.clone(), to: post.to.clone(), subject, text, id: id.clone(), at };
    let kept = Kept { letter, host: post.host.clone(), port: post.port };
    let dir = mail_dir(journal);
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let path = dir.join(format!("{id}.json"));
    save(&path, &serde_json::to_vec(&kept)?).with_context(|| format!("cannot write {}", path.display()))
}

fn mail_dir(journal: &Journal) -> PathBuf {
    journal.dir().join("mail")
}

/// Sends what is kept, this gate's letter and those that earlier ones could not send. What cannot be sent now is told
/// aside, and changes nothing else.
pub(super) async fn send_all(journal: &Journal) {
    let dir = mail_dir(journal);
    let listed = fs::read_dir(&dir).into_iter().flatten().flatten().map(|e| e.path());
    let mut paths: Vec<PathBuf> = listed.filter(|p| p.extension().is_some_and(|e| e == "json")).collect();
    paths.sort();
    let mut away = BTreeSet::new();
    for path in paths.into_iter().take(MOST) {
        send(&path, &mut away).await;
    }
    // With the last letter.
    let _ = fs::remove_dir(&dir);
}

async fn send(path: &Path, away: &mut BTreeSet<(String, u16)>) {
    let Ok(lock) = File::open(path) else { return };
    // Another gate is sending it.
    if rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
        return;
    }
    let Some(kept) = fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok()) else { return };
    let server = (kept.host.clone(), kept.port);
    if away.contains(&server) {
        return;
    }
    let login = match (std::env::var("SMTP_USERNAME"), std::env::var("SMTP_PASSWORD")) {
        (Ok(user), Ok(password)) => Some((user, password)),
        _ => None,
    };
    let tls = if login.is_some() { MailTls::StartTls } else { MailTls::Nothing };
    let relay = Relay { host: kept.host, port: kept.port, tls, login };
    let to = &kept.letter.to;
    match letter::post(&kept.letter, &relay, PATIENCE).await {
        Ok(()) => drop(fs::remove_file(path)),
        Err(Unsent::Refused(why)) => {
            out::aside(format!("  ! the letter to {to} is not wanted: {why}"));
            drop(fs::remove_file(path));
        }
        Err(Unsent::Away(why) | Unsent::Later(why)) => {
            away.insert(server);
            out::aside(format!("  ! the letter to {to} is not sent, {why}; the next gate tries again"));
        }
    }
}

/// The whole text about an end.
fn in_words(about: &About<'_>, end: &End) -> String {
    let mut text = String::new();
    for line in end.lines(about.entry.attempt) {
        let _ = writeln!(text, "{}", line.trim_start_matches(|c: char| !c.is_alphanumeric()));
    }
    for verdict in end.verdicts().iter().filter(|v| matches!(v.role, Role::Culprit | Role::Trouble)) {
        text.push_str(&of_task(verdict));
    }
    text.push_str(&facts(about));
    text
}

fn of_task(verdict: &Verdict) -> String {
    let mut text = String::new();
    let stage = verdict.stage.as_ref().map(|stage| format!(", stage {stage}")).unwrap_or_default();
    let _ = writeln!(text, "\nTask {}{stage}: {}", verdict.task, verdict.words);
    if let Some(command) = &verdict.command {
        let _ = writeln!(text, "  command: {}", crate::show::cut(command, 500));
    }
    if !verdict.failing.is_empty() {
        let _ = writeln!(text, "  failing tests:");
        for name in &verdict.failing {
            let _ = writeln!(text, "    {}", crate::show::cut(name, 200));
        }
    }
    if !verdict.tail.is_empty() {
        let _ = writeln!(text, "  its last lines:");
        for line in &verdict.tail {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

/// What was tested, and where.
fn facts(about: &About<'_>) -> String {
    let entry = about.entry;
    let host = super::words::host();
    let mut text = String::from("\n");
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<10}{value}");
    };
    if let Some(tested) = &entry.tested {
        let title = entry.title.as_ref().map(|title| format!(", {title}")).unwrap_or_default();
        fact("tested:", format!("{tested}{title}"));
    }
    if let Some((repository, branch)) = &entry.target {
        let at = entry.base.as_ref().map(|base| format!(" at {}", short(base))).unwrap_or_default();
        fact("on:", format!("{branch}{at} of {}", model::source::shown(repository)));
    }
    fact("attempts:", entry.attempt.to_string());
    fact("checkout:", format!("{host}:{}", about.root.display()));
    if let Some(packed) = &entry.packed {
        fact("logs:", format!("{host}:{}", packed.display()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_a_port_or_the_usual_one() {
        let of = |server| Post::of("a@example.org", "b@example.org", server, false).map(|p| (p.host, p.port)).ok();
        let cases = [
            ("localhost:25", Some(("localhost", 25))),
            ("mail.example.org", Some(("mail.example.org", 25))),
            ("[::1]:2525", Some(("::1", 2525))),
            ("::1", Some(("::1", 25))),
            ("localhost:", None),
            ("localhost:0", None),
            (":25", None),
        ];
        for (server, wanted) in cases {
            assert_eq!(of(server), wanted.map(|(host, port)| (host.to_owned(), port)), "{server}");
        }
        assert!(Post::of("a@example.org", "b\nBcc: c@example.org", "localhost", false).is_err());
    }
}
