//! Both engines, and what the model can do besides.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use copydesk_proto::Article;

use crate::program::{run, run_with};

/// Two numeric forms differ on what the model is in doubt about: this share of entities, at most, is
/// not found by both, or has scores that lie so far apart.
const DIFFERENT: f64 = 0.03;
const TOLERANCE: f32 = 0.15;

/// What the samples give with some settings.
fn samples(settings: &[&str]) -> Vec<Article> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/copydesk/samples");
    let settings = settings.iter().flat_map(|setting| ["--set", *setting]);
    let folder = folder.to_str().unwrap();

    let ended = run(["text"].into_iter().chain(settings).chain([folder]));

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.records()
}

/// Scores by field, position and label.
fn entities(article: &Article) -> BTreeMap<(&str, u32, u32, &str), f32> {
    let entities = article.entities.iter();
    entities
        .map(|entity| {
            let place = (&*entity.field, entity.start, entity.end, &*entity.label);
            (place, entity.score)
        })
        .collect()
}

#[test]
fn both_engines_find_the_same() {
    for profile in ["model.profile=accurate", "model.profile=fast"] {
        let exact = samples(&[profile, "encoder.engine=torch", "encoder.precision=fp32"]);
        let int8 = samples(&[profile, "encoder.engine=openvino"]);

        let (mut all, mut different) = (0, 0);
        for (one, other) in exact.iter().zip(&int8) {
            let (one, other) = (entities(one), entities(other));
            all += one.len();
            let alike = |(key, score): &(&_, &f32)| {
                other
                    .get(*key)
                    .is_some_and(|twin| (*score - twin).abs() < TOLERANCE)
            };
            different += one.iter().filter(|entity| !alike(entity)).count();
        }

        assert!(all > 200, "{all} entities");
        let share = different as f64 / all as f64;
        assert!(
            share <= DIFFERENT,
            "{profile}: {different} of {all} entities differ"
        );
    }
}

#[test]
fn engine_that_cannot_do_what_is_set_says_what_would_be_right() {
    let cases = [
        (
            ["encoder.engine=openvino", "encoder.precision=fp32"],
            "set encoder.precision to int8",
        ),
        (
            ["encoder.engine=openvino", "encoder.device=cuda"],
            "set encoder.device to cpu",
        ),
        (
            ["encoder.engine=torch", "encoder.precision=int8"],
            "encoder.engine to openvino",
        ),
    ];

    for ([first, second], right) in cases {
        let ended = run_with(["text", "--set", first, "--set", second, "-"], "Text.");

        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(right), "{}", ended.stderr);
    }
}

#[test]
fn topic_of_ones_own_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copydesk.toml");
    let faults = [
        (
            "name = ''\ndescription = 'Chips.'",
            "classify.topics.0.name",
        ),
        (
            "name = 'Chips'\ndescription = ' '",
            "classify.topics.0.description",
        ),
        (
            "name = 'Chips'\ndescription = 'Makers of chips.'\nthreshold = 2",
            "classify.topics.0.threshold",
        ),
    ];

    for (topic, setting) in faults {
        fs::write(&file, format!("[[classify.topics]]\n{topic}\n")).unwrap();
        let ended = run(["run", "--check-config", "--config", file.to_str().unwrap()]);

        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(setting), "{}", ended.stderr);
    }
}

#[test]
fn fast_model_keeps_the_contract() {
    let [accurate, fast] = ["accurate", "fast"].map(|profile| {
        let profile = format!("model.profile={profile}");
        samples(&[&profile])
    });

    let (mut all, mut found) = (0, 0);
    for (one, other) in accurate.iter().zip(&fast) {
        let model = |article: &Article| article.provenance.clone().unwrap().model;
        assert!(model(one).starts_with("copydesk-news "), "{}", model(one));
        assert!(
            model(other).starts_with("copydesk-news-fast "),
            "{}",
            model(other)
        );
        let (one, other) = (entities(one), entities(other));
        all += one.len();
        found += one.keys().filter(|key| other.contains_key(*key)).count();
    }
    assert!(5 * found > 4 * all, "{found} of {all} entities");
}

#[test]
fn topic_of_ones_own_is_found_by_its_description() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copydesk.toml");
    let topic = "[[classify.topics]]\ncode = 'chips'\nname = 'Semiconductors'\ndescription = \
        'Makers of computer chips, chip factories, export controls on semiconductors.'\n\
        threshold = 0.0\n";
    fs::write(&file, topic).unwrap();
    let texts = [
        "Chip maker to build a $20 billion semiconductor factory\nThe company said its new \
            plant would make advanced computer chips from 2027, as export controls tighten.",
        "Striker scores twice as City win the derby\nThe home side took the lead after ten \
            minutes and never looked back in front of 50,000 fans.",
    ];

    let scores = texts.map(|text| {
        let ended = run_with(["text", "--config", file.to_str().unwrap(), "-"], text);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let record = ended.records().remove(0);
        let chips = record.topics.iter().find(|topic| topic.code == "chips");
        chips.expect("no score is below its threshold").score
    });

    assert!(scores[0] > 0.3 && scores[1] < 0.05, "{scores:?}");
}
