//! What the pages of runs of tests show. Four questions at most, whatever the run's size.

use super::Trouble;
use crate::Web;
use crate::pages::line::Row;
use crate::pages::testrun::diff::Two;
use crate::pages::testrun::file::{File, PAGE, Text};
use crate::pages::testrun::history::{Past, RUNS as PAST_RUNS, RUNS_OF_ONE};
use crate::pages::testrun::item::{self, Excerpt, PAST};
use crate::pages::testrun::list::{RUNS, TARGETS, Targets};
use crate::pages::testrun::{mark, run as run_page};
use crate::verdict::{self, ITEMS};
use formats::first_error;
use model::area::Class;
use model::query::Operand;
use model::testrun::TestRunLine;
use model::{Filter, FilterOp, Query, Stream, TestItem, TestRun, TestRunId};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

/// So many bytes of a file are looked at.
pub(in crate::pages) const MOST: u64 = 64 << 20;
/// So many bytes of a line are shown.
const LONGEST: usize = 8 << 10;
/// So many lines at the end of a file are looked at for what is wrong.
const TAIL: usize = 2000;
/// Lines before and behind the one that says what is wrong.
const AROUND: u64 = 10;

/// The newest runs of each target.
pub(in crate::pages) async fn targets(web: &Web) -> Result<Targets, Trouble> {
    let mut targets: Vec<Vec<TestRunLine>> = Vec::new();
    for line in web.store.latest_test_runs(TARGETS, RUNS).await? {
        let is_same = |run: &TestRunLine| run.area == line.area && run.target == line.target;
        match targets.last_mut().filter(|runs| runs.first().is_some_and(is_same)) {
            Some(runs) => runs.push(line),
            None => targets.push(vec![line]),
        }
    }
    Ok(Targets { targets })
}

/// A run with all its items.
pub(in crate::pages) async fn run(web: &Web, id: TestRunId, only: Option<String>) -> Result<run_page::One, Trouble> {
    let run = known(web, id).await?;
    let held = ["PREQ_FAIL", "PREQ_DISCARDED"].map(|word| Operand::Text(word.to_owned())).to_vec();
    let mut bad = Query::default().eq("testrunid", id.0).eq("class", "bad").eq("quarantined", false);
    bad.filters.push(Filter { field: "status".to_owned(), op: FilterOp::Ne, values: held });
    let others = Query::default().eq("area", run.area.as_str()).eq("target", run.target.as_str());
    let others = others.newest_first("started_at").limit(10);
    let bad = bad.limit(run_page::BAD);
    let (cells, bad, others) = tokio::try_join!(
        web.store.test_cells(id, ITEMS),
        web.store.test_items(&bad),
        web.store.test_run_lines(&others)
    )?;
    let bad = bad.rows.into_iter().filter(|item| item.phase.is_over()).collect();
    Ok(run_page::One { run, cells, bad, others: others.rows, only })
}

/// An item with its past, and what its log says is wrong.
pub(in crate::pages) async fn item(web: &Web, id: TestRunId, test: &str, path: &str) -> Result<item::One, Trouble> {
    let run = known(web, id).await?;
    let name = (test, path);
    let (item, past) = tokio::try_join!(
        web.store.test_item(id, test, path),
        web.store.test_history(&run.area, Some(&run.target), name, PAST)
    )?;
    let item = item.ok_or_else(|| missing(test, path))?;
    let excerpt = excerpt(&item).await;
    Ok(item::One { run, item, past, excerpt })
}

/// A file of an item's attempt.
#[derive(Clone, Copy, Debug)]
pub(in crate::pages) struct Which<'a> {
    /// The test.
    pub(in crate::pages) test: &'a str,
    /// The item's path.
    pub(in crate::pages) path: &'a str,
    /// The attempt; none: the last one.
    pub(in crate::pages) attempt: Option<u32>,
    /// The file, within its directory.
    pub(in crate::pages) file: &'a str,
}

/// A page of a file. Only what an attempt named as a log is shown: the rest of its directory is nobody's business.
pub(in crate::pages) async fn file(web: &Web, id: TestRunId, which: Which<'_>, from: u64) -> Result<File, Trouble> {
    let run = known(web, id).await?;
    let Which { test, path, attempt, file } = which;
    let item = web.store.test_item(id, test, path).await?.ok_or_else(|| missing(test, path))?;
    let last = item.attempts.last().map_or(1, |attempt| attempt.number);
    let attempt = attempt.unwrap_or(last);
    let steps = item.steps.iter().filter(|step| step.attempt == attempt).filter_map(|step| step.log.as_deref());
    if !steps.chain(item.log.as_deref()).any(|log| log == file) {
        return Err(Trouble::Missing(format!("log {file} of attempt {attempt}")));
    }
    let mark = mark(&item.cell());
    let directory = directory(&item, attempt);
    let text = read(directory, file.to_owned(), from, mark.is_bad()).await;
    let (test, path, file) = (test.to_owned(), path.to_owned(), file.to_owned());
    Ok(File { run, test, path, attempt, file, mark, text })
}

/// The past of a test or an item on a target.
pub(in crate::pages) async fn history(
    web: &Web,
    area: String,
    target: String,
    test: String,
    path: Option<String>,
) -> Result<Past, Trouble> {
    let past = match &path {
        Some(path) => web.store.test_history(&area, Some(&target), (&test, path), RUNS_OF_ONE).await?,
        None => web.store.test_history_of_all(&area, &target, &test, PAST_RUNS).await?,
    };
    if past.is_empty() {
        return Err(Trouble::Missing(format!("run of {test} on {target}")));
    }
    Ok(Past { area, target, test, path, past })
}

/// Two runs, item by item.
pub(in crate::pages) async fn diff(web: &Web, src: TestRunId, dest: TestRunId) -> Result<Two, Trouble> {
    let (src, dest) = tokio::try_join!(known(web, src), known(web, dest))?;
    let lines = verdict::diff(&web.store, src.id, &dest).await?;
    Ok(Two { src, dest, lines })
}

async fn known(web: &Web, id: TestRunId) -> Result<TestRun, Trouble> {
    web.store.test_run(id).await?.ok_or_else(|| Trouble::Missing(format!("run of tests {id}")))
}

fn missing(test: &str, path: &str) -> Trouble {
    Trouble::Missing(format!("item {} in this run", testruns::item::full_name(test, path)))
}

fn directory(item: &TestItem, attempt: u32) -> PathBuf {
    let own = item.attempts.iter().find(|known| known.number == attempt).map(|known| known.directory.as_str());
    PathBuf::from(own.filter(|directory| !directory.is_empty()).unwrap_or(&item.directory))
}

/// What the log of an item that ended badly says.
async fn excerpt(item: &TestItem) -> Option<Excerpt> {
    if item.class != Class::Bad || !item.phase.is_over() {
        return None;
    }
    let attempt = item.attempts.last()?.number;
    let of_step = item.steps.iter().rev().filter(|step| step.attempt == attempt).find_map(|step| step.log.clone());
    let file = of_step.or_else(|| item.log.clone())?;
    let text = read(directory(item, attempt), file.clone(), 0, true).await.ok()?;
    let at = text.error?;
    let first = at.saturating_sub(AROUND + 1);
    let rows = match text.rows.iter().any(|row| row.number == at) {
        true => text.rows,
        false => read(directory(item, attempt), file.clone(), first, false).await.ok()?.rows,
    };
    let near = |row: &Row| row.number > first && row.number <= at + AROUND;
    Some(Excerpt { file, attempt, at, rows: rows.into_iter().filter(near).collect() })
}

/// Lines of a file in a directory, on a thread that may wait for a disk.
async fn read(directory: PathBuf, file: String, from: u64, for_errors: bool) -> Result<Text, String> {
    let read = tokio::task::spawn_blocking(move || {
        let path = within(&directory, &file)?;
        let open = std::fs::File::open(&path).map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
        let bytes = open.metadata().map_err(|e| e.to_string())?.len();
        let text = scan(open, bytes, from, for_errors);
        text.map_err(|e| format!("{} cannot be read: {e}", path.display()))
    });
    read.await.map_err(|e| format!("the file cannot be read: {e}"))?
}

/// The file itself, when it is a plain file in that directory: links do not lead out of it.
fn within(directory: &Path, file: &str) -> Result<PathBuf, String> {
    let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !directory.is_absolute() || !Path::new(file).components().all(plain) {
        return Err(format!("{file} is no file in the directory of this attempt"));
    }
    let gone = |_| format!("{} is not on this machine, or not there any more", directory.join(file).display());
    let root = directory.canonicalize().map_err(gone)?;
    let path = root.join(file).canonicalize().map_err(gone)?;
    match path.starts_with(&root) && path.is_file() {
        true => Ok(path),
        false => Err(format!("{file} is no file in the directory of this attempt")),
    }
}

/// Goes through a file once: its lines are counted, those of the page kept, and the last ones looked at for an error.
fn scan(file: impl Read, bytes: u64, from: u64, for_errors: bool) -> std::io::Result<Text> {
    let mut reader = BufReader::with_capacity(256 << 10, file.take(MOST));
    let (mut lines, mut rows) = (0_u64, Vec::new());
    let mut tail: VecDeque<Row> = VecDeque::new();
    while let Some((line, cut)) = next_line(&mut reader)? {
        lines += 1;
        let row = Row { number: lines, stream: Stream::Stdout, bytes: line, cut };
        if for_errors {
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(row.clone());
        }
        if lines > from && lines <= from.saturating_add(PAGE) {
            rows.push(row);
        }
    }
    let texts: Vec<String> = tail.iter().map(Row::plain).collect();
    let error = first_error(texts.iter().map(String::as_str)).and_then(|at| tail.get(at)).map(|row| row.number);
    Ok(Text { bytes, lines, more: bytes > MOST, rows, error })
}

/// A line without its newline, of a length that can be shown, and whether it is longer.
fn next_line(reader: &mut impl BufRead) -> std::io::Result<Option<(Vec<u8>, bool)>> {
    let (mut line, mut cut, mut any) = (Vec::new(), false, false);
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any.then_some((line, cut)));
        }
        any = true;
        let end = buffer.iter().position(|b| *b == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = LONGEST - line.len();
        cut |= part.len() > room;
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(Some((line, cut)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_in_pages() {
        let text: String = (1..=2500).map(|n| format!("line {n}\n")).collect();
        let read = |from| scan(text.as_bytes(), text.len() as u64, from, true).unwrap();
        let first = read(0);
        assert_eq!((first.lines, first.rows.len(), first.rows[0].number, first.more), (2500, 1000, 1, false));
        let last = read(2000);
        assert_eq!((last.rows.len(), last.rows[499].bytes.as_slice()), (500, b"line 2500".as_slice()));
        assert_eq!(read(9000).rows.len(), 0);
        let broken = "fine\nmain.c:3:1: error: no water\nmake: *** [all] Error 1\n";
        assert_eq!(scan(broken.as_bytes(), 0, 0, true).unwrap().error, Some(2));
        assert_eq!(scan(broken.as_bytes(), 0, 0, false).unwrap().error, None);
        let long = [vec![b'x'; 3 * LONGEST], b"\nend".to_vec()].concat();
        let rows = scan(long.as_slice(), 0, 0, false).unwrap().rows;
        assert_eq!((rows[0].bytes.len(), rows[0].cut, rows[1].bytes.as_slice()), (LONGEST, true, b"end".as_slice()));
        assert_eq!(scan(&b""[..], 0, 0, true).unwrap().lines, 0);
    }

    #[test]
    fn only_plain_files_of_the_directory_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        std::fs::create_dir_all(run.join("logs")).unwrap();
        std::fs::write(run.join("logs/make.log"), "x").unwrap();
        std::fs::write(dir.path().join("secret"), "s").unwrap();
        std::os::unix::fs::symlink("../secret", run.join("out")).unwrap();
        std::os::unix::fs::symlink("logs/make.log", run.join("in")).unwrap();
        for good in ["logs/make.log", "in", "./logs/make.log"] {
            assert!(within(&run, good).is_ok(), "{good}");
        }
        for bad in ["../secret", "/etc/passwd", "out", "logs", "none", "logs/../../secret", ""] {
            assert!(within(&run, bad).is_err(), "{bad}");
        }
        assert!(within(Path::new("logs"), "make.log").is_err());
    }
}
