//! Several commands, one after the other, in the present directory.

use super::Report;
use model::{CommandLine, Results, SequencePart, StepFlags};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// How one command ended.
struct End {
    results: Results,
    words: String,
    code: u8,
}

/// Runs them. A command that is begun prints its words first.
pub(super) fn run(parts: &[SequencePart<String>], decode_rc: &BTreeMap<i32, Results>) -> (Report, u8) {
    let mut sum = Results::Success;
    let mut worst: Option<(String, u8)> = None;
    let mut halted = false;
    for part in parts {
        if halted && !part.flags.always_run {
            continue;
        }
        let end = run_one(&part.command, decode_rc);
        let (counts, halts) = weigh(part.flags, end.results);
        if counts.worst(sum) != sum {
            worst = Some((end.words, end.code));
        }
        sum = sum.worst(counts);
        halted |= halts;
    }
    let (state, code) = worst.map_or((None, 0), |(words, code)| (Some(words), code));
    (Report { results: Some(sum), state, trouble: None }, code)
}

/// What a command's result does to the step, and whether it ends it.
fn weigh(flags: StepFlags, results: Results) -> (Results, bool) {
    match results {
        Results::Success | Results::Skipped => (Results::Success, false),
        Results::Warnings if flags.flunk_on_warnings => (Results::Failure, false),
        Results::Warnings if flags.warn_on_warnings => (Results::Warnings, false),
        Results::Warnings => (Results::Success, false),
        Results::Failure if flags.flunk_on_failure => (Results::Failure, flags.halt_on_failure),
        Results::Failure if flags.warn_on_failure => (Results::Warnings, flags.halt_on_failure),
        Results::Failure => (Results::Success, flags.halt_on_failure),
        Results::Exception | Results::Retry | Results::Cancelled => (results, true),
    }
}

fn run_one(line: &CommandLine<String>, decode_rc: &BTreeMap<i32, Results>) -> End {
    let text = line.text();
    let first = text.lines().next().unwrap_or_default();
    let mut command = match line {
        CommandLine::Script(script) => {
            let mut command = Command::new("/bin/sh");
            command.arg("-c").arg(script);
            command
        }
        CommandLine::Words(words) => {
            let mut command = Command::new(words.first().map(String::as_str).unwrap_or_default());
            command.args(words.iter().skip(1));
            command
        }
    };
    // What is printed here stands before what the command prints.
    let _ = writeln!(io::stdout(), "$ {text}").and_then(|()| io::stdout().flush());
    let failed = |words: String, code| End { results: Results::Failure, words: format!("{first}: {words}"), code };
    match command.env_remove("SLUICE_REPORT").status() {
        Err(e) => failed(format!("could not be started: {e}"), 127),
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => {
                let usual = if code == 0 { Results::Success } else { Results::Failure };
                let results = decode_rc.get(&code).copied().unwrap_or(usual);
                let code = u8::try_from(code).unwrap_or(1);
                End { results, words: format!("{first}: exit code {code}"), code }
            }
            (None, signal) => {
                let name = signal.and_then(process::signal_name).unwrap_or("a signal");
                failed(format!("ended by {name}"), 1)
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(script: &str, flags: StepFlags) -> SequencePart<String> {
        SequencePart { command: CommandLine::Script(script.into()), flags }
    }

    #[test]
    fn the_first_failure_ends_it_unless_its_flags_say_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let mark = |name: &str| format!("touch {}", dir.path().join(name).display());
        let soft = StepFlags { flunk_on_failure: false, warn_on_failure: true, ..StepFlags::PLAIN };
        let always = StepFlags { always_run: true, ..StepFlags::PLAIN };
        let parts = [
            part("exit 4", soft),
            part("exit 3", StepFlags::HALTING),
            part(&mark("skipped"), StepFlags::PLAIN),
            part(&mark("always"), always),
        ];
        let (report, code) = run(&parts, &BTreeMap::new());
        assert_eq!((report.results, code), (Some(Results::Failure), 3));
        assert_eq!(report.state.as_deref(), Some("exit 3: exit code 3"));
        assert!(dir.path().join("always").exists() && !dir.path().join("skipped").exists());
        let (report, code) = run(&parts[..1], &BTreeMap::new());
        assert_eq!((report.results, code), (Some(Results::Warnings), 4));
        let (report, _) = run(&parts[1..2], &[(3, Results::Warnings)].into());
        assert_eq!(report.results, Some(Results::Warnings));
        let (report, code) = run(&[part("true", StepFlags::HALTING)], &BTreeMap::new());
        assert_eq!((report, code), (Report { results: Some(Results::Success), state: None, trouble: None }, 0));
    }

    #[test]
    fn what_cannot_run_is_told() {
        let words = |words: &[&str]| SequencePart {
            command: CommandLine::words(words.iter().copied()),
            flags: StepFlags::HALTING,
        };
        let (report, code) = run(&[words(&["./never-there"])], &BTreeMap::new());
        assert!(report.state.is_some_and(|s| s.starts_with("./never-there: could not be started")));
        assert_eq!(code, 127);
        assert_eq!(run(&[words(&[])], &BTreeMap::new()).0.results, Some(Results::Failure));
        let (report, _) = run(&[part("kill -9 $$", StepFlags::HALTING)], &BTreeMap::new());
        assert_eq!(report.state.as_deref(), Some("kill -9 $$: ended by SIGKILL"));
    }
}
