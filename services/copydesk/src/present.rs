//! How an enriched article is shown to people.

use std::cmp::Reverse;
use std::fmt::{self, Display, Write};
use std::io::IsTerminal;
use std::ops::Range;

use copydesk_proto::{Article, Entity, Topic};
use owo_colors::{AnsiColors, OwoColorize, Style};

/// A first line that is longer than this is no headline.
const HEADLINE_BYTES: usize = 200;

/// Whether standard output takes colours: a terminal whose user has not set `NO_COLOR`.
pub(crate) fn stdout_has_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !refused
}

/// An article as people read it; [`Display`] writes it with a line feed at the end.
pub(crate) struct Presented<'a> {
    /// The enriched article.
    pub(crate) article: &'a Article,
    /// Colours mark the entities; without them, labels in brackets do.
    pub(crate) colour: bool,
}

impl Display for Presented<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let article = self.article;
        let headline = Style::new().bold();
        let text = article.text.trim_end();
        // Scraped plain text has no title field: its first line is the headline.
        let lead = match text.find('\n') {
            Some(end) if article.title.is_empty() && end <= HEADLINE_BYTES => end,
            _ => 0,
        };
        if lead > 0 {
            self.marked(out, "text", text, 0..lead, headline)?;
            writeln!(out)?;
        } else if !article.title.is_empty() {
            self.marked(
                out,
                "title",
                &article.title,
                0..article.title.len(),
                headline,
            )?;
            writeln!(out)?;
        }
        self.aside(out, &byline(article))?;
        for line in [topics(&article.topics), flags(&article.flags)] {
            if !line.is_empty() {
                writeln!(out, "{line}")?;
            }
        }
        if lead == 0 {
            writeln!(out)?;
        }
        self.marked(out, "text", text, lead..text.len(), Style::new())?;
        writeln!(out, "\n")?;
        self.aside(out, &effort(article))?;
        self.aside(out, &"─".repeat(72))
    }
}

impl Presented<'_> {
    /// Writes a line that is not the article's own, unless it is empty.
    fn aside(&self, out: &mut fmt::Formatter<'_>, line: &str) -> fmt::Result {
        if line.is_empty() {
            return Ok(());
        }
        self.styled(out, line, Style::new().dimmed())?;
        writeln!(out)
    }

    /// Writes a part of a field with its entities marked; of two that overlap, the one that begins
    /// first.
    fn marked(
        &self,
        out: &mut fmt::Formatter<'_>,
        field: &str,
        text: &str,
        part: Range<usize>,
        style: Style,
    ) -> fmt::Result {
        let mut entities: Vec<_> = self.article.entities.iter().collect();
        entities.retain(|entity| entity.field == field && entity.end_byte as usize <= part.end);
        entities.sort_by_key(|entity| (entity.start_byte, Reverse(entity.end_byte)));
        let mut written = part.start;
        for entity in entities {
            let (start, end) = (entity.start_byte as usize, entity.end_byte as usize);
            let (Some(before), Some(span)) = (text.get(written..start), text.get(start..end))
            else {
                continue;
            };
            self.styled(out, before, style)?;
            self.entity(out, entity, span, style)?;
            written = end;
        }
        self.styled(out, text.get(written..part.end).unwrap_or_default(), style)
    }

    fn entity(
        &self,
        out: &mut fmt::Formatter<'_>,
        entity: &Entity,
        span: &str,
        style: Style,
    ) -> fmt::Result {
        let colour = colour(&entity.label);
        self.styled(out, span, style.color(colour).underline())?;
        let label = if self.colour {
            format!(" {}", entity.label.to_lowercase())
        } else {
            format!(" [{}]", entity.label)
        };
        self.styled(out, &label, Style::new().color(colour).dimmed())
    }

    fn styled(&self, out: &mut fmt::Formatter<'_>, text: &str, style: Style) -> fmt::Result {
        let text = Printable(text);
        if self.colour {
            write!(out, "{}", text.style(style))
        } else {
            write!(out, "{text}")
        }
    }
}

/// Text without what a terminal would obey: articles come from strangers.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl Display for Printable<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '\n' | '\t' => out.write_char(char)?,
                '\r' => {}
                _ if char.is_control() => out.write_char(char::REPLACEMENT_CHARACTER)?,
                _ => out.write_char(char)?,
            }
        }
        Ok(())
    }
}

fn colour(label: &str) -> AnsiColors {
    match label {
        "PERSON" => AnsiColors::Yellow,
        "ORG" => AnsiColors::Cyan,
        "LOC" | "FAC" | "NORP" => AnsiColors::Green,
        "DATE" | "MONEY" => AnsiColors::Blue,
        "PRODUCT" | "MISC" => AnsiColors::Magenta,
        // What attacks, and what a rule finds of it.
        _ => AnsiColors::Red,
    }
}

/// `reuters · 2026-11-22 · en · https://…`
fn byline(article: &Article) -> String {
    let language = article.language.as_ref();
    let parts = [
        article.source.as_str(),
        article.published_at.as_str(),
        language.map_or("", |language| &language.code),
        article.url.as_str(),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

/// `topics: politics 0.93, election 0.81`
fn topics(topics: &[Topic]) -> String {
    let topics: Vec<_> = topics
        .iter()
        .map(|topic| format!("{} {:.2}", Printable(&topic.name), topic.score))
        .collect();
    named("topics", &topics)
}

/// `flags: not_english`
fn flags(flags: &[String]) -> String {
    let flags: Vec<_> = flags
        .iter()
        .map(|flag| Printable(flag).to_string())
        .collect();
    named("flags", &flags)
}

fn named(name: &str, list: &[String]) -> String {
    if list.is_empty() {
        return String::new();
    }
    format!("{name}: {}", list.join(", "))
}

/// `12 entities · 34.0 ms: clean 1.0, ner 25.0, classify 8.0 · 001.txt`
fn effort(article: &Article) -> String {
    let mut parts = vec![match article.entities.len() {
        1 => "1 entity".to_owned(),
        count => format!("{count} entities"),
    }];
    let stages = article
        .provenance
        .iter()
        .flat_map(|provenance| &provenance.stages);
    let stages: Vec<_> = stages
        .map(|stage| (&stage.name, stage.seconds * 1e3))
        .collect();
    if !stages.is_empty() {
        let total_ms: f64 = stages.iter().map(|(_, ms)| ms).sum();
        let each: Vec<_> = stages
            .iter()
            .map(|(name, ms)| format!("{name} {ms:.1}"))
            .collect();
        parts.push(format!("{total_ms:.1} ms: {}", each.join(", ")));
    }
    if !article.id.is_empty() {
        parts.push(article.id.clone());
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(text: &str, label: &str, span: &str) -> Entity {
        let start = text.find(span).unwrap();
        Entity {
            label: label.into(),
            field: "text".into(),
            start_byte: start as u32,
            end_byte: (start + span.len()) as u32,
            ..Entity::default()
        }
    }

    fn shown(text: &str, entities: Vec<Entity>, colour: bool) -> String {
        let article = &Article {
            text: text.into(),
            entities,
            ..Article::default()
        };
        Presented { article, colour }.to_string()
    }

    #[test]
    fn labels_stand_in_brackets_without_colour() {
        let text = "Zoë 👩‍🚀 in Zürich";

        let shown = shown(
            text,
            vec![entity(text, "LOC", "Zürich"), entity(text, "PERSON", "Zoë")],
            false,
        );

        assert!(
            shown.contains("Zoë [PERSON] 👩\u{200d}🚀 in Zürich [LOC]\n"),
            "{shown}"
        );
        assert!(!shown.contains('\x1b'), "{shown}");
    }

    #[test]
    fn colours_mark_entities() {
        let text = "Zoë in Zürich";

        let shown = shown(text, vec![entity(text, "LOC", "Zürich")], true);

        assert!(shown.contains("\x1b[32;4mZürich\x1b[0m"), "{shown:?}");
    }

    #[test]
    fn second_of_two_overlapping_entities_is_not_marked() {
        let text = "Bank of China";

        let shown = shown(
            text,
            vec![entity(text, "LOC", "China"), entity(text, "ORG", text)],
            false,
        );

        assert!(shown.contains("Bank of China [ORG]\n"), "{shown}");
        assert!(!shown.contains("LOC"), "{shown}");
    }

    #[test]
    fn first_line_is_the_headline_where_there_is_no_title() {
        let text = "Zoë lands\nShe is in Zürich.";

        let shown = shown(text, vec![entity(text, "LOC", "Zürich")], true);

        assert!(shown.starts_with("\x1b[1mZoë lands\x1b[0m\n"), "{shown:?}");
        assert!(shown.contains("She is in "), "{shown:?}");
        assert_eq!(shown.matches("Zoë lands").count(), 1);
    }

    #[test]
    fn terminal_obeys_nothing_in_an_article() {
        let article = &Article {
            text: "a\x1b[2Jb\u{9b}c".into(),
            flags: vec!["\x1b]0;title\x07".into()],
            ..Article::default()
        };

        let shown = Presented {
            article,
            colour: false,
        };
        let shown = shown.to_string();

        assert!(shown.contains("a\u{fffd}[2Jb\u{fffd}c"), "{shown:?}");
        assert!(!shown.contains(['\x1b', '\x07']), "{shown:?}");
    }
}
