//! `sluice gate`: test a tree the way it would land, then land it.
//!
//! A clone of what is committed is put on top of the target branch, all tasks run on that very commit, and if all pass it
//! is pushed, provided that the branch is still where it was. The journal says at each point what would have to be asked
//! after a crash.

mod attempt;
mod board;
mod end;
mod footprint;
mod journal_view;
mod logs;
mod options;
mod passcmd;
mod place;
mod race;
mod recover;
mod tasks;
mod words;

use crate::exit::Exit;
use crate::out;
use attempt::Attempt;
use board::{Board, Memory, Quiet};
use end::End;
pub(crate) use options::Args;
use options::Wish;
use place::{Journal, Keep};
use std::io::IsTerminal;
use std::path::Path;
use vcs::git::{Leash, Standing};

/// Which stages took how long, beside the journal.
const MEMORY: &str = "durations.json";

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(if args.verbose { tracing::Level::INFO } else { tracing::Level::WARN })
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .init();
    let dir = args.repository.clone().unwrap_or_else(|| ".".into());
    let standing = blocking(move || Ok(Standing::look(&dir)?)).await?;
    let journal = Journal::of(&standing.shared)?;
    if args.status {
        return journal_view::print(&journal, args.json);
    }
    let wish = Wish::of(args)?;
    recover::clean_up_after_others(&journal, &standing).await?;
    if wish.daemon {
        return options::in_the_background(&journal);
    }
    gate(&wish, &standing, &journal).await
}

/// Attempts, until one of them says how it ends.
async fn gate(wish: &Wish, standing: &Standing, journal: &Journal) -> anyhow::Result<Exit> {
    let memory = Memory::read(&journal.dir().join(MEMORY));
    let mut board = Board::new(memory, if wish.json { Quiet::Yes } else { Quiet::No });
    if standing.is_dirty {
        board.say(&["  ! what is not committed is not tested".to_owned()])?;
    }
    let mut run = journal.begin(&wish.testbase)?;
    let name = run.entry().run.clone();
    let leash = Leash::default();
    standing.hold(&name)?;
    let mut interrupted = std::pin::pin!(crate::up::interrupted()?);
    let mut settled = attempt::Settled::default();
    let outcome = loop {
        let mut attempt = Attempt { wish, standing, leash: &leash, run: &mut run, board: &mut board };
        let ended = attempt.go(&mut settled, interrupted.as_mut()).await;
        match ended {
            Ok(End::Moved { .. }) if wish.may_retry(run.entry().attempt) => {
                run.note(|entry| entry.attempt += 1)?;
            }
            other => break other,
        }
    };
    board.memory().write(&journal.dir().join(MEMORY));
    let keep = if wish.nocleanup { Keep::Everything } else { Keep::Nothing };
    let work = run.work().to_owned();
    let attempts = run.entry().attempt;
    let released = standing.release(&name);
    let ended = match outcome {
        Ok(end) => {
            let said = tell(wish, &mut board, &end, attempts);
            said.map(|()| end.exit())
        }
        Err(e) => Err(e),
    };
    tokio::task::spawn_blocking(move || run.end(keep)).await?;
    if keep == Keep::Everything {
        board.say(&[format!("    everything is kept in {}", work.display())])?;
    }
    released?;
    ended
}

/// The last words.
fn tell(wish: &Wish, board: &mut Board, end: &End, attempts: u32) -> anyhow::Result<()> {
    if wish.json {
        return Ok(out::json(&end.document(attempts))?);
    }
    let mut lines = vec![String::new()];
    lines.extend(end.lines(attempts));
    Ok(board.say(&lines)?)
}

/// Runs what blocks: git, files.
async fn blocking<T: Send + 'static>(act: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(act).await?
}

/// A path for people: below the current directory it is told from there.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}
