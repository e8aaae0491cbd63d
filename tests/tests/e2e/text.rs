//! `copydesk text`: the contract with who runs it on files.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;

use copydesk_proto::{Article, Format, decode, encode};
use tempfile::TempDir;

use crate::article::{assert_field_positions, assert_positions, ids, jsonl, raws};
use crate::program::{command, run, run_with};

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

#[test]
fn records_come_in_order_with_entities_and_topics() {
    let ended = run_with(["text", "--jsonl", "-"], jsonl(200));

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.ids(), ids(200));
    for record in ended.records() {
        assert!(!record.entities.is_empty(), "{record:?}");
        assert!(
            record
                .provenance
                .is_some_and(|provenance| !provenance.model.is_empty())
        );
    }
    assert!(
        ended
            .records()
            .iter()
            .any(|record| !record.topics.is_empty())
    );
}

#[test]
fn entities_are_where_they_say() {
    let ended = run_with(["text", "--jsonl", "-"], jsonl(6));

    for (record, raw) in ended.records().iter().zip(raws(6)) {
        let raw = decode(raw.as_bytes(), Format::Json, []).unwrap();
        assert!(
            record
                .entities
                .iter()
                .any(|entity| entity.raw_start.is_some())
        );
        assert_positions(record, &raw);
    }
}

/// Pieces of scraped text that make positions hard: characters of several code points, scripts
/// without spaces, markup, and line ends of several kinds.
const PIECES: [&str; 16] = [
    "Zoë Kravitz 👩‍🚀 flew from Zürich to São Paulo.",
    "President Joâo Lourenc\u{327}o met Zoe\u{308} Ito in Luanda.",
    "東京で安倍晋三首相が会見した。",
    "**Angela Merkel** spoke in [Berlin](https://example.com/a) on *Monday*.",
    "\u{feff}Barack\u{a0}Obama 🇺🇸 visited Hà Nội for $3.5 million.",
    "\r\n",
    "\n\n",
    "\r",
    " \t ",
    "المدير العام Antonio Guterres قال",
    "👨‍👩‍👧‍👦👍🏽",
    "Lazarus Group used CVE-2024-3400 at evil[.]example[.]com,",
    "Advertisement\r\n",
    "\u{200b}Kofi\u{ad} Annan of the United Nations said",
    "# NEW YORK — POLICE ARREST THREE\r\n",
    "𝕄𝕒𝕥𝕙 𝒞𝓊𝓇𝒾𝑒 won in Kraków;",
];

/// Article `number` out of the pieces, in an order of its own.
fn jumbled(number: u32) -> Article {
    let mut state = number.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut text = String::new();
    for _ in 0..12 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text += PIECES[(state >> 24) as usize % PIECES.len()];
        text.push(' ');
    }
    Article {
        title: text.chars().take(60).collect(),
        text,
        ..Article::default()
    }
}

#[test]
fn entities_of_jumbled_text_are_where_they_say() {
    let raws: Vec<Article> = (0..150).map(jumbled).collect();
    let lines = raws
        .iter()
        .flat_map(|raw| [encode(raw, Format::Json), b"\n".to_vec()]);
    let input = String::from_utf8(lines.flatten().collect()).unwrap();

    let ended = run_with(["text", "--jsonl", "-"], input);
    let records = ended.records();

    assert_eq!(records.len(), raws.len());
    let placed = records.iter().flat_map(|record| &record.entities);
    assert!(placed.filter(|entity| entity.raw_start.is_some()).count() > 500);
    for (record, raw) in records.iter().zip(&raws) {
        assert_positions(record, raw);
    }
}

#[test]
fn record_is_the_same_whatever_was_read_before_and_with_it() {
    let mut articles: Vec<Article> = (0..40).map(jumbled).collect();
    // Syndicated copies of the first half: the body whole, the title another.
    let copies: Vec<Article> = (0..20).map(jumbled).collect();
    articles.extend(copies.into_iter().map(|copy| Article {
        title: "Zoë 👩‍🚀 in Zürich".into(),
        ..copy
    }));
    let lines = articles
        .iter()
        .flat_map(|raw| [encode(raw, Format::Json), b"\n".to_vec()]);
    let input: Vec<u8> = lines.flatten().collect();
    let records = |settings: &[&str]| {
        let settings = ["encoder.engine=openvino"].iter().chain(settings);
        let flags = settings.flat_map(|setting| ["--set", setting]);
        let arguments = ["text", "--jsonl", "-"].into_iter().chain(flags);
        let mut records = run_with(arguments, input.clone()).records();
        // It says how long things took.
        records.iter_mut().for_each(|it| it.provenance = None);
        records
    };

    let alone = records(&["batch.max_records=1", "model.cache_mib=0"]);
    let together = records(&[]);

    assert_eq!(alone.len(), 60);
    assert_eq!(alone, together);
}

#[test]
fn scrapers_fields_come_back() {
    let ended = run_with(["text", "--jsonl", "-"], jsonl(1));

    let record = &ended.records()[0];
    assert_eq!(record.source, "test");
    assert_eq!(record.metadata, r#"{"number":0,"scraper":["a",null]}"#);
}

#[test]
fn every_kind_of_file_is_read() {
    let files = folder(&[
        ("a.txt", "Zoë 👩‍🚀 flew to Zürich.".as_bytes()),
        (
            "b.html",
            "<html><body><p>Angela Merkel spoke in Berlin.</p></body></html>".as_bytes(),
        ),
        (
            "c.json",
            b"{\"id\": \"mine\",\n\"text\": \"Merkel spoke.\",\n\"metadata\": {\n\"a\": 1}}",
        ),
        ("d.jsonl", b"{\"text\":\"One.\"}\n\n{\"text\":\"Two.\"}\n"),
        ("notes.md", b"not an article"),
        ("other.json", b"{\"gold\": []}"),
    ]);

    let ended = run(["text".as_ref(), files.path().as_os_str()]);

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let name = |file: &str| files.path().join(file).display().to_string();
    let expected = [
        name("a.txt"),
        name("b.html"),
        "mine".into(),
        name("d.jsonl:1"),
        name("d.jsonl:3"),
    ];
    assert_eq!(ended.ids(), expected);
    assert!(
        ended.records()[1].text.contains("Angela Merkel"),
        "{}",
        ended.stdout
    );
}

#[test]
fn what_cannot_be_read_is_named_and_the_others_come_out() {
    let files = folder(&[
        ("a.txt", b"Merkel spoke in Berlin."),
        ("b.json", b"{\"text\": 3}"),
        ("c.txt", b"\xff\xfe"),
        (
            "d.jsonl",
            b"{\"id\":\"d1\",\"text\":\"One.\"}\nnonsense\n{\"id\":\"d3\",\"text\":\"Three.\"}\n",
        ),
    ]);
    let names = ["a.txt", "b.json", "c.txt", "missing.txt", "d.jsonl"];
    let paths = names.map(|name| files.path().join(name).into_os_string());

    let ended = run(["text".into()].into_iter().chain(paths));

    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.ids()[1..], ["d1", "d3"]);
    for part in [
        "b.json",
        "field `text`",
        "c.txt",
        "not UTF-8",
        "missing.txt",
        "d.jsonl:2",
    ] {
        assert!(ended.stderr.contains(part), "no {part} in {}", ended.stderr);
    }
}

#[test]
fn stages_are_those_asked_for() {
    let ended = run_with(
        ["text", "--stages", "clean", "-"],
        "Merkel spoke in Berlin.",
    );

    let record = &ended.records()[0];
    let stages = &record.provenance.as_ref().unwrap().stages;
    let names: Vec<_> = stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["clean"]);
    assert!(record.entities.is_empty());
}

#[test]
fn pretty_marks_entities_with_their_labels() {
    let ended = run_with(
        ["text", "--format", "pretty"],
        "Angela Merkel spoke in Berlin on Monday.",
    );

    assert!(ended.stdout.contains("Berlin [LOC]"), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\x1b'), "{}", ended.stdout);
}

#[test]
fn empty_input_is_an_article_with_a_flag_or_none() {
    let blank = run_with(["text", "-"], " \n");
    let no_lines = run_with(["text", "--jsonl", "-"], "");

    assert_eq!(blank.records()[0].flags, ["empty"]);
    assert_eq!((no_lines.code, no_lines.stdout.as_str()), (Some(0), ""));
}

#[test]
fn closed_standard_input_is_no_hang() {
    let ended = run(["text", "--jsonl"]);

    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
}

#[test]
fn reader_that_leaves_ends_it_quietly() {
    let files = folder(&[("a.jsonl", jsonl(500).as_bytes())]);
    let mut program = command(["text"]);
    program
        .arg(files.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());

    let mut process = program.spawn().unwrap();
    let mut first = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let mut stderr = String::new();
    process
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();

    assert_eq!(process.wait().unwrap().code(), Some(0));
    assert!(first.contains("article-0000"));
    assert!(!stderr.contains("ipe"), "{stderr}");
}

#[test]
fn records_come_while_the_input_is_open() {
    let mut program = command(["text", "--jsonl", "-"]);
    program.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = program.spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();

    stdin.write_all(jsonl(1).as_bytes()).unwrap();
    let mut first = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();

    assert!(first.contains("article-0000"));
    drop(stdin);
    assert!(process.wait().unwrap().success());
}

#[test]
fn samples_have_topics_and_entities_where_they_say() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/copydesk/samples");

    let ended = run(["text".as_ref(), samples.as_os_str()]);

    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let records = ended.records();
    assert_eq!(records.len(), samples.read_dir().unwrap().count());
    for record in &records {
        assert!(!record.entities.is_empty(), "{}", record.id);
        assert_field_positions(record);
    }
    // In doubt an article gets none.
    let undecided = records.iter().filter(|record| record.topics.is_empty());
    assert!(undecided.count() <= 2);
}
