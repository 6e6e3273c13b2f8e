//! Rules of the office, pure: no database, no network, no clock. `now` is always a parameter.

pub mod actor;
pub mod address;
pub mod audit;
pub mod calendar;
pub mod check;
pub mod deadline;
pub mod id;
pub mod instant;
pub mod office;
pub mod patch;
pub mod refusal;
pub mod reminder;
pub mod secret;
pub mod standing;
pub mod statistics;
pub mod ticket;
pub mod vocabulary;
pub mod words;
