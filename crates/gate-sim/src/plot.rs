//! Drawings of the grid, as SVG.

use crate::grid::Row;
use crate::measure::Measures;
use anyhow::{Result, anyhow};
use plotters::prelude::*;

/// What a drawing shows, over the load.
#[derive(Clone, Copy, Debug)]
pub struct Drawing<'a> {
    /// Its title.
    pub title: &'a str,
    /// What stands at the left.
    pub unit: &'static str,
    /// The number.
    pub of: fn(&Measures) -> f64,
    /// How high it is drawn.
    pub axis: Axis,
}

/// An axis of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// From nought.
    Even,
    /// From one, each step so many times the one before.
    Times,
}

const LINES: [(&str, RGBColor); 6] = [
    ("per-change", RGBColor(120, 120, 120)),
    ("serial", RGBColor(200, 120, 20)),
    ("batch", RGBColor(130, 60, 160)),
    ("train", RGBColor(30, 110, 190)),
    ("tree", RGBColor(20, 140, 120)),
    ("ours", RGBColor(190, 20, 50)),
];

/// Draws one number over the load, a line for each policy, for rows that differ by their load alone.
///
/// # Errors
/// When the drawing cannot be made.
pub fn over_load(rows: &[&Row], drawing: Drawing<'_>) -> Result<String> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (640, 400)).into_drawing_area();
        draw(&root, rows, drawing).map_err(|e| anyhow!("{e}"))?;
        root.present().map_err(|e| anyhow!("{e}"))?;
    }
    Ok(text)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw(root: &Area<'_>, rows: &[&Row], drawing: Drawing<'_>) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    root.fill(&WHITE)?;
    let of = |row: &Row, name: &str| match drawing.axis {
        Axis::Even => (drawing.of)(&row.of(name)),
        Axis::Times => (drawing.of)(&row.of(name)).max(1.0).log10(),
    };
    let all = rows.iter().flat_map(|r| LINES.iter().map(|(name, _)| of(r, name)));
    let most = 1.05 * all.fold(0.1, f64::max);
    let last = rows.len().saturating_sub(1) as f64;
    let mut chart = ChartBuilder::on(root)
        .caption(drawing.title, ("sans-serif", 18))
        .margin(10)
        .margin_right(24)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..last, 0.0..most)?;
    let load = |place: &f64| {
        let row = (place.fract().abs() < 1e-6).then(|| rows.get(place.round() as usize)).flatten();
        row.map_or(String::new(), |r| r.cell.load.to_string())
    };
    let number = |y: &f64| match drawing.axis {
        Axis::Even => format!("{y:.0}"),
        Axis::Times => format!("{:.0}", 10_f64.powf(*y)),
    };
    chart
        .configure_mesh()
        .max_light_lines(0)
        .bold_line_style(RGBColor(225, 225, 225))
        .x_labels(rows.len())
        .x_label_formatter(&load)
        .y_label_formatter(&number)
        .x_desc("candidates in the length of a trial")
        .y_desc(drawing.unit)
        .draw()?;
    for (name, colour) in LINES {
        let points = rows.iter().enumerate().map(|(place, r)| (place as f64, of(r, name)));
        let style = colour.stroke_width(if name == "ours" { 3 } else { 1 });
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(RGBColor(200, 200, 200))
        .draw()
}
