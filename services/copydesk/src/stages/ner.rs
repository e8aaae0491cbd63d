//! The stage `ner`: clean title and text to entities.

use std::sync::{Arc, Mutex, PoisonError};

use copydesk_cleaner::OffsetMap;
use copydesk_encoder::Window;
use copydesk_ner::{Tagger, WindowTags};
use copydesk_proto::Entity;
use copydesk_worker::{Budget, Stage, StageError};
use rayon::prelude::*;

use super::Draft;
use super::metrics::Metrics;
use super::position::Positions;
use super::reader::Reader;
use super::reading::{Purpose, Reading};

/// Finds the entities of title and text.
pub(crate) struct Ner {
    pub(crate) reader: Arc<Mutex<Reader>>,
    pub(crate) tagger: Tagger,
    pub(crate) metrics: Arc<Metrics>,
}

impl Stage<Draft> for Ner {
    fn name(&self) -> &'static str {
        "ner"
    }

    fn process(&mut self, drafts: &mut [Draft], budget: &Budget) -> Result<(), StageError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let articles: Vec<_> = drafts.iter().map(Draft::article).collect();
        let readings = reader.read(&articles, Purpose::Entities(&self.tagger), budget)?;
        let model = reader.model();
        let write = |(draft, reading): (&mut Draft, &Reading)| {
            model.clone_into(&mut draft.provenance().model);
            draft.mean = reading.mean();
            self.write(draft, reading);
        };
        reader
            .threads()
            .run(|| drafts.par_iter_mut().zip(&readings).for_each(write));
        for draft in drafts {
            self.metrics.count_entities(&draft.article().entities);
        }
        Ok(())
    }
}

impl Ner {
    /// Writes the entities of both fields into the article.
    fn write(&self, draft: &mut Draft, reading: &Reading) {
        let article = draft.article();
        let title = Field {
            name: "title",
            text: &article.title,
            map: draft.title_map.as_ref(),
        };
        let text = Field {
            name: "text",
            text: &article.text,
            map: draft.text_map.as_ref(),
        };
        let mut entities = title.entities(&self.tagger, reading.title());
        entities.extend(text.entities(&self.tagger, reading.text()));
        draft.as_mut().entities = entities;
    }
}

/// A field of an article in which entities are found.
struct Field<'a> {
    name: &'static str,
    text: &'a str,
    map: Option<&'a OffsetMap>,
}

impl Field<'_> {
    fn entities<'w>(
        &self,
        tagger: &Tagger,
        windows: impl Iterator<Item = (&'w Window, &'w WindowTags)> + Clone,
    ) -> Vec<Entity> {
        let mut positions = Positions::new(self.text);
        let found = tagger.entities(self.text, windows).into_iter();
        found
            .map(|entity| self.entity(entity, &mut positions))
            .collect()
    }

    /// Puts an entity into the form that readers see; entities come in order.
    fn entity(&self, found: copydesk_ner::Entity, positions: &mut Positions<'_>) -> Entity {
        let start = positions.at(found.range.start);
        let end = positions.at(found.range.end);
        let raw = self.map.and_then(|map| map.raw_range(start.char..end.char));
        let text = self
            .text
            .get(found.range)
            .expect("entities lie on character boundaries");
        Entity {
            text: text.to_owned(),
            label: found.label.to_string(),
            field: self.name.to_owned(),
            start: narrow(start.char),
            end: narrow(end.char),
            start_byte: narrow(start.byte),
            end_byte: narrow(end.byte),
            start_utf16: narrow(start.utf16),
            end_utf16: narrow(end.utf16),
            raw_start: raw.as_ref().map(|raw| narrow(raw.start)),
            raw_end: raw.map(|raw| narrow(raw.end)),
            score: found.score,
            origin: found.origin.as_str().to_owned(),
            id: found.id,
            name: String::new(),
        }
    }
}

/// A position as records carry it.
fn narrow(position: usize) -> u32 {
    u32::try_from(position).expect("a record is far smaller than 4 GiB")
}
