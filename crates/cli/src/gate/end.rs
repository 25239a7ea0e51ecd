//! How a gate ends, in words, in JSON and as an exit code.

use super::race::{Role, Verdict};
use super::shown;
use super::words::short;
use crate::exit::Exit;
use serde_json::{Value, json};
use std::path::PathBuf;
use vcs::git::{Conflict, Target};

/// How an attempt, and in the end the gate, ended.
pub(super) enum End {
    /// It is on the target branch, as it was tested.
    Landed { target: Target, commit: String, verdicts: Vec<Verdict>, packed: Option<PathBuf> },
    /// It passed, and nobody asked for a push.
    Passed { commit: String, verdicts: Vec<Verdict>, packed: Option<PathBuf> },
    /// The target branch has all of it already.
    NoDifferences { target: Target, tip: String },
    /// A task failed, or could not say.
    Failed { commit: String, verdicts: Vec<Verdict>, packed: PathBuf },
    /// The last word was no.
    PasscmdFailed { commit: String, command: String, words: String, packed: PathBuf },
    /// It does not fit on the target branch. `theirs` is the commit there that changed the same.
    Conflict { target: Target, conflict: Conflict, theirs: Option<String> },
    /// The target branch has commits that this lacks, and nobody asked for a rebase.
    Behind { target: Target, tip: String },
    /// The target branch moved meanwhile.
    Moved { target: Option<Target>, commit: String, why: String },
    /// The remote does not take it.
    Refused { target: Target, commit: String, why: String },
    /// The remote does not say what became of the push.
    Doubtful { target: Target, commit: String, why: String },
    /// The disk of the test base was full: nothing is known.
    NoRoom { dir: PathBuf },
    /// Somebody pressed Ctrl-C.
    Interrupted,
}

impl End {
    /// The exit code.
    pub(super) fn exit(&self) -> Exit {
        match self {
            End::Landed { .. } | End::Passed { .. } | End::NoDifferences { .. } => Exit::Passed,
            End::Failed { verdicts, .. } if !verdicts.iter().any(|v| v.role == Role::Culprit) => Exit::Infrastructure,
            End::Failed { .. } | End::PasscmdFailed { .. } => Exit::Failed,
            End::Conflict { .. } | End::Behind { .. } | End::Moved { .. } | End::Refused { .. } => Exit::CouldNotLand,
            End::Doubtful { .. } | End::NoRoom { .. } => Exit::Infrastructure,
            End::Interrupted => Exit::Interrupted,
        }
    }

    /// What each task came to.
    pub(super) fn verdicts(&self) -> &[Verdict] {
        self.parts().3
    }

    /// The end in half a sentence, for the subject of a letter.
    pub(super) fn subject(&self) -> String {
        match self {
            End::Landed { commit, .. } => format!("{} landed", short(commit)),
            End::Passed { commit, .. } => format!("{} passed", short(commit)),
            End::NoDifferences { .. } => "no differences".to_owned(),
            End::Failed { verdicts, .. } => {
                let first = |role| verdicts.iter().find(|v| v.role == role);
                match first(Role::Culprit).or_else(|| first(Role::Trouble)) {
                    Some(v) => {
                        let stage = v.stage.as_ref().map(|s| format!(" during {s}")).unwrap_or_default();
                        let what = if v.role == Role::Culprit { "failure of" } else { "trouble in" };
                        format!("{what} task {}{stage}", v.task)
                    }
                    None => "a task was cancelled".to_owned(),
                }
            }
            End::PasscmdFailed { commit, .. } => format!("{} passed, but --passcmd did not", short(commit)),
            End::Conflict { conflict, .. } => format!("{} does not fit", conflict.commit),
            End::Behind { .. } => "it lacks commits of the branch".to_owned(),
            End::Moved { .. } => "the branch moved".to_owned(),
            End::Refused { commit, .. } => format!("{} passed, and was refused", short(commit)),
            End::Doubtful { commit, .. } => format!("whether {} landed is not known", short(commit)),
            End::NoRoom { .. } => "the disk is full".to_owned(),
            End::Interrupted => "interrupted".to_owned(),
        }
    }

    /// The last lines, for people.
    pub(super) fn lines(&self, attempts: u32) -> Vec<String> {
        let times = if attempts > 1 { format!(", at the {} attempt", nth(attempts)) } else { String::new() };
        match self {
            End::Landed { target, commit, packed, .. } => {
                let mut lines = vec![format!("  ✓ {} landed on {}{times}", short(commit), target.branch)];
                lines.extend(packed.iter().map(|path| format!("    logs: {}", shown(path))));
                lines
            }
            End::Passed { commit, packed, .. } => {
                let mut lines = vec![format!("  ✓ {} passed{times}", short(commit))];
                lines.extend(packed.iter().map(|path| format!("    logs: {}", shown(path))));
                lines
            }
            End::NoDifferences { target, tip } => {
                vec![format!("  ✓ no differences: {} has it already, at {}", target.branch, short(tip))]
            }
            End::Failed { commit, verdicts, packed } => {
                let bad: Vec<&Verdict> =
                    verdicts.iter().filter(|v| matches!(v.role, Role::Culprit | Role::Trouble)).collect();
                let names: Vec<&str> = bad.iter().map(|v| v.task.as_str()).collect();
                let head = match bad.iter().any(|v| v.role == Role::Culprit) {
                    true => format!("  ✗ {} failed in {}{times}", short(commit), names.join(", ")),
                    false => {
                        format!("  ! {} could not be tested: trouble in {}{times}", short(commit), names.join(", "))
                    }
                };
                vec![crate::show::cut(&head, crate::show::WIDTH), format!("    logs: {}", shown(packed))]
            }
            End::PasscmdFailed { commit, command, words, packed } => vec![
                crate::show::cut(&format!("  ✗ {} passed, but {command} {words}", short(commit)), 200),
                format!("    logs: {}", shown(packed)),
            ],
            End::Conflict { target, conflict, theirs } => {
                let mut lines = vec![
                    crate::show::cut(&format!("  ✗ {} does not fit on {}", conflict.commit, target.branch), 200),
                    format!("    both changed {}", conflict.files.join(", ")),
                ];
                lines.extend(theirs.iter().map(|theirs| format!("    there it was {}", crate::show::cut(theirs, 60))));
                lines
            }
            End::Behind { target, tip } => vec![
                format!("  ✗ {} has commits that this does not have, up to {}", target.branch, short(tip)),
                "    put it on top of them first: --rebase URL".to_owned(),
            ],
            End::Moved { why, .. } => vec![format!("  ✗ nothing landed: {why}{times}"), again(attempts)],
            End::Refused { commit, why, .. } => vec![format!("  ✗ {} passed, but {why}", short(commit))],
            End::Doubtful { target, commit, why } => vec![
                crate::show::cut(
                    &format!("  ! whether {} landed on {} is not known: {why}", short(commit), target.branch),
                    200,
                ),
                "    the next gate in this checkout asks again".to_owned(),
            ],
            End::NoRoom { dir } => vec![
                format!("  ! nothing landed: no space is left in {}", dir.display()),
                "    with --testbase DIR trees are made elsewhere".to_owned(),
            ],
            End::Interrupted => vec!["  stopped; nothing landed".to_owned()],
        }
    }

    /// The document for machines.
    pub(super) fn document(&self, attempts: u32) -> Value {
        let (outcome, target, commit, verdicts) = self.parts();
        let tasks: Vec<Value> = verdicts.iter().map(task).collect();
        let packed = match self {
            End::Landed { packed, .. } | End::Passed { packed, .. } => packed.as_ref(),
            End::Failed { packed, .. } | End::PasscmdFailed { packed, .. } => Some(packed),
            _ => None,
        };
        json!({
            "outcome": outcome,
            "exit": self.exit() as u8,
            "attempts": attempts,
            "target": target.map(|t| json!({ "repository": t.repository, "branch": t.branch })),
            "commit": commit,
            "tasks": tasks,
            "logs": packed.map(|path| path.display().to_string()),
            "because": self.because(),
        })
    }

    fn parts(&self) -> (&'static str, Option<&Target>, Option<&str>, &[Verdict]) {
        match self {
            End::Landed { target, commit, verdicts, .. } => ("landed", Some(target), Some(commit), verdicts),
            End::Passed { commit, verdicts, .. } => ("passed", None, Some(commit), verdicts),
            End::NoDifferences { target, tip } => ("no_differences", Some(target), Some(tip), &[]),
            End::Failed { commit, verdicts, .. } => ("failed", None, Some(commit), verdicts),
            End::PasscmdFailed { commit, .. } => ("passcmd_failed", None, Some(commit), &[]),
            End::Conflict { target, .. } => ("conflict", Some(target), None, &[]),
            End::Behind { target, .. } => ("behind", Some(target), None, &[]),
            End::Moved { target, commit, .. } => ("moved", target.as_ref(), Some(commit), &[]),
            End::Refused { target, commit, .. } => ("refused", Some(target), Some(commit), &[]),
            End::Doubtful { target, commit, .. } => ("doubtful", Some(target), Some(commit), &[]),
            End::NoRoom { .. } => ("no_room", None, None, &[]),
            End::Interrupted => ("interrupted", None, None, &[]),
        }
    }

    /// Why it did not land, in a sentence.
    fn because(&self) -> Option<String> {
        match self {
            End::Moved { why, .. } | End::Refused { why, .. } | End::Doubtful { why, .. } => Some(why.clone()),
            End::PasscmdFailed { command, words, .. } => Some(format!("{command} {words}")),
            End::NoRoom { dir } => Some(format!("no space is left in {}", dir.display())),
            End::Conflict { conflict, .. } => Some(format!("both changed {}", conflict.files.join(", "))),
            End::Failed { verdicts, .. } => verdicts
                .iter()
                .find(|v| matches!(v.role, Role::Culprit | Role::Trouble))
                .map(|v| format!("{}: {}", v.task, v.words)),
            _ => None,
        }
    }
}

/// A task's verdict for machines, and for the manifest of the logs.
pub(super) fn task(verdict: &Verdict) -> Value {
    let stages = verdict.story.iter().flat_map(|s| &s.steps).map(|step| {
        json!({
            "name": step.name,
            "results": step.results.map(|r| r as u8),
            "words": step.state,
            // To the thousandth, so that the number is short.
            "seconds": (step.took.0.max(0) / 1_000) as f64 / 1_000.0,
        })
    });
    json!({
        "name": verdict.task,
        "verdict": match verdict.role {
            Role::Passed => "passed",
            Role::Culprit => "failed",
            Role::Trouble => "trouble",
            Role::Bystander => "cancelled",
        },
        "results": verdict.results.map(|r| r as u8),
        "stage": verdict.stage,
        "words": verdict.words,
        "command": verdict.command,
        "failing_tests": verdict.failing,
        "stages": stages.collect::<Vec<_>>(),
    })
}

fn again(attempts: u32) -> String {
    match attempts {
        1 => "    with --retry it begins again by itself".to_owned(),
        n => format!("    it began {n} times, which is all that --max-attempts allows"),
    }
}

fn nth(n: u32) -> String {
    let end = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_code() {
        let target = || Target { repository: "/r".into(), branch: "main".into() };
        let conflict = Conflict { commit: "abc1234 mine".into(), files: vec!["a".into(), "b".into()] };
        let ends = [
            (End::NoDifferences { target: target(), tip: "a".repeat(40) }, Exit::Passed),
            (End::Conflict { target: target(), conflict, theirs: Some("def5678 theirs".into()) }, Exit::CouldNotLand),
            (End::Behind { target: target(), tip: "b".repeat(40) }, Exit::CouldNotLand),
            (
                End::Moved { target: None, commit: "c".repeat(40), why: "main moved to 1234567".into() },
                Exit::CouldNotLand,
            ),
            (End::Interrupted, Exit::Interrupted),
        ];
        let lines: Vec<String> = ends.iter().flat_map(|(end, _)| end.lines(1)).collect();
        for (end, exit) in &ends {
            assert_eq!(end.exit(), *exit);
            assert_eq!(end.document(1)["exit"], *exit as u8);
        }
        insta::assert_snapshot!(lines.join("\n"), @r#"
        ✓ no differences: main has it already, at aaaaaaa
        ✗ abc1234 mine does not fit on main
          both changed a, b
          there it was def5678 theirs
        ✗ main has commits that this does not have, up to bbbbbbb
          put it on top of them first: --rebase URL
        ✗ nothing landed: main moved to 1234567
          with --retry it begins again by itself
        stopped; nothing landed
        "#);
    }

    #[test]
    fn attempts_are_counted_in_english() {
        let words: Vec<String> = [1, 2, 3, 4, 11, 12, 21, 112].into_iter().map(nth).collect();
        assert_eq!(words, ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th"]);
    }
}
