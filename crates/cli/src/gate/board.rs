//! The tasks on a terminal: a line for each that runs, with its stage, a bar and the time that is left by what it took
//! before; a line for good when it has ended. Elsewhere a line when a stage has ended.

use super::race::{Role, Verdict};
use crate::live::LiveLines;
use crate::out::OutError;
use crate::show::{self, Paper, WIDTH};
use api::story::Story;
use model::{Results, Span, TaskSpec};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// How many lines are kept for the archive of logs.
const MOST_SAID: usize = 10_000;

/// Cells of a bar.
const BAR: usize = 12;

/// What stages took when they passed last, by task and stage, in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory(BTreeMap<String, BTreeMap<String, i64>>);

impl Memory {
    /// What a file remembers; one that is not there or not readable remembers nothing.
    pub(super) fn read(path: &Path) -> Self {
        std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Learns from a task that has passed: half of what was known, half of what was seen.
    pub(super) fn learn(&mut self, task: &str, story: &Story) {
        let known = self.0.entry(task.to_owned()).or_default();
        for step in story.steps.iter().filter(|s| s.results.is_some_and(Results::is_good)) {
            let seen = step.took.0.max(0);
            known.entry(step.name.clone()).and_modify(|usual| *usual = (*usual + seen) / 2).or_insert(seen);
        }
    }

    /// Writes it down. What cannot be remembered is no trouble.
    pub(super) fn write(&self, path: &Path) {
        let new = path.with_extension("new");
        let written = serde_json::to_vec(self).map_err(std::io::Error::from).and_then(|bytes| {
            std::fs::write(&new, bytes)?;
            std::fs::rename(&new, path)
        });
        if let Err(e) = written {
            tracing::debug!("{} is not written: {e}", path.display());
        }
    }

    fn stage(&self, task: &str, stage: &str) -> Option<Span> {
        self.0.get(task)?.get(stage).map(|us| Span(*us))
    }

    /// How long the whole task takes.
    fn whole(&self, task: &TaskSpec) -> Option<Span> {
        let stages = task.stages.iter().map(|s| self.stage(&task.name, &s.name).map(|took| took.0));
        stages.sum::<Option<i64>>().map(Span)
    }
}

/// The lines.
pub(super) struct Board {
    paper: Paper,
    live: LiveLines,
    width: usize,
    memory: Memory,
    /// Stages that were told, by task.
    told: BTreeSet<(String, String)>,
    quiet: Quiet,
    /// What was said for good, for the archive of logs.
    said: Vec<String>,
}

/// Whether the board says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quiet {
    /// It draws.
    No,
    /// Standard output belongs to a document.
    Yes,
}

impl Board {
    pub(super) fn new(memory: Memory, quiet: Quiet, paper: Paper) -> Self {
        let live = LiveLines::new(paper);
        Self { paper, live, width: 8, memory, told: BTreeSet::new(), quiet, said: Vec::new() }
    }

    /// What was said so far, without colours.
    pub(super) fn said(&self) -> String {
        self.said.iter().map(|line| colourless(line) + "\n").collect()
    }

    /// A new attempt with these tasks.
    pub(super) fn begin(&mut self, tasks: &[TaskSpec]) {
        self.told.clear();
        self.width = tasks.iter().map(|t| t.name.chars().count()).max().unwrap_or(4).clamp(4, 24);
    }

    /// How often it wants to be drawn.
    pub(super) fn every(&self) -> Duration {
        match self.paper {
            Paper::Terminal => Duration::from_millis(250),
            Paper::Plain => Duration::from_secs(1),
        }
    }

    /// What was learnt.
    pub(super) fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Lines for good.
    pub(super) fn say(&mut self, lines: &[String]) -> Result<(), OutError> {
        let room = MOST_SAID.saturating_sub(self.said.len());
        self.said.extend(lines.iter().take(room).cloned());
        match self.quiet {
            Quiet::Yes => Ok(()),
            Quiet::No => self.live.settle(lines),
        }
    }

    /// A task has ended.
    pub(super) fn ended(&mut self, verdict: &Verdict) -> Result<(), OutError> {
        let mut lines = match (&verdict.story, self.paper) {
            // The last stage and its task may end between two looks.
            (Some(story), Paper::Plain) => self.stage_lines(&verdict.task, story),
            _ => Vec::new(),
        };
        lines.extend(self.end_lines(verdict));
        self.say(&lines)
    }

    fn end_lines(&self, verdict: &Verdict) -> Vec<String> {
        let symbol = match verdict.results {
            Some(results) => self.paper.symbol(Some(results)),
            None => self.paper.symbol(Some(Results::Cancelled)),
        };
        let name = show::pad(&verdict.task, self.width);
        let head = match verdict.results {
            None => format!("  {symbol} {name}  {}", show::cut(&verdict.words, WIDTH - self.width - 6)),
            Some(_) => {
                let stage = verdict.stage.as_ref().map(|s| format!("{s}: ")).unwrap_or_default();
                let room = WIDTH.saturating_sub(self.width + 18);
                let words = show::cut(&format!("{stage}{}", verdict.words), room);
                format!("  {symbol} {name}  {:<10} {words}", verdict.took.to_string())
            }
        };
        let mut lines = vec![head.trim_end().to_owned()];
        if verdict.role == Role::Culprit
            && let Some(trouble) = verdict.story.as_ref().and_then(|s| s.trouble.as_ref())
        {
            let from = trouble.at.saturating_sub(2);
            let shown = trouble.lines.iter().skip(from).take(6);
            lines.extend(shown.map(|line| format!("      {}", show::cut(line, WIDTH - 6))));
        }
        lines
    }

    /// What runs, and who waits for whom.
    pub(super) fn show(
        &mut self,
        running: &[(&TaskSpec, Option<&Story>)],
        waiting: &[(&str, String)],
    ) -> anyhow::Result<()> {
        if self.quiet == Quiet::Yes {
            return Ok(());
        }
        if self.paper == Paper::Plain {
            return self.tell_stages(running);
        }
        let mut lines: Vec<String> = running.iter().map(|(task, story)| self.running_line(task, *story)).collect();
        let room = WIDTH - self.width - 6;
        lines.extend(
            waiting.iter().map(|(name, why)| format!("  ○ {}  {}", show::pad(name, self.width), show::cut(why, room))),
        );
        Ok(self.live.float(&lines)?)
    }

    /// Each stage that has ended, once.
    fn tell_stages(&mut self, running: &[(&TaskSpec, Option<&Story>)]) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        for (task, story) in running {
            lines.extend(story.iter().flat_map(|story| self.stage_lines(&task.name, story)));
        }
        Ok(self.say(&lines)?)
    }

    /// Stages of a task that have ended and were not told.
    fn stage_lines(&mut self, task: &str, story: &Story) -> Vec<String> {
        let name = show::pad(task, self.width);
        let ended = story.steps.iter().filter(|step| step.results.is_some());
        let new = ended.filter(|step| self.told.insert((task.to_owned(), step.name.clone())));
        new.map(|step| format!("  {} {name}  {} {}", self.paper.symbol(step.results), step.took, step.name)).collect()
    }

    fn running_line(&self, task: &TaskSpec, story: Option<&Story>) -> String {
        let name = show::pad(&task.name, self.width);
        let Some(story) = story else { return format!("  ○ {name}  waits for a free place") };
        let now = story.steps.iter().find(|s| s.results.is_none()).or(story.steps.last());
        let stage = now.map_or("", |s| s.name.as_str());
        let bar = self.memory.whole(task).map(|whole| bar(story.took, whole)).unwrap_or_else(|| " ".repeat(BAR));
        let left = self.memory.whole(task).map(|whole| match whole.0 - story.took.0 {
            left if left > 0 => format!("about {} left", Span(left)),
            _ => "longer than usual".to_owned(),
        });
        let line = format!(
            "  {} {name}  {bar}  {:>7}  {}  {}",
            self.paper.symbol(None),
            show::clock(story.took),
            show::pad(stage, 14),
            left.unwrap_or_default()
        );
        line.trim_end().to_owned()
    }
}

/// A line without the marks that colour it.
fn colourless(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| whole + part.split_once('m').map_or(part, |(_, rest)| rest))
}

/// How far something is that usually takes so long.
fn bar(took: Span, usual: Span) -> String {
    let part = took.0.max(0).saturating_mul(BAR as i64) / usual.0.max(1);
    let full = usize::try_from(part).unwrap_or(BAR).min(BAR);
    "█".repeat(full) + &"░".repeat(BAR - full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_kept_without_colours() {
        assert_eq!(colourless("  \x1b[32m✓\x1b[0m all  [m]"), "  ✓ all  [m]");
    }

    #[test]
    fn a_bar_fills_up_and_stays_full() {
        let seconds = Span::seconds;
        assert_eq!(bar(seconds(0), seconds(12)), "░░░░░░░░░░░░");
        assert_eq!(bar(seconds(6), seconds(12)), "██████░░░░░░");
        assert_eq!(bar(seconds(60), seconds(12)), "████████████");
        assert_eq!(bar(seconds(1), seconds(0)), "████████████");
    }
}
