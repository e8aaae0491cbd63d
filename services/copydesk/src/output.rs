//! Enriched articles on standard output.

use std::io::{self, BufWriter, ErrorKind, Stdout, Write};

use copydesk_proto::{Article, Format, encode};

use crate::cli::OutputFormat;
use crate::present::{Presented, stdout_has_colour};

/// Standard output in the form that was asked for.
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
    format: OutputFormat,
    colour: bool,
}

impl Output {
    /// Opens it; nothing is written yet.
    pub(crate) fn new(format: OutputFormat) -> Self {
        Self {
            stdout: BufWriter::new(io::stdout()),
            format,
            colour: stdout_has_colour(),
        }
    }

    /// Writes an article; `false` when nobody reads on (`| head`).
    pub(crate) fn write(&mut self, article: &Article) -> io::Result<bool> {
        let written = match self.format {
            OutputFormat::Json => self.stdout.write_all(&json_line(article)),
            OutputFormat::Pretty => {
                let colour = self.colour;
                write!(self.stdout, "{}", Presented { article, colour })
            }
        };
        read_on(written)
    }

    /// Hands on what was written so far; `false` when nobody reads on.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        read_on(self.stdout.flush())
    }
}

fn read_on(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// An article as one line: the scraper's own metadata may have line feeds between its values.
fn json_line(article: &Article) -> Vec<u8> {
    let mut line = encode(article, Format::Json);
    for byte in &mut line {
        // Inside of JSON's strings they are escaped, so that these stand between values.
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_one_line() {
        let article = Article {
            text: "Zoë\n👩‍🚀\r\nZürich".into(),
            metadata: "{\n  \"a\": \"b\\nc\"\r\n}".into(),
            ..Article::default()
        };

        let line = String::from_utf8(json_line(&article)).unwrap();

        assert_eq!(line.trim_end().lines().count(), 1);
        assert!(line.contains("Zoë\\n👩‍🚀\\r\\nZürich"), "{line}");
        assert!(line.contains("{   \"a\": \"b\\nc\"  }"), "{line}");
    }
}
