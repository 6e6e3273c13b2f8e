//! What kind a file is: its extension says, and its first bytes must agree.

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

/// Do the first bytes agree with the extension?
#[must_use]
pub fn fits(extension: &str, head: &[u8]) -> bool {
    let found = infer::get(head).map(|kind| kind.extension());
    match extension {
        // Nothing marks a text; no binary kind may call itself one.
        "txt" | "csv" => found.is_none() && !head.contains(&0),
        // Zip archives with certain contents; which ones doesn't always show at the beginning.
        "ofd" => found == Some("zip"),
        "docx" | "xlsx" | "pptx" | "odt" | "ods" => found.is_some_and(|found| found == extension || found == "zip"),
        "zip" => matches!(found, Some("zip" | "docx" | "xlsx" | "pptx" | "odt" | "ods" | "epub")),
        // One container for all of them.
        "doc" | "xls" | "ppt" | "wps" | "et" => head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]),
        "jpeg" => found == Some("jpg"),
        "tiff" => found == Some("tif"),
        known => found == Some(known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n";
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const JPG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0";
    const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\x08\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const EXE: &[u8] = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff";

    #[test]
    fn content_must_be_what_the_extension_says() {
        for (extension, head) in [("pdf", PDF), ("png", PNG), ("jpg", JPG), ("jpeg", JPG), ("ofd", ZIP), ("docx", ZIP)]
        {
            assert!(fits(extension, head), "{extension}");
            assert!(!fits(extension, EXE), "{extension}");
            assert!(!fits(extension, b"plain text"), "{extension}");
        }
        assert!(fits("txt", "整改报告".as_bytes()) && fits("csv", b"a,b\n1,2\n"));
        for head in [PDF, PNG, ZIP, EXE, b"<!DOCTYPE html><html>", b"a\0b"] {
            assert!(!fits("txt", head), "{head:?}");
        }
        assert!(!fits("exotic", b"anything"));
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
