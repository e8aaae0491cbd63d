//! The case of a word, which an uncased vocabulary loses, given back as its token type.

/// How a word is written. The value is the BERT token type of the word's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// Letters, none of them upper case.
    Lower = 0,
    /// The first letter alone is upper case.
    Title = 1,
    /// Two letters or more, all upper case.
    Upper = 2,
    /// Any other mixture of letters.
    Mixed = 3,
    /// No letters, at least one digit.
    Digits = 4,
    /// Punctuation; also `[CLS]`, `[SEP]` and padding.
    Other = 5,
}

impl Case {
    /// Tells how a word is written, from its characters in the original text.
    pub(crate) fn of(word: &str) -> Self {
        let mut letters = word.chars().filter(|char| char.is_alphabetic());
        let Some(first) = letters.next() else {
            let digits = word.chars().any(char::is_numeric);
            return if digits { Self::Digits } else { Self::Other };
        };
        let (mut rest, mut upper) = (0, 0);
        for letter in letters {
            rest += 1;
            upper += usize::from(letter.is_uppercase());
        }
        match (first.is_uppercase(), upper) {
            (false, 0) => Self::Lower,
            (true, 0) => Self::Title,
            (true, _) if upper == rest => Self::Upper,
            _ => Self::Mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_told_from_letters() {
        let words = [
            "zoë", "Zürich", "A", "NATO", "COVID19", "iPhone", "McKay", "19", "½", "—",
        ];
        let cases = [
            Case::Lower,
            Case::Title,
            Case::Title,
            Case::Upper,
            Case::Upper,
            Case::Mixed,
            Case::Mixed,
            Case::Digits,
            Case::Digits,
            Case::Other,
        ];

        assert_eq!(words.map(Case::of), cases);
    }

    #[test]
    fn letters_without_case_are_lower() {
        assert_eq!(Case::of("東"), Case::Lower);
    }
}
