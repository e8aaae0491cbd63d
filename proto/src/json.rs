//! Fields whose JSON form differs from serde's default.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::Language;
use crate::bounds::{MAX_ITEMS, too_many_items};

/// Reads `null` as an absent field, which is how many scrapers write one.
pub(crate) fn nullable<'de, D, T>(json: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(json)?.unwrap_or_default())
}

/// Reads a list of at most [`MAX_ITEMS`].
pub(crate) fn list<'de, D, T>(json: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    json.deserialize_seq(List(PhantomData))
}

struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            if list.len() == MAX_ITEMS {
                return Err(A::Error::custom(too_many_items()));
            }
            list.push(item);
        }
        Ok(list)
    }
}

/// Reads a language as scrapers send it (`"en"`) or as readers see it (`{"code", "score"}`).
pub(crate) fn language<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Language>, D::Error> {
    json.deserialize_any(Stated)
}

/// Anything else is refused before it is read: a list would take many times the memory that it has
/// bytes.
struct Stated;

impl<'de> Visitor<'de> for Stated {
    type Value = Option<Language>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a language code or an object with `code`")
    }

    fn visit_str<E: Error>(self, code: &str) -> Result<Self::Value, E> {
        let code = code.to_owned();
        Ok(Some(Language { code, score: 1.0 }))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
        #[derive(Deserialize)]
        struct Object {
            code: String,
            #[serde(default = "certain")]
            score: f32,
        }
        let Object { code, score } = Object::deserialize(MapAccessDeserializer::new(fields))?;
        Ok(Some(Language { code, score }))
    }
}

/// The score of a language that is stated.
fn certain() -> f32 {
    1.0
}

/// Keeps a JSON value as its text, to the letter: number forms and the order of keys survive.
pub(crate) mod raw {
    use serde::de::Deserializer;
    use serde::ser::{Error, Serialize, Serializer};
    use serde_json::value::RawValue;

    pub(crate) fn serialize<S: Serializer>(text: &str, json: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(text)
            .map_err(S::Error::custom)?
            .serialize(json)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
        let value: Box<RawValue> = serde::Deserialize::deserialize(json)?;
        Ok(if value.get() == "null" {
            String::new()
        } else {
            value.get().to_owned()
        })
    }
}
