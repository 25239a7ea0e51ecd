//! Log rules: what they make of a step's log.

use crate::files;
use megatest::logpro::{Date, Judge, Rules};
use megatest::{Problem, Severity, Spot};
use model::area::{LogRules, RulesSource};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::Path;

/// Judges the log of a step by rules, and writes what they found beside it, as `STEP.dat`. Answers with a status word and
/// a sentence. Rules that cannot be read never pass.
pub(crate) fn log(rules: &LogRules, dir: &Path, log: &Path, env: &dyn Fn(&str) -> Option<String>) -> (String, String) {
    let open = files::open(log);
    judge(rules, dir, open, env, |summary| {
        // It is for people; the verdict does not need it.
        let file = files::write(&log.with_extension("dat"), OpenOptions::new().write(true).truncate(true));
        let _ = file.and_then(|mut file| file.write_all(summary.as_bytes()));
    })
}

/// Judges what somebody writes, as it comes.
pub(crate) fn stream(rules: &LogRules, dir: &Path, text: impl Read) -> (String, String) {
    judge(rules, dir, Ok(text), &|_| None, |_| {})
}

fn judge(
    rules: &LogRules,
    dir: &Path,
    open: io::Result<impl Read>,
    env: &dyn Fn(&str) -> Option<String>,
    keep: impl FnOnce(String),
) -> (String, String) {
    let abort = |why: String| ("ABORT".to_owned(), why);
    let text = match &rules.source {
        RulesSource::Text(text) => text.clone(),
        RulesSource::File(file) => match files::read(&dir.join(file)) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) => return abort(format!("the rules {} cannot be read: {e}", rules.name)),
        },
    };
    let spot = Spot::nowhere(&rules.name);
    let (parsed, problems) = Rules::parse_with(&[(&text, &spot)], env);
    if let Some(wrong) = problems.iter().find(|p| p.severity == Severity::Error) {
        return abort(first_line(wrong));
    }
    let mut judge = Judge::new(&parsed, today());
    let mut piece = vec![0; 256 << 10];
    let read = open.and_then(|mut open| {
        loop {
            match open.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(n) => judge.feed(&piece[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    });
    if let Err(e) = read {
        return abort(format!("the log cannot be read: {e}"));
    }
    let found = judge.finish();
    keep(found.summary(&parsed));
    (found.outcome.word().to_owned(), found.comment)
}

fn first_line(problem: &Problem) -> String {
    problem.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn today() -> Option<Date> {
    let today = jiff::Zoned::now().date();
    let of = |n: i8| u8::try_from(n).ok();
    Some(Date { year: u16::try_from(today.year()).ok()?, month: of(today.month())?, day: of(today.day())? })
}
