//! Zip archives for tests: empty entries of certain names.

/// A zip with empty entries of these names.
pub fn zip(names: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut directory = Vec::new();
    for name in names {
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let offset = u32::try_from(body.len()).unwrap().to_le_bytes();
        for (record, mark, more) in [(&mut body, b"PK\x03\x04".as_slice(), 22), (&mut directory, b"PK\x01\x02", 24)] {
            record.extend_from_slice(mark);
            record.extend(vec![0; more]);
            record.extend(length);
        }
        body.extend([0; 2]);
        directory.extend([0; 12]);
        directory.extend(offset);
        for record in [&mut body, &mut directory] {
            record.extend(name.as_bytes());
        }
    }
    let begin = u32::try_from(body.len()).unwrap().to_le_bytes();
    let length = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let count = u16::try_from(names.len()).unwrap().to_le_bytes();
    body.extend(directory);
    body.extend(b"PK\x05\x06\0\0\0\0");
    for part in [count.as_slice(), &count, &length, &begin, &[0; 2]] {
        body.extend(part);
    }
    body
}
