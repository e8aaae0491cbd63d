//! Figures, what they must not fall below, and the table of both.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::calibration::Reliability;
use crate::confusion::Confusion;
use crate::score::{Counts, Estimate, Score};

/// The F1 of all labels of a set together.
pub(crate) const MICRO: &str = "micro F1";
/// The same of the texts that cleaning leaves as they are: what the trainer reads.
pub(crate) const AS_WRITTEN: &str = "micro F1, texts as written";

/// What was measured with one numeric form of the model, in order.
#[derive(Serialize)]
pub(crate) struct Report {
    /// `bf16`, `fp32`, `int8`.
    pub(crate) form: String,
    pub(crate) figures: Vec<Figure>,
    confusions: Vec<(String, Vec<Confusion>)>,
    /// By set, the places of the texts that cleaning left as they are.
    #[serde(skip)]
    pub(crate) as_written: BTreeMap<String, Vec<usize>>,
}

/// One figure of one set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) set: String,
    pub(crate) name: String,
    pub(crate) value: f64,
    /// The interval that holds the figure 95 times in 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interval: Option<(f64, f64)>,
    /// Precision, recall, and how many there were to find.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parts: Option<(f64, f64, usize)>,
    /// Whether a fall of this figure is a failure.
    #[serde(default)]
    pub(crate) guarded: bool,
    /// What it must be in any case.
    #[serde(default, skip)]
    bound: Option<Bound>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    detail: String,
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Report {
    pub(crate) fn new(form: String) -> Self {
        Self {
            form,
            figures: Vec::new(),
            confusions: Vec::new(),
            as_written: BTreeMap::new(),
        }
    }

    /// Adds a figure that must not fall.
    pub(crate) fn add(&mut self, set: &str, name: &str, estimate: Estimate) {
        self.note(set, name, estimate).guarded = true;
    }

    /// Adds a figure that may be anything.
    pub(crate) fn note(&mut self, set: &str, name: &str, estimate: Estimate) -> &mut Figure {
        let figure = self.push(set, name, estimate.value);
        figure.interval = Some((estimate.low, estimate.high));
        figure
    }

    /// Adds a figure without an interval that must not fall.
    pub(crate) fn add_exact(&mut self, set: &str, name: &str, value: f64) {
        self.push(set, name, value).guarded = true;
    }

    /// Adds a figure that must never be below a bound.
    pub(crate) fn require(&mut self, set: &str, name: &str, value: f64, least: f64) {
        self.push(set, name, value).bound = Some(Bound::AtLeast(least));
    }

    /// Adds a figure that must never be above a bound.
    pub(crate) fn at_most(&mut self, set: &str, name: &str, value: f64, most: f64) {
        self.push(set, name, value).bound = Some(Bound::AtMost(most));
    }

    /// Adds precision, recall and F1 of each label.
    pub(crate) fn add_labels(&mut self, set: &str, score: &Score) {
        for label in score.labels() {
            let one = |other: &str| other == label;
            let counts = score.micro(one);
            self.note(set, label, score.micro_f1(one)).parts = Some(parts(counts));
        }
    }

    /// Adds micro and macro F1.
    pub(crate) fn add_totals(&mut self, set: &str, score: &Score) {
        let figure = self.note(set, MICRO, score.micro_f1(|_| true));
        figure.parts = Some(parts(score.micro(|_| true)));
        figure.guarded = true;
        self.note(set, "macro F1", score.macro_f1());
    }

    /// Adds the micro F1 of the texts at these places, which cleaning left as they are.
    pub(crate) fn add_as_written(&mut self, set: &str, score: &Score, places: Vec<usize>) {
        if !places.is_empty() {
            let figure = self.note(set, AS_WRITTEN, score.micro_f1(|_| true));
            figure.parts = Some(parts(score.micro(|_| true)));
            self.as_written.insert(set.to_owned(), places);
        }
    }

    /// Adds a reliability curve and its error.
    pub(crate) fn add_reliability(&mut self, set: &str, reliability: Reliability) {
        let figure = self.push(set, "calibration error", reliability.error());
        figure.detail = reliability.to_string();
    }

    /// Adds the most frequent errors.
    pub(crate) fn add_confusions(&mut self, set: &str, confusions: Vec<Confusion>) {
        self.confusions.push((set.to_owned(), confusions));
    }

    /// A figure by its set and name.
    pub(crate) fn find(&self, set: &str, name: &str) -> Option<&Figure> {
        find(&self.figures, set, name)
    }

    /// The figures that are out of their bounds.
    pub(crate) fn out_of_bounds(&self) -> impl Iterator<Item = String> {
        self.figures.iter().filter_map(Figure::complaint)
    }

    fn push(&mut self, set: &str, name: &str, value: f64) -> &mut Figure {
        self.figures.push(Figure {
            set: set.to_owned(),
            name: name.to_owned(),
            value,
            interval: None,
            parts: None,
            guarded: false,
            bound: None,
            detail: String::new(),
        });
        self.figures.last_mut().expect("it was just added")
    }
}

/// A figure of a list by its set and name.
pub(crate) fn find<'f>(figures: &'f [Figure], set: &str, name: &str) -> Option<&'f Figure> {
    figures
        .iter()
        .find(|figure| figure.set == set && figure.name == name)
}

fn parts(counts: Counts) -> (f64, f64, usize) {
    (counts.precision(), counts.recall(), counts.support())
}

impl Figure {
    /// Value and interval as cells of a Markdown table.
    pub(crate) fn cells(&self) -> String {
        let interval = self.interval.map_or(String::new(), |(low, high)| {
            format!("{low:.3} to {high:.3}")
        });
        format!("{:.3} | {interval}", self.value)
    }

    /// What is wrong with a figure that is out of its bound.
    fn complaint(&self) -> Option<String> {
        let (set, name, value) = (&self.set, &self.name, self.value);
        match self.bound? {
            Bound::AtLeast(least) if value < least => Some(format!(
                "{set}, {name}: {value:.4}, at least {least} is asked for"
            )),
            Bound::AtMost(most) if value > most => Some(format!(
                "{set}, {name}: {value:.4}, at most {most} is asked for"
            )),
            _ => None,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = "";
        for figure in &self.figures {
            if figure.set != set {
                set = &figure.set;
                let header = format!("{set} ({})", self.form);
                writeln!(
                    out,
                    "\n{header:<50}         95 % interval        P      R      n"
                )?;
            }
            writeln!(out, "{figure}")?;
        }
        for (set, confusions) in &self.confusions {
            writeln!(out, "\n{set} ({}): most frequent errors", self.form)?;
            for one in confusions {
                writeln!(out, "  {:>4}  {}", one.count, one.kind)?;
                for example in &one.examples {
                    writeln!(out, "          … {example} …")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "  {:<46} {:>7.4}", self.name, self.value)?;
        if let Some((low, high)) = self.interval {
            write!(out, "  {low:.4} to {high:.4}")?;
        }
        if let Some((precision, recall, support)) = self.parts {
            write!(out, "  {precision:.3}  {recall:.3}  {support:>5}")?;
        }
        write!(out, "  {}", self.detail)
    }
}
