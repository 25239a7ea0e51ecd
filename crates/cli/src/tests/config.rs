//! `sluice tests config`: what is in force.

use super::Place;
use crate::exit::Exit;
use crate::out;
use megatest::{Problem, Severity, dump};
use runner::Defined;

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests config --target linux/gcc",
    after_help = "Ends with 2 when something is wrong in the area, whether or not it would stop a run."
)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let home = args.place.home()?;
    let target = args.place.target.clone().unwrap_or_default();
    let defined = home.read(&target, args.place.runname.as_deref())?;
    let problems: Vec<&Problem> = defined
        .read
        .iter()
        .flat_map(|(loaded, nouns)| loaded.all_problems().chain(nouns.problems.iter().map(|(_, problem)| problem)))
        .collect();
    match (&defined.read, args.place.json) {
        (Some((loaded, _)), true) => out::json(&serde_json::json!({
            "area": defined.area,
            "values": dump::effective(loaded),
            "problems": problems,
        }))?,
        (Some((loaded, _)), false) => {
            out::bytes(dump::text(&dump::effective(loaded)).as_bytes())?;
            problems.iter().for_each(|p| out::aside(p.to_string()));
        }
        (None, true) => out::json(&serde_json::json!({ "area": defined.area }))?,
        (None, false) => out::lines(native(&defined))?,
    }
    let usable = problems.iter().all(|p| p.severity < Severity::Error);
    Ok(if usable { Exit::Passed } else { Exit::Usage })
}

fn native(defined: &Defined) -> Vec<String> {
    let mut lines = vec![format!("area {}", defined.area.name)];
    for test in &defined.area.tests {
        let place = test.defined_at.as_ref().map(|p| format!("  # {}:{}", p.file, p.line)).unwrap_or_default();
        lines.push(format!("test {}{place}", test.name));
        let needs: Vec<&str> = test.needs.iter().map(|n| n.test.as_str()).collect();
        if !needs.is_empty() {
            lines.push(format!("    waits for {}", needs.join(", ")));
        }
        for axis in test.items.cross.iter().chain(&test.items.table) {
            lines.push(format!("    {} = {}", axis.name, axis.values.join(" ")));
        }
        for step in &test.steps {
            let command = match &step.command {
                model::CommandLine::Script(text) => text.clone(),
                model::CommandLine::Words(words) => words.join(" "),
            };
            lines.push(format!("    step {}: {}", step.name, crate::show::cut(&command, 100)));
        }
    }
    lines
}
