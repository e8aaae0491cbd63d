//! Offsets: every entity of the news stream must be where it says it is.

use std::path::Path;

use copydesk_proto::{Article, Entity, Format, decode};

use crate::gold::lines;
use crate::program::Program;
use crate::report::Report;

/// Floor: markup inside an entity is rare in these articles.
const PLACED: f64 = 0.99;

/// Checks all entities of `news/articles` in every unit, and in the raw body.
pub(crate) fn measure(program: &Program, data: &Path, report: &mut Report) -> anyhow::Result<()> {
    let set = "news articles, offsets";
    let mut raw = Vec::new();
    for line in lines(&data.join("news/articles.jsonl.gz"))? {
        raw.push(decode(line?.as_bytes(), Format::Json, [])?);
    }
    let (mut entities, mut right, mut placed) = (0, 0, 0);
    for (raw, enriched) in raw.iter().zip(program.enrich(&raw)?) {
        for entity in &enriched.entities {
            entities += 1;
            right += usize::from(is_right(raw, &enriched, entity));
            placed += usize::from(entity.raw_start.is_some());
        }
    }
    let share = |part: usize| part as f64 / entities as f64;
    report.require(
        set,
        "entities with a place in the raw body",
        share(placed),
        PLACED,
    );
    let name = format!("right, of {entities} in {} articles", raw.len());
    report.require(set, &name, share(right), 1.0);
    Ok(())
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
