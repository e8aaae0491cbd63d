//! Windows to token vectors, in batches that waste little on padding.

use std::collections::VecDeque;
use std::time::Instant;

use ndarray::{ArrayView2, Axis, Slice};

use crate::batch::Padding;
use crate::{
    Device, Engine, EngineName, Error, ModelFolder, Precision, TokenBatch, Window, engine,
};

/// How the model is run.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What runs it.
    pub engine: EngineName,
    /// Where it runs.
    pub device: Device,
    /// The numeric form that it runs in.
    pub precision: Precision,
    /// Threads of the engine; 0 for as many as there are cores.
    pub threads: usize,
    /// Tokens in one run of the model, padding counted; a window is never cut for it.
    pub max_batch_tokens: usize,
}

/// What an encoder has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Runs of the model.
    pub batches: u64,
    /// Windows read.
    pub windows: u64,
    /// Tokens read, `[CLS]` and `[SEP]` counted.
    pub tokens: u64,
    /// Tokens that the engine computed, padding counted.
    pub padded_tokens: u64,
    /// Time in which the engine had a batch to work on.
    pub seconds: f64,
}

/// A model ready to read windows.
pub struct Encoder {
    engine: Box<dyn Engine>,
    reason: &'static str,
    max_batch_tokens: usize,
    padding: Padding,
    usage: Usage,
}

impl Encoder {
    /// Loads the weights. Takes a second or so: not for an async runtime's thread.
    pub fn load(folder: &ModelFolder, settings: &Settings) -> Result<Self, Error> {
        let (engine, reason) = engine::load(folder, settings)?;
        Ok(Self {
            reason,
            ..Self::new(engine, settings.max_batch_tokens, folder.max_tokens())
        })
    }

    /// Wraps an engine, for windows of `max_tokens` at most.
    pub fn new(engine: Box<dyn Engine>, max_batch_tokens: usize, max_tokens: usize) -> Self {
        Self {
            engine,
            reason: "it was given",
            max_batch_tokens,
            padding: Padding::of(max_tokens),
            usage: Usage::default(),
        }
    }

    /// What runs the model, for logs and benchmarks.
    pub fn describe(&self) -> String {
        self.engine.describe()
    }

    /// Why it is this engine, for logs.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// What this encoder has done so far.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Reads windows and gives each one's token vectors, shape `[tokens, hidden]`, to `each`, with
    /// the window's place in `windows`.
    ///
    /// Windows come back in no particular order: they are sorted by length, and a batch holds those
    /// that are padded alike. What a window gives does not depend on the others, on a CPU to the last
    /// digit. While `each` reads one batch, the engine works on the next.
    pub fn encode(
        &mut self,
        windows: &[&Window],
        mut each: impl FnMut(usize, ArrayView2<'_, f32>),
    ) -> Result<(), Error> {
        let order = by_length(windows);
        let mut free: Vec<usize> = (0..self.engine.slots()).collect();
        let mut running = VecDeque::with_capacity(free.len());
        let mut rest = order.as_slice();
        let mut left = windows
            .iter()
            .map(|window| self.padding.length(window))
            .sum();
        let mut busy_since = Instant::now();
        loop {
            if running.is_empty() {
                busy_since = Instant::now();
            }
            while !rest.is_empty()
                && let Some(slot) = free.pop()
            {
                let (places, later) = rest.split_at(self.next_batch(windows, rest, left));
                let batch = TokenBatch::new(places.iter().map(|&i| windows[i]), self.padding);
                left -= batch.mask.len();
                self.count(&batch);
                self.engine.start(slot, &batch)?;
                running.push_back((slot, places));
                rest = later;
            }
            let Some((slot, places)) = running.pop_front() else {
                break;
            };
            let vectors = self.engine.finish(slot)?;
            if running.is_empty() {
                self.usage.seconds += busy_since.elapsed().as_secs_f64();
            }
            for (row, &i) in vectors.axis_iter(Axis(0)).zip(places) {
                let own = Slice::from(TokenBatch::tokens_of(windows[i]));
                each(i, row.slice_axis(Axis(0), own));
            }
            free.push(slot);
        }
        Ok(())
    }

    /// How many of the leading places make a batch: windows that are padded alike.
    ///
    /// No core takes more than its share of the tokens that are `left`, so that all are done at about
    /// the same time (guided self-scheduling, Polychronopoulos and Kuck 1987).
    ///
    /// They fill the batch, or are a power of two. An engine makes code for each shape that it
    /// meets, and keeps it: some forty shapes (of 1,024 tokens) take half of the memory that four times as many do.
    fn next_batch(&self, windows: &[&Window], places: &[usize], left: usize) -> usize {
        let length = self.padding.length(windows[places[0]]);
        let most = (self.max_batch_tokens / length).max(1);
        let share = left.div_ceil(length * self.engine.streams());
        let alike = places
            .iter()
            .take(most.min(share))
            .take_while(|&&i| self.padding.length(windows[i]) == length)
            .count();
        match alike {
            alike if alike == most => most,
            alike => 1 << alike.ilog2(),
        }
    }

    fn count(&mut self, batch: &TokenBatch) {
        self.usage.batches += 1;
        self.usage.windows += batch.windows() as u64;
        self.usage.tokens += batch.mask.sum().unsigned_abs();
        self.usage.padded_tokens += batch.mask.len() as u64;
    }
}

/// Places of the windows, the longest first.
fn by_length(windows: &[&Window]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..windows.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(windows[i].ids.len()));
    order
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use ndarray::{Array3, ArrayView3};

    use super::*;
    use crate::Word;

    /// Gives each token's id as its vector of one dimension, and keeps the shapes that it saw.
    struct Echo {
        slots: [Option<Array3<f32>>; 2],
        streams: usize,
        shapes: Sender<(usize, usize)>,
    }

    impl Engine for Echo {
        fn describe(&self) -> String {
            "echo".into()
        }

        fn streams(&self) -> usize {
            self.streams
        }

        fn slots(&self) -> usize {
            self.slots.len()
        }

        fn start(&mut self, slot: usize, batch: &TokenBatch) -> Result<(), Error> {
            self.shapes.send((batch.windows(), batch.length())).unwrap();
            let vectors = batch.ids.mapv(|id| id as f32).insert_axis(Axis(2));
            self.slots[slot] = Some(vectors);
            Ok(())
        }

        fn finish(&mut self, slot: usize) -> Result<ArrayView3<'_, f32>, Error> {
            Ok(self.slots[slot].as_ref().unwrap().view())
        }
    }

    /// A window of so many tokens, with ids of its own.
    fn window(length: u32) -> Window {
        Window {
            ids: (0..length).map(|i| 1000 * length + i).collect(),
            types: vec![0; length as usize],
            words: vec![Word {
                range: 0..1,
                tokens: 0..length as usize,
                opens_sentence: true,
            }],
            owned: 0..1,
        }
    }

    /// An encoder of few tokens a batch, and the shapes that its engine sees.
    fn encoder(streams: usize) -> (Encoder, Receiver<(usize, usize)>) {
        let (sender, shapes) = channel();
        let echo = Echo {
            slots: [None, None],
            streams,
            shapes: sender,
        };
        (Encoder::new(Box::new(echo), 48, 128), shapes)
    }

    #[test]
    fn batch_that_is_not_full_has_a_power_of_two() {
        let windows: Vec<Window> = [20, 3, 3, 3, 3, 3].into_iter().map(window).collect();
        let (mut encoder, shapes) = encoder(1);

        encoder
            .encode(&windows.iter().collect::<Vec<_>>(), |_, _| {})
            .unwrap();

        let shapes: Vec<_> = shapes.try_iter().collect();
        assert_eq!(shapes, [(1, 32), (3, 16), (2, 16)]);
    }

    #[test]
    fn cores_share_what_is_left() {
        let windows: Vec<Window> = [3; 6].into_iter().map(window).collect();
        let (mut encoder, shapes) = encoder(2);

        encoder
            .encode(&windows.iter().collect::<Vec<_>>(), |_, _| {})
            .unwrap();

        let shapes: Vec<_> = shapes.try_iter().collect();
        assert_eq!(shapes, [(3, 16), (2, 16), (1, 16)]);
    }

    #[test]
    fn each_window_gets_its_own_vectors_in_batches_of_one_length() {
        let windows: Vec<Window> = [2, 19, 3, 18, 1, 2].into_iter().map(window).collect();
        let (mut encoder, shapes) = encoder(1);
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
        assert_eq!(
            shapes.try_iter().collect::<Vec<_>>(),
            [(1, 32), (1, 32), (3, 16), (1, 16)]
        );
        let usage = encoder.usage();
        assert_eq!(
            (usage.batches, usage.tokens, usage.padded_tokens),
            (4, 57, 128)
        );
    }
}
