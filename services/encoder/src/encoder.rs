//! Windows to token vectors, in batches that waste little on padding.

use ndarray::{ArrayView2, Axis, Slice};

use crate::batch::padded_length;
use crate::engine::Torch;
use crate::{Device, Engine, Error, ModelFolder, Precision, TokenBatch, Window};

/// How the model is run.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it runs.
    pub device: Device,
    /// The numeric form that it runs in.
    pub precision: Precision,
    /// Threads of one operation; 0 for as many as there are cores.
    pub threads: usize,
    /// Tokens in one run of the model, padding counted; a window is never cut for it.
    pub max_batch_tokens: usize,
}

/// What an encoder has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Windows read.
    pub windows: u64,
    /// Tokens read, `[CLS]` and `[SEP]` counted.
    pub tokens: u64,
    /// Tokens that the engine computed, padding counted.
    pub padded_tokens: u64,
    /// Time in the engine.
    pub seconds: f64,
}

/// A model ready to read windows.
pub struct Encoder {
    engine: Box<dyn Engine>,
    max_batch_tokens: usize,
    usage: Usage,
}

impl Encoder {
    /// Loads the weights. Takes a second or so: not for an async runtime's thread.
    pub fn load(folder: &ModelFolder, settings: &Settings) -> Result<Self, Error> {
        let engine = Torch::load(
            folder,
            settings.device,
            settings.precision,
            settings.threads,
        )?;
        Ok(Self::new(Box::new(engine), settings.max_batch_tokens))
    }

    /// Wraps an engine.
    pub fn new(engine: Box<dyn Engine>, max_batch_tokens: usize) -> Self {
        Self {
            engine,
            max_batch_tokens,
            usage: Usage::default(),
        }
    }

    /// What runs the model, for logs and benchmarks.
    pub fn describe(&self) -> String {
        self.engine.describe()
    }

    /// What this encoder has done so far.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Reads windows and gives each one's token vectors, shape `[tokens, hidden]`, to `each`, with
    /// the window's place in `windows`.
    ///
    /// Windows come back in no particular order: they are sorted by length, so that a batch has
    /// little padding.
    pub fn encode(
        &mut self,
        windows: &[&Window],
        mut each: impl FnMut(usize, ArrayView2<'_, f32>),
    ) -> Result<(), Error> {
        let mut order: Vec<usize> = (0..windows.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(windows[i].ids.len()));
        let mut rest = order.as_slice();
        while let Some(&longest) = rest.first() {
            let fitting = self.max_batch_tokens / padded_length(windows[longest]);
            let (chosen, later) = rest.split_at(fitting.clamp(1, rest.len()));
            let batch = TokenBatch::new(chosen.iter().map(|&i| windows[i]));
            let started = std::time::Instant::now();
            let vectors = self.engine.encode(&batch)?;
            self.count(&batch, started.elapsed().as_secs_f64());
            for (row, &i) in vectors.axis_iter(Axis(0)).zip(chosen) {
                each(
                    i,
                    row.slice_axis(Axis(0), Slice::from(TokenBatch::tokens_of(windows[i]))),
                );
            }
            rest = later;
        }
        Ok(())
    }

    fn count(&mut self, batch: &TokenBatch, seconds: f64) {
        self.usage.windows += batch.windows() as u64;
        self.usage.tokens += batch.mask.sum().unsigned_abs();
        self.usage.padded_tokens += batch.mask.len() as u64;
        self.usage.seconds += seconds;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::Word;

    /// Gives each token's id as its vector of one dimension, and keeps the shapes that it saw.
    struct Echo(std::sync::mpsc::Sender<(usize, usize)>);

    impl Engine for Echo {
        fn describe(&self) -> String {
            "echo".into()
        }

        fn encode(&mut self, batch: &TokenBatch) -> Result<Array3<f32>, Error> {
            self.0.send((batch.windows(), batch.length())).unwrap();
            Ok(batch.ids.mapv(|id| id as f32).insert_axis(Axis(2)))
        }
    }

    #[test]
    fn each_window_gets_its_own_vectors_in_batches_of_like_length() {
        let windows: Vec<Window> = [2, 9, 3, 8, 1]
            .iter()
            .map(|&length| Window {
                ids: (0..length).map(|i| 1000 * length + i).collect(),
                types: vec![0; length as usize],
                words: vec![Word {
                    range: 0..1,
                    tokens: 0..length as usize,
                    opens_sentence: true,
                }],
                owned: 0..1,
            })
            .collect();
        let (sender, shapes) = std::sync::mpsc::channel();
        let mut encoder = Encoder::new(Box::new(Echo(sender)), 22);
        let mut seen = vec![Vec::new(); windows.len()];

        encoder
            .encode(&windows.iter().collect::<Vec<_>>(), |i, vectors| {
                seen[i] = vectors.iter().map(|&id| id as u32).collect();
            })
            .unwrap();

        assert!(
            windows
                .iter()
                .zip(&seen)
                .all(|(window, seen)| window.ids == *seen)
        );
        assert_eq!(shapes.try_iter().collect::<Vec<_>>(), [(2, 11), (3, 5)]);
        assert_eq!(
            (encoder.usage().tokens, encoder.usage().padded_tokens),
            (33, 37)
        );
    }
}
