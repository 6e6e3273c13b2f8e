//! What a zip archive says it holds, read from its directory at the end: enough to tell a document from a plain archive,
//! and to see that it was cut off. Entries are never unpacked.

/// Marks of the two records that are read.
const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const END_BYTES: usize = 22;
const ENTRY_BYTES: usize = 46;

/// What an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive {
    Docx,
    Xlsx,
    Pptx,
    Ofd,
    /// None of these.
    Plain,
    /// Its directory is longer than what was kept of it.
    Unseen,
}

/// What the archive with these last bytes is; `None` where its directory is missing or broken.
#[must_use]
pub fn read(tail: &[u8]) -> Option<Archive> {
    let end = end_of_directory(tail)?;
    let (count, length) = (number(tail, end + 10, 2)?, number(tail, end + 12, 4)?);
    // Zip64 says these elsewhere.
    if count == 0xffff || length == 0xffff_ffff {
        return Some(Archive::Unseen);
    }
    let Some(begin) = end.checked_sub(length) else { return Some(Archive::Unseen) };
    let names = names(tail.get(begin..end)?, count)?;
    Some(kind(&names))
}

/// Where the last record begins: its comment reaches to the very end.
fn end_of_directory(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(END_BYTES)?;
    (0..=last).rev().take(usize::from(u16::MAX) + 1).find(|at| {
        let marked = tail.get(*at..).is_some_and(|rest| rest.starts_with(END));
        marked && number(tail, at + 20, 2).is_some_and(|comment| at + END_BYTES + comment == tail.len())
    })
}

fn names(directory: &[u8], count: usize) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut at = 0;
    for _ in 0..count {
        if !directory.get(at..)?.starts_with(ENTRY) {
            return None;
        }
        let lengths = [28, 30, 32].map(|field| number(directory, at + field, 2));
        let [Some(name), Some(extra), Some(comment)] = lengths else { return None };
        let begin = at + ENTRY_BYTES;
        let bytes = directory.get(begin..begin + name)?;
        names.push(String::from_utf8_lossy(bytes).replace('\\', "/"));
        at = begin + name + extra + comment;
    }
    Some(names)
}

fn kind(names: &[String]) -> Archive {
    let holds = |name: &str| names.iter().any(|held| held == name);
    let below = |folder: &str| names.iter().any(|held| held.starts_with(folder));
    if holds("OFD.xml") {
        Archive::Ofd
    } else if !holds("[Content_Types].xml") {
        Archive::Plain
    } else if below("word/") {
        Archive::Docx
    } else if below("xl/") {
        Archive::Xlsx
    } else if below("ppt/") {
        Archive::Pptx
    } else {
        Archive::Plain
    }
}

/// A number of so many bytes, the lowest first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

#[cfg(test)]
pub(super) mod samples {
    //! Archives for tests: empty entries of these names.

    /// A zip with empty entries of these names.
    pub(in crate::files) fn zip(names: &[&str]) -> Vec<u8> {
        let mut body = Vec::new();
        let mut directory = Vec::new();
        for name in names {
            let length = u16::try_from(name.len()).unwrap().to_le_bytes();
            let offset = u32::try_from(body.len()).unwrap().to_le_bytes();
            body.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
            body.extend([0; 12]);
            body.extend(length);
            body.extend([0; 2]);
            body.extend(name.as_bytes());
            directory.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0");
            directory.extend([0; 12]);
            directory.extend(length);
            directory.extend([0; 12]);
            directory.extend(offset);
            directory.extend(name.as_bytes());
        }
        let (begin, length) = (body.len(), directory.len());
        let count = u16::try_from(names.len()).unwrap().to_le_bytes();
        body.extend(directory);
        body.extend(b"PK\x05\x06\0\0\0\0");
        body.extend(count);
        body.extend(count);
        body.extend(u32::try_from(length).unwrap().to_le_bytes());
        body.extend(u32::try_from(begin).unwrap().to_le_bytes());
        body.extend([0; 2]);
        body
    }
}

#[cfg(test)]
mod tests {
    use super::samples::zip;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_directory_tells_what_an_archive_is() {
        for (names, found) in [
            (&["[Content_Types].xml", "_rels/.rels", "word/document.xml"][..], Archive::Docx),
            (&["docProps/app.xml", "xl/workbook.xml", "[Content_Types].xml"], Archive::Xlsx),
            (&["[Content_Types].xml", "ppt/presentation.xml"], Archive::Pptx),
            (&["OFD.xml", "Doc_0/Document.xml"], Archive::Ofd),
            (&["照片/1.jpg", "word/document.xml"], Archive::Plain),
            (&[], Archive::Plain),
        ] {
            assert_eq!(read(&zip(names)), Some(found), "{names:?}");
        }
    }

    #[test]
    fn an_archive_that_was_cut_off_has_no_directory() {
        let whole = zip(&["[Content_Types].xml", "word/document.xml"]);
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
        let mut commented = whole.clone();
        let at = commented.len() - 2;
        commented[at] = 3;
        assert_eq!(read(&commented), None);
        commented.extend(b"abc");
        assert_eq!(read(&commented), Some(Archive::Docx));
    }

    #[test]
    fn a_directory_that_reaches_further_back_than_was_kept_is_not_guessed_at() {
        let names: Vec<String> = (0..100).map(|n| format!("photo-{n}.jpg")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let whole = zip(&names);
        assert_eq!(read(&whole[whole.len() - 1_000..]), Some(Archive::Unseen));
        assert_eq!(read(&whole), Some(Archive::Plain));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_stumble(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes);
            let _ = read(&[bytes.as_slice(), b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x40\0\0\0\0\0\0\0\0\0"].concat());
        }
    }
}
