//! `sluice gate`: test a tree the way it would land, then land it.
//!
//! A clone of what is committed is put on top of the target branch, all tasks run on that very commit, and if all pass it
//! is pushed, provided that the branch is still where it was. The journal says at each point what would have to be asked
//! after a crash.

mod attempt;
mod board;
mod clone;
mod end;
mod footprint;
mod journal_view;
mod logs;
mod mail;
mod options;
mod passcmd;
mod place;
mod race;
mod recover;
mod room;
mod tail;
mod tasks;
mod words;

use crate::exit::Exit;
use crate::out;
use crate::show::Paper;
use attempt::Attempt;
use board::{Board, Memory, Quiet};
use end::End;
use mail::About;
pub(crate) use options::Args;
use options::Wish;
use place::{Journal, Keep, Phase, Run};
use std::io::IsTerminal;
use std::path::Path;
use vcs::git::Standing;

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
    let (wish, standing) = blocking(move || Ok((Wish::of(args, &standing)?, standing))).await?;
    recover::clean_up_after_others(&journal, &standing).await?;
    if wish.daemon {
        return options::in_the_background(&journal);
    }
    gate(&wish, &standing, &journal).await
}

/// Attempts, until one of them says how it ends.
async fn gate(wish: &Wish, standing: &Standing, journal: &Journal) -> anyhow::Result<Exit> {
    let memory = Memory::read(&journal.dir().join(MEMORY));
    // Lines that are drawn over and lines of the tasks do not go together.
    let paper = if wish.tail { Paper::Plain } else { Paper::of_stdout() };
    let mut board = Board::new(memory, if wish.json { Quiet::Yes } else { Quiet::No }, paper);
    if standing.is_dirty {
        board.say(&["  ! what is not committed is not tested".to_owned()])?;
    }
    let mut run = journal.begin(&wish.testbase)?;
    let noted = run.note(|entry| entry.mail = wish.mail.clone());
    let held = noted.and_then(|()| Ok(standing.hold(&run.entry().run)?));
    let outcome = match held {
        Ok(()) if room::is_too_little(run.work()) => Ok(End::NoRoom { dir: wish.testbase.clone() }),
        Ok(()) => attempts(wish, standing, &mut run, &mut board).await,
        Err(e) => Err(e),
    };
    board.memory().write(&journal.dir().join(MEMORY));
    let told = mail::write(journal, &About { entry: run.entry(), root: &standing.root }, &outcome);
    let told = told.and_then(|()| run.note(|entry| entry.told = true));
    let attempts = run.entry().attempt;
    let work = run.work().to_owned();
    let ended = match outcome {
        Ok(end) => {
            let keep = match end {
                // The next gate asks what became of it, in this very clone.
                End::Doubtful { .. } => None,
                _ if wish.nocleanup => Some(Keep::Everything),
                _ => Some(Keep::Nothing),
            };
            leave(run, standing, keep).await.and_then(|()| tell(wish, &mut board, &end, attempts)).map(|()| end.exit())
        }
        // What still runs there must be found again.
        Err(e) if e.is::<attempt::Stuck>() => Err(e.context(no_room(&wish.testbase))),
        Err(e) => {
            let e = match run.check_whole() {
                Err(removed) => removed.into(),
                Ok(()) if room::is_full(&work) => e.context(no_room(&wish.testbase)),
                Ok(()) => e,
            };
            leave(run, standing, Some(Keep::Nothing)).await.and(Err(e))
        }
    };
    if wish.nocleanup {
        board.say(&[format!("    everything is kept in {}", work.display())])?;
    }
    if let Err(e) = told {
        out::aside(format!("  ! no letter is written: {e:#}"));
    }
    mail::send_all(journal).await;
    ended
}

async fn attempts(wish: &Wish, standing: &Standing, run: &mut Run, board: &mut Board) -> anyhow::Result<End> {
    let leash = run.leash();
    let mut interrupted = std::pin::pin!(crate::up::interrupted()?);
    let mut settled = attempt::Settled::default();
    loop {
        let mut attempt = Attempt { wish, standing, leash: &leash, run, board };
        match attempt.go(&mut settled, interrupted.as_mut()).await {
            Ok(End::Moved { why, .. }) if wish.may_retry(run.entry().attempt) => {
                board.say(&[String::new(), format!("  ◐ {why}: it begins again"), String::new()])?;
                run.note(|entry| (entry.attempt, entry.phase) = (entry.attempt + 1, Phase::Preparing))?;
            }
            other => return other,
        }
    }
}

fn no_room(testbase: &Path) -> crate::exit::Trouble {
    crate::exit::Trouble(format!("no space is left in {}", testbase.display()))
}

/// Leaves nothing behind, or what is to be kept; `None`: also the journal keeps it.
async fn leave(run: Run, standing: &Standing, keep: Option<Keep>) -> anyhow::Result<()> {
    let Some(keep) = keep else { return Ok(()) };
    let name = run.entry().run.clone();
    tokio::task::spawn_blocking(move || run.end(keep)).await?;
    Ok(standing.release(&name)?)
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
