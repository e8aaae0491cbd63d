//! Articles to send, and what must be true of every record that comes back.

use copydesk_proto::{Article, Entity};
use serde_json::json;

/// Sentences with something to find in them, in more than one plane of Unicode.
const SENTENCES: [&str; 6] = [
    "The European Commission fined Google 2.4 billion euros in Brussels on Tuesday, said Margrethe Vestager.",
    "Zoë Kravitz 👩‍🚀 flew from Zürich to São Paulo, where President Lula da Silva received her.",
    "Police in Nairobi arrested three men on Monday after a robbery at the Kenya Commercial Bank.",
    "Researchers at Kaspersky say that the Lazarus Group exploits CVE-2024-21338 against banks in South Korea.",
    "Toyota will invest $3.5 billion in a battery plant in North Carolina, its president Akio Toyoda announced.",
    "The football club Real Madrid beat Manchester City 3-1 in the Champions League on Wednesday night.",
];

/// The id of article `number`.
pub(crate) fn id(number: usize) -> String {
    format!("article-{number:04}")
}

/// The ids of the first `count` articles.
pub(crate) fn ids(count: usize) -> Vec<String> {
    (0..count).map(id).collect()
}

/// Article `number` as a scraper would send it.
pub(crate) fn raw(number: usize) -> String {
    let sentence = |i: usize| SENTENCES[(number + i) % SENTENCES.len()];
    let text = format!("{} {}\r\n\r\n{}\n", sentence(0), sentence(1), sentence(2));
    let title = format!("Story {number}: news from Geneva");
    let metadata = json!({"number": number, "scraper": ["a", null]});
    json!({"id": id(number), "title": title, "text": text, "source": "test", "metadata": metadata})
        .to_string()
}

/// The first `count` articles.
pub(crate) fn raws(count: usize) -> Vec<String> {
    (0..count).map(raw).collect()
}

/// The first `count` articles as JSON lines.
pub(crate) fn jsonl(count: usize) -> String {
    raws(count).join("\n") + "\n"
}

/// Asserts that each entity of a record is where it says it is, in the field and in the raw one,
/// which has no markup in it.
pub(crate) fn assert_positions(record: &Article, raw: &Article) {
    assert_field_positions(record);
    for entity in &record.entities {
        if let (Some(start), Some(end)) = (entity.raw_start, entity.raw_end) {
            let found = chars(field(raw, entity), start, end);
            assert_eq!(found, entity.text, "raw, {}", record.id);
        }
    }
}

/// Asserts that each entity of a record is where it says it is in its field.
pub(crate) fn assert_field_positions(record: &Article) {
    for entity in &record.entities {
        assert_position(entity, field(record, entity));
    }
}

/// The field that an entity lies in.
fn field<'a>(article: &'a Article, entity: &Entity) -> &'a str {
    match entity.field.as_str() {
        "title" => &article.title,
        "text" => &article.text,
        other => panic!("field {other}"),
    }
}

fn assert_position(entity: &Entity, field: &str) {
    let bytes = entity.start_byte as usize..entity.end_byte as usize;
    let utf16: Vec<u16> = field.encode_utf16().collect();
    let units = &utf16[entity.start_utf16 as usize..entity.end_utf16 as usize];
    assert_eq!(
        chars(field, entity.start, entity.end),
        entity.text,
        "code points"
    );
    assert_eq!(field.get(bytes), Some(entity.text.as_str()), "bytes");
    assert_eq!(String::from_utf16(units).unwrap(), entity.text, "utf-16");
}

fn chars(text: &str, start: u32, end: u32) -> String {
    text.chars()
        .skip(start as usize)
        .take((end - start) as usize)
        .collect()
}
