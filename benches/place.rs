//! Where data lie: installations that were made once are kept in `target/bench/data`, and copied for whoever changes them.

use crate::Done;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// `target/bench`.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join("bench");
    fs::create_dir_all(&root).unwrap_or_else(|fault| panic!("{}: {fault}", root.display()));
    root
}

/// A folder that is removed with its content.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Done<Self> {
        let path = root().join("scratch").join(format!("{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// With a copy of all that lies in `from`.
    pub fn copy_of(from: &Path, name: &str) -> Done<Self> {
        let scratch = Self::new(name)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let copy = scratch.path().join(entry.file_name());
                fs::copy(entry.path(), &copy)?;
                // Else the first commit that is measured waits for the whole copy to reach the disk.
                File::open(copy)?.sync_all()?;
            }
        }
        Ok(scratch)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
