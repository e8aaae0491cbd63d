//! The shipped weights against vectors that the training side computed from them: the same tokens,
//! the same token types, the same numbers.

#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a failed unwrap is a failed test"
)]

use std::path::Path;

#[cfg(any(feature = "torch", feature = "openvino"))]
use copydesk_encoder::{Device, Encoder, EngineName, Precision, Settings};
use copydesk_encoder::{ModelFolder, Tokenizer, Window};
#[cfg(feature = "openvino")]
use ndarray::{Array2, ArrayView2};
use serde::Deserialize;

/// fp32 on another kernel: the last digits differ.
#[cfg(feature = "torch")]
const TOLERANCE: f32 = 2e-3;

/// Mean over numbers whose own mean is about 0.4.
#[cfg(feature = "openvino")]
const INT8_TOLERANCE: f32 = 0.05;

#[derive(Deserialize)]
struct Golden {
    text: String,
    /// With `[CLS]` and `[SEP]`.
    ids: Vec<u32>,
    type_ids: Vec<u8>,
    /// Start and end in code points.
    words: Vec<[usize; 2]>,
    vectors: Vec<GoldenVector>,
}

#[derive(Deserialize)]
struct GoldenVector {
    position: usize,
    values: Vec<f32>,
}

fn folder() -> ModelFolder {
    ModelFolder::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("models")).unwrap()
}

fn golden() -> Vec<Golden> {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

/// The windows of a text, as one: these texts are shorter than a window.
fn only_window(tokenizer: &Tokenizer, text: &str) -> Window {
    let [window] = tokenizer.windows(text).unwrap().try_into().unwrap();
    window
}

#[test]
fn tokens_types_and_words_are_those_of_training() {
    let tokenizer = Tokenizer::load(&folder()).unwrap();

    for golden in golden() {
        let window = only_window(&tokenizer, &golden.text);

        let inner = 1..golden.ids.len() - 1;
        assert_eq!(window.ids, golden.ids[inner.clone()], "{}", golden.text);
        assert_eq!(window.types, golden.type_ids[inner], "{}", golden.text);
        let char = |byte: usize| golden.text[..byte].chars().count();
        let words: Vec<_> = window
            .words
            .iter()
            .map(|word| [char(word.range.start), char(word.range.end)])
            .collect();
        assert_eq!(words, golden.words, "{}", golden.text);
    }
}

#[cfg(feature = "torch")]
#[test]
fn vectors_are_those_of_training() {
    let differences = differences(EngineName::Torch, Precision::Fp32);

    let largest = differences.into_iter().fold(0., f32::max);
    assert!(largest < TOLERANCE, "{largest}");
}

#[cfg(feature = "openvino")]
#[test]
fn int8_vectors_are_near_those_of_training() {
    let differences = differences(EngineName::OpenVino, Precision::Int8);

    let mean = differences.iter().sum::<f32>() / differences.len() as f32;
    assert!(mean < INT8_TOLERANCE, "{mean}");
}

#[cfg(any(feature = "torch", feature = "openvino"))]
fn settings(engine: EngineName, precision: Precision, max_batch_tokens: usize) -> Settings {
    Settings {
        engine,
        device: Device::Cpu,
        precision,
        threads: 0,
        max_batch_tokens,
    }
}

/// How far each of an engine's numbers is from the one that training computed.
#[cfg(any(feature = "torch", feature = "openvino"))]
fn differences(engine: EngineName, precision: Precision) -> Vec<f32> {
    let (folder, golden) = (folder(), golden());
    let tokenizer = Tokenizer::load(&folder).unwrap();
    let settings = settings(engine, precision, 64);
    let mut encoder = Encoder::load(&folder, &settings).unwrap();
    let windows: Vec<_> = golden
        .iter()
        .map(|one| only_window(&tokenizer, &one.text))
        .collect();
    let mut differences = Vec::new();
    encoder
        .encode(&windows.iter().collect::<Vec<_>>(), |i, vectors| {
            for expected in &golden[i].vectors {
                // `[CLS]` and `[SEP]` are not handed out.
                let row = expected.position.checked_sub(1);
                let vector = row.and_then(|row| vectors.rows().into_iter().nth(row));
                for (found, expected) in vector.into_iter().flatten().zip(&expected.values) {
                    differences.push((found - expected).abs());
                }
            }
        })
        .unwrap();
    assert!(differences.len() >= 8 * golden.len());
    differences
}

#[cfg(feature = "openvino")]
#[test]
fn vectors_do_not_depend_on_the_company() {
    let (folder, golden) = (folder(), golden());
    let tokenizer = Tokenizer::load(&folder).unwrap();
    let texts: Vec<_> = golden.iter().map(|one| one.text.as_str()).collect();
    let text = texts.join(" ");
    let ends = text.char_indices().filter(|(_, char)| *char == ' ');
    let windows: Vec<_> = ends
        .map(|(end, _)| only_window(&tokenizer, &text[..end]))
        .collect();
    let vectors = |max_batch_tokens| {
        let settings = settings(EngineName::OpenVino, Precision::Int8, max_batch_tokens);
        let mut encoder = Encoder::load(&folder, &settings).unwrap();
        let mut vectors = vec![Array2::zeros((0, 0)); windows.len()];
        let windows: Vec<_> = windows.iter().collect();
        let keep = |i: usize, found: ArrayView2<'_, f32>| vectors[i] = found.to_owned();
        encoder.encode(&windows, keep).unwrap();
        vectors
    };

    let (alone, together) = (vectors(1), vectors(2048));

    assert!(alone == together);
}

#[test]
fn long_text_loses_no_word() {
    let tokenizer = Tokenizer::load(&folder()).unwrap();
    let sentence = "Zoë 👩‍🚀 in Zürich saw 東京 and e\u{301}clair, ".repeat(300);
    let text = format!("{sentence}.\n\nA short one. {sentence}");

    let windows = tokenizer.windows(&text).unwrap();

    let owned: Vec<_> = windows.iter().flat_map(Window::owned_words).collect();
    assert!(owned.is_sorted_by_key(|word| word.range.start));
    let seen: usize = owned
        .iter()
        .map(|word| text[word.range.clone()].chars().count())
        .sum();
    let letters = text.chars().filter(|char| char.is_alphanumeric()).count();
    assert!(seen >= letters, "{seen} of {letters}");
    assert!(windows.iter().all(|window| window.ids.len() <= 126));
}
