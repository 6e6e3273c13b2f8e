//! Bytes in and out: uploads become checked rows, rows become files. No SQL, no HTTP; for actions, the doors and the CLI.

pub mod archive;
pub mod blobs;
pub mod calendar;
pub mod cells;
pub mod csv;
pub mod imports;
pub mod kinds;
pub mod package;
pub mod table;
