//! The figures that the model card states, and what the trainer measured.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;

use crate::report::{AS_WRITTEN, Figure, MICRO, Report, find};
use crate::score::ratio;

/// A fall by more than this is a failure.
const FALL: f64 = 0.005;
/// The program and the trainer must agree to this, in the numbers that the trainer calculates with.
const AGREEMENT: f64 = 0.002;
/// The trainer's numeric form, which the others are held against.
const REFERENCE: &str = "fp32";
/// Another numeric form may cost so much, of the set whose spans are many enough to tell.
const COST: f64 = 0.003;
const LARGEST: &str = "worldwide";
/// Marks the part of the card that is written here.
const MARKS: [&str; 2] = ["<!-- figures -->", "<!-- end of figures -->"];

/// The model folder's `MODEL_CARD.md`, with its figures in `figures.json`, by numeric form, and
/// what the trainer measured by set in `trainer.json`.
pub(crate) struct Card {
    folder: PathBuf,
    stated: BTreeMap<String, Vec<Figure>>,
    trainer: BTreeMap<String, Measured>,
}

/// What the trainer measured of a set; of topics it has other figures.
#[derive(Deserialize)]
struct Measured {
    micro: Option<Micro>,
    /// How many spans of each text it found rightly, how many it found, and how many there are.
    #[serde(default)]
    texts: Vec<[usize; 3]>,
}

impl Measured {
    /// Micro F1 of all texts, or of those that cleaning leaves as they are.
    fn value(&self, set: &str, figure: &str, report: &Report) -> Option<f64> {
        match figure {
            MICRO => Some(self.micro.as_ref()?.f1),
            AS_WRITTEN => {
                let places = report.as_written.get(set)?.iter();
                let texts = places.filter_map(|&place| self.texts.get(place));
                let texts: Vec<&[usize; 3]> = texts.collect();
                let sum = |column: usize| texts.iter().map(|text| text[column]).sum::<usize>();
                Some(ratio(2 * sum(0), sum(1) + sum(2)))
            }
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Micro {
    f1: f64,
}

impl Card {
    /// Reads what there is; a folder that was just trained states nothing yet.
    pub(crate) fn read(folder: PathBuf) -> anyhow::Result<Self> {
        Ok(Self {
            stated: read(&folder.join("figures.json"))?,
            trainer: read(&folder.join("trainer.json"))?,
            folder,
        })
    }

    /// Every figure that has fallen since the card was written, and in the trainer's numeric form
    /// every set where program and trainer differ.
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
        let trainer = self.trainer.iter();
        for (set, measured) in trainer.filter(|_| report.form == REFERENCE) {
            let wanted = measured.value(set, AS_WRITTEN, report);
            let Some((figure, wanted)) = report.find(set, AS_WRITTEN).zip(wanted) else {
                continue;
            };
            if (figure.value - wanted).abs() > AGREEMENT {
                complaints.push(format!(
                    "{set}, {AS_WRITTEN} ({}): {:.4}, the trainer measured {wanted:.4}",
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
            let trainer = (self.trainer.get(&figure.set))
                .and_then(|measured| measured.value(&figure.set, &figure.name, &reports[0]));
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

/// Every numeric form that costs too much.
pub(crate) fn losses(reports: &[Report]) -> Vec<String> {
    let of = |report: &Report| report.find(LARGEST, MICRO).map(|figure| figure.value);
    let reference = reports.iter().find(|report| report.form == REFERENCE);
    let Some(wanted) = reference.and_then(of) else {
        return Vec::new();
    };
    let values = reports
        .iter()
        .filter_map(|report| Some((report, of(report)?)));
    values
        .filter(|(_, value)| *value < wanted - COST)
        .map(|(report, value)| {
            let form = &report.form;
            format!("{LARGEST}, {MICRO} ({form}): {value:.4}, in {REFERENCE} {wanted:.4}")
        })
        .collect()
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

    fn report(form: &str, value: f64) -> Report {
        let mut report = Report::new(form.to_owned());
        report.add_exact("worldwide", MICRO, value);
        report
    }

    #[test]
    fn a_fall_is_told_and_a_rise_is_not() {
        let card = Card {
            folder: PathBuf::new(),
            stated: BTreeMap::from([("bf16".to_owned(), report("bf16", 0.84).figures)]),
            trainer: BTreeMap::new(),
        };

        let told: Vec<usize> = [0.85, 0.836, 0.834]
            .map(|value| card.complaints(&report("bf16", value)).len())
            .into();

        assert_eq!(told, [0, 0, 1]);
    }

    #[test]
    fn the_trainer_must_agree_where_cleaning_changes_nothing() {
        let trainer = r#"{"worldwide": {"texts": [[9, 10, 10], [0, 9, 9], [8, 10, 10]]}}"#;
        let card = Card {
            folder: PathBuf::new(),
            stated: BTreeMap::new(),
            trainer: serde_json::from_str(trainer).expect("it is JSON"),
        };
        let told = |form: &str, value: f64| {
            let mut report = Report::new(form.to_owned());
            report.add_exact("worldwide", AS_WRITTEN, value);
            report.as_written.insert("worldwide".to_owned(), vec![0, 2]);
            card.complaints(&report).len()
        };

        let told = [
            told("fp32", 0.851),
            told("fp32", 0.853),
            told("fp32", 0.847),
            told("int8", 0.847),
        ];

        assert_eq!(told, [0, 1, 1, 0]);
    }

    #[test]
    fn a_text_that_the_trainer_has_not_read_is_missed() {
        let trainer = r#"{"worldwide": {"texts": [[9, 10, 10]]}}"#;
        let trainer: BTreeMap<String, Measured> =
            serde_json::from_str(trainer).expect("it is JSON");
        let mut report = Report::new("fp32".to_owned());
        report.as_written.insert("worldwide".to_owned(), vec![1]);

        let value = trainer["worldwide"].value("worldwide", AS_WRITTEN, &report);

        assert_eq!(value, Some(0.0));
    }

    #[test]
    fn a_form_may_cost_a_little() {
        let told = losses(&[
            report("fp32", 0.84),
            report("bf16", 0.838),
            report("int8", 0.836),
        ]);

        assert_eq!(told, ["worldwide, micro F1 (int8): 0.8360, in fp32 0.8400"]);
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
