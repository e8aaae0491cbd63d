//! The model folder: a standard BERT, the heads on it, and checksums.
//!
//! | file | what |
//! |---|---|
//! | `config.json` | BERT's configuration, as rust-bert and transformers read it |
//! | `tokenizer.json` | the tokenizer, as the `tokenizers` library reads it |
//! | `model.safetensors` | the encoder's weights in bf16 |
//! | `openvino_model.xml`, `openvino_model.bin` | the encoder in int8, as OpenVINO reads it |
//! | `heads.json`, `heads.safetensors` | what the heads' outputs mean; their weights |
//! | `SHA256SUMS` | a checksum for each of these |

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{Error, Linear};

/// A model on disk. Every file is checked against its checksum before it is used; a folder need
/// hold only the weights that its engine reads.
#[derive(Debug)]
pub struct ModelFolder {
    path: PathBuf,
    sums: String,
    heads: Heads,
    weights: Vec<u8>,
}

/// `heads.json`.
#[derive(Debug, Deserialize)]
struct Heads {
    name: String,
    version: String,
    window: WindowLimit,
    ner: Vec<TagHead>,
    topics: TopicHead,
    meaning: Option<MeaningHead>,
}

#[derive(Debug, Deserialize)]
struct WindowLimit {
    max_tokens: usize,
}

/// A head that gives each word a tag.
#[derive(Clone, Debug, Deserialize)]
pub struct TagHead {
    /// Its name; the weights' names begin with it.
    pub name: String,
    /// What each output stands for: `O`, `B-PERSON`, `I-PERSON`, …
    pub tags: Vec<String>,
    /// By label: an entity in which it has less confidence is not stated.
    pub thresholds: HashMap<String, f32>,
}

/// The head that gives an article its categories.
#[derive(Clone, Debug, Deserialize)]
pub struct TopicHead {
    /// Its name; the weights' names begin with it.
    pub name: String,
    /// How many leading tokens of an article, title first, enter the mean.
    pub pool_tokens: usize,
    /// What each output stands for.
    pub categories: Vec<CategoryLabel>,
    /// Name and release of the taxonomy.
    pub taxonomy: String,
}

/// The head that compares articles with descriptions.
#[derive(Clone, Debug, Deserialize)]
pub struct MeaningHead {
    /// Its name; the weights' names begin with it.
    pub name: String,
    /// A score is `sigmoid(scale * nearness + shift)`.
    pub scale: f32,
    /// See `scale`.
    pub shift: f32,
}

/// A category of the taxonomy, and the score from which it is given.
#[derive(Clone, Debug, Deserialize)]
pub struct CategoryLabel {
    /// Its code in the taxonomy.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Codes from the top level down to this one.
    pub path: Vec<String>,
    /// The score from which an article has it.
    pub threshold: f32,
}

impl ModelFolder {
    /// Opens a folder.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let sums = read(&path.join("SHA256SUMS"))?;
        let sums = String::from_utf8_lossy(&sums).into_owned();
        let (heads_path, heads) = checked(&path, &sums, "heads.json")?;
        let heads = serde_json::from_slice(&heads).map_err(|source| Error::Json {
            path: heads_path,
            source,
        })?;
        let (_, weights) = checked(&path, &sums, "heads.safetensors")?;
        Ok(Self {
            path,
            sums,
            heads,
            weights,
        })
    }

    /// Name and version of the model, as records state it: `copydesk-news 2026.11.22`.
    pub fn version(&self) -> String {
        format!("{} {}", self.heads.name, self.heads.version)
    }

    /// The heads that tag words.
    pub fn tag_heads(&self) -> &[TagHead] {
        &self.heads.ner
    }

    /// The head that gives categories.
    pub fn topic_head(&self) -> &TopicHead {
        &self.heads.topics
    }

    /// The head that compares articles with descriptions; older models have none.
    pub fn meaning_head(&self) -> Option<&MeaningHead> {
        self.heads.meaning.as_ref()
    }

    /// Loads a vector of the heads' weights.
    pub fn vector(&self, name: &str) -> Result<Array1<f32>, Error> {
        let tensors = self.tensors()?;
        let shape = tensors.tensor(name).map(|view| view.shape().to_vec());
        let values = floats(&tensors, name, &shape.unwrap_or_default())?;
        Ok(Array1::from_vec(values))
    }

    /// Loads a head's weights, `{name}.weight` of shape `[outputs, hidden]` and `{name}.bias`.
    pub fn linear(&self, name: &str, outputs: usize) -> Result<Linear, Error> {
        let tensors = self.tensors()?;
        let bias = floats(&tensors, &format!("{name}.bias"), &[outputs])?;
        let name = format!("{name}.weight");
        let hidden = tensors
            .tensor(&name)
            .ok()
            .and_then(|view| view.shape().get(1).copied());
        let shape = [outputs, hidden.unwrap_or_default()];
        let weight = Array2::from_shape_vec(shape, floats(&tensors, &name, &shape)?)
            .expect("the shape was compared");
        Ok(Linear::new(&weight, Array1::from_vec(bias)))
    }

    fn tensors(&self) -> Result<SafeTensors<'_>, Error> {
        SafeTensors::deserialize(&self.weights).map_err(|source| Error::Weights {
            path: self.path.join("heads.safetensors"),
            source,
        })
    }

    pub(crate) fn max_tokens(&self) -> usize {
        self.heads.window.max_tokens
    }

    /// Whether the model has an int8 form.
    pub(crate) fn has_int8(&self) -> bool {
        self.path.join("openvino_model.xml").is_file()
    }

    /// The path of a file that has been found to be whole.
    pub(crate) fn file(&self, name: &str) -> Result<PathBuf, Error> {
        checked(&self.path, &self.sums, name).map(|(path, _)| path)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

/// Reads a file and compares its checksum.
fn checked(folder: &Path, sums: &str, name: &str) -> Result<(PathBuf, Vec<u8>), Error> {
    let path = folder.join(name);
    let bytes = read(&path)?;
    let mut lines = sums.lines().filter_map(|line| line.split_once("  "));
    match lines.find(|(_, file)| *file == name) {
        Some((expected, _)) if expected == hex(&Sha256::digest(&bytes)) => Ok((path, bytes)),
        Some(_) => Err(Error::Checksum { path }),
        None => Err(Error::NoChecksum { path }),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads an f32 tensor of a known shape.
fn floats(tensors: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
    let fits = |view: &safetensors::tensor::TensorView<'_>| {
        view.dtype() == Dtype::F32 && view.shape() == shape
    };
    let view = tensors
        .tensor(name)
        .ok()
        .filter(fits)
        .ok_or_else(|| Error::Tensor {
            name: name.to_owned(),
            expected: shape.to_vec(),
        })?;
    let (values, _) = view.data().as_chunks::<4>();
    Ok(values
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_written_as_sha256sum_does() {
        assert_eq!(
            hex(&Sha256::digest(b"")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
