//! `sluice tests kill`, `set-status`, `remove`, `lock` and `keep`.

use super::run::{Wait, me, of_run, take};
use super::{Place, find, inside};
use crate::exit::{Exit, Trouble};
use crate::out;
use anyhow::{Context, bail};
use model::TestRun;
use model::area::Area;
use runner::acts::{self, Act};
use runner::remove::{self, Records};
use runner::socket::{self, Answer, Call};
use runner::{Base, Book, Held, Home, RunError};
use testruns::Statuses;
use tokio::sync::watch;

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests kill 'build/%' -m 'wrong compiler'",
    after_help = "What runs is ended, what waits is not begun. A plain run leaves it so; sluice tests rerun failed runs it."
)]
pub(crate) struct Kill {
    /// Test patterns; all of the run when absent
    #[arg(value_name = "TEST")]
    tests: Vec<String>,
    /// Why
    #[arg(long, short = 'm', value_name = "TEXT")]
    comment: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests set-status PASS build/gcc -m 'looked at by hand'",
    after_help = "Inside of a test, without TEST, it is the test's own word: AUTO leaves it to the data. Elsewhere it says \
                  what items are that have ended; your name stands with it."
)]
pub(crate) struct SetStatus {
    /// The status, such as PASS, FAIL, CHECK; 0 is PASS
    #[arg(value_name = "STATUS")]
    status: String,
    /// Test patterns
    #[arg(value_name = "TEST")]
    tests: Vec<String>,
    /// Why
    #[arg(long, short = 'm', value_name = "TEXT")]
    comment: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests remove -n r7         (tells what it would do)\n         \
                            sluice tests remove -n r7 --yes",
    after_help = "Only directories that were made and marked for these very items are removed, and only inside of where \
                  runs of the area are made. What is locked or kept, and what runs, stays. Who is interrupted asks again."
)]
pub(crate) struct Remove {
    /// Test patterns; all of the run when absent
    #[arg(value_name = "TEST")]
    tests: Vec<String>,
    /// Remove it, and do not only tell
    #[arg(long)]
    yes: bool,
    /// Keep the records
    #[arg(long)]
    keep_records: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
pub(crate) struct Flag {
    /// Take it back
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    place: Place,
}

/// A run, and what belongs to it.
struct Acting {
    home: Home,
    base: Base,
    book: Book,
    run: TestRun,
}

impl Acting {
    fn on(place: &Place) -> anyhow::Result<Self> {
        let (home, book) = place.open()?;
        let base = Base::open(&home)?;
        let run = find::run(&book, place)?;
        Ok(Acting { home, base, book, run })
    }

    /// Asks the runner, if it is on; else holds the area, with the run as it is now.
    fn ask_or_hold(&mut self, call: &Call) -> anyhow::Result<Result<usize, Held>> {
        match socket::ask(self.base.dir(), call) {
            Ok(Some(Answer::Done(count))) => return Ok(Ok(count)),
            Ok(Some(Answer::No(why))) => bail!("{why}"),
            Ok(None) => {}
            Err(e) => return Err(Trouble(format!("the runner of this area does not answer: {e}")).into()),
        }
        self.hold().map(Err)
    }

    fn hold(&mut self) -> anyhow::Result<Held> {
        let (_stop, stopping) = watch::channel(false);
        let held = take(&self.base, Wait::No, &stopping)?;
        self.run = self.book.run(self.run.id)?.context("the run is gone")?;
        Ok(held)
    }

    fn called(&self) -> String {
        find::called(&self.run.target, &self.run.name)
    }
}

fn patterns(tests: &[String]) -> String {
    if tests.is_empty() { "%".to_owned() } else { tests.join(",") }
}

/// How many items something was done to.
fn done(place: &Place, count: usize, what: &str) -> anyhow::Result<Exit> {
    match place.json {
        true => out::json(&serde_json::json!({ "items": count }))?,
        false => out::line(format!("  {count} {} {what}", if count == 1 { "item" } else { "items" }))?,
    }
    Ok(if count == 0 { Exit::Failed } else { Exit::Passed })
}

pub(super) fn kill(args: &Kill) -> anyhow::Result<Exit> {
    let mut acting = Acting::on(&args.place)?;
    let act = Act { patterns: patterns(&args.tests), by: me(), why: args.comment.clone().unwrap_or_default() };
    let run = runner::run_name(&acting.run.target, &acting.run.name);
    let call = Call::Kill { run, patterns: act.patterns.clone(), by: act.by.clone(), why: act.why.clone() };
    let count = match acting.ask_or_hold(&call)? {
        Ok(count) => count,
        Err(_held) => acts::kill(&acting.base, &acting.book, &mut acting.run, &act)?,
    };
    done(&args.place, count, &format!("of {} ended", acting.called()))
}

pub(super) fn set_status(args: &SetStatus) -> anyhow::Result<Exit> {
    if args.tests.is_empty() {
        let comment = args.comment.clone().unwrap_or_default();
        return inside::say(&runner::said::Said::Status { status: args.status.clone(), comment });
    }
    let mut acting = Acting::on(&args.place)?;
    let words = Statuses::of(&Area { statuses: acting.run.statuses.clone(), ..Area::default() });
    let status = words.read(&args.status)?;
    let act = Act { patterns: patterns(&args.tests), by: me(), why: args.comment.clone().unwrap_or_default() };
    let call = Call::SetStatus {
        run: runner::run_name(&acting.run.target, &acting.run.name),
        patterns: act.patterns.clone(),
        status: args.status.clone(),
        by: act.by.clone(),
        comment: act.why.clone(),
    };
    let count = match acting.ask_or_hold(&call)? {
        Ok(count) => count,
        Err(_held) => acts::set_status(&acting.book, &mut acting.run, &act, &args.status)?,
    };
    // A number is what an exit code says.
    done(&args.place, count, &format!("of {} set to {}", acting.called(), status.word()))
}

pub(super) fn remove(args: &Remove) -> anyhow::Result<Exit> {
    let mut acting = Acting::on(&args.place)?;
    let _held = acting.hold()?;
    let called = acting.called();
    if acting.run.locked {
        return Err(RunError::Locked(called).into());
    }
    if acting.run.kept {
        bail!("{called} is kept\nhelp: sluice tests keep {} --undo", of_run(&acting.run));
    }
    let defined = acting.home.read(&acting.run.target, Some(&acting.run.name))?;
    let area = acting.home.dir.clone();
    let patterns = patterns(&args.tests);
    let plan = remove::plan(&area, &acting.base, &acting.book, (&defined, &acting.run), &patterns)?;
    let mut left = Vec::new();
    if args.yes {
        // What a runner that was killed left running is ended before its directory goes.
        let act = Act { patterns, by: me(), why: "it is removed".to_owned() };
        acts::kill(&acting.base, &acting.book, &mut acting.run, &act)?;
        let records = if args.keep_records { Records::Kept } else { Records::Removed };
        left = remove::carry_out(&area, &acting.book, &mut acting.run, &plan, records)?;
    }
    if args.place.json {
        out::json(&serde_json::json!({ "run": called, "plan": plan, "removed": args.yes, "left": left }))?;
    } else {
        tell(&called, &plan, args.yes)?;
    }
    Ok(if left.is_empty() { Exit::Passed } else { Exit::Failed })
}

fn tell(called: &str, plan: &remove::Plan, removed: bool) -> anyhow::Result<()> {
    for target in plan.targets.iter().filter(|t| !t.gone) {
        match &target.refused {
            Some(why) => out::line(format!("  stays: {}: {why}", target.dir.display()))?,
            None => out::line(format!("  {:>12} {}", target.bytes, target.dir.display()))?,
        }
    }
    let goes = plan.targets.iter().filter(|t| !t.gone && t.refused.is_none());
    let (count, bytes) = goes.fold((0, 0), |(n, sum), t| (n + 1, sum + t.bytes));
    let said = if removed { "removed" } else { "would be removed; --yes removes them" };
    Ok(out::line(format!("  {called}: {count} directories with {bytes} bytes {said}"))?)
}

pub(super) fn lock(args: &Flag) -> anyhow::Result<Exit> {
    flag(&args.place, Some(!args.undo), None, if args.undo { "not locked" } else { "locked" })
}

pub(super) fn keep(args: &Flag) -> anyhow::Result<Exit> {
    flag(&args.place, None, Some(!args.undo), if args.undo { "not kept" } else { "kept" })
}

fn flag(place: &Place, locked: Option<bool>, kept: Option<bool>, word: &str) -> anyhow::Result<Exit> {
    let mut acting = Acting::on(place)?;
    let _held = acting.hold()?;
    acts::flag(&acting.book, &mut acting.run, locked, kept)?;
    match place.json {
        true => out::json(&acting.run)?,
        false => out::line(format!("  {} is {word}", acting.called()))?,
    }
    Ok(Exit::Passed)
}
