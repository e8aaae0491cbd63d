//! Kinds of characters.

/// Whether a character shows nothing and joins nothing, so that it can go anywhere.
///
/// The joiners U+200C and U+200D stay (emoji and many scripts need them), as do variation
/// selectors and the marks of writing direction.
pub(crate) fn is_invisible(char: char) -> bool {
    match char {
        '\n' | '\t' => false,
        '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => true,
        _ => char.is_control(),
    }
}

/// Whether a character other than LF and CR ends a line.
pub(crate) fn is_line_break(char: char) -> bool {
    matches!(char, '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_visible_text_is_invisible() {
        assert!(
            !"Zoë 👩‍🚀 in\tZürich\n東京 e\u{301} \u{a0}“’”"
                .chars()
                .any(is_invisible)
        );
    }

    #[test]
    fn controls_and_zero_widths_are_invisible() {
        assert!(
            "\0\u{1b}\u{7f}\u{80}\u{ad}\u{200b}\u{2060}\u{feff}"
                .chars()
                .all(is_invisible)
        );
    }
}
