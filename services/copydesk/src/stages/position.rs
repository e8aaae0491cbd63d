//! Byte positions to the other units that readers count in.

/// A position in a text, in three units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// UTF-8 bytes.
    pub(crate) byte: usize,
    /// Unicode code points.
    pub(crate) char: usize,
    /// UTF-16 code units.
    pub(crate) utf16: usize,
}

/// Walks a text once, whatever number of positions is asked for.
pub(crate) struct Positions<'t> {
    text: &'t str,
    last: Position,
}

impl<'t> Positions<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            last: Position::default(),
        }
    }

    /// Gives the position of a byte, which lies on a character boundary, at or after the one asked
    /// for before.
    pub(crate) fn at(&mut self, byte: usize) -> Position {
        let between = self.text.get(self.last.byte..byte);
        for char in between.expect("positions are asked for in order").chars() {
            self.last.char += 1;
            self.last.utf16 += char.len_utf16();
        }
        self.last.byte = byte;
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_counted_apart() {
        let text = "Zoë 👩‍🚀 in Zürich";
        let mut positions = Positions::new(text);

        let start = positions.at(text.find("Zürich").unwrap());
        let end = positions.at(text.len());

        assert_eq!(
            start,
            Position {
                byte: 20,
                char: 11,
                utf16: 13
            }
        );
        assert_eq!(
            end,
            Position {
                byte: 27,
                char: 17,
                utf16: 19
            }
        );
    }
}
