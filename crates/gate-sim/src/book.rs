//! What is written down of it all: the tables and drawings of `docs/gate.md`.

use crate::formula::Check;
use crate::grid::{CLAIMS, Cell, NAMES, Row};
use crate::plot::{self, Axis, Drawing};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::path::Path;

/// Between these lines the chapter is written by the simulator.
const BEGIN: &str = "<!-- written by cargo xtask gate-sim --book -->";
const END: &str = "<!-- end -->";

/// Writes the drawings beside the chapter, and its tables into it.
///
/// # Errors
/// When the chapter cannot be read or written.
pub fn write(dir: &Path, rows: &[Row], checks: &[Check], how: &str) -> Result<()> {
    let chapter = dir.join("gate.md");
    let text = std::fs::read_to_string(&chapter).with_context(|| format!("cannot read {}", chapter.display()))?;
    let begin = text.find(BEGIN).with_context(|| format!("{} has no line {BEGIN}", chapter.display()))?;
    let end = text[begin..].find(END).with_context(|| format!("{} has no line {END}", chapter.display()))? + begin;
    let mut new = text[..begin].to_owned();
    let _ = write!(new, "{BEGIN}\n\n{how}\n\n");
    drawings(dir, rows, &mut new)?;
    tables(rows, &mut new);
    failures(rows, &mut new);
    formulas(checks, &mut new);
    new.push_str(&text[end..]);
    std::fs::write(&chapter, new).with_context(|| format!("cannot write {}", chapter.display()))
}

/// The gates that are drawn and shown in full.
const SHOWN: [(f64, f64, usize); 3] = [(0.8, 0.0, 16), (0.95, 0.0, 16), (0.95, 0.05, 4)];

fn shown(rows: &[Row], (good, flaky, slots): (f64, f64, usize)) -> Vec<&Row> {
    let is =
        |c: &Cell| (c.good - good).abs() < 1e-9 && (c.flaky - flaky).abs() < 1e-9 && c.slots == slots && c.areas == 1;
    rows.iter().filter(|r| is(&r.cell)).collect()
}

fn drawings(dir: &Path, rows: &[Row], out: &mut String) -> Result<()> {
    let into = dir.join("gate");
    std::fs::create_dir_all(&into)?;
    for (i, gate) in SHOWN.into_iter().enumerate() {
        let rows = shown(rows, gate);
        if rows.len() < 2 {
            continue;
        }
        let (good, flaky, slots) = gate;
        let words = format!("{:.0} % good, {:.0} % flaky, {slots} slots", 100.0 * good, 100.0 * flaky);
        let title = |what: &str| format!("{what}: {words}");
        let (landed, late) = (title("Landed in the length of a trial"), title("P95 from submission to landing"));
        let landed = Drawing { title: &landed, unit: "landed", of: |m| m.throughput, axis: Axis::Even };
        let late = Drawing { title: &late, unit: "lengths of a trial", of: |m| m.p95, axis: Axis::Times };
        for (what, drawing) in [("landed", landed), ("p95", late)] {
            let name = format!("{what}-{}.svg", i + 1);
            std::fs::write(into.join(&name), plot::over_load(&rows, drawing)?)?;
            let _ = writeln!(out, "![{}](gate/{name})\n", drawing.title);
        }
    }
    Ok(())
}

fn tables(rows: &[Row], out: &mut String) {
    for gate in SHOWN {
        let rows = shown(rows, gate);
        let (good, flaky, slots) = gate;
        let _ = writeln!(
            out,
            "{:.0} % good, {:.0} % flaky, {slots} slots; landed in a trial's length / P95 in lengths:\n",
            100.0 * good,
            100.0 * flaky
        );
        let _ = writeln!(out, "| load | {} |", NAMES.join(" | "));
        let _ = writeln!(out, "|{}", "---|".repeat(NAMES.len() + 1));
        for row in rows {
            let cells = NAMES.map(|n| format!("{:.2} / {:.2}", row.of(n).throughput, row.of(n).p95));
            let _ = writeln!(out, "| {} | {} |", row.cell.load, cells.join(" | "));
        }
        out.push('\n');
    }
}

fn failures(rows: &[Row], out: &mut String) {
    for name in CLAIMS {
        let all: Vec<_> = rows.iter().flat_map(|r| r.claims().into_iter().map(move |c| (r.cell, c))).collect();
        let of: Vec<_> = all.iter().filter(|(_, c)| c.name == name).collect();
        let bad: Vec<_> = of.iter().filter(|(_, c)| !c.holds).collect();
        let _ = writeln!(out, "**{name}**: holds in {} of {} gates.\n", of.len() - bad.len(), of.len());
        if bad.is_empty() {
            continue;
        }
        let _ = writeln!(out, "| good | flaky | slots | load | areas | ratio | why |\n|---|---|---|---|---|---|---|");
        for (cell, claim) in bad {
            let why = claim.why.as_deref().unwrap_or_default();
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {:.2} | {why} |",
                cell.good, cell.flaky, cell.slots, cell.load, cell.areas, claim.ratio
            );
        }
        out.push('\n');
    }
}

fn formulas(checks: &[Check], out: &mut String) {
    let _ = writeln!(out, "Where the answer is known:\n\n| what | formula | found |\n|---|---|---|");
    for check in checks {
        let _ = writeln!(out, "| {} | {:.3} | {:.3} |", check.what, check.expected, check.found);
    }
    out.push('\n');
}
