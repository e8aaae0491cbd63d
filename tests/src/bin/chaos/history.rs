//! The history of a round: what was done and what was seen, JSON lines on disk.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use serde_json::{Value, json};

/// What happens most often.
pub(crate) const ACKNOWLEDGED: &str = "acknowledged";

/// The history of a round.
#[derive(Debug)]
pub(crate) struct History {
    path: PathBuf,
    start: Instant,
    file: Mutex<BufWriter<File>>,
}

impl History {
    /// Begins the history of the round with this seed.
    pub(crate) fn begin(folder: &Path, seed: u64, plant: &str) -> anyhow::Result<Self> {
        let path = folder.join(format!("seed-{seed}{plant}.jsonl"));
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file =
            File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let file = Mutex::new(BufWriter::new(file));
        let start = Instant::now();
        Ok(Self { path, start, file })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line.
    pub(crate) fn note(&self, what: &str, detail: Value) {
        let line = json!({
            "ms": u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX),
            "what": what,
            "detail": detail,
        });
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{line}").expect("there is room for the history");
        // So that it can be read while the round goes on.
        if what != ACKNOWLEDGED {
            file.flush().expect("there is room for the history");
        }
    }
}
