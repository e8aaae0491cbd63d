//! The checker: what a reader sees, against what was written.
//!
//! It knows nothing of workers, and believes only the topics, read to their ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use copydesk_tests::Record;

use crate::article::{Article, Kind, transformed};
use crate::evidence::{Evidence, Output, Place};
use crate::group::Offsets;
use crate::log::Fate;
use crate::violation::{Breach, Violation};

/// An output topic, by what belongs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    Enriched,
    DeadLetters,
}

/// Checks everything; finds nothing where the promise holds.
pub(crate) fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut checker = Checker::default();
    checker.read_input(evidence);
    checker.check_output(Topic::Enriched, &evidence.enriched);
    checker.check_output(Topic::DeadLetters, &evidence.dead_letters);
    checker.check_counts(&evidence.committed);
    checker.check_offsets(evidence);
    checker.check_progress(evidence);
    checker.violations
}

#[derive(Default)]
struct Checker {
    articles: BTreeMap<Place, Article>,
    /// Where each article has led to.
    seen: BTreeMap<Place, Vec<String>>,
    violations: Vec<Violation>,
}

impl Checker {
    fn report(&mut self, breach: Breach, detail: String) {
        self.violations.push(Violation::new(breach, detail));
    }

    fn read_input(&mut self, evidence: &Evidence) {
        for record in &evidence.input {
            let article = Article::of(record).expect("the generator writes articles");
            let place = (record.partition, record.kafka_offset);
            self.articles.insert(place, article);
        }
        for &(number, place) in &evidence.acknowledged {
            if self.articles.get(&place).map(|article| article.number) != Some(number) {
                let detail = format!("article {number} is not at {place:?} any more");
                self.report(Breach::Broker, detail);
            }
        }
    }

    fn check_output(&mut self, topic: Topic, output: &Output) {
        self.check_fates(topic, output);
        let mut last = HashMap::new();
        for record in &output.committed {
            let here = format!("{topic:?} {}/{}", record.partition, record.kafka_offset);
            let Some(origin) = origin(record) else {
                self.report(Breach::Unknown, format!("{here} has no origin"));
                continue;
            };
            let before = last.insert((record.partition, origin.0), origin.1);
            if before.is_some_and(|before| before > origin.1) {
                let detail = format!("{here} from {origin:?} comes after {before:?}");
                self.report(Breach::OutOfOrder, detail);
            }
            self.check_record(record, topic, origin, &here);
            self.seen.entry(origin).or_default().push(here);
        }
    }

    /// What is seen must be what transactions have committed, no more and no less.
    fn check_fates(&mut self, topic: Topic, output: &Output) {
        let seen: BTreeSet<Place> = output.committed.iter().map(place_of).collect();
        for (place, fate) in &output.fates {
            let here = format!("{topic:?} {}/{} is {fate:?}", place.0, place.1);
            match (seen.contains(place), fate) {
                (true, Fate::Committed) | (false, Fate::Aborted | Fate::Open) => {}
                (true, _) => self.report(Breach::Dirty, format!("{here}, and is seen")),
                (false, _) => self.report(Breach::Hidden, format!("{here}, and is not seen")),
            }
        }
        for place in seen
            .iter()
            .filter(|place| !output.fates.contains_key(place))
        {
            let here = format!("{topic:?} {}/{}", place.0, place.1);
            self.report(Breach::Dirty, format!("{here} is not in the log"));
        }
    }

    fn check_record(&mut self, record: &Record, topic: Topic, origin: Place, here: &str) {
        let Some(article) = self.articles.get(&origin) else {
            self.report(Breach::Unknown, format!("{here} from {origin:?}"));
            return;
        };
        let reason = record.header_text(REASON);
        let right = match article.kind {
            Kind::Good => Topic::Enriched,
            _ => Topic::DeadLetters,
        };
        if topic != right || reason != article.kind.reason() {
            let detail = format!("{here} from {origin:?}: {article:?} has the reason {reason:?}");
            self.report(Breach::Misplaced, detail);
        } else if article.kind == Kind::Good && !is_right(record, article) {
            let detail = format!("{here} from {origin:?} is not what {article:?} leads to");
            self.report(Breach::Altered, detail);
        }
    }

    fn check_counts(&mut self, committed: &Offsets) {
        let mut wrong = Vec::new();
        for (place, article) in &self.articles {
            let seen = self.seen.get(place).map_or(&[][..], Vec::as_slice);
            let breach = match seen.len() {
                // Not lost yet, but the committed offset is not at the end: see below.
                0 if committed.get(&place.0) <= Some(&place.1) => continue,
                0 => Breach::Lost,
                1 => continue,
                _ => Breach::Doubled,
            };
            let detail = format!("article {} from {place:?} is at {seen:?}", article.number);
            wrong.push(Violation::new(breach, detail));
        }
        self.violations.extend(wrong);
    }

    fn check_offsets(&mut self, evidence: &Evidence) {
        let mut ends = BTreeMap::new();
        for &(partition, kafka_offset) in self.articles.keys() {
            ends.insert(partition, kafka_offset + 1);
        }
        for (partition, end) in ends {
            let committed = evidence.committed.get(&partition);
            if committed != Some(&end) {
                let detail = format!("partition {partition}: {committed:?} committed of {end}");
                self.report(Breach::Offset, detail);
            }
        }
    }

    fn check_progress(&mut self, evidence: &Evidence) {
        let mut last = Offsets::new();
        for committed in evidence.progress.iter().chain([&evidence.committed]) {
            for (&partition, &kafka_offset) in committed {
                let before = last.insert(partition, kafka_offset).unwrap_or_default();
                if before > kafka_offset {
                    let detail = format!("partition {partition}: {before}, then {kafka_offset}");
                    self.report(Breach::Backwards, detail);
                }
            }
        }
    }
}

const PARTITION: &str = "__connect.errors.partition";
const OFFSET: &str = "__connect.errors.offset";
const REASON: &str = "__connect.errors.class.name";

fn place_of(record: &Record) -> Place {
    (record.partition, record.kafka_offset)
}

/// The place of the article that a record comes from, in its own words.
fn origin(record: &Record) -> Option<Place> {
    if let Ok(partition) = record.header_text(PARTITION).parse() {
        return Some((partition, record.header_text(OFFSET).parse().ok()?));
    }
    let article: serde_json::Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
    let input = &article["provenance"]["input"];
    let partition = i32::try_from(input["partition"].as_i64().unwrap_or_default()).ok()?;
    // The JSON form leaves zeros out.
    input
        .is_object()
        .then_some((partition, input["offset"].as_i64().unwrap_or_default()))
}

fn is_right(record: &Record, article: &Article) -> bool {
    let value = record.json();
    let is_own = Article::of(record).is_ok_and(|own| own.number == article.number);
    is_own
        && record.id() == article.number.to_string()
        && value["text"] == transformed(&article.text)
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use serde_json::json;

    use super::*;

    /// Two good articles and a bad one in partition 0, and what they lead to.
    fn evidence() -> Evidence {
        let mut evidence = Evidence::default();
        for (number, kind) in [(0, Kind::Good), (1, Kind::Good), (2, Kind::BadJson)] {
            let text = format!("Zoë {number}");
            let article = Article { number, kind, text };
            let kafka_offset = i64::try_from(number).unwrap();
            let input = Record {
                kafka_offset,
                ..article.record(&mut Rng::with_seed(number))
            };
            let output = match kind {
                Kind::Good => &mut evidence.enriched,
                _ => &mut evidence.dead_letters,
            };
            output.committed.push(output_of(&input, &article));
            output.fates.insert((0, kafka_offset), Fate::Committed);
            evidence.acknowledged.push((number, (0, kafka_offset)));
            evidence.input.push(input);
        }
        evidence.progress = [1, 1, 3].map(|offset| Offsets::from([(0, offset)])).into();
        evidence.committed.insert(0, 3);
        evidence
    }

    /// Takes away all trace of the second article's record.
    fn remove_second(evidence: &mut Evidence) {
        evidence.enriched.committed.remove(1);
        evidence.enriched.fates.remove(&(0, 1));
    }

    fn output_of(input: &Record, article: &Article) -> Record {
        if article.kind != Kind::Good {
            let origin = input
                .clone()
                .header(PARTITION, "0")
                .header(REASON, "bad_json");
            return origin.header(OFFSET, input.kafka_offset.to_string());
        }
        let mut value = input.json();
        value["text"] = transformed(&article.text).into();
        value["provenance"] = json!({"input": {"partition": 0, "offset": input.kafka_offset}});
        let value = Some(value.to_string().into_bytes());
        Record {
            value,
            ..input.clone()
        }
    }

    /// What is found after something was changed.
    fn found(change: impl Fn(&mut Evidence)) -> Vec<Breach> {
        let mut evidence = evidence();
        change(&mut evidence);
        let violations = check(&evidence);
        violations
            .iter()
            .map(|violation| violation.breach)
            .collect()
    }

    #[test]
    fn nothing_is_found_where_nothing_is_wrong() {
        assert_eq!(found(|_| {}), []);
    }

    #[test]
    fn record_that_is_missing_is_lost() {
        let lost = found(remove_second);

        assert_eq!(lost, [Breach::Lost]);
    }

    #[test]
    fn record_that_is_not_yet_done_is_not_lost() {
        let undone = found(|evidence| {
            remove_second(evidence);
            evidence.dead_letters = Output::default();
            evidence.progress.pop();
            evidence.committed.insert(0, 1);
        });

        assert_eq!(undone, [Breach::Offset]);
    }

    #[test]
    fn second_record_of_an_article_is_found_also_among_the_dead_letters() {
        let again = found(|evidence| {
            let record = evidence.enriched.committed[0].clone();
            evidence.enriched.committed.insert(1, record);
        });
        let elsewhere = found(|evidence| {
            let record = evidence.enriched.committed[0].clone();
            let fates = &mut evidence.dead_letters.fates;
            fates.insert((0, 0), Fate::Committed);
            evidence.dead_letters.committed.insert(0, record);
        });

        assert_eq!(again, [Breach::Doubled]);
        assert_eq!(elsewhere, [Breach::Misplaced, Breach::Doubled]);
    }

    #[test]
    fn records_that_changed_places_are_out_of_order() {
        let turned = found(|evidence| evidence.enriched.committed.swap(0, 1));

        assert_eq!(turned, [Breach::OutOfOrder]);
    }

    #[test]
    fn record_of_another_article_is_altered() {
        let altered = found(|evidence| {
            let value = evidence.enriched.committed[0].json().to_string();
            let value = value.replace("ZOË", "Zoë").into_bytes();
            evidence.enriched.committed[0].value = Some(value);
        });

        assert_eq!(altered, [Breach::Altered]);
    }

    #[test]
    fn record_that_is_not_in_the_log_is_dirty() {
        let dirty = found(|evidence| evidence.dead_letters.fates.clear());

        assert_eq!(dirty, [Breach::Dirty]);
    }

    #[test]
    fn record_of_no_committed_transaction_is_dirty() {
        for fate in [Fate::Aborted, Fate::Open, Fate::Bare] {
            let dirty = found(|evidence| {
                evidence.enriched.fates.insert((0, 1), fate);
            });

            assert_eq!(dirty, [Breach::Dirty]);
        }
    }

    #[test]
    fn committed_record_that_is_not_seen_is_hidden() {
        let hidden = found(|evidence| {
            evidence.enriched.fates.insert((0, 7), Fate::Committed);
        });
        let aborted = found(|evidence| {
            evidence.enriched.fates.insert((0, 7), Fate::Aborted);
        });

        assert_eq!(hidden, [Breach::Hidden]);
        assert_eq!(aborted, []);
    }

    #[test]
    fn offset_that_goes_back_is_found_though_it_comes_to_the_end() {
        let back = found(|evidence| {
            evidence.progress.insert(1, Offsets::from([(0, 0)]));
        });

        assert_eq!(back, [Breach::Backwards]);
    }

    #[test]
    fn record_from_nowhere_is_unknown() {
        let unknown = found(|evidence| {
            evidence.input.pop();
            evidence.acknowledged.pop();
            evidence.progress.pop();
            evidence.committed.insert(0, 2);
        });

        assert_eq!(unknown, [Breach::Unknown]);
    }

    #[test]
    fn acknowledged_article_that_is_gone_is_the_brokers_fault() {
        let gone = found(|evidence| evidence.acknowledged.push((3, (0, 3))));

        assert_eq!(gone, [Breach::Broker]);
    }

    #[test]
    fn offset_beyond_the_end_is_found() {
        let beyond = found(|evidence| {
            evidence.committed.insert(0, 4);
        });

        assert_eq!(beyond, [Breach::Offset]);
    }
}
