//! `sluice tests report`: a run as JUnit's XML, as JSON, and as pages that need no server.

mod html;
mod junit;

use super::{Place, find};
use crate::exit::Exit;
use crate::out;
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests report --junit junit.xml --html site",
    after_help = "Without --junit, --document and --html it writes all three into DIR, sluice-report when absent: junit.xml, \
                  run.json and the pages. A directory that has something else in it is left alone."
)]
pub(crate) struct Args {
    /// Write all three in here
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the run and its items as one JSON document
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// Write pages
    #[arg(long, value_name = "DIR")]
    html: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let (_, book) = args.place.open()?;
    let run = find::run(&book, &args.place)?;
    let items = book.items(run.id)?;
    let one = args.junit.is_some() || args.document.is_some() || args.html.is_some();
    let usual = args.dir.clone().or_else(|| (!one).then(|| "sluice-report".into()));
    let at = |own: &Option<PathBuf>, name: &str| own.clone().or_else(|| usual.as_ref().map(|dir| dir.join(name)));
    let mut written = Vec::new();
    if let Some(dir) = &usual {
        fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    }
    if let Some(path) = at(&args.junit, "junit.xml") {
        write(&path, &junit::xml(&run, &items))?;
        written.push(path);
    }
    if let Some(path) = at(&args.document, "run.json") {
        let document = serde_json::to_string(&serde_json::json!({ "run": run, "items": items }))?;
        write(&path, &document)?;
        written.push(path);
    }
    if let Some(dir) = at(&args.html, "pages") {
        site(&dir, &html::pages(&run, &items))?;
        written.push(dir.join("index.html"));
    }
    match args.place.json {
        true => out::json(&serde_json::json!({ "written": written }))?,
        false => out::lines(written.iter().map(|path| format!("  {}", path.display())))?,
    }
    Ok(Exit::Passed)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

/// What says that pages in a directory were written here.
const MARK: &str = ".sluice-report";

fn site(dir: &Path, pages: &[(String, String)]) -> anyhow::Result<()> {
    let full = fs::read_dir(dir).is_ok_and(|mut inside| inside.next().is_some());
    if full && !dir.join(MARK).exists() {
        bail!("{} has something in it that is no report", dir.display());
    }
    fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    write(&dir.join(MARK), "")?;
    pages.iter().try_for_each(|(name, text)| write(&dir.join(name), text))
}

/// A text within XML or HTML. What XML cannot have at all (XML 1.0, 2.2) is a replacement sign.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\u{0}'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The last bytes of the log that is shown first, if it is there.
fn tail(item: &model::TestItem) -> Option<String> {
    const MOST: u64 = 16 << 10;
    use std::io::{Read, Seek, SeekFrom};
    let path = runner::files::within(Path::new(&item.directory), item.log.as_ref()?).ok()?;
    let mut file = runner::files::open(&path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MOST))).ok()?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
