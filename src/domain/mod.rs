//! Rules of the office, pure: no database, no network, no clock. `now` is always a parameter.

pub mod calendar;
pub mod deadline;
pub mod id;
pub mod instant;
pub mod refusal;
pub mod reminder;
pub mod vocabulary;
pub mod words;
