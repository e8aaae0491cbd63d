//! Properties that are passed through to librdkafka.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};

/// Properties of librdkafka by name. Values may be secrets: `Debug` shows the names alone.
#[derive(Clone, Default)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// Whether there is one of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The properties in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for Properties {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(properties: T) -> Self {
        Self(properties.into_iter().collect())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<'de> Deserialize<'de> for Properties {
    /// Reads text, numbers and truth values: `"enable.ssl.certificate.verification" = false`.
    fn deserialize<T: Deserializer<'de>>(table: T) -> Result<Self, T::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected text, a number, true or false")]
        enum Scalar {
            Text(String),
            Number(i64),
            Truth(bool),
        }
        let table = BTreeMap::<String, Scalar>::deserialize(table)?;
        let text = |value| match value {
            Scalar::Text(text) => text,
            Scalar::Number(number) => number.to_string(),
            Scalar::Truth(truth) => truth.to_string(),
        };
        Ok(table
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;

    #[test]
    fn properties_are_text_numbers_and_truth_values() {
        let config = Config::sample();

        let properties: Vec<_> = config.kafka.librdkafka.iter().collect();

        assert_eq!(
            properties,
            [
                ("retries", "3"),
                ("sasl.password", "secret"),
                ("ssl.x", "true")
            ]
        );
        assert!(!format!("{config:?}").contains("secret"));
    }
}
