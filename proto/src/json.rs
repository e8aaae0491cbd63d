//! Fields whose JSON form differs from serde's default.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
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
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "expected a language code or an object with `code`"
    )]
    enum Form {
        Code(String),
        Object {
            code: String,
            #[serde(default = "certain")]
            score: f32,
        },
    }
    let form = Option::<Form>::deserialize(json)?;
    Ok(form.map(|form| match form {
        Form::Code(code) => Language { code, score: 1.0 },
        Form::Object { code, score } => Language { code, score },
    }))
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
