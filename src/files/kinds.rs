//! What kind a file is: its extension says, and its bytes must agree.

use crate::files::archive::{self, Archive};

/// The media type by which a file of this extension is sent; plain bytes for what isn't known.
#[must_use]
pub fn media_type(extension: &str) -> &'static str {
    match extension {
        "pdf" => "application/pdf",
        "ofd" => "application/ofd",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "tif" | "tiff" => "image/tiff",
        "doc" | "wps" => "application/msword",
        "xls" | "et" => "application/vnd.ms-excel",
        "ppt" => "application/vnd.ms-powerpoint",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "odt" => "application/vnd.oasis.opendocument.text",
        "ods" => "application/vnd.oasis.opendocument.spreadsheet",
        "txt" => "text/plain",
        "csv" => "text/csv",
        "zip" => "application/zip",
        "7z" => "application/x-7z-compressed",
        "rar" => "application/vnd.rar",
        "mp4" => "video/mp4",
        _ => "application/octet-stream",
    }
}

/// Lower case, without the dot; `None` for a name without one.
#[must_use]
pub fn extension(name: &str) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_lowercase())
}

/// Do the bytes agree with the extension? `head` and `tail`: as many from either end as `blobs` keeps.
#[must_use]
pub fn fits(extension: &str, head: &[u8], tail: &[u8]) -> bool {
    let found = infer::get(head).map(|kind| kind.extension());
    match extension {
        // Nothing marks a text; no binary kind may call itself one.
        "txt" | "csv" => found.is_none() && !head.contains(&0),
        "ofd" | "docx" | "xlsx" | "pptx" | "zip" => is_archive(extension, found, tail),
        "odt" | "ods" => found == Some(extension) && archive::read(tail).is_some(),
        // One container for all of them.
        "doc" | "xls" | "ppt" | "wps" | "et" => head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]),
        "jpeg" => found == Some("jpg"),
        "tiff" => found == Some("tif"),
        known => found == Some(known),
    }
}

/// Documents are archives with certain entries, and no plain ones; their directory says which, and is missing where a file
/// was cut off. `found`: what the first bytes say.
fn is_archive(extension: &str, found: Option<&str>, tail: &[u8]) -> bool {
    let is_zip = matches!(found, Some("zip" | "docx" | "xlsx" | "pptx" | "odt" | "ods" | "epub" | "jar" | "apk"));
    let named = match archive::read(tail) {
        Some(Archive::Docx) => "docx",
        Some(Archive::Xlsx) => "xlsx",
        Some(Archive::Pptx) => "pptx",
        Some(Archive::Ofd) => "ofd",
        Some(Archive::Plain) => "zip",
        // Thousands of entries: what the first ones say must do.
        Some(Archive::Unseen) => found.unwrap_or_default(),
        None => return false,
    };
    is_zip && named == extension
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::archive::samples::zip;

    const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n";
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const JPG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0";
    const EXE: &[u8] = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff";

    fn is(extension: &str, bytes: &[u8]) -> bool {
        fits(extension, bytes, bytes)
    }

    /// One of each kind that is a zip.
    fn archives() -> [(&'static str, Vec<u8>); 5] {
        let content = "[Content_Types].xml";
        [
            ("docx", zip(&[content, "_rels/.rels", "word/document.xml"])),
            ("xlsx", zip(&["xl/workbook.xml", content])),
            ("pptx", zip(&[content, "ppt/presentation.xml"])),
            ("ofd", zip(&["OFD.xml", "Doc_0/Document.xml"])),
            ("zip", zip(&["整改材料/照片.jpg", "说明.txt"])),
        ]
    }

    #[test]
    fn content_must_be_what_the_extension_says() {
        for (extension, bytes) in [("pdf", PDF), ("png", PNG), ("jpg", JPG), ("jpeg", JPG)] {
            assert!(is(extension, bytes), "{extension}");
            for wrong in [EXE, b"plain text", b"<!DOCTYPE html><script>alert(1)</script>"] {
                assert!(!is(extension, wrong), "{extension}");
            }
        }
        assert!(is("txt", "整改报告".as_bytes()) && is("csv", b"a,b\n1,2\n"));
        for head in [PDF, PNG, EXE, b"<!DOCTYPE html><html>", b"a\0b"] {
            assert!(!is("txt", head), "{head:?}");
        }
        assert!(!is("exotic", b"anything"));
    }

    #[test]
    fn no_archive_passes_for_another_and_none_that_was_cut_off_for_whole() {
        for (own, bytes) in archives() {
            for extension in ["docx", "xlsx", "pptx", "ofd", "zip", "txt", "pdf"] {
                assert_eq!(is(extension, &bytes), extension == own, "{own} as {extension}");
            }
            let cut = &bytes[..bytes.len() - 1];
            assert!(!is(own, cut), "{own} cut off");
        }
    }

    #[test]
    fn the_extension_is_what_stands_after_the_last_dot() {
        assert_eq!(extension("整改报告.PDF").as_deref(), Some("pdf"));
        assert_eq!(extension("a.pdf.exe").as_deref(), Some("exe"));
        for without in ["report", ".pdf", "report."] {
            assert_eq!(extension(without), None, "{without}");
        }
    }
}
