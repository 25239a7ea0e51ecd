//! `sluice tests why`: why an item is where it is.

use super::{Place, find};
use crate::exit::Exit;
use crate::out;
use runner::Base;

/// More of a sentence is not told.
const LONGEST: usize = 20_000;

#[derive(clap::Args)]
#[command(before_help = "Example: sluice tests why check/gcc")]
pub(crate) struct Args {
    /// The item, as TEST or TEST/ITEM
    #[arg(value_name = "ITEM")]
    item: String,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let (home, book) = args.place.open()?;
    let run = find::run(&book, &args.place)?;
    let item = find::item(&book, &run, &args.item)?;
    let name = find::name(&item);
    let words = if item.phase.is_over() {
        let comment = if item.comment.is_empty() { String::new() } else { format!(": {}", item.comment) };
        format!("{}/{}{comment}", item.phase, item.status)
    } else {
        let defined = home.read(&run.target, Some(&run.name))?;
        let (board, id) = runner::prepare::as_recorded(&book, &defined, &run)?;
        let found = board.find(id, &item.test, &item.path);
        let why = found.map(|id| testruns::why(&board, id).to_string());
        let why = why.unwrap_or_else(|| "is not defined any more".to_owned());
        // Nobody decides anything while nobody holds the area.
        match Base::existing(&home).map(|base| base.is_held()).transpose()? {
            Some(true) => why,
            _ => format!("{why}; and nobody runs it now: sluice tests run {}", super::run::of_run(&run)),
        }
    };
    match args.place.json {
        true => {
            out::json(&serde_json::json!({ "item": name, "state": item.phase, "status": item.status, "why": words }))?
        }
        false => out::line(crate::show::cut(&format!("{name} {words}"), LONGEST))?,
    }
    Ok(Exit::Passed)
}
