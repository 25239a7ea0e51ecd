//! What is measured, what it should be, and the figures of a run.

use std::collections::BTreeMap;

/// A line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    OneStep,
    FiveSteps,
    Log,
    Forced,
    PendingStart,
    PendingDispatch,
    ManyStart,
    ManyListing,
    Reads,
    ReadsP50,
    ReadsP99,
    MasterIdle,
    MasterAfter,
    WorkerIdle,
    Supervisor,
    ChangeP50,
    ChangeP99,
}

/// Which way is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

/// What a measure is, and what is asked of it.
pub(crate) struct Row {
    pub(crate) measure: Measure,
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) target: Option<f64>,
    pub(crate) floor: Option<f64>,
}

const fn row(
    measure: Measure,
    what: &'static str,
    unit: &'static str,
    better: Better,
    target: Option<f64>,
    floor: Option<f64>,
) -> Row {
    Row { measure, what, unit, better, target, floor }
}

/// The table, in its order. Below a floor the program is not good enough to be handed out; a target is what it is for.
pub(crate) const ROWS: &[Row] = &[
    row(Measure::OneStep, "builds of one trivial step", "/s", Better::More, Some(1000.0), Some(400.0)),
    row(Measure::FiveSteps, "steps, in builds of five", "/s", Better::More, Some(2000.0), None),
    row(Measure::Log, "100 MB log, forced to sealed", "MB/s", Better::More, Some(200.0), Some(60.0)),
    row(Measure::Forced, "5,000 forced requests accepted", "/s", Better::More, Some(5000.0), None),
    row(Measure::PendingStart, "25,000 pending: start to port open", "s", Better::Less, Some(1.0), Some(2.0)),
    row(Measure::PendingDispatch, "25,000 pending: start to a command", "s", Better::Less, Some(1.0), Some(2.0)),
    row(Measure::ManyStart, "1,000 builders: start to port open", "s", Better::Less, Some(0.5), Some(1.0)),
    row(Measure::ManyListing, "1,000 builders: worker, build, list", "s", Better::Less, Some(0.5), Some(1.0)),
    row(Measure::Reads, "GET builds?limit=100, 8 clients", "/s", Better::More, Some(3000.0), None),
    row(Measure::ReadsP50, "GET builds?limit=100, p50", "ms", Better::Less, Some(2.0), None),
    row(Measure::ReadsP99, "GET builds?limit=100, p99", "ms", Better::Less, None, None),
    row(Measure::MasterIdle, "memory: master, idle", "MB", Better::Less, Some(40.0), None),
    row(Measure::MasterAfter, "memory: master, after all this", "MB", Better::Less, None, None),
    row(Measure::WorkerIdle, "memory: worker, idle", "MB", Better::Less, Some(10.0), None),
    row(Measure::Supervisor, "memory: supervisor of a command", "MB", Better::Less, None, None),
    row(Measure::ChangeP50, "change sent to first command, p50", "ms", Better::Less, Some(10.0), None),
    row(Measure::ChangeP99, "change sent to first command, p99", "ms", Better::Less, Some(30.0), None),
];

/// The figures of a run: by measure and system, one for each round.
#[derive(Default)]
pub(crate) struct Board {
    figures: BTreeMap<(Measure, &'static str), Vec<f64>>,
    notes: Vec<String>,
    failures: Vec<String>,
}

impl Board {
    /// Keeps what one round of a measure found, and says so.
    pub(crate) fn keep(&mut self, system: &'static str, what: &str, found: anyhow::Result<Vec<(Measure, f64)>>) {
        match found {
            Ok(found) => {
                for (measure, value) in found {
                    let row = ROWS.iter().find(|r| r.measure == measure);
                    let (what, unit) = row.map_or(("", ""), |r| (r.what, r.unit));
                    eprintln!("  {system:<9} {what}: {} {unit}", number(value));
                    self.figures.entry((measure, system)).or_default().push(value);
                }
            }
            Err(e) => {
                let failure = format!("{system}: {what} failed: {e:#}");
                eprintln!("  {failure}");
                self.failures.push(failure);
            }
        }
    }

    /// A word below the table; the same one is said once.
    pub(crate) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// The median of the rounds.
    pub(crate) fn figure(&self, measure: Measure, system: &'static str) -> Option<f64> {
        let mut rounds = self.figures.get(&(measure, system))?.clone();
        rounds.sort_by(f64::total_cmp);
        rounds.get(rounds.len() / 2).copied()
    }

    pub(crate) fn has(&self, system: &'static str) -> bool {
        self.figures.keys().any(|(_, s)| *s == system)
    }
}

/// Three digits that count, thousands apart.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut apart = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart + rest
}

/// A number of things, thousands apart.
pub(crate) fn count(value: usize) -> String {
    if value < 100 { value.to_string() } else { number(value as f64) }
}

/// The value that `share` of the sorted values do not exceed.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_count() {
        let cases = [
            (0.0123, "0.012"),
            (1.0, "1.00"),
            (47.06, "47.1"),
            (100.0, "100"),
            (5021.7, "5,022"),
            (1.25e6, "1,250,000"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(count(8), "8");
        assert_eq!(count(25_000), "25,000");
    }

    #[test]
    fn the_middle_round_counts() {
        let mut board = Board::default();
        for value in [3.0, 9.0, 1.0] {
            board.keep("Sluice", "a log", Ok(vec![(Measure::Log, value)]));
        }
        assert_eq!(board.figure(Measure::Log, "Sluice"), Some(3.0));
        assert_eq!(board.figure(Measure::Log, "Buildbot"), None);
        assert!(board.has("Sluice") && !board.has("Buildbot"));
    }

    #[test]
    fn percentiles_are_values_that_occur() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 100.0);
        assert_eq!(percentile(&values, 0.99), 198.0);
        assert_eq!(percentile(&values[..1], 0.99), 1.0);
        assert_eq!(percentile(&[], 0.99), 0.0);
    }
}
