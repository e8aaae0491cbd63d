//! Articles to token vectors: the model as the stages share it.

use std::sync::Arc;

use copydesk_classifier::Pool;
use copydesk_encoder::{Encoder, Error, ModelFolder, Settings, Tokenizer, Window};
use copydesk_proto::Article;
use copydesk_worker::{Budget, StageError};
use ndarray::{Array1, ArrayView2};

use super::metrics::Metrics;

/// Windows that are encoded between two looks at the budget: seconds of work on a slow machine, and
/// enough that sorting them by length leaves little padding.
const WINDOWS_AT_ONCE: usize = 1024;

/// The model's tokenizer and encoder.
pub(crate) struct Reader {
    tokenizer: Tokenizer,
    encoder: Encoder,
    pool_tokens: usize,
    model: String,
    metrics: Arc<Metrics>,
}

/// How much of each article is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Every window.
    Whole,
    /// The leading windows that enter the mean.
    Leading,
}

/// An article cut into windows.
pub(crate) struct Reading {
    /// Windows of the title, then those of the text.
    windows: Vec<Window>,
    /// How many of the windows are the title's.
    pub(crate) title_windows: usize,
    /// How many leading tokens of each window enter the mean.
    shares: Vec<usize>,
    /// The mean so far.
    pub(crate) pool: Pool,
}

impl Reader {
    /// Loads the encoder.
    pub(crate) fn load(
        folder: &ModelFolder,
        settings: &Settings,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Error> {
        let tokenizer = Tokenizer::load(folder)?;
        let encoder = Encoder::load(folder, settings)?;
        tracing::info!(
            model = folder.version(),
            engine = encoder.describe(),
            because = encoder.reason(),
            "model loaded"
        );
        let pool_tokens = folder.topic_head().pool_tokens;
        Ok(Self {
            tokenizer,
            encoder,
            pool_tokens,
            model: folder.version(),
            metrics,
        })
    }

    /// What runs the model.
    pub(crate) fn engine(&self) -> String {
        self.encoder.describe()
    }

    /// Name and version of the model.
    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    /// Reads articles: gives the token vectors of each window, shape `[tokens, hidden]`, to `each`,
    /// with the article's place in the batch and the window's place in the article, and returns
    /// the readings with their means filled in.
    pub(crate) fn read<'a>(
        &mut self,
        articles: impl Iterator<Item = &'a Article>,
        extent: Extent,
        budget: &Budget,
        mut each: impl FnMut(usize, usize, &Window, ArrayView2<'_, f32>),
    ) -> Result<Vec<Reading>, StageError> {
        let mut readings = Vec::new();
        for article in articles {
            budget.check()?;
            readings.push(self.cut(article, extent)?);
        }
        let mut pools: Vec<Pool> = readings.iter().map(|_| Pool::default()).collect();
        let places: Vec<(usize, usize)> = readings
            .iter()
            .enumerate()
            .flat_map(|(i, reading)| (0..reading.windows.len()).map(move |window| (i, window)))
            .collect();
        for places in places.chunks(WINDOWS_AT_ONCE) {
            budget.check()?;
            let windows: Vec<&Window> = places
                .iter()
                .map(|&(i, window)| &readings[i].windows[window])
                .collect();
            self.encode(&windows, |place, vectors| {
                let (i, window) = places[place];
                pools[i].add(windows[place], vectors, readings[i].shares[window]);
                each(i, window, windows[place], vectors);
            })
            .map_err(failure)?;
        }
        for (reading, pool) in readings.iter_mut().zip(pools) {
            reading.pool = pool;
        }
        Ok(readings)
    }

    /// The mean of a text's leading token vectors, shape `[hidden]`; `None` where it has no word.
    /// Gives the vectors of each window to `each`, too.
    pub(crate) fn mean(
        &mut self,
        text: String,
        mut each: impl FnMut(&Window, ArrayView2<'_, f32>),
    ) -> Result<Option<Array1<f32>>, Error> {
        let article = Article {
            text,
            ..Article::default()
        };
        let reading = self.cut(&article, Extent::Leading)?;
        let windows: Vec<&Window> = reading.windows.iter().collect();
        let mut pool = Pool::default();
        self.encode(&windows, |i, vectors| {
            pool.add(windows[i], vectors, reading.shares[i]);
            each(windows[i], vectors);
        })?;
        Ok(pool.mean())
    }

    fn encode(
        &mut self,
        windows: &[&Window],
        each: impl FnMut(usize, ArrayView2<'_, f32>),
    ) -> Result<(), Error> {
        let before = self.encoder.usage();
        let encoded = self.encoder.encode(windows, each);
        self.metrics.count_usage(before, self.encoder.usage());
        encoded
    }

    /// Cuts an article into its windows.
    fn cut(&self, article: &Article, extent: Extent) -> Result<Reading, Error> {
        let mut windows = self.tokenizer.windows(&article.title)?;
        let title_windows = windows.len();
        windows.extend(self.tokenizer.windows(&article.text)?);
        let mut shares: Vec<usize> = Pool::shares(windows.iter(), self.pool_tokens).collect();
        if extent == Extent::Leading {
            let leading = shares.iter().take_while(|&&share| share > 0).count();
            windows.truncate(leading);
            shares.truncate(leading);
        }
        Ok(Reading {
            windows,
            title_windows,
            shares,
            pool: Pool::default(),
        })
    }
}

/// The failure of a stage that an encoder's error is.
fn failure(error: Error) -> StageError {
    match error.is_out_of_memory() {
        true => StageError::retriable(error),
        false => StageError::new(error),
    }
}
