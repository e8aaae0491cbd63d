//! The broker's disk: a small one of its own, that can be filled.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// Size of the disk: the topics of a round take a tenth of it.
pub(crate) const MIB: u32 = 512;

/// A disk that can be filled.
#[derive(Debug)]
pub(crate) struct Disk {
    ballast: PathBuf,
}

impl Disk {
    /// Whether this process may mount one.
    pub(crate) fn is_allowed() -> bool {
        let as_root = Command::new("unshare").args(["--mount", "true"]).status();
        as_root.is_ok_and(|status| status.success())
    }

    /// The disk on which this folder is.
    pub(crate) fn of(folder: PathBuf) -> Self {
        // Kafka asks of every folder in its own that it is a partition; a file is left alone.
        let ballast = folder.join("ballast");
        Self { ballast }
    }

    /// Leaves no room on it.
    pub(crate) fn fill(&self) {
        let block = vec![0; 1 << 20];
        let mut file = File::create(&self.ballast).expect("the disk is ours");
        while file.write_all(&block).is_ok() {}
    }

    /// Makes room again.
    pub(crate) fn free(&self) {
        // It is not there where the disk was not filled.
        fs::remove_file(&self.ballast).ok();
    }
}
