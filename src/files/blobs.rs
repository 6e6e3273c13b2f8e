//! The bytes of attachments: one file for each content, under its SHA-256, so that what is there can't change unseen.

use crate::domain::audit::hex;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The store of bytes can't take or give them.
#[derive(Debug, thiserror::Error)]
#[error("attachments: {0}")]
pub struct BlobFault(#[from] object_store::Error);

/// Bytes kept for recognising what kind of file it is.
const HEAD: usize = 8 * 1024;
/// Last bytes kept for the same: the directory of an archive stands there.
const TAIL: usize = 128 * 1024;
/// Parts on their way to the disk at once, of 5 MB each.
const PARTS_IN_FLIGHT: usize = 1;
/// Where uploads lie until they are whole.
const INCOMING: &str = "incoming";
/// An upload not whole by then was left behind by a crash.
const LEFT_BEHIND: Duration = Duration::from_hours(24);

#[derive(Clone)]
pub struct Blobs(Arc<dyn ObjectStore>);

/// A file on its way in.
pub struct Incoming {
    store: Arc<dyn ObjectStore>,
    key: Key,
    writer: WriteMultipart,
    hasher: Sha256,
    size: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
}

/// A file that is whole, and neither kept nor dropped.
pub struct Arrived {
    store: Arc<dyn ObjectStore>,
    key: Key,
    blob: Blob,
}

/// A file's bytes by what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Lower-case hexadecimal.
    pub sha256: String,
    pub size_bytes: u64,
}

impl Blobs {
    /// A local directory, made if it is missing; only its owner may look into it.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder.join(INCOMING))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        }
        clear(&folder.join(INCOMING));
        let store = LocalFileSystem::new_with_prefix(folder).map_err(io::Error::other)?.with_fsync(true);
        Ok(Self(Arc::new(store)))
    }

    /// Begins a file; `id` must be new.
    ///
    /// # Errors
    /// When nothing can be kept, because the disk is full say.
    pub async fn begin(&self, id: Uuid) -> Result<Incoming, BlobFault> {
        let key = Key::from_iter([INCOMING, &id.simple().to_string()]);
        let writer = WriteMultipart::new(self.0.put_multipart(&key).await?);
        Ok(Incoming {
            store: Arc::clone(&self.0),
            key,
            writer,
            hasher: Sha256::new(),
            size: 0,
            head: Vec::new(),
            tail: Vec::new(),
        })
    }

    /// The bytes of a file, in pieces.
    ///
    /// # Errors
    /// When they are not there, or can't be read.
    pub async fn read(&self, sha256: &str) -> Result<BoxStream<'static, Result<Bytes, BlobFault>>, BlobFault> {
        let found = self.0.get(&key(sha256)).await?;
        Ok(found.into_stream().map_err(BlobFault::from).boxed())
    }
}

impl Incoming {
    /// Takes the next piece.
    ///
    /// # Errors
    /// When it can't be kept.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), BlobFault> {
        self.writer.wait_for_capacity(PARTS_IN_FLIGHT).await?;
        let missing = HEAD.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend(piece.iter().take(missing));
        self.tail.extend_from_slice(piece.get(piece.len().saturating_sub(TAIL)..).unwrap_or_default());
        // Not with every piece: moving them has its price.
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
        self.hasher.update(piece);
        self.size += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.writer.write(piece);
        Ok(())
    }

    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size
    }

    /// The first bytes, for recognising the kind.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The last bytes, for the same.
    #[must_use]
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// The file is whole; it is on the disk when this returns, but not kept yet.
    ///
    /// # Errors
    /// When it can't be written.
    pub async fn close(self) -> Result<Arrived, BlobFault> {
        self.writer.finish().await?;
        let blob = Blob { sha256: hex(&self.hasher.finalize()), size_bytes: self.size };
        Ok(Arrived { store: self.store, key: self.key, blob })
    }

    /// Drops what has come so far.
    pub async fn abandon(self) {
        if let Err(fault) = self.writer.abort().await {
            tracing::warn!(%fault, "an unfinished upload stays behind");
        }
    }
}

impl Arrived {
    #[must_use]
    pub fn blob(&self) -> &Blob {
        &self.blob
    }

    /// Keeps it for good. The same content a second time is kept once.
    ///
    /// # Errors
    /// When it can't be kept.
    pub async fn keep(self) -> Result<Blob, BlobFault> {
        let target = key(&self.blob.sha256);
        match self.store.head(&target).await {
            Ok(_) => self.store.delete(&self.key).await?,
            Err(object_store::Error::NotFound { .. }) => self.store.rename(&self.key, &target).await?,
            Err(fault) => return Err(fault.into()),
        }
        Ok(self.blob)
    }

    /// Drops it.
    pub async fn abandon(self) {
        if let Err(fault) = self.store.delete(&self.key).await {
            tracing::warn!(%fault, "an unwanted upload stays behind");
        }
    }
}

/// `ab/abcdef…`: no directory grows too long.
fn key(sha256: &str) -> Key {
    Key::from_iter([sha256.get(..2).unwrap_or("__"), sha256])
}

fn clear(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > LEFT_BEHIND) && fs::remove_file(entry.path()).is_err() {
            tracing::warn!(path = %entry.path().display(), "an abandoned upload can't be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn put(blobs: &Blobs, id: u128, pieces: &[&[u8]]) -> Blob {
        let mut incoming = blobs.begin(Uuid::from_u128(id)).await.unwrap();
        for piece in pieces {
            incoming.write(piece).await.unwrap();
        }
        incoming.close().await.unwrap().keep().await.unwrap()
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            } else {
                found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
            }
        }
        found
    }

    #[tokio::test]
    async fn the_same_content_is_kept_once_under_its_hash_and_read_back() {
        let room = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(room.path()).unwrap();
        let big = vec![7_u8; 12 * 1024 * 1024];
        let one = put(&blobs, 1, &[&big, b"end"]).await;
        let two = put(&blobs, 2, &[&big, b"e", b"nd"]).await;
        assert_eq!((&one, one.size_bytes), (&two, 12 * 1024 * 1024 + 3));
        assert_eq!(files(room.path()), std::slice::from_ref(&one.sha256));
        let pieces: Vec<Bytes> = blobs.read(&one.sha256).await.unwrap().try_collect().await.unwrap();
        assert_eq!(pieces.concat(), [big.as_slice(), b"end"].concat());
    }

    #[tokio::test]
    async fn an_abandoned_upload_leaves_nothing_and_a_missing_one_is_told() {
        let room = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(room.path()).unwrap();
        let mut incoming = blobs.begin(Uuid::from_u128(1)).await.unwrap();
        incoming.write(b"half").await.unwrap();
        incoming.abandon().await;
        let mut incoming = blobs.begin(Uuid::from_u128(2)).await.unwrap();
        incoming.write(b"whole").await.unwrap();
        incoming.close().await.unwrap().abandon().await;
        assert!(files(room.path()).is_empty());
        assert!(blobs.read(&"0".repeat(64)).await.is_err());
    }
}
