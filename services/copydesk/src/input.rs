//! Files, folders and standard input, as a stream of raw articles.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::iter;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use copydesk_proto::{Article, DecodeError, Format, decode};
use flate2::bufread::MultiGzDecoder;
use tracing::info;

/// No article is this large; what is larger is refused before it fills the memory.
const MAX_BYTES: u64 = 64 << 20;

/// A raw article, as it came.
#[derive(Debug)]
pub(crate) struct Raw {
    /// Where it was read: a path, with the line where a file holds several.
    pub(crate) origin: String,
    pub(crate) value: Vec<u8>,
    pub(crate) kind: Kind,
}

/// What the bytes of a raw article are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The body alone.
    Text,
    /// A web page.
    Html,
    /// A raw article as a JSON object.
    Json,
}

/// How a file holds its articles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The file is one article.
    Whole(Kind),
    /// Each line is one raw article as a JSON object.
    Lines,
}

/// What is assumed of inputs whose name does not tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Read every input by lines, whatever its name.
    pub(crate) jsonl: bool,
    /// How standard input holds its articles.
    pub(crate) stdin: Layout,
}

type Articles = Box<dyn Iterator<Item = anyhow::Result<Raw>>>;

/// Reads all articles of `paths`, in order; an error stands in the place of what could not be read.
pub(crate) fn read(
    paths: Vec<PathBuf>,
    options: Options,
) -> impl Iterator<Item = anyhow::Result<Raw>> {
    paths
        .into_iter()
        .flat_map(move |path| read_path(&path, options))
}

fn read_path(path: &Path, options: Options) -> Articles {
    if path.as_os_str() == "-" {
        let layout = if options.jsonl {
            Layout::Lines
        } else {
            options.stdin
        };
        return read_articles("-", layout, || Ok(io::stdin()));
    }
    if !path.is_dir() {
        return read_file(path, options);
    }
    match list(path) {
        Err(error) => Box::new(iter::once(Err(error))),
        Ok(files) => Box::new(
            files
                .into_iter()
                .flat_map(move |file| read_found(&file, options)),
        ),
    }
}

fn read_file(path: &Path, options: Options) -> Articles {
    let layout = match layout(path) {
        _ if options.jsonl => Layout::Lines,
        Some(layout) => layout,
        None => Layout::Whole(Kind::Text),
    };
    read_articles(&path.display().to_string(), layout, || File::open(path))
}

/// Reads a file that a folder holds: JSON without a body is then some other file, and passed over.
fn read_found(path: &Path, options: Options) -> Articles {
    let other = |article: &anyhow::Result<Raw>| {
        let Ok(raw) = article else { return false };
        raw.kind == Kind::Json && matches!(raw.decode(), Err(DecodeError::NoBody))
    };
    if layout(path) != Some(Layout::Whole(Kind::Json)) {
        return read_file(path, options);
    }
    let path = path.to_owned();
    Box::new(read_file(&path, options).filter(move |article| {
        let passed_over = other(article);
        if passed_over {
            info!(path = %path.display(), "no article in this file, passed over");
        }
        !passed_over
    }))
}

/// All files below `folder` whose names say what they are, by name.
fn list(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let context = || format!("cannot read folder {}", folder.display());
    for entry in folder.read_dir().with_context(context)? {
        let entry = entry.with_context(context)?;
        if entry.file_type().with_context(context)?.is_dir() {
            files.extend(list(&entry.path())?);
        } else if layout(&entry.path()).is_some() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// How a file holds its articles, by its name.
fn layout(path: &Path) -> Option<Layout> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.')?.1 {
        "txt" => Some(Layout::Whole(Kind::Text)),
        "html" | "htm" => Some(Layout::Whole(Kind::Html)),
        "json" => Some(Layout::Whole(Kind::Json)),
        "jsonl" | "ndjson" => Some(Layout::Lines),
        _ => None,
    }
}

fn read_articles<R: Read + 'static>(
    name: &str,
    layout: Layout,
    open: impl FnOnce() -> io::Result<R>,
) -> Articles {
    let reader = open().and_then(decompress);
    let reader = match reader.with_context(|| format!("cannot read {name}")) {
        Ok(reader) => reader,
        Err(error) => return Box::new(iter::once(Err(error))),
    };
    match layout {
        Layout::Whole(kind) => Box::new(iter::once(read_whole(name, kind, reader))),
        Layout::Lines => Box::new(Lines {
            reader,
            name: name.to_owned(),
            number: 0,
            failed: false,
        }),
    }
}

/// Undoes gzip, which is told by its first two bytes: names may not say it, and standard input has none.
fn decompress(input: impl Read + 'static) -> io::Result<Box<dyn BufRead>> {
    let mut reader = BufReader::with_capacity(1 << 16, input);
    if reader.fill_buf()?.starts_with(b"\x1f\x8b") {
        return Ok(Box::new(BufReader::new(MultiGzDecoder::new(reader))));
    }
    Ok(Box::new(reader))
}

fn read_whole(name: &str, kind: Kind, reader: Box<dyn BufRead>) -> anyhow::Result<Raw> {
    let mut value = Vec::new();
    let read = reader.take(MAX_BYTES + 1).read_to_end(&mut value);
    read.with_context(|| format!("cannot read {name}"))?;
    ensure!(
        value.len() as u64 <= MAX_BYTES,
        "{name} is larger than {MAX_BYTES} bytes"
    );
    Ok(Raw {
        origin: name.to_owned(),
        value,
        kind,
    })
}

/// The lines of a file; blank ones are passed over.
struct Lines {
    reader: Box<dyn BufRead>,
    name: String,
    number: u64,
    failed: bool,
}

impl Iterator for Lines {
    type Item = anyhow::Result<Raw>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            match self.next_line() {
                Ok(None) => return None,
                Ok(Some(line)) if line.trim_ascii().is_empty() => {}
                Ok(Some(value)) => return Some(Ok(self.article(value))),
                Err(error) => {
                    // Where a line could not be read to its end, the next has no beginning.
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl Lines {
    fn next_line(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        self.number += 1;
        let place = || format!("{}:{}", self.name, self.number);
        let mut line = Vec::new();
        let read = (&mut self.reader)
            .take(MAX_BYTES + 1)
            .read_until(b'\n', &mut line)
            .with_context(|| format!("cannot read {}", place()))?;
        ensure!(
            read as u64 <= MAX_BYTES,
            "{} is longer than {MAX_BYTES} bytes; the rest of the file is left out",
            place()
        );
        Ok((read > 0).then_some(line))
    }

    fn article(&self, mut value: Vec<u8>) -> Raw {
        value.truncate(value.trim_ascii_end().len());
        Raw {
            origin: format!("{}:{}", self.name, self.number),
            value,
            kind: Kind::Json,
        }
    }
}

impl Raw {
    /// Reads the article; its fields are as the scraper sent them.
    pub(crate) fn decode(&self) -> Result<Article, DecodeError> {
        match self.kind {
            Kind::Text => decode(&self.value, Format::Text, []),
            Kind::Json => decode(&self.value, Format::Json, []),
            Kind::Html => {
                let text = decode(&self.value, Format::Text, [])?.text;
                Ok(Article {
                    html: text,
                    ..Article::default()
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decompression_bomb_is_refused_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let bomb = folder.path().join("page.html.gz");
        let file = File::create(&bomb).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::best());
        io::copy(&mut io::repeat(b' ').take(MAX_BYTES * 4), &mut gzip).unwrap();
        gzip.finish().unwrap();
        let options = Options {
            jsonl: false,
            stdin: Layout::Lines,
        };

        let read: Vec<_> = read(vec![bomb], options).collect();

        let [Err(error)] = &read[..] else {
            panic!("{} articles", read.len())
        };
        assert!(error.to_string().contains("larger than"), "{error}");
    }
    use std::io::Cursor;

    fn lines(text: &'static str) -> Vec<anyhow::Result<Raw>> {
        read_articles("a.jsonl", Layout::Lines, || Ok(Cursor::new(text))).collect()
    }

    #[test]
    fn name_tells_the_layout() {
        let cases = [
            ("a.txt", Some(Layout::Whole(Kind::Text))),
            ("A.HTML.gz", Some(Layout::Whole(Kind::Html))),
            ("a.b.json", Some(Layout::Whole(Kind::Json))),
            ("a.jsonl.gz", Some(Layout::Lines)),
            ("README.md", None),
            ("Makefile", None),
        ];

        for (name, expected) in cases {
            assert_eq!(layout(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn line_numbers_count_blank_lines() {
        let origins: Vec<_> = lines("{}\n\n \r\n{\"text\":\"Zoë 👩‍🚀 in Zürich\"}\r\n{}")
            .into_iter()
            .map(|raw| raw.unwrap().origin)
            .collect();

        assert_eq!(origins, ["a.jsonl:1", "a.jsonl:4", "a.jsonl:5"]);
    }

    #[test]
    fn line_ends_are_not_part_of_the_value() {
        let raw = lines("{\"text\":\"Zoë\"}\r\n").remove(0).unwrap();

        assert_eq!(raw.value, "{\"text\":\"Zoë\"}".as_bytes());
        assert_eq!(raw.decode().unwrap().text, "Zoë");
    }

    #[test]
    fn compressed_input_is_told_by_its_bytes() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut packed, "Zoë 👩‍🚀 in Zürich".as_bytes()).unwrap();
        let packed = packed.finish().unwrap();

        let mut articles =
            read_articles("-", Layout::Whole(Kind::Text), || Ok(Cursor::new(packed)));

        let article = articles.next().unwrap().unwrap().decode().unwrap();
        assert_eq!(article.text, "Zoë 👩‍🚀 in Zürich");
    }

    #[test]
    fn page_becomes_the_html_field() {
        let raw = Raw {
            origin: String::new(),
            value: b"<p>x".to_vec(),
            kind: Kind::Html,
        };

        assert_eq!(raw.decode().unwrap().html, "<p>x");
    }
}
