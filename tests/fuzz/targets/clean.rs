//! A body to clean text, a map back to the body, and a language.

#![no_main]

use copydesk_cleaner::{Body, Clean, clean, clean_title, detect_language};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &str| {
    let (title, body) = raw.split_once('\n').unwrap_or(("", raw));
    clean_title(title);
    for clean in [clean(Body::Text(body), title), clean(Body::Html(body), title)] {
        check(&clean, body);
        detect_language(&clean.text);
    }
});

/// The places that the map gives lie in the raw body.
fn check(clean: &Clean, raw: &str) {
    let chars = raw.chars().count();
    let length = clean.text.chars().count();
    for start in 0..length.min(64) {
        if let Some(span) = clean.map.raw_range(start..start + 1) {
            assert!(span.start <= span.end && span.end <= chars);
        }
    }
}
