//! The limit of any engine: how fast the machine multiplies the encoder's matrices.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::peer;

/// The shape of an encoder, from its `config.json`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Shape {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    /// Dimensions of an attention head that are not zeros; a BERT's where nothing is said.
    head_size: Option<usize>,
}

/// Billions of operations a second, by numbers (`int8`, `bf16`) and by shape of the matrix.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Limits(BTreeMap<String, BTreeMap<String, f64>>);

impl Shape {
    /// Reads that of a model folder.
    pub(crate) fn read(model: &Path) -> anyhow::Result<Self> {
        let path = model.join("config.json");
        let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(serde_json::from_reader(file)?)
    }

    /// The matrices of a layer, with the times that each is multiplied.
    fn matrices(self) -> [(usize, String, usize); 4] {
        let (hidden, inner) = (self.hidden_size, self.intermediate_size);
        let heads = self.num_attention_heads;
        let mixed = heads * self.head_size.unwrap_or(hidden / heads);
        [
            (3, format!("{hidden}x{mixed}"), hidden * mixed),
            (1, format!("{mixed}x{hidden}"), hidden * mixed),
            (1, format!("{hidden}x{inner}"), hidden * inner),
            (1, format!("{inner}x{hidden}"), hidden * inner),
        ]
    }
}

impl Limits {
    /// Measures them for the matrices of some encoders.
    pub(crate) fn measure(encoders: &[Shape]) -> anyhow::Result<Self> {
        let matrices = encoders.iter().flat_map(|shape| shape.matrices());
        let names: BTreeSet<String> = matrices.map(|(_, name, _)| name).collect();
        let output = peer::gemm(&names.into_iter().collect::<Vec<_>>())?;
        serde_json::from_str(&output).context("gemm.py prints rates")
    }

    /// Tokens a second if an engine did nothing but multiply an encoder's matrices.
    pub(crate) fn tokens(&self, numbers: &str, shape: Shape) -> Option<f64> {
        let rates = self.0.get(numbers)?;
        let mut seconds = 0.0;
        for (times, name, size) in shape.matrices() {
            seconds += (2 * times * size) as f64 / (rates.get(&name)? * 1e9);
        }
        Some(1.0 / (seconds * shape.num_hidden_layers as f64))
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.0.iter().map(|(numbers, rates)| {
            let rates = rates
                .iter()
                .map(|(shape, rate)| format!("{shape} {rate:.0}"));
            format!("{numbers}: {}", rates.collect::<Vec<_>>().join(", "))
        });
        let numbers = numbers.collect::<Vec<_>>().join("; ");
        write!(out, "{numbers} (billions of operations a second)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_that_of_all_matrices() {
        let rates = [
            ("384x384", 500.0),
            ("384x1536", 1000.0),
            ("1536x384", 1000.0),
        ];
        let rates = rates.map(|(shape, rate)| (shape.to_owned(), rate));
        let limits = Limits(BTreeMap::from([("int8".to_owned(), BTreeMap::from(rates))]));
        let shape = Shape {
            hidden_size: 384,
            intermediate_size: 1536,
            num_hidden_layers: 6,
            num_attention_heads: 6,
            head_size: None,
        };

        let tokens = limits.tokens("int8", shape).unwrap();

        assert!((tokens - 1e12 / (6.0 * 32.0 * 384.0 * 384.0)).abs() < 1.0);
        assert!(limits.tokens("bf16", shape).is_none());
    }
}
