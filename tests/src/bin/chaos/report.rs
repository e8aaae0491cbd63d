//! The table.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::planted::Plant;
use crate::round::Report;
use crate::violation::Breach;

/// Violations that are printed; the history has them all.
const SHOWN: usize = 12;

/// Of the network: what was held to the broker, from it, and both ways.
const COLUMNS: [&str; 25] = [
    "seed", "seconds", "articles", "dead", "killed", "at-step", "halted", "slow", "stopped", "up",
    "down", "fenced", "late", "broker", "disk", "to", "from", "both", "delay", "cut", "rebal",
    "aborted", "lost", "doubled", "disorder",
];

/// Prints the names of the columns.
pub(crate) fn print_head() {
    print_cells(&COLUMNS.map(str::to_owned));
}

/// Prints a round, and what was wrong in it.
pub(crate) fn print_row(report: &Report) {
    print_cells(&cells(report).map(|number| number.to_string()));
    print_violations(report);
}

/// Prints the sums of the columns.
pub(crate) fn print_total(reports: &[Report]) {
    let mut sums = [0; COLUMNS.len()];
    for report in reports {
        for (sum, cell) in sums.iter_mut().zip(cells(report)) {
            *sum += cell;
        }
    }
    let mut words = sums.map(|sum| sum.to_string());
    words[0] = "all".to_owned();
    print_cells(&words);
    let count = |breach| {
        reports
            .iter()
            .map(|report| report.count(breach))
            .sum::<usize>()
    };
    let others: usize = reports.iter().map(|report| report.violations.len()).sum();
    let others = others
        - [Breach::Lost, Breach::Doubled, Breach::OutOfOrder]
            .map(count)
            .iter()
            .sum::<usize>();
    println!("other violations: {others}");
}

/// Prints what became of a plant.
pub(crate) fn print_plant(plant: Plant, breach: Option<Breach>, is_found: bool, report: &Report) {
    let verdict = match (is_found, breach) {
        (true, None) => "nothing found, as it should be".to_owned(),
        (true, Some(breach)) => format!("found: {breach:?} {}", report.count(breach)),
        (false, None) => "FAILED".to_owned(),
        (false, Some(breach)) => format!("no {breach:?} with seed {}", report.seed),
    };
    println!(
        "{:<20} {:>4} s {:>6} articles  {verdict}",
        format!("{plant:?}"),
        report.seconds,
        report.articles
    );
    if !is_found {
        print_violations(report);
    }
}

fn print_violations(report: &Report) {
    if report.violations.is_empty() {
        return;
    }
    println!(
        "seed {}: {} violations, history in {}",
        report.seed,
        report.violations.len(),
        report.history.display()
    );
    for violation in report.violations.iter().take(SHOWN) {
        println!("  {violation}");
    }
}

fn cells(report: &Report) -> [usize; COLUMNS.len()] {
    let (workers, broker) = (&report.workers, &report.broker);
    let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    [
        usize::try_from(report.seed).unwrap_or_default(),
        usize::try_from(report.seconds).unwrap_or_default(),
        report.articles,
        report.dead_letters,
        workers.killed,
        workers.killed_at_a_step,
        workers.halted,
        workers.slow,
        workers.stopped,
        workers.scaled_up,
        workers.scaled_down,
        workers.fenced,
        workers.fenced_late,
        read(&broker.restarted) + read(&broker.killed) + read(&broker.disk_full),
        read(&broker.disk_full),
        read(&broker.held_to_broker),
        read(&broker.held_to_client),
        read(&broker.held_both_ways),
        read(&broker.delayed),
        read(&broker.cut),
        workers.rebalances,
        report.aborted_records,
        report.count(Breach::Lost),
        report.count(Breach::Doubled),
        report.count(Breach::OutOfOrder),
    ]
}

fn print_cells(cells: &[String]) {
    let columns = cells.iter().zip(COLUMNS);
    let line: Vec<String> = columns
        .map(|(cell, column)| format!("{cell:>0$}", column.len().max(6)))
        .collect();
    println!("{}", line.join(" "));
}
