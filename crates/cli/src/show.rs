//! Builds on a terminal: one line a step, rewritten in place where there is a terminal, appended where there is none.

use anyhow::bail;
use api::story::{StepStory, Story, Trouble};
use client::Client;
use model::shell::quoted;
use model::{Results, Span};
use std::io::IsTerminal;

/// How wide lines may be.
pub(crate) const WIDTH: usize = 80;

/// How much of a builder's name stands in a sentence.
const NAME: usize = 32;

/// How many lines of what tests are otherwise than before are shown.
const NEWS: usize = 4;

const HOW_NAMED: &str = "a build is named BUILDER/NUMBER, such as linux/17, or by its id, such as 42";

/// A build by `BUILDER/NUMBER` or by its id.
pub(crate) async fn find_build(client: &Client, name: &str) -> anyhow::Result<api::Build> {
    if let Some((builder, number)) = name.rsplit_once('/') {
        match number.parse() {
            Ok(number) => return Ok(client.build_by_number(builder, number).await?),
            Err(_) => bail!("'{name}' is no build: '{number}' is no number\nhelp: {HOW_NAMED}"),
        }
    }
    match name.parse() {
        Ok(id) => Ok(client.build(id).await?),
        Err(_) => bail!("'{name}' is no build\nhelp: {HOW_NAMED}"),
    }
}

/// Whether to colour, and whether lines may be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paper {
    /// A terminal.
    Terminal,
    /// A file or a pipe.
    Plain,
}

impl Paper {
    /// What standard output is. `NO_COLOR` and a dumb terminal make it plain.
    pub(crate) fn of_stdout() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || std::env::var("TERM").is_ok_and(|t| t == "dumb");
        if std::io::stdout().is_terminal() && !plain { Paper::Terminal } else { Paper::Plain }
    }

    /// The symbol of a result, coloured where that is possible. `None` is what still runs.
    pub(crate) fn symbol(self, results: Option<Results>) -> String {
        let (symbol, colour) = match results {
            None => ("◐", "36"),
            Some(r @ (Results::Success | Results::Skipped)) => (r.symbol(), "32"),
            Some(r @ Results::Warnings) => (r.symbol(), "33"),
            Some(r @ Results::Failure) => (r.symbol(), "1;31"),
            Some(r @ (Results::Exception | Results::Retry)) => (r.symbol(), "35"),
            Some(r @ Results::Cancelled) => (r.symbol(), "2"),
        };
        match self {
            Paper::Terminal => format!("\x1b[{colour}m{symbol}\x1b[0m"),
            Paper::Plain => symbol.to_owned(),
        }
    }

    fn faint(self, text: &str) -> String {
        match self {
            Paper::Terminal => format!("\x1b[2m{text}\x1b[0m"),
            Paper::Plain => text.to_owned(),
        }
    }
}

/// One step: symbol, name, duration, and what is worth saying.
pub(crate) fn step_line(paper: Paper, step: &StepStory, width: usize, remark: &str) -> String {
    let duration = match step.results {
        None => clock(step.took),
        Some(_) => step.took.to_string(),
    };
    let usual = step.usual.map(|u| format!("usually {u}"));
    let said = match (step.results, usual) {
        (None, Some(usual)) => usual,
        (None, None) => String::new(),
        (Some(Results::Success), _) => remark.to_owned(),
        (Some(_), _) => step.state.clone(),
    };
    let room = WIDTH.saturating_sub(width + 18);
    let text = format!("{}  {duration:<10} {}", pad(&step.name, width), cut(&said, room));
    format!("  {} {}", paper.symbol(step.results), text.trim_end())
}

/// The lines that matter when a build has ended badly, then the command that shows the rest, then the address.
pub(crate) fn trouble(paper: Paper, story: &Story, trouble: &Trouble) -> Vec<String> {
    let results = story.results.unwrap_or(Results::Failure);
    let head = format!("{} {} in ", cut(&story.builder, NAME), results.word());
    let tail = format!(" after {} (build {})", story.took, story.number);
    let room = WIDTH.saturating_sub(4 + head.chars().count() + tail.chars().count()).max(8);
    let step = cut(&trouble.step, room);
    let mut lines = vec![format!("  {} {head}{step}{tail}", paper.symbol(Some(results)))];
    lines.extend(story.news.iter().take(NEWS).map(|line| format!("      {}", cut(line, WIDTH - 6))));
    let from = trouble.at.saturating_sub(2);
    for line in trouble.lines.iter().skip(from).take(6) {
        lines.push(format!("      {}", cut(line, WIDTH - 6)));
    }
    lines.push(paper.faint(&format!(
        "    sluice log {} {}",
        word(&format!("{}/{}", story.builder, story.number)),
        word(&trouble.step)
    )));
    lines.push(paper.faint(&format!("    {}", story.url)));
    lines
}

/// The line that says how a build ended.
pub(crate) fn ended(paper: Paper, story: &Story) -> Vec<String> {
    match (story.results, &story.trouble) {
        (Some(results), Some(at)) if !results.is_good() => trouble(paper, story, at),
        (Some(results), _) => {
            let state = match results {
                Results::Success => "passed".to_owned(),
                _ => story.state.clone(),
            };
            vec![
                format!(
                    "  {} {} {state} after {} (build {})",
                    paper.symbol(Some(results)),
                    story.builder,
                    story.took,
                    story.number
                ),
                paper.faint(&format!("    {}", story.url)),
            ]
        }
        (None, _) => Vec::new(),
    }
}

/// `0:03`, `12:41`, `1:02:03`: how long something has been running.
pub(crate) fn clock(span: Span) -> String {
    let s = span.0.max(0) / 1_000_000;
    match s {
        0..3600 => format!("{}:{:02}", s / 60, s % 60),
        _ => format!("{}:{:02}:{:02}", s / 3600, s % 3600 / 60, s % 60),
    }
}

/// How long ago something was, in whole seconds while it is less than a minute.
pub(crate) fn ago(span: Span) -> String {
    match span.0.max(0) / 1_000_000 {
        s @ 0..60 => format!("{s} s ago"),
        _ => format!("{span} ago"),
    }
}

/// A word as a shell reads it back, without control characters.
fn word(text: &str) -> String {
    quoted(&cut(text, usize::MAX - 1))
}

/// At most `most` characters, without control characters: what a log or a message says must not drive the terminal.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most + 1).collect();
    if clean.chars().count() <= most {
        return clean.trim_end().to_owned();
    }
    let mut short: String = clean.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// The text, filled up with spaces to `width` characters.
pub(crate) fn pad(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let missing = width.saturating_sub(text.chars().count());
    text + &" ".repeat(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Time;

    fn step(name: &str, results: Option<Results>, took: Span) -> StepStory {
        StepStory {
            stepid: 1,
            name: name.to_owned(),
            results,
            state: "failed with exit code 2".to_owned(),
            started_at: Time(0),
            took,
            usual: Some(Span::seconds(4)),
        }
    }

    fn story() -> Story {
        Story {
            buildid: 17,
            number: 17,
            builder: "linux".into(),
            url: "http://127.0.0.1:8010/builders/linux/17".into(),
            worker: "here".into(),
            reason: "a change".into(),
            branch: Some("develop".into()),
            revision: None,
            change: None,
            now: Time(0),
            started_at: Time(0),
            took: Span::seconds(4),
            usual: None,
            results: Some(Results::Failure),
            state: "failed in test".into(),
            steps: vec![],
            to_come: vec![],
            trouble: Some(Trouble {
                step: "test".into(),
                logid: 3,
                line: 211,
                lines: vec!["test.c:212: inflate_window: expected 32768, got 0\x1b[31m".into()],
                at: 0,
            }),
            news: vec!["1 fails newly: inflate_window".into(), "2 are fixed: crc32, adler32".into()],
        }
    }

    #[test]
    fn lines_read_as_they_should() {
        let lines = [
            step_line(Paper::Plain, &step("git", Some(Results::Success), Span::millis(1234)), 9, "develop d201f04"),
            step_line(Paper::Plain, &step("configure", Some(Results::Success), Span::millis(900)), 9, ""),
            step_line(Paper::Plain, &step("make", Some(Results::Failure), Span::seconds(130)), 9, ""),
            step_line(Paper::Plain, &step("test", None, Span::seconds(3)), 9, ""),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
          ✓ git        1.2 s      develop d201f04
          ✓ configure  0.9 s
          ✗ make       2 min 10 s failed with exit code 2
          ◐ test       0:03       usually 4.0 s
        ");
    }

    #[test]
    fn trouble_says_what_matters_then_where_the_rest_is() {
        insta::assert_snapshot!(ended(Paper::Plain, &story()).join("\n"), @r"
          ✗ linux failed in test after 4.0 s (build 17)
              1 fails newly: inflate_window
              2 are fixed: crc32, adler32
              test.c:212: inflate_window: expected 32768, got 0 [31m
            sluice log linux/17 test
            http://127.0.0.1:8010/builders/linux/17
        ");
    }

    #[test]
    fn nothing_is_wider_than_the_terminal() {
        let wide = step(&"n".repeat(200), Some(Results::Failure), Span::seconds(100_000));
        let line = step_line(Paper::Plain, &wide, 30, &"r".repeat(200));
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
}
