//! Which dead letters are sent back.

use super::DeadLetter;

/// What a dead letter must be like; the default takes all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// One of these reasons; any, where there is none.
    pub reasons: Vec<String>,
    /// Rejected by one of these stages; any, where there is none.
    pub stages: Vec<String>,
    /// From one of these topics; any, where there is none.
    pub topics: Vec<String>,
    /// Not older than this, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Older than this, in milliseconds since 1970.
    pub until_ms: Option<i64>,
}

impl Selection {
    /// Whether a dead letter is like that. One without a time is of no time.
    pub fn takes(&self, letter: &DeadLetter) -> bool {
        let one_of = |wanted: &[String], found: &str| {
            wanted.is_empty() || wanted.iter().any(|wanted| wanted == found)
        };
        let time_ms = letter.timestamp_ms();
        let is_since = |since_ms| time_ms.is_some_and(|time_ms| time_ms >= since_ms);
        let is_until = |until_ms| time_ms.is_some_and(|time_ms| time_ms < until_ms);
        one_of(&self.reasons, letter.reason())
            && one_of(&self.stages, letter.stage())
            && one_of(&self.topics, letter.origin_topic().unwrap_or_default())
            && self.since_ms.is_none_or(is_since)
            && self.until_ms.is_none_or(is_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::dead_letter::{self, Omitted, Reject};
    use crate::record::Record;

    const TIME_MS: i64 = 1_700_000_000_000;

    fn letter() -> DeadLetter {
        let record = Record::sample(b"body");
        let reject = Reject::new("decode", "bad_json", "");
        let omitted = Omitted::default();
        let headers = dead_letter::headers(&Config::sample(), &record, &reject, omitted);
        DeadLetter(Record { headers, ..record })
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn everything_asked_for_must_hold() {
        let selection = Selection {
            reasons: words(&["no_body", "bad_json"]),
            stages: words(&["decode"]),
            topics: words(&["articles.raw"]),
            since_ms: Some(TIME_MS),
            until_ms: Some(TIME_MS + 1),
        };
        let others = [
            Selection {
                reasons: words(&["no_body"]),
                ..selection.clone()
            },
            Selection {
                stages: words(&["ner"]),
                ..selection.clone()
            },
            Selection {
                topics: words(&["articles.tagged"]),
                ..selection.clone()
            },
            Selection {
                since_ms: Some(TIME_MS + 1),
                ..selection.clone()
            },
            Selection {
                until_ms: Some(TIME_MS),
                ..selection.clone()
            },
        ];

        assert!(selection.takes(&letter()));
        assert!(Selection::default().takes(&letter()));
        for other in others {
            assert!(!other.takes(&letter()), "{other:?}");
        }
    }

    #[test]
    fn letter_without_a_time_is_of_no_time() {
        let letter = DeadLetter(Record {
            timestamp_ms: None,
            ..letter().0
        });

        let since_ms = Some(0);

        assert!(
            !Selection {
                since_ms,
                ..Selection::default()
            }
            .takes(&letter)
        );
    }
}
