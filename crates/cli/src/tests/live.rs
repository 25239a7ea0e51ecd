//! A run while it runs: what went wrong for good, below it what runs and waits, where there is a terminal.

use super::run::{of_run, sentence};
use crate::last_lines::telling_lines;
use crate::live::LiveLines;
use crate::out::{self, OutError};
use crate::show::{Paper, WIDTH, clock, cut, pad};
use model::area::Class;
use model::testrun::Phase;
use model::{Results, Span, TestRun, Time};
use runner::{Book, View, Watcher};
use std::time::{Duration, Instant};
use testruns::{ItemId, Status};

/// How often the clock goes on.
const EVERY: Duration = Duration::from_secs(1);
/// How often the lines are drawn at most.
const DRAW: Duration = Duration::from_millis(80);
/// So many items that run are shown.
const MOST: usize = 12;
/// So many lines of the log of what went wrong are shown.
const LAST: usize = 4;
/// How wide a name is at most.
const NAME: usize = 36;

pub(super) struct Live {
    paper: Paper,
    json: bool,
    verbose: bool,
    lines: LiveLines,
    drawn: Option<Instant>,
    began: Option<Time>,
    /// From the first look to the last.
    took: Option<Span>,
    ended: u32,
    /// Nobody reads any more, or the disk is full: the run goes on.
    mute: bool,
}

impl Live {
    pub(super) fn new(paper: Paper, json: bool, verbose: bool) -> Self {
        Live {
            paper,
            json,
            verbose,
            lines: LiveLines::new(paper),
            drawn: None,
            began: None,
            took: None,
            ended: 0,
            mute: false,
        }
    }

    pub(super) fn head(&mut self, run: &TestRun, adopted: usize) -> Result<(), OutError> {
        if self.json {
            return Ok(());
        }
        let mut lines = vec![format!("  {} in {}", super::find::called(&run.target, &run.name), run.directory)];
        match adopted {
            0 => {}
            1 => lines.push("  1 item still runs and is gone on with".to_owned()),
            n => lines.push(format!("  {n} items still run and are gone on with")),
        }
        self.lines.settle(&lines)
    }

    /// The last words.
    pub(super) fn tail(&mut self, book: &Book, run: &TestRun) -> anyhow::Result<()> {
        if self.json {
            let items = book.items(run.id)?;
            return Ok(out::json(&serde_json::json!({ "run": run, "items": items }))?);
        }
        self.lines.float(&[])?;
        let good = run.state == model::testrun::TestRunState::Green;
        let symbol = self.paper.symbol(Some(if good { Results::Success } else { Results::Failure }));
        let took = self.took.map(|took| format!(" after {took}")).unwrap_or_default();
        let mut lines = vec![format!("  {symbol} {}{took}", sentence(run))];
        if run.totals.bad > 0 {
            lines.push(format!("    sluice tests rerun failed {}", of_run(run)));
        }
        Ok(self.lines.settle(&lines)?)
    }

    fn draw(&mut self, view: &View<'_>, ended: &[ItemId]) -> Result<(), OutError> {
        let tell = |id: &&ItemId| {
            let shown = self.paper == Paper::Terminal && view.run.totals.total <= 200 || is_bad(view, **id);
            // What held it back is told.
            self.verbose || shown && !was_held_back(view.board.status(**id))
        };
        let told: Vec<String> = ended.iter().filter(tell).flat_map(|id| settled(self.paper, view, *id)).collect();
        if !told.is_empty() {
            self.lines.settle(&told)?;
        }
        if self.paper == Paper::Terminal && (!told.is_empty() || self.drawn.is_none_or(|at| at.elapsed() >= DRAW)) {
            self.drawn = Some(Instant::now());
            let lines = self.floating(view);
            self.lines.float(&lines)?;
        }
        Ok(())
    }

    fn floating(&self, view: &View<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        let mut running: Vec<(Time, ItemId)> = Vec::new();
        let mut waiting = None;
        for id in view.board.items(view.id) {
            match view.board.phase(id) {
                Phase::Running | Phase::Launched => {
                    let since =
                        view.board.record(id).attempts.last().map_or(view.now, |a| a.began.unwrap_or(a.launched));
                    running.push((since, id));
                }
                phase if !phase.is_over() => waiting = waiting.or(Some(id)),
                _ => {}
            }
        }
        running.sort_unstable();
        for (since, id) in running.iter().take(MOST) {
            let name = pad(&view.board.name(*id), NAME);
            lines.push(format!("  {} {name} {}", self.paper.symbol(None), clock(view.now.since(*since))));
            let waits = view.board.record(*id);
            if waits.phase == Phase::Launched && !waits.comment.is_empty() {
                lines.push(format!("      {}", cut(&waits.comment, WIDTH - 6)));
            }
        }
        if running.len() > MOST {
            lines.push(format!("    and {} more", running.len() - MOST));
        }
        let totals = &view.run.totals;
        let bad: u32 = totals.by_status.iter().filter(|s| s.class == Class::Bad).map(|s| s.count).sum();
        let ended = totals.total.saturating_sub(totals.waiting + totals.running);
        let left = self.left(view, totals.waiting + totals.running).map(|s| format!(", about {s} to go"));
        let line = format!(
            "  {} run, {} wait, {} passed, {bad} failed of {}{}",
            totals.running,
            totals.waiting,
            ended - bad.min(ended),
            totals.total,
            left.unwrap_or_default()
        );
        lines.push(line);
        if let Some(id) = waiting {
            let why = format!("{} {}", view.board.name(id), testruns::why(view.board, id));
            lines.push(format!("    {}", cut(&why, WIDTH - 4)));
        }
        lines
    }

    /// How long it takes, if it goes on as it went.
    fn left(&self, view: &View<'_>, open: u32) -> Option<Span> {
        let took = view.now.since(self.began?);
        (self.ended > 0).then(|| Span(took.0 / i64::from(self.ended) * i64::from(open)))
    }
}

impl Watcher for Live {
    fn look(&mut self, view: &View<'_>, ended: &[ItemId]) {
        let began = *self.began.get_or_insert(view.now);
        self.took = Some(view.now.since(began));
        self.ended += u32::try_from(ended.len()).unwrap_or(0);
        if !self.json && !self.mute && self.draw(view, ended).is_err() {
            self.mute = true;
        }
    }

    fn every(&self) -> Option<Duration> {
        (self.paper == Paper::Terminal).then_some(EVERY)
    }
}

fn was_held_back(status: &Status) -> bool {
    [Status::PREQ_FAIL, Status::PREQ_DISCARDED].contains(status)
}

fn is_bad(view: &View<'_>, id: ItemId) -> bool {
    view.board.statuses().class(view.board.status(id)) == Class::Bad
}

/// The symbol of a status.
pub(super) fn symbol(paper: Paper, word: &str, class: Class) -> String {
    paper.symbol(Some(match class {
        _ if word == Status::KILLED.word() => Results::Cancelled,
        _ if word == Status::WARN.word() => Results::Warnings,
        Class::Good => Results::Success,
        Class::Neutral => Results::Skipped,
        Class::Bad => Results::Failure,
    }))
}

/// What is said of an item that has ended.
fn settled(paper: Paper, view: &View<'_>, id: ItemId) -> Vec<String> {
    let record = view.board.record(id);
    let class = view.board.statuses().class(&record.status);
    let took = record.attempts.last().and_then(|a| a.duration()).map(|d| d.to_string()).unwrap_or_default();
    let symbol = symbol(paper, record.status.word(), class);
    let flaky = if record.flaky { " (flaky)" } else { "" };
    let name = pad(&view.board.name(id), NAME);
    let mut lines = vec![format!("  {symbol} {name} {:<14} {took}{flaky}", record.status.word()).trim_end().to_owned()];
    if !record.comment.is_empty() && class != Class::Good {
        let most = if paper == Paper::Terminal { WIDTH - 6 } else { 1000 };
        lines.push(format!("      {}", cut(&record.comment, most)));
    }
    if class == Class::Bad
        && let Some((dir, Some(log))) = view.place(id)
    {
        // What leads elsewhere is no word of the test.
        let real = runner::files::within(&dir, log).unwrap_or_default();
        let log = dir.join(log);
        lines.extend(telling_lines(&real, LAST, WIDTH - 8).into_iter().map(|line| format!("        {line}")));
        lines.push(format!("      {}", log.display()));
    }
    lines
}
