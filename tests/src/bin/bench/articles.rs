//! Articles to measure with.

use std::path::Path;

use anyhow::Context;
use copydesk_tests::gold::sets::lines;
use serde_json::Value;

/// Words that change places within one another in a copy.
const GROUP: usize = 8;

/// Raw articles as JSON lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Articles {
    pub(crate) lines: Vec<String>,
    /// White-space separated words of their bodies.
    pub(crate) words: usize,
}

impl Articles {
    /// Reads a gzipped file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let lines: Vec<String> = lines(path)?
            .collect::<Result<_, _>>()
            .with_context(|| format!("cannot unpack {}", path.display()))?;
        Self::of(lines)
    }

    /// Articles of these lines.
    pub(crate) fn of(lines: Vec<String>) -> anyhow::Result<Self> {
        let mut words = 0;
        for line in &lines {
            words += count_words(&text(&parse(line)?));
        }
        Ok(Self { lines, words })
    }

    /// So many of them, evenly spread, at most all.
    pub(crate) fn sample(&self, count: usize) -> anyhow::Result<Self> {
        let count = count.min(self.lines.len());
        let place = |i: usize| i * self.lines.len() / count;
        Self::of((0..count).map(|i| self.lines[place(i)].clone()).collect())
    }

    /// So many, the first as they are. Where there are not enough, copies with words in another
    /// order follow: as long as the articles, and of no use to what remembers what it has read.
    pub(crate) fn fill(&self, count: usize) -> anyhow::Result<Self> {
        (0..count)
            .map(|i| self.nth(i))
            .collect::<anyhow::Result<_>>()
            .and_then(Self::of)
    }

    /// The article of this number, counted on through the copies.
    pub(crate) fn nth(&self, number: usize) -> anyhow::Result<String> {
        let count = self.lines.len();
        let line = &self.lines[number % count];
        match number / count {
            0 => Ok(line.clone()),
            copy => Ok(with_text(line, |text| reorder(text, copy))?),
        }
    }

    /// Articles to warm up with: copies, which are not measured.
    pub(crate) fn warm_up(&self, count: usize) -> anyhow::Result<Vec<String>> {
        let first = self.lines.len();
        (first..first + count)
            .map(|number| self.nth(number))
            .collect()
    }

    /// Articles of so many words each, all together of about `total`.
    pub(crate) fn of_length(&self, words: usize, total: usize) -> anyhow::Result<Self> {
        let mut body = Vec::new();
        let mut made = Vec::new();
        for number in 0.. {
            if made.len() * words >= total {
                break;
            }
            for paragraph in text(&parse(&self.nth(number)?)?).lines() {
                body.extend(paragraph.split_whitespace().map(str::to_owned));
                if let Some(last) = body.last_mut() {
                    last.push('\n');
                }
            }
            while body.len() >= words {
                let text = body.drain(..words).collect::<Vec<_>>().join(" ");
                made.push(serde_json::json!({ "text": text }).to_string());
            }
        }
        Self::of(made)
    }

    /// So many copies of one article of about so many bytes, which all of them make together.
    pub(crate) fn of_bytes(&self, bytes: usize, count: usize) -> anyhow::Result<Self> {
        let mut body = String::new();
        for number in 0.. {
            if body.len() >= bytes {
                break;
            }
            body += &text(&parse(&self.nth(number)?)?);
            body.push('\n');
        }
        let line = serde_json::json!({ "text": body }).to_string();
        Self::of(vec![line; count])
    }
}

fn parse(line: &str) -> anyhow::Result<Value> {
    serde_json::from_str(line).context("an article is a JSON object")
}

fn text(article: &Value) -> String {
    article["text"].as_str().unwrap_or_default().to_owned()
}

fn count_words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn with_text(line: &str, change: impl Fn(&str) -> String) -> anyhow::Result<String> {
    let mut article = parse(line)?;
    article["text"] = change(&text(&article)).into();
    Ok(article.to_string())
}

/// Turns each few words of a text round by `copy`; the lines stay.
fn reorder(text: &str, copy: usize) -> String {
    let size = GROUP + copy / GROUP;
    let line = |line: &str| {
        let mut words: Vec<&str> = line.split(' ').collect();
        for group in words.chunks_mut(size) {
            let by = copy % group.len();
            group.rotate_left(by);
        }
        words.join(" ")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn articles() -> Articles {
        let text = "one two three four five six seven eight nine\nZoë 👩‍🚀 in Zürich";
        Articles::of(vec![serde_json::json!({ "text": text }).to_string()]).unwrap()
    }

    #[test]
    fn a_copy_has_the_same_words_in_another_order() {
        let copies = articles().fill(3).unwrap();

        let text = text(&parse(&copies.lines[1]).unwrap());
        assert_eq!(
            text,
            "two three four five six seven eight one nine\n👩‍🚀 in Zürich Zoë"
        );
        assert_ne!(copies.lines[1], copies.lines[2]);
        assert_eq!(copies.words, 3 * articles().words);
    }

    #[test]
    fn articles_have_the_length_asked_for() {
        let long = articles().of_length(100, 450).unwrap();

        assert_eq!((long.lines.len(), long.words), (5, 500));
    }
}
