//! The record as one file that proves itself: a zip of lines of JSON (events, heads, checkpoints) and a manifest with the
//! SHA-256 of each. The same record makes the same bytes. For archives, and for auditors without a database.

use crate::domain::audit::checkpoint::{Checkpoint, Head};
use crate::domain::audit::proof::{Breach, Broken, CheckpointProof, Line, Proof};
use crate::domain::audit::{hex, unhex};
use crate::domain::id::EventId;
use crate::domain::instant::Instant;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

const FORMAT: &str = "rectify-record-1";
const MANIFEST: &str = "manifest.json";
/// The files, in their order.
const EVENTS: &str = "events.ndjson";
const HEADS: &str = "heads.ndjson";
const CHECKPOINTS: &str = "checkpoints.ndjson";
/// No line and no manifest is longer; a payload is far below.
const LINE_MAX: u64 = 64 * 1024 * 1024;

/// What is in a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: String,
    files: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    name: String,
    lines: i64,
    sha256: String,
}

/// What the proof of a package found.
#[derive(Debug)]
pub struct Checked {
    pub events: i64,
    pub checkpoints: Vec<Checkpoint>,
    pub first_broken: Option<Broken>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLine {
    stream: String,
    seq: i64,
    id: EventId,
    at: Instant,
    actor: String,
    actor_name: String,
    act: String,
    payload: Option<String>,
    salt: String,
    payload_digest: String,
    name_salt: Option<String>,
    name_digest: Option<String>,
    prev_hash: String,
    hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadLine {
    checkpoint: i64,
    stream: String,
    seq: i64,
    hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointLine {
    number: i64,
    at: Instant,
    heads: i64,
    prev_hash: String,
    hash: String,
}

/// A package that is being written: checkpoints, then heads, then events, each in the order of the record.
pub struct Writer {
    zip: ZipWriter<BufWriter<File>>,
    done: Vec<Part>,
    open: Option<(&'static str, Sha256, i64)>,
}

impl Writer {
    /// # Errors
    /// When the file can't be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut new = OpenOptions::new();
        new.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut new, 0o600);
        let zip = ZipWriter::new(BufWriter::new(new.open(path)?));
        Ok(Self { zip, done: Vec::new(), open: None })
    }

    pub fn checkpoint(&mut self, made: &Checkpoint) -> io::Result<()> {
        let line = CheckpointLine {
            number: made.number,
            at: made.at,
            heads: made.heads,
            prev_hash: hex(&made.prev_hash),
            hash: hex(&made.hash),
        };
        self.line(CHECKPOINTS, &line)
    }

    pub fn head(&mut self, head: &Head) -> io::Result<()> {
        let line =
            HeadLine { checkpoint: head.checkpoint, stream: head.stream.clone(), seq: head.seq, hash: hex(&head.hash) };
        self.line(HEADS, &line)
    }

    pub fn event(&mut self, event: &Line<'_>) -> io::Result<()> {
        let line = EventLine {
            stream: event.stream.to_owned(),
            seq: event.seq,
            id: event.id,
            at: event.at,
            actor: event.actor.to_owned(),
            actor_name: event.actor_name.to_owned(),
            act: event.act.to_owned(),
            payload: event.payload.map(str::to_owned),
            salt: hex(event.salt),
            payload_digest: hex(event.payload_digest),
            name_salt: event.name_salt.map(hex),
            name_digest: event.name_digest.map(hex),
            prev_hash: hex(event.prev_hash),
            hash: hex(event.hash),
        };
        self.line(EVENTS, &line)
    }

    /// Closes the package.
    pub fn finish(mut self) -> io::Result<Manifest> {
        for name in [CHECKPOINTS, HEADS, EVENTS] {
            // One without lines is there too.
            if self.open.as_ref().is_none_or(|(open, ..)| *open != name)
                && self.done.iter().all(|part| part.name != name)
            {
                self.begin(name)?;
            }
        }
        self.close();
        let manifest = Manifest { format: FORMAT.to_owned(), files: self.done };
        self.zip.start_file(MANIFEST, options())?;
        serde_json::to_writer_pretty(&mut self.zip, &manifest)?;
        self.zip.finish()?.flush()?;
        Ok(manifest)
    }

    fn line<T: Serialize>(&mut self, name: &'static str, line: &T) -> io::Result<()> {
        if self.open.as_ref().is_none_or(|(open, ..)| *open != name) {
            self.begin(name)?;
        }
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        if let Some((_, hasher, lines)) = &mut self.open {
            hasher.update(&bytes);
            *lines += 1;
        }
        self.zip.write_all(&bytes)
    }

    fn begin(&mut self, name: &'static str) -> io::Result<()> {
        self.close();
        self.zip.start_file(name, options())?;
        self.open = Some((name, Sha256::new(), 0));
        Ok(())
    }

    fn close(&mut self) {
        if let Some((name, hasher, lines)) = self.open.take() {
            self.done.push(Part { name: name.to_owned(), lines, sha256: hex(&hasher.finalize()) });
        }
    }
}

/// The same time in every package, so that the same record makes the same bytes.
fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .large_file(true)
}

/// Proves a package by itself.
///
/// # Errors
/// When it is no zip, or one without a manifest of ours.
pub fn verify(path: &Path) -> io::Result<Checked> {
    let manifest = manifest(path)?;
    let mut checked = Checked { events: 0, checkpoints: Vec::new(), first_broken: None };
    checked.first_broken = prove(path, &manifest, &mut checked)?.err();
    Ok(checked)
}

fn manifest(path: &Path) -> io::Result<Manifest> {
    let mut archive = open(path)?;
    let names = archive.file_names().map(|name| Ok(name?.into_owned()));
    let mut names = names.collect::<Result<Vec<String>, ZipError>>()?;
    names.sort();
    if names != [CHECKPOINTS, EVENTS, HEADS, MANIFEST] {
        return Err(io::Error::other(format!("it holds {}", names.join(", "))));
    }
    let file = archive.by_name(MANIFEST)?.take(LINE_MAX);
    let manifest: Manifest = serde_json::from_reader(file)?;
    if manifest.format != FORMAT {
        return Err(io::Error::other(format!("its format is {}", manifest.format)));
    }
    Ok(manifest)
}

fn open(path: &Path) -> io::Result<ZipArchive<BufReader<File>>> {
    Ok(ZipArchive::new(BufReader::new(File::open(path)?))?)
}

/// The links first, so that the first of them that is broken is named; then the files as a whole.
fn prove(path: &Path, manifest: &Manifest, checked: &mut Checked) -> io::Result<Result<(), Broken>> {
    let (mut one, mut other, mut third) = (open(path)?, open(path)?, open(path)?);
    let mut lines = Lines::new(one.by_name(CHECKPOINTS)?, CHECKPOINTS);
    let mut links = || -> Result<Vec<Part>, Broken> {
        while let Some(line) = lines.next::<CheckpointLine>()? {
            let found = read_checkpoint(&line);
            checked.checkpoints.push(found.ok_or_else(|| lines.unreadable())?);
        }
        let mut heads = Lines::new(other.by_name(HEADS).map_err(|_gone| broken_file(HEADS))?, HEADS);
        let mut sums = CheckpointProof::new(&checked.checkpoints)?;
        while let Some(head) = heads.head()? {
            sums.head(&head)?;
        }
        sums.end()?;
        let known = [lines.part(), heads.part()];
        drop(heads);
        let heads = Lines::new(other.by_name(HEADS).map_err(|_gone| broken_file(HEADS))?, HEADS);
        let mut events = Lines::new(third.by_name(EVENTS).map_err(|_gone| broken_file(EVENTS))?, EVENTS);
        let mut proof = Proof::default();
        let walked = walk(&mut proof, &mut events, heads);
        checked.events = proof.lines();
        walked?;
        if let Some((_, broken)) = proof.nameless().into_iter().next() {
            return Err(broken);
        }
        proof.compare(&checked.checkpoints)?;
        Ok(known.into_iter().chain([events.part()]).collect())
    };
    Ok(links().and_then(|parts| {
        let other = parts.iter().find(|part| !manifest.files.contains(part));
        let is_whole = manifest.files.len() == parts.len();
        other.map_or_else(
            || if is_whole { Ok(()) } else { Err(broken_file(MANIFEST)) },
            |part| Err(broken_file(&part.name)),
        )
    }))
}

fn walk<R: Read, S: Read>(proof: &mut Proof, events: &mut Lines<R>, mut heads: Lines<S>) -> Result<(), Broken> {
    let mut waiting = heads.head()?;
    while let Some(line) = events.next::<EventLine>()? {
        let key = (line.stream.clone(), line.seq);
        while let Some(head) = waiting.take_if(|head| (&head.stream, head.seq) < (&key.0, key.1)) {
            proof.head(head)?;
            waiting = heads.head()?;
        }
        take(proof, &line, events)?;
        while let Some(head) = waiting.take_if(|head| (&head.stream, head.seq) == (&key.0, key.1)) {
            proof.head(head)?;
            waiting = heads.head()?;
        }
    }
    while let Some(head) = waiting.take() {
        proof.head(head)?;
        waiting = heads.head()?;
    }
    proof.end()
}

fn take<R: Read>(proof: &mut Proof, line: &EventLine, events: &Lines<R>) -> Result<(), Broken> {
    let bytes = |text: &String| unhex(text).ok_or_else(|| events.unreadable());
    let optional = |text: &Option<String>| text.as_ref().map(bytes).transpose();
    let (salt, payload_digest) = (bytes(&line.salt)?, bytes(&line.payload_digest)?);
    let (name_salt, name_digest) = (optional(&line.name_salt)?, optional(&line.name_digest)?);
    let (prev_hash, hash) = (bytes(&line.prev_hash)?, bytes(&line.hash)?);
    proof.line(&Line {
        stream: &line.stream,
        seq: line.seq,
        id: line.id,
        at: line.at,
        actor: &line.actor,
        actor_name: &line.actor_name,
        act: &line.act,
        payload: line.payload.as_deref(),
        salt: &salt,
        payload_digest: &payload_digest,
        name_salt: name_salt.as_deref(),
        name_digest: name_digest.as_deref(),
        prev_hash: &prev_hash,
        hash: &hash,
    })
}

fn read_checkpoint(line: &CheckpointLine) -> Option<Checkpoint> {
    let (prev_hash, hash) = (unhex(&line.prev_hash)?, unhex(&line.hash)?);
    Some(Checkpoint { number: line.number, at: line.at, heads: line.heads, prev_hash, hash })
}

fn broken_file(name: &str) -> Broken {
    Broken { stream: name.to_owned(), seq: 0, reason: Breach::File }
}

/// A file of the package, line by line, with what its manifest should say of it.
struct Lines<R> {
    from: BufReader<R>,
    name: &'static str,
    hasher: Sha256,
    read: i64,
}

impl<R: Read> Lines<R> {
    fn new(from: R, name: &'static str) -> Self {
        Self { from: BufReader::new(from), name, hasher: Sha256::new(), read: 0 }
    }

    fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Broken> {
        let mut bytes = Vec::new();
        self.read += 1;
        let read = self.from.by_ref().take(LINE_MAX).read_until(b'\n', &mut bytes);
        if read.map_err(|_cut| self.unreadable())? == 0 {
            self.read -= 1;
            return Ok(None);
        }
        self.hasher.update(&bytes);
        serde_json::from_slice(&bytes).map(Some).map_err(|_shape| self.unreadable())
    }

    fn head(&mut self) -> Result<Option<Head>, Broken> {
        let Some(line) = self.next::<HeadLine>()? else { return Ok(None) };
        let hash = unhex(&line.hash).ok_or_else(|| self.unreadable())?;
        Ok(Some(Head { checkpoint: line.checkpoint, stream: line.stream, seq: line.seq, hash }))
    }

    fn unreadable(&self) -> Broken {
        Broken { stream: self.name.to_owned(), seq: self.read, reason: Breach::Unreadable }
    }

    fn part(&self) -> Part {
        Part { name: self.name.to_owned(), lines: self.read, sha256: hex(&self.hasher.clone().finalize()) }
    }
}
