//! The table of a run: for a terminal, and for the book.

use super::board::{Better, Board, ROWS, Row, number};
use super::machine::Machine;
use std::fmt::Write;

const SLUICE: &str = "Sluice";
const PEER: &str = "Buildbot";

/// The cells of one line.
fn cells(row: &Row, board: &Board) -> [String; 7] {
    let (ours, theirs) = (board.figure(row.measure, SLUICE), board.figure(row.measure, PEER));
    let sign = if row.better == Better::More { "≥" } else { "<" };
    let wanted = |bound: Option<f64>| bound.map_or(String::new(), |b| format!("{sign} {}", plain(b)));
    let ratio = ours.zip(theirs).filter(|(o, t)| *o > 0.0 && *t > 0.0).map(|(ours, theirs)| match row.better {
        Better::More => ours / theirs,
        Better::Less => theirs / ours,
    });
    let figure = |value: Option<f64>| value.map_or("-".to_owned(), number);
    [
        format!("{}, {}", row.what, row.unit),
        wanted(row.target),
        wanted(row.floor),
        figure(ours),
        figure(theirs),
        ratio.map_or(String::new(), |r| format!("{}×", number(r))),
        ours.map_or("", |value| verdict(row, value)).to_owned(),
    ]
}

fn verdict(row: &Row, value: f64) -> &'static str {
    let holds = |bound: Option<f64>| {
        bound.map(|b| match row.better {
            Better::More => value >= b,
            Better::Less => value < b,
        })
    };
    match (holds(row.target), holds(row.floor)) {
        (_, Some(false)) => "missed*",
        (Some(false), _) => "missed",
        (Some(true), _) => "met",
        (None, _) => "",
    }
}

fn plain(value: f64) -> String {
    let text = number(value);
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if text.contains('.') { short.to_owned() } else { text }
}

const HEADS: [&str; 7] = ["measure", "target", "floor", SLUICE, PEER, "ratio", ""];

/// For a terminal: aligned, at most 100 columns.
pub(crate) fn text(board: &Board) -> String {
    let lines: Vec<[String; 7]> = std::iter::once(HEADS.map(str::to_owned))
        .chain(ROWS.iter().filter(|r| is_measured(r, board)).map(|r| cells(r, board)))
        .collect();
    let width = |column: usize| lines.iter().map(|l| l[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let mut row = String::new();
        for (column, cell) in line.iter().enumerate() {
            let width = widths[column];
            let _ = match column {
                0 => write!(row, "{cell:<width$}"),
                6 => write!(row, "  {cell}"),
                _ => write!(row, "  {cell:>width$}"),
            };
        }
        let _ = writeln!(text, "{}", row.trim_end());
        if number == 0 {
            let _ = writeln!(text, "{}", "─".repeat(widths.iter().sum::<usize>() + 2 * (HEADS.len() - 1)));
        }
    }
    for note in notes(board) {
        let _ = writeln!(text, "{note}");
    }
    text
}

fn is_measured(row: &Row, board: &Board) -> bool {
    board.figure(row.measure, SLUICE).or(board.figure(row.measure, PEER)).is_some()
}

fn notes(board: &Board) -> Vec<String> {
    let below = ROWS.iter().any(|r| board.figure(r.measure, SLUICE).is_some_and(|v| verdict(r, v) == "missed*"));
    let below = below.then(|| "missed*: below the floor".to_owned());
    below.into_iter().chain(board.notes().iter().cloned()).chain(board.failures().iter().cloned()).collect()
}

/// A page of the book.
pub(crate) fn page(board: &Board, machine: &Machine) -> String {
    let mut table = String::new();
    let _ = writeln!(table, "| {} |", HEADS.join(" | "));
    let _ = writeln!(table, "|---|---:|---:|---:|---:|---:|---|");
    for row in ROWS.iter().filter(|r| is_measured(r, board)) {
        let _ = writeln!(table, "| {} |", cells(row, board).join(" | "));
    }
    let mut notes_text = String::new();
    for note in notes(board) {
        let _ = writeln!(notes_text, "- {}", note.replace('\n', " "));
    }
    let machine_text = format!("Measured on {} at version {}: {}.", machine.date, machine.version, machine.line());
    PAGE.replace("{machine}", &machine_text)
        .replace("{table}", table.trim_end())
        .replace("{notes}", notes_text.trim_end())
}

const PAGE: &str = include_str!("page.md");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::board::Measure;

    fn board() -> Board {
        let mut board = Board::default();
        let ours =
            vec![(Measure::OneStep, 350.0), (Measure::Log, 80.0), (Measure::ReadsP50, 1.5), (Measure::ReadsP99, 4.0)];
        board.keep(SLUICE, "all", Ok(ours));
        board.keep(PEER, "all", Ok(vec![(Measure::OneStep, 5.0), (Measure::ReadsP50, 45.0)]));
        board.note("Buildbot: one log only".to_owned());
        board
    }

    #[test]
    fn the_table_says_what_is_missed() {
        let expected = "\
measure                              target  floor  Sluice  Buildbot  ratio
────────────────────────────────────────────────────────────────────────────────────
builds of one trivial step, /s      ≥ 1,000  ≥ 400     350      5.00  70.0×  missed*
100 MB log, forced to sealed, MB/s    ≥ 200   ≥ 60    80.0         -         missed
GET builds?limit=100, p50, ms           < 2           1.50      45.0  30.0×  met
GET builds?limit=100, p99, ms                         4.00         -
missed*: below the floor
Buildbot: one log only
";
        assert_eq!(text(&board()), expected);
    }

    #[test]
    fn the_page_has_the_same_table() {
        let machine = Machine {
            cpu: "a processor".to_owned(),
            cores: 2,
            memory_gb: 24.0,
            kernel: "Linux 6".to_owned(),
            filesystem: "ext4".to_owned(),
            sync_us: 80.0,
            load: 0.0,
            date: "2026-11-21".to_owned(),
            version: "abc".to_owned(),
        };
        let page = page(&board(), &machine);
        assert!(page.contains("| builds of one trivial step, /s | ≥ 1,000 | ≥ 400 | 350 | 5.00 | 70.0× | missed* |"));
        assert!(page.contains("2 cores of a processor"));
        assert!(!page.contains('{'), "every place is filled:\n{page}");
    }
}
