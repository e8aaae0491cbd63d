//! Finds the model folder, and sees when it has another model.

mod watch;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

pub(crate) use self::watch::{Finding, Watch};
use crate::config::{Model, Profile};
use crate::services::StageName;

/// What every model folder holds.
const MARK: &str = "heads.json";

/// The folder that the setting `model.path` names; when that is empty, the first that is there of
/// `models` beside the program, `../share/copydesk/models`, and the source tree's. Within it, the
/// one of `model.profile`. Nothing is looked for where no stage needs it.
pub(crate) fn find(setting: &Model, stages: &[StageName]) -> anyhow::Result<PathBuf> {
    if !stages.iter().any(StageName::needs_model) {
        return Ok(setting.path.clone());
    }
    let folder = if setting.path.as_os_str().is_empty() {
        shipped()?
    } else {
        named(&setting.path)?
    };
    match setting.profile {
        Profile::Accurate => Ok(folder),
        Profile::Fast => fast(&folder),
    }
}

fn shipped() -> anyhow::Result<PathBuf> {
    let places = places()?;
    match places.iter().find(|place| place.join(MARK).is_file()) {
        Some(place) => Ok(place.clone()),
        None => bail!(
            "there is no model in any of {}; set model.path to a model folder, or run `make train`",
            join(&places)
        ),
    }
}

fn fast(folder: &Path) -> anyhow::Result<PathBuf> {
    let fast = folder.join("fast");
    if !fast.join(MARK).is_file() {
        bail!(
            "model.profile = \"fast\", and {fast:?} is no model folder: it has no {MARK}; \
             put one there, or set model.profile to \"accurate\""
        );
    }
    Ok(fast)
}

fn named(folder: &Path) -> anyhow::Result<PathBuf> {
    if !folder.join(MARK).is_file() {
        bail!(
            "model.path = {folder:?} is no model folder: it has no {MARK}; \
             correct the setting, or leave it empty to use the model that comes with the program"
        );
    }
    Ok(folder.to_owned())
}

fn places() -> anyhow::Result<[PathBuf; 3]> {
    let program = std::env::current_exe().context("find the folder of this program")?;
    let beside = program.parent().unwrap_or(Path::new("."));
    Ok([
        beside.join("models"),
        beside.join("../share/copydesk/models"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../encoder/models"),
    ])
}

fn join(places: &[PathBuf]) -> String {
    let places: Vec<_> = places
        .iter()
        .map(|place| place.display().to_string())
        .collect();
    places.join(", ")
}
