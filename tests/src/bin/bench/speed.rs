//! How fast each system is at full load.

use std::path::Path;

use crate::articles::Articles;
use crate::copydesk::{Copydesk, Shift};
use crate::filter::Filter;
use crate::limit::Shape;
use crate::peer;
use crate::report::Report;
use crate::session::Session;

/// Articles that workers warm up with.
pub(crate) const WARM_UP: usize = 64;
/// The same for the Python worker, which takes seconds for them.
pub(crate) const PYTHON_WARM_UP: usize = 8;

/// Ways to run Copydesk over Kafka: all of them, or those that a second engine is measured in.
pub(crate) fn shifts(all: bool) -> Vec<Shift> {
    let mut shifts = Vec::new();
    for split in [false, true] {
        for workers in [1, 2] {
            for delivery in ["exactly_once", "at_least_once"] {
                shifts.push(Shift {
                    delivery,
                    split,
                    workers,
                });
            }
        }
    }
    shifts.retain(|shift| all || (!shift.split && shift.workers == 1));
    shifts
}

/// Measures Copydesk once: in process, and over Kafka in some ways.
pub(crate) fn copydesk(
    report: &mut Report,
    group: &str,
    copydesk: &Copydesk,
    shifts: &[Shift],
    articles: &Articles,
) -> anyhow::Result<()> {
    let shape = Shape::read(&copydesk.model)?;
    let engine = copydesk.numbers().map(|numbers| (numbers, shape));
    progress(&format!("{group}, in process"));
    let mut alone = copydesk.filter().run(articles)?;
    let mut runs = Vec::new();
    for shift in shifts {
        progress(&format!("{group}, {}", shift.name()));
        let posts = |lane: &_| copydesk.posts(*shift, lane);
        let run = Session::open(posts, &articles.warm_up(WARM_UP)?)?.backlog(articles)?;
        // The program counts its tokens only for Prometheus; they are the same.
        alone.tokens = alone.tokens.or(run.tokens);
        runs.push((shift.name(), run));
    }
    runs.insert(0, ("in process".to_owned(), alone));
    for (name, run) in runs {
        let system = report.system(group, &name);
        system.engine.clone_from(&engine);
        system.runs.push(run);
    }
    Ok(())
}

/// Measures the peers once; the Python worker on fewer articles, since it takes long for them.
pub(crate) fn peers(
    report: &mut Report,
    model: &Path,
    articles: &Articles,
    fewer: &Articles,
) -> anyhow::Result<()> {
    for filter in [peer::spacy(), peer::corenlp()] {
        add(report, &filter, articles)?;
    }
    for numbers in peer::PYTHON {
        add(report, &peer::transformers(numbers, model), fewer)?;
        let run = python_worker(numbers, model, fewer)?.backlog(fewer)?;
        let name = python_worker_name(numbers);
        report.system("", &name).runs.push(run);
    }
    Ok(())
}

fn add(report: &mut Report, filter: &Filter, articles: &Articles) -> anyhow::Result<()> {
    progress(&filter.name);
    let run = filter.run(articles)?;
    report.system("", &filter.name).runs.push(run);
    Ok(())
}

/// The Python worker, ready and warm.
pub(crate) fn python_worker(
    numbers: (&str, &str),
    model: &Path,
    articles: &Articles,
) -> anyhow::Result<Session> {
    progress(&python_worker_name(numbers));
    let posts = |lane: &_| Ok(vec![peer::worker(numbers, model, lane)]);
    Session::open(posts, &articles.warm_up(PYTHON_WARM_UP)?)
}

/// What the table calls it.
pub(crate) fn python_worker_name((_, numbers): (&str, &str)) -> String {
    format!("Python worker over Kafka, {numbers}")
}

/// Says what is measured now, to who waits.
pub(crate) fn progress(what: &str) {
    eprintln!("bench: {what}");
}

/// A filter of each peer, with the names of all that find the same.
pub(crate) fn peers_by_accuracy(model: &Path) -> Vec<(Filter, Vec<String>)> {
    let alone = [peer::spacy(), peer::corenlp()];
    let alone = alone.into_iter().map(|filter| {
        let names = vec![filter.name.clone()];
        (filter, names)
    });
    let python = peer::PYTHON.map(|numbers| {
        let filter = peer::transformers(numbers, model);
        let names = vec![filter.name.clone(), python_worker_name(numbers)];
        (filter, names)
    });
    alone.chain(python).collect()
}
