//! The news stream: every entity must be where it says it is, and ordinary news has no cyber ones.

use std::path::Path;

use copydesk_proto::{Article, Entity, Format, decode};

use crate::program::Program;
use crate::report::Report;
use crate::score::ratio;
use crate::sets::lines;

/// Least share: markup inside an entity is rare in these articles.
const PLACED: f64 = 0.99;
/// The part of the stream that is general news, of 2004 and 2005.
const GENERAL: &str = "bbc";
/// An article with one of these words may be about what the cyber labels are for.
const CYBER_WORDS: [&str; 24] = [
    "adware",
    "backdoor",
    "bagle",
    "botnet",
    "botnets",
    "cyber",
    "hacker",
    "hackers",
    "hacking",
    "hacked",
    "malicious",
    "malware",
    "mydoom",
    "netsky",
    "phishing",
    "spam",
    "spyware",
    "trojan",
    "trojans",
    "virus",
    "viruses",
    "worm",
    "worms",
    "zombie",
];

/// Checks all entities of `news/articles` in every unit and in the raw body, and counts those
/// that should not be in ordinary news.
pub(crate) fn measure(program: &Program, data: &Path, report: &mut Report) -> anyhow::Result<()> {
    let set = "news articles";
    let mut articles = Vec::new();
    for line in lines(&data.join("news/articles.jsonl.gz"))? {
        articles.push(decode(line?.as_bytes(), Format::Json, [])?);
    }
    let (mut entities, mut right, mut placed) = (0, 0, 0);
    let (mut ordinary, mut cyber) = (0, 0);
    for (raw, enriched) in articles.iter().zip(program.enrich(&articles)?) {
        for entity in &enriched.entities {
            entities += 1;
            right += usize::from(is_right(raw, &enriched, entity));
            placed += usize::from(entity.raw_start.is_some());
        }
        if is_ordinary(raw) {
            ordinary += 1;
            let found = enriched.entities.iter();
            cyber += found
                .filter(|entity| ["THREAT_ACTOR", "MALWARE"].contains(&&*entity.label))
                .count();
        }
    }
    report.require(
        set,
        "entities placed in the raw body",
        ratio(placed, entities),
        PLACED,
    );
    let name = format!(
        "offsets right, of {entities} in {} articles",
        articles.len()
    );
    report.require(set, &name, ratio(right, entities), 1.0);
    report.at_most(
        set,
        "cyber spans an ordinary article",
        ratio(cyber, ordinary),
        0.01,
    );
    Ok(())
}

/// Whether an article is general news that has nothing to do with computer crime.
fn is_ordinary(article: &Article) -> bool {
    let text = format!("{} {}", article.title, article.text).to_lowercase();
    let mut words = text.split(|letter: char| !letter.is_alphanumeric());
    article.source.starts_with(GENERAL) && !words.any(|word| CYBER_WORDS.contains(&word))
}

/// Whether an entity's positions give its text, in code points, bytes, UTF-16 and the raw field.
fn is_right(raw: &Article, enriched: &Article, entity: &Entity) -> bool {
    let (field, raw_field) = match entity.field.as_str() {
        "title" => (&enriched.title, &raw.title),
        _ => (&enriched.text, &raw.text),
    };
    let by_char = chars(field, entity.start, entity.end);
    let by_byte = field.get(entity.start_byte as usize..entity.end_byte as usize);
    let units: Vec<u16> = field.encode_utf16().collect();
    let by_utf16 = units
        .get(entity.start_utf16 as usize..entity.end_utf16 as usize)
        .and_then(|units| String::from_utf16(units).ok());
    let in_raw = entity
        .raw_start
        .zip(entity.raw_end)
        .map(|(start, end)| chars(raw_field, start, end));
    by_char == entity.text
        && by_byte == Some(&entity.text)
        && by_utf16.as_ref() == Some(&entity.text)
        && in_raw.is_none_or(|in_raw| same(&in_raw, &entity.text))
}

fn chars(text: &str, start: u32, end: u32) -> String {
    text.chars()
        .skip(start as usize)
        .take((end - start) as usize)
        .collect()
}

/// A span of the raw body may write a character as an entity or a line feed as CR LF.
fn same(raw: &str, clean: &str) -> bool {
    html_escape::decode_html_entities(&raw.replace("\r\n", "\n")) == clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_of_a_worm_is_not_ordinary() {
        let article = |source: &str, text: &str| Article {
            source: source.to_owned(),
            text: text.to_owned(),
            ..Article::default()
        };

        assert!(is_ordinary(&article(
            "bbc_tech",
            "The wormhole of the film"
        )));
        assert!(!is_ordinary(&article(
            "bbc_tech",
            "A Worm, say experts, spreads"
        )));
        assert!(!is_ordinary(&article(
            "reuters",
            "The wormhole of the film"
        )));
    }
}
