//! A text to windows, and whatever a model may say of them to entities.

#![no_main]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use copydesk_encoder::{ModelFolder, Tokenizer, Window};
use copydesk_ner::{Tagger, WindowTags};
use libfuzzer_sys::fuzz_target;
use ndarray::Array2;

/// Of the shipped model.
const HIDDEN: usize = 384;

static MODEL: LazyLock<(Tokenizer, Tagger)> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../services/encoder/models");
    let folder = ModelFolder::open(path).expect("the model is in the source tree");
    let tokenizer = Tokenizer::load(&folder).expect("it has a tokenizer");
    (tokenizer, Tagger::load(&folder).expect("it has tag heads"))
});

fuzz_target!(|text: &str| {
    let (tokenizer, tagger) = &*MODEL;
    let windows = tokenizer.windows(text).expect("any text can be tokenised");
    let tags: Vec<WindowTags> = windows.iter().map(|window| tag(tagger, window)).collect();
    let mut end = 0;
    for entity in tagger.entities(text, windows.iter().zip(&tags)) {
        assert!(end <= entity.range.start && entity.range.start < entity.range.end);
        assert!(text.get(entity.range.clone()).is_some());
        assert!((0.0..=1.0).contains(&entity.score));
        end = entity.range.end;
    }
});

/// What the heads say of vectors that depend on the tokens alone, in all sizes.
fn tag(tagger: &Tagger, window: &Window) -> WindowTags {
    let vectors = Array2::from_shape_fn((window.ids.len(), HIDDEN), |(token, column)| {
        let mut hash = DefaultHasher::new();
        (window.ids[token], token % 3, column).hash(&mut hash);
        (hash.finish() % 2001) as f32 / 250.0 - 4.0
    });
    tagger.tag(window, vectors.view())
}
