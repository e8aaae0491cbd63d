//! The limit of any engine: how fast the machine multiplies the encoder's matrices.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::peer;

/// The shape of an encoder, from its `config.json`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Shape {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    /// Attention heads of each layer that are not zeros, and their dimensions that are not; a BERT's
    /// where nothing is said.
    heads: Option<Vec<usize>>,
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

    /// The matrices of all layers, with the times that each is multiplied and its size.
    fn matrices(&self) -> Vec<(usize, String, usize)> {
        let (hidden, inner) = (self.hidden_size, self.intermediate_size);
        let most = self.num_attention_heads;
        let heads = self.heads.clone();
        let heads = heads.unwrap_or_else(|| vec![most; self.num_hidden_layers]);
        let matrix = |times, from, to| (times, format!("{from}x{to}"), from * to);
        let layer = |heads| {
            let mixed = heads * self.head_size.unwrap_or(hidden / most);
            [
                matrix(3, hidden, mixed),
                matrix(1, mixed, hidden),
                matrix(1, hidden, inner),
                matrix(1, inner, hidden),
            ]
        };
        heads.into_iter().flat_map(layer).collect()
    }
}

impl Limits {
    /// Measures them for the matrices of some encoders.
    pub(crate) fn measure(encoders: &[Shape]) -> anyhow::Result<Self> {
        let matrices = encoders.iter().flat_map(Shape::matrices);
        let names: BTreeSet<String> = matrices.map(|(_, name, _)| name).collect();
        let output = peer::gemm(&names.into_iter().collect::<Vec<_>>())?;
        serde_json::from_str(&output).context("gemm.py prints rates")
    }

    /// Tokens a second if an engine did nothing but multiply an encoder's matrices.
    pub(crate) fn tokens(&self, numbers: &str, shape: &Shape) -> Option<f64> {
        let rates = self.0.get(numbers)?;
        let mut seconds = 0.0;
        for (times, name, size) in shape.matrices() {
            seconds += (2 * times * size) as f64 / (rates.get(&name)? * 1e9);
        }
        Some(1.0 / seconds)
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
            heads: None,
            head_size: None,
        };

        let tokens = limits.tokens("int8", &shape).unwrap();

        assert!((tokens - 1e12 / (6.0 * 32.0 * 384.0 * 384.0)).abs() < 1.0);
        assert!(limits.tokens("bf16", &shape).is_none());
    }

    #[test]
    fn heads_that_are_gone_are_not_multiplied() {
        let shape = Shape {
            hidden_size: 384,
            intermediate_size: 768,
            num_hidden_layers: 2,
            num_attention_heads: 6,
            heads: Some(vec![5, 1]),
            head_size: Some(32),
        };

        let sizes = shape
            .matrices()
            .into_iter()
            .map(|(times, _, size)| times * size);

        let of = |heads: usize| 4 * 384 * 32 * heads + 2 * 384 * 768;
        assert_eq!(sizes.sum::<usize>(), of(5) + of(1));
    }
}
