//! All that one run of the benchmark has found.

use std::fmt;

use serde::Serialize;

use crate::limit::{Limits, Shape};
use crate::run::{Latency, Run, Spread};
use crate::scaling::Point;
use crate::soak::Soak;
use crate::table::{figure, markdown};

/// The figures, by part.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) machine: String,
    pub(crate) articles: usize,
    pub(crate) words: usize,
    /// What differs from the program's defaults.
    pub(crate) settings: Vec<String>,
    /// What differs besides where waits are measured.
    pub(crate) waits_settings: Vec<String>,
    pub(crate) limits: Option<Limits>,
    pub(crate) systems: Vec<System>,
    pub(crate) waits: Vec<Waits>,
    pub(crate) lengths: Vec<Point>,
    pub(crate) backlogs: Vec<Point>,
    pub(crate) bodies: Vec<Point>,
    pub(crate) soak: Option<Soak>,
}

/// One system, run in one way.
#[derive(Serialize)]
pub(crate) struct System {
    /// Profile and engine, empty for a peer. Systems of one group differ in how they are run, not in
    /// what they find.
    pub(crate) group: String,
    pub(crate) name: String,
    /// What it multiplies, for its limit.
    #[serde(skip)]
    pub(crate) engine: Option<(&'static str, Shape)>,
    pub(crate) runs: Vec<Run>,
    pub(crate) f1: Option<f64>,
}

/// How long articles wait over Kafka.
#[derive(Serialize)]
pub(crate) struct Waits {
    pub(crate) name: String,
    /// Articles a second at full load.
    pub(crate) full: f64,
    pub(crate) loaded: Latency,
    pub(crate) single: Latency,
}

impl Report {
    /// The system of this name, which is added where it is new.
    pub(crate) fn system(&mut self, group: &str, name: &str) -> &mut System {
        let known = |system: &System| system.group == group && system.name == name;
        let place = self.systems.iter().position(known).unwrap_or_else(|| {
            self.systems.push(System {
                group: group.to_owned(),
                name: name.to_owned(),
                engine: None,
                runs: Vec::new(),
                f1: None,
            });
            self.systems.len() - 1
        });
        &mut self.systems[place]
    }

    /// The systems of a group.
    pub(crate) fn group(&mut self, group: &str) -> impl Iterator<Item = &mut System> {
        let systems = self.systems.iter_mut();
        systems.filter(move |system| system.group == group)
    }

    fn speeds(&self) -> String {
        let header = "|words/s (min to max)|tokens/s|articles/s|CPU s/1,000|peak MiB|start s\
            |p50 ms|p99 ms|of the limit|F1";
        let mut rows = vec![header.split('|').map(str::to_owned).collect()];
        for system in &self.systems {
            rows.push(self.row(system));
        }
        markdown(&rows)
    }

    fn row(&self, system: &System) -> Vec<String> {
        let median = |of: fn(&Run) -> f64| system.median(|run| Some(of(run)));
        let waits = self.waits.iter().find(|waits| waits.name == system.title());
        let loaded = |of: fn(&Latency) -> f64| waits.map(|waits| of(&waits.loaded));
        vec![
            system.title(),
            system.words(),
            figure(system.median(Run::tokens_rate), 0),
            figure(median(Run::articles_rate), 1),
            figure(median(Run::cpu_per_thousand), 2),
            figure(median(|run| run.peak_mib), 0),
            figure(median(|run| run.start_seconds), 2),
            figure(loaded(|latency| latency.p50), 0),
            figure(loaded(|latency| latency.p99), 0),
            self.share(system),
            figure(system.f1, 3),
        ]
    }

    /// The share of the machine's limit that a system has reached.
    fn share(&self, system: &System) -> String {
        let share = || {
            let (numbers, shape) = system.engine.as_ref()?;
            let limit = self.limits.as_ref()?.tokens(numbers, shape)?;
            let share = 100.0 * system.median(Run::tokens_rate)? / limit;
            Some(format!("{share:.0} % {numbers}"))
        };
        share().unwrap_or_else(|| figure(None, 0))
    }

    fn waits(&self) -> String {
        let header = "|full load/s|sent/s|articles|p50 ms|p99 ms|max ms\
            |single: p50 ms|p99 ms|max ms";
        let mut rows = vec![header.split('|').map(str::to_owned).collect()];
        for waits in &self.waits {
            let (loaded, single) = (waits.loaded, waits.single);
            let mut row = vec![waits.name.clone(), figure(Some(waits.full), 1)];
            row.push(figure(Some(loaded.rate), 1));
            row.push(loaded.articles.to_string());
            for latency in [loaded, single] {
                let cells = [latency.p50, latency.p99, latency.max];
                row.extend(cells.map(|cell| figure(Some(cell), 0)));
            }
            rows.push(row);
        }
        markdown(&rows)
    }
}

impl System {
    /// Group and name, as the table has it.
    pub(crate) fn title(&self) -> String {
        match self.group.is_empty() {
            true => self.name.clone(),
            false => format!("{}: {}", self.group, self.name),
        }
    }

    /// The median of what is known of the runs.
    pub(crate) fn median(&self, of: impl Fn(&Run) -> Option<f64>) -> Option<f64> {
        Some(Spread::of(self.runs.iter().filter_map(of))?.median)
    }

    fn words(&self) -> String {
        let Some(spread) = Spread::of(self.runs.iter().map(Run::words_rate)) else {
            return figure(None, 0);
        };
        let [min, median, max] =
            [spread.min, spread.median, spread.max].map(|rate| figure(Some(rate), 0));
        match self.runs.len() {
            1 => median,
            _ => format!("{median} ({min} to {max})"),
        }
    }
}

fn points(header: [&str; 4], points: &[Point]) -> String {
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for point in points {
        rows.push(vec![
            figure(Some(point.size as f64), 0),
            figure(Some(point.words_rate), 0),
            figure(Some(1e6 / point.words_rate), 1),
            figure(Some(point.peak_mib), 0),
        ]);
    }
    markdown(&rows)
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.machine)?;
        writeln!(out, "{} articles, {} words", self.articles, self.words)?;
        if !self.settings.is_empty() {
            writeln!(out, "Settings: {}", self.settings.join(", "))?;
        }
        if let Some(limits) = &self.limits {
            writeln!(out, "Limits: {limits}")?;
        }
        if !self.systems.is_empty() {
            write!(out, "\n{}", self.speeds())?;
        }
        if !self.waits.is_empty() {
            let settings = match self.waits_settings.join(", ") {
                settings if settings.is_empty() => "as above".to_owned(),
                settings => settings,
            };
            writeln!(
                out,
                "\nFrom produced to visible under read_committed, settings {settings}:\n"
            )?;
            write!(out, "{}", self.waits())?;
        }
        if !self.lengths.is_empty() {
            let header = ["words of an article", "words/s", "µs a word", "peak MiB"];
            write!(out, "\n{}", points(header, &self.lengths))?;
        }
        if !self.backlogs.is_empty() {
            let header = [
                "articles of the backlog",
                "words/s",
                "µs a word",
                "peak MiB",
            ];
            write!(out, "\n{}", points(header, &self.backlogs))?;
        }
        if !self.bodies.is_empty() {
            let header = ["MB of a body", "words/s", "µs a word", "peak MiB"];
            write!(out, "\n{}", points(header, &self.bodies))?;
        }
        match &self.soak {
            Some(soak) => writeln!(out, "\n{soak}"),
            None => Ok(()),
        }
    }
}
