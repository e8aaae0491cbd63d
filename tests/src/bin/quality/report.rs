//! Figures, their floors, and the table of both.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::score::{Counts, Score};

/// Figures in the order in which they were measured.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

#[derive(Serialize)]
struct Figure {
    set: String,
    name: String,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    floor: Option<f64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
}

impl Report {
    /// Adds a figure that may be anything.
    pub(crate) fn note(&mut self, set: &str, name: &str, value: f64, detail: String) {
        self.figures.push(Figure {
            set: set.to_owned(),
            name: name.to_owned(),
            value,
            floor: None,
            detail,
        });
    }

    /// Adds a figure that must not fall below a floor.
    pub(crate) fn require(&mut self, set: &str, name: &str, value: f64, floor: f64) {
        self.note(set, name, value, String::new());
        if let Some(last) = self.figures.last_mut() {
            last.floor = Some(floor);
        }
    }

    /// Adds F1 by label.
    pub(crate) fn note_labels(&mut self, set: &str, score: &Score) {
        for (label, counts) in score.labels() {
            self.note(set, label, counts.f1(), detail(counts));
        }
    }

    /// Whether every figure reaches its floor.
    pub(crate) fn passes(&self) -> bool {
        self.figures.iter().all(Figure::passes)
    }

    /// Saves the figures as JSON.
    pub(crate) fn save(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let json = serde_json::to_vec_pretty(self)?;
        fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Precision, recall and support, as the table shows them.
pub(crate) fn detail(counts: Counts) -> String {
    let support = counts.right + counts.missed;
    format!(
        "P {:.3}  R {:.3}  n {support}",
        counts.precision(),
        counts.recall()
    )
}

impl Figure {
    fn passes(&self) -> bool {
        self.floor.is_none_or(|floor| self.value >= floor)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = "";
        for figure in &self.figures {
            if figure.set != set {
                set = &figure.set;
                writeln!(out, "\n{set}")?;
            }
            write!(out, "  {:<34} {:>9.4}", figure.name, figure.value)?;
            if let Some(floor) = figure.floor {
                let verdict = if figure.passes() { "ok" } else { "BELOW" };
                write!(out, "  {verdict} (floor {floor})")?;
            }
            writeln!(out, "  {}", figure.detail)?;
        }
        Ok(())
    }
}
