//! Articles to what the model finds in them: the model as the stages share it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use copydesk_encoder::{Encoder, Error, ModelFolder, Settings, Tokenizer, Window};
use copydesk_proto::Article;
use copydesk_worker::{Budget, StageError};
use ndarray::Array1;
use rayon::prelude::*;

use super::cache::{Cache, Finding, Key};
use super::metrics::Metrics;
use super::reading::{Part, Purpose, Reading};
use super::threads::Threads;

/// Windows that are encoded between two looks at the budget: seconds of work on a slow machine, and
/// enough that sorting them by length leaves little padding.
const WINDOWS_AT_ONCE: usize = 1024;

/// The model's tokenizer and encoder, and what they have read lately.
pub(crate) struct Reader {
    tokenizer: Tokenizer,
    encoder: Encoder,
    cache: Cache,
    pool_tokens: usize,
    model: String,
    threads: Threads,
    metrics: Arc<Metrics>,
}

impl Reader {
    /// Loads the encoder. What it finds is kept in `cache_bytes` of memory.
    pub(crate) fn load(
        folder: &ModelFolder,
        settings: &Settings,
        cache_bytes: usize,
        threads: Threads,
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
            cache: Cache::new(cache_bytes),
            pool_tokens,
            model: folder.version(),
            threads,
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

    /// The threads that share the articles of a batch.
    pub(crate) fn threads(&self) -> &Threads {
        &self.threads
    }

    /// Reads articles; a window that was read before is not read again.
    pub(crate) fn read(
        &mut self,
        articles: &[&Article],
        purpose: Purpose<'_>,
        budget: &Budget,
    ) -> Result<Vec<Reading>, StageError> {
        let mut readings = self.cut_all(articles, purpose, budget)?;
        let parts: Vec<&Part> = readings.iter().flat_map(Reading::parts).collect();
        let (mut found, unread) = self.look_up(&parts);
        for parts in unread.chunks(WINDOWS_AT_ONCE) {
            budget.check()?;
            self.encode(parts, purpose, &mut found).map_err(failure)?;
        }
        readings.iter_mut().for_each(|reading| reading.fill(&found));
        Ok(readings)
    }

    /// The mean of a text's leading token vectors, shape `[hidden]`; `None` where it has no word.
    pub(crate) fn mean(
        &mut self,
        text: String,
        purpose: Purpose<'_>,
    ) -> Result<Option<Array1<f32>>, Error> {
        let article = Article {
            text,
            ..Article::default()
        };
        let mut reading = cut(&article, &self.tokenizer, self.pool_tokens, purpose)?;
        let parts: Vec<&Part> = reading.parts().iter().collect();
        let mut found = HashMap::new();
        self.encode(&parts, purpose, &mut found)?;
        reading.fill(&found);
        Ok(reading.mean())
    }

    /// What is known of some parts, and those that are still to be read, each once.
    fn look_up<'p>(&self, parts: &[&'p Part]) -> (Findings, Vec<&'p Part>) {
        let (mut found, mut unread) = (Findings::new(), Vec::new());
        let mut seen = HashSet::new();
        for part in parts.iter().filter(|part| seen.insert(part.key)) {
            match self.cache.get(&part.key) {
                Some(finding) => {
                    found.insert(part.key, finding);
                }
                None => unread.push(*part),
            }
        }
        let tokens = |parts: &[&Part]| parts.iter().map(|part| part.window.tokens() as u64).sum();
        let known: u64 = tokens(parts);
        let known = known - tokens(&unread);
        self.metrics
            .count_lookups(parts.len() - unread.len(), unread.len(), known);
        (found, unread)
    }

    /// Reads parts with the model.
    fn encode(
        &mut self,
        parts: &[&Part],
        purpose: Purpose<'_>,
        found: &mut Findings,
    ) -> Result<(), Error> {
        let windows: Vec<&Window> = parts.iter().map(|part| &part.window).collect();
        let before = self.encoder.usage();
        let encoded = self.encoder.encode(&windows, |i, vectors| {
            let finding = Arc::new(purpose.find(parts[i], vectors));
            self.cache.insert(parts[i].key, Arc::clone(&finding));
            found.insert(parts[i].key, finding);
        });
        self.metrics.count_usage(before, self.encoder.usage());
        self.metrics.show_cache(self.cache.bytes());
        encoded
    }

    fn cut_all(
        &self,
        articles: &[&Article],
        purpose: Purpose<'_>,
        budget: &Budget,
    ) -> Result<Vec<Reading>, StageError> {
        let (tokenizer, pool_tokens) = (&self.tokenizer, self.pool_tokens);
        let cut = |article: &&Article| {
            budget.check()?;
            Ok(cut(article, tokenizer, pool_tokens, purpose)?)
        };
        self.threads.run(|| articles.par_iter().map(cut).collect())
    }
}

/// Cuts an article into its windows.
fn cut(
    article: &Article,
    tokenizer: &Tokenizer,
    pool_tokens: usize,
    purpose: Purpose<'_>,
) -> Result<Reading, Error> {
    let title = tokenizer.windows(&article.title)?;
    let text = tokenizer.windows(&article.text)?;
    Ok(Reading::new(title, text, pool_tokens, purpose))
}

/// What was found in the parts of a batch.
type Findings = HashMap<Key, Arc<Finding>>;

/// The failure of a stage that an encoder's error is.
fn failure(error: Error) -> StageError {
    match error.is_out_of_memory() {
        true => StageError::retriable(error),
        false => StageError::new(error),
    }
}
