//! Whole articles in the manner of scrapers: all boilerplate goes, every word of the article stays.

use copydesk_cleaner::{Body, clean};

#[track_caller]
fn cleans_to(raw: &str, expected: &str) {
    let cleaned = clean(Body::Text(raw), "");
    assert_eq!(cleaned.text, expected);
    assert_eq!(cleaned.flags, []);
}

#[test]
fn paraphrase_by_machine_is_cleaned() {
    cleans_to(
        include_str!("articles/spun.raw.txt"),
        include_str!("articles/spun.clean.txt"),
    );
}

#[test]
fn adverts_and_forms_are_cleaned() {
    cleans_to(
        include_str!("articles/adverts.raw.txt"),
        include_str!("articles/adverts.clean.txt"),
    );
}

#[test]
fn markdown_is_cleaned() {
    cleans_to(
        include_str!("articles/markdown.raw.txt"),
        include_str!("articles/markdown.clean.txt"),
    );
}
