//! The grid on a terminal.

use crate::formula::Check;
use crate::grid::{CLAIMS, NAMES, Row};
use std::fmt::Write;

/// A line for each policy of each cell.
pub fn rows(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        let cell = row.cell;
        let _ = writeln!(
            out,
            "good {:.2}  flaky {:.2}  slots {}  load {}  areas {}",
            cell.good, cell.flaky, cell.slots, cell.load, cell.areas
        );
        let _ = writeln!(
            out,
            "  {:<11}{:>10}{:>8}{:>8}{:>8}{:>9}{:>7}{:>14}",
            "", "landed/T", "P50", "P95", "P99", "trials", "cost", "false ejects"
        );
        for name in NAMES {
            let m = row.of(name);
            let _ = writeln!(
                out,
                "  {name:<11}{:>10.2}{:>8.2}{:>8.2}{:>8.2}{:>9.2}{:>7.2}{:>12.2} %",
                m.throughput, m.p50, m.p95, m.p99, m.trials, m.cost, m.false_ejects
            );
        }
    }
    out
}

/// Each claim: in how many cells it holds, and the cells where it does not, with the reason.
pub fn claims(rows: &[Row]) -> String {
    let mut out = String::new();
    for name in CLAIMS {
        let all: Vec<_> = rows
            .iter()
            .flat_map(|r| r.claims().into_iter().filter(|c| c.name == name).map(move |c| (r.cell, c)))
            .collect();
        let holds = all.iter().filter(|(_, c)| c.holds).count();
        let _ = writeln!(out, "{name}: holds in {holds} of {} cells", all.len());
        for (cell, claim) in all.iter().filter(|(_, c)| !c.holds) {
            let _ = writeln!(
                out,
                "  good {:.2}  flaky {:.2}  slots {:>2}  load {:>4}  areas {:>2}: {:.2}; {}",
                cell.good,
                cell.flaky,
                cell.slots,
                cell.load,
                cell.areas,
                claim.ratio,
                claim.why.as_deref().unwrap_or_default()
            );
        }
    }
    out
}

/// The formula checks.
pub fn checks(checks: &[Check]) -> String {
    let mut out = String::new();
    for check in checks {
        let _ = writeln!(
            out,
            "{} {:<70} formula {:>7.3}  found {:>7.3}  ({:+.1} %, within {:.0} %)",
            if check.holds() { "✓" } else { "✗" },
            check.what,
            check.expected,
            check.found,
            100.0 * (check.found / check.expected - 1.0),
            100.0 * check.tolerance
        );
    }
    out
}
