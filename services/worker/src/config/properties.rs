//! Properties that are passed through to librdkafka.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// What the name of a property ends in where its value is the path of a file that holds it.
const FILE: &str = "_file";

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
    /// Reads text, numbers and truth values: `"enable.ssl.certificate.verification" = false`; and
    /// files, so that a secret need not be in the settings: `"sasl.password_file" = "/run/secrets/p"`.
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
        let mut properties = BTreeMap::new();
        for (name, value) in table {
            let (name, value) = match name.strip_suffix(FILE) {
                Some(property) => (property.to_owned(), content(&text(value))?),
                None => (name, text(value)),
            };
            if properties.insert(name.clone(), value).is_some() {
                let both = format_args!("both {name} and {name}{FILE} are set");
                return Err(T::Error::custom(both));
            }
        }
        Ok(Self(properties))
    }
}

/// A file's content, without the line feed that editors put at its end.
fn content<E: Error>(path: &str) -> Result<String, E> {
    match std::fs::read_to_string(path) {
        Ok(content) => Ok(content.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => Err(E::custom(format_args!("cannot read {path}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::Properties;
    use crate::Config;

    fn read(name: &str, value: &str) -> Result<Properties, serde_json::Error> {
        let table = serde_json::json!({"sasl.password": "a", name: value});
        serde_json::from_value(table)
    }

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

    #[test]
    fn secret_comes_from_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "Zoë 👩‍🚀\n").unwrap();

        let properties = read("ssl.key.password_file", file.path().to_str().unwrap()).unwrap();

        let properties: Vec<_> = properties.iter().collect();
        assert_eq!(
            properties,
            [("sasl.password", "a"), ("ssl.key.password", "Zoë 👩‍🚀")]
        );
    }

    #[test]
    fn file_that_cannot_be_used_is_named() {
        let missing = read("ssl.key.password_file", "/nowhere").unwrap_err();
        let twice = read("sasl.password_file", "/dev/null").unwrap_err();

        assert!(
            missing.to_string().contains("cannot read /nowhere"),
            "{missing}"
        );
        assert!(twice.to_string().contains("sasl.password_file"), "{twice}");
    }
}
