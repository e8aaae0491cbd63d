//! `make bench`: how fast the shipped program is, how long articles wait, and what others do on the
//! same machine in the same run.
//!
//! Machines differ and are shared: compare figures of one run only. Where a measurement is
//! repeated, the median stands in the table, with minimum and maximum behind it. Each system is
//! started and warmed up before the clock runs; the repeats go round, so that what else the machine
//! does meets all alike.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod accept;
mod accuracy;
mod arguments;
mod articles;
mod chart;
mod copydesk;
mod filter;
mod limit;
mod machine;
mod peer;
mod post;
mod reader;
mod report;
mod run;
mod scaling;
mod session;
mod soak;
mod speed;
mod table;
mod usage;
mod waits;

use std::path::Path;

use anyhow::Context;
use clap::Parser;

use crate::accuracy::Gold;
use crate::arguments::{Arguments, Part};
use crate::articles::Articles;
use crate::copydesk::Copydesk;
use crate::limit::{Limits, Shape};
use crate::report::Report;
use crate::speed::progress;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let bench = Bench::new(&arguments)?;
    let report = bench.measure()?;
    println!("{report}");
    accept::save(&report, &arguments.json)?;
    if arguments.accept {
        accept::accept(&report)?;
    }
    Ok(())
}

/// What is measured, and with what.
struct Bench<'a> {
    arguments: &'a Arguments,
    all: Articles,
    articles: Articles,
    fewer: Articles,
    /// Copydesk by profile and engine, with the name of the group.
    desks: Vec<(String, Copydesk)>,
}

impl<'a> Bench<'a> {
    fn new(arguments: &'a Arguments) -> anyhow::Result<Self> {
        let all = Articles::read(&arguments.articles())?;
        Ok(Self {
            arguments,
            articles: all.sample(arguments.take)?,
            fewer: all.sample(arguments.take_python)?,
            all,
            desks: desks(arguments)?,
        })
    }

    fn measure(&self) -> anyhow::Result<Report> {
        let mut report = Report {
            machine: machine::describe(),
            articles: self.articles.lines.len(),
            words: self.articles.words,
            settings: self.arguments.set.clone(),
            waits_settings: self.arguments.waits_set.clone(),
            limits: None,
            systems: Vec::new(),
            waits: Vec::new(),
            lengths: Vec::new(),
            backlogs: Vec::new(),
            bodies: Vec::new(),
            soak: None,
        };
        if self.wants(Part::Limit) {
            progress("the machine's limit");
            let profiles = self.arguments.profiles.iter();
            let shapes = profiles.map(|(_, model)| Shape::read(model));
            let shapes = shapes.collect::<anyhow::Result<Vec<_>>>()?;
            report.limits = Some(Limits::measure(&shapes)?);
        }
        for _ in 0..self.arguments.repeats {
            self.speed(&mut report)?;
        }
        self.accuracy(&mut report)?;
        self.waits(&mut report)?;
        self.scaling(&mut report)?;
        Ok(report)
    }

    fn speed(&self, report: &mut Report) -> anyhow::Result<()> {
        if self.wants(Part::Speed) {
            for (group, desk) in &self.desks {
                let shifts = speed::shifts(self.arguments.engines.first() == Some(&desk.engine));
                speed::copydesk(report, group, desk, &shifts, &self.articles)?;
            }
        }
        if self.wants(Part::Peers) {
            speed::peers(report, self.model()?, &self.articles, &self.fewer)?;
        }
        Ok(())
    }

    fn accuracy(&self, report: &mut Report) -> anyhow::Result<()> {
        if !self.wants(Part::Accuracy) {
            return Ok(());
        }
        let gold = Gold::read(&self.arguments.data)?;
        for (group, desk) in self.desks.iter().filter(|_| self.wants(Part::Speed)) {
            progress(&format!("{group}, accuracy"));
            let f1 = gold.f1(&desk.filter())?;
            report.group(group).for_each(|system| system.f1 = Some(f1));
        }
        if self.wants(Part::Peers) {
            for (filter, names) in speed::peers_by_accuracy(self.model()?) {
                progress(&format!("{}, accuracy", filter.name));
                let f1 = gold.f1(&filter)?;
                names
                    .iter()
                    .for_each(|name| report.system("", name).f1 = Some(f1));
            }
        }
        Ok(())
    }

    fn waits(&self, report: &mut Report) -> anyhow::Result<()> {
        if !self.wants(Part::Waits) {
            return Ok(());
        }
        let load = waits::Load {
            share: self.arguments.load,
            seconds: self.arguments.load_seconds,
        };
        let (group, desk) = self.desks.first().context("there is an engine")?;
        let desk = desk.with(&self.arguments.waits_set);
        for shift in speed::shifts(false) {
            let posts = |lane: &_| desk.posts(shift, lane);
            let name = format!("{group}: {}", shift.name());
            let warm_up = self.articles.warm_up(speed::WARM_UP)?;
            let open = || session::Session::open(posts, &warm_up);
            report
                .waits
                .push(waits::measure(name, open, &self.articles, load)?);
        }
        if self.wants(Part::Peers) {
            let numbers = peer::PYTHON[0];
            let name = speed::python_worker_name(numbers);
            let open = || speed::python_worker(numbers, self.model()?, &self.fewer);
            report
                .waits
                .push(waits::measure(name, open, &self.fewer, load)?);
        }
        Ok(())
    }

    fn scaling(&self, report: &mut Report) -> anyhow::Result<()> {
        let arguments = self.arguments;
        let (_, desk) = self.desks.first().context("there is an engine")?;
        if self.wants(Part::Scaling) {
            progress("speed by length");
            let total = arguments.length_words;
            report.lengths = scaling::lengths(desk, &self.all, &arguments.lengths, total)?;
            progress("speed by backlog");
            report.backlogs = scaling::backlogs(desk, &self.all, &arguments.backlogs)?;
        }
        if self.wants(Part::Bodies) {
            progress("large bodies");
            report.bodies = scaling::bodies(desk, &self.all, &arguments.bodies)?;
        }
        if self.wants(Part::Soak) {
            progress("soak");
            report.soak = Some(soak::run(desk, &self.all, arguments.soak, arguments.rate)?);
        }
        Ok(())
    }

    fn wants(&self, part: Part) -> bool {
        self.arguments.only.contains(&part)
    }

    /// The weights that the Python worker has, too.
    fn model(&self) -> anyhow::Result<&Path> {
        let (_, model) = self
            .arguments
            .profiles
            .first()
            .context("there is a profile")?;
        Ok(model)
    }
}

fn desks(arguments: &Arguments) -> anyhow::Result<Vec<(String, Copydesk)>> {
    let mut desks = Vec::new();
    for (profile, model) in &arguments.profiles {
        let model = model.canonicalize();
        let model = model.with_context(|| format!("there is no model of {profile}"))?;
        for engine in &arguments.engines {
            let desk = Copydesk {
                program: arguments.program.clone(),
                model: model.clone(),
                engine: engine.clone(),
                settings: arguments.set.clone(),
            };
            desks.push((format!("{profile}, {engine}"), desk));
        }
    }
    Ok(desks)
}
