//! What runs the model.

mod torch;

use ndarray::Array3;

pub(crate) use self::torch::Torch;
use crate::{Error, TokenBatch};

/// Runs a model over batches. An engine holds one copy of the weights and is driven by one thread;
/// it spreads an operation over cores itself.
pub trait Engine: Send {
    /// What it is and in which numeric form it runs, for logs and benchmarks: `torch cpu bf16`.
    fn describe(&self) -> String;

    /// Gives the vectors of all tokens: shape `[windows, length, hidden]`. Rows of padding hold
    /// nothing of use.
    fn encode(&mut self, batch: &TokenBatch) -> Result<Array3<f32>, Error>;
}

/// Where the model runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The first GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The first GPU.
    Cuda,
}

/// The numeric form that the model runs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// bf16 where the hardware multiplies in it, else fp32.
    #[default]
    Auto,
    /// 16 bits, 8 of them the exponent.
    Bf16,
    /// 32 bits.
    Fp32,
}

/// Whether the CPU multiplies in bf16; every CPU with AMX does so with AVX-512, too.
fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    let there = is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    let there = false;
    there
}
