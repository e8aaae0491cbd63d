//! A text made from another by keeping, skipping and replacing its parts.

use crate::OffsetMap;

/// A text with the places that its code points had in the text it was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) text: String,
    pub(crate) map: OffsetMap,
}

impl Mapped {
    /// The whole of `text`, unchanged.
    #[cfg(test)]
    pub(crate) fn whole(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            map: OffsetMap::identity(text.chars().count()),
        }
    }

    /// The same text with places in what `inner` was made from; `self` was made from `inner`.
    pub(crate) fn after(self, inner: &OffsetMap) -> Self {
        Self {
            text: self.text,
            map: self.map.through(inner),
        }
    }
}

/// Makes a [`Mapped`] by going through a source once, from start to end, at byte offsets that only
/// grow.
pub(crate) struct Rewrite<'a> {
    source: &'a str,
    at_byte: usize,
    at_char: usize,
    made: Mapped,
    made_chars: usize,
}

impl<'a> Rewrite<'a> {
    pub(crate) fn of(source: &'a str) -> Self {
        let made = Mapped {
            text: String::with_capacity(source.len()),
            map: OffsetMap::default(),
        };
        Self {
            source,
            at_byte: 0,
            at_char: 0,
            made,
            made_chars: 0,
        }
    }

    /// Copies the source up to the byte `end`.
    pub(crate) fn keep_to(&mut self, end: usize) {
        let part = self.part_to(end);
        let chars = part.chars().count();
        self.made.text.push_str(part);
        self.made
            .map
            .push(self.made_chars, chars, self.at_char, chars);
        self.made_chars += chars;
        self.at_byte = end;
        self.at_char += chars;
    }

    /// Leaves out the source up to the byte `end`.
    pub(crate) fn skip_to(&mut self, end: usize) {
        self.at_char += self.part_to(end).chars().count();
        self.at_byte = end;
    }

    /// Writes `with`, which the source up to the byte `end` stands for.
    pub(crate) fn replace_to(&mut self, end: usize, with: &str) {
        let raw_chars = self.part_to(end).chars().count();
        let chars = with.chars().count();
        self.made.text.push_str(with);
        self.made
            .map
            .push(self.made_chars, chars, self.at_char, raw_chars);
        self.made_chars += chars;
        self.at_byte = end;
        self.at_char += raw_chars;
    }

    /// Writes `text`, which has no place in the source.
    pub(crate) fn insert(&mut self, text: &str) {
        self.made.text.push_str(text);
        self.made_chars += text.chars().count();
    }

    /// What was made; the rest of the source is left out.
    pub(crate) fn finish(self) -> Mapped {
        self.made
    }

    fn part_to(&self, end: usize) -> &'a str {
        self.source
            .get(self.at_byte..end)
            .expect("edits come in order, at character boundaries")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_parts_point_at_their_source() {
        let source = "Zoë 👩‍🚀 in Zürich";
        let mut rewrite = Rewrite::of(source);

        rewrite.keep_to(source.find('👩').unwrap());
        rewrite.skip_to(source.find("in").unwrap());
        rewrite.keep_to(source.len());
        let made = rewrite.finish();

        assert_eq!(made.text, "Zoë in Zürich");
        assert_eq!(made.map.raw_range(0..3), Some(0..3));
        assert_eq!(made.map.raw_range(7..13), Some(11..17));
        assert_eq!(made.map.raw_range(0..6), None);
    }

    #[test]
    fn replacements_cover_what_they_stand_for() {
        let source = "AT&amp;T in Zürich";
        let mut rewrite = Rewrite::of(source);

        rewrite.keep_to(2);
        rewrite.replace_to(7, "&");
        rewrite.keep_to(source.len());
        let made = rewrite.finish();

        assert_eq!(made.text, "AT&T in Zürich");
        assert_eq!(made.map.raw_range(0..4), Some(0..8));
        assert_eq!(made.map.raw_range(8..14), Some(12..18));
    }

    #[test]
    fn insertions_have_no_place() {
        let mut rewrite = Rewrite::of("ab");

        rewrite.keep_to(1);
        rewrite.insert("\n");
        rewrite.keep_to(2);
        let made = rewrite.finish();

        assert_eq!(made.text, "a\nb");
        assert_eq!(made.map.raw_range(1..2), None);
        assert_eq!(made.map.raw_range(0..3), None);
        assert_eq!(made.map.raw_range(2..3), Some(1..2));
    }

    #[test]
    fn rewrites_of_rewrites_point_at_the_first_source() {
        let mut first = Rewrite::of("AT&amp;T **Zoë**");
        first.keep_to(2);
        first.replace_to(7, "&");
        first.keep_to("AT&amp;T **Zoë**".len());
        let first = first.finish();

        let mut second = Rewrite::of(&first.text);
        second.keep_to(5);
        second.skip_to(7);
        second.keep_to(11);
        let both = second.finish().after(&first.map);

        assert_eq!(both.text, "AT&T Zoë");
        assert_eq!(both.map.raw_range(0..4), Some(0..8));
        assert_eq!(both.map.raw_range(5..8), Some(11..14));
        assert_eq!(both.map.raw_range(3..8), None);
    }
}
