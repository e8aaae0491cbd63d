//! The figures that the model card states, and what the trainer measured.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;

use crate::report::{Figure, Report, find};

/// A fall by more than this is a failure.
const FALL: f64 = 0.005;
/// The program and the trainer must agree to this.
const AGREEMENT: f64 = 0.002;
/// Marks the part of the card that is written here.
const MARKS: [&str; 2] = ["<!-- figures -->", "<!-- end of figures -->"];

/// The model folder's `MODEL_CARD.md`, with its figures in `figures.json`, by numeric form, and
/// the trainer's micro F1 by set in `trainer.json`.
pub(crate) struct Card {
    folder: PathBuf,
    stated: BTreeMap<String, Vec<Figure>>,
    trainer: BTreeMap<String, f64>,
}

/// What the trainer measured of a set; of topics it has other figures.
#[derive(Deserialize)]
struct Measured {
    micro: Option<Micro>,
}

#[derive(Deserialize)]
struct Micro {
    f1: f64,
}

impl Card {
    /// Reads what there is; a folder that was just trained states nothing yet.
    pub(crate) fn read(folder: PathBuf) -> anyhow::Result<Self> {
        let trainer: BTreeMap<String, Measured> = read(&folder.join("trainer.json"))?;
        Ok(Self {
            stated: read(&folder.join("figures.json"))?,
            trainer: (trainer.into_iter())
                .filter_map(|(set, measured)| Some((set, measured.micro?.f1)))
                .collect(),
            folder,
        })
    }

    /// Every figure that has fallen since the card was written, and every set where program and
    /// trainer differ.
    pub(crate) fn complaints(&self, report: &Report) -> Vec<String> {
        let mut complaints = Vec::new();
        for stated in self.stated.get(&report.form).into_iter().flatten() {
            let Some(figure) = report.find(&stated.set, &stated.name) else {
                continue;
            };
            if stated.guarded && figure.value < stated.value - FALL {
                complaints.push(format!(
                    "{}, {} ({}): {:.4}, the model card says {:.4}",
                    stated.set, stated.name, report.form, figure.value, stated.value
                ));
            }
        }
        for (set, trainer) in &self.trainer {
            let Some(figure) = report.find(set, "micro F1") else {
                continue;
            };
            if (figure.value - trainer).abs() > AGREEMENT {
                complaints.push(format!(
                    "{set}, micro F1 ({}): {:.4}, the trainer measured {trainer:.4}",
                    report.form, figure.value
                ));
            }
        }
        complaints
    }

    /// Writes the figures into the folder and the card.
    pub(crate) fn accept(&self, reports: &[Report]) -> anyhow::Result<()> {
        let forms: BTreeMap<&str, &[Figure]> = reports
            .iter()
            .map(|report| (report.form.as_str(), report.figures.as_slice()))
            .collect();
        let json = serde_json::to_string_pretty(&forms)? + "\n";
        write(&self.folder.join("figures.json"), &json)?;
        let path = self.folder.join("MODEL_CARD.md");
        let card =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        write(&path, &replace(&card, &self.table(reports)?)?)
    }

    /// The figures as a table in Markdown: one row a figure, one column a form.
    fn table(&self, reports: &[Report]) -> anyhow::Result<String> {
        let mut table = String::from("| set | figure | trainer |");
        for report in reports {
            write!(table, " {} | 95 % interval |", report.form)?;
        }
        write!(
            table,
            "\n|---|---|---|{}\n",
            "---|---|".repeat(reports.len())
        )?;
        for figure in reports.first().map_or(&[][..], |report| &report.figures) {
            let trainer = self
                .trainer
                .get(&figure.set)
                .filter(|_| figure.name == "micro F1");
            let trainer = trainer.map_or(String::new(), |value| format!("{value:.3}"));
            write!(table, "| {} | {} | {trainer} |", figure.set, figure.name)?;
            for report in reports {
                match find(&report.figures, &figure.set, &figure.name) {
                    Some(same) => write!(table, " {} |", same.cells())?,
                    None => write!(table, " | |")?,
                }
            }
            table.push('\n');
        }
        Ok(table)
    }
}

/// The card with the part between the marks replaced.
fn replace(card: &str, table: &str) -> anyhow::Result<String> {
    let [open, close] = MARKS;
    let parts = card.split_once(open).zip(card.split_once(close));
    let ((before, _), (_, after)) =
        parts.with_context(|| format!("the model card has no {open} and {close}"))?;
    Ok(format!("{before}{open}\n{table}{close}{after}"))
}

fn read<T: Default + for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<T> {
    if !path.exists() {
        return Ok(T::default());
    }
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("cannot parse {}", path.display()))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(value: f64) -> Report {
        let mut report = Report::new("bf16".to_owned());
        report.add_exact("worldwide", "micro F1", value);
        report
    }

    #[test]
    fn a_fall_is_told_and_a_rise_is_not() {
        let card = Card {
            folder: PathBuf::new(),
            stated: BTreeMap::from([("bf16".to_owned(), report(0.84).figures)]),
            trainer: BTreeMap::new(),
        };

        let told: Vec<usize> = [0.85, 0.836, 0.834]
            .map(|value| card.complaints(&report(value)).len())
            .into();

        assert_eq!(told, [0, 0, 1]);
    }

    #[test]
    fn only_the_marked_part_of_the_card_is_replaced() {
        let card = "a\n<!-- figures -->\nold\n<!-- end of figures -->\nz\n";

        let replaced = replace(card, "new\n").expect("the marks are there");

        assert_eq!(
            replaced,
            "a\n<!-- figures -->\nnew\n<!-- end of figures -->\nz\n"
        );
    }
}
