//! Drawings of the grid, as SVG.

use crate::grid::Row;
use crate::measure::Measures;
use anyhow::{Result, anyhow};
use plotters::prelude::*;

/// What a drawing shows, over the load.
#[derive(Clone, Copy, Debug)]
pub struct Drawing {
    /// Its title.
    pub title: &'static str,
    /// What stands at the left.
    pub unit: &'static str,
    /// The number.
    pub of: fn(&Measures) -> f64,
    /// The axis ends here.
    pub most: f64,
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
pub fn over_load(rows: &[&Row], drawing: Drawing) -> Result<String> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (640, 400)).into_drawing_area();
        root.fill(&WHITE).map_err(|e| anyhow!("{e}"))?;
        let loads: Vec<f64> = rows.iter().map(|r| r.cell.load).collect();
        let (least, most) = loads.iter().fold((f64::MAX, 0.0_f64), |(a, b), l| (a.min(*l), b.max(*l)));
        let mut chart = ChartBuilder::on(&root)
            .caption(drawing.title, ("sans-serif", 18))
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(50)
            .build_cartesian_2d((least..most).log_scale(), 0.0..drawing.most)
            .map_err(|e| anyhow!("{e}"))?;
        chart
            .configure_mesh()
            .x_desc("candidates in the length of a trial")
            .y_desc(drawing.unit)
            .draw()
            .map_err(|e| anyhow!("{e}"))?;
        for (name, colour) in LINES {
            let points: Vec<(f64, f64)> =
                rows.iter().map(|r| (r.cell.load, (drawing.of)(&r.of(name)).min(drawing.most))).collect();
            let width = if name == "ours" { 3 } else { 1 };
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(width)))
                .map_err(|e| anyhow!("{e}"))?
                .label(name)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], colour.stroke_width(width)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK)
            .draw()
            .map_err(|e| anyhow!("{e}"))?;
        root.present().map_err(|e| anyhow!("{e}"))?;
    }
    Ok(text)
}
