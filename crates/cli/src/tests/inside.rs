//! What a test says of itself: `sluice tests step`, `load-data`, `set-log`, `set-status`, and `megatest` for old scripts.

use crate::exit::{Exit, Trouble};
use crate::out;
use anyhow::{Context, bail};
use megatest::logpro::{Judge, Rules};
use megatest::shim::{self, Call as Old};
use megatest::{Spot, data};
use runner::files;
use runner::said::{self, Said};
use runner::socket::{self, Answer, Call};
use runner::{now, place};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of data that are read at once.
const MOST: u64 = 64 << 20;

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests step compile start\n         sluice tests step compile end --status 0",
    after_help = "It is kept with the item. What the test is follows from its configured steps, its own word and its data."
)]
pub(crate) struct Step {
    /// The step
    #[arg(value_name = "NAME")]
    name: String,
    /// start or end
    #[arg(value_name = "STATE", value_parser = ["start", "end"])]
    state: String,
    /// An exit code, or a status word
    #[arg(long, value_name = "STATUS", default_value = "n/a")]
    status: String,
    /// What to say to it
    #[arg(long, short = 'm', value_name = "TEXT")]
    comment: Option<String>,
    /// Its log, within the directory of the test
    #[arg(long, value_name = "FILE")]
    log: Option<String>,
}

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests load-data < measured.csv",
    after_help = "Each line on standard input is category,variable,value,expected,tolerance,units,comment,status,type; what is \
                  missing at the end is empty. A tolerance is a number, or one of > >= < <=."
)]
pub(crate) struct LoadData {}

#[derive(clap::Args)]
#[command(before_help = "Example: sluice tests set-log report.html")]
pub(crate) struct SetLog {
    /// What is shown first of the test, within its directory
    #[arg(value_name = "FILE")]
    file: String,
}

pub(super) fn step(args: &Step) -> anyhow::Result<Exit> {
    say(&Said::Step {
        name: args.name.clone(),
        state: args.state.clone(),
        status: args.status.clone(),
        comment: args.comment.clone().unwrap_or_default(),
        log: args.log.clone(),
        at: now().0,
    })
}

pub(super) fn load_data(_: &LoadData) -> anyhow::Result<Exit> {
    let mut text = String::new();
    std::io::stdin().take(MOST + 1).read_to_string(&mut text).context("the data cannot be read")?;
    if text.len() as u64 > MOST {
        bail!("there are more than {MOST} bytes of data at once\nhelp: call load-data more than once");
    }
    let (rows, bad) = data::read(&text);
    if let Some(bad) = bad.first() {
        bail!("line {} of the data cannot be read: {}", bad.line, bad.message);
    }
    say(&Said::Data(rows))
}

pub(super) fn set_log(args: &SetLog) -> anyhow::Result<Exit> {
    say(&Said::Log(args.file.clone()))
}

/// The test that this process belongs to.
struct Inside {
    dir: PathBuf,
    mark: place::Mark,
}

impl Inside {
    /// What is said, with a log of this directory as it is called within it.
    fn checked(&self, mut said: Said) -> anyhow::Result<Said> {
        if let Said::Log(file) | Said::Step { log: Some(file), .. } = &mut said {
            let real = self.dir.canonicalize().unwrap_or_default();
            let inner = [&self.dir, &real]
                .iter()
                .find_map(|dir| Some(Path::new(&*file).strip_prefix(dir).ok()?.to_str()?.to_owned()));
            *file = inner.unwrap_or_else(|| std::mem::take(file));
            if !files::is_within(file) {
                bail!("'{file}' is no file in the directory of the test, {}", self.dir.display());
            }
        }
        Ok(said)
    }

    fn find() -> anyhow::Result<Self> {
        const HELP: &str = "this works in a test that sluice tests run has started";
        let Some(dir) = std::env::var_os("MT_TEST_RUN_DIR").map(PathBuf::from) else {
            bail!("MT_TEST_RUN_DIR is not set\nhelp: {HELP}");
        };
        let mark = place::mark(&dir).with_context(|| format!("{} cannot be read", dir.join(place::MARK).display()))?;
        let Some(mut mark) = mark else { bail!("{} is no directory of a test\nhelp: {HELP}", dir.display()) };
        // The directory may be another attempt's by now.
        if let Some(attempt) = std::env::var("SLUICE_TEST_ATTEMPT").ok().and_then(|a| a.parse().ok()) {
            if mark.attempt != attempt {
                return Err(Trouble(format!("attempt {attempt} is over; what it says comes too late")).into());
            }
            mark.attempt = attempt;
        }
        Ok(Inside { dir, mark })
    }

    fn say(&self, said: &Said) -> anyhow::Result<()> {
        let said = &self.checked(said.clone())?;
        let place::Mark { area, run, test, path, attempt, .. } = self.mark.clone();
        let call = Call::Said { run, test, path, attempt, said: said.clone() };
        // On another machine there is no area.
        let asked = runner::Home::find(area.as_ref()).ok().map(|home| socket::ask(&home.base, &call));
        match asked {
            Some(Ok(Some(Answer::Done(_)))) => Ok(()),
            Some(Ok(Some(Answer::No(why)))) => Err(Trouble(why).into()),
            // There is no runner now; the next one reads it.
            Some(Ok(None) | Err(_)) | None => said::append(&self.dir, said).context("it cannot be written down"),
        }
    }
}

/// The test that calls says something.
pub(super) fn say(said: &Said) -> anyhow::Result<Exit> {
    Inside::find()?.say(said)?;
    Ok(Exit::Passed)
}

/// `megatest` as scripts inside of tests call it. Answers with the exit code that they know.
pub(crate) fn megatest(arguments: impl Iterator<Item = std::ffi::OsString>) -> u8 {
    let arguments: Vec<String> = arguments.map(|a| a.to_string_lossy().into_owned()).collect();
    let calls = match shim::read(&arguments) {
        Ok(calls) => calls,
        Err(bad) => {
            out::aside(&bad.message);
            return bad.code;
        }
    };
    let inside = match Inside::find() {
        Ok(inside) => inside,
        Err(e) => {
            out::aside(crate::exit::in_words(&e));
            return shim::NOT_IN_A_TEST;
        }
    };
    let mut code = 0;
    for call in &calls {
        match obey(&inside, call) {
            Ok(its) => code = code.max(its),
            Err(e) => {
                out::aside(crate::exit::in_words(&e));
                code = code.max(1);
            }
        }
    }
    code
}

fn obey(inside: &Inside, call: &Old) -> anyhow::Result<u8> {
    match call {
        Old::LoadData => load_data(&LoadData {}).map(|_| 0),
        Old::RunStep { name, rules, command } => run_step(inside, name, rules.as_deref(), command),
        other => {
            if let Some(said) = Said::of(other, now().0) {
                inside.say(&said)?;
            }
            Ok(0)
        }
    }
}

/// Runs a command as a step: begin, run, judge, end. It has the code of the command, or that of the rules.
fn run_step(inside: &Inside, name: &str, rules: Option<&str>, command: &str) -> anyhow::Result<u8> {
    let log = runner::slot::log_name(name);
    let step = |state: &str, status: String, comment: String| Said::Step {
        name: name.to_owned(),
        state: state.to_owned(),
        status,
        comment,
        log: Some(log.clone()),
        at: now().0,
    };
    inside.say(&step("start", "n/a".to_owned(), command.to_owned()))?;
    let file = std::fs::File::create(&log).with_context(|| format!("{log} cannot be written"))?;
    let ended = Command::new("bash").args(["-c", command]).stdout(file.try_clone()?).stderr(file).status();
    let ended = ended.context("bash cannot be run")?;
    let mut code = ended.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(1);
    if let Some(rules) = rules {
        let text = std::fs::read_to_string(rules).with_context(|| format!("the rules {rules} cannot be read"))?;
        let (parsed, _) = Rules::parse(&text, &Spot::nowhere(rules));
        let mut judge = Judge::new(&parsed, None);
        let mut open = std::fs::File::open(&log)?;
        let mut piece = vec![0; 64 << 10];
        loop {
            match open.read(&mut piece)? {
                0 => break,
                n => judge.feed(&piece[..n]),
            }
        }
        // A clean log does not excuse a program that failed.
        code = code.max(judge.finish().outcome.code());
    }
    inside.say(&step("end", code.to_string(), String::new()))?;
    Ok(code)
}
