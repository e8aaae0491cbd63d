//! Puts a report where it is read: tables into the README, charts beside the tests.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};

use crate::chart;
use crate::report::Report;

const README: &str = "README.md";
const CHARTS: &str = "tests/charts";
/// Marks the part of the README that is written here.
const MARKS: [&str; 2] = ["<!-- make bench -->", "<!-- end of make bench -->"];

/// Saves a report as JSON with its charts beside it.
pub(crate) fn save(report: &Report, path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, serde_json::to_vec_pretty(report)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    draw(report, folder).map(drop)
}

/// Writes the tables into the README, with those charts that the report gives.
pub(crate) fn accept(report: &Report) -> anyhow::Result<()> {
    let charts = draw(report, Path::new(CHARTS))?;
    let text = fs::read_to_string(README).context("cannot read the README")?;
    let (before, rest) = text
        .split_once(MARKS[0])
        .context("the README has no mark")?;
    let (_, after) = rest
        .split_once(MARKS[1])
        .context("the README has no end mark")?;
    let images = charts
        .iter()
        .map(|(name, title)| format!("![{title}]({CHARTS}/{name})\n"));
    let images: String = images.collect();
    ensure!(
        !report.systems.is_empty(),
        "speed was not measured: nothing was accepted"
    );
    let [open, close] = MARKS;
    let text = format!("{before}{open}\n{report}\n{images}{close}{after}");
    fs::write(README, text).context("cannot write the README")
}

/// Draws what the report gives; the files that it has made, and what they show.
fn draw(report: &Report, folder: &Path) -> anyhow::Result<Vec<(&'static str, &'static str)>> {
    let backlogs = chart::line(&report.backlogs, "articles of the backlog")?;
    let lengths = chart::line(&report.lengths, "words of an article")?;
    let all = [
        ("speed.svg", "Speed against accuracy", chart::speed(report)?),
        ("lengths.svg", "Speed by length of the articles", lengths),
        ("backlogs.svg", "Speed by size of the backlog", backlogs),
    ];
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut made = Vec::new();
    for (name, title, svg) in all {
        if let Some(svg) = svg {
            let path = folder.join(name);
            fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?;
            made.push((name, title));
        }
    }
    Ok(made)
}
