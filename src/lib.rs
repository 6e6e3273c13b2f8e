//! rectify (整改督办): tracks the rectification of inspection findings.
//!
//! Layers, outer to inner: `cli`, `api`, `web` (the doors) → `http`, `actions` (every change), `queries`
//! (every view) → `store` (SQL) → `domain` (the rules). `reminders` plans who is told what and when;
//! `mail` delivers it.
//!
//! A change: a door parses the body, `http::blocking` opens one transaction, the action asks `domain` to
//! decide, saves, records one event and queues its mails, and the door answers after the commit.
//! A reminder: `reminders::runner` ticks, `domain::reminder` says which steps are owed, the ledger row and
//! its message go in together, and `mail::courier` re-checks, renders once and sends.

pub mod actions;
pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod files;
pub mod http;
pub mod installation;
pub mod mail;
pub mod queries;
pub mod reminders;
pub mod sandbox;
pub mod store;
pub mod telemetry;
pub mod transaction;
pub mod web;
