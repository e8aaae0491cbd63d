//! What runs the model.

mod choice;
#[cfg(feature = "openvino")]
mod openvino;
#[cfg(feature = "torch")]
mod torch;

use ndarray::ArrayView3;

pub(crate) use self::choice::load;
pub use self::choice::{Device, EngineName, Precision};
use crate::{Error, TokenBatch};

/// Runs a model over batches, some of them at the same time. An engine holds one copy of the
/// weights and is driven by one thread; it spreads the work over cores itself.
pub trait Engine: Send {
    /// What it is and in which numeric form it runs, for logs and benchmarks: `torch cpu bf16`.
    fn describe(&self) -> String;

    /// How many batches it works on at the same time.
    fn streams(&self) -> usize;

    /// How many batches it holds: enough that none of its cores waits while a result is read.
    fn slots(&self) -> usize;

    /// Begins a batch in a slot that holds none.
    fn start(&mut self, slot: usize, batch: &TokenBatch) -> Result<(), Error>;

    /// Waits for the batch in a slot and gives the vectors of its tokens, shape
    /// `[windows, length, hidden]`. Rows of padding hold nothing of use.
    fn finish(&mut self, slot: usize) -> Result<ArrayView3<'_, f32>, Error>;
}
