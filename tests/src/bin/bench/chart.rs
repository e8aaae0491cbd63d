//! Charts of a report, as SVG.

use std::ops::Range;

use anyhow::Context;
use plotters::prelude::*;

use crate::report::{Report, System};
use crate::run::Run;
use crate::scaling::Point;

const SIZE: (u32, u32) = (760, 400);
const FONT: (&str, i32) = ("sans-serif", 13);
const OURS: RGBColor = RGBColor(0, 95, 135);
const THEIRS: RGBColor = RGBColor(175, 95, 0);

/// A system on the chart of speed and accuracy.
struct Dot {
    name: String,
    words_rate: f64,
    f1: f64,
    color: RGBColor,
}

/// Words a second against F1, of all systems of which both are known; `None` where none is.
pub(crate) fn speed(report: &Report) -> anyhow::Result<Option<String>> {
    let dots: Vec<Dot> = report.systems.iter().filter_map(Dot::of).collect();
    let Some((from, to)) = bounds(dots.iter().map(|dot| dot.words_rate)) else {
        return Ok(None);
    };
    let (low, high) = bounds(dots.iter().map(|dot| dot.f1)).context("there are dots")?;
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d((from / 2.0..to * 4.0).log_scale(), low - 0.05..high + 0.05)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("words a second")
        .y_desc("F1 of persons, organisations, places")
        .x_label_formatter(&|rate| format!("{rate:.0}"))
        .draw()?;
    for (i, dot) in dots.iter().enumerate() {
        // By turns above and below: neighbours would write over one another.
        let y = if i % 2 == 0 { -14 } else { 6 };
        let mark = EmptyElement::at((dot.words_rate, dot.f1))
            + Circle::new((0, 0), 5, dot.color.filled())
            + Text::new(dot.name.clone(), (9, y), FONT.into_font());
        chart.draw_series([mark])?;
    }
    area.present()?;
    drop(chart);
    drop(area);
    Ok(Some(svg))
}

/// Words a second by size, on a line; `None` where there is none.
pub(crate) fn line(points: &[Point], title: &str) -> anyhow::Result<Option<String>> {
    let Some((from, to)) = bounds(points.iter().map(|point| point.size as f64)) else {
        return Ok(None);
    };
    let most = points.iter().map(|point| point.words_rate);
    let rates: Range<f64> = 0.0..most.fold(0.0, f64::max) * 1.2;
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d((from / 1.2..to * 1.2).log_scale(), rates)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc(title)
        .y_desc("words a second")
        .x_label_formatter(&|size| format!("{size:.0}"))
        .y_label_formatter(&|rate| format!("{rate:.0}"))
        .draw()?;
    let places = || {
        points
            .iter()
            .map(|point| (point.size as f64, point.words_rate))
    };
    chart.draw_series(LineSeries::new(places(), OURS.stroke_width(2)))?;
    chart.draw_series(places().map(|place| Circle::new(place, 4, OURS.filled())))?;
    area.present()?;
    drop(chart);
    drop(area);
    Ok(Some(svg))
}

impl Dot {
    fn of(system: &System) -> Option<Self> {
        let ours = !system.group.is_empty();
        // Each once: as it is without Kafka.
        let alone = match ours {
            true => system.name == "in process",
            false => !system.name.contains("over Kafka"),
        };
        if !alone {
            return None;
        }
        Some(Self {
            name: if ours {
                system.group.clone()
            } else {
                system.name.clone()
            },
            words_rate: system.median(|run| Some(Run::words_rate(run)))?,
            f1: system.f1?,
            color: if ours { OURS } else { THEIRS },
        })
    }
}

fn bounds(values: impl Iterator<Item = f64> + Clone) -> Option<(f64, f64)> {
    let least = values.clone().reduce(f64::min)?;
    Some((least, values.reduce(f64::max)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_become_a_line() {
        let point = |size, words_rate| Point {
            size,
            words_rate,
            peak_mib: 0.0,
        };

        let chart = line(&[point(100, 9e3), point(20_000, 1e4)], "words").unwrap();

        let chart = chart.unwrap();
        assert!(chart.contains("<polyline") && chart.matches("<circle").count() == 2);
    }

    #[test]
    fn nothing_is_no_chart() {
        assert!(line(&[], "words").unwrap().is_none());
    }
}
