//! What can go wrong with a model.

use std::path::PathBuf;

/// Why a model cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the model folder is missing or cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file of the model folder is not what its checksum says.
    #[error(
        "{path} is damaged: its SHA-256 differs from SHA256SUMS; restore the model folder or run `make train`"
    )]
    Checksum {
        /// The file.
        path: PathBuf,
    },
    /// `SHA256SUMS` leaves out a file that is about to be loaded.
    #[error("{path} has no checksum in SHA256SUMS")]
    NoChecksum {
        /// The file.
        path: PathBuf,
    },
    /// A JSON file of the model folder does not have the expected form.
    #[error("cannot understand {path}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// The tokenizer cannot be loaded, or refuses a text.
    #[error("tokenizer")]
    Tokenizer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A weights file is not in the safetensors format.
    #[error("cannot understand {path}")]
    Weights {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// A tensor is missing, or has another shape or type than the head needs.
    #[error("tensor `{name}` is missing, or is not f32 of shape {expected:?}")]
    Tensor {
        /// Its name in the weights file.
        name: String,
        /// The shape that is needed.
        expected: Vec<usize>,
    },
    /// libtorch refused: an operation failed or memory ran out.
    #[cfg(feature = "torch")]
    #[error("libtorch")]
    Torch(#[from] tch::TchError),
    /// rust-bert refused the input.
    #[cfg(feature = "torch")]
    #[error("rust-bert")]
    Bert(#[from] rust_bert::RustBertError),
    /// OpenVINO cannot be loaded.
    #[cfg(feature = "openvino")]
    #[error("cannot load OpenVINO: {0}")]
    OpenVinoLibrary(String),
    /// OpenVINO refused: it cannot start, read the model, or run it.
    #[cfg(feature = "openvino")]
    #[error("OpenVINO")]
    OpenVino(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The machine lacks what a setting asks for.
    #[error("{0}")]
    Unsupported(&'static str),
}

impl Error {
    /// Whether memory ran out, on the CPU or the GPU: with fewer windows, or later, it may not.
    pub fn is_out_of_memory(&self) -> bool {
        let text: Option<String> = match self {
            #[cfg(feature = "torch")]
            Self::Torch(error) => Some(error.to_string()),
            #[cfg(feature = "torch")]
            Self::Bert(error) => Some(error.to_string()),
            #[cfg(feature = "openvino")]
            Self::OpenVino(error) => Some(error.to_string()),
            _ => None,
        };
        // There is no code for it. The words are those of libtorch's allocators for GPU and CPU,
        // and of C++.
        text.is_some_and(|text| {
            ["out of memory", "can't allocate memory", "bad_alloc"]
                .iter()
                .any(|words| text.contains(words))
        })
    }
}

#[cfg(all(test, feature = "torch"))]
mod tests {
    use super::*;

    #[test]
    fn memory_that_ran_out_is_told_by_the_allocators_words() {
        let torch = |text: &str| Error::Torch(tch::TchError::Torch(text.to_owned()));

        assert!(torch("CUDA out of memory. Tried to allocate 2.00 GiB").is_out_of_memory());
        assert!(torch("DefaultCPUAllocator: can't allocate memory").is_out_of_memory());
        assert!(!torch("shape '[2, 3]' is invalid").is_out_of_memory());
    }
}
