//! Sees that a model folder has another model.
//!
//! By looking, not by being told: a mounted volume changes by a link that leads elsewhere, and what
//! watches the files behind it hears nothing.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The file that tells one model from another: the checksums of all others.
const SUMS: &str = "SHA256SUMS";

/// What a folder had in it, and what has been done about that.
pub(crate) struct Watch {
    folder: PathBuf,
    /// Checksums of the model in use.
    used: String,
    /// What was loaded last, be it that it failed.
    tried: Look,
    /// What was seen last.
    seen: Look,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Nothing is new, or what is new still changes.
    Nothing,
    /// The model in use is there again.
    Used,
    /// There is a model that has not been tried.
    New,
}

/// What tells a content of the folder from another, without reading all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Look {
    sums: String,
    files: Vec<File>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    name: String,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Watch {
    /// A watch on a folder whose model is about to be loaded.
    pub(crate) fn new(folder: &Path) -> Self {
        let now = Look::at(folder);
        Self {
            folder: folder.to_owned(),
            used: now.sums.clone(),
            tried: now.clone(),
            seen: now,
        }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks at the folder. What is new is reported once, when a second look finds it unchanged.
    pub(crate) fn look(&mut self) -> Finding {
        self.judge(Look::at(&self.folder))
    }

    fn judge(&mut self, now: Look) -> Finding {
        let before = std::mem::replace(&mut self.seen, now);
        if self.seen != before || self.seen == self.tried {
            return Finding::Nothing;
        }
        self.tried = self.seen.clone();
        match self.tried.sums == self.used {
            true => Finding::Used,
            false => Finding::New,
        }
    }

    /// Takes what is there for tried, whatever it is.
    pub(crate) fn note_tried(&mut self) {
        self.tried = Look::at(&self.folder);
        self.seen = self.tried.clone();
    }

    /// Takes what was tried last for the model in use.
    pub(crate) fn note_used(&mut self) {
        self.used.clone_from(&self.tried.sums);
    }
}

impl Look {
    /// What cannot be read is not there: to load it will tell why.
    fn at(folder: &Path) -> Self {
        let sums = fs::read_to_string(folder.join(SUMS)).unwrap_or_default();
        let names = sums.lines().filter_map(|line| line.split_once("  "));
        let file = |(_, name): (&str, &str)| File::at(folder, name);
        let files = names.filter_map(file).collect();
        Self { sums, files }
    }
}

impl File {
    fn at(folder: &Path, name: &str) -> Option<Self> {
        let found = fs::metadata(folder.join(name)).ok()?;
        Some(Self {
            name: name.to_owned(),
            inode: found.ino(),
            bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(folder: &Path, heads: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("heads.json"), heads).unwrap();
        fs::write(folder.join(SUMS), format!("{heads}  heads.json\n")).unwrap();
    }

    /// Looks until nothing changes any more.
    fn settled(watch: &mut Watch) -> Finding {
        assert_eq!(watch.look(), Finding::Nothing);
        watch.look()
    }

    #[test]
    fn folder_that_stays_is_nothing_new() {
        let folder = tempfile::tempdir().unwrap();
        model(folder.path(), "one");
        let mut watch = Watch::new(folder.path());

        assert_eq!(settled(&mut watch), Finding::Nothing);
    }

    #[test]
    fn new_model_is_reported_once_and_not_before_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        model(folder.path(), "one");
        let mut watch = Watch::new(folder.path());

        fs::write(folder.path().join(SUMS), "two  heads.json\n").unwrap();
        let first = watch.look();
        fs::write(folder.path().join("heads.json"), "second").unwrap();
        let second = watch.look();

        assert_eq!((first, second), (Finding::Nothing, Finding::Nothing));
        assert_eq!(watch.look(), Finding::New);
        assert_eq!(watch.look(), Finding::Nothing);
    }

    #[test]
    fn model_behind_a_link_is_new_when_the_link_leads_elsewhere() {
        let root = tempfile::tempdir().unwrap();
        let [one, two, link, next] =
            ["one", "two", "link", "next"].map(|name| root.path().join(name));
        model(&one, "one");
        model(&two, "two");
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let mut watch = Watch::new(&link);

        std::os::unix::fs::symlink(&two, &next).unwrap();
        fs::rename(&next, &link).unwrap();

        assert_eq!(settled(&mut watch), Finding::New);
    }

    #[test]
    fn model_in_use_that_is_back_is_not_new() {
        let folder = tempfile::tempdir().unwrap();
        model(folder.path(), "one");
        let mut watch = Watch::new(folder.path());
        model(folder.path(), "broken");
        assert_eq!(settled(&mut watch), Finding::New);

        model(folder.path(), "one");

        assert_eq!(settled(&mut watch), Finding::Used);
        model(folder.path(), "two");
        assert_eq!(settled(&mut watch), Finding::New);
        watch.note_used();
        assert_eq!(settled(&mut watch), Finding::Nothing);
        model(folder.path(), "one");
        assert_eq!(settled(&mut watch), Finding::New);
    }

    #[test]
    fn folder_that_is_gone_is_new() {
        let folder = tempfile::tempdir().unwrap();
        model(folder.path(), "one");
        let mut watch = Watch::new(folder.path());

        fs::remove_file(folder.path().join(SUMS)).unwrap();

        assert_eq!(settled(&mut watch), Finding::New);
    }
}
