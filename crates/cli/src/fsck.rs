//! `sluice fsck`: what is wrong with a base directory, and what mends it.

use crate::exit::{Exit, Trouble};
use crate::out;
use crate::version;
use master::base::{BaseDir, BaseError};
use master::fsck::store_of;
use master::fsck::{self, FsckError, Mode, Of, Report};
use model::finding::{Finding, Mend, Severity};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice fsck ~/ci",
    after_help = "Exit codes: 0 nothing is wrong, 1 something is, 3 it could not be looked at."
)]
pub(crate) struct Args {
    /// The base directory of a master or of a worker
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Mend what can be mended without losing anything; nobody may work in DIR
    #[arg(long)]
    repair: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let mode = if args.repair { Mode::Repair } else { Mode::Look };
    let report = look(&args.dir, mode).await?;
    if args.json {
        out::json(&serde_json::json!({
            "sound": report.is_sound(),
            "versions": version::formats(),
            "report": &report,
        }))?;
    } else {
        out::lines(in_words(&args.dir, &report))?;
    }
    Ok(if report.is_sound() { Exit::Passed } else { Exit::Failed })
}

/// Looks, and says on a terminal how far it is.
pub(crate) async fn look(dir: &Path, mode: Mode) -> anyhow::Result<Report> {
    let trouble = |e: FsckError| could_not(&e);
    match fsck::whose(dir).map_err(trouble)? {
        Of::Worker => Ok(fsck::worker(dir, mode).map_err(trouble)?),
        Of::Master => {
            let base = BaseDir::at(dir);
            let at = store_of(&base).map_err(|e| Trouble(format!("where the store is cannot be told: {e}")))?;
            let mut told = Told::new("builds are looked at");
            let report = fsck::master(&base, &at, mode, &mut |done, count| told.tell(done, count)).await;
            told.end();
            Ok(report.map_err(trouble)?)
        }
    }
}

/// Why it could not be looked at, with every cause; the program ends with 3.
pub(crate) fn could_not(e: &(dyn std::error::Error + 'static)) -> anyhow::Error {
    let help = match e.downcast_ref::<FsckError>() {
        Some(FsckError::Base(BaseError::InUse { .. })) => "\nhelp: without --repair it looks while the master runs",
        _ => "",
    };
    Trouble(format!("{}{help}", chain(e))).into()
}

/// An error with its causes, a line each.
pub(crate) fn chain(e: &(dyn std::error::Error + 'static)) -> String {
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(e) = cause {
        text.push_str(&format!("\n  because: {e}"));
        cause = e.source();
    }
    text
}

/// A line that is rewritten on a terminal, and nothing elsewhere.
pub(crate) struct Told {
    what: &'static str,
    last: Option<Instant>,
    shown: bool,
}

impl Told {
    /// How often it changes.
    const EVERY: Duration = Duration::from_millis(200);

    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, last: None, shown: false }
    }

    pub(crate) fn tell(&mut self, done: u64, count: u64) {
        let now = Instant::now();
        let early = self.last.is_some_and(|last| now.duration_since(last) < Self::EVERY);
        if early || !std::io::stderr().is_terminal() {
            return;
        }
        // Whatever is quick needs no such line.
        self.shown |= self.last.is_some();
        self.last = Some(now);
        if self.shown {
            let _ = write!(std::io::stderr(), "\r  ◐ {done} of {count} {}\x1b[K", self.what);
        }
    }

    pub(crate) fn end(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
            self.shown = false;
        }
    }
}

fn in_words(dir: &Path, report: &Report) -> Vec<String> {
    let of = |severity| report.findings.iter().filter(|f| f.kind.severity == severity).count();
    let (errors, warnings, notes) = (of(Severity::Error), of(Severity::Warning), of(Severity::Note));
    let dir = dir.display();
    let mut lines = Vec::new();
    let counted = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    lines.push(match (errors, warnings) {
        (0, 0) => format!("  ✓ {dir}: nothing is wrong"),
        (0, n) => format!("  ! {dir}: {}, nothing is lost", counted(n, "warning")),
        (n, 0) => format!("  ✗ {dir}: {}", counted(n, "error")),
        (n, m) => format!("  ✗ {dir}: {}, {}", counted(n, "error"), counted(m, "warning")),
    });
    lines.push(format!("    {}", looked(report)));
    if report.live {
        let who = if report.of == Of::Master { "master" } else { "worker" };
        lines.push(format!("    a {who} runs: nothing was changed, and what is on its way may be missed"));
    }
    for act in &report.acts {
        lines.push(format!("  ✓ mended: {act}"));
    }
    if notes > 0 && errors + warnings == 0 {
        lines.push(format!("    {} about what sees to itself", counted(notes, "note")));
    }
    for finding in &report.findings {
        lines.push(String::new());
        lines.extend(one(finding));
    }
    let repairs = |f: &&Finding| matches!(f.kind.mend, Mend::Repair(_)) && f.kind.severity > Severity::Note;
    let mendable = report.findings.iter().filter(repairs).count();
    if mendable > 0 && report.acts.is_empty() {
        lines.push(String::new());
        lines.push(format!("  {mendable} of these can be mended without losing anything:"));
        lines.push(format!("    sluice fsck {dir} --repair"));
    }
    lines
}

fn looked(report: &Report) -> String {
    let looked = report.looked;
    let spools = format!("{} spools", looked.spools);
    match (report.of, report.schema) {
        (Of::Worker, _) => spools,
        (Of::Master, None) => format!("no store yet, {spools}"),
        (Of::Master, Some((found, known))) => {
            let schema = if found == known { format!("schema {found}") } else { format!("schema {found} of {known}") };
            let files = format!("{} log files with {} bytes", looked.log_files, looked.log_bytes);
            format!("{schema}, {} builds, {files}, {spools}", looked.builds)
        }
    }
}

fn one(finding: &Finding) -> Vec<String> {
    let symbol = match finding.kind.severity {
        Severity::Error => '✗',
        Severity::Warning => '!',
        Severity::Note => '–',
    };
    let mut place = Vec::new();
    place.extend(finding.build.map(|build| format!("build {build}")));
    place.extend(finding.file.as_ref().map(|file| match finding.offset {
        Some(at) => format!("{} at byte {at}", plain(file)),
        None => plain(file),
    }));
    let head = format!("  {symbol} {:<16} {}", finding.kind.code, place.join(", "));
    let mut lines = vec![head.trim_end().to_owned()];
    lines.extend(wrapped("", &plain(&finding.what)));
    lines.extend(wrapped("means: ", finding.kind.means));
    let mend = match finding.kind.mend {
        Mend::Repair(how) => format!("--repair {how}"),
        Mend::Itself(how) | Mend::Person(how) => how.to_owned(),
    };
    lines.extend(wrapped("mends: ", &mend));
    lines
}

/// A text without what a terminal might obey.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Lines of at most 80 columns.
fn wrapped(first: &str, text: &str) -> Vec<String> {
    const COLUMNS: usize = 80;
    let mut lines = Vec::new();
    let mut line = format!("      {first}");
    let indent = " ".repeat(line.chars().count());
    let mut empty = true;
    for word in text.split_whitespace() {
        let wide = line.chars().count() + 1 + word.chars().count() > COLUMNS;
        if wide && !empty {
            lines.push(std::mem::replace(&mut line, indent.clone()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use master::fsck::Looked;
    use model::finding::FindingKind;

    static TORN: FindingKind = FindingKind {
        code: "log-torn",
        severity: Severity::Warning,
        means: "a log file ends in the midst of a record: the master was killed while it wrote",
        mend: Mend::Repair("puts the torn end into lost+found and cuts it off"),
    };

    fn report(findings: Vec<Finding>) -> Report {
        let looked = Looked { builds: 17, log_files: 12, log_bytes: 4096, spools: 0 };
        let (dir, acts) = (PathBuf::from("/ci"), Vec::new());
        Report { dir, of: Of::Master, live: false, schema: Some((3, 3)), looked, findings, acts }
    }

    #[test]
    fn the_answer_comes_first_and_a_finding_says_what_mends_it() {
        let dir = Path::new("/ci");
        let sound =
            concat!("  ✓ /ci: nothing is wrong\n", "    schema 3, 17 builds, 12 log files with 4096 bytes, 0 spools");
        assert_eq!(in_words(dir, &report(Vec::new())).join("\n"), sound);
        let torn =
            Finding::new(&TORN, "112 bytes were being\x1b[2J written").of_build(17).in_file("logs/0/17.slog", 8040);
        let told = concat!(
            "  ! /ci: 1 warning, nothing is lost\n",
            "    schema 3, 17 builds, 12 log files with 4096 bytes, 0 spools\n",
            "\n",
            "  ! log-torn         build 17, logs/0/17.slog at byte 8040\n",
            "      112 bytes were being\u{fffd}[2J written\n",
            "      means: a log file ends in the midst of a record: the master was killed\n",
            "             while it wrote\n",
            "      mends: --repair puts the torn end into lost+found and cuts it off\n",
            "\n",
            "  1 of these can be mended without losing anything:\n",
            "    sluice fsck /ci --repair"
        );
        assert_eq!(in_words(dir, &report(vec![torn])).join("\n"), told);
    }

    /// The manual tells of every kind of finding, and each has a name of its own.
    #[test]
    fn every_kind_of_finding_stands_in_the_manual() {
        let manual = include_str!("../../../docs/src/backup.md");
        let kinds = fsck::finding_kinds();
        for kind in &kinds {
            assert!(manual.contains(&format!("`{}`", kind.code)), "{} is not in the manual", kind.code);
            assert!(kind.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", kind.code);
        }
        let codes: std::collections::BTreeSet<_> = kinds.iter().map(|kind| kind.code).collect();
        assert_eq!(codes.len(), kinds.len());
    }
}
