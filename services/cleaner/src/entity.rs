//! Character references of HTML (`&amp;`, `&#8217;`).

use crate::character::is_invisible;

/// A character reference at the start of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// How many bytes of the text it takes.
    pub(crate) len: usize,
    /// What it stands for; empty for a character that nobody sees.
    pub(crate) text: String,
    /// Whether it was encoded more than once (`&amp;quot;`).
    pub(crate) nested: bool,
}

/// The longest name in HTML, `CounterClockwiseContourIntegral`, with room for numbers.
const MAX_NAME_LEN: usize = 32;

/// Reads a reference that ends in a semicolon; `text` starts with `&`.
pub(crate) fn read(text: &str) -> Option<Reference> {
    let mut rest = text.strip_prefix('&')?;
    let mut nested = false;
    while let Some(inner) = rest.strip_prefix("amp;") {
        if name_of(inner).and_then(decode).is_none() && !inner.starts_with("amp;") {
            break;
        }
        rest = inner;
        nested = true;
    }
    let name = name_of(rest)?;
    let len = text.len() - rest.len() + name.len() + 1;
    Some(Reference {
        len,
        text: decode(name)?,
        nested,
    })
}

/// The name before the semicolon.
fn name_of(text: &str) -> Option<&str> {
    let end = text
        .bytes()
        .take(MAX_NAME_LEN + 1)
        .position(|byte| byte == b';')?;
    let name = text.get(..end)?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'#';
    (!name.is_empty() && name.bytes().all(is_name)).then_some(name)
}

fn decode(name: &str) -> Option<String> {
    let mut text = match name.strip_prefix('#') {
        Some(number) => decode_number(number)?.to_string(),
        None => decode_name(name)?,
    };
    text.retain(|char| !is_invisible(char));
    Some(text)
}

fn decode_name(name: &str) -> Option<String> {
    let reference = format!("&{name};");
    let text = html_escape::decode_html_entities(&reference);
    (text != reference).then(|| text.into_owned())
}

fn decode_number(number: &str) -> Option<char> {
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    let in_windows_1252 = code
        .checked_sub(0x80)
        .and_then(|at| WINDOWS_1252.get(at as usize));
    match in_windows_1252 {
        Some(&char) => Some(char),
        None => char::from_u32(code),
    }
}

/// What browsers read for the numbers 128 to 159.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Option<(usize, String)> {
        read(text).map(|reference| (reference.len, reference.text))
    }

    #[test]
    fn names_and_numbers_are_decoded() {
        assert_eq!(decoded("&amp;T"), Some((5, "&".into())));
        assert_eq!(decoded("&#8217;s"), Some((7, "’".into())));
        assert_eq!(decoded("&#xEB;"), Some((6, "ë".into())));
        assert_eq!(decoded("&#146;s"), Some((6, "’".into())));
        assert_eq!(decoded("&nbsp;"), Some((6, "\u{a0}".into())));
    }

    #[test]
    fn twice_encoded_references_are_decoded_at_once() {
        assert_eq!(decoded("&amp;quot;Zoë"), Some((10, "\"".into())));
        assert_eq!(decoded("&amp;amp;amp;"), Some((13, "&".into())));
        assert!(read("&amp;#8217;").unwrap().nested);
        assert!(!read("&amp;").unwrap().nested);
    }

    #[test]
    fn references_to_invisible_characters_decode_to_nothing() {
        for text in ["&#13;", "&shy;", "&ZeroWidthSpace;", "&#xFEFF;", "&#0;"] {
            assert_eq!(decoded(text), Some((text.len(), String::new())));
        }
    }

    #[test]
    fn what_is_no_reference_stays() {
        for text in [
            "&",
            "& Co;",
            "&Co",
            "&nosuchname;",
            "&#;",
            "&#xD800;",
            "&ë;",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
